//! history of a resource, a type and the system.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::app::{TestApp, identified, location};
use crate::both;

both!(
    instance_history_tells_every_version_newest_first,
    a_deletion_is_an_entry_without_a_resource,
    type_history_has_its_type_alone_and_system_history_all,
    history_of_what_never_was_is_404,
    since_takes_versions_from_that_moment_on,
    at_takes_versions_that_were_current_then,
    count_zero_and_summary_count_tell_the_total_alone,
    pages_are_complete_and_without_repeats_while_writes_go_on,
    every_page_tells_the_same_total_while_writes_go_on,
    parameters_that_cannot_be_read_are_refused,
);

fn entries(bundle: &Value) -> Vec<Value> {
    bundle["entry"].as_array().cloned().unwrap_or_default()
}

fn link<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
    bundle["link"].as_array()?.iter().find(|link| link["relation"] == relation)?["url"].as_str()
}

/// The version that an entry tells of, such as `Location/a 2`.
fn named(entry: &Value) -> String {
    let full_url = entry["fullUrl"].as_str().unwrap();
    let mut parts = full_url.rsplitn(3, '/');
    let (id, rtype) = (parts.next().unwrap(), parts.next().unwrap());
    format!("{rtype}/{id} {}", entry["response"]["etag"].as_str().unwrap())
}

async fn pause() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

async fn put(app: &TestApp, name: &str) -> String {
    let stored = app.put("Location/a", &location("a", name)).await.json();
    pause().await;
    stored["meta"]["lastUpdated"].as_str().unwrap().to_owned()
}

async fn instance_history_tells_every_version_newest_first(app: &TestApp) {
    put(app, "1").await;
    put(app, "2").await;
    let patch = r#"[{"op":"replace","path":"/name","value":"3"}]"#;
    app.request("PATCH", "Location/a").raw("application/json-patch+json", patch).send().await.expect(200);
    let bundle = app.get("Location/a/_history").await.expect(200);
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"], &bundle["total"]),
        (&json!("Bundle"), &json!("history"), &json!(3))
    );
    let found = entries(&bundle);
    let names: Vec<&Value> = found.iter().map(|entry| &entry["resource"]["name"]).collect();
    assert_eq!(names, ["3", "2", "1"]);
    let (newest, oldest) = (&found[0], &found[2]);
    assert_eq!(newest["fullUrl"], format!("{}/Location/a", app.base));
    assert_eq!(newest["response"]["etag"], "W/\"3\"");
    assert_eq!(newest["response"]["lastModified"], newest["resource"]["meta"]["lastUpdated"]);
    assert_eq!(oldest["request"], json!({"method": "PUT", "url": "Location/a"}));
    assert!(oldest["response"]["status"].as_str().unwrap().starts_with("201"));
    assert!(newest["response"]["status"].as_str().unwrap().starts_with("200"));
    assert_eq!(oldest["resource"], app.get("Location/a/_history/1").await.expect(200));
}

async fn a_deletion_is_an_entry_without_a_resource(app: &TestApp) {
    put(app, "1").await;
    app.delete("Location/a").await.expect(204);
    put(app, "3").await;
    let found = entries(&app.get("Location/a/_history").await.expect(200));
    assert_eq!(found.len(), 3);
    assert_eq!(found[1]["request"], json!({"method": "DELETE", "url": "Location/a"}));
    assert_eq!((found[1].get("resource"), &found[1]["response"]["etag"]), (None, &json!("W/\"2\"")));
    assert_eq!(found[0]["resource"]["name"], "3");
    app.get("Location/a/_history/2").await.expect_refusal(410);
}

async fn type_history_has_its_type_alone_and_system_history_all(app: &TestApp) {
    let posted = app.post("Location", &identified("x")).await.expect(201);
    app.put("Organization/o", &json!({"resourceType": "Organization", "id": "o", "name": "会"})).await.expect(201);
    put(app, "1").await;
    let of_type = app.get("Location/_history").await.expect(200);
    let id = posted["id"].as_str().unwrap();
    assert_eq!(of_type["total"], 2);
    let found: Vec<String> = entries(&of_type).iter().map(named).collect();
    assert_eq!(found, ["Location/a W/\"1\"".to_owned(), format!("Location/{id} W/\"1\"")]);
    assert_eq!(entries(&of_type)[1]["request"], json!({"method": "POST", "url": "Location"}));
    let of_all = app.get("_history").await.expect(200);
    assert_eq!(of_all["total"], 3);
    let types: Vec<Value> = entries(&of_all).iter().map(|entry| entry["resource"]["resourceType"].clone()).collect();
    assert_eq!(types, ["Location", "Organization", "Location"]);
}

async fn history_of_what_never_was_is_404(app: &TestApp) {
    app.get("Location/nobody/_history").await.expect_refusal(404);
    app.get("Nonsense/_history").await.expect_refusal(404);
    let empty = app.get("Location/_history").await.expect(200);
    assert_eq!((&empty["total"], empty.get("entry")), (&json!(0), None));
}

