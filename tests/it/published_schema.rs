//! The published JSON Schemas, run by a validator on plain JSON: what they take and refuse, and what they say they cannot
//! see. `tests/clients/schemas.mjs` runs them with another one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::{TestApp, definitions};
use crate::both;
use crate::program::{run, text};

both!(the_gateway_answers_schemas);

async fn the_gateway_answers_schemas(app: &TestApp) {
    let answer = app.get("StructureDefinition/kh-bed/$json-schema").await;
    assert_eq!(answer.header("content-type"), "application/schema+json");
    assert_eq!(answer.expect(200), schema(&format!("{OWN}kh-bed")));
    for accept in ["application/schema+json", "application/json", "*/*"] {
        let request = app.request("GET", "StructureDefinition/Location/$json-schema").header("accept", accept);
        assert_eq!(request.send().await.expect(200), schema("Location"), "{accept}");
    }
    let turtle = app.request("GET", "StructureDefinition/kh-bed/$json-schema").header("accept", "text/turtle");
    turtle.send().await.expect_refusal(406);
    app.get("StructureDefinition/nothing/$json-schema").await.expect_refusal(404);
    app.get("StructureDefinition/string/$json-schema").await.expect_refusal(404);
    app.get("Location/a/$json-schema").await.expect_refusal(404);
    let batch = json!({
        "resourceType": "Bundle", "type": "batch",
        "entry": [{"request": {"method": "GET", "url": "StructureDefinition/kh-bed/$json-schema"}}]
    });
    let held = app.post("", &batch).await.expect(200)["entry"][0]["resource"].clone();
    assert_eq!((&held["resourceType"], &held["contentType"]), (&json!("Binary"), &json!("application/schema+json")));
}

const OWN: &str = "https://kakehashi.example/fhir/StructureDefinition/";

fn schema(name: &str) -> Value {
    definitions().json_schema(name).unwrap_or_else(|| panic!("{name} has no schema"))
}

/// By the library as it comes: on `serde_json::Value`, without keywords or formats of ours.
fn compiled(schema: &Value) -> Validator {
    jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{}: {error}", schema["$id"]));
    jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("{}: {error}", schema["$id"]))
}

