//! From the unpacked package to the bytes of the pack. A test makes the pack anew with this very module.

pub mod search;
mod structures;
mod terminology;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

type Lines = BTreeMap<(String, String), Value>;

const DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";
const STRUCTURES: [&str; 4] =
    ["profiles-types.json", "profiles-resources.json", "profiles-others.json", "extension-definitions.json"];
const TERMINOLOGY: [&str; 3] = ["valuesets.json", "v3-codesystems.json", "v2-tables.json"];

/// The pack, gzipped.
pub fn pack(package: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let folder = package.join("dist/fhir/r4");
    let mut lines = Lines::new();
    let elements = structures::data_elements(&resources(&folder.join("dataelements.json"))?);
    for file in STRUCTURES {
        for resource in resources(&folder.join(file))? {
            match text(&resource, "resourceType") {
                "StructureDefinition" => structures::structure(&resource, &elements, &mut lines),
                "CompartmentDefinition" => search::compartment(&resource, &mut lines),
                _ => {}
            }
        }
    }
    search::search_parameters(&resources(&folder.join("search-parameters.json"))?, &elements, &mut lines);
    let mut terms = Vec::new();
    for file in TERMINOLOGY {
        terms.extend(resources(&folder.join(file))?);
    }
    terminology::terminology(&terms, &mut lines);
    lines.insert(("source".into(), "npm".into()), source(package)?);
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::best());
    for ((kind, name), value) in &lines {
        writeln!(encoder, "{kind}\t{name}\t{value}")?;
    }
    Ok(encoder.finish()?)
}

fn source(package: &Path) -> Result<Value, Box<dyn Error>> {
    let manifest: Value = serde_json::from_slice(&std::fs::read(package.join("package.json"))?)?;
    Ok(json!({
        "package": manifest["name"], "version": manifest["version"], "license": manifest["license"], "fhirVersion": "4.0.1",
    }))
}

fn resources(file: &Path) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut bundle: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let entries = match bundle["entry"].take() {
        Value::Array(entries) => entries,
        _ => return Err(format!("{} is not a Bundle", file.display()).into()),
    };
    Ok(entries.into_iter().map(|mut entry| entry["resource"].take()).collect())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn unversioned(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or(canonical)
}
