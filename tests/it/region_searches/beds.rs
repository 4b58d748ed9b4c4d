//! Beds, wards and clinics: what is free, where, and how near.

use std::sync::Arc;

use kakehashi::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::matches;
use super::region::{HERE, SetClock, bed, beds, home_care, hospital, put, slice, to, ward, wards};
use crate::app::{TestApp, location};
use crate::both;

both!(
    free_beds_of_a_ward_follow_every_report,
    wards_for_a_woman_come_nearest_first_with_their_distance,
    wards_follow_their_facility_when_it_moves,
    beds_follow_their_ward_when_its_function_changes,
    counts_that_have_run_out_are_no_free_beds,
    home_care_is_found_by_specialty_area_and_capacity,
);

const FREE: &str = "Location?partof=Location/h1-w1&operational-status=U&status=active";

fn for_a_woman() -> String {
    format!(
        "Location?physical-type=wa&bed-function=comprehensive&capability=oxygen&vacancy=female$ge1\
         &near={HERE}|10|km&_sort=near"
    )
}

/// The ids of the matches with their distances in metres.
async fn nearest(app: &TestApp, query: &str) -> Vec<(String, i64)> {
    let bundle = super::whole(app, query).await;
    let metres = |entry: &Value| {
        let distance = &entry["search"]["extension"][0]["valueDistance"];
        assert_eq!(distance["code"], "km", "{entry}");
        let metres = (distance["value"].as_f64().unwrap() * 1000.0).round() as i64;
        (entry["resource"]["id"].as_str().unwrap().to_owned(), metres)
    };
    bundle["entry"].as_array().into_iter().flatten().map(metres).collect()
}

fn expected(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(id, metres)| ((*id).to_owned(), *metres)).collect()
}

async fn free_beds_of_a_ward_follow_every_report(app: &TestApp) {
    wards(app).await;
    beds(app).await;
    assert_eq!(matches(app, FREE).await, ["h1-w1-b1", "h1-w1-b4"]);
    put(app, &bed("h1-w1-b1", "O")).await;
    put(app, &bed("h1-w1-b2", "H")).await;
    assert_eq!(matches(app, FREE).await, ["h1-w1-b4"]);
    put(app, &bed("h1-w1-b2", "U")).await;
    assert_eq!(matches(app, FREE).await, ["h1-w1-b2", "h1-w1-b4"]);
    assert_eq!(matches(app, "Location?partof=Location/h1-w1&operational-status=O").await, ["h1-w1-b1"]);
    // A bed that is moved to another ward is that ward's.
    let mut moved = bed("h1-w1-b4", "U");
    moved["partOf"] = to("Location/h1-w2");
    put(app, &moved).await;
    assert_eq!(matches(app, FREE).await, ["h1-w1-b2"]);
    assert_eq!(matches(app, &FREE.replace("h1-w1", "h1-w2")).await, ["h1-w1-b4", "h1-w2-b1"]);
    app.delete("Location/h1-w1-b2").await.expect(204);
    assert!(matches(app, FREE).await.is_empty());
    // A report that is refused changes nothing.
    let mut wrong = bed("h1-w1-b1", "U");
    wrong["operationalStatus"]["code"] = json!("free");
    app.put("Location/h1-w1-b1", &wrong).await.expect_refusal(422);
    assert!(matches(app, FREE).await.is_empty());
}

async fn wards_for_a_woman_come_nearest_first_with_their_distance(app: &TestApp) {
    // Without beds: their counts are posted.
    wards(app).await;
    assert_eq!(nearest(app, &for_a_woman()).await, expected(&[("h1-w3", 2_224), ("h2-w1", 7_784)]));
    // A bed for anybody suits a woman, too.
    let anybody = for_a_woman().replace("female$ge1", "female$ge1,any$ge1");
    let found = nearest(app, &anybody).await;
    assert_eq!(found, expected(&[("h1-w3", 2_224), ("h2-w1", 7_784), ("h2-w3", 7_784)]));
    let farther = for_a_woman().replace("|10|km", "|12300|m");
    let found = nearest(app, &farther).await;
    assert_eq!(found, expected(&[("h1-w3", 2_224), ("h2-w1", 7_784), ("h3-w1", 12_231)]));
    for (from, to, found) in [
        ("capability=oxygen", "capability=oxygen&capability=end-of-life", vec!["h2-w1"]),
        ("capability=oxygen", "capability=ventilator,dialysis", vec!["h1-w3", "h1-w4"]),
        ("bed-function=comprehensive", "bed-function=acute", vec!["h1-w1"]),
        ("bed-function=comprehensive&", "bed-function=acute,comprehensive&", vec!["h1-w1", "h1-w3", "h2-w1"]),
        ("female$ge1", "female$gt1", vec!["h1-w3"]),
        ("female$ge1", "female$eq1", vec!["h2-w1"]),
        ("female$ge1", "male$ge1", vec!["h1-w2", "h1-w3"]),
        // One slice must hold both: four for women and one for men are not four for men.
        ("female$ge1", "male$ge4", vec![]),
        ("|10|km", "|2|km", vec![]),
        ("_sort=near", "_sort=-near", vec!["h2-w1", "h1-w3"]),
    ] {
        assert_eq!(matches(app, &for_a_woman().replace(from, to)).await, found, "{from} → {to}");
    }
    // What a ward reports is what is found.
    put(app, &ward("h1-w3", "comprehensive", &["oxygen"], &[slice("female", 0, 60)])).await;
    put(app, &ward("h1-w2", "comprehensive", &["oxygen"], &[slice("female", 1, 60)])).await;
    assert_eq!(matches(app, &for_a_woman()).await, ["h1-w2", "h2-w1"]);
}

