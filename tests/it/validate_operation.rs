//! `$validate` over HTTP. R4 `resource-operation-validate.html`.

use serde_json::{Value, json};

use crate::app::{TestApp, definitions, location};
use crate::both;
use crate::builders::{minimal, types_with, with_id};
use kakehashi::profile::Interaction;

both!(
    what_is_valid_is_said_to_be_so_at_every_level,
    what_is_wrong_is_told_with_200_and_nothing_is_written,
    json_that_breaks_the_rules_is_told_and_what_is_no_json_is_400,
    findings_have_lines_of_what_was_sent,
    every_type_of_r4_can_be_validated,
    the_verdict_is_that_of_the_write,
    mode_create_and_update_tell_what_the_url_would_refuse,
    mode_delete_tells_who_still_refers,
    a_stored_resource_is_validated_where_none_is_sent,
    a_profile_can_be_named,
    the_base_definition_leaves_the_regions_rules_aside,
    must_support_is_told_on_request,
    best_practices_are_told_on_request,
    inputs_stand_in_the_url_or_in_parameters,
);

/// The findings of a 200, and whether any is an error.
#[track_caller]
fn verdict(outcome: &Value) -> bool {
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let issues = outcome["issue"].as_array().unwrap();
    assert!(!issues.is_empty());
    let severities: Vec<&str> = issues.iter().map(|issue| issue["severity"].as_str().unwrap()).collect();
    let is_bad = |severity: &&str| matches!(*severity, "error" | "fatal");
    let bad = severities.iter().take_while(|severity| is_bad(severity)).count();
    assert!(!severities[bad..].iter().any(is_bad), "errors come first: {severities:?}");
    bad == 0
}

fn parameters(list: Value) -> Value {
    json!({"resourceType": "Parameters", "parameter": list})
}

/// A bed as the examples have it.
fn bed() -> Value {
    let folder = std::fs::read_dir("fhir-profiles/examples").unwrap();
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_bed = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("kh-bed--");
    let path = paths.into_iter().find(is_bed).unwrap();
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A bed that R4 allows and kh-bed does not.
fn bed_against_its_rule() -> Value {
    let mut bed = bed();
    bed.as_object_mut().unwrap().remove("partOf");
    bed["meta"].as_object_mut().map(|meta| meta.remove("profile"));
    if bed["meta"].as_object().is_some_and(serde_json::Map::is_empty) {
        bed.as_object_mut().unwrap().remove("meta");
    }
    bed
}

async fn what_is_valid_is_said_to_be_so_at_every_level(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let plain = location("a", "北棟");
    for path in ["$validate", "Location/$validate", "Location/a/$validate"] {
        let outcome = app.post(path, &plain).await.expect(200);
        assert_eq!(outcome["issue"].as_array().unwrap().len(), 1, "{outcome}");
        assert_eq!(outcome["issue"][0]["severity"], "information", "{path}: {outcome}");
        assert_eq!(outcome["issue"][0]["code"], "informational");
    }
    // A warning alone is no error.
    let mut unknown = plain.clone();
    unknown["meta"] = json!({"profile": ["https://example.org/unknown"]});
    let outcome = app.post("$validate", &unknown).await.expect(200);
    assert!(verdict(&outcome));
    assert_eq!(outcome["issue"][0]["severity"], "warning", "{outcome}");
}

async fn what_is_wrong_is_told_with_200_and_nothing_is_written(app: &TestApp) {
    let wrong =
        json!({"resourceType": "Location", "id": "a", "status": "nowhere", "mode": "instance", "colour": "red"});
    for path in ["$validate", "Location/$validate"] {
        let outcome = app.post(path, &wrong).await.expect(200);
        assert!(!verdict(&outcome));
        let places: Vec<&str> =
            outcome["issue"].as_array().unwrap().iter().filter_map(|issue| issue["expression"][0].as_str()).collect();
        assert!(places.contains(&"Location.status") && places.contains(&"Location.colour"), "{places:?}");
    }
    app.get("Location/a").await.expect_refusal(404);
    for nothing in [json!({}), json!([]), json!("x"), json!({"resourceType": 1}), json!({"resourceType": "Nothing"})] {
        let answer = app.post("$validate", &nothing).await;
        assert!(!verdict(&answer.expect(200)), "{nothing}");
    }
    // The type is the URL's.
    let outcome = app.post("Patient/$validate", &location("a", "北棟")).await.expect(200);
    assert!(!verdict(&outcome));
}

async fn json_that_breaks_the_rules_is_told_and_what_is_no_json_is_400(app: &TestApp) {
    for (text, place) in [
        (r#"{"resourceType":"Location","name":""}"#, "Location.name"),
        (r#"{"resourceType":"Location","alias":[]}"#, "Location.alias"),
        (r#"{"resourceType":"Location","name":"a","name":"b"}"#, "name"),
    ] {
        let outcome = app.request("POST", "Location/$validate").text(text).send().await.expect(200);
        assert!(!verdict(&outcome));
        let told = outcome["issue"][0]["expression"][0].as_str().unwrap();
        assert!(told.ends_with(place), "{told}");
        let wrapped =
            format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"resource","resource":{text}}}]}}"#);
        assert!(!verdict(&app.request("POST", "$validate").text(&wrapped).send().await.expect(200)));
    }
    for text in ["", "{", "Location", r#"{"resourceType":"Location",}"#] {
        app.request("POST", "Location/$validate").text(text).send().await.expect_refusal(400);
    }
    app.request("POST", "Location/$validate").send().await.expect_refusal(400);
}

