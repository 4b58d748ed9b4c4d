//! Packages of others in `fhir-profiles/packages/`: IHE's mCSD as a region would drop it in, and small ones made here.

use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use kakehashi::definitions;
use kakehashi::exchange::{check_text, check_text_as};
use kakehashi::fhir::outcome::Issue;
use kakehashi::profile::{Definitions, LoadError, Settings, Validation};
use serde_json::{Value, json};

use crate::app::shared_data;

const MCSD: &str = "https://profiles.ihe.net/ITI/mCSD/StructureDefinition/IHE.mCSD.";

/// A package's bytes: paths with contents.
pub fn tgz(files: &[(String, String)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// The project's own definitions in a folder, with packages.
pub fn region(packages: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles"), folder.path());
    std::fs::create_dir_all(folder.path().join("packages")).unwrap();
    for (name, bytes) in packages {
        std::fs::write(folder.path().join("packages").join(name), bytes).unwrap();
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        match path.is_dir() {
            true if name == "examples" || name == "r4" => {}
            true => copy(&path, &to.join(name)),
            false => std::fs::copy(&path, to.join(name)).map(|_| ()).unwrap(),
        }
    }
}

fn load(folder: &tempfile::TempDir) -> Result<Definitions, Vec<LoadError>> {
    definitions::load(Some(folder.path()), Settings::default()).map(|(definitions, _)| definitions)
}

/// Paths or names with contents.
type Files = Vec<(String, String)>;

/// mCSD as its package would be, from the published files; and its examples.
fn mcsd() -> Option<(Vec<u8>, Files)> {
    let folder = shared_data("ihe-mcsd")?;
    let manifest = json!({
        "name": "ihe.iti.mcsd", "version": "4.0.1-current", "fhirVersions": ["4.0.1"],
        "dependencies": {"hl7.fhir.r4.core": "4.0.1", "ihe.iti.balp": "current"}
    });
    let mut files = vec![("package/package.json".to_owned(), manifest.to_string())];
    let mut examples = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let content: Value = serde_json::from_str(&text).unwrap();
        let is_definition = content.get("url").is_some();
        files.push((format!("package/{}{name}", if is_definition { "" } else { "example/" }), text.clone()));
        if !is_definition {
            examples.push((name, text));
        }
    }
    Some((tgz(&files), examples))
}

fn errors(issues: &[Issue]) -> Vec<String> {
    let errors = issues.iter().filter(|issue| issue.is_error());
    errors.map(|issue| format!("{}: {}", issue.expression.as_deref().unwrap_or("-"), issue.en)).collect()
}

/// The examples that HL7's validator refuses, and whether we do.
///
/// Its verdicts are those of `../shared/oracle/judge --profiles ../shared/data/ihe-mcsd --messages FILE…` (8.8.1) on every
/// example; it takes all others. All seven: their profiles' snapshots name target profiles of another vendor, which it
/// cannot resolve. Where the base is at hand or the target's profile is not, we do not ask for it; four break a slice, too.
const REFUSED: [(&str, bool); 7] = [
    ("AuditEvent-ex-AuditMcsdCareServicesCreate.json", false),
    ("AuditEvent-ex-AuditMcsdCareServicesDelete.json", false),
    ("AuditEvent-ex-AuditMcsdCareServicesProcess.json", true),
    ("AuditEvent-ex-AuditMcsdCareServicesQuery.json", true),
    ("AuditEvent-ex-AuditMcsdCareServicesRead.json", true),
    ("AuditEvent-ex-AuditMcsdCareServicesUpdate.json", true),
    ("AuditEvent-ex-AuditMcsdCareServicesUpdates.json", false),
];

#[test]
fn mcsd_examples_come_out_as_hl7s_validator_says() {
    let Some((package, examples)) = mcsd() else { return };
    let definitions = load(&region(&[("ihe.iti.mcsd.tgz", package)])).unwrap();
    assert!(examples.len() > 25);
    // Held to what they declare: some are wards, to which our region's own rules apply.
    let how = Validation { base_only: true, ..Validation::default() };
    for (name, text) in &examples {
        let issues = check_text_as(&definitions, text.as_bytes(), 64, &how);
        let found = errors(&issues);
        let refused = REFUSED.iter().any(|(refused, ours)| refused == name && *ours);
        assert_eq!(!found.is_empty(), refused, "{name}: {found:?}");
        let declared = serde_json::from_str::<Value>(text).unwrap()["meta"]["profile"][0].is_string();
        let unchecked = issues.iter().any(|issue| issue.en.contains("has not been checked"));
        assert!(!declared || !unchecked, "{name}: its profile is loaded");
    }
}

/// HL7's validator says the same of each of them (`judge --profiles ../shared/data/ihe-mcsd --profiles fhir-profiles`, a
/// manifest that names the profile).
#[test]
fn our_directory_examples_fit_mcsd() {
    let Some((package, _)) = mcsd() else { return };
    let definitions = load(&region(&[("ihe.iti.mcsd.tgz", package)])).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/examples");
    let fitting = [
        ("kh-facility", "FacilityLocation"),
        ("kh-ward", "Location"),
        ("kh-bed", "Location"),
        ("kh-organization", "Organization"),
        ("kh-acceptance-service", "HealthcareService"),
        ("kh-home-care-service", "HealthcareService"),
        ("kh-practitioner", "Practitioner"),
        ("kh-practitioner-role", "PractitionerRole"),
    ];
    let mut wrong = Vec::new();
    for (profile, mcsd) in fitting {
        let how = Validation { profiles: vec![format!("{MCSD}{mcsd}")], ..Validation::default() };
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{profile}--")) {
                continue;
            }
            count += 1;
            let found = errors(&check_text_as(&definitions, &std::fs::read(&path).unwrap(), 64, &how));
            if !found.is_empty() {
                wrong.push(format!("{} as {mcsd}: {found:?}", path.display()));
            }
        }
        assert!(count > 0, "{profile} has examples");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_package_lacks_is_told() {
    let Some((package, _)) = mcsd() else { return };
    let definitions = load(&region(&[("ihe.iti.mcsd.tgz", package)])).unwrap();
    let told: Vec<String> = definitions.warnings().iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|warning| warning.contains("ihe.iti.balp current is not in packages/")), "{told:?}");
    let mcsd = definitions.profiles().into_iter().filter(|profile| profile.file.starts_with("packages/"));
    let left_out: Vec<_> = mcsd.clone().filter_map(|profile| profile.left_out).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
    assert_eq!(mcsd.count(), 24);
}

