//! `Location/$import-beds`: tables of beds and ward counts. docs/csv.md.

use encoding_rs::SHIFT_JIS;
use serde_json::{Value, json};

use super::city::{build, ward};
use crate::app::{Answer, TestApp, number};
use crate::both;

both!(
    good_rows_are_applied_and_bad_ones_told_with_their_place,
    counts_of_a_ward_take_the_place_of_all_it_had,
    a_ward_with_beds_takes_no_counts,
    a_dry_run_tells_the_same_and_writes_nothing,
    rubbish_is_refused_and_writes_nothing,
    a_template_is_downloaded_and_read,
);

async fn send(app: &TestApp, path: &str, media: &str, body: impl Into<reqwest::Body>) -> Answer {
    app.request("POST", path).raw(media, body).header("accept-language", "en").send().await
}

async fn import(app: &TestApp, table: &str) -> Value {
    send(app, "Location/$import-beds", "text/csv", table.to_owned()).await.expect(200)
}

fn text(issue: &Value) -> &str {
    issue["details"]["text"].as_str().unwrap()
}

/// Line and column of each error.
fn places(outcome: &Value) -> Vec<(u64, u64)> {
    let errors = outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error");
    let number = |issue: &Value, at: usize| issue["extension"][at]["valueInteger"].as_u64().unwrap();
    errors.map(|issue| (number(issue, 0), number(issue, 1))).collect()
}

async fn status(app: &TestApp, id: &str) -> Value {
    app.get(&format!("Location/{id}")).await.expect(200)["operationalStatus"]["code"].clone()
}

async fn good_rows_are_applied_and_bad_ones_told_with_their_place(app: &TestApp) {
    build(app, &["O", "O", "U"]).await;
    let table = "病床番号,状態,時点\n2710000011-W-b0,空床,\n2710000011-W-b1,ふしぎ,\n2710000011-W-b9,O,\n\
                 2710000011-W-b2,U,\n2710000011-W-b1,H,1999/1/1\n";
    let outcome = import(app, table).await;
    assert_eq!(text(&outcome["issue"][0]), "1 rows applied, 1 unchanged, 3 refused.");
    assert_eq!(places(&outcome), [(3, 17), (4, 1), (6, 19)]);
    assert!(text(&outcome["issue"][1]).starts_with("Line 3: \"status\" is \"ふしぎ\"."), "{outcome}");
    assert_eq!((status(app, "b0").await, status(app, "b1").await), (json!("U"), json!("O")));
    let again = import(app, table).await;
    assert_eq!(text(&again["issue"][0]), "0 rows applied, 2 unchanged, 3 refused.");
    let (sjis, _, _) = SHIFT_JIS.encode("病床番号,状態\n2710000011-W-b1,清掃中\n");
    for media in ["text/csv; charset=shift_jis", "text/csv"] {
        send(app, "Location/f/$import-beds", media, sjis.to_vec()).await.expect(200);
        assert_eq!(status(app, "b1").await, "H");
    }
}

const COUNTS: &str = "病棟番号,性別,稼働病床数,空床数\nW-1,男性,20,3\nW-1,女性,20,2\n";

async fn empty_ward(app: &TestApp) {
    build(app, &["O"]).await;
    let mut empty = ward("w1", "f");
    empty["identifier"] = json!([{"system": "https://example.org/wards", "value": "W-1"}]);
    app.put("Location/w1", &empty).await.expect(201);
}

async fn counts_of_a_ward_take_the_place_of_all_it_had(app: &TestApp) {
    empty_ward(app).await;
    let outcome = import(app, COUNTS).await;
    assert_eq!(text(&outcome["issue"][0]), "2 rows applied, 0 unchanged, 0 refused.");
    let found = app.get("Location?identifier=W-1&vacancy=female$ge2").await.expect(200);
    assert_eq!(found["total"].as_u64().unwrap_or(0).max(found["entry"].as_array().map_or(0, Vec::len) as u64), 1);
    assert_eq!(text(&import(app, COUNTS).await["issue"][0]), "0 rows applied, 2 unchanged, 0 refused.");
    // One bad row: the ward stays as it is.
    let outcome = import(app, "ward,sex,staffed,available\nW-1,any,3,9\nW-1,male,9,1\n").await;
    assert_eq!(places(&outcome), [(2, 9), (3, 1)]);
    let version = app.get("Location/w1").await.expect(200)["meta"]["versionId"].clone();
    assert_eq!(version, "2");
    import(app, "ward,available,as of\nW-1,1,\n").await;
    let slices = app.get("Location/w1").await.expect(200)["extension"].as_array().unwrap().clone();
    let url = "https://kakehashi.example/fhir/StructureDefinition/bed-vacancy";
    assert_eq!(slices.iter().filter(|extension| extension["url"] == url).count(), 1);
    let old = import(app, "ward,available,as of\nW-1,7,2020/1/1 0:00\n").await;
    assert_eq!(text(&old["issue"][0]), "0 rows applied, 0 unchanged, 1 refused.");
}

