//! A ward's counts: made from its beds and holds, as fresh as their reports, laid over what is read.

use kakehashi::clock::{Clock, SystemClock};
use kakehashi::exchange::{BedName, BedReport, BedStatus, Source};
use kakehashi::fhir::id::ResourceId;
use kakehashi::fhir::instant::Instant;
use serde_json::{Value, json};

use super::city::{CANONICAL, bed, build, coded, extension, facility, ward};
use super::report::{report, row};
use crate::app::TestApp;
use crate::both;
use crate::region_searches::region::SetClock;

both!(
    counts_follow_the_beds,
    slices_are_those_of_sex_and_isolation,
    a_ward_that_has_beds_takes_no_counts,
    a_ward_without_beds_posts_its_counts,
    counts_that_nobody_reports_any_more_are_unknown,
    a_report_of_all_keeps_all_fresh_and_makes_no_version,
    what_is_older_is_refused,
    what_is_laid_over_is_never_304,
    what_was_read_can_be_written_back,
    what_is_expected_stands_beside_the_counts,
    a_bed_that_is_reported_again_is_referred_to_as_it_stands,
    a_facility_is_as_fresh_as_the_oldest_of_its_counts,
);

/// The counts of ward `w`: sex, isolation, staffed, occupied, reserved, blocked, available (-1: unknown).
pub async fn counts(app: &TestApp) -> Vec<(String, bool, [i64; 5])> {
    let ward = app.get("Location/w").await.expect(200);
    slices(&ward).iter().map(numbers).collect()
}

pub fn slices(ward: &Value) -> Vec<Value> {
    let url = format!("{CANONICAL}/StructureDefinition/bed-vacancy");
    let all = ward["extension"].as_array().into_iter().flatten();
    all.filter(|extension| extension["url"] == url.as_str()).cloned().collect()
}

pub fn part<'a>(slice: &'a Value, name: &str) -> &'a Value {
    let parts = slice["extension"].as_array().into_iter().flatten();
    parts.into_iter().find(|part| part["url"] == name).unwrap_or(&Value::Null)
}

fn numbers(slice: &Value) -> (String, bool, [i64; 5]) {
    let names = ["staffed", "occupied", "reserved", "blocked", "available"];
    let sex = part(slice, "sex")["valueCoding"]["code"].as_str().unwrap_or_default().to_owned();
    let isolation = part(slice, "isolation")["valueBoolean"].as_bool().unwrap_or_default();
    (sex, isolation, names.map(|name| part(slice, name)["valueUnsignedInt"].as_i64().unwrap_or(-1)))
}

fn any(counts: [i64; 5]) -> Vec<(String, bool, [i64; 5])> {
    vec![("any".to_owned(), false, counts)]
}

async fn matches(app: &TestApp, query: &str) -> usize {
    let bundle = app.get(query).await.expect(200);
    bundle["entry"].as_array().map_or(0, Vec::len)
}

async fn counts_follow_the_beds(app: &TestApp) {
    build(app, &["O", "O", "U", "H", "K", "I", "C"]).await;
    assert_eq!(counts(app).await, any([6, 2, 0, 3, 1]));
    assert_eq!(matches(app, "Location?vacancy=any$ge1").await, 1);
    app.put("Location/b0", &bed("b0", "w", "U", None)).await.expect(200);
    assert_eq!(counts(app).await, any([6, 1, 0, 3, 2]));
    assert_eq!(matches(app, "Location?vacancy=any$ge2").await, 1);
    let mut out_of_use = bed("b2", "w", "U", None);
    out_of_use["status"] = json!("suspended");
    app.put("Location/b2", &out_of_use).await.expect(200);
    assert_eq!(counts(app).await, any([5, 1, 0, 3, 1]));
    app.delete("Location/b0").await.expect(204);
    assert_eq!(counts(app).await, any([4, 1, 0, 3, 0]));
    app.put("Location/v", &ward("v", "f")).await.expect(201);
    app.put("Location/b1", &bed("b1", "v", "O", None)).await.expect(200);
    assert_eq!(counts(app).await, any([3, 0, 0, 3, 0]));
    let patch = json!([{"op": "replace", "path": "/operationalStatus/code", "value": "U"}]);
    let request = app.request("PATCH", "Location/b3").raw("application/json-patch+json", patch.to_string());
    request.send().await.expect(200);
    assert_eq!(counts(app).await, any([3, 0, 0, 2, 1]));
    let history = app.get("Location/w/_history").await.expect(200);
    assert_eq!(history["total"], 1, "counts make no version");
    assert!(slices(&history["entry"][0]["resource"]).is_empty(), "history shows what was stored");
}

