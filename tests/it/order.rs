//! One order of judgement (DESIGN, "Answers"): where several things are wrong, the first in the order decides.

use serde_json::{Value, json};

use crate::app::{Answer, TestApp, location};
use crate::both;

both!(
    each_fault_is_answered_before_those_behind_it,
    a_method_that_is_not_offered_comes_before_the_form_of_request_and_answer,
    reads_answer_406_before_400_before_404_and_410,
    an_unknown_packing_comes_before_the_size,
    a_condition_comes_before_the_content,
    the_content_comes_before_the_state,
);

/// The faults that a PUT can have at once, in the order in which they are told.
const FAULTS: [(&str, u16); 6] =
    [("type", 404), ("accept", 406), ("media", 415), ("size", 413), ("syntax", 400), ("condition", 412)];

/// A PUT with the named faults, and content that breaks a rule.
async fn put(app: &TestApp, faults: &[&str]) -> Answer {
    let has = |name: &str| faults.contains(&name);
    let path = if has("type") { "Nothing/a" } else { "Location/a" };
    let mut body = json!({"resourceType": "Location", "id": "a", "status": "no such code"}).to_string();
    if has("syntax") {
        body.push('}');
    }
    if has("size") {
        body.push_str(&" ".repeat(5 << 20));
    }
    let mut request = app.request("PUT", path).header("Accept", if has("accept") { "text/html" } else { "*/*" });
    if has("condition") {
        request = request.header("If-Match", "W/\"7\"");
    }
    let media = if has("media") { "application/fhir+xml" } else { "application/fhir+json" };
    request.raw(media, body).send().await
}

async fn each_fault_is_answered_before_those_behind_it(app: &TestApp) {
    put(app, &[]).await.expect_refusal(422);
    let names = FAULTS.map(|(name, _)| name);
    for (first, (name, status)) in FAULTS.into_iter().enumerate() {
        put(app, &[name]).await.expect_refusal(status);
        // A body over the limit may be refused while it is still being sent; alone it has been shown above.
        put(app, &names[first..]).await.expect_refusal(status);
        for other in &names[first + 1..] {
            put(app, &[name, other]).await.expect_refusal(status);
        }
    }
    app.get("Location/a").await.expect_refusal(404);
}

async fn a_method_that_is_not_offered_comes_before_the_form_of_request_and_answer(app: &TestApp) {
    for (method, path) in [
        ("POST", "metadata"),
        ("PUT", "_history"),
        ("DELETE", "Location/a/_history/1"),
        ("PUT", "StructureDefinition/kh-bed"),
        ("PATCH", "Provenance/a"),
        ("POST", "AuditEvent"),
    ] {
        let request = app.request(method, path).header("Accept", "text/html").header("If-Match", "x");
        request.raw("text/plain", "x").send().await.expect_refusal(405);
        let unknown = app.request(method, "Nothing/a").header("Accept", "text/html");
        unknown.raw("text/plain", "x").send().await.expect_refusal(404);
    }
}

async fn reads_answer_406_before_400_before_404_and_410(app: &TestApp) {
    app.put("Location/gone", &location("gone", "x")).await.expect(201);
    app.delete("Location/gone").await.expect(204);
    for (id, status) in [("none", 404), ("gone", 410)] {
        for method in ["GET", "HEAD"] {
            let path = format!("Location/{id}?_summary=nothing");
            let get = |path: &str, accept: &str| app.request(method, path).header("Accept", accept).send();
            assert_eq!(get(&path, "text/html").await.status, 406);
            assert_eq!(get(&path, "*/*").await.status, 400);
            assert_eq!(get(&format!("Location/{id}"), "*/*").await.status, status);
        }
        let patch = |media: &'static str, body: &'static str| {
            app.request("PATCH", &format!("Location/{id}")).raw(media, body).send()
        };
        patch("text/plain", "x").await.expect_refusal(415);
        patch("application/json-patch+json", "x").await.expect_refusal(400);
        patch("application/json-patch+json", "[{\"op\":\"remove\",\"path\":\"/name\"}]").await.expect_refusal(status);
    }
    assert_eq!(app.delete("Location/gone").await.status, 204, "a repeated deletion is none of these");
}

async fn an_unknown_packing_comes_before_the_size(app: &TestApp) {
    let request = app.request("PUT", "Location/a").header("Content-Encoding", "br");
    request.raw("application/fhir+json", " ".repeat(5 << 20)).send().await.expect_refusal(415);
}

/// 412 before 422, whichever condition it is.
async fn a_condition_comes_before_the_content(app: &TestApp) {
    let invalid = json!({"resourceType": "Location", "id": "a", "nmae": "x"});
    let put = async |header: &str, value: &str| {
        app.request("PUT", "Location/a").header(header, value).json(&invalid).send().await
    };
    put("If-Match", "*").await.expect_refusal(412);
    put("If-None-Match", "*").await.expect_refusal(422);
    app.put("Location/a", &location("a", "1")).await.expect(201);
    for (header, value, status) in [
        ("If-Match", "W/\"2\"", 412),
        ("If-None-Match", "*", 412),
        ("If-Match", "*", 422),
        ("If-Match", "W/\"1\"", 422),
    ] {
        put(header, value).await.expect_refusal(status);
    }
    let twin = |value: &str| json!({"resourceType": "Location", "identifier": [{"value": value}]});
    app.post("Location", &twin("t")).await.expect(201);
    app.post("Location", &twin("t")).await.expect(201);
    let mut broken: Value = twin("t");
    broken["nmae"] = json!("x");
    let create = app.request("POST", "Location").header("If-None-Exist", "identifier=t").json(&broken).send().await;
    create.expect_refusal(412);
    app.put("Location?identifier=t", &broken).await.expect_refusal(412);
}

/// 422 before 409, and 412 before 409.
async fn the_content_comes_before_the_state(app: &TestApp) {
    app.put("Location/ward", &location("ward", "北棟")).await.expect(201);
    let mut bed = location("bed", "1");
    bed["partOf"] = json!({"reference": "Location/ward"});
    app.put("Location/bed", &bed).await.expect(201);
    let stale = app.request("DELETE", "Location/ward").header("If-Match", "W/\"9\"").send().await;
    stale.expect_refusal(412);
    app.delete("Location/ward").await.expect_refusal(409);
    let mut invalid = location("ward", "x");
    invalid["status"] = json!("no such code");
    app.put("Location?identifier=nothing", &invalid).await.expect_refusal(422);
    app.put("Location?identifier=nothing", &location("ward", "x")).await.expect_refusal(409);
}
