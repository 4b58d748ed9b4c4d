//! Sorts the files of `fhir-profiles/` by what they are.

use std::sync::Arc;

use serde_json::Value;

use crate::fhir::json::{Limits, parse};

use super::facts::Facts;
use super::terminology::Terminology;
use super::{ConformanceResource, LoadError, SourceFile};

/// The files by what they are.
pub struct Sources<'a> {
    resources: Vec<(String, Value)>,
    pub conformance: Vec<ConformanceResource>,
    pub rules: Option<(&'a str, &'a str)>,
    pub template: Option<(&'a str, &'a str)>,
}

impl<'a> Sources<'a> {
    pub fn read(files: &'a [SourceFile]) -> Result<Sources<'a>, Vec<LoadError>> {
        let mut sorted = Sources { resources: Vec::new(), conformance: Vec::new(), rules: None, template: None };
        let mut errors = Vec::new();
        for file in files {
            let folder = file.path.split('/').next().unwrap_or_default();
            match file.path.as_str() {
                "profile-rules.toml" => sorted.rules = Some((&file.path, &file.text)),
                "CapabilityStatement-template.json" => sorted.template = Some((&file.path, &file.text)),
                // The FHIR package's manifest, examples and the pack are no definitions.
                path if !path.ends_with(".json")
                    || !path.contains('/')
                    || matches!(folder, "examples" | "r4" | "packages") => {}
                _ => match read_resource(file) {
                    Ok((resource, served)) => {
                        sorted.resources.push((file.path.clone(), resource));
                        sorted.conformance.push(served);
                    }
                    Err(error) => errors.push(error),
                },
            }
        }
        sorted.resources.sort_by(|left, right| left.0.cmp(&right.0));
        if errors.is_empty() { Ok(sorted) } else { Err(errors) }
    }

    pub fn of_type(&self, resource_type: &str) -> Vec<(String, Value)> {
        let wanted = self.resources.iter().filter(|(_, resource)| resource["resourceType"] == resource_type);
        wanted.cloned().collect()
    }

    pub fn terminology(&self, facts: &Arc<Facts>) -> Terminology {
        let mut terminology = Terminology::new(Arc::clone(facts));
        for (_, resource) in &self.resources {
            match resource["resourceType"].as_str() {
                Some("CodeSystem") => terminology.add_code_system(resource),
                Some("ValueSet") => terminology.add_value_set(resource),
                Some("ConceptMap") => terminology.add_concept_map(resource),
                _ => {}
            }
        }
        terminology
    }
}

fn read_resource(file: &SourceFile) -> Result<(Value, ConformanceResource), LoadError> {
    let error = |reason: String| LoadError::new(&file.path, "", reason);
    // Our own parser first: it refuses duplicate keys and tells the line.
    let tree = parse(file.text.as_bytes(), Limits::default()).map_err(|problem| error(problem.to_string()))?;
    let resource: Value = serde_json::from_str(&file.text).map_err(|problem| error(problem.to_string()))?;
    let text = |key: &str| tree.get_str(key).map(str::to_owned);
    let resource_type = text("resourceType").ok_or_else(|| error("resourceType is missing".into()))?;
    let id = text("id").ok_or_else(|| error("id is missing".into()))?;
    let served = ConformanceResource { resource_type, id, url: text("url"), text: file.text.clone() };
    Ok((resource, served))
}
