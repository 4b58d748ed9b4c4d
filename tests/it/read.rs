//! read, vread, conditional read, parts of resources.

use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, location};
use crate::both;
use crate::builders::{changed, types_with, with_id};

both!(
    read_answers_the_resource_with_etag_and_last_modified,
    an_unknown_id_is_404,
    a_deleted_resource_is_410_but_its_versions_remain,
    vread_answers_each_version_as_it_was,
    head_answers_the_headers_of_get_without_a_body,
    if_none_match_answers_304_where_the_copy_is_current,
    if_modified_since_answers_304_where_nothing_changed_since,
    if_none_match_decides_alone_where_both_are_given,
    not_modified_has_validators_and_no_body,
    elements_keep_what_is_named_and_what_is_mandatory,
    summary_keeps_the_parts_that_it_names,
    parts_of_resources_are_tagged_subsetted,
);

const SUBSETTED: &str = "SUBSETTED";

async fn read_answers_the_resource_with_etag_and_last_modified(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let path = format!("{rtype}/a");
        let put = app.put(&path, &with_id(&rtype, "a")).await.expect(201);
        let read = app.get(&path).await;
        assert_eq!(read.header("etag"), format!("W/\"{}\"", put["meta"]["versionId"].as_str().unwrap()));
        assert!(read.header("last-modified").ends_with("GMT"), "{rtype}");
        assert_eq!(read.header("content-type"), "application/fhir+json; charset=utf-8");
        assert_eq!(read.expect(200), put);
    }
}

async fn an_unknown_id_is_404(app: &TestApp) {
    for rtype in types_with(Interaction::Read) {
        for id in ["none", "not_an_id", "%00", "%F0%9F%8F%A5", &"x".repeat(65)] {
            let refused = app.get(&format!("{rtype}/{id}")).await.expect_refusal(404);
            assert_eq!(refused["issue"][0]["code"], "not-found", "{rtype}/{id}");
        }
    }
    for rtype in types_with(Interaction::Vread) {
        app.get(&format!("{rtype}/none/_history/1")).await.expect_refusal(404);
    }
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    for version in ["0", "2", "-1", "x", "+1", "%2B1", "01", "1.0", "99999999999999999999"] {
        app.get(&format!("Location/a/_history/{version}")).await.expect_refusal(404);
    }
}

async fn a_deleted_resource_is_410_but_its_versions_remain(app: &TestApp) {
    for rtype in types_with(Interaction::Delete) {
        let path = format!("{rtype}/a");
        app.put(&path, &with_id(&rtype, "a")).await.expect(201);
        app.delete(&path).await.expect(204);
        let refused = app.get(&path).await.expect_refusal(410);
        assert_eq!(refused["issue"][0]["code"], "deleted", "{rtype}");
        assert_eq!(app.request("HEAD", &path).send().await.status, 410);
        assert_eq!(app.get(&format!("{path}/_history/1")).await.expect(200)["id"], "a");
        app.get(&format!("{path}/_history/2")).await.expect_refusal(410);
        assert_eq!(app.get(&format!("{rtype}?_id=a")).await.expect(200)["total"], 0, "{rtype}");
    }
}

async fn vread_answers_each_version_as_it_was(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let path = format!("{rtype}/a");
        let first = with_id(&rtype, "a");
        let one = app.put(&path, &first).await.expect(201);
        let two = app.put(&path, &changed(&first, "en")).await.expect(200);
        let read = app.get(&format!("{path}/_history/1")).await;
        assert_eq!(read.header("etag"), "W/\"1\"");
        assert_eq!(read.expect(200), one, "{rtype}");
        assert_eq!(app.get(&format!("{path}/_history/2")).await.expect(200), two, "{rtype}");
    }
}

async fn head_answers_the_headers_of_get_without_a_body(app: &TestApp) {
    app.put("Location/a", &location("a", &"北棟".repeat(600))).await.expect(201);
    for path in
        ["Location/a", "Location/a/_history/1", "Location?_id=a", "Location/a/_history", "metadata", "Location/none"]
    {
        let plain = |method| app.request(method, path).header("Accept-Encoding", "identity").send();
        let (get, head) = (plain("GET").await, plain("HEAD").await);
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "content-length", "etag", "last-modified", "location"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
        assert_eq!(get.header("content-length"), get.text.len().to_string(), "{path}");
        let client = reqwest::Client::builder().no_gzip().build().unwrap();
        let packed = async |method| {
            let request = client.request(method, format!("{}/{path}", app.base)).header("accept-encoding", "gzip");
            let headers = request.send().await.unwrap().headers().clone();
            ["content-encoding", "content-length", "vary"].map(|name| headers.get(name).cloned())
        };
        assert_eq!(packed(reqwest::Method::HEAD).await, packed(reqwest::Method::GET).await, "{path}");
    }
}

async fn conditional(app: &TestApp, headers: &[(&str, &str)]) -> u16 {
    let start = app.request("GET", "Location/a");
    headers.iter().fold(start, |request, (name, value)| request.header(name, value)).send().await.status
}

async fn if_none_match_answers_304_where_the_copy_is_current(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    app.put("Location/a", &location("a", "2")).await.expect(200);
    for (tag, status) in [
        ("W/\"2\"", 304),
        ("\"2\"", 304),
        ("W/\"1\", W/\"2\"", 304),
        ("*", 304),
        ("W/\"1\"", 200),
        ("W/\"3\"", 200),
        ("W/\"other\"", 200),
    ] {
        assert_eq!(conditional(app, &[("If-None-Match", tag)]).await, status, "{tag}");
    }
    let head = app.request("HEAD", "Location/a").header("If-None-Match", "W/\"2\"").send().await;
    assert_eq!(head.status, 304);
}

