//! transaction: order, conditions, all or nothing. References are in `links.rs`.

use base64::Engine;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, identified, location};
use crate::both;

both!(
    responses_stand_in_the_order_of_the_entries,
    a_failing_entry_undoes_all,
    every_invalid_entry_is_told_with_its_place,
    the_order_of_entries_does_not_matter,
    a_resource_twice_is_refused,
    if_none_exist_is_honoured_inside,
    if_match_is_honoured_inside,
    if_none_match_is_honoured_inside,
    if_match_of_any_version_is_honoured_inside,
    a_condition_that_a_write_cannot_hear_is_refused,
    conditional_updates_and_deletes_work_inside,
    patches_work_inside,
    a_json_patch_in_a_binary_works_inside,
    reads_see_what_the_transaction_writes,
    a_search_in_a_transaction_sees_what_it_writes,
    a_read_that_cannot_be_understood_undoes_all,
    a_read_of_what_is_not_there_undoes_all,
    an_empty_transaction_is_no_error,
    malformed_entries_are_told_with_their_place,
    what_others_refer_to_is_not_deleted_unless_they_go_too,
    prefer_decides_what_the_entries_carry,
);

async fn transact(app: &TestApp, entries: Value) -> Answer {
    app.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).await
}

async fn done(app: &TestApp, entries: Value) -> Vec<Value> {
    let answer = transact(app, entries).await.expect(200);
    assert_eq!(answer["type"], "transaction-response");
    answer["entry"].as_array().cloned().unwrap_or_default()
}

fn put(id: &str, name: &str) -> Value {
    json!({"resource": location(id, name), "request": {"method": "PUT", "url": format!("Location/{id}")}})
}

fn post(value: &str) -> Value {
    json!({"resource": identified(value), "request": {"method": "POST", "url": "Location"}})
}

fn only(method: &str, url: &str) -> Value {
    json!({"request": {"method": method, "url": url}})
}

fn with(mut entry: Value, name: &str, value: &str) -> Value {
    entry["request"][name] = json!(value);
    entry
}

fn statuses(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| &entry["response"]["status"].as_str().unwrap()[..3]).collect()
}

async fn stored(app: &TestApp) -> Value {
    app.get("_history?_summary=count").await.expect(200)["total"].clone()
}

async fn responses_stand_in_the_order_of_the_entries(app: &TestApp) {
    app.put("Location/old", &location("old", "1")).await.expect(201);
    let found =
        done(app, json!([only("GET", "Location/a"), put("a", "1"), post("x"), only("DELETE", "Location/old")])).await;
    assert_eq!(statuses(&found), ["200", "201", "201", "204"]);
    assert_eq!(found[0]["resource"]["name"], "1");
    let created = &found[1]["response"];
    assert_eq!(created["location"], format!("{}/Location/a/_history/1", app.base));
    assert_eq!(created["etag"], "W/\"1\"");
    assert_eq!(created["lastModified"], app.get("Location/a").await.expect(200)["meta"]["lastUpdated"]);
    assert!(created["status"].as_str().unwrap().starts_with("201"));
    let place = found[2]["response"]["location"].as_str().unwrap().to_owned();
    let path = place.strip_prefix(&format!("{}/", app.base)).unwrap();
    assert_eq!(app.get(path).await.expect(200)["identifier"][0]["value"], "x");
    app.get("Location/old").await.expect_refusal(410);
}

async fn a_failing_entry_undoes_all(app: &TestApp) {
    app.put("Location/standing", &location("standing", "1")).await.expect(201);
    let invalid = json!({"resource": {"resourceType": "Location", "status": "zzz"}, "request": {"method": "POST", "url": "Location"}});
    let stale = with(put("b", "1"), "ifMatch", "W/\"3\"");
    let failing = [
        (invalid, 422),
        (stale, 412),
        (only("GET", "Location/none"), 404),
        (only("DELETE", "Nonsense/1"), 404),
        (json!({"resource": location("x", "1"), "request": {"method": "PUT", "url": "Location/y"}}), 400),
    ];
    for (entry, status) in failing {
        let entries = json!([put("a", "1"), put("standing", "2"), entry]);
        let outcome = transact(app, entries).await.expect_refusal(status);
        let place = outcome["issue"][0]["expression"][0].as_str().unwrap_or_default();
        assert!(place.starts_with("Bundle.entry[2]"), "{outcome}");
    }
    assert_eq!(stored(app).await, 1, "nothing but what stood before");
    app.get("Location/a").await.expect_refusal(404);
    assert_eq!(app.get("Location/standing").await.expect(200)["name"], "1");
}