async fn slices_are_those_of_sex_and_isolation(app: &TestApp) {
    build(app, &["U"]).await;
    for (id, own) in [
        ("b1", json!([coded("admittable-sex", "female")])),
        ("b2", json!([coded("admittable-sex", "female"), extension("isolation", ("valueBoolean", json!(true)))])),
        ("b3", json!([coded("admittable-sex", "female")])),
    ] {
        let mut bed = bed(id, "w", "U", None);
        bed["extension"] = own;
        app.put(&format!("Location/{id}"), &bed).await.expect(201);
    }
    let one = |sex: &str, isolation, free| (sex.to_owned(), isolation, [free, 0, 0, 0, free]);
    assert_eq!(counts(app).await, [one("any", false, 1), one("female", false, 2), one("female", true, 1)]);
    assert_eq!(matches(app, "Location?vacancy=female$ge2").await, 1);
    assert_eq!(matches(app, "Location?vacancy=female$ge3").await, 0, "two and one are not three of one kind");
    let mut men = ward("w", "f");
    men["extension"] = json!([coded("bed-function", "acute"), coded("admittable-sex", "male")]);
    app.put("Location/w", &men).await.expect(200);
    let sexes: Vec<String> = counts(app).await.into_iter().map(|(sex, ..)| sex).collect();
    assert_eq!(sexes, ["female", "female", "male"], "a bed that does not say is as its ward");
}

/// A slice as a ward without beds posts it.
pub fn posted(available: i64, as_of: &str) -> Value {
    let count = |name: &str, count: i64| json!({"url": name, "valueUnsignedInt": count});
    json!({"url": format!("{CANONICAL}/StructureDefinition/bed-vacancy"), "extension": [
        {"url": "sex", "valueCoding": {"system": format!("{CANONICAL}/CodeSystem/admittable-sex"), "code": "any"}},
        {"url": "isolation", "valueBoolean": false},
        count("staffed", 10), count("occupied", 10 - available), count("available", available),
        {"url": "asOf", "valueInstant": as_of}, {"url": "source", "valueCode": "manual"},
    ]})
}

pub fn ward_with(slice: Value) -> Value {
    let mut ward = ward("w", "f");
    ward["extension"].as_array_mut().unwrap().push(slice);
    ward
}

