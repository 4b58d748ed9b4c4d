//! batch: each entry for itself.

use serde_json::{Value, json};

use crate::app::{TestApp, identified, location};
use crate::both;

both!(
    an_entry_is_judged_in_the_order_of_a_request,
    entries_of_a_batch_are_answered_each_for_itself,
    responses_of_a_batch_stand_in_the_order_of_its_entries,
    a_batch_knows_every_interaction,
    entries_on_one_target_keep_their_order,
    a_batch_honours_conditions,
    a_bundle_inside_a_batch_is_refused_alone,
    an_empty_batch_is_answered_with_an_empty_bundle,
    bundles_of_other_types_are_refused,
    too_many_entries_are_413,
);

async fn batch(app: &TestApp, entries: Value) -> Vec<Value> {
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    let answer = app.post("", &bundle).await.expect(200);
    assert_eq!(answer["type"], "batch-response");
    answer["entry"].as_array().cloned().unwrap_or_default()
}

fn put(id: &str, name: &str) -> Value {
    json!({"resource": location(id, name), "request": {"method": "PUT", "url": format!("Location/{id}")}})
}

fn statuses(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| &entry["response"]["status"].as_str().unwrap()[..3]).collect()
}

async fn entries_of_a_batch_are_answered_each_for_itself(app: &TestApp) {
    let invalid = json!({"resource": {"resourceType": "Location", "id": "b", "status": "zzz"},
        "request": {"method": "PUT", "url": "Location/b"}});
    let found = batch(app, json!([put("a", "1"), invalid, {"request": {"method": "GET", "url": "Location/none"}}, {"fullUrl": "urn:uuid:1"}, put("c", "1")])).await;
    assert_eq!(statuses(&found), ["201", "422", "404", "400", "201"]);
    let outcome = &found[1]["response"]["outcome"];
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["expression"][0], "Bundle.entry[1].resource.status");
    assert!(found[2]["response"]["outcome"]["issue"][0]["severity"].is_string());
    app.get("Location/a").await.expect(200);
    app.get("Location/b").await.expect_refusal(404);
    app.get("Location/c").await.expect(200);
}

async fn responses_of_a_batch_stand_in_the_order_of_its_entries(app: &TestApp) {
    let entries: Vec<Value> = (0..100).map(|number| put(&format!("l{number}"), "1")).collect();
    let found = batch(app, json!(entries)).await;
    for (number, entry) in found.iter().enumerate() {
        assert_eq!(entry["response"]["location"], format!("{}/Location/l{number}/_history/1", app.base));
    }
}

async fn a_batch_knows_every_interaction(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    app.put("Location/gone", &location("gone", "1")).await.expect(201);
    let patch = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Location.name"},
        {"name": "value", "valueString": "2"}]}]});
    let found = batch(
        app,
        json!([
            {"resource": patch, "request": {"method": "PATCH", "url": "Location/a"}},
            {"request": {"method": "DELETE", "url": "Location/gone"}},
            {"resource": identified("x"), "request": {"method": "POST", "url": "Location"}},
            {"request": {"method": "GET", "url": "metadata"}},
            {"request": {"method": "GET", "url": "Location/a/_history/1"}},
            {"request": {"method": "GET", "url": format!("{}/Location/gone/_history", app.base)}},
            {"request": {"method": "GET", "url": "Location?_id=none"}}
        ]),
    )
    .await;
    assert_eq!(statuses(&found), ["200", "204", "201", "200", "200", "200", "200"]);
    assert_eq!(found[0]["response"]["etag"], "W/\"2\"");
    assert_eq!(found[3]["resource"]["resourceType"], "CapabilityStatement");
    assert_eq!(found[4]["resource"]["name"], "1");
    assert_eq!((&found[6]["resource"]["type"], &found[6]["resource"]["total"]), (&json!("searchset"), &json!(0)));
}

async fn entries_on_one_target_keep_their_order(app: &TestApp) {
    let entries: Vec<Value> = (0..10).map(|number| put("a", &number.to_string())).collect();
    let found = batch(app, json!(entries)).await;
    let tags: Vec<&Value> = found.iter().map(|entry| &entry["response"]["etag"]).collect();
    let expected: Vec<Value> = (1..=10).map(|number| json!(format!("W/\"{number}\""))).collect();
    assert_eq!(tags, expected.iter().collect::<Vec<_>>());
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "9");
}

async fn a_batch_honours_conditions(app: &TestApp) {
    app.post("Location", &identified("x")).await.expect(201);
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let found = batch(
        app,
        json!([
            {"resource": identified("x"), "request": {"method": "POST", "url": "Location",
                "ifNoneExist": "identifier=https://example.org/places|x"}},
            {"resource": location("a", "2"), "request": {"method": "PUT", "url": "Location/a", "ifMatch": "W/\"9\""}},
            {"resource": location("b", "2"), "request": {"method": "PUT", "url": "Location/b", "ifMatch": "*"}},
            {"resource": location("b", "2"), "request": {"method": "PUT", "url": "Location/b", "ifNoneMatch": "W/\"3\""}},
            {"request": {"method": "GET", "url": "Location/a", "ifNoneMatch": "W/\"1\""}},
            {"request": {"method": "DELETE", "url": "Location?identifier=https://example.org/places|none"}}
        ]),
    )
    .await;
    assert_eq!(statuses(&found), ["200", "412", "412", "400", "304", "204"]);
}

async fn a_bundle_inside_a_batch_is_refused_alone(app: &TestApp) {
    let inner = json!({"resourceType": "Bundle", "type": "batch", "entry": [put("b", "1")]});
    let found =
        batch(app, json!([{"resource": inner, "request": {"method": "POST", "url": "/"}}, put("a", "1")])).await;
    assert_eq!(statuses(&found), ["400", "201"]);
    app.get("Location/b").await.expect_refusal(404);
}

/// 404 and 405 before 400, as for a request alone.
async fn an_entry_is_judged_in_the_order_of_a_request(app: &TestApp) {
    let found = batch(
        app,
        json!([
            {"request": {"method": "GET", "url": "Nothing/a?_summary=nothing"}},
            {"request": {"method": "DELETE", "url": "metadata?_summary=nothing"}},
            {"request": {"method": "GET", "url": "Location/a?_summary=nothing"}}
        ]),
    )
    .await;
    assert_eq!(statuses(&found), ["404", "405", "400"]);
}

async fn an_empty_batch_is_answered_with_an_empty_bundle(app: &TestApp) {
    let answer = app.post("", &json!({"resourceType": "Bundle", "type": "batch"})).await.expect(200);
    assert_eq!(answer, json!({"resourceType": "Bundle", "type": "batch-response"}));
}

async fn bundles_of_other_types_are_refused(app: &TestApp) {
    for kind in ["history", "collection", "searchset", "document", "message", "transaction-response", "nonsense"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [put("a", "1")]});
        let outcome = app.post("", &bundle).await.expect_refusal(400);
        assert_eq!(outcome["issue"][0]["expression"][0], "Bundle.type", "{kind}");
    }
    app.post("", &json!({"resourceType": "Bundle"})).await.expect_refusal(400);
    app.post("", &location("a", "1")).await.expect_refusal(400);
    app.get("Location/a").await.expect_refusal(404);
}

async fn too_many_entries_are_413(app: &TestApp) {
    let get = json!({"request": {"method": "GET", "url": "Location/a"}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": vec![get; 5_001]});
    app.post("", &bundle).await.expect_refusal(413);
}
