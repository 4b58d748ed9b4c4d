//! patch: JSON Patch, FHIRPath Patch, conditions, and what a failing one leaves behind.

use serde_json::{Value, json};

use crate::app::{Answer, TestApp, identified, location};
use crate::both;

both!(
    json_patch_changes_one_element_and_makes_a_version,
    fhirpath_patch_changes_one_element,
    a_patch_based_on_a_stale_version_is_412,
    a_patch_takes_the_conditions_of_a_write,
    a_patch_that_does_not_fit_leaves_the_resource_alone,
    a_patch_cannot_change_type_or_id,
    a_patch_that_makes_the_content_invalid_is_422,
    a_patch_keeps_decimals_as_they_were_written,
    a_patch_of_what_is_not_there_is_404_and_of_what_was_deleted_410,
    a_patch_without_effect_makes_no_version,
    a_conditional_patch_changes_the_one_match,
    malformed_patches_and_other_media_are_refused,
);

const JSON_PATCH: &str = "application/json-patch+json";

async fn json_patch(app: &TestApp, path: &str, patch: &Value) -> Answer {
    app.request("PATCH", path).raw(JSON_PATCH, patch.to_string()).send().await
}

fn rename(name: &str) -> Value {
    json!([{"op": "replace", "path": "/name", "value": name}])
}

async fn json_patch_changes_one_element_and_makes_a_version(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let answer = json_patch(app, "Location/a", &rename("南棟")).await;
    assert_eq!(answer.header("etag"), "W/\"2\"");
    let patched = answer.expect(200);
    assert_eq!((&patched["name"], &patched["status"]), (&json!("南棟"), &json!("active")));
    assert_eq!(patched["meta"]["versionId"], "2");
    assert_eq!(app.get("Location/a").await.expect(200), patched);
    assert_eq!(app.get("Location/a/_history/1").await.expect(200)["name"], "北棟");
}

async fn fhirpath_patch_changes_one_element(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let patch = json!({"resourceType": "Parameters", "parameter": [
        {"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"},
            {"name": "path", "valueString": "Location.name"},
            {"name": "value", "valueString": "南棟"}]},
        {"name": "operation", "part": [
            {"name": "type", "valueCode": "add"},
            {"name": "path", "valueString": "Location"},
            {"name": "name", "valueString": "alias"},
            {"name": "value", "valueString": "South"}]}
    ]});
    let patched = app.request("PATCH", "Location/a").json(&patch).send().await.expect(200);
    assert_eq!((&patched["name"], &patched["alias"]), (&json!("南棟"), &json!(["South"])));
    assert_eq!(patched["meta"]["versionId"], "2");
}

async fn a_patch_based_on_a_stale_version_is_412(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    app.put("Location/a", &location("a", "2")).await.expect(200);
    let with = |tag: &str| app.request("PATCH", "Location/a").header("If-Match", tag);
    with("W/\"1\"").raw(JSON_PATCH, rename("3").to_string()).send().await.expect_refusal(412);
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "2");
    let patched = with("W/\"2\"").raw(JSON_PATCH, rename("3").to_string()).send().await.expect(200);
    assert_eq!(patched["meta"]["versionId"], "3");
}

async fn a_patch_takes_the_conditions_of_a_write(app: &TestApp) {
    let path = "Location?identifier=https://example.org/places|p";
    let id = app.post("Location", &identified("p")).await.expect(201)["id"].as_str().unwrap().to_owned();
    for path in [path, &format!("Location/{id}")] {
        let with = async |name: &str, value: &str| {
            app.request("PATCH", path).header(name, value).raw(JSON_PATCH, rename(path).to_string()).send().await
        };
        with("If-Match", "*").await.expect(200);
        let refused = with("If-None-Match", "*").await.expect_refusal(412);
        assert_eq!(refused["issue"][0]["expression"][0], "http.header:If-None-Match");
        with("If-None-Match", "W/\"9\"").await.expect_refusal(400);
    }
    assert_eq!(app.get(&format!("Location/{id}")).await.expect(200)["meta"]["versionId"], "3");
}

async fn a_patch_that_does_not_fit_leaves_the_resource_alone(app: &TestApp) {
    let before = app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let failing = [
        json!([{"op": "replace", "path": "/name", "value": "x"}, {"op": "test", "path": "/status", "value": "suspended"}]),
        json!([{"op": "replace", "path": "/name", "value": "x"}, {"op": "remove", "path": "/alias/3"}]),
    ];
    for patch in failing {
        let outcome = json_patch(app, "Location/a", &patch).await.expect_refusal(422);
        assert!(outcome.to_string().contains('1'), "the operation is named: {outcome}");
    }
    let nowhere = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": "Location.alias[0]"}]},
        {"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Location.description"},
            {"name": "value", "valueString": "x"}]}]});
    app.request("PATCH", "Location/a").json(&nowhere).send().await.expect_refusal(422);
    assert_eq!(app.get("Location/a").await.expect(200), before);
    assert_eq!(app.get("Location/a/_history").await.expect(200)["total"], 1);
}