async fn if_modified_since_answers_304_where_nothing_changed_since(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let modified = app.get("Location/a").await.header("last-modified").to_owned();
    for (since, status) in [
        (modified.as_str(), 304),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 304),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ("yesterday", 200),
    ] {
        assert_eq!(conditional(app, &[("If-Modified-Since", since)]).await, status, "{since}");
    }
}

async fn if_none_match_decides_alone_where_both_are_given(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let (later, before) = ("Fri, 31 Dec 2100 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:00 GMT");
    assert_eq!(conditional(app, &[("If-None-Match", "W/\"7\""), ("If-Modified-Since", later)]).await, 200);
    assert_eq!(conditional(app, &[("If-None-Match", "W/\"1\""), ("If-Modified-Since", before)]).await, 304);
    app.delete("Location/a").await.expect(204);
    assert_eq!(conditional(app, &[("If-None-Match", "*")]).await, 410, "a condition does not hide a deletion");
}

async fn not_modified_has_validators_and_no_body(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    let fresh = app.get("Location/a").await;
    let answer = app.request("GET", "Location/a").header("If-None-Match", "W/\"1\"").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (304, ""));
    assert_eq!(answer.header("etag"), fresh.header("etag"));
    assert_eq!(answer.header("last-modified"), fresh.header("last-modified"));
    assert_eq!(answer.header("content-type"), "");
    assert!(matches!(answer.header("content-length"), ""), "a length would be that of the 200");
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "1", "the connection is in step");
}

fn rich(id: &str) -> Value {
    json!({
        "resourceType": "ServiceRequest", "id": id, "language": "ja",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">依頼</div>"},
        "identifier": [{"system": "https://example.org/ids", "value": "1"}],
        "status": "active", "intent": "order", "subject": {"display": "山田"},
        "occurrenceDateTime": "2026-04-01", "note": [{"text": "備考"}],
        "_priority": {"extension": [{"url": "https://example.org/e", "valueBoolean": true}]}
    })
}

fn names(answer: Answer) -> Vec<String> {
    let mut names: Vec<String> = answer.expect(200).as_object().unwrap().keys().cloned().collect();
    names.sort();
    names
}

async fn elements_keep_what_is_named_and_what_is_mandatory(app: &TestApp) {
    app.put("ServiceRequest/a", &rich("a")).await.expect(201);
    let kept = ["id", "intent", "meta", "resourceType", "status", "subject"];
    for (asked, more) in [
        ("note", vec!["note"]),
        ("ServiceRequest.note", vec!["note"]),
        ("occurrence,identifier.value", vec!["identifier", "occurrenceDateTime"]),
        ("priority", vec!["_priority"]),
        ("nothing", vec![]),
    ] {
        let mut expected: Vec<&str> = kept.iter().copied().chain(more).collect();
        expected.sort_unstable();
        assert_eq!(names(app.get(&format!("ServiceRequest/a?_elements={asked}")).await), expected, "{asked}");
        assert_eq!(names(app.get(&format!("ServiceRequest/a/_history/1?_elements={asked}")).await), expected);
    }
}

async fn summary_keeps_the_parts_that_it_names(app: &TestApp) {
    app.put("ServiceRequest/a", &rich("a")).await.expect(201);
    let read = async |summary: &str| names(app.get(&format!("ServiceRequest/a?_summary={summary}")).await);
    let all = names(app.get("ServiceRequest/a").await);
    assert_eq!(read("false").await, all);
    assert_eq!(read("text").await, ["id", "intent", "meta", "resourceType", "status", "subject", "text"]);
    assert_eq!(read("data").await, all.iter().filter(|name| *name != "text").cloned().collect::<Vec<_>>());
    let summary = read("true").await;
    for kept in ["identifier", "occurrenceDateTime", "status", "_priority"] {
        assert!(summary.iter().any(|name| name == kept), "{kept}: {summary:?}");
    }
    assert!(!summary.iter().any(|name| name == "text" || name == "note"), "{summary:?}");
    for refused in ["count", "some", ""] {
        app.get(&format!("ServiceRequest/a?_summary={refused}")).await.expect_refusal(400);
    }
}

async fn parts_of_resources_are_tagged_subsetted(app: &TestApp) {
    let mut tagged = location("a", "北棟");
    tagged["meta"] = json!({"tag": [{"code": "own"}]});
    app.put("Location/a", &tagged).await.expect(201);
    for query in ["_elements=name", "_summary=true", "_summary=text", "_summary=data"] {
        for path in [format!("Location/a?{query}"), format!("Location?{query}")] {
            let answer = app.get(&path).await.expect(200);
            let resource = if answer["resourceType"] == "Bundle" { &answer["entry"][0]["resource"] } else { &answer };
            let tags = resource["meta"]["tag"].as_array().unwrap();
            assert_eq!(tags[0]["code"], "own", "{path}");
            assert_eq!(tags[1]["code"], SUBSETTED, "{path}");
            assert_eq!(tags[1]["system"], "http://terminology.hl7.org/CodeSystem/v3-ObservationValue");
        }
    }
    assert!(!app.get("Location/a").await.text.contains(SUBSETTED));
    assert!(!app.get("Location/a?_summary=false").await.text.contains(SUBSETTED));
}