fn problems(validator: &Validator, content: &Value) -> Vec<String> {
    validator.iter_errors(content).map(|error| format!("{}: {}", error.instance_path(), error.masked())).collect()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles").join(name)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The schemas of all profiles on resources, by the profile's id.
fn profiles() -> BTreeMap<String, Validator> {
    let all = definitions();
    let is_own = |canonical: &str| canonical.starts_with(OWN);
    let own =
        all.profiles().into_iter().filter(|profile| is_own(profile.canonical) && profile.type_name != "Extension");
    let validators = own
        .map(|profile| (profile.canonical.strip_prefix(OWN).unwrap().to_owned(), compiled(&schema(profile.canonical))));
    validators.collect()
}

#[test]
fn valid_examples_are_valid() {
    let (profiles, mut shown) = (profiles(), 0);
    for entry in std::fs::read_dir(folder("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().split_once("--").unwrap().0.to_owned();
        let content = read(&path);
        let base = compiled(&schema(content["resourceType"].as_str().unwrap()));
        for validator in [profiles.get(&name), Some(&base)].into_iter().flatten() {
            let found = problems(validator, &content);
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            shown += 1;
        }
    }
    assert!(shown > 50, "{shown}");
}

#[derive(Deserialize)]
struct Cases {
    #[serde(rename = "case")]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    profile: String,
    element: String,
    rule: String,
}

/// Each invalid example is refused, or its rule is among those that the schema says it cannot see.
#[test]
fn invalid_examples_are_invalid_or_said_to_go_unseen() {
    use figment::Figment;
    use figment::providers::{Format, Toml};
    let cases: Cases = Figment::from(Toml::file(folder("examples/invalid/expected.toml"))).extract().unwrap();
    let profiles = profiles();
    let (mut refused, mut unseen, mut silent) = (0, 0, Vec::new());
    for Case { file, profile, element, rule } in cases.cases {
        let validator = &profiles[profile.strip_prefix(OWN).unwrap()];
        let content = read(&folder("examples/invalid").join(&file));
        if !validator.is_valid(&content) {
            refused += 1;
            continue;
        }
        let told = schema(&profile)["$comment"].as_str().unwrap().to_owned();
        let line = format!("{rule} at {element}");
        match told.lines().any(|told| told == line) {
            true => unseen += 1,
            false => silent.push(format!("{file}: {line}")),
        }
    }
    assert!(silent.is_empty(), "taken without a word:\n{}", silent.join("\n"));
    println!("{refused} refused, {unseen} said to go unseen");
    assert!(refused > 5 * unseen, "{refused} refused, {unseen} unseen");
}

type Change<'c> = &'c dyn Fn(&mut Value);

/// One change each to a valid bed: what the vocabulary can say is caught.
#[test]
fn what_the_vocabulary_can_say_is_caught() {
    let bed = read(&folder("examples/kh-bed--bed-3e-301-1.json"));
    let validator = compiled(&schema(&format!("{OWN}kh-bed")));
    let with = |change: Change| {
        let mut changed = bed.clone();
        change(&mut changed);
        validator.is_valid(&changed)
    };
    assert!(with(&|_| ()));
    let wrong: [(&str, Change); 14] = [
        ("another type", &|bed| bed["resourceType"] = json!("Patient")),
        ("an unknown member", &|bed| bed["nmae"] = json!("x")),
        ("a missing element", &|bed| drop(bed.as_object_mut().unwrap().remove("name"))),
        ("a kind of JSON", &|bed| bed["name"] = json!(1)),
        ("a format", &|bed| bed["meta"]["lastUpdated"] = json!("2026-11-22")),
        ("an empty array", &|bed| bed["alias"] = json!([])),
        ("a list for one", &|bed| bed["name"] = json!(["x"])),
        ("a code of base R4", &|bed| bed["status"] = json!("zzz")),
        ("a code of the region", &|bed| bed["operationalStatus"]["code"] = json!("zzz")),
        ("two forms of a choice", &|bed| bed["extension"][0]["valueString"] = json!("x")),
        ("a slice too often", &|bed| {
            let first = bed["identifier"][0].clone();
            bed["identifier"].as_array_mut().unwrap().push(first);
        }),
        ("a place without content", &|bed| bed["alias"] = json!(["x", null])),
        ("a sibling that is none", &|bed| bed["_name"] = json!("x")),
        ("a reference to another type", &|bed| bed["partOf"]["reference"] = json!("Patient/1")),
    ];
    for (what, change) in wrong {
        assert!(!with(change), "{what} goes unseen");
    }
    assert!(with(&|bed| bed["partOf"]["reference"] = json!("urn:uuid:c757873d-ec9a-4326-a141-556f43239520")));
    assert!(with(&|bed| {
        bed["alias"] = json!(["x", null]);
        bed["_alias"] = json!([null, {"extension": [{"url": "https://example.org/x", "valueBoolean": true}]}]);
    }));
}

#[test]
fn a_schema_stands_for_itself_and_is_small() {
    let bed = schema(&format!("{OWN}kh-bed"));
    let length = bed.to_string().len();
    println!("kh-bed: {length} bytes, {} definitions", bed["$defs"].as_object().unwrap().len());
    assert!(length < 64 << 10, "{length}");
    fn references<'v>(node: &'v Value, found: &mut Vec<&'v str>) {
        match node {
            Value::Object(members) => members.iter().for_each(|(key, value)| match value.as_str() {
                Some(target) if key == "$ref" => found.push(target),
                _ => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&bed, &mut found);
    assert!(found.iter().all(|target| bed.pointer(target.strip_prefix('#').unwrap()).is_some()), "{found:?}");
    for name in bed["$defs"].as_object().unwrap().keys() {
        assert!(found.contains(&format!("#/$defs/{name}").as_str()), "{name} is not used");
    }
}

/// Base types have schemas, too, and the official examples of R4 that the gateway takes are valid by them.
#[test]
fn base_types_take_what_the_gateway_takes() {
    let Some(examples) = crate::app::shared_data("hl7-r4-examples") else { return };
    let (mut schemas, mut taken) = (BTreeMap::new(), 0);
    for entry in walk(&examples) {
        let text = std::fs::read_to_string(&entry).unwrap();
        let Ok(content) = serde_json::from_str::<Value>(&text) else { continue };
        let Some(rtype) = content["resourceType"].as_str() else { continue };
        if kakehashi::exchange::check_text(&definitions(), text.as_bytes(), 64).iter().any(|issue| issue.is_error()) {
            continue;
        }
        let validator = schemas.entry(rtype.to_owned()).or_insert_with(|| compiled(&schema(rtype)));
        let found = problems(validator, &content);
        assert!(found.is_empty(), "{}: {found:?}", entry.display());
        taken += 1;
    }
    assert!(taken > 100, "{taken}");
}

/// Whatever the demo region has, each by the profile that the rules select.
#[test]
fn the_demo_region_is_valid() {
    use kakehashi::demo::{Plan, region};
    let (profiles, mut shown) = (profiles(), 0);
    for resource in region(&Plan::scaled(2, 60), chrono::Utc::now()) {
        for profile in definitions().selected_profiles(&resource) {
            let Some(validator) = profile.strip_prefix(OWN).and_then(|name| profiles.get(name)) else { continue };
            let found = problems(validator, &resource.to_serde());
            assert!(found.is_empty(), "{profile}: {found:?}");
            shown += 1;
        }
    }
    assert!(shown > 100, "{shown}");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

#[test]
fn the_command_prints_a_schema() {
    let full = run(&["profiles", "schema", &format!("{OWN}kh-bed")]);
    let short = run(&["profiles", "schema", "kh-bed"]);
    assert_eq!(full.stdout, short.stdout);
    let printed: Value = serde_json::from_slice(&full.stdout).unwrap();
    assert_eq!(printed, schema(&format!("{OWN}kh-bed")));
    assert_eq!(printed["$id"], format!("{OWN}kh-bed/$json-schema"));
    assert!(run(&["profiles", "schema", "Location"]).status.success());
    let none = run(&["profiles", "schema", "nothing"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("profiles list"), "{}", text(&none.stderr));
}
