//! `Location/$occupancy`: what the boards showed, kept and told.

use kakehashi::clock::{Clock, SystemClock};
use kakehashi::exchange::{BedName, BedReport, BedStatus};
use kakehashi::fhir::id::ResourceId;
use kakehashi::fhir::instant::Instant;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};

use super::city::{bed, build, coded, facility, ward};
use super::counts::{part, posted, slices, ward_with};
use super::report::{report, row};
use crate::app::TestApp;
use crate::both;
use crate::region_searches::region::SetClock;
use crate::reindex::reindex;

both!(
    means_are_over_time,
    what_nobody_vouches_for_is_not_known,
    a_board_is_told_as_it_was,
    every_moment_is_told_as_it_was_seen,
    groups_are_those_of_the_time,
    a_table_is_told_as_csv,
    bad_inputs_are_refused,
    a_reindex_leaves_the_series_alone,
    the_measure_is_in_the_store,
);

const MINUTE: i64 = 60_000;

fn moment(millis: i64) -> String {
    Instant(millis).to_fhir()
}

async fn reports(app: &TestApp, query: &str) -> Vec<Value> {
    let bundle = app.get(&format!("Location/{query}")).await.expect(200);
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("collection")));
    entries(&bundle)
}

fn entries(bundle: &Value) -> Vec<Value> {
    bundle["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()).collect()
}

fn group<'a>(report: &'a Value, figure: &str) -> &'a Value {
    let groups = report["group"].as_array().unwrap();
    groups.iter().find(|group| group["code"]["coding"][0]["code"] == figure).unwrap_or_else(|| panic!("{report}"))
}

/// -1: not known.
fn score(part: &Value) -> f64 {
    part["measureScore"]["value"].as_f64().unwrap_or(-1.0)
}

fn figure(report: &Value, figure: &str) -> f64 {
    score(group(report, figure))
}

fn strata(report: &Value, figure: &str) -> Vec<(String, f64)> {
    let strata = group(report, figure)["stratifier"][0]["stratum"].as_array().cloned().unwrap_or_default();
    strata.iter().map(|one| (one["value"]["coding"][0]["code"].as_str().unwrap().to_owned(), score(one))).collect()
}

fn between(from: i64, until: i64) -> String {
    format!("period={}/{}", moment(from), moment(until - 1))
}

async fn means_are_over_time(app: &TestApp) {
    let start = SystemClock.now();
    let clock = SetClock::at(start);
    let app = app.at(clock.clone()).await;
    build(&app, &["O", "U", "U", "U"]).await;
    clock.advance(15);
    app.put("Location/b1", &bed("b1", "w", "O", None)).await.expect(200);
    app.put("Location/b2", &bed("b2", "w", "H", None)).await.expect(200);
    clock.advance(5);
    heartbeat(&app, "w").await;
    clock.advance(10);
    let query = format!("w/$occupancy?{}&interval=30", between(start.0, start.0 + 30 * MINUTE));
    let found = reports(&app, &query).await;
    assert_eq!(found.len(), 1);
    let report = &found[0];
    assert_eq!(report["period"]["start"], moment(start.0));
    assert_eq!(report["period"]["end"], moment(start.0 + 30 * MINUTE - 1));
    let figures = ["staffed", "occupied", "reserved", "blocked", "available", "occupancy-rate", "known-share"];
    let expected = [4.0, 1.5, 0.0, 0.5, 2.0, 37.5, 100.0];
    assert_eq!(figures.map(|name| figure(report, name)), expected, "{report}");
    assert_eq!(strata(report, "occupied"), [("acute".to_owned(), 1.5)]);
    let whole = app.get(&format!("Location/{query}")).await.expect(200);
    let verdict = app.post("Bundle/$validate", &whole).await.expect(200);
    let errors = verdict["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error").count();
    assert_eq!(errors, 0, "{verdict}");
    // By quarters of an hour each board stands still.
    let query = format!("f/$occupancy?{}&interval=15&by=ward", between(start.0, start.0 + 30 * MINUTE));
    let found = reports(&app, &query).await;
    assert_eq!(found.iter().map(|report| figure(report, "occupied")).collect::<Vec<_>>(), [1.0, 2.0]);
    assert_eq!(strata(&found[0], "available"), [(format!("{}/Location/w", app.base), 3.0)]);
    assert_eq!(group(&found[0], "available")["stratifier"][0]["stratum"][0]["value"]["text"], "病棟 w");
    let parameters = json!({"resourceType": "Parameters", "parameter": [
        {"name": "period", "valuePeriod": {"start": moment(start.0), "end": moment(start.0 + 30 * MINUTE - 1)}},
        {"name": "interval", "valueDuration": {"value": 15, "code": "min", "system": "http://unitsofmeasure.org"}},
        {"name": "by", "valueCode": "ward"}
    ]});
    let posted = app.post("Location/f/$occupancy", &parameters).await.expect(200);
    assert_eq!(entries(&posted)[1]["group"], found[1]["group"]);
}