async fn every_invalid_entry_is_told_with_its_place(app: &TestApp) {
    let invalid = |id: &str| {
        json!({"resource": {"resourceType": "Location", "id": id, "status": "zzz"},
            "request": {"method": "PUT", "url": format!("Location/{id}")}})
    };
    let outcome = transact(app, json!([invalid("a"), put("b", "1"), invalid("c")])).await.expect_refusal(422);
    let places: Vec<&Value> =
        outcome["issue"].as_array().unwrap().iter().map(|issue| &issue["expression"][0]).collect();
    assert!(places.contains(&&json!("Bundle.entry[0].resource.status")), "{outcome}");
    assert!(places.contains(&&json!("Bundle.entry[2].resource.status")), "{outcome}");
}

async fn the_order_of_entries_does_not_matter(app: &TestApp) {
    // DELETE, POST, PUT, GET whatever the order: what is deleted does not match, what is created is read.
    let old = app.post("Location", &identified("x")).await.expect(201)["id"].as_str().unwrap().to_owned();
    let criteria = "identifier=https://example.org/places|x";
    let create = with(post("x"), "ifNoneExist", criteria);
    let entries =
        json!([only("GET", "Location/a"), put("a", "new"), create, only("DELETE", &format!("Location/{old}"))]);
    let found = done(app, entries).await;
    assert_eq!(statuses(&found), ["200", "201", "201", "204"], "the deleted one is no match");
    assert_eq!(found[0]["resource"]["name"], "new");
    assert_eq!(app.get(&format!("Location?{criteria}")).await.expect(200)["total"], 1);
}

async fn a_resource_twice_is_refused(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let patch = json!({"resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="},
        "request": {"method": "PATCH", "url": "Location/a"}});
    let absolute = json!({"resource": location("a", "3"), "request": {"method": "PUT", "url": format!("{}/Location/a", app.base)}});
    for second in [put("a", "3"), only("DELETE", "Location/a"), patch, absolute] {
        let outcome = transact(app, json!([put("a", "2"), second])).await.expect_refusal(400);
        assert_eq!(outcome["issue"][0]["code"], "duplicate", "{outcome}");
    }
    let named = |id: &str| {
        let mut entry = put(id, "1");
        entry["fullUrl"] = json!("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0");
        entry
    };
    transact(app, json!([named("x"), named("y")])).await.expect_refusal(400);
    assert_eq!(stored(app).await, 1);
}

async fn if_none_exist_is_honoured_inside(app: &TestApp) {
    let criteria = "identifier=https://example.org/places|x";
    let entry = || with(post("x"), "ifNoneExist", criteria);
    let first = done(app, json!([entry(), put("a", "1")])).await;
    let second = done(app, json!([entry(), put("b", "1")])).await;
    assert_eq!((statuses(&first), statuses(&second)), (vec!["201", "201"], vec!["200", "201"]));
    assert_eq!(first[0]["response"]["location"], second[0]["response"]["location"]);
    app.post("Location", &identified("x")).await.expect(201);
    transact(app, json!([entry(), put("c", "1")])).await.expect_refusal(412);
    app.get("Location/c").await.expect_refusal(404);
}

async fn if_match_is_honoured_inside(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    done(app, json!([with(put("a", "2"), "ifMatch", "W/\"1\"")])).await;
    transact(app, json!([with(put("a", "3"), "ifMatch", "W/\"1\""), put("b", "1")])).await.expect_refusal(412);
    transact(app, json!([with(only("DELETE", "Location/a"), "ifMatch", "W/\"1\"")])).await.expect_refusal(412);
    transact(app, json!([with(put("new", "1"), "ifMatch", "W/\"1\"")])).await.expect_refusal(412);
    transact(app, json!([with(put("a", "3"), "ifMatch", "soon")])).await.expect_refusal(400);
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "2");
    assert_eq!(statuses(&done(app, json!([with(only("DELETE", "Location/a"), "ifMatch", "W/\"2\"")])).await), ["204"]);
}

async fn if_none_match_is_honoured_inside(app: &TestApp) {
    let only_new = |name: &str| with(put("a", name), "ifNoneMatch", "*");
    assert_eq!(statuses(&done(app, json!([only_new("1")])).await), ["201"]);
    let outcome = transact(app, json!([only_new("2")])).await.expect_refusal(412);
    assert!(outcome.to_string().contains("If-None-Match"), "{outcome}");
    let found = done(app, json!([with(only("GET", "Location/a"), "ifNoneMatch", "W/\"1\"")])).await;
    assert_eq!(statuses(&found), ["304"]);
    app.delete("Location/a").await.expect(204);
    assert_eq!(statuses(&done(app, json!([only_new("3")])).await), ["201"], "a deleted one is not there");
}

