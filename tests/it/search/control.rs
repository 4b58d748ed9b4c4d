//! Parameters about the answer: totals, parts, strict and lenient handling, the search by POST.

use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::types_with;

use super::{found, ids, link, place};

both!(
    totals_count_matches_and_can_be_left_out,
    an_unknown_parameter_is_told_and_left_out_of_the_self_link,
    strict_handling_refuses_unknown_parameters,
    a_search_by_post_is_the_search_by_get,
    format_in_the_body_of_a_search_is_honoured,
    the_self_link_lists_what_was_applied,
    contradictions_are_refused,
    a_page_has_its_limit,
    a_search_answers_head,
);

async fn totals_count_matches_and_can_be_left_out(app: &TestApp) {
    for id in ["a", "b", "c"] {
        app.put(&format!("Location/{id}"), &location(id, "x")).await.expect(201);
    }
    for query in ["_summary=count", "_count=0", "_summary=count&_total=none"] {
        let bundle = app.get(&format!("Location?{query}")).await.expect(200);
        assert_eq!((&bundle["total"], bundle.get("entry")), (&json!(3), None), "{query}");
        assert_eq!(link(&bundle, "next"), None);
    }
    for (total, expected) in [("accurate", json!(3)), ("estimate", json!(3)), ("none", Value::Null)] {
        let bundle = app.get(&format!("Location?_count=1&_total={total}")).await.expect(200);
        assert_eq!((&bundle["total"], ids(&bundle).len()), (&expected, 1), "{total}");
    }
    app.get("Location?_total=some").await.expect_refusal(400);
    for bad in ["-1", "x", "1.5", ""] {
        app.get(&format!("Location?_count={bad}")).await.expect_refusal(400);
    }
    assert_eq!(found(app, "_count=1000000").await.len(), 3);
}

async fn an_unknown_parameter_is_told_and_left_out_of_the_self_link(app: &TestApp) {
    app.put("Location/a", &location("a", "x")).await.expect(201);
    for rtype in types_with(Interaction::SearchType) {
        let lenient = app.request("GET", &format!("{rtype}?_id=a&nothing=1&no%22thing:exact=2"));
        let bundle = lenient.header("Prefer", "handling=lenient").send().await.expect(200);
        assert_eq!(link(&bundle, "self"), Some(format!("{}/{rtype}?_id=a", app.base).as_str()));
        let entries = bundle["entry"].as_array().unwrap();
        let outcome = entries.last().unwrap();
        assert_eq!(outcome["search"]["mode"], "outcome", "{rtype}");
        assert!(outcome["fullUrl"].as_str().unwrap().starts_with("urn:uuid:"), "it has no address of its own");
        let issues = outcome["resource"]["issue"].as_array().unwrap();
        assert_eq!(issues.len(), 2, "{rtype}");
        assert_eq!(
            (&issues[0]["severity"], &issues[0]["expression"][0]),
            (&json!("warning"), &json!("http.name:nothing"))
        );
        assert_eq!(bundle["total"], i32::from(rtype == "Location"), "outcomes are no matches: {rtype}");
    }
}

async fn strict_handling_refuses_unknown_parameters(app: &TestApp) {
    for rtype in types_with(Interaction::SearchType) {
        let strict =
            |query: &str| app.request("GET", &format!("{rtype}?{query}")).header("Prefer", "handling=strict").send();
        let refused = strict("_id=a&nothing=1").await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], "http.name:nothing", "{rtype}");
        strict("_id=a&_count=1&_format=json&_summary=data&_total=accurate").await.expect(200);
    }
}

async fn a_search_by_post_is_the_search_by_get(app: &TestApp) {
    place(app, "a", Some("urn:s"), "病 床+1").await;
    place(app, "b", Some("urn:s"), "2").await;
    let form = "application/x-www-form-urlencoded";
    let post =
        async |path: &str, body: &'static str| app.request("POST", path).raw(form, body).send().await.expect(200);
    let got = app.get("Location?identifier=urn:s|%E7%97%85%20%E5%BA%8A%2B1").await.expect(200);
    assert_eq!(ids(&got), ["a"]);
    assert_eq!(post("Location/_search", "identifier=urn%3As%7C%E7%97%85+%E5%BA%8A%2B1").await, got);
    let merged = post("Location/_search?identifier=urn:s|", "_id=b&_count=1").await;
    assert_eq!(ids(&merged), ["b"], "the URL's parameters and the body's count together");
    let bare = app.request("POST", "Location/_search").send().await.expect(200);
    assert_eq!(bare["total"], 2);
    let counted = post("Location/_search", "_summary=count").await;
    assert_eq!((&counted["total"], counted.get("entry")), (&json!(2), None), "result parameters in the body hold, too");
    let parts = post("Location/_search", "_elements=name&_id=b").await;
    assert_eq!(parts["entry"][0]["resource"].get("identifier"), None);
    app.request("POST", "Location/_search").raw("application/fhir+json", "{}").send().await.expect_refusal(415);
    app.request("POST", "Location/_search").raw(form, "_id:exact=a").send().await.expect_refusal(400);
    let definitions = post("StructureDefinition/_search", "_id=kh-bed").await;
    assert_eq!(ids(&definitions), ["kh-bed"]);
}