async fn a_ward_with_beds_takes_no_counts(app: &TestApp) {
    empty_ward(app).await;
    let mut fed = ward("w", "f");
    fed["identifier"] = json!([{"system": "https://example.org/wards", "value": "W-0"}]);
    app.put("Location/w", &fed).await.expect(200);
    for path in ["Location/$import-beds", "Location/$import-beds?dry-run=true", "Location/f/$import-beds"] {
        let outcome = send(app, path, "text/csv", "ward,available\nW-0,1\nW-1,1\n").await.expect(200);
        assert_eq!(places(&outcome), [(2, 1)], "{path}");
    }
}

/// Asked of the database: PostgreSQL's history lags behind open transactions of other databases, those of other tests.
async fn versions(app: &TestApp) -> i64 {
    let mut connection = app.gateway.database.reader().await.unwrap();
    number(&mut connection, "SELECT count(*) AS value FROM resource_version").await
}

async fn a_dry_run_tells_the_same_and_writes_nothing(app: &TestApp) {
    empty_ward(app).await;
    let beds = "bed,status\n2710000011-W-b0,U\n2710000011-W-b9,U\n";
    for (table, end) in
        [(beds, "1 rows applied, 0 unchanged, 1 refused."), (COUNTS, "2 rows applied, 0 unchanged, 0 refused.")]
    {
        let (path, before) = ("Location/$import-beds?dry-run=true", versions(app).await);
        let outcome = send(app, path, "text/csv", table.to_owned()).await.expect(200);
        assert!(text(&outcome["issue"][0]).ends_with(end), "{outcome}");
        assert_eq!(versions(app).await, before);
        assert_eq!(text(&import(app, table).await["issue"][0]), end);
        assert_eq!(versions(app).await, before + 1);
    }
}

async fn rubbish_is_refused_and_writes_nothing(app: &TestApp) {
    build(app, &["O"]).await;
    let before = versions(app).await;
    let path = "Location/$import-beds";
    send(app, path, "text/csv", vec![0xFF, 0xFF, b'\n']).await.expect_refusal(400);
    send(app, path, "text/csv", "").await.expect_refusal(422);
    send(app, path, "text/csv", "名前,年齢\n山田,80\n").await.expect_refusal(422);
    send(app, path, "text/csv; charset=euc-jp", "bed,status\n").await.expect_refusal(415);
    send(app, path, "application/fhir+json", "{\"resourceType\":\"Parameters\"}").await.expect_refusal(415);
    send(app, "Location/$import-beds?encoding=latin1", "text/csv", "bed,status\n").await.expect_refusal(400);
    send(app, path, "text/csv", "bed,status\n".to_owned() + &"x,U\n".repeat(5_001)).await.expect_refusal(413);
    // A generator of its own, so that each run is the same.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for length in 0..60 {
        let mut bytes = if length % 2 == 0 { b"bed,status\n".to_vec() } else { Vec::new() };
        for _ in 0..length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.push((state >> 56) as u8);
        }
        let answer = send(app, path, "text/csv", bytes).await;
        assert!([200, 400, 422].contains(&answer.status), "{}", answer.text);
    }
    assert_eq!(versions(app).await, before);
}

async fn a_template_is_downloaded_and_read(app: &TestApp) {
    for kind in ["beds", "wards"] {
        let path = format!("Location/$import-beds-template?kind={kind}");
        let answer = app.request("GET", &path).header("accept", "text/csv").send().await;
        assert_eq!((answer.status, answer.header("content-type").starts_with("text/csv")), (200, true));
        let outcome = send(app, "Location/$import-beds", "text/csv", answer.text).await.expect(200);
        assert!(text(&outcome["issue"][0]).starts_with("0 rows applied, 0 unchanged"), "{outcome}");
        assert!(
            outcome["issue"].as_array().unwrap()[1..].iter().all(|issue| issue["code"] == "not-found"),
            "{outcome}"
        );
    }
    app.get("Location/$import-beds-template?kind=cats").await.expect_refusal(400);
}
