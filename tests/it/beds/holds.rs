//! Beds that are kept for accepted admissions.

use futures_util::future::join_all;
use kakehashi::access::Caller;
use kakehashi::clock::{Clock, SystemClock};
use kakehashi::fhir::instant::Instant;
use kakehashi::store::WriterSettings;
use serde_json::{Value, json};

use super::city::{CANONICAL, bed, build, extension};
use super::counts::{counts, posted, ward_with};
use crate::app::TestApp;
use crate::both;
use crate::region_searches::region::SetClock;

both!(
    an_accepted_bed_is_reserved_until_the_patient_comes,
    a_ward_is_held_one_bed_each,
    a_bed_that_is_not_free_cannot_be_accepted,
    a_task_that_ends_gives_its_bed_back,
    counts_that_a_ward_posts_are_held_on_top,
    sixty_four_tasks_race_for_ten_beds,
    a_hold_runs_out_by_itself,
    a_hold_is_no_longer_than_agreed,
    two_gateways_race_for_one_bed,
);

/// A task of kh-referral-task's shape, for the place.
fn task(id: &str, status: &str, place: Option<&str>) -> Value {
    let mut task = json!({
        "resourceType": "Task", "id": id, "status": status, "intent": "order",
        "meta": {"profile": [format!("{CANONICAL}/StructureDefinition/kh-referral-task")]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]},
        "focus": {"reference": "ServiceRequest/none"}, "for": {"reference": "Patient/none"},
        "authoredOn": "2026-11-28T20:00:00+09:00", "lastModified": "2026-11-28T20:00:00+09:00",
        "requester": {"reference": "PractitionerRole/none"}, "owner": {"reference": "Organization/someone"},
        "extension": [extension("answer-by", ("valueDateTime", json!("2099-01-01T00:00:00+09:00")))]
    });
    if let Some(place) = place {
        task["location"] = json!({"reference": format!("Location/{place}")});
    }
    task
}

async fn accept(app: &TestApp, id: &str, place: &str) -> u16 {
    app.put(&format!("Task/{id}"), &task(id, "accepted", Some(place))).await.status
}

async fn free_and_reserved(app: &TestApp) -> (i64, i64) {
    let [_, _, reserved, _, available] = counts(app).await[0].2;
    (available, reserved)
}

async fn an_accepted_bed_is_reserved_until_the_patient_comes(app: &TestApp) {
    build(app, &["U", "U", "O"]).await;
    app.put("Task/t", &task("t", "requested", None)).await.expect(201);
    assert_eq!(free_and_reserved(app).await, (2, 0));
    assert_eq!(accept(app, "t", "b0").await, 200);
    assert_eq!(free_and_reserved(app).await, (1, 1));
    assert_eq!(accept(app, "t", "b0").await, 200, "again");
    app.put("Task/t", &task("t", "in-progress", Some("b0"))).await.expect(200);
    assert_eq!(free_and_reserved(app).await, (1, 1), "on the way");
    app.put("Location/b0", &bed("b0", "w", "O", None)).await.expect(200);
    assert_eq!(free_and_reserved(app).await, (1, 0));
    app.put("Location/b0", &bed("b0", "w", "U", None)).await.expect(200);
    assert_eq!(free_and_reserved(app).await, (2, 0), "the hold ended when the patient came");
}

async fn a_ward_is_held_one_bed_each(app: &TestApp) {
    build(app, &["U", "U", "O"]).await;
    assert_eq!(accept(app, "t1", "w").await, 201);
    assert_eq!(accept(app, "t2", "w").await, 201);
    assert_eq!(free_and_reserved(app).await, (0, 2));
    assert_eq!(accept(app, "t3", "w").await, 409);
    assert_eq!(accept(app, "t3", "b0").await, 409, "the last beds are the ward's holds'");
    app.put("Task/t1", &task("t1", "in-progress", Some("w"))).await.expect(200);
    assert_eq!(free_and_reserved(app).await, (1, 1), "a ward's hold ends when work begins");
    assert_eq!(accept(app, "t3", "b0").await, 201);
}

async fn a_bed_that_is_not_free_cannot_be_accepted(app: &TestApp) {
    build(app, &["U", "O", "H", "C"]).await;
    for place in ["b1", "b2", "b3"] {
        app.put("Task/t", &task("t", "accepted", Some(place))).await.expect_refusal(409);
    }
    assert_eq!(app.get("Task/t").await.status, 404, "nothing was written");
    assert_eq!(accept(app, "t", "b0").await, 201);
    assert_eq!(accept(app, "u", "b0").await, 409);
    assert_eq!(accept(app, "u", "nowhere").await, 201, "a place without a board holds nothing");
    assert_eq!(app.put("Task/v", &task("v", "accepted", None)).await.status, 201, "nor does none");
}

