//! Packages of others (`packages/*.tgz`): what their manifests ask for, and which of several definitions of one
//! canonical address is in force.

use std::cmp::{Ordering, Reverse};
use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use super::registry::R4_DEFINITIONS;
use super::terminology::without_version;
use super::{LoadError, SourceFile};

/// Packages whose content the pack of R4 facts stands for.
const AT_HAND: [&str; 3] = ["hl7.fhir.r4.core", "hl7.terminology", "hl7.fhir.uv.extensions"];

/// A definition as its file has it.
#[derive(Clone)]
pub struct Resource {
    pub path: String,
    pub value: Value,
}

/// `package.json`, as far as it says what the package needs.
#[derive(Deserialize)]
struct Manifest {
    name: Option<String>,
    #[serde(default)]
    dependencies: HashMap<String, String>,
    #[serde(default, rename = "fhirVersions", alias = "fhir-version-list")]
    fhir_versions: Vec<String>,
}

/// The package that a file belongs to: `packages/a.tgz` of `packages/a.tgz/b.json`.
pub fn package_of(path: &str) -> Option<&str> {
    let (name, _) = path.strip_prefix("packages/")?.split_once('/')?;
    name.ends_with(".tgz").then(|| &path[.."packages/".len() + name.len()])
}

/// The definitions of all packages, and what is to be said of them.
pub fn read(files: &[SourceFile], facts: &Facts) -> (Vec<Resource>, Vec<LoadError>) {
    let (mut resources, mut warnings) = (Vec::new(), Vec::new());
    let of_packages = || files.iter().filter_map(|file| Some((file, package_of(&file.path)?)));
    let left_out = check_manifests(of_packages(), &mut warnings);
    for (file, package) in of_packages().filter(|(file, _)| !file.path.ends_with("/package.json")) {
        if left_out.contains(package) {
            continue;
        }
        match serde_json::from_str(&file.text) {
            Ok(value) => resources.push(Resource { path: file.path.clone(), value }),
            Err(error) => warnings.push(LoadError::new(&file.path, "", error.to_string())),
        }
    }
    let urls: HashSet<String> = resources.iter().filter_map(|resource| url(&resource.value)).collect();
    let of_r4 = |base: &str| base.strip_prefix(R4_DEFINITIONS).is_some_and(|name| facts.contains("type", name));
    let at_hand = |base: &str| urls.contains(base) || of_r4(base) || facts.contains("profile", base);
    resources.iter_mut().for_each(|resource| slim(&mut resource.value, at_hand));
    (resources, warnings)
}

/// Tells of dependencies that are missing; answers the packages that are for another FHIR version.
fn check_manifests<'f>(
    files: impl Iterator<Item = (&'f SourceFile, &'f str)>,
    warnings: &mut Vec<LoadError>,
) -> HashSet<&'f str> {
    let mut manifests = Vec::new();
    for (file, package) in files.filter(|(file, _)| file.path.ends_with("/package.json")) {
        match serde_json::from_str::<Manifest>(&file.text) {
            Ok(manifest) => manifests.push((file, package, manifest)),
            Err(error) => warnings.push(LoadError::new(&file.path, "", error.to_string())),
        }
    }
    let names: HashSet<&str> = manifests.iter().filter_map(|(_, _, manifest)| manifest.name.as_deref()).collect();
    let mut left_out = HashSet::new();
    for (file, package, manifest) in &manifests {
        let versions = &manifest.fhir_versions;
        if !versions.is_empty() && !versions.iter().any(|version| version.starts_with("4.0")) {
            let reason = format!("the package is for FHIR {} and is left out", versions.join(", "));
            warnings.push(LoadError::new(&file.path, "fhirVersions", reason));
            left_out.insert(*package);
        }
        let mut needed: Vec<(&String, &String)> = manifest.dependencies.iter().collect();
        needed.sort();
        for (name, version) in needed {
            let known = AT_HAND.iter().any(|known| name.starts_with(known)) || names.contains(name.as_str());
            if !known {
                let reason = format!("{name} {version} is not in packages/; what builds on it may be left out");
                warnings.push(LoadError::new(&file.path, "dependencies", reason));
            }
        }
    }
    left_out
}

pub fn url(value: &Value) -> Option<String> {
    value["url"].as_str().map(str::to_owned)
}

