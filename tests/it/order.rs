//! One order of judgement (DESIGN, "Answers"): where several things are wrong, the first in the order decides.

use serde_json::{Value, json};

use crate::app::{Answer, TestApp, location};
use crate::both;

both!(
    each_fault_is_answered_before_those_behind_it,
    a_method_that_is_not_offered_comes_before_the_form_of_request_and_answer,
    reads_answer_406_before_400_before_404_and_410,
    a_method_that_is_not_offered_is_told_before_the_body_is_sent,
    an_unknown_packing_comes_before_the_size,
    a_condition_comes_before_the_content,
    the_content_comes_before_the_state,
    a_transaction_tells_the_first_in_the_order_whichever_entry_it_is_of,
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

/// The body is announced and never sent, so nothing can have waited for it.
async fn a_method_that_is_not_offered_is_told_before_the_body_is_sent(app: &TestApp) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = app.base.strip_prefix("http://").unwrap().strip_suffix("/fhir").unwrap();
    for (target, status) in [("Location/a/_history/1", 405), ("StructureDefinition/a", 405), ("Nothing/a", 404)] {
        for length in [10, 100 << 20] {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let head = format!(
                "PUT /fhir/{target} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: text/plain\r\n\
                 Accept: text/html\r\nContent-Encoding: br\r\nContent-Length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut start = [0; 12];
            let read = stream.read_exact(&mut start);
            tokio::time::timeout(std::time::Duration::from_secs(3), read).await.unwrap().unwrap();
            assert_eq!(String::from_utf8_lossy(&start), format!("HTTP/1.1 {status}"), "{target} {length}");
        }
    }
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

/// 400, 404 and 410, 412, 422, 409, in whatever order the entries stand.
async fn a_transaction_tells_the_first_in_the_order_whichever_entry_it_is_of(app: &TestApp) {
    app.put("Location/ward", &location("ward", "北棟")).await.expect(201);
    let mut bed = location("bed", "1");
    bed["partOf"] = json!({"reference": "Location/ward"});
    app.put("Location/bed", &bed).await.expect(201);
    app.put("Location/gone", &location("gone", "1")).await.expect(201);
    app.delete("Location/gone").await.expect(204);
    let put = |url: &str, body: Value| json!({"resource": body, "request": {"method": "PUT", "url": url}});
    let mut stale = put("Location/bed", bed);
    stale["request"]["ifMatch"] = json!("W/\"9\"");
    let mut absent = put("Location/none", location("none", "1"));
    absent["request"]["ifMatch"] = json!("*");
    let patch = json!({"resource": {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Location.alias[3]"},
        {"name": "value", "valueString": "x"}]}]}, "request": {"method": "PATCH", "url": "Location/ward"}});
    let faults = [
        (400, put("Location/b", location("other", "1"))),
        (404, json!({"request": {"method": "GET", "url": "Location/nowhere"}})),
        (410, json!({"request": {"method": "GET", "url": "Location/gone"}})),
        (412, stale),
        (412, absent),
        (422, put("Location/a", json!({"resourceType": "Location", "id": "a", "nmae": "x"}))),
        (422, patch),
        (409, put("Location?identifier=nothing", location("ward", "x"))),
    ];
    let transact = async |entries: [&Value; 2]| {
        app.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).await
    };
    for (at, (status, first)) in faults.iter().enumerate() {
        // 404 and 410 stand on one line of the order.
        for (_, other) in faults[at + 1..].iter().filter(|(other, _)| (*status, *other) != (404, 410)) {
            for entries in [[first, other], [other, first]] {
                let answer = transact(entries).await;
                assert_eq!(answer.status, *status, "{entries:?}: {}", answer.text);
            }
        }
    }
    let delete = json!({"request": {"method": "DELETE", "url": "Location/ward"}});
    for (status, first) in &faults[3..6] {
        assert_eq!(transact([&delete, first]).await.status, *status, "{first}");
    }
    assert_eq!(transact([&delete, &put("Location/z", location("z", "1"))]).await.status, 409);
}
