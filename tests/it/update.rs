//! update, update as create, If-Match and If-None-Match.

use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, location};
use crate::both;
use crate::builders::{changed, minimal, types_with, with_id};

both!(
    update_answers_200_with_a_new_version,
    update_refuses_an_id_that_is_missing_or_not_the_urls,
    a_stale_if_match_is_412_and_nothing_changes,
    if_match_of_any_version_asks_that_there_is_one,
    an_if_match_that_cannot_be_read_is_400,
    a_condition_that_cannot_be_heard_is_400,
    update_creates_what_is_not_there,
    if_none_match_of_any_version_creates_only,
    update_brings_a_deleted_resource_back_with_its_history,
    update_without_if_match_is_taken,
    an_update_that_says_the_same_makes_no_version,
    update_answers_in_the_form_that_prefer_asks_for,
);

async fn update_answers_200_with_a_new_version(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let path = format!("{rtype}/a");
        let first = with_id(&rtype, "a");
        app.put(&path, &first).await.expect(201);
        let answer = app.put(&path, &changed(&first, "en")).await;
        assert_eq!(answer.header("etag"), "W/\"2\"", "{rtype}");
        assert!(answer.header("last-modified").ends_with("GMT"));
        assert_eq!(answer.header("location"), format!("{}/{path}/_history/2", app.base));
        let updated = answer.expect(200);
        assert_eq!((&updated["meta"]["versionId"], &updated["language"]), (&json!("2"), &json!("en")));
        assert_eq!(app.get(&path).await.expect(200), updated);
    }
}

async fn update_refuses_an_id_that_is_missing_or_not_the_urls(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let path = format!("{rtype}/a");
        for body in [minimal(&rtype), with_id(&rtype, "b"), with_id(&rtype, "A")] {
            let refused = app.put(&path, &body).await.expect_refusal(400);
            assert_eq!(refused["issue"][0]["expression"][0], format!("{rtype}.id"));
        }
        let other = if rtype == "Patient" { "Location" } else { "Patient" };
        let refused = app.put(&path, &with_id(other, "a")).await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], format!("{rtype}.resourceType"));
        app.get(&path).await.expect_refusal(404);
    }
    app.put("Location/not_an_id", &location("not_an_id", "x")).await.expect_refusal(400);
}

async fn put_if(app: &TestApp, header: (&str, &str), body: &Value) -> Answer {
    app.request("PUT", "Location/a").header(header.0, header.1).json(body).send().await
}

async fn a_stale_if_match_is_412_and_nothing_changes(app: &TestApp) {
    let unknown = put_if(app, ("If-Match", "W/\"1\""), &location("a", "0")).await.expect_refusal(412);
    assert_eq!(unknown["issue"][0]["expression"][0], "http.header:If-Match");
    app.get("Location/a").await.expect_refusal(404);
    app.put("Location/a", &location("a", "1")).await.expect(201);
    put_if(app, ("If-Match", "W/\"1\""), &location("a", "2")).await.expect(200);
    for stale in ["W/\"1\"", "W/\"3\"", "W/\"other\""] {
        put_if(app, ("If-Match", stale), &location("a", "lost")).await.expect_refusal(412);
    }
    let standing = app.get("Location/a").await.expect(200);
    assert_eq!((&standing["name"], &standing["meta"]["versionId"]), (&json!("2"), &json!("2")));
    app.delete("Location/a").await.expect(204);
    put_if(app, ("If-Match", "W/\"2\""), &location("a", "3")).await.expect_refusal(412);
}

async fn if_match_of_any_version_asks_that_there_is_one(app: &TestApp) {
    let put = async |name| put_if(app, ("If-Match", "*"), &location("a", name)).await;
    put("0").await.expect_refusal(412);
    app.put("Location/a", &location("a", "1")).await.expect(201);
    put("2").await.expect(200);
    app.delete("Location/a").await.expect(204);
    put("3").await.expect_refusal(412);
    app.get("Location/a").await.expect_refusal(410);
    let conditional = async |name: &str, header: &str| {
        let request = app.request("PUT", "Location?_id=c").header(header, "*");
        request.json(&location("c", name)).send().await
    };
    conditional("0", "If-Match").await.expect_refusal(412);
    conditional("1", "If-None-Match").await.expect(201);
    conditional("2", "If-None-Match").await.expect_refusal(412);
    conditional("3", "If-Match").await.expect(200);
}