async fn heartbeat(app: &TestApp, place: &str) {
    let still_true = vec![BedName::Id(ResourceId::parse(place).unwrap())];
    report(app, BedReport { still_true, ..BedReport::default() }).await;
}

async fn what_nobody_vouches_for_is_not_known(app: &TestApp) {
    let start = SystemClock.now();
    let clock = SetClock::at(start);
    let app = app.at(clock.clone()).await;
    build(&app, &["O", "U"]).await;
    let query = async |until: i64| {
        let query = format!("w/$occupancy?{}&interval=1|d", between(start.0, start.0 + until * MINUTE));
        let report = reports(&app, &query).await.remove(0);
        (figure(&report, "occupied"), figure(&report, "known-share"))
    };
    // Feeds are believed for 30 minutes; nobody has touched the board since.
    clock.advance(60);
    assert_eq!(query(60).await, (1.0, 50.0));
    heartbeat(&app, "w").await;
    clock.advance(60);
    assert_eq!(query(60).await, (1.0, 50.0), "what was told stays so");
    assert_eq!(query(120).await, (1.0, 50.0));
    app.put("Location/b1", &bed("b1", "w", "O", None)).await.expect(200);
    clock.advance(60);
    // The other bed has not been heard of since: it is not known how many there are.
    assert_eq!(query(180).await, (1.0, 33.33));
    let nothing =
        reports(&app, &format!("w/$occupancy?{}", between(start.0 + 130 * MINUTE, start.0 + 140 * MINUTE))).await;
    assert_eq!((figure(&nothing[0], "occupied"), figure(&nothing[0], "known-share")), (-1.0, 0.0));
    let before =
        reports(&app, &format!("w/$occupancy?{}", between(start.0 - 20 * MINUTE, start.0 - 10 * MINUTE))).await;
    assert_eq!((before.len(), strata(&before[0], "staffed")), (1, vec![]), "before all");
}

async fn a_board_is_told_as_it_was(app: &TestApp) {
    let start = SystemClock.now();
    let clock = SetClock::at(start);
    let app = app.at(clock.clone()).await;
    build(&app, &["O", "U"]).await;
    clock.advance(10);
    app.put("Location/b1", &bed("b1", "w", "O", None)).await.expect(200);
    clock.advance(10);
    app.delete("Location/b0").await.expect(204);
    clock.advance(60);
    let told = async |minutes: i64| {
        let at = moment(start.0 + minutes * MINUTE);
        let bundle = app.get(&format!("Location/f/$occupancy?_at={at}")).await.expect(200);
        let wards = entries(&bundle);
        assert_eq!((wards.len(), &bundle["entry"][0]["fullUrl"]), (1, &json!(format!("{}/Location/w", app.base))));
        let slice = slices(&wards[0]).remove(0);
        ["staffed", "occupied", "available"].map(|name| part(&slice, name)["valueUnsignedInt"].as_i64().unwrap_or(-1))
    };
    assert_eq!(told(5).await, [2, 1, 1]);
    assert_eq!(told(15).await, [2, 2, 0]);
    assert_eq!(told(25).await, [1, 1, 0]);
    assert_eq!(told(70).await, [1, -1, -1], "it was not believed any more, though nobody wrote so");
    if !app.database_url.starts_with("sqlite") {
        return; // PostgreSQL's versions bear moments of its own clock, which the test cannot set.
    }
    app.delete("Location/b1").await.expect(204);
    app.delete("Location/w").await.expect(204);
    clock.advance(10);
    assert_eq!(told(15).await, [2, 2, 0], "the ward is no more");
    let gone = reports(&app, &format!("f/$occupancy?{}", between(start.0 + 82 * MINUTE, start.0 + 90 * MINUTE))).await;
    assert_eq!(strata(&gone[0], "staffed"), []);
}

