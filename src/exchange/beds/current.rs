//! Locations as they are now: what the gateway derives is laid over the stored texts.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::exchange::Gateway;
use crate::fhir::json::to_compact;
use crate::region;
use crate::store::{self, Connection, Version};

impl Gateway {
    /// Lays what the boards say over these versions, as far as they are beds or wards. Answers whether the version at each
    /// place has content that its number does not stand for.
    pub(in crate::exchange) async fn lay_over(&self, versions: &mut [&mut Version]) -> Result<Vec<bool>> {
        if versions.iter().all(|version| may_be(version) == (false, false)) {
            return Ok(vec![false; versions.len()]);
        }
        self.lay_over_on(&mut self.database.reader().await?, versions).await
    }

    /// The same with the connection that is at hand: whoever holds one must not wait for another.
    pub(in crate::exchange) async fn lay_over_on(
        &self,
        connection: &mut Connection,
        versions: &mut [&mut Version],
    ) -> Result<Vec<bool>> {
        let (mut beds, mut wards) = (BTreeSet::new(), BTreeSet::new());
        for version in versions.iter() {
            let (is_bed, is_ward) = may_be(version);
            beds.extend(is_bed.then(|| version.key.id.to_string()));
            wards.extend(is_ward.then(|| version.key.id.to_string()));
        }
        if beds.is_empty() && wards.is_empty() {
            return Ok(vec![false; versions.len()]);
        }
        let boards = store::boards_of(connection, &beds, &wards).await?;
        let mut laid = Vec::with_capacity(versions.len());
        for version in versions {
            let board = boards.get(version.key.id.as_str()).filter(|_| may_be(version) != (false, false));
            let (Some(board), Some(body)) = (board, &version.body) else {
                laid.push(false);
                continue;
            };
            let tree = store::stored_tree(body)?;
            if let Some(now) = region::laid_over(&tree, board, self.now()) {
                version.body = Some(to_compact(&now));
            }
            // Even where nothing differs now: it may in a moment, under the same number.
            laid.push(true);
        }
        Ok(laid)
    }
}

/// Whether it may be a bed, and whether it may be a ward, at a look: the board knows.
fn may_be(version: &Version) -> (bool, bool) {
    match version.body.as_deref().filter(|_| version.key.rtype.as_str() == "Location") {
        // A code may be written with escapes.
        Some(body) if body.contains("\\u") => (true, true),
        Some(body) => (body.contains("\"bd\""), body.contains("\"wa\"")),
        None => (false, false),
    }
}
