//! `Location/$bed-status`: many beds in one request.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::city::{BED_IDS, bed_number, build, facility, ward};
use super::counts::counts;
use crate::app::{Answer, TestApp};
use crate::both;

both!(
    a_snapshot_is_applied_row_by_row,
    lines_of_json_say_the_same,
    a_ward_takes_its_own_beds_alone,
    rows_that_go_together_fall_together,
    a_report_with_a_number_is_taken_once,
    a_facility_may_say_that_nothing_has_changed,
    what_cannot_be_read_is_told_and_changes_nothing,
    it_stands_in_a_batch_and_in_no_transaction,
    snapshots_at_a_time_leave_what_the_last_one_said,
);

pub fn bed(id: &str, status: &str) -> Value {
    json!({"name": "bed", "part": [
        {"name": "identifier", "valueIdentifier": {"system": BED_IDS, "value": bed_number(id)}},
        {"name": "status", "valueCode": status}
    ]})
}

pub fn parameters(list: Vec<Value>) -> Value {
    json!({"resourceType": "Parameters", "parameter": list})
}

fn value<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let found = answer["parameter"].as_array().unwrap().iter().find(|one| one["name"] == name);
    let found = found.and_then(|one| one.as_object()?.iter().find(|(name, _)| name.starts_with("value")));
    found.map_or(&Value::Null, |(_, value)| value)
}

/// Changed, unchanged and refused rows.
fn told(answer: &Value) -> [i64; 3] {
    ["changed", "unchanged", "refused"].map(|name| value(answer, name).as_i64().unwrap())
}

