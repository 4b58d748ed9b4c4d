//! The conformance types: read and searched in memory, as their files in `fhir-profiles/` have them.

use crate::error::{Error, Result};
use crate::profile::ConformanceResource;

use super::Gateway;

/// What a search among the definitions knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionQuery {
    pub ids: Option<Vec<String>>,
    pub urls: Option<Vec<String>>,
}

/// Types without create that are the gateway's own to write: in the store like any other.
const OWN: [&str; 2] = ["AuditEvent", "MeasureReport"];

impl Gateway {
    /// Whether resources of the type are definitions, in memory, and not in the store.
    pub fn is_definition(&self, rtype: &str) -> bool {
        !self.is_stored(rtype) && !OWN.contains(&rtype)
    }

    /// The definition `rtype/id`.
    pub fn definition(&self, rtype: &str, id: &str) -> Result<&ConformanceResource> {
        let found = self.definitions.conformance_resources().iter();
        let mut found = found.filter(|resource| resource.resource_type == rtype && resource.id == id);
        found.next().ok_or_else(|| Error::not_found(&format!("{rtype}/…")))
    }

    /// The definitions of a type that match, in the order of their ids.
    pub fn definitions_matching(&self, rtype: &str, query: &DefinitionQuery) -> Vec<&ConformanceResource> {
        let among = |wanted: &Option<Vec<String>>, value: Option<&String>| match wanted {
            None => true,
            Some(wanted) => value.is_some_and(|value| wanted.contains(value)),
        };
        let all = self.definitions.conformance_resources().iter();
        let mut found: Vec<_> = all
            .filter(|resource| resource.resource_type == rtype)
            .filter(|resource| among(&query.ids, Some(&resource.id)) && among(&query.urls, resource.url.as_ref()))
            .collect();
        found.sort_by(|left, right| left.id.cmp(&right.id));
        found
    }
}
