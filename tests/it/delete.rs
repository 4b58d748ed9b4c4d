//! delete.

use kakehashi::profile::Interaction;
use serde_json::json;

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::{types_with, with_id};

both!(
    delete_is_204_again_and_for_what_never_was,
    delete_honours_if_match,
    conditional_delete_honours_if_match,
    delete_refuses_while_others_refer_to_it,
);

async fn delete_is_204_again_and_for_what_never_was(app: &TestApp) {
    for rtype in types_with(Interaction::Delete) {
        let path = format!("{rtype}/a");
        app.put(&path, &with_id(&rtype, "a")).await.expect(201);
        let answer = app.delete(&path).await;
        assert_eq!((answer.status, answer.text.as_str(), answer.header("etag")), (204, "", "W/\"2\""), "{rtype}");
        assert_eq!(app.delete(&path).await.status, 204);
        assert_eq!(app.delete(&format!("{rtype}/never")).await.status, 204);
        let history = app.get(&format!("{path}/_history")).await.expect(200);
        assert_eq!(history["total"], 2, "a repeated deletion makes no version: {rtype}");
        app.get(&format!("{rtype}/never")).await.expect_refusal(404);
    }
}

async fn delete_honours_if_match(app: &TestApp) {
    let delete = async |tag| app.request("DELETE", "Location/a").header("If-Match", tag).send().await;
    app.put("Location/a", &location("a", "1")).await.expect(201);
    app.put("Location/a", &location("a", "2")).await.expect(200);
    delete("W/\"1\"").await.expect_refusal(412);
    delete("nonsense").await.expect_refusal(400);
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "2");
    assert_eq!(delete("W/\"2\"").await.status, 204);
    app.get("Location/a").await.expect_refusal(410);
    app.put("Location/a", &location("a", "3")).await.expect(201);
    assert_eq!(delete("*").await.status, 204);
    delete("*").await.expect_refusal(412);
}

/// Whatever selects the resource, a condition is never passed over.
async fn conditional_delete_honours_if_match(app: &TestApp) {
    let delete = async |id: &str, tag: &str| {
        app.request("DELETE", &format!("Location?_id={id}")).header("If-Match", tag).send().await
    };
    app.put("Location/a", &location("a", "1")).await.expect(201);
    app.put("Location/a", &location("a", "2")).await.expect(200);
    delete("a", "W/\"1\"").await.expect_refusal(412);
    delete("none", "W/\"1\"").await.expect_refusal(412);
    delete("none", "*").await.expect_refusal(412);
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "2");
    assert_eq!(delete("a", "W/\"2\"").await.status, 204);
}

async fn delete_refuses_while_others_refer_to_it(app: &TestApp) {
    app.put("Location/ward", &location("ward", "北棟")).await.expect(201);
    let mut bed = location("bed", "1");
    bed["partOf"] = json!({"reference": "Location/ward"});
    app.put("Location/bed", &bed).await.expect(201);
    let refused = app.delete("Location/ward").await.expect_refusal(409);
    assert_eq!(refused["issue"][0]["code"], "conflict");
    assert_eq!(app.get("Location/ward").await.expect(200)["name"], "北棟");
    app.delete("Location/bed").await.expect(204);
    assert_eq!(app.delete("Location/ward").await.status, 204);
}
