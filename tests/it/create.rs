//! create and conditional create.

use kakehashi::profile::Interaction;
use serde_json::json;

use crate::app::{Answer, TestApp, identified, location};
use crate::both;
use crate::builders::{minimal, types_with};

both!(
    create_answers_201_with_location_etag_and_last_modified,
    create_leaves_the_clients_id_and_meta_aside,
    create_answers_in_the_form_that_prefer_asks_for,
    create_refuses_a_body_of_another_type,
    conditional_create_answers_the_match_instead,
);

/// The headers of a created resource, which must agree with its `meta`.
fn check_created(answer: &Answer, base: &str, rtype: &str) -> String {
    assert_eq!(answer.status, 201, "{rtype}: {}", answer.text);
    let created = answer.json();
    let (id, version) = (created["id"].as_str().unwrap(), created["meta"]["versionId"].as_str().unwrap());
    assert_eq!(answer.header("location"), format!("{base}/{rtype}/{id}/_history/{version}"));
    assert_eq!(answer.header("etag"), format!("W/\"{version}\""), "{rtype}");
    let updated = chrono::DateTime::parse_from_rfc3339(created["meta"]["lastUpdated"].as_str().unwrap()).unwrap();
    let modified = chrono::DateTime::parse_from_rfc2822(answer.header("last-modified")).unwrap();
    assert_eq!(updated.timestamp(), modified.timestamp(), "{rtype}");
    id.to_owned()
}

async fn create_answers_201_with_location_etag_and_last_modified(app: &TestApp) {
    for rtype in types_with(Interaction::Create) {
        let sent = minimal(&rtype);
        let answer = app.post(&rtype, &sent).await;
        let id = check_created(&answer, &app.base, &rtype);
        assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8");
        let created = answer.json();
        let mut expected = sent;
        expected["id"] = json!(id);
        expected["meta"] = created["meta"].clone();
        assert_eq!(created, expected, "what is stored is what was sent plus id and meta");
        assert_eq!(app.get(&format!("{rtype}/{id}")).await.expect(200), created);
        let place = answer.header("location").strip_prefix(&app.base).unwrap().trim_start_matches('/').to_owned();
        assert_eq!(app.get(&place).await.status, 200, "{place}");
    }
}

async fn create_leaves_the_clients_id_and_meta_aside(app: &TestApp) {
    for rtype in types_with(Interaction::Create) {
        let mut body = minimal(&rtype);
        body["id"] = json!("mine");
        body["meta"] = json!({"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"code": "kept"}]});
        let created = app.post(&rtype, &body).await.expect(201);
        assert_ne!(created["id"], "mine", "{rtype}");
        assert_eq!(created["meta"]["versionId"], "1");
        assert!(created["meta"]["lastUpdated"].as_str().unwrap() > "2020");
        assert_eq!(created["meta"]["tag"][0]["code"], "kept");
    }
}

async fn create_answers_in_the_form_that_prefer_asks_for(app: &TestApp) {
    let create = |prefer| app.request("POST", "Location").header("Prefer", prefer).json(&location("a", "北棟")).send();
    let minimal = create("return=minimal").await;
    assert_eq!((minimal.status, minimal.text.as_str()), (201, ""));
    assert!(!minimal.header("location").is_empty() && minimal.header("etag") == "W/\"1\"");
    let outcome = create("return=OperationOutcome").await;
    assert!(!outcome.header("location").is_empty());
    let outcome = outcome.expect(201);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["severity"], "information");
    let whole = create("respond-async; q=1, return=representation").await.expect(201);
    assert_eq!(whole["name"], "北棟");
}

async fn create_refuses_a_body_of_another_type(app: &TestApp) {
    for rtype in types_with(Interaction::Create) {
        let other = if rtype == "Patient" { "Location" } else { "Patient" };
        let refused = app.post(&rtype, &minimal(other)).await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], format!("{rtype}.resourceType"));
    }
    app.post("Location", &json!({"name": "北棟"})).await.expect_refusal(400);
    app.post("Location", &json!([{"resourceType": "Location"}])).await.expect_refusal(400);
    assert_eq!(app.get("Location?_summary=count").await.expect(200)["total"], 0, "nothing was written");
}

async fn conditional_create_answers_the_match_instead(app: &TestApp) {
    let ask = || app.request("POST", "Location").header("If-None-Exist", "identifier=https://example.org/places|n1");
    let first = ask().json(&identified("n1")).send().await.expect(201);
    let second = ask().json(&identified("n1")).send().await.expect(200);
    assert_eq!(first["id"], second["id"]);
    app.post("Location", &identified("n1")).await.expect(201);
    let refused = ask().json(&identified("n1")).send().await.expect_refusal(412);
    assert_eq!(refused["issue"][0]["code"], "multiple-matches");
}