async fn a_patch_cannot_change_type_or_id(app: &TestApp) {
    let before = app.put("Location/a", &location("a", "北棟")).await.expect(201);
    for (path, value) in [("/id", "b"), ("/resourceType", "Patient")] {
        let patch = json!([{"op": "replace", "path": path, "value": value}]);
        json_patch(app, "Location/a", &patch).await.expect_refusal(422);
    }
    json_patch(app, "Location/a", &json!([{"op": "remove", "path": "/id"}])).await.expect_refusal(422);
    assert_eq!(app.get("Location/a").await.expect(200), before);
    app.get("Location/b").await.expect_refusal(404);
}

async fn a_patch_that_makes_the_content_invalid_is_422(app: &TestApp) {
    let before = app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let outcome = json_patch(app, "Location/a", &json!([{"op": "replace", "path": "/status", "value": "zzz"}])).await;
    let outcome = outcome.expect_refusal(422);
    assert_eq!(outcome["issue"][0]["expression"][0], "Location.status");
    json_patch(app, "Location/a", &json!([{"op": "add", "path": "/alias", "value": []}])).await.expect_refusal(422);
    assert_eq!(app.get("Location/a").await.expect(200), before);
}

async fn a_patch_keeps_decimals_as_they_were_written(app: &TestApp) {
    let text =
        r#"{"resourceType":"Location","id":"a","name":"北棟","position":{"longitude":135.4690,"latitude":34.78100e0}}"#;
    app.request("PUT", "Location/a").text(text).send().await.expect(201);
    json_patch(app, "Location/a", &rename("南棟")).await.expect(200);
    let stored = app.get("Location/a").await.text;
    assert!(stored.contains("135.4690,") && stored.contains("34.78100e0"), "{stored}");
    let patch = r#"[{"op":"replace","path":"/position/longitude","value":1.10}]"#;
    app.request("PATCH", "Location/a").raw(JSON_PATCH, patch).send().await.expect(200);
    let stored = app.get("Location/a").await.text;
    assert!(stored.contains("\"longitude\":1.10,"), "{stored}");
}

async fn a_patch_of_what_is_not_there_is_404_and_of_what_was_deleted_410(app: &TestApp) {
    json_patch(app, "Location/a", &rename("x")).await.expect_refusal(404);
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    app.delete("Location/a").await.expect(204);
    json_patch(app, "Location/a", &rename("x")).await.expect_refusal(410);
}

async fn a_patch_without_effect_makes_no_version(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let answer = json_patch(app, "Location/a", &rename("北棟")).await;
    assert_eq!(answer.header("etag"), "W/\"1\"");
    answer.expect(200);
    assert_eq!(app.get("Location/a/_history").await.expect(200)["total"], 1);
}

async fn a_conditional_patch_changes_the_one_match(app: &TestApp) {
    let path = "Location?identifier=https://example.org/places|p";
    json_patch(app, path, &rename("x")).await.expect_refusal(404);
    let id = app.post("Location", &identified("p")).await.expect(201)["id"].as_str().unwrap().to_owned();
    let patched = json_patch(app, path, &rename("x")).await.expect(200);
    assert_eq!((&patched["id"], &patched["name"]), (&json!(id), &json!("x")));
    let stale = app.request("PATCH", path).header("If-Match", "W/\"1\"").raw(JSON_PATCH, rename("y").to_string());
    stale.send().await.expect_refusal(412);
    app.post("Location", &identified("p")).await.expect(201);
    let refused = json_patch(app, path, &rename("y")).await.expect_refusal(412);
    assert_eq!(refused["issue"][0]["code"], "multiple-matches");
    assert_eq!(app.get(&format!("Location/{id}")).await.expect(200)["name"], "x");
    json_patch(app, "Location?near=34|135|1|km", &rename("y")).await.expect_refusal(400);
}

async fn malformed_patches_and_other_media_are_refused(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    json_patch(app, "Location/a", &json!([{"op": "rename", "path": "/name"}])).await.expect_refusal(400);
    json_patch(app, "Location/a", &json!({"op": "remove", "path": "/name"})).await.expect_refusal(400);
    app.request("PATCH", "Location/a").json(&location("a", "x")).send().await.expect_refusal(400);
    app.request("PATCH", "Location/a").raw("application/merge-patch+json", "{}").send().await.expect_refusal(415);
    assert_eq!(app.get("Location/a/_history").await.expect(200)["total"], 1);
}