async fn if_match_of_any_version_is_honoured_inside(app: &TestApp) {
    let any = |entry| with(entry, "ifMatch", "*");
    let conditional =
        json!({"resource": location("c", "1"), "request": {"method": "PUT", "url": "Location?identifier=none"}});
    for entry in [put("a", "1"), only("DELETE", "Location/a"), only("DELETE", "Location?identifier=none"), conditional]
    {
        let outcome = transact(app, json!([put("b", "1"), any(entry)])).await.expect_refusal(412);
        assert_eq!(outcome["issue"][0]["expression"][0], "Bundle.entry[1].request", "{outcome}");
    }
    assert_eq!(stored(app).await, 0);
    app.put("Location/a", &location("a", "1")).await.expect(201);
    assert_eq!(statuses(&done(app, json!([any(put("a", "2"))])).await), ["200"]);
    assert_eq!(statuses(&done(app, json!([any(rename("a"))])).await), ["200"]);
    assert_eq!(statuses(&done(app, json!([any(only("DELETE", "Location/a"))])).await), ["204"]);
    transact(app, json!([any(put("a", "4"))])).await.expect_refusal(412);
}

async fn a_condition_that_a_write_cannot_hear_is_refused(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let both = with(with(put("a", "2"), "ifMatch", "W/\"1\""), "ifNoneMatch", "*");
    for (entry, name) in [
        (with(put("a", "2"), "ifNoneMatch", "W/\"3\""), "ifNoneMatch"),
        (with(only("DELETE", "Location/a"), "ifNoneMatch", "W/\"3\""), "ifNoneMatch"),
        (with(put("a", "2"), "ifMatch", "W/\"1\", W/\"2\""), "ifMatch"),
        (both, "ifNoneMatch"),
    ] {
        let outcome = transact(app, json!([entry])).await.expect_refusal(400);
        assert_eq!(outcome["issue"][0]["expression"][0], format!("Bundle.entry[0].request.{name}"), "{outcome}");
    }
    assert_eq!(stored(app).await, 1);
}

/// A FHIRPath Patch of the name.
fn rename(id: &str) -> Value {
    json!({"resource": {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Location.name"},
        {"name": "value", "valueString": "renamed"}]}]},
        "request": {"method": "PATCH", "url": format!("Location/{id}")}})
}

async fn conditional_updates_and_deletes_work_inside(app: &TestApp) {
    let url = "Location?identifier=https://example.org/places|x";
    let update = |name: &str| {
        let mut body = identified("x");
        body["name"] = json!(name);
        json!({"resource": body, "request": {"method": "PUT", "url": url}})
    };
    let first = done(app, json!([update("1")])).await;
    let second = done(app, json!([update("2"), only("DELETE", "Location?identifier=none")])).await;
    assert_eq!((statuses(&first), statuses(&second)), (vec!["201"], vec!["200", "204"]));
    assert_eq!(second[0]["response"]["etag"], "W/\"2\"");
    app.post("Location", &identified("x")).await.expect(201);
    transact(app, json!([update("3")])).await.expect_refusal(412);
    transact(app, json!([only("DELETE", url), put("a", "1")])).await.expect_refusal(412);
    assert_eq!(app.get(url.trim()).await.expect(200)["total"], 2);
}

async fn patches_work_inside(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let patch = |value: &str| {
        json!({"resource": {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Location.name"},
            {"name": "value", "valueString": value}]}]}, "request": {"method": "PATCH", "url": "Location/a"}})
    };
    let found = done(app, json!([patch("2"), put("b", "1")])).await;
    assert_eq!(found[0]["response"]["etag"], "W/\"2\"");
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "2");
    transact(app, json!([put("c", "1"), with(patch("3"), "ifMatch", "W/\"1\"")])).await.expect_refusal(412);
    let mut nowhere = patch("3");
    nowhere["request"]["url"] = json!("Location/none");
    transact(app, json!([put("c", "1"), nowhere])).await.expect_refusal(404);
    app.get("Location/c").await.expect_refusal(404);
}