/// Index, result and status of each row that is told.
fn rows(answer: &Value) -> Vec<(i64, String, i64)> {
    let rows = answer["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "row");
    let row = |row: &Value| {
        let part = |name: &str| row["part"].as_array().unwrap().iter().find(|part| part["name"] == name).cloned();
        let result = part("result").unwrap()["valueCode"].as_str().unwrap().to_owned();
        let status = part("status").map_or(0, |part| part["valueInteger"].as_i64().unwrap());
        (part("index").unwrap()["valueInteger"].as_i64().unwrap(), result, status)
    };
    rows.map(row).collect()
}

async fn version(app: &TestApp, id: &str) -> Value {
    app.get(&format!("Location/{id}")).await.expect(200)["meta"]["versionId"].clone()
}

async fn a_snapshot_is_applied_row_by_row(app: &TestApp) {
    build(app, &["U", "O", "O"]).await;
    let old = json!({"name": "as-of", "valueInstant": "2020-01-01T00:00:00Z"});
    let mut late = bed("b2", "U");
    late["part"].as_array_mut().unwrap().push(old);
    let snapshot = parameters(vec![bed("b0", "O"), bed("b1", "O"), late, bed("b9", "U"), bed("b0", "U")]);
    let answer = app.post("Location/$bed-status", &snapshot).await.expect(200);
    assert_eq!(told(&answer), [1, 1, 3]);
    let refused = |index, status| (index, "refused".to_owned(), status);
    assert_eq!(rows(&answer), [(0, "changed".to_owned(), 0), refused(2, 409), refused(3, 404), refused(4, 422)]);
    assert_eq!(counts(app).await[0].2, [3, 3, 0, 0, 0]);
    let again = parameters(vec![bed("b0", "O"), bed("b1", "O"), bed("b2", "O")]);
    let request = app.request("POST", "Location/$bed-status").header("prefer", "return=representation").json(&again);
    let answer = request.send().await.expect(200);
    assert_eq!((told(&answer), rows(&answer).len()), ([0, 3, 0], 3));
    assert_eq!([version(app, "b0").await, version(app, "b1").await], ["2", "1"]);
}

async fn lines(app: &TestApp, path: &str, text: &str) -> Answer {
    app.request("POST", path).raw("application/x-ndjson", text.to_owned()).send().await
}

async fn lines_of_json_say_the_same(app: &TestApp) {
    build(app, &["U", "O"]).await;
    let text = format!(
        "{{\"identifier\": \"{}\", \"status\": \"H\"}}\n\n{{\"location\": \"Location/b1\", \"status\": \"O\"}}\r\n\
         {{\"location\": \"b1\", \"status\": \"free\"}}\nnothing\n{{\"status\": \"U\"}}",
        bed_number("b0")
    );
    let answer = lines(app, "Location/$bed-status", &text).await.expect(200);
    assert_eq!(told(&answer), [1, 1, 3]);
    assert!(rows(&answer)[1..].iter().all(|(_, result, status)| result == "refused" && *status == 400), "{answer}");
    assert!(answer.to_string().contains("Line 4"), "{answer}");
    assert_eq!(counts(app).await[0].2, [2, 1, 0, 1, 0]);
    let moment = "2000-01-01T00:00:00Z";
    let old = lines(app, &format!("Location/$bed-status?as-of={moment}"), &text).await.expect(200);
    assert_eq!(told(&old), [0, 0, 5], "the moment in the URL is that of all lines");
}

async fn a_ward_takes_its_own_beds_alone(app: &TestApp) {
    build(app, &["U", "O"]).await;
    app.put("Location/g", &facility("g", 34.7, 135.4)).await.expect(201);
    app.put("Location/v", &ward("v", "g")).await.expect(201);
    let one = parameters(vec![bed("b0", "O")]);
    assert_eq!(told(&app.post("Location/v/$bed-status", &one).await.expect(200)), [0, 0, 1]);
    assert_eq!(told(&app.post("Location/g/$bed-status", &one).await.expect(200)), [0, 0, 1]);
    assert_eq!(told(&app.post("Location/f/$bed-status", &one).await.expect(200)), [1, 0, 0]);
    assert_eq!(told(&app.post("Location/w/$bed-status", &one).await.expect(200)), [0, 1, 0]);
    app.post("Location/b0/$bed-status", &one).await.expect_refusal(422);
    app.post("Location/nowhere/$bed-status", &one).await.expect_refusal(404);
}

async fn rows_that_go_together_fall_together(app: &TestApp) {
    build(app, &["U", "O"]).await;
    let together = json!({"name": "together", "valueBoolean": true});
    let transfer = |to: &str, status: &str| parameters(vec![together.clone(), bed("b1", "H"), bed(to, status)]);
    app.post("Location/$bed-status", &transfer("b9", "O")).await.expect_refusal(404);
    app.post("Location/$bed-status", &transfer("b0", "free")).await.expect_refusal(400);
    assert_eq!(counts(app).await[0].2, [2, 1, 0, 0, 1]);
    assert_eq!(told(&app.post("Location/$bed-status", &transfer("b0", "O")).await.expect(200)), [2, 0, 0]);
    assert_eq!(counts(app).await[0].2, [2, 1, 0, 1, 0]);
}

async fn a_report_with_a_number_is_taken_once(app: &TestApp) {
    build(app, &["U"]).await;
    let number = json!({"name": "report-id", "valueString": "4711"});
    let report = |status| parameters(vec![number.clone(), bed("b0", status)]);
    assert_eq!(told(&app.post("Location/$bed-status", &report("O")).await.expect(200)), [1, 0, 0]);
    app.post("Location/$bed-status", &parameters(vec![bed("b0", "U")])).await.expect(200);
    let again = app.post("Location/$bed-status", &report("O")).await.expect(200);
    assert_eq!(value(&again, "already-taken"), true);
    assert_eq!(counts(app).await[0].2[4], 1);
}

async fn a_facility_may_say_that_nothing_has_changed(app: &TestApp) {
    build(app, &["U", "O"]).await;
    let as_of = |path: &str| {
        let path = path.to_owned();
        async move { app.get(&path).await.expect(200)["extension"].to_string() }
    };
    let before = (as_of("Location/w").await, as_of("Location/b1").await);
    app.request("POST", "Location/f/$bed-status").send().await.expect(200);
    let after = (as_of("Location/w").await, as_of("Location/b1").await);
    assert!(before.0 != after.0 && before.1 != after.1, "{before:?} {after:?}");
    assert_eq!([version(app, "w").await, version(app, "b1").await], ["1", "1"]);
    let heartbeat = json!({"name": "still-true", "valueReference": {"reference": "Location/b0"}});
    app.post("Location/$bed-status", &parameters(vec![heartbeat])).await.expect(200);
    let now = (as_of("Location/w").await, as_of("Location/b1").await);
    assert_eq!(now, after, "the other bed is as old as it was, and so is the ward");
}

async fn what_cannot_be_read_is_told_and_changes_nothing(app: &TestApp) {
    build(app, &["U"]).await;
    let wrong = [
        json!({"resourceType": "Patient"}),
        parameters(vec![json!({"name": "beds", "valueString": "b0"})]),
        parameters(vec![bed("b0", "O"), json!({"name": "source", "valueCode": "rumour"})]),
        parameters(vec![bed("b0", "O"), json!({"name": "as-of", "valueInstant": "2026-11-28T21:05:00"})]),
        parameters(vec![bed("b0", "O"), json!({"name": "still-true", "valueInteger": 1})]),
    ];
    for body in wrong {
        app.post("Location/$bed-status", &body).await.expect_refusal(400);
    }
    let ahead = parameters(vec![bed("b0", "O"), json!({"name": "as-of", "valueInstant": "2099-01-01T00:00:00Z"})]);
    assert_eq!(rows(&app.post("Location/$bed-status", &ahead).await.expect(200)), [(0, "refused".to_owned(), 422)]);
    app.request("POST", "Location/$bed-status").raw("text/csv", "b0,O").send().await.expect_refusal(415);
    app.request("POST", "Location/$validate").raw("application/x-ndjson", "{}").send().await.expect_refusal(415);
    assert_eq!(app.get("Location/$bed-status").await.status, 405);
    assert_eq!((version(app, "b0").await, counts(app).await[0].2), ("1".into(), [1, 0, 0, 0, 1]));
}

async fn it_stands_in_a_batch_and_in_no_transaction(app: &TestApp) {
    build(app, &["U"]).await;
    let bundle = |kind: &str| {
        json!({"resourceType": "Bundle", "type": kind, "entry": [{
            "resource": parameters(vec![bed("b0", "O")]),
            "request": {"method": "POST", "url": "Location/$bed-status"}
        }]})
    };
    app.post("", &bundle("transaction")).await.expect_refusal(400);
    assert_eq!(counts(app).await[0].2[4], 1);
    let answer = app.post("", &bundle("batch")).await.expect(200);
    assert_eq!(told(&answer["entry"][0]["resource"]), [1, 0, 0], "{answer}");
}

async fn snapshots_at_a_time_leave_what_the_last_one_said(app: &TestApp) {
    build(app, &["U"; 12]).await;
    let start = app.gateway.now().0;
    let snapshot = |number: i64| {
        let as_of = kakehashi::fhir::instant::Instant(start + number * 100).to_fhir();
        let mut list = vec![json!({"name": "as-of", "valueInstant": as_of})];
        list.extend((0..12).map(|at| bed(&format!("b{at}"), if (at + number) % 3 == 0 { "O" } else { "U" })));
        parameters(list)
    };
    let all = (0..20).map(|number| {
        let body = snapshot(number);
        async move { app.post("Location/f/$bed-status", &body).await.status }
    });
    let statuses = join_all(all).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    for at in 0..12 {
        let status = app.get(&format!("Location/b{at}")).await.expect(200)["operationalStatus"]["code"].clone();
        assert_eq!(status, if (at + 19) % 3 == 0 { "O" } else { "U" }, "bed {at} is as the last report had it");
    }
    assert_eq!(counts(app).await[0].2, [12, 4, 0, 0, 8]);
}
