//! Sorts the files of `fhir-profiles/` by what they are.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use crate::fhir::json::{Limits, parse};

use super::facts::Facts;
use super::packages::{self, Resource, package_of};
use super::terminology::{self, Terminology};
use super::{ConformanceResource, LoadError, SourceFile};

/// The files by what they are.
pub struct Sources<'a> {
    /// In the order of [`packages::in_order_of_force`].
    resources: Vec<Resource>,
    pub conformance: Vec<ConformanceResource>,
    pub rules: Option<(&'a str, &'a str)>,
    pub template: Option<(&'a str, &'a str)>,
    /// What does not keep the gateway from starting: problems of packages.
    pub warnings: Vec<LoadError>,
}

impl<'a> Sources<'a> {
    pub fn read(files: &'a [SourceFile], facts: &Facts) -> Result<Sources<'a>, Vec<LoadError>> {
        let (resources, warnings) = packages::read(files, facts);
        let mut sorted = Sources { resources, conformance: Vec::new(), rules: None, template: None, warnings };
        let mut errors = Vec::new();
        for file in files {
            let folder = file.path.split('/').next().unwrap_or_default();
            match file.path.as_str() {
                "profile-rules.toml" => sorted.rules = Some((&file.path, &file.text)),
                "CapabilityStatement-template.json" => sorted.template = Some((&file.path, &file.text)),
                // The FHIR package's manifest, examples and the pack are no definitions; packages are read above.
                path if !path.ends_with(".json")
                    || !path.contains('/')
                    || matches!(folder, "examples" | "r4" | "packages") => {}
                _ => match read_resource(file) {
                    Ok((value, served)) => {
                        sorted.resources.push(Resource { path: file.path.clone(), value });
                        sorted.conformance.push(served);
                    }
                    Err(error) => errors.push(error),
                },
            }
        }
        sorted.warnings.extend(packages::in_order_of_force(&mut sorted.resources));
        if errors.is_empty() { Ok(sorted) } else { Err(errors) }
    }

    /// Gives away the resources of a type with their files, those in force first.
    pub fn take(&mut self, resource_type: &str) -> Vec<(String, Value)> {
        let is_wanted = |resource: &mut Resource| resource.value["resourceType"] == resource_type;
        self.resources.extract_if(.., is_wanted).map(|resource| (resource.path, resource.value)).collect()
    }

    /// The region's own of a type. A package's search parameters are not: what is indexed is the region's choice.
    pub fn own(&mut self, resource_type: &str) -> Vec<(String, Value)> {
        self.take(resource_type).into_iter().filter(|(path, _)| package_of(path).is_none()).collect()
    }

    /// Faults in the region's code systems, value sets and concept maps.
    pub fn terminology_problems(&self) -> Vec<LoadError> {
        let own = self.resources.iter().filter(|resource| package_of(&resource.path).is_none());
        own.flat_map(|resource| terminology::problems(&resource.path, &resource.value)).collect()
    }

    /// Code systems, value sets and concept maps; of several with one address, the one in force.
    pub fn terminology(&self, facts: &Arc<Facts>) -> Terminology {
        let mut terminology = Terminology::new(Arc::clone(facts));
        let mut seen = HashSet::new();
        for Resource { value, .. } in &self.resources {
            let resource_type = value["resourceType"].as_str().unwrap_or_default();
            if !seen.insert((resource_type, value["url"].as_str())) {
                continue;
            }
            match resource_type {
                "CodeSystem" => terminology.add_code_system(value),
                "ValueSet" => terminology.add_value_set(value),
                "ConceptMap" => terminology.add_concept_map(value),
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