/// Beds, holds, heartbeats, posted counts and silence in any order: at every moment the board is read, and told so later.
async fn every_moment_is_told_as_it_was_seen(app: &TestApp) {
    let start = SystemClock.now();
    let clock = SetClock::at(start);
    let app = app.at(clock.clone()).await;
    build(&app, &["O", "U"]).await;
    // A count of its own, which runs out by itself.
    let mut of_women = bed("b2", "w", "U", None);
    of_women["extension"] = json!([coded("admittable-sex", "female")]);
    app.put("Location/b2", &of_women).await.expect(201);
    let counted = |available: i64| {
        let mut ward = ward_with(posted(available, &moment(app.gateway.now().0)));
        ward["id"] = json!("v");
        ward
    };
    app.put("Location/v", &counted(3)).await.expect(201);
    let mut random = ChaCha8Rng::seed_from_u64(20_261_128);
    let mut below = |limit: u32| random.next_u32() % limit;
    let mut seen: Vec<(i64, Vec<Value>)> = Vec::new();
    for _ in 0..60 {
        clock.advance(i64::from(1 + below(9)) * if below(8) == 0 { 9 } else { 1 });
        match below(6) {
            0 => heartbeat(&app, "f").await,
            1 => heartbeat(&app, "b1").await,
            2 => drop(app.put("Location/v", &counted(i64::from(below(9)))).await),
            _ => {
                let statuses = [BedStatus::Occupied, BedStatus::Unoccupied, BedStatus::Housekeeping];
                let (status, id) = (statuses[below(3) as usize], format!("b{}", below(3)));
                report(&app, BedReport { rows: vec![row(&id, status, None)], ..BedReport::default() }).await;
            }
        }
        if below(2) == 0 {
            clock.advance(1);
        }
        let mut boards = Vec::new();
        for ward in ["w", "v"] {
            boards.extend(slices(&app.get(&format!("Location/{ward}")).await.expect(200)).iter().map(numbers));
        }
        seen.push((app.gateway.now().0, boards));
    }
    clock.advance(1);
    for (at, boards) in &seen {
        let bundle = app.get(&format!("Location/f/$occupancy?_at={}", moment(*at))).await.expect(200);
        let mut told = entries(&bundle);
        told.sort_by_key(|ward| ward["id"] != "w");
        let told: Vec<Value> = told.iter().flat_map(slices).map(|slice| numbers(&slice)).collect();
        assert_eq!(told, *boards, "{} minutes after the start", (at - start.0) / MINUTE);
    }
}

fn numbers(slice: &Value) -> Value {
    let names = ["staffed", "occupied", "reserved", "blocked", "available"];
    json!(names.map(|name| part(slice, name)["valueUnsignedInt"].as_i64()))
}

async fn groups_are_those_of_the_time(app: &TestApp) {
    let start = SystemClock.now();
    let clock = SetClock::at(start);
    let app = app.at(clock.clone()).await;
    build(&app, &["O", "U"]).await;
    app.put("Location/g", &facility("g", 34.70, 135.40)).await.expect(201);
    app.put("Location/v", &ward("v", "g")).await.expect(201);
    app.put("Location/c", &bed("c", "v", "O", None)).await.expect(201);
    clock.advance(10);
    let mut converted = ward("v", "g");
    converted["extension"][0] = coded("bed-function", "recovery");
    app.put("Location/v", &converted).await.expect(200);
    clock.advance(10);
    let query = |more: &str| format!("$occupancy?{}&interval=10{more}", between(start.0, start.0 + 20 * MINUTE));
    let found = reports(&app, &query("")).await;
    assert_eq!(strata(&found[0], "occupied"), [("acute".to_owned(), 2.0)]);
    assert_eq!(strata(&found[1], "occupied"), [("acute".to_owned(), 1.0), ("recovery".to_owned(), 1.0)]);
    let only = reports(&app, &query("&function=recovery&by=facility")).await;
    assert_eq!((strata(&only[0], "occupied"), figure(&only[1], "occupied")), (vec![], 1.0));
    let stratum = &group(&only[1], "occupied")["stratifier"][0]["stratum"][0]["value"];
    assert_eq!((&stratum["coding"][0]["system"], &stratum["text"]), (&json!("urn:ietf:rfc:3986"), &json!("施設 g")));
}

