//! What a bed was before the patient came, for messages that take an admission or a transfer back.

use crate::error::{Error, Result};
use crate::exchange::Gateway;
use crate::exchange::read::present;
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::region::BedStatus;
use crate::store::{self, Scope, Version, Window};

use super::BedName;

/// Versions that are read at a time, and at most: an admission that is taken back was not long ago.
const PAGE: i64 = 16;
const PAGES: usize = 16;

impl Gateway {
    /// The status that the bed had before it became occupied; unoccupied where that is not known. `None`: it is not
    /// occupied now. 404: no such bed.
    pub async fn status_before_occupied(&self, name: &BedName) -> Result<Option<BedStatus>> {
        let mut connection = self.database.reader().await?;
        let id = self.find_location(&mut connection, name).await?;
        let not_found = || Error::not_found(&format!("Location/{id}"));
        let key =
            ResourceKey { rtype: ResourceType::known("Location"), id: ResourceId::parse(&id).ok_or_else(not_found)? };
        let now = present(store::current(&mut connection, &key).await?, &key)?;
        if status_of(&now) != Some(BedStatus::Occupied) {
            return Ok(None);
        }
        let (scope, mut window) = (Scope::Instance(key), Window::default());
        for _ in 0..PAGES {
            let entries = store::history_page(&mut connection, &scope, &window, PAGE).await?;
            let statuses = entries.iter().filter_map(|entry| status_of(&entry.version));
            if let Some(before) = statuses.into_iter().find(|status| *status != BedStatus::Occupied) {
                return Ok(Some(before));
            }
            match entries.last() {
                Some(last) => window.before = Some(last.seq),
                None => break,
            }
        }
        Ok(Some(BedStatus::Unoccupied))
    }
}

fn status_of(version: &Version) -> Option<BedStatus> {
    let tree = store::stored_tree(version.body.as_deref()?).ok()?;
    BedStatus::from_code(tree.get("operationalStatus")?.get_str("code")?)
}
