//! How rows are made of resources: the search parameters of the definitions, and the region's projections.

use std::sync::Arc;

use crate::fhir::json::Json;
use crate::fhir::resource::same_content;
use crate::profile::Definitions;
use crate::region;
use crate::search::Parameters;
use crate::store::{BoardPolicy, Derive, Derived, MadeParameter, Manifest, Projection};

use super::definitions::is_definition;

/// Joins search and region for the writer.
pub struct Deriver {
    board_policy: Arc<BoardPolicy>,
    parameters: Arc<Parameters>,
    manifest: Arc<Manifest>,
}

/// Parameters that the store answers without rows.
const WITHOUT_ROWS: [&str; 2] = ["_id", "_lastUpdated"];

impl Deriver {
    pub fn new(definitions: &Definitions, parameters: &Arc<Parameters>, board_policy: Arc<BoardPolicy>) -> Deriver {
        let stored = parameters.all().filter(|(rtype, parameter)| {
            !is_definition(definitions, rtype) && !WITHOUT_ROWS.contains(&parameter.code.as_str())
        });
        let made = stored.map(|(rtype, parameter)| {
            let (code, digest) = (parameter.code.clone(), parameter.digest.clone());
            (parameter.id, MadeParameter { rtype: rtype.to_owned(), code, digest })
        });
        Deriver { board_policy, parameters: Arc::clone(parameters), manifest: Arc::new(Manifest::new(made)) }
    }
}

impl Derive for Deriver {
    fn derive(&self, rtype: &str, resource: &Json) -> Derived {
        Derived { projection: region::project(rtype, resource), ..self.parameters.derive(rtype, resource) }
    }

    fn project(&self, rtype: &str, resource: &Json) -> Projection {
        region::project(rtype, resource)
    }

    fn is_same(&self, rtype: &str, left: &Json, right: &Json) -> bool {
        if rtype == "Location" { region::is_same_location(left, right) } else { same_content(left, right) }
    }

    fn board_policy(&self) -> &BoardPolicy {
        &self.board_policy
    }

    fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }
}