/// A StructureDefinition on Location that demands one more element.
fn demanding(url: &str, version: &str, element: &str) -> Value {
    json!({
        "resourceType": "StructureDefinition", "id": "x", "url": url, "version": version, "name": "X",
        "status": "active", "kind": "resource", "abstract": false, "type": "Location",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Location", "derivation": "constraint",
        "differential": {"element": [{"id": format!("Location.{element}"), "path": format!("Location.{element}"), "min": 1}]}
    })
}

fn package(name: &str, fhir: &str, dependencies: Value, definitions: &[Value]) -> Vec<u8> {
    let manifest =
        json!({"name": name, "version": "1.0.0", "fhirVersions": [fhir], "dependencies": dependencies}).to_string();
    let mut files = vec![("package/package.json".to_owned(), manifest)];
    for (index, definition) in definitions.iter().enumerate() {
        files.push((format!("package/definition-{index}.json"), definition.to_string()));
    }
    tgz(&files)
}

/// The elements that a Location held to `profile` misses.
fn missing(definitions: &Definitions, profile: &str) -> Vec<String> {
    let content = json!({"resourceType": "Location", "meta": {"profile": [profile]}}).to_string();
    errors(&check_text(definitions, content.as_bytes(), 64))
}

const URL: &str = "https://example.org/StructureDefinition/x";

#[test]
fn of_several_versions_the_newest_is_in_force_and_each_can_be_asked_for() {
    let old = package("a.old", "4.0.1", json!({}), &[demanding(URL, "1.9.0", "alias")]);
    let based = json!({
        "resourceType": "StructureDefinition", "id": "y", "url": "https://example.org/StructureDefinition/y", "name": "Y",
        "status": "active", "kind": "resource", "abstract": false, "type": "Location",
        "baseDefinition": format!("{URL}|1.9.0"), "derivation": "constraint",
        "differential": {"element": [{"id": "Location.telecom", "path": "Location.telecom", "min": 1}]}
    });
    let new = package("b.new", "4.0.1", json!({"a.old": "1.0.0"}), &[demanding(URL, "1.10.0", "name"), based]);
    let definitions = load(&region(&[("a.tgz", old.clone()), ("b.tgz", new.clone())])).unwrap();
    assert_eq!(definitions.warnings(), []);
    let named = |profile: &str, element: &str| {
        let found = missing(&definitions, profile);
        assert!(found.len() == 1 && found[0].contains(element), "{profile}: {found:?}");
    };
    named(URL, "name");
    named(&format!("{URL}|1.10.0"), "name");
    named(&format!("{URL}|1.9.0"), "alias");
    named(&format!("{URL}|7"), "name");
    let both = missing(&definitions, "https://example.org/StructureDefinition/y");
    assert!(both.len() == 2 && both.iter().any(|error| error.contains("alias")), "{both:?}");

    // The region's own wins over both; the same version twice is told.
    let folder = region(&[("a.tgz", old.clone()), ("b.tgz", new), ("c.tgz", old)]);
    let own = demanding(URL, "0.1", "description").to_string();
    std::fs::write(folder.path().join("StructureDefinition/x.json"), own).unwrap();
    let definitions = load(&folder).unwrap();
    assert!(missing(&definitions, URL)[0].contains("description"));
    let told = definitions.warnings();
    assert!(
        told.len() == 1 && told[0].file.starts_with("packages/c.tgz") && told[0].reason.contains("a.tgz"),
        "{told:?}"
    );
}