async fn a_task_that_ends_gives_its_bed_back(app: &TestApp) {
    build(app, &["U"]).await;
    for (number, status) in ["completed", "cancelled", "failed", "rejected"].into_iter().enumerate() {
        let id = format!("t{number}");
        assert_eq!(accept(app, &id, "b0").await, 201, "{status}");
        assert_eq!(free_and_reserved(app).await, (0, 1));
        let mut ended = task(&id, status, Some("b0"));
        ended["statusReason"] = json!({"text": "理由"});
        app.put(&format!("Task/{id}"), &ended).await.expect(200);
        assert_eq!(free_and_reserved(app).await, (1, 0), "{status}");
    }
    assert_eq!(accept(app, "t", "b0").await, 201);
    app.delete("Task/t").await.expect(204);
    assert_eq!(free_and_reserved(app).await, (1, 0));
}

async fn counts_that_a_ward_posts_are_held_on_top(app: &TestApp) {
    build(app, &[]).await;
    let now = || chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    app.put("Location/w", &ward_with(posted(2, &now()))).await.expect(200);
    assert_eq!(accept(app, "t1", "w").await, 201);
    assert_eq!(free_and_reserved(app).await, (1, 1));
    app.put("Location/w", &ward_with(posted(1, &now()))).await.expect(200);
    assert_eq!(free_and_reserved(app).await, (0, 1), "of what the hospital says now");
    assert_eq!(accept(app, "t2", "w").await, 409);
    let mut ended = task("t1", "cancelled", Some("w"));
    ended["statusReason"] = json!({"text": "理由"});
    app.put("Task/t1", &ended).await.expect(200);
    assert_eq!(free_and_reserved(app).await, (1, -1), "what the hospital posted, which says nothing of reserved ones");
}

fn until(task: &mut Value, moment: Instant) {
    let moment = json!(moment.to_fhir());
    task["extension"].as_array_mut().unwrap().push(extension("hold-until", ("valueDateTime", moment)));
}

async fn a_hold_runs_out_by_itself(app: &TestApp) {
    let clock = SetClock::at(SystemClock.now());
    let app = app.at(clock.clone()).await;
    let watcher = Caller::gateway("test");
    build(&app, &["U", "U", "U"]).await;
    assert_eq!(accept(&app, "t1", "b0").await, 201);
    let mut short = task("t2", "accepted", Some("w"));
    until(&mut short, Instant(clock.now().0 + 10 * 60_000));
    app.put("Task/t2", &short).await.expect(201);
    assert_eq!(app.gateway.lapse_holds(&watcher).await.unwrap(), 0);
    assert_eq!(free_and_reserved(&app).await, (1, 2));
    clock.advance(11);
    // Two gateways look at the same time.
    let other = TestApp::on(&app.database_url, WriterSettings::default()).await.at(clock.clone()).await;
    let (one, two) = tokio::join!(app.gateway.lapse_holds(&watcher), other.gateway.lapse_holds(&watcher));
    assert!(one.unwrap() + two.unwrap() >= 1);
    assert_eq!(free_and_reserved(&app).await, (2, 1));
    let lapsed = app.get("Task/t2").await.expect(200);
    assert_eq!((&lapsed["status"], &lapsed["meta"]["versionId"]), (&json!("accepted"), &json!("2")));
    assert_eq!(lapsed["businessStatus"]["coding"][0]["code"], "hold-expired", "{lapsed}");
    let mut noted = lapsed.clone();
    noted["note"] = json!([{"text": "電話で確認中"}]);
    app.put("Task/t2", &noted).await.expect(200);
    assert_eq!(free_and_reserved(&app).await, (2, 1), "an edit does not take it again");
    clock.advance(240);
    assert_eq!(app.gateway.lapse_holds(&watcher).await.unwrap(), 1, "four hours where nobody said");
    assert_eq!(app.get("Task/t1").await.expect(200)["businessStatus"]["coding"][0]["code"], "hold-expired");
}

async fn a_hold_is_no_longer_than_agreed(app: &TestApp) {
    build(app, &["U"]).await;
    let mut long = task("t", "accepted", Some("b0"));
    until(&mut long, Instant(app.gateway.now().0 + 25 * 3_600_000));
    app.put("Task/t", &long).await.expect_refusal(422);
    assert_eq!(free_and_reserved(app).await, (1, 0));
}

fn outcome(statuses: &[u16]) -> (usize, usize) {
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    (count(201), count(409))
}

async fn sixty_four_tasks_race_for_ten_beds(app: &TestApp) {
    build(app, &["U", "U", "U", "U", "U", "U", "U", "U", "U", "U", "O"]).await;
    let racing = (0..64).map(|number| async move { accept(app, &format!("t{number}"), "w").await });
    let statuses = join_all(racing).await;
    assert_eq!(outcome(&statuses), (10, 54), "{statuses:?}");
    assert_eq!(free_and_reserved(app).await, (0, 10));
}

async fn two_gateways_race_for_one_bed(app: &TestApp) {
    build(app, &["U", "U"]).await;
    let other = TestApp::on(&app.database_url, WriterSettings::default()).await;
    let racing = (0..32).map(|number| {
        let app = if number % 2 == 0 { app } else { &other };
        async move { accept(app, &format!("t{number}"), ["b0", "w"][number / 2 % 2]).await }
    });
    let statuses = join_all(racing).await;
    assert_eq!(outcome(&statuses), (2, 30), "{statuses:?}");
    assert_eq!(free_and_reserved(&other).await, (0, 2));
}