async fn findings_have_lines_of_what_was_sent(app: &TestApp) {
    let line = |outcome: &Value| {
        let extensions = outcome["issue"][0]["extension"].as_array().unwrap().clone();
        let is_line = |extension: &&Value| extension["url"].as_str().unwrap().ends_with("issue-line");
        extensions.iter().find(is_line).map(|extension| extension["valueInteger"].clone()).unwrap()
    };
    let bare = "{\"resourceType\": \"Location\",\n\"colour\": \"red\"}";
    let outcome = app.request("POST", "$validate").text(bare).send().await.expect(200);
    assert_eq!(line(&outcome), 2, "{outcome}");
    let wrapped = format!(
        "{{\"resourceType\": \"Parameters\",\n\"parameter\": [{{\"name\": \"resource\", \"resource\":\n{bare}}}]}}"
    );
    let outcome = app.request("POST", "$validate").text(&wrapped).send().await.expect(200);
    assert_eq!(line(&outcome), 4, "{outcome}");
    assert_eq!(outcome["issue"][0]["expression"][0], "Location.colour");
}

async fn every_type_of_r4_can_be_validated(app: &TestApp) {
    let mut types = types_with(Interaction::Read);
    // Not served, with elements that none of those has.
    types.extend(["Observation", "MedicationRequest", "Questionnaire", "Parameters", "Basic"].map(str::to_owned));
    for rtype in types {
        assert!(definitions().is_known_type(&rtype));
        let wrong = json!({"resourceType": rtype, "colour": "red"});
        let outcome = app.post(&format!("{rtype}/$validate"), &wrong).await.expect(200);
        assert!(!verdict(&outcome), "{rtype}");
        let wrapped = parameters(json!([{"name": "resource", "resource": wrong}]));
        assert_eq!(
            app.post("$validate", &wrapped).await.expect(200)["issue"].as_array().unwrap().len(),
            outcome["issue"].as_array().unwrap().len(),
            "{rtype}"
        );
    }
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "体温"}});
    assert!(verdict(&app.post("Observation/$validate", &observation).await.expect(200)));
    // Parameters as the thing itself, and around itself.
    let itself = parameters(json!([{"name": "x", "valueString": "y"}]));
    assert!(verdict(&app.post("Parameters/$validate", &itself).await.expect(200)));
    let around = parameters(json!([{"name": "resource", "resource": itself}]));
    assert!(verdict(&app.post("Parameters/$validate", &around).await.expect(200)));
    assert!(verdict(&app.post("$validate", &around).await.expect(200)));
}

async fn the_verdict_is_that_of_the_write(app: &TestApp) {
    let folder = std::fs::read_dir("fhir-profiles/examples/invalid").unwrap();
    let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    let mut tried = 0;
    for path in paths.iter().step_by(7) {
        let resource: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let rtype = resource["resourceType"].as_str().unwrap();
        if !types_with(Interaction::Create).iter().any(|served| served == rtype) {
            continue;
        }
        let told = app.post(&format!("{rtype}/$validate"), &resource).await.expect(200);
        let refused = app.post(rtype, &resource).await.expect_refusal(422);
        assert_eq!(told["issue"], refused["issue"], "{}", path.display());
        tried += 1;
    }
    assert!(tried > 2);
    for rtype in types_with(Interaction::Create) {
        let told = app.post(&format!("{rtype}/$validate?mode=create"), &minimal(&rtype)).await.expect(200);
        assert!(verdict(&told), "{rtype}: {told}");
    }
}

