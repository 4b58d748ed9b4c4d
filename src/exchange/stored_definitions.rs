//! Definitions of types that clients write, too (Measures): they come from `fhir-profiles/` like all others, but live in the
//! store, where they are found, versioned and referred to.

use crate::access::Caller;
use crate::error::Result;
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::store;

use super::definitions::is_definition;
use super::{Gateway, Standing};

impl Gateway {
    /// Puts those that are not there, or there in another version, into the store; answers how many were written.
    pub async fn store_definitions(&self, caller: &Caller) -> Result<usize> {
        let mut written = 0;
        for definition in self.definitions.conformance_resources() {
            let is_stored = !is_definition(&self.definitions, &definition.resource_type);
            let Some(id) = ResourceId::parse(&definition.id).filter(|_| is_stored) else { continue };
            let key = ResourceKey { rtype: ResourceType::known(&definition.resource_type), id };
            let own = self.parse(definition.text.as_bytes())?;
            let current = self.current(&key).await?.and_then(|version| version.body);
            let stored = current.map(|body| store::stored_tree(&body)).transpose()?;
            if stored.is_none_or(|stored| stored.get_str("version") != own.tree.get_str("version")) {
                self.update(caller, &key, definition.text.as_bytes(), Standing::default()).await?;
                written += 1;
            }
        }
        Ok(written)
    }
}