async fn wards_follow_their_facility_when_it_moves(app: &TestApp) {
    wards(app).await;
    beds(app).await;
    let near = format!("Location?physical-type=bd&near={HERE}|10|km");
    assert_eq!(matches(app, &near).await.len(), 6, "a bed stands where its ward's facility does");
    put(app, &hospital("h1", 34.90)).await;
    put(app, &hospital("h3", 34.785)).await;
    assert_eq!(nearest(app, &for_a_woman()).await, expected(&[("h3-w1", 556), ("h2-w1", 7_784)]));
    assert!(matches(app, &near).await.is_empty());
    // A ward with a position of its own stands there.
    let mut own = ward("h1-w3", "comprehensive", &["oxygen"], &[slice("female", 4, 60)]);
    own["position"] = json!({"latitude": 34.79, "longitude": 135.47});
    put(app, &own).await;
    assert_eq!(nearest(app, &for_a_woman()).await, expected(&[("h3-w1", 556), ("h1-w3", 1_112), ("h2-w1", 7_784)]));
    // A ward that is moved to another facility is near where that is.
    let mut moved = ward("h2-w1", "comprehensive", &["oxygen"], &[slice("female", 1, 60)]);
    moved["partOf"] = to("Location/h1");
    put(app, &moved).await;
    assert_eq!(matches(app, &for_a_woman()).await, ["h3-w1", "h1-w3"]);
}

async fn beds_follow_their_ward_when_its_function_changes(app: &TestApp) {
    wards(app).await;
    beds(app).await;
    let free = |rest: &str| format!("Location?physical-type=bd&operational-status=U&{rest}");
    assert_eq!(matches(app, &free("bed-function=acute")).await, ["h1-w1-b1", "h1-w1-b4"]);
    assert_eq!(matches(app, &free("bed-function=comprehensive")).await, ["h1-w2-b1"]);
    assert_eq!(matches(app, &free("capability=ventilator")).await, ["h1-w1-b1", "h1-w1-b4"]);
    put(app, &ward("h1-w1", "comprehensive", &["dialysis"], &[])).await;
    assert!(matches(app, &free("bed-function=acute")).await.is_empty());
    assert_eq!(matches(app, &free("bed-function=comprehensive")).await, ["h1-w1-b1", "h1-w1-b4", "h1-w2-b1"]);
    assert!(matches(app, &free("capability=ventilator")).await.is_empty());
    // A bed with a capability of its own has that, not its ward's.
    let mut own = bed("h1-w1-b1", "U");
    let code = json!({"system": "https://kakehashi.example/fhir/CodeSystem/capability", "code": "ventilator"});
    own["extension"] =
        json!([{"url": "https://kakehashi.example/fhir/StructureDefinition/capability", "valueCoding": code}]);
    put(app, &own).await;
    assert_eq!(matches(app, &free("capability=ventilator")).await, ["h1-w1-b1"]);
    assert_eq!(matches(app, &free("capability=dialysis")).await, ["h1-w1-b4"]);
}

async fn counts_that_have_run_out_are_no_free_beds(app: &TestApp) {
    let clock = SetClock::at(SystemClock.now());
    let later = app.at(Arc::<SetClock>::clone(&clock)).await;
    wards(app).await;
    put(app, &ward("h1-w3", "comprehensive", &["oxygen"], &[slice("female", 4, 120)])).await;
    let query = for_a_woman();
    assert_eq!(matches(&later, &query).await, ["h1-w3", "h2-w1"]);
    clock.advance(-10);
    assert_eq!(matches(&later, &query).await, ["h1-w3", "h2-w1", "h2-w2"], "ten minutes ago one more was known");
    clock.advance(10 + 61);
    assert_eq!(matches(&later, &query).await, ["h1-w3"], "nothing was written, and what is known has grown old");
    let none = "Location?physical-type=wa&available:missing=true";
    assert_eq!(matches(&later, none).await.len(), 7);
    clock.advance(60);
    assert!(matches(&later, &query).await.is_empty());
    assert!(matches(&later, "Location?available=ge0").await.is_empty());
    put(app, &ward("h2-w1", "comprehensive", &["oxygen"], &[slice("female", 1, 180)])).await;
    assert_eq!(matches(&later, &query).await, ["h2-w1"], "a new report is known at once");
}

async fn home_care_is_found_by_specialty_area_and_capacity(app: &TestApp) {
    for area in ["north", "south", "east"] {
        put(app, &location(area, area)).await;
    }
    for service in [
        home_care("a", "01", &["north", "south"], "capacity"),
        home_care("b", "01", &["south"], "capacity"),
        home_care("c", "01", &["north"], "no-capacity"),
        home_care("d", "19", &["north"], "capacity"),
        home_care("e", "01", &["north"], "waitlist"),
    ] {
        put(app, &service).await;
    }
    let query = "HealthcareService?service-type=home-care&active=true&coverage-area=Location/north\
                 &specialty=http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment|01&capacity-status=capacity";
    assert_eq!(matches(app, query).await, ["a"]);
    for (from, to, found) in [
        ("capacity-status=capacity", "capacity-status=capacity,waitlist", vec!["a", "e"]),
        ("Location/north", "Location/south", vec!["a", "b"]),
        ("Location/north", "Location/east", vec![]),
        ("|01", "|19", vec!["d"]),
        ("coverage-area=Location/north", "coverage-area.name=SOUTH", vec!["a", "b"]),
    ] {
        assert_eq!(matches(app, &query.replace(from, to)).await, found, "{from} → {to}");
    }
    put(app, &home_care("a", "01", &["south"], "capacity")).await;
    put(app, &home_care("c", "01", &["north"], "capacity")).await;
    assert_eq!(matches(app, query).await, ["c"]);
}