async fn an_if_match_that_cannot_be_read_is_400(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    for tag in ["", "1x", "W/", "\"1", "W/\"1\", W/\"2\"", "*, W/\"1\""] {
        let refused = put_if(app, ("If-Match", tag), &location("a", "2")).await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], "http.header:If-Match", "{tag}");
    }
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "1");
}

async fn a_condition_that_cannot_be_heard_is_400(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let list = put_if(app, ("If-Match", "W/\"1\", W/\"2\""), &location("a", "2")).await;
    assert!(list.text.contains("not a list"), "{}", list.text);
    let lines = app.request("PUT", "Location/a").header("If-Match", "W/\"1\"").header("If-Match", "W/\"2\"");
    lines.json(&location("a", "2")).send().await.expect_refusal(400);
    for method in ["PUT", "DELETE"] {
        for tag in ["W/\"3\"", "W/\"1\"", "*, W/\"3\"", ""] {
            let write = app.request(method, "Location/a").header("If-None-Match", tag).json(&location("a", "2"));
            let refused = write.send().await.expect_refusal(400);
            assert_eq!(refused["issue"][0]["expression"][0], "http.header:If-None-Match", "{tag}");
        }
    }
    let both = app.request("PUT", "Location/a").header("If-Match", "W/\"1\"").header("If-None-Match", "*");
    both.json(&location("a", "2")).send().await.expect_refusal(400);
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "1");
}

async fn update_creates_what_is_not_there(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let answer = app.put(&format!("{rtype}/new.1-A"), &with_id(&rtype, "new.1-A")).await;
        assert_eq!(answer.header("location"), format!("{}/{rtype}/new.1-A/_history/1", app.base));
        assert_eq!(answer.header("etag"), "W/\"1\"");
        assert_eq!(answer.expect(201)["id"], "new.1-A", "{rtype}");
    }
}

async fn if_none_match_of_any_version_creates_only(app: &TestApp) {
    let put = async |name| put_if(app, ("If-None-Match", "*"), &location("a", name)).await;
    put("1").await.expect(201);
    let refused = put("2").await.expect_refusal(412);
    assert_eq!(refused["issue"][0]["expression"][0], "http.header:If-None-Match");
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "1");
    app.delete("Location/a").await.expect(204);
    assert_eq!(put("3").await.expect(201)["meta"]["versionId"], "3");
}

async fn update_brings_a_deleted_resource_back_with_its_history(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let path = format!("{rtype}/a");
        app.put(&path, &with_id(&rtype, "a")).await.expect(201);
        app.delete(&path).await.expect(204);
        let back = app.put(&path, &with_id(&rtype, "a")).await;
        assert_eq!(back.header("etag"), "W/\"3\"");
        back.expect(201);
        assert_eq!(app.get(&path).await.expect(200)["meta"]["versionId"], "3", "{rtype}");
        assert_eq!(app.get(&format!("{path}/_history")).await.expect(200)["total"], 3);
        assert_eq!(app.get(&format!("{rtype}?_id=a")).await.expect(200)["total"], 1, "search finds it again");
    }
}

/// The gateway does not demand If-Match; so R4's 400 for a missing one never arises.
async fn update_without_if_match_is_taken(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    app.put("Location/a", &location("a", "2")).await.expect(200);
}

async fn an_update_that_says_the_same_makes_no_version(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let path = format!("{rtype}/a");
        let first = app.put(&path, &with_id(&rtype, "a")).await.expect(201);
        let again = app.put(&path, &with_id(&rtype, "a")).await;
        assert_eq!(again.header("etag"), "W/\"1\"");
        assert_eq!(again.expect(200), first, "{rtype}");
        assert_eq!(app.put(&path, &first).await.expect(200), first, "what was read may be sent back");
        assert_eq!(app.get(&format!("{path}/_history")).await.expect(200)["total"], 1);
    }
}

async fn update_answers_in_the_form_that_prefer_asks_for(app: &TestApp) {
    let minimal = put_if(app, ("Prefer", "return=minimal"), &location("a", "1")).await;
    assert_eq!((minimal.status, minimal.text.as_str(), minimal.header("etag")), (201, "", "W/\"1\""));
    let outcome = put_if(app, ("Prefer", "return=OperationOutcome"), &location("a", "2")).await.expect(200);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let whole = put_if(app, ("Prefer", "return=representation"), &location("a", "3")).await.expect(200);
    assert_eq!(whole["name"], "3");
}