async fn since_takes_versions_from_that_moment_on(app: &TestApp) {
    put(app, "1").await;
    let second = put(app, "2").await;
    put(app, "3").await;
    for path in ["Location/a/_history", "Location/_history", "_history"] {
        let bundle = app.get(&format!("{path}?_since={second}")).await.expect(200);
        let names: Vec<Value> = entries(&bundle).iter().map(|entry| entry["resource"]["name"].clone()).collect();
        assert_eq!((&bundle["total"], names), (&json!(2), vec![json!("3"), json!("2")]), "{path}");
        assert!(link(&bundle, "self").unwrap().contains("_since="));
    }
    let none = app.get("Location/a/_history?_since=2999-01-01").await.expect(200);
    assert_eq!(none["total"], 0);
}

async fn at_takes_versions_that_were_current_then(app: &TestApp) {
    put(app, "1").await;
    let second = put(app, "2").await;
    put(app, "3").await;
    let at = |moment: &str| {
        let path = format!("Location/a/_history?_at={moment}");
        async move {
            let bundle = app.get(&path).await.expect(200);
            entries(&bundle)
                .iter()
                .map(|entry| entry["resource"]["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(at(&second).await, ["2"]);
    assert_eq!(at("2999-01-01").await, ["3"], "the last one still is");
    assert_eq!(at("2001-01-01").await, [""; 0], "none was there yet");
    let year = &second[..4];
    assert_eq!(at(year).await, ["3", "2", "1"], "a year holds them all");
}

async fn count_zero_and_summary_count_tell_the_total_alone(app: &TestApp) {
    put(app, "1").await;
    put(app, "2").await;
    for query in ["_count=0", "_summary=count"] {
        let bundle = app.get(&format!("Location/a/_history?{query}")).await.expect(200);
        assert_eq!((&bundle["total"], bundle.get("entry")), (&json!(2), None), "{query}");
        assert_eq!(link(&bundle, "next"), None);
    }
}

/// Writes until it is told to stop.
async fn keep_writing(app: &TestApp, stop: &AtomicBool) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let (left, right) = (location("w1", &number.to_string()), location("w2", &number.to_string()));
        tokio::join!(app.put("Location/w1", &left), app.put("Location/w2", &right));
    }
}

async fn pages(app: &TestApp, stop: &AtomicBool) -> Vec<Value> {
    let mut next = Some(format!("{}/Location/_history?_count=3", app.base));
    let mut found = Vec::new();
    while let Some(url) = next {
        let path = url.strip_prefix(&format!("{}/", app.base)).unwrap().to_owned();
        let bundle = app.get(&path).await.expect(200);
        next = link(&bundle, "next").map(str::to_owned);
        found.push(bundle);
    }
    stop.store(true, Ordering::Relaxed);
    found
}

async fn pages_while_writing(app: &TestApp) -> Vec<Value> {
    for number in 0..20 {
        app.put(&format!("Location/l{number}"), &location(&format!("l{number}"), "1")).await.expect(201);
    }
    let stop = AtomicBool::new(false);
    tokio::join!(pages(app, &stop), keep_writing(app, &stop)).0
}

async fn pages_are_complete_and_without_repeats_while_writes_go_on(app: &TestApp) {
    let bundles = pages_while_writing(app).await;
    let found: Vec<String> = bundles.iter().flat_map(entries).map(|entry| named(&entry)).collect();
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!(found.len(), distinct.len(), "no version twice: {found:?}");
    for number in 0..20 {
        assert!(found.contains(&format!("Location/l{number} W/\"1\"")), "l{number} in {found:?}");
    }
    assert!(bundles.iter().all(|bundle| entries(bundle).len() <= 3));
    // Everything at or below the newest version that was shown is there.
    assert_eq!(bundles[0]["total"], found.len());
}

async fn every_page_tells_the_same_total_while_writes_go_on(app: &TestApp) {
    let bundles = pages_while_writing(app).await;
    let totals: BTreeSet<String> = bundles.iter().map(|bundle| bundle["total"].to_string()).collect();
    assert_eq!(totals.len(), 1, "{totals:?}");
    assert!(bundles.len() > 6);
}

async fn parameters_that_cannot_be_read_are_refused(app: &TestApp) {
    put(app, "1").await;
    for query in ["_since=yesterday", "_at=x", "_count=-1", "_count=many", "_before=1", "_before=x.y"] {
        app.get(&format!("Location/a/_history?{query}")).await.expect_refusal(400);
    }
    let strict = app.request("GET", "Location/a/_history?colour=red").header("Prefer", "handling=strict");
    strict.send().await.expect_refusal(400);
    let lenient = app.get("Location/a/_history?colour=red").await.expect(200);
    assert!(!link(&lenient, "self").unwrap().contains("colour"));
}