async fn mode_create_and_update_tell_what_the_url_would_refuse(app: &TestApp) {
    let place = location("a", "北棟");
    let judge = async |path: &str, resource: &Value| verdict(&app.post(path, resource).await.expect(200));
    assert!(judge("Location/$validate?mode=create", &place).await);
    assert!(judge("Location/$validate?mode=create", &minimal("Location")).await);
    // Of these, clients cannot create any.
    assert!(!judge("AuditEvent/$validate?mode=create", &json!({"resourceType": "AuditEvent"})).await);
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "体温"}});
    assert!(judge("Observation/$validate", &observation).await);
    assert!(!judge("Observation/$validate?mode=create", &observation).await);
    assert!(judge("Location/a/$validate?mode=update", &place).await);
    assert!(judge("Location/a/$validate", &location("b", "北棟")).await, "without a mode the id is left aside");
    assert!(!judge("Location/a/$validate?mode=update", &location("b", "北棟")).await);
    assert!(!judge("Location/a/$validate?mode=update", &minimal("Location")).await);
    assert!(!judge("Location/a/$validate?mode=update", &with_id("Organization", "a")).await);
    assert!(!judge("Location/$validate?mode=update", &minimal("Location")).await);
    assert!(judge("Location/$validate?mode=update", &place).await);
    assert!(!judge("$validate?mode=update", &minimal("Location")).await);
    assert!(!judge("Provenance/a/$validate?mode=update", &with_id("Provenance", "a")).await, "it cannot be updated");
    let outcome = app.post("Location/$validate?mode=sideways", &place).await.expect_refusal(400);
    assert_eq!(outcome["issue"][0]["code"], "code-invalid");
    app.get("Location/a").await.expect_refusal(404);
}

async fn mode_delete_tells_who_still_refers(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let path = "Location/a/$validate?mode=delete";
    assert!(verdict(&app.get(path).await.expect(200)));
    let mut inner = location("b", "一号室");
    inner["partOf"] = json!({"reference": "Location/a"});
    app.put("Location/b", &inner).await.expect(201);
    let told = app.get(path).await.expect(200);
    assert!(!verdict(&told));
    let refused = app.delete("Location/a").await.expect_refusal(409);
    assert_eq!(told, refused);
    let wrapped = parameters(json!([{"name": "mode", "valueCode": "delete"}]));
    assert_eq!(app.post("Location/a/$validate", &wrapped).await.expect(200), refused);
    assert_eq!(app.request("POST", path).send().await.expect(200), refused);
    assert!(verdict(&app.get("Location/b/$validate?mode=delete").await.expect(200)));
    assert!(verdict(&app.get("Location/none/$validate?mode=delete").await.expect(200)), "that is no error");
    // A reference to itself keeps nobody alive.
    let mut own = location("c", "回廊");
    own["partOf"] = json!({"reference": "Location/c"});
    app.put("Location/c", &own).await.expect(201);
    assert!(verdict(&app.get("Location/c/$validate?mode=delete").await.expect(200)));
    app.delete("Location/c").await.expect(204);
    assert!(!verdict(&app.get("StructureDefinition/kh-bed/$validate?mode=delete").await.expect(200)));
    app.post("Location/$validate?mode=delete", &location("a", "北棟")).await.expect_refusal(400);
    app.get("Location/b").await.expect(200);
}

