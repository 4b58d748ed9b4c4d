//! Conditional create, update and delete, alone and many at once.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{TestApp, identified, location};
use crate::both;

both!(
    conditional_create_has_three_outcomes,
    conditional_update_has_three_outcomes,
    a_conditional_update_with_another_id_than_the_matchs_is_400,
    a_conditional_update_creates_under_the_bodys_own_id,
    a_conditional_update_keeps_to_if_match,
    conditional_delete_takes_the_one_match_or_none,
    conditions_that_are_not_known_are_refused,
    put_with_if_none_match_star_creates_only,
    parallel_conditional_updates_make_one_resource,
    parallel_creates_with_different_words_for_one_condition_make_one_resource,
    parallel_creates_that_satisfy_each_others_conditions_make_one_resource,
    parallel_conditional_updates_and_renames_never_revive_a_name,
);

const PLACES: &str = "https://example.org/places";

async fn create_if_none(app: &TestApp, criteria: &str, body: &Value) -> crate::app::Answer {
    app.request("POST", "Location").header("If-None-Exist", criteria).json(body).send().await
}

async fn total(app: &TestApp, query: &str) -> Value {
    app.get(&format!("Location?{query}")).await.expect(200)["total"].clone()
}

fn doubly_identified() -> Value {
    json!({"resourceType": "Location", "name": "北棟", "identifier": [
        {"system": PLACES, "value": "one"}, {"system": PLACES, "value": "two"}]})
}

async fn conditional_create_has_three_outcomes(app: &TestApp) {
    let criteria = format!("identifier={PLACES}|n");
    let first = create_if_none(app, &criteria, &identified("n")).await.expect(201);
    let answer = create_if_none(app, &criteria, &identified("n")).await;
    assert_eq!(answer.header("etag"), "W/\"1\"");
    assert!(answer.header("location").ends_with(&format!("Location/{}/_history/1", first["id"].as_str().unwrap())));
    assert_eq!(answer.expect(200), first);
    app.post("Location", &identified("n")).await.expect(201);
    create_if_none(app, &criteria, &identified("n")).await.expect_refusal(412);
    assert_eq!(total(app, &criteria).await, 2);
    // Deleted resources match nothing.
    app.delete(&format!("Location/{}", first["id"].as_str().unwrap())).await.expect(204);
    create_if_none(app, &criteria, &identified("n")).await.expect(200);
}

