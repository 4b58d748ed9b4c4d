//! Searches over all types, and over those that `_type` names.

use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::with_id;

use super::{keys, link, pages};

both!(
    all_types_are_searched_at_once,
    types_can_be_chosen,
    pages_lead_through_all_types,
    what_cannot_be_searched_so_is_refused,
    a_batch_may_hold_searches_of_all_kinds,
);

async fn fill(app: &TestApp) {
    for rtype in ["Patient", "Organization"] {
        app.put(&format!("{rtype}/a"), &with_id(rtype, "a")).await.expect(201);
    }
    for id in ["a", "b", "c"] {
        app.put(&format!("Location/{id}"), &location(id, "x")).await.expect(201);
    }
}

fn matches(bundle: &Value) -> Vec<String> {
    keys(bundle, "match")
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort();
    keys
}

async fn all_types_are_searched_at_once(app: &TestApp) {
    fill(app).await;
    let bundle = app.get("?_id=a").await.expect(200);
    assert_eq!(sorted(matches(&bundle)), ["Location/a", "Organization/a", "Patient/a"]);
    assert_eq!(bundle["total"], 3);
    assert_eq!(link(&bundle, "self"), Some(format!("{}?_id=a", app.base).as_str()));
    assert_eq!(bundle["entry"][0]["fullUrl"], format!("{}/{}", app.base, matches(&bundle)[0]));
    assert_eq!(matches(&app.get("").await.expect(200)).len(), 5);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(app.request("POST", "_search").raw(form, "_id=a").send().await.expect(200), bundle);
    let merged = app.request("POST", "_search?_id=a,b").raw(form, "_type=Location").send().await.expect(200);
    assert_eq!(matches(&merged), ["Location/a", "Location/b"]);
    assert_eq!(app.request("HEAD", "?_id=a").send().await.status, 200);
    app.delete("Patient/a").await.expect(204);
    assert_eq!(app.get("?_id=a&_summary=count").await.expect(200)["total"], 2);
}

async fn types_can_be_chosen(app: &TestApp) {
    fill(app).await;
    for (types, expected) in [
        ("Patient", vec!["Patient/a"]),
        ("Location,Patient", vec!["Location/a", "Location/b", "Location/c", "Patient/a"]),
        ("Patient,Location,Patient", vec!["Patient/a", "Location/a", "Location/b", "Location/c"]),
        ("Task", vec![]),
    ] {
        let bundle = app.get(&format!("?_type={types}")).await.expect(200);
        assert_eq!(matches(&bundle), expected, "{types}");
        assert_eq!(link(&bundle, "self"), Some(format!("{}?_type={types}", app.base).as_str()));
    }
    let by_type = app.get("?_type=Location,Patient&_id=a&_total=accurate&_count=1").await.expect(200);
    assert_eq!((&by_type["total"], matches(&by_type).len()), (&json!(2), 1));
}

async fn pages_lead_through_all_types(app: &TestApp) {
    fill(app).await;
    for count in [1, 2, 3, 5] {
        let all = pages(app, &format!("?_type=Location,Organization,Patient&_count={count}"), async |_| ()).await;
        assert_eq!(all.len(), 5_usize.div_ceil(count));
        assert_eq!(all.concat(), ["a", "b", "c", "a", "a"], "{count}");
    }
}

async fn what_cannot_be_searched_so_is_refused(app: &TestApp) {
    for bad in ["?_type=Nothing", "?_type=", "?_type=Location,", "?_type=StructureDefinition", "?_type=A&_type=B"] {
        let refused = app.get(bad).await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], "http.name:_type", "{bad}");
    }
    let strict = app.request("GET", "?_id=a&nothing=1").header("Prefer", "handling=strict").send().await;
    assert_eq!(strict.expect_refusal(400)["issue"][0]["expression"][0], "http.name:nothing");
    let told = app.get("?_id=none&nothing=1").await.expect(200);
    assert_eq!(told["entry"][0]["search"]["mode"], "outcome");
    app.request("POST", "_search").raw("application/fhir+json", "{}").send().await.expect_refusal(415);
    app.get("_search?_id=a").await.expect_refusal(405);
}

async fn a_batch_may_hold_searches_of_all_kinds(app: &TestApp) {
    fill(app).await;
    let entry = |url: &str| json!({"request": {"method": "GET", "url": url}});
    for kind in ["batch", "transaction"] {
        let urls = ["?_id=a", "Location?_id=a,b&_total=none", "Patient/a/ServiceRequest"];
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": urls.map(entry)});
        let answer = app.post("", &bundle).await.expect(200);
        let found = |at: usize| matches(&answer["entry"][at]["resource"]).len();
        assert_eq!((found(0), found(1), found(2)), (3, 2, 0), "{kind}: {answer}");
    }
}