async fn format_in_the_body_of_a_search_is_honoured(app: &TestApp) {
    let post = async |accept: &str, path: &str, body: &'static str| {
        let request = app.request("POST", path).header("Accept", accept);
        request.raw("application/x-www-form-urlencoded", body).send().await
    };
    post("text/html", "Location/_search", "_id=a&_format=json").await.expect(200);
    post("*/*", "Location/_search", "_id=a&_format=xml").await.expect_refusal(406);
    post("text/html", "Location/_search", "_id=a").await.expect_refusal(406);
    post("*/*", "Location/_search?_format=json", "_format=xml").await.expect(200);
    let plain = app.request("POST", "Location/_search").header("Accept", "text/html").raw("text/plain", "_format=json");
    plain.send().await.expect_refusal(406);
}

async fn the_self_link_lists_what_was_applied(app: &TestApp) {
    place(app, "a", Some("urn:s"), "1").await;
    let form = "application/x-www-form-urlencoded";
    for (query, applied) in [
        ("", ""),
        ("_id=a&nothing=1&_count=5", "?_id=a&_count=5"),
        (
            "_count=5&_id=a,b&_sort=-_id&_include=Location:partof",
            "?_id=a,b&_sort=-_id&_include=Location:partof&_count=5",
        ),
        ("_count=99999", "?_count=1000"),
        ("_summary=count&_id=a", "?_id=a&_summary=count"),
        ("_elements=name&_total=none&_maxresults=3", "?_elements=name&_total=none&_maxresults=3"),
        ("_format=json&_pretty=true&_id=a", "?_id=a"),
        ("identifier=urn:s%7C1%26", "?identifier=urn:s|1%26"),
    ] {
        let expected = format!("{}/Location{applied}", app.base);
        let got = app.get(&format!("Location?{query}")).await.expect(200);
        assert_eq!(link(&got, "self"), Some(expected.as_str()), "{query}");
        let posted = app.request("POST", "Location/_search").raw(form, query).send().await.expect(200);
        assert_eq!(link(&posted, "self"), Some(expected.as_str()), "{query}");
        let again = app.get(&super::under_base(app, &expected)).await.expect(200);
        assert_eq!(ids(&again), ids(&got), "the link finds the same: {query}");
    }
}

async fn contradictions_are_refused(app: &TestApp) {
    for (query, name) in [
        ("_count=1&_count=2", "_count"),
        ("_total=none&_total=accurate", "_total"),
        ("_summary=true&_summary=false", "_summary"),
        ("_maxresults=1&_maxresults=2", "_maxresults"),
        ("_elements=name&_summary=true", "_elements"),
        ("_summary=some", "_summary"),
    ] {
        let refused = app.get(&format!("Location?{query}")).await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], format!("http.name:{name}"), "{query}");
    }
    app.get("Location?_count=2&_count=2").await.expect(200);
    let merged = app.request("POST", "Location/_search?_count=1");
    merged.raw("application/x-www-form-urlencoded", "_count=2").send().await.expect_refusal(400);
}

async fn a_page_has_its_limit(app: &TestApp) {
    for n in 0..60 {
        app.put(&format!("Location/p{n}"), &location(&format!("p{n}"), "x")).await.expect(201);
    }
    let bundle = app.get("Location").await.expect(200);
    assert_eq!((ids(&bundle).len(), bundle.get("total")), (50, None), "what is not free is not counted");
    assert!(link(&bundle, "next").unwrap().contains("?_count=50&_cursor="));
    assert_eq!(link(&bundle, "self"), Some(format!("{}/Location", app.base).as_str()));
}

async fn a_search_answers_head(app: &TestApp) {
    let head = app.request("HEAD", "Location?_id=a").send().await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(app.request("HEAD", "Location?_count=x").send().await.status, 400);
}