async fn a_stored_resource_is_validated_where_none_is_sent(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    assert!(verdict(&app.get("Location/a/$validate").await.expect(200)));
    assert!(verdict(&app.request("POST", "Location/a/$validate").send().await.expect(200)));
    let by_bed = "Location/a/$validate?profile=https://kakehashi.example/fhir/StructureDefinition/kh-bed";
    assert!(!verdict(&app.get(by_bed).await.expect(200)));
    app.get("Location/none/$validate").await.expect_refusal(404);
    app.delete("Location/a").await.expect(204);
    app.get("Location/a/$validate").await.expect_refusal(410);
    let definition = app.get("StructureDefinition/kh-bed/$validate").await.expect(200);
    assert!(verdict(&definition), "{definition}");
    let head = app.request("HEAD", "StructureDefinition/kh-bed/$validate").send().await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

async fn a_profile_can_be_named(app: &TestApp) {
    let profile = "https://kakehashi.example/fhir/StructureDefinition/kh-bed";
    let plain = location("a", "北棟");
    assert!(verdict(&app.post("Location/$validate", &plain).await.expect(200)));
    let told = app.post(&format!("Location/$validate?profile={profile}"), &plain).await.expect(200);
    assert!(!verdict(&told));
    for mode in ["valueCode", "valueString"] {
        let wrapped = parameters(json!([
            {"name": "profile", "valueUri": profile}, {"name": "mode", mode: "profile"},
            {"name": "resource", "resource": plain}
        ]));
        let outcome = app.post("$validate", &wrapped).await.expect(200);
        assert_eq!(outcome["issue"].as_array().unwrap().len(), told["issue"].as_array().unwrap().len());
    }
    assert!(verdict(&app.post(&format!("Location/$validate?profile={profile}"), &bed()).await.expect(200)));
    app.post("Location/$validate?mode=profile", &plain).await.expect_refusal(400);
    let unknown = app.post("Location/$validate?profile=https://example.org/unknown", &plain).await.expect(200);
    assert!(!verdict(&unknown), "nobody can say that it fits");
}

async fn the_base_definition_leaves_the_regions_rules_aside(app: &TestApp) {
    let wrong = bed_against_its_rule();
    let base = "http://hl7.org/fhir/StructureDefinition";
    assert!(!verdict(&app.post("Location/$validate", &wrong).await.expect(200)));
    for profile in [format!("{base}/Location"), format!("{base}/Location%7C4.0.1")] {
        let outcome = app.post(&format!("Location/$validate?profile={profile}"), &wrong).await.expect(200);
        assert!(verdict(&outcome), "{profile}: {outcome}");
    }
    // What it declares itself holds all the same.
    let mut declared = wrong.clone();
    declared["meta"] = json!({"profile": ["https://kakehashi.example/fhir/StructureDefinition/kh-bed"]});
    let path = format!("Location/$validate?profile={base}/Location");
    assert!(!verdict(&app.post(&path, &declared).await.expect(200)));
    let other = format!("Location/$validate?profile={base}/Patient");
    assert!(!verdict(&app.post(&other, &location("a", "北棟")).await.expect(200)));
}

async fn best_practices_are_told_on_request(app: &TestApp) {
    let place = location("a", "北棟");
    let usual = app.post("Location/$validate", &place).await.expect(200);
    let told = app.post("Location/$validate?best-practice=true", &place).await.expect(200);
    assert!(verdict(&usual) && verdict(&told));
    assert!(!usual.to_string().contains("dom-6"));
    let issue = &told["issue"][0];
    assert_eq!((&issue["severity"], issue["code"].as_str()), (&json!("warning"), Some("invariant")), "{told}");
    assert!(issue["diagnostics"].as_str().unwrap().ends_with("|dom-6"), "{told}");
}

async fn must_support_is_told_on_request(app: &TestApp) {
    let mut bed = bed();
    for optional in ["alias", "description", "telecom", "position", "extension"] {
        bed.as_object_mut().unwrap().remove(optional);
    }
    let usual = app.post("Location/$validate", &bed).await.expect(200);
    let told = app.post("Location/$validate?must-support=true", &bed).await.expect(200);
    assert_eq!(verdict(&usual), verdict(&told));
    let informed = |outcome: &Value| {
        let issues = outcome["issue"].as_array().unwrap().iter();
        issues.filter(|issue| issue["expression"].is_array() && issue["severity"] == "information").count()
    };
    assert!(informed(&usual) == 0 && informed(&told) > 0, "{told}");
    app.post("Location/$validate?must-support=perhaps", &bed).await.expect_refusal(400);
}

async fn inputs_stand_in_the_url_or_in_parameters(app: &TestApp) {
    let profile = "https://kakehashi.example/fhir/StructureDefinition/kh-bed";
    let plain = location("a", "北棟");
    let wrapped = parameters(json!([{"name": "resource", "resource": plain}]));
    assert!(!verdict(&app.post(&format!("$validate?profile={profile}"), &wrapped).await.expect(200)));
    // Once is enough.
    let twice = parameters(json!([{"name": "mode", "valueCode": "create"}, {"name": "resource", "resource": plain}]));
    app.post("$validate?mode=create", &twice).await.expect_refusal(400);
    // Those that shape the answer are none of the operation's.
    let pretty = app.post("$validate?_format=json&_pretty=true", &plain).await;
    assert!(pretty.text.contains('\n'));
    pretty.expect(200);
    let english = app.request("POST", "$validate").json(&plain).header("accept-language", "en").send().await;
    assert_eq!(english.expect(200)["issue"][0]["details"]["text"], "No problem was found.");
}
