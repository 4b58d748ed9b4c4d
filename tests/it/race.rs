//! Many at once: one wins, nobody meets a 5xx, nothing is lost.

use futures_util::future::join_all;
use serde_json::json;

use crate::app::{TestApp, identified, location};
use crate::both;

both!(
    parallel_if_match_updates_have_one_winner,
    parallel_conditional_creates_make_one_resource,
    parallel_transactions_on_one_bed_have_one_winner,
    parallel_updates_without_if_match_all_make_a_version,
    transactions_that_cross_all_succeed,
);

fn count(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

async fn parallel_if_match_updates_have_one_winner(app: &TestApp) {
    app.put("Location/a", &location("a", "0")).await.expect(201);
    let update = |n: usize| {
        let request = app.request("PUT", "Location/a").header("If-Match", "W/\"1\"");
        async move { request.json(&location("a", &format!("n{n}"))).send().await.status }
    };
    let statuses = join_all((0..20).map(update)).await;
    assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 19), "{statuses:?}");
    assert_eq!(app.get("Location/a").await.expect(200)["meta"]["versionId"], "2");
}

async fn parallel_conditional_creates_make_one_resource(app: &TestApp) {
    let create = |_| {
        let request =
            app.request("POST", "Location").header("If-None-Exist", "identifier=https://example.org/places|x");
        async move { request.json(&identified("x")).send().await.status }
    };
    let statuses = join_all((0..20).map(create)).await;
    assert_eq!((count(&statuses, 201), count(&statuses, 200)), (1, 19), "{statuses:?}");
    let found = app.get("Location?identifier=https://example.org/places|x").await.expect(200);
    assert_eq!(found["total"], 1);
}

async fn parallel_transactions_on_one_bed_have_one_winner(app: &TestApp) {
    app.put("Location/bed", &location("bed", "0")).await.expect(201);
    let transact = |n: usize| {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": location("bed", &format!("held by {n}")),
             "request": {"method": "PUT", "url": "Location/bed", "ifMatch": "W/\"1\""}},
            {"resource": identified(&format!("note {n}")), "request": {"method": "POST", "url": "Location"}}
        ]});
        async move { app.post("", &bundle).await.status }
    };
    let statuses = join_all((0..20).map(transact)).await;
    assert_eq!((count(&statuses, 200), count(&statuses, 412)), (1, 19), "{statuses:?}");
    assert_eq!(app.get("Location?_summary=count").await.expect(200)["total"], 2, "the losers left nothing behind");
}

async fn parallel_updates_without_if_match_all_make_a_version(app: &TestApp) {
    let update = |n: usize| async move { app.put("Location/a", &location("a", &format!("n{n}"))).await.status };
    let statuses = join_all((0..50).map(update)).await;
    assert_eq!((count(&statuses, 201), count(&statuses, 200)), (1, 49), "{statuses:?}");
    assert_eq!(app.get("Location/a").await.expect(200)["meta"]["versionId"], "50");
}

/// A then B against B then A, over many resources: the shape of a deadlock.
async fn transactions_that_cross_all_succeed(app: &TestApp) {
    let entry = |id: usize, name: &str| {
        let id = format!("l{id}");
        json!({"resource": location(&id, name), "request": {"method": "PUT", "url": format!("Location/{id}")}})
    };
    let transact = |n: usize, round: usize| {
        let mut entries: Vec<_> = (0..6).map(|id| entry((id + n) % 6, &format!("by {n} in {round}"))).collect();
        if n % 2 == 1 {
            entries.reverse();
        }
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        async move { app.post("", &bundle).await.status }
    };
    for round in 0..3 {
        let statuses = join_all((0..20).map(|n| transact(n, round))).await;
        assert_eq!(count(&statuses, 200) + count(&statuses, 201), 20, "{statuses:?}");
    }
    let mut names = Vec::new();
    for id in 0..6 {
        let standing = app.get(&format!("Location/l{id}")).await.expect(200);
        assert_eq!(standing["meta"]["versionId"], "60");
        names.push(standing["name"].clone());
    }
    assert!(names.iter().all(|name| *name == names[0]), "one transaction was the last, whole: {names:?}");
}
