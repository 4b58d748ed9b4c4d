//! `kakehashi profiles`: the list, and the folder as a FHIR package.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use kakehashi::definitions;
use kakehashi::exchange::check_text;
use kakehashi::fhir::outcome::Issue;
use kakehashi::profile::Settings;
use serde_json::Value;

use crate::program::{run, text};

const PROFILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fhir-profiles");

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn pack(out: &Path) -> Vec<u8> {
    let done = run(&["profiles", "pack", "--profiles", PROFILES, "--out", &out.display().to_string()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    std::fs::read(out).unwrap()
}

/// Paths and contents.
fn unpacked(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mode().unwrap()), (0, 0, 0o644));
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    entries.collect()
}

#[test]
fn the_list_names_address_type_file_and_state() {
    let listed = run(&["profiles", "list", "--profiles", PROFILES]);
    let shown = text(&listed.stdout);
    let bed = shown.lines().find(|line| line.contains("/kh-bed\t")).unwrap();
    let columns: Vec<&str> = bed.split('\t').collect();
    let url = "https://kakehashi.example/fhir/StructureDefinition/kh-bed";
    assert_eq!(columns, [url, "Location", "StructureDefinition/kh-bed.json", "loaded"]);
    assert_eq!(shown.lines().count(), std::fs::read_dir(format!("{PROFILES}/StructureDefinition")).unwrap().count());
}

#[test]
fn the_folder_becomes_a_package_of_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = pack(&folder.path().join("1.tgz"));
    assert_eq!(first, pack(&folder.path().join("2.tgz")));
    let files = unpacked(&first);
    let manifest: Value = serde_json::from_str(&files["package/package.json"]).unwrap();
    let own = read(&Path::new(PROFILES).join("package.json"));
    assert_eq!((&manifest["name"], &manifest["version"]), (&own["name"], &own["version"]));
    assert_eq!(manifest["fhirVersions"][0], "4.0.1");
    // Everything in the index is there, and everything there is in the index.
    for (place, least) in [("package", 40), ("package/example", 20)] {
        let index: Value = serde_json::from_str(&files[&format!("{place}/.index.json")]).unwrap();
        let mut listed = BTreeSet::new();
        for entry in index["files"].as_array().unwrap() {
            let name = entry["filename"].as_str().unwrap();
            let content: Value = serde_json::from_str(&files[&format!("{place}/{name}")]).unwrap();
            for key in ["resourceType", "id", "url", "version", "kind", "type"] {
                let told = content.get(key).filter(|value| value.is_string());
                assert_eq!(entry.get(key), told, "{name}: {key}");
            }
            listed.insert(format!("{place}/{name}"));
        }
        let here = |path: &&String| path.rsplit_once('/').is_some_and(|(folder, _)| folder == place);
        let there: BTreeSet<String> = files.keys().filter(here).cloned().collect();
        let others = BTreeSet::from([format!("{place}/.index.json"), "package/package.json".to_owned()]);
        assert_eq!(listed, there.difference(&others).cloned().collect());
        assert!(listed.len() > least, "{place}: {}", listed.len());
    }
    assert!(
        !files
            .keys()
            .any(|path| path.contains("invalid") || path.contains("rules") || path.contains("Statement-template"))
    );
}

#[test]
fn the_package_loads_as_one_and_judges_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("packages")).unwrap();
    let bytes = pack(&folder.path().join("packages/own.tgz"));
    let load = |folder: &Path| definitions::load(Some(folder), Settings::default()).unwrap().0;
    let (packed, own) = (load(folder.path()), load(Path::new(PROFILES)));
    assert_eq!(packed.warnings(), []);
    let names = |definitions: &kakehashi::profile::Definitions| -> Vec<(String, String)> {
        let all = definitions.profiles().into_iter();
        all.map(|profile| (profile.canonical.to_owned(), profile.type_name.to_owned())).collect()
    };
    assert_eq!(names(&packed), names(&own));
    let examples: Vec<(String, String)> = unpacked(&bytes)
        .into_iter()
        .filter(|(path, _)| path.starts_with("package/example/") && !path.contains("/."))
        .collect();
    for (path, content) in &examples {
        let errors: Vec<Issue> =
            check_text(&packed, content.as_bytes(), 64).into_iter().filter(Issue::is_error).collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
    }
    // The definitions are those of the folder, byte for byte.
    let bed = std::fs::read_to_string(format!("{PROFILES}/StructureDefinition/kh-bed.json")).unwrap();
    assert_eq!(unpacked(&bytes)["package/StructureDefinition-kh-bed.json"], bed);
}

#[test]
fn a_package_is_named_after_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let done = crate::program::kakehashi(&["profiles", "pack", "--profiles", PROFILES])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let name = text(&done.stdout).trim().to_owned();
    assert!(name.ends_with(".tgz") && folder.path().join(&name).exists(), "{name}");
}

#[test]
fn a_folder_without_examples_is_packed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("package.json"), r#"{"name": "a.b", "version": "1.0.0"}"#).unwrap();
    let packed = definitions::pack(folder.path()).unwrap();
    assert_eq!(packed.file_name, "a.b-1.0.0.tgz");
    assert!(unpacked(&packed.bytes).contains_key("package/package.json"));
}