fn ago(minutes: i64) -> String {
    (chrono::Utc::now() - chrono::TimeDelta::minutes(minutes)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

async fn a_ward_that_has_beds_takes_no_counts(app: &TestApp) {
    build(app, &["U"]).await;
    app.put("Location/w", &ward_with(posted(3, &ago(0)))).await.expect_refusal(422);
    assert_eq!(counts(app).await, any([1, 0, 0, 0, 1]));
}

async fn a_ward_without_beds_posts_its_counts(app: &TestApp) {
    build(app, &[]).await;
    app.put("Location/w", &ward_with(posted(3, &ago(60)))).await.expect(200);
    assert_eq!(counts(app).await, any([10, 7, -1, -1, 3]));
    assert_eq!(matches(app, "Location?available=3").await, 1);
    // The same again refreshes them.
    let again = app.put("Location/w", &ward_with(posted(3, &ago(1)))).await.expect(200);
    assert_eq!(again["meta"]["versionId"], "2");
    let slice = &slices(&app.get("Location/w").await.expect(200))[0];
    assert!(part(slice, "asOf")["valueInstant"].as_str().unwrap() > ago(2).as_str(), "{slice}");
    // Older ones are refused.
    app.put("Location/w", &ward_with(posted(9, &ago(30)))).await.expect_refusal(409);
    assert_eq!(counts(app).await, any([10, 7, -1, -1, 3]));
    app.put("Location/b0", &bed("b0", "w", "O", None)).await.expect(201);
    assert_eq!(counts(app).await, any([1, 1, 0, 0, 0]), "beds decide once there are some");
}

async fn counts_that_nobody_reports_any_more_are_unknown(app: &TestApp) {
    let clock = SetClock::at(SystemClock.now());
    let app = app.at(clock.clone()).await;
    build(&app, &["U", "O"]).await;
    clock.advance(29);
    assert_eq!(counts(&app).await, any([2, 1, 0, 0, 1]));
    assert_eq!(matches(&app, "Location?available=ge1").await, 1);
    clock.advance(2);
    assert_eq!(counts(&app).await, any([2, -1, -1, -1, -1]));
    let slice = &slices(&app.get("Location/w").await.expect(200))[0];
    let reason = &part(slice, "available")["_valueUnsignedInt"]["extension"][0];
    assert_eq!(reason["valueCode"], "unknown", "{slice}");
    assert_eq!(matches(&app, "Location?available=ge0").await, 0);
    app.put("Location/b0", &bed("b0", "w", "U", None)).await.expect(200);
    assert_eq!(counts(&app).await, any([2, -1, -1, -1, -1]), "the other bed has not been reported");
    app.put("Location/b1", &bed("b1", "w", "O", None)).await.expect(200);
    assert_eq!(counts(&app).await, any([2, 1, 0, 0, 1]));
    assert_eq!(app.get("Location/b1").await.expect(200)["meta"]["versionId"], "1", "a repetition makes no version");
    clock.advance(31);
    let heartbeat = |place: &str| BedReport {
        still_true: vec![BedName::Id(ResourceId::parse(place).unwrap())],
        source: Source::Feed,
        ..BedReport::default()
    };
    report(&app, heartbeat("f")).await;
    assert_eq!(counts(&app).await, any([2, 1, 0, 0, 1]), "nothing has changed, said the facility");
    assert_eq!(matches(&app, "Location?available=1").await, 1);
    clock.advance(31);
    let moment = async || app.get("Location/b0").await.expect(200)["extension"].to_string();
    let before = moment().await;
    report(&app, heartbeat("b0")).await;
    assert_ne!(moment().await, before, "the bed itself is fresh");
    assert_eq!(counts(&app).await, any([2, -1, -1, -1, -1]), "one bed is not all");
    report(&app, heartbeat("w")).await;
    assert_eq!(counts(&app).await, any([2, 1, 0, 0, 1]));
}

async fn a_report_of_all_keeps_all_fresh_and_makes_no_version(app: &TestApp) {
    build(app, &["U", "O", "O"]).await;
    let now = app.gateway.now();
    let later = |seconds: i64| Some(Instant(now.0 + seconds * 1000));
    let rows = |third, seconds| BedReport {
        rows: vec![
            row("b0", BedStatus::Unoccupied, later(seconds).map(|at| at.0)),
            row("b1", BedStatus::Occupied, later(seconds).map(|at| at.0)),
            row("b2", third, later(seconds).map(|at| at.0)),
        ],
        ..BedReport::default()
    };
    report(app, rows(BedStatus::Occupied, 10)).await;
    for id in ["b0", "b1", "b2"] {
        let bed = app.get(&format!("Location/{id}")).await.expect(200);
        assert_eq!(bed["meta"]["versionId"], "1");
        let as_of = bed["extension"][0]["valueInstant"].as_str().unwrap().to_owned();
        assert_eq!(Instant::parse(&as_of), later(10), "{bed}");
    }
    report(app, rows(BedStatus::Unoccupied, 20)).await;
    assert_eq!(counts(app).await, any([3, 1, 0, 0, 2]));
    let slice = &slices(&app.get("Location/w").await.expect(200))[0];
    assert_eq!(Instant::parse(part(slice, "asOf")["valueInstant"].as_str().unwrap()), later(20), "{slice}");
    // Beds, ward and facility.
    assert_eq!(matches(app, &format!("Location?as-of=ge{}", later(15).unwrap().to_fhir())).await, 5);
}

async fn what_is_older_is_refused(app: &TestApp) {
    build(app, &[]).await;
    app.put("Location/b0", &bed("b0", "w", "U", Some(&ago(10)))).await.expect(201);
    app.put("Location/b0", &bed("b0", "w", "O", Some(&ago(20)))).await.expect_refusal(409);
    assert_eq!(app.get("Location/b0").await.expect(200)["operationalStatus"]["code"], "U");
    // What is stored, sent again word for word, is no contradiction.
    let moment = ago(5);
    app.put("Location/b0", &bed("b0", "w", "O", Some(&moment))).await.expect(200);
    report(app, BedReport { rows: vec![row("b0", BedStatus::Occupied, None)], ..BedReport::default() }).await;
    app.put("Location/b0", &bed("b0", "w", "O", Some(&moment))).await.expect(200);
    let ahead = ago(-10);
    app.put("Location/b0", &bed("b0", "w", "U", Some(&ahead))).await.expect_refusal(422);
}

async fn what_is_laid_over_is_never_304(app: &TestApp) {
    build(app, &["U"]).await;
    app.put("Location/g", &facility("g", 34.70, 135.40)).await.expect(201);
    for (path, status) in [("Location/w", 200), ("Location/b0", 200), ("Location/f", 200), ("Location/g", 304)] {
        let tag = app.get(path).await.header("etag").to_owned();
        assert_eq!(app.request("GET", path).header("if-none-match", &tag).send().await.status, status, "{path}");
        let mut same = app.get(path).await.expect(200);
        same["alias"] = json!(["別名"]);
        let update = app.request("PUT", path).header("if-match", &tag).json(&same).send().await;
        assert_eq!(update.status, 200, "{path}: the version's number is what If-Match goes by: {}", update.text);
    }
}

async fn what_was_read_can_be_written_back(app: &TestApp) {
    build(app, &["U", "O"]).await;
    app.put("Location/f", &facility("f", 34.79, 135.47)).await.expect(200);
    let mut ward = app.get("Location/w").await.expect(200);
    ward["alias"] = json!(["内科"]);
    app.put("Location/w", &ward).await.expect(200);
    assert_eq!(counts(app).await, any([2, 1, 0, 0, 1]));
    let stored = app.get("Location/w/_history/2").await.expect(200);
    assert!(slices(&stored).is_empty(), "what is derived is not stored: {stored}");
    // A bed with the moment that was laid over it: as fresh as before, unless its status is another one.
    let before = app.get("Location/b0").await.expect(200);
    let mut bed = before.clone();
    bed["alias"] = json!(["窓側"]);
    app.put("Location/b0", &bed).await.expect(200);
    assert_eq!(app.get("Location/b0").await.expect(200)["extension"], before["extension"]);
    bed["operationalStatus"]["code"] = json!("O");
    app.put("Location/b0", &bed).await.expect(200);
    let after = app.get("Location/b0").await.expect(200);
    let moment = |bed: &Value| bed["extension"][0]["valueInstant"].as_str().unwrap().to_owned();
    assert!(moment(&after) > moment(&before), "{after}");
}

async fn what_is_expected_stands_beside_the_counts(app: &TestApp) {
    build(app, &["U", "O"]).await;
    let url = format!("{CANONICAL}/StructureDefinition/bed-forecast");
    let forecast = |discharges| {
        json!({"url": url, "extension": [
            {"url": "day", "valueDate": "2026-11-29"}, {"url": "discharges", "valueUnsignedInt": discharges},
            {"url": "admissions", "valueUnsignedInt": 4}, {"url": "asOf", "valueInstant": "2026-11-28T08:00:00+09:00"}
        ]})
    };
    for discharges in [3, 5] {
        app.put("Location/w", &ward_with(forecast(discharges))).await.expect(200);
        let read = app.get("Location/w").await.expect(200);
        let shown = read["extension"].as_array().unwrap().iter().find(|extension| extension["url"] == url.as_str());
        assert_eq!(shown, Some(&forecast(discharges)));
        assert_eq!(counts(app).await, any([2, 1, 0, 0, 1]), "nobody is free because he is expected to be");
        assert_eq!(matches(app, "Location?available=1").await, 1);
    }
    app.put("Location/w", &ward_with(forecast(-1))).await.expect_refusal(422);
}

async fn a_bed_that_is_reported_again_is_referred_to_as_it_stands(app: &TestApp) {
    build(app, &["U"]).await;
    let report = |status: &str| {
        json!({"fullUrl": format!("{}/Location/b0", app.base), "resource": bed("b0", "w", status, Some(&ago(0))),
            "request": {"method": "PUT", "url": "Location/b0"}})
    };
    let inner = json!({
        "resourceType": "Location", "name": "枕元", "partOf": {"reference": "Location/b0/_history/1"}
    });
    let whole = json!({
        "fullUrl": format!("{}/Location/inner", app.base), "resource": inner,
        "request": {"method": "POST", "url": "Location"}
    });
    for (status, version) in [("U", "1"), ("O", "2"), ("O", "2")] {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [report(status), whole]});
        let request = app.request("POST", "").header("prefer", "return=representation").json(&bundle);
        let answer = request.send().await.expect(200);
        let reference = &answer["entry"][1]["resource"]["partOf"]["reference"];
        assert_eq!(*reference, format!("Location/b0/_history/{version}"), "{status}");
    }
}