async fn conditional_update_has_three_outcomes(app: &TestApp) {
    let path = format!("Location?identifier={PLACES}|u");
    let created = app.put(&path, &identified("u")).await.expect(201);
    let mut body = identified("u");
    body["name"] = json!("南棟");
    let updated = app.put(&path, &body).await.expect(200);
    assert_eq!((&updated["id"], &updated["meta"]["versionId"]), (&created["id"], &json!("2")));
    app.post("Location", &identified("u")).await.expect(201);
    body["name"] = json!("東棟");
    let refused = app.put(&path, &body).await.expect_refusal(412);
    assert_eq!(refused["issue"][0]["code"], "multiple-matches");
    let standing = app.get(&format!("Location/{}", created["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(standing, updated, "neither match was touched");
}

async fn a_conditional_update_with_another_id_than_the_matchs_is_400(app: &TestApp) {
    let path = format!("Location?identifier={PLACES}|u");
    let created = app.put(&path, &identified("u")).await.expect(201);
    let mut body = identified("u");
    body["id"] = json!("another");
    app.put(&path, &body).await.expect_refusal(400);
    app.get("Location/another").await.expect_refusal(404);
    body["id"] = created["id"].clone();
    body["name"] = json!("南棟");
    assert_eq!(app.put(&path, &body).await.expect(200)["meta"]["versionId"], "2");
}

async fn a_conditional_update_creates_under_the_bodys_own_id(app: &TestApp) {
    let path = format!("Location?identifier={PLACES}|u");
    let mut body = identified("u");
    body["id"] = json!("mine");
    assert_eq!(app.put(&path, &body).await.expect(201)["id"], "mine");
    // An id that is in use by something that does not match is not taken from it.
    app.put("Location/taken", &location("taken", "他")).await.expect(201);
    let mut other = identified("v");
    other["id"] = json!("taken");
    app.put(&format!("Location?identifier={PLACES}|v"), &other).await.expect_refusal(409);
    assert_eq!(app.get("Location/taken").await.expect(200)["name"], "他");
}

async fn a_conditional_update_keeps_to_if_match(app: &TestApp) {
    let path = format!("Location?identifier={PLACES}|u");
    let with = |tag: &str| app.request("PUT", &path).header("If-Match", tag);
    with("W/\"1\"").json(&identified("u")).send().await.expect_refusal(412);
    app.put(&path, &identified("u")).await.expect(201);
    let mut body = identified("u");
    body["name"] = json!("南棟");
    with("W/\"7\"").json(&body).send().await.expect_refusal(412);
    with("W/\"1\"").json(&body).send().await.expect(200);
}

async fn conditional_delete_takes_the_one_match_or_none(app: &TestApp) {
    let path = format!("Location?identifier={PLACES}|d");
    app.delete(&path).await.expect(204);
    let id = app.post("Location", &identified("d")).await.expect(201)["id"].as_str().unwrap().to_owned();
    let second = app.post("Location", &identified("d")).await.expect(201);
    app.delete(&path).await.expect_refusal(412);
    assert_eq!(total(app, &format!("identifier={PLACES}|d")).await, 2, "several matches: none is deleted");
    app.delete(&format!("Location/{}", second["id"].as_str().unwrap())).await.expect(204);
    app.delete(&path).await.expect(204);
    app.get(&format!("Location/{id}")).await.expect_refusal(410);
}

async fn conditions_that_are_not_known_are_refused(app: &TestApp) {
    create_if_none(app, "colour=red", &identified("x")).await.expect_refusal(400);
    create_if_none(app, "", &identified("x")).await.expect_refusal(400);
    app.put("Location", &identified("x")).await.expect_refusal(400);
    app.delete("Location").await.expect_refusal(400);
    for query in ["identifier:exact=x", "partof.name=x", "_has:Task:location:status=x", "near=34.7|135.4|1|km"] {
        app.delete(&format!("Location?{query}")).await.expect_refusal(400);
    }
    assert_eq!(total(app, "_summary=count").await, 0);
}

async fn put_with_if_none_match_star_creates_only(app: &TestApp) {
    let put =
        |name: &'static str| app.request("PUT", "Location/a").header("If-None-Match", "*").json(&location("a", name));
    put("1").send().await.expect(201);
    put("2").send().await.expect_refusal(412);
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "1");
    app.delete("Location/a").await.expect(204);
    assert_eq!(put("3").send().await.expect(201)["meta"]["versionId"], "3");
}

async fn parallel_conditional_updates_make_one_resource(app: &TestApp) {
    let path = format!("Location?identifier={PLACES}|u");
    let update = |n: usize| {
        let mut body = identified("u");
        body["name"] = json!(format!("n{n}"));
        let path = path.clone();
        async move { app.put(&path, &body).await }
    };
    let answers = join_all((0..20).map(update)).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[19], 201, "{statuses:?}");
    assert!(statuses[..19].iter().all(|status| *status == 200), "{statuses:?}");
    let versions: HashSet<String> = answers.iter().map(|answer| answer.header("etag").to_owned()).collect();
    assert_eq!(versions.len(), 20, "each made a version of its own");
    assert_eq!(total(app, &format!("identifier={PLACES}|u")).await, 1);
}

/// `identifier=x` and `identifier=system|x` are different words for what one resource satisfies.
async fn parallel_creates_with_different_words_for_one_condition_make_one_resource(app: &TestApp) {
    for round in 0..5 {
        let name = format!("m{round}");
        let words =
            [format!("identifier={name}"), format!("identifier={PLACES}|{name}"), format!("identifier=other,{name}")];
        let body = identified(&name);
        let create = |n: usize| create_if_none(app, &words[n % 3], &body);
        let statuses: Vec<u16> = join_all((0..18).map(create)).await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(total(app, &format!("identifier={name}")).await, 1);
    }
}

async fn parallel_creates_that_satisfy_each_others_conditions_make_one_resource(app: &TestApp) {
    for _ in 0..5 {
        let body = doubly_identified();
        let words = [format!("identifier={PLACES}|one"), format!("identifier={PLACES}|two")];
        let create = |n: usize| create_if_none(app, &words[n % 2], &body);
        let answers = join_all((0..12).map(create)).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        let id = answers[0].json()["id"].as_str().unwrap().to_owned();
        app.delete(&format!("Location/{id}")).await.expect(204);
    }
}

/// A conditional update must not write to a resource that stopped matching: it creates another, or comes first.
async fn parallel_conditional_updates_and_renames_never_revive_a_name(app: &TestApp) {
    for round in 0..10 {
        let (old, id) = (format!("old{round}"), format!("r{round}"));
        let with = |value: &str, name: &str| {
            let mut body = identified(value);
            (body["id"], body["name"]) = (json!(id), json!(name));
            body
        };
        app.put(&format!("Location/{id}"), &with(&old, "0")).await.expect(201);
        let mut conditional = identified(&old);
        conditional["name"] = json!("conditional");
        let (path, target) = (format!("Location?identifier={PLACES}|{old}"), format!("Location/{id}"));
        let renamed = with(&format!("new{round}"), "renamed");
        let (first, second) = tokio::join!(app.put(&path, &conditional), app.put(&target, &renamed));
        second.expect(200);
        // Whatever came first, the rename's content is the last word on its own resource.
        assert_eq!(
            app.get(&target).await.expect(200)["name"],
            "renamed",
            "the conditional update answered {}",
            first.status
        );
    }
}
