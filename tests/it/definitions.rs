//! What is served, and which profile applies, is data in `fhir-profiles/`.

use std::sync::Arc;

use kakehashi::definitions::built_in;
use kakehashi::profile::{Definitions, Settings, SourceFile};
use kakehashi::store::WriterSettings;
use serde_json::{Value, json};

use crate::app::{TestApp, location};

/// The built-in files, each as `change` leaves it.
fn changed(change: impl Fn(&mut SourceFile)) -> Vec<SourceFile> {
    let mut files = built_in();
    files.iter_mut().for_each(change);
    files
}

async fn app_with(files: &[SourceFile]) -> (TestApp, tempfile::TempDir) {
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    let definitions = Arc::new(Definitions::load(pack, files, Settings::default()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    (TestApp::with(&url, WriterSettings::default(), definitions).await, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_the_template_adds_is_served() {
    let files = changed(|file| {
        if file.path == "CapabilityStatement-template.json" {
            let mut template: Value = serde_json::from_str(&file.text).unwrap();
            let interactions = ["read", "create", "search-type"].map(|code| json!({"code": code}));
            let types = template["rest"][0]["resource"].as_array_mut().unwrap();
            types.push(json!({"type": "Basic", "interaction": interactions}));
            file.text = template.to_string();
        }
    });
    let basic = json!({"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": "b1"}]});
    let (app, _folder) = app_with(&files).await;
    let created = app.post("Basic", &basic).await.expect(201);
    assert_eq!(app.get("Basic?identifier=b1").await.expect(200)["entry"][0]["resource"], created);
    app.put(&format!("Basic/{}", created["id"].as_str().unwrap()), &created).await.expect_refusal(405);
    let (plain, _folder) = app_with(&built_in()).await;
    plain.post("Basic", &basic).await.expect_refusal(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_and_a_rule_that_a_region_adds_are_in_force() {
    let profile = json!({
        "resourceType": "StructureDefinition", "id": "named-place", "url": "https://example.org/named-place",
        "name": "NamedPlace", "status": "active", "fhirVersion": "4.0.1", "kind": "resource", "abstract": false,
        "type": "Location", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Location",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Location.description", "path": "Location.description", "min": 1}]}
    });
    let mut files = changed(|file| {
        if file.path == "profile-rules.toml" {
            file.text.push_str(
                "\n[[rule]]\ntype = \"Location\"\nwhen = \"alias.where($this = 'named').exists()\"\n\
                 profile = \"https://example.org/named-place\"\n",
            );
        }
    });
    files.push(SourceFile { path: "StructureDefinition/named-place.json".into(), text: profile.to_string() });
    let (app, _folder) = app_with(&files).await;
    app.put("Location/a", &location("a", "plain")).await.expect(201);
    let mut named = location("b", "北棟");
    named["alias"] = json!(["named"]);
    let refused = app.put("Location/b", &named).await.expect_refusal(422);
    assert!(refused["issue"][0]["diagnostics"].as_str().unwrap().contains("named-place"), "{refused}");
    named["description"] = json!("x");
    app.put("Location/b", &named).await.expect(201);
}

#[test]
fn a_broken_profile_is_refused_with_its_file() {
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    let files = changed(|file| {
        if file.path == "StructureDefinition/kh-bed.json" {
            file.text = file.text.replace("Location.partOf", "Location.noSuchElement");
        }
    });
    let problems = Definitions::load(pack, &files, Settings::default()).err().unwrap();
    assert!(problems.iter().any(|problem| problem.file.contains("kh-bed")), "{problems:?}");
}
