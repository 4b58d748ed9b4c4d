//! create and conditional create.

use serde_json::json;

use crate::app::{TestApp, identified, location};
use crate::both;

both!(
    create_answers_201_with_location_etag_and_last_modified,
    create_leaves_the_clients_id_and_meta_aside,
    conditional_create_answers_the_match_instead,
);

async fn create_answers_201_with_location_etag_and_last_modified(app: &TestApp) {
    let answer = app.post("Location", &location("mine", "北棟")).await;
    assert_eq!(answer.header("etag"), "W/\"1\"");
    assert!(answer.header("last-modified").ends_with("GMT"));
    assert_eq!(answer.header("content-type"), "application/fhir+json; charset=utf-8");
    let place = answer.header("location").to_owned();
    let created = answer.expect(201);
    let id = created["id"].as_str().unwrap();
    assert_eq!(place, format!("{}/Location/{id}/_history/1", app.base));
    assert_eq!(created["meta"]["versionId"], "1");
    assert_eq!(app.get(&format!("Location/{id}")).await.expect(200), created);
}

async fn create_leaves_the_clients_id_and_meta_aside(app: &TestApp) {
    let mut body = location("mine", "北棟");
    body["meta"] = json!({"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"code": "kept"}]});
    let created = app.post("Location", &body).await.expect(201);
    assert_ne!(created["id"], "mine");
    assert_eq!(created["meta"]["versionId"], "1");
    assert!(created["meta"]["lastUpdated"].as_str().unwrap() > "2020");
    assert_eq!(created["meta"]["tag"][0]["code"], "kept");
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