async fn a_table_is_told_as_csv(app: &TestApp) {
    let start = SystemClock.now();
    let clock = SetClock::at(start);
    let app = app.at(clock.clone()).await;
    build(&app, &["O", "U"]).await;
    let mut named = ward("w", "f");
    named["name"] = json!("3階, \"東\"");
    app.put("Location/w", &named).await.expect(200);
    clock.advance(20);
    let path = format!("Location/$occupancy?{}&interval=1|h&by=ward", between(start.0, start.0 + 20 * MINUTE));
    let answer = app.request("GET", &path).header("Accept", "text/csv").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/csv; charset=utf-8; header=present"));
    assert!(answer.text.starts_with("\u{FEFF}開始,終了,ward,名称,病棟数,"), "{}", answer.text);
    let line = answer.text.lines().nth(1).unwrap();
    assert!(line.contains("+09:00,w,\"3階, \"\"東\"\"\",1,2.00,1.00,0.00,0.00,1.00,50.00,100.00"), "{line}");
    assert_eq!(answer.text.lines().count(), 2);
    let english = app.request("GET", &format!("{path}&_format=csv")).header("Accept-Language", "en").send().await;
    assert!(english.text.starts_with("\u{FEFF}start,end,ward,name,wards,staffed"), "{}", english.text);
    for accept in ["application/fhir+json", "text/csv;q=0.5, application/fhir+json", "*/*"] {
        let answer = app.request("GET", &path).header("Accept", accept).send().await;
        assert_eq!(answer.expect(200)["resourceType"], "Bundle", "{accept}");
    }
    let at = format!("Location/$occupancy?_at={}&_format=csv", moment(start.0 + MINUTE));
    app.get(&at).await.expect_refusal(400);
}

async fn bad_inputs_are_refused(app: &TestApp) {
    build(app, &["O"]).await;
    for query in [
        "$occupancy?period=soon",
        "$occupancy?period=2026-02-01/2026-01-01",
        "$occupancy?period=2126-02-01",
        "$occupancy?interval=0",
        "$occupancy?interval=30|s",
        "$occupancy?interval=5|years",
        "$occupancy?by=doctor",
        "$occupancy?function=surgery",
        "$occupancy?period=2026-01-01&period=2026-01-02",
        "$occupancy?_at=2126-01-01T00:00:00Z",
        "$occupancy?_at=2026-01-01",
        "$occupancy?_at=2026-01-01T00:00:00Z&by=ward",
        "$occupancy?ward=w",
    ] {
        app.get(&format!("Location/{query}")).await.expect_refusal(400);
    }
    app.get("Location/nobody/$occupancy").await.expect_refusal(404);
    app.get("Location/b0/$occupancy").await.expect_refusal(422);
    let costly = app.get("Location/$occupancy?period=2000-01-01/&interval=1").await.expect_refusal(422);
    assert_eq!(costly["issue"][0]["code"], "too-costly");
}

async fn a_reindex_leaves_the_series_alone(app: &TestApp) {
    let start = SystemClock.now();
    build(app, &["O", "U"]).await;
    app.put("Location/b1", &bed("b1", "w", "O", None)).await.expect(200);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let query = format!("$occupancy?{}", between(start.0, SystemClock.now().0));
    let before = reports(app, &query).await;
    reindex(app).await;
    let after = reports(app, &query).await;
    assert_eq!(after[0]["group"], before[0]["group"]);
    assert!(figure(&after[0], "staffed") > 0.0);
}

async fn the_measure_is_in_the_store(app: &TestApp) {
    let caller = kakehashi::access::Caller::local("test");
    assert_eq!(app.gateway.store_definitions(&caller).await.unwrap(), 1);
    assert_eq!(app.gateway.store_definitions(&caller).await.unwrap(), 0, "it is there");
    let found = app.get("Measure?url=https://kakehashi.example/fhir/Measure/occupancy").await.expect(200);
    assert_eq!(found["entry"][0]["resource"]["title"], "Occupancy of wards");
    let mut older = app.get("Measure/occupancy").await.expect(200);
    older["version"] = json!("0.0.1");
    app.put("Measure/occupancy", &older).await.expect(200);
    assert_eq!(app.gateway.store_definitions(&caller).await.unwrap(), 1, "a newer one comes with the program");
}