async fn a_facility_is_as_fresh_as_the_oldest_of_its_counts(app: &TestApp) {
    let clock = SetClock::at(SystemClock.now());
    let app = app.at(clock.clone()).await;
    build(&app, &["O", "U"]).await;
    let fresh = async || {
        let answer = app.get("Location/f").await;
        assert_eq!(answer.header("etag"), "W/\"1\"", "how fresh it is makes no version");
        let facility = answer.expect(200);
        facility["extension"][0]["valueInstant"].as_str().map(str::to_owned)
    };
    let started = app.gateway.now();
    assert_eq!(fresh().await, Some(started.to_fhir()));
    clock.advance(10);
    app.put("Location/b0", &bed("b0", "w", "U", None)).await.expect(200);
    assert_eq!(fresh().await, Some(started.to_fhir()), "the other bed is older");
    app.put("Location/b1", &bed("b1", "w", "O", None)).await.expect(200);
    let later = app.gateway.now();
    assert_eq!(fresh().await, Some(later.to_fhir()));
    for (query, expected) in [
        (format!("as-of=ge{}", later.to_fhir()), 1),
        (format!("as-of=lt{}", later.to_fhir()), 0),
        ("as-of:missing=false".to_owned(), 1),
        ("as-of:missing=true".to_owned(), 0),
    ] {
        assert_eq!(matches(&app, &format!("Location?_id=f&{query}")).await, expected, "{query}");
    }
    app.put("Location/g", &facility("g", 34.70, 135.40)).await.expect(201);
    let sorted = app.get("Location?physical-type=si&_sort=as-of").await.expect(200);
    let ids: Vec<&str> =
        sorted["entry"].as_array().unwrap().iter().map(|entry| entry["resource"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["f", "g"], "unknown ones come last");
    // What was laid over comes back: it is not the client's word, and no change.
    let read = app.get("Location/f").await.expect(200);
    app.put("Location/f", &read).await.expect(200);
    let raw = app.get("Location/f/_history/1").await.expect(200);
    assert_eq!(raw["extension"], Value::Null);
    app.put("Location/v", &ward("v", "f")).await.expect(201);
    app.put("Location/c", &bed("c", "v", "U", Some(&started.to_fhir()))).await.expect(201);
    assert_eq!(fresh().await, Some(started.to_fhir()), "the oldest of all wards");
    let not_modified = app.request("GET", "Location/f").header("If-None-Match", "W/\"1\"").send().await;
    assert_eq!(not_modified.status, 200, "what is laid over is not in the version");
}