#[test]
fn a_package_for_another_fhir_is_left_out() {
    let r5 = package("a.r5", "5.0.0", json!({}), &[demanding(URL, "1", "name")]);
    let definitions = load(&region(&[("a.tgz", r5)])).unwrap();
    assert!(definitions.warnings()[0].reason.contains("FHIR 5.0.0"), "{:?}", definitions.warnings());
    assert_eq!(missing(&definitions, URL), Vec::<String>::new());
}

#[test]
fn a_profile_that_cannot_be_compiled_is_left_out_and_said_to_be() {
    let mut broken = demanding(URL, "1", "name");
    broken["differential"]["element"][0]["path"] = json!("Location.nowhere");
    broken["differential"]["element"][0]["id"] = json!("Location.nowhere");
    let whole = demanding("https://example.org/StructureDefinition/whole", "1", "name");
    let folder = region(&[("a.tgz", package("a", "4.0.1", json!({}), &[broken, whole]))]);
    let definitions = load(&folder).unwrap();
    let told = definitions.warnings();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].file.as_str(), told[0].element.as_str()),
        ("packages/a.tgz/definition-0.json", "Location.nowhere")
    );
    assert_eq!(missing(&definitions, "https://example.org/StructureDefinition/whole").len(), 1, "the rest holds");
    let content = json!({"resourceType": "Location", "meta": {"profile": [URL]}}).to_string();
    let issues = check_text(&definitions, content.as_bytes(), 64);
    assert_eq!(errors(&issues), Vec::<String>::new());
    assert!(issues.iter().any(|issue| issue.is_warning() && issue.en.contains("Location.nowhere")), "{issues:?}");

    // The region's own that builds on it refuses the start.
    let mut own = demanding("https://example.org/StructureDefinition/own", "1", "name");
    own["baseDefinition"] = json!(URL);
    std::fs::write(folder.path().join("StructureDefinition/own.json"), own.to_string()).unwrap();
    let refused = load(&folder).err().unwrap();
    assert_eq!(refused[0].file, "StructureDefinition/own.json");
}

#[test]
fn a_file_that_is_no_package_refuses_the_start() {
    let refused = load(&region(&[("a.tgz", b"no gzip".to_vec())])).err().unwrap();
    assert_eq!(refused[0].file, "packages/a.tgz");
}

#[test]
fn a_packages_codes_and_names_of_search_are_taken_as_far_as_said() {
    let system = "https://example.org/CodeSystem/rooms";
    let codes = json!({
        "resourceType": "CodeSystem", "id": "c", "url": system, "content": "complete", "status": "active",
        "concept": [{"code": "single"}]
    });
    let set = json!({
        "resourceType": "ValueSet", "id": "v", "url": "https://example.org/ValueSet/rooms", "status": "active",
        "compose": {"include": [{"system": system}]}
    });
    let search = json!({
        "resourceType": "SearchParameter", "id": "s", "url": "https://example.org/SearchParameter/room", "name": "room",
        "status": "active", "code": "room", "base": ["Location"], "type": "token", "expression": "Location.type"
    });
    let mut bound = demanding(URL, "1", "type");
    bound["differential"]["element"][0]["binding"] =
        json!({"strength": "required", "valueSet": "https://example.org/ValueSet/rooms"});
    let folder = region(&[("a.tgz", package("a", "4.0.1", json!({}), &[codes, set, search, bound]))]);
    let definitions = load(&folder).unwrap();
    let held = |code: &str| {
        let kind = json!([{"coding": [{"system": system, "code": code}]}]);
        let content = json!({"resourceType": "Location", "meta": {"profile": [URL]}, "type": kind}).to_string();
        errors(&check_text(&definitions, content.as_bytes(), 64))
    };
    assert_eq!(held("single"), Vec::<String>::new());
    assert_eq!(held("double").len(), 1);
    assert!(!definitions.search_parameters("Location").iter().any(|parameter| parameter.code == "room"));
}
