//! Holds that run out: the bed is free again, and the task says so. ARCHITECTURE.md, "Beds".

use crate::access::Caller;
use crate::error::Result;
use crate::exchange::prepare::Content;
use crate::exchange::{Gateway, origin};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::json::{Json, to_compact};
use crate::fhir::outcome::CANONICAL;
use crate::store::{self, Action, Expect, Method, Step, Unit, UnitError};

/// Holds that are ended in one round.
const ROUND: i64 = 100;

impl Gateway {
    /// Ends the holds that have run out; answers how many. Several gateways may do it: each hold is ended once. An accepted
    /// task stays accepted, for people to settle, with `businessStatus` hold-expired.
    pub async fn lapse_holds(&self, caller: &Caller) -> Result<usize> {
        let (mut ended, mut last) = (0, Vec::new());
        loop {
            let mut connection = self.database.reader().await?;
            let lapsed = store::lapsed_holds(&mut connection, self.now().0, ROUND).await?;
            drop(connection);
            if lapsed.is_empty() || lapsed == last {
                return Ok(ended);
            }
            for id in &lapsed {
                let Some(id) = ResourceId::parse(id) else { continue };
                ended += usize::from(self.lapse(caller, ResourceKey { rtype: ResourceType::known("Task"), id }).await?);
            }
            last = lapsed;
        }
    }

    /// Whether this gateway ended it.
    async fn lapse(&self, caller: &Caller, key: ResourceKey) -> Result<bool> {
        let Some(current) = self.current(&key).await? else { return Ok(false) };
        let Some(body) = &current.body else { return Ok(false) };
        let mut tree = store::stored_tree(body)?;
        if tree.get_str("status") == Some("accepted") {
            set_expired(&mut tree);
        }
        let content = Content { text: to_compact(&tree), tree };
        let draft = self.draft(&content, &key.rtype, &key.id);
        // Written again, changed or not: the writer ends what has run out.
        let action = Action::Put { draft, method: Method::Put };
        let step = Step { key, expect: Expect::Unmoved(current.version), action };
        match self.apply(Unit { steps: vec![step], origin: origin(caller), ..Unit::default() }).await {
            Ok(_) => Ok(true),
            // Somebody else changed the task, or was faster: the next round sees what is left.
            Err(UnitError::Moved | UnitError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn set_expired(task: &mut Json) {
    let Some(members) = task.as_object_mut() else { return };
    let system = format!("{CANONICAL}/CodeSystem/status-reason");
    let coding = Json::from([("system", system.into()), ("code", "hold-expired".into())]);
    let status = Json::from([("coding", vec![coding].into()), ("text", "病床確保の期限切れ".into())]);
    members.insert("businessStatus", status);
}