/// Takes away prose and what can be derived. A profile whose base is not at hand is read from its snapshot, which holds
/// all that the base says.
fn slim(value: &mut Value, at_hand: impl Fn(&str) -> bool) {
    let base = value["baseDefinition"].as_str().map(|base| without_version(base).to_owned());
    let Some(definition) = value.as_object_mut() else { return };
    for key in ["text", "contact", "purpose", "copyright", "description", "mapping", "useContext", "jurisdiction"] {
        definition.remove(key);
    }
    let Some(base) = base else { return };
    let has = |part: &str| definition.get(part).is_some_and(|part| part["element"].is_array());
    if at_hand(&base) && has("differential") {
        definition.remove("snapshot");
    } else if has("snapshot") {
        definition.remove("differential");
    }
    for part in ["snapshot", "differential"] {
        let elements = definition.get_mut(part).and_then(|part| part["element"].as_array_mut());
        for element in elements.into_iter().flatten().filter_map(Value::as_object_mut) {
            for key in ["definition", "comment", "requirements", "alias", "mapping", "example", "base"] {
                element.remove(key);
            }
        }
    }
}

/// Puts the region's own definitions first, then those of packages, the newest version first and within one version in
/// the order of the packages' names: the first of an address is in force, others only where their version is asked for.
/// Tells of an address and version that several packages have; all but the first of them are dropped.
pub fn in_order_of_force(resources: &mut Vec<Resource>) -> Vec<LoadError> {
    let version = |resource: &Resource| resource.value["version"].as_str().unwrap_or_default().to_owned();
    resources.sort_by_cached_key(|resource| {
        let own = package_of(&resource.path).is_none();
        (!own, Reverse(Version(version(resource))), resource.path.clone())
    });
    let (mut first, mut warnings) = (HashMap::new(), Vec::new());
    resources.retain(|resource| {
        let Some(url) = url(&resource.value) else { return true };
        let key = (resource.value["resourceType"].to_string(), format!("{url}|{}", version(resource)));
        match first.get(&key) {
            None => {
                first.insert(key, resource.path.clone());
                true
            }
            Some(kept) => {
                if package_of(kept).is_some() {
                    let reason = format!("{} is in {kept}, too, which is the one in force", key.1);
                    warnings.push(LoadError::new(&resource.path, "url", reason));
                }
                package_of(&resource.path).is_none()
            }
        }
    });
    warnings
}

/// Business versions in the order that people mean: `1.9` before `1.10`, `2.0.0-ballot` before `2.0.0`.
#[derive(PartialEq, Eq)]
struct Version(String);

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |version: &'_ str| -> (Vec<u64>, bool, String) {
            let (numbers, label) = version.split_once('-').map_or((version, None), |(head, tail)| (head, Some(tail)));
            let numbers = numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect();
            (numbers, label.is_none(), label.unwrap_or_default().to_owned())
        };
        parts(&self.0).cmp(&parts(&other.0)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(path: &str, version: &str) -> Resource {
        Resource { path: path.to_owned(), value: json!({"resourceType": "ValueSet", "url": "u", "version": version}) }
    }

    #[test]
    fn own_definitions_come_first_and_then_the_newest() {
        let mut all = vec![
            resource("packages/b.tgz/x.json", "1.9.0"),
            resource("packages/a.tgz/x.json", "1.10.0-ballot"),
            resource("packages/c.tgz/x.json", "1.10.0"),
            resource("packages/d.tgz/x.json", "1.10.0"),
            resource("ValueSet/x.json", "0.1"),
        ];
        let warnings = in_order_of_force(&mut all);
        let paths: Vec<&str> = all.iter().map(|resource| resource.path.as_str()).collect();
        assert_eq!(
            paths,
            ["ValueSet/x.json", "packages/c.tgz/x.json", "packages/a.tgz/x.json", "packages/b.tgz/x.json"]
        );
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].file.contains("d.tgz") && warnings[0].reason.contains("c.tgz"), "{}", warnings[0]);
    }

    #[test]
    fn a_file_knows_its_package() {
        assert_eq!(package_of("packages/a.tgz/b.json"), Some("packages/a.tgz"));
        assert_eq!(package_of("packages/a/b.json"), None);
        assert_eq!(package_of("ValueSet/b.json"), None);
    }
}