async fn a_json_patch_in_a_binary_works_inside(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let patch = |text: &str| {
        let data = base64::engine::general_purpose::STANDARD.encode(text);
        json!({"resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data},
            "request": {"method": "PATCH", "url": "Location/a"}})
    };
    done(app, json!([patch(r#"[{"op":"replace","path":"/name","value":"2"}]"#)])).await;
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "2");
    let failing = patch(r#"[{"op":"test","path":"/name","value":"1"}]"#);
    transact(app, json!([failing, put("b", "1")])).await.expect_refusal(422);
    transact(app, json!([patch("nonsense")])).await.expect_refusal(400);
    assert_eq!(stored(app).await, 2);
}

async fn reads_see_what_the_transaction_writes(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let found =
        done(app, json!([only("GET", "Location/a"), put("a", "2"), only("GET", "Location/a?_elements=name")])).await;
    assert_eq!((&found[0]["resource"]["name"], &found[0]["response"]["etag"]), (&json!("2"), &json!("W/\"2\"")));
    assert_eq!((&found[2]["resource"]["name"], found[2]["resource"].get("status")), (&json!("2"), None));
}

async fn a_search_in_a_transaction_sees_what_it_writes(app: &TestApp) {
    let search = only("GET", "Location?identifier=https://example.org/places|x");
    let found = done(app, json!([search, post("x"), post("x")])).await;
    assert_eq!((&found[0]["resource"]["type"], &found[0]["resource"]["total"]), (&json!("searchset"), &json!(2)));
}

async fn a_read_that_cannot_be_understood_undoes_all(app: &TestApp) {
    for url in [
        "Location?identifier:nonsense=x",
        "Location/a/b/c",
        "Nonsense?_id=1",
        "Location/$nothing",
        "Location?_lastUpdated=x",
    ] {
        let outcome = transact(app, json!([put("a", "1"), only("GET", url)])).await;
        assert!([400, 404].contains(&outcome.status), "{url}: {}", outcome.text);
    }
    assert_eq!(stored(app).await, 0);
}

async fn a_read_of_what_is_not_there_undoes_all(app: &TestApp) {
    transact(app, json!([put("a", "1"), only("GET", "Location/none")])).await.expect_refusal(404);
    app.put("Location/gone", &location("gone", "1")).await.expect(201);
    app.delete("Location/gone").await.expect(204);
    transact(app, json!([put("a", "1"), only("GET", "Location/gone")])).await.expect_refusal(410);
    app.get("Location/a").await.expect_refusal(404);
}

async fn an_empty_transaction_is_no_error(app: &TestApp) {
    let answer = app.post("", &json!({"resourceType": "Bundle", "type": "transaction"})).await.expect(200);
    assert_eq!(answer, json!({"resourceType": "Bundle", "type": "transaction-response"}));
}

async fn malformed_entries_are_told_with_their_place(app: &TestApp) {
    let malformed = [
        (json!({"resource": location("b", "1")}), "Bundle.entry[1].request"),
        (json!({"request": {"method": "FETCH", "url": "Location/b"}}), "Bundle.entry[1].request.method"),
        (json!({"request": {"method": "GET"}}), "Bundle.entry[1].request.url"),
        (json!({"request": {"method": "PUT", "url": "Location/b"}}), "Bundle.entry[1].resource"),
        (with(post("x"), "url", "Location/b"), "Bundle.entry[1]"),
        (only("DELETE", "Location"), "Bundle.entry[1]"),
    ];
    for (entry, place) in malformed {
        let outcome = transact(app, json!([put("a", "1"), entry])).await.expect_refusal(400);
        assert_eq!(outcome["issue"][0]["expression"][0], place, "{outcome}");
    }
    assert_eq!(stored(app).await, 0);
}

async fn what_others_refer_to_is_not_deleted_unless_they_go_too(app: &TestApp) {
    let mut bed = location("bed", "1");
    bed["partOf"] = json!({"reference": "Location/ward"});
    app.put("Location/ward", &location("ward", "1")).await.expect(201);
    app.put("Location/bed", &bed).await.expect(201);
    app.delete("Location/ward").await.expect_refusal(409);
    transact(app, json!([only("DELETE", "Location/ward"), put("a", "1")])).await.expect_refusal(409);
    app.get("Location/a").await.expect_refusal(404);
    done(app, json!([only("DELETE", "Location/ward"), only("DELETE", "Location/bed")])).await;
}

async fn prefer_decides_what_the_entries_carry(app: &TestApp) {
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [put("a", "1")]});
    let ask = |prefer: &str| app.request("POST", "").header("Prefer", prefer).json(&bundle);
    let full = ask("return=representation").send().await.expect(200);
    assert_eq!(full["entry"][0]["resource"]["name"], "1");
    assert_eq!(full["entry"][0]["fullUrl"], format!("{}/Location/a", app.base));
    let minimal = ask("return=minimal").send().await.expect(200);
    assert_eq!(minimal["entry"][0].get("resource"), None);
    let outcome = ask("return=OperationOutcome").send().await.expect(200);
    assert_eq!(outcome["entry"][0]["response"]["outcome"]["resourceType"], "OperationOutcome");
}
