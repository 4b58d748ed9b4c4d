//! reindex: derived rows are right again, whatever was wrong, while writes go on.

use std::sync::atomic::{AtomicBool, Ordering};

use diesel::QueryableByName;
use diesel::sql_types::Text;
use kakehashi::exchange;
use kakehashi::store::{BoardPolicy, Connection, Sql};
use serde_json::{Value, json};

use crate::app::{TestApp, identified, location};
use crate::both;

both!(
    one_status_that_changes_touches_two_index_rows_at_most,
    damaged_rows_are_right_again_after_a_reindex,
    a_reindex_of_a_whole_database_changes_nothing,
    a_reindex_is_right_while_writes_go_on,
    events_of_beds_are_those_of_the_log_again,
    two_reindexes_at_a_time_mend_the_same_events,
);

/// The derived tables, each with its columns.
const TABLES: [(&str, &str); 14] = [
    ("index_token", "param, code, system, key"),
    ("index_reference", "key, param, target_type, target_id, version"),
    ("index_date", "key, param, low, high"),
    ("index_quantity", "key, param, low, high, system, code, unit"),
    ("index_string", "key, param, folded, exact"),
    ("index_position", "key, param, latitude, longitude, band, x, y, z"),
    ("facility", "key, id, name, status, organization_id, latitude, longitude"),
    ("ward", "key, id, name, status, facility_id, bed_function, admission_fee, admittable_sex"),
    (
        "ward_vacancy",
        "key, position, sex, isolation, staffed, occupied, reserved, blocked, available, as_of, valid_until, source, held, \
         newest",
    ),
    (
        "bed",
        "key, id, status, ward_id, operational_status, standing, admittable_sex, isolation, as_of, valid_until, source, \
         names",
    ),
    ("referral", "key, id, status, category, priority, subject, requester, authored_on, sex, isolation"),
    ("referral_task", "key, id, status, focus, owner, location, answer_by, hold_until"),
    ("care_team_member", "key, position, team_id, team_status, subject, member, role, period_start, period_end"),
    ("bed_status_event", "seq, key, ward_id, operational_status, as_of, at"),
];

#[derive(QueryableByName)]
pub struct Line {
    #[diesel(sql_type = Text)]
    pub line: String,
}

pub async fn writer(app: &TestApp) -> Connection {
    app.gateway.database.writer().await.unwrap()
}

/// Every derived row as text, sorted.
pub async fn derived(app: &TestApp) -> Vec<String> {
    let mut connection = writer(app).await;
    let mut found = Vec::new();
    for (table, columns) in TABLES {
        let parts: Vec<String> =
            columns.split(", ").map(|column| format!("coalesce(cast({column} AS text), '-')")).collect();
        let text = format!("SELECT {} AS line FROM {table}", parts.join(" || ' ' || "));
        let rows: Vec<Line> = connection.load(Sql::new(text)).await.unwrap();
        found.extend(rows.into_iter().map(|row| format!("{table} {}", row.line)));
    }
    found.sort();
    found
}

/// The examples of the profiles: a facility, wards, beds, referrals, tasks, care teams.
pub async fn fill(app: &TestApp) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/examples");
    let mut stored = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let resource: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (rtype, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap_or_default());
        if rtype != "Bundle" && !id.is_empty() {
            stored += usize::from(app.put(&format!("{rtype}/{id}"), &resource).await.status < 300);
        }
    }
    assert!(stored > 30, "{stored}");
    let stay = json!({
        "resourceType": "Encounter", "id": "stay", "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "length": {"value": 2.5, "unit": "日", "system": "http://unitsofmeasure.org", "code": "d"}
    });
    app.put("Encounter/stay", &stay).await.expect(201);
    app.post("Location", &identified("x")).await.expect(201);
    let gone = app.post("Location", &identified("gone")).await.expect(201);
    app.delete(&format!("Location/{}", gone["id"].as_str().unwrap())).await.expect(204);
}

pub async fn reindex(app: &TestApp) -> u64 {
    exchange::reindex(&app.gateway.definitions, &app.gateway.database, &BoardPolicy::default(), &|_, _, _| {})
        .await
        .unwrap()
}

async fn damaged_rows_are_right_again_after_a_reindex(app: &TestApp) {
    fill(app).await;
    let before = derived(app).await;
    for (table, _) in TABLES {
        assert!(before.iter().any(|line| line.starts_with(table)), "a row in {table}");
    }
    let damage = [
        "DELETE FROM index_token WHERE key % 2 = 0",
        "INSERT INTO index_token SELECT DISTINCT key, param, 'made up', 5 FROM index_token",
        "INSERT INTO index_token VALUES (999999, 1, 'nobody', 0)",
        "DELETE FROM index_reference WHERE key % 3 = 0",
        "INSERT INTO index_reference VALUES (1, 0, 'Patient', 'nobody', ''), (-9, 0, 'Location', 'x', '')",
        "DELETE FROM index_date WHERE key % 2 = 1",
        "UPDATE index_date SET high = high - 1",
        "INSERT INTO index_date VALUES (999999, 1, 2, 3)",
        "UPDATE index_quantity SET high = 1e300",
        "INSERT INTO index_quantity VALUES (1, 1, 2, 3, 4, 'x', 'y')",
        "UPDATE index_string SET folded = 'x' WHERE key % 2 = 0",
        "DELETE FROM index_string WHERE key % 3 = 0",
        "INSERT INTO index_string VALUES (1, 1, 'made up', 'Made up'), (999999, 1, 'nobody', 'nobody')",
        "UPDATE index_position SET band = 1, x = 0.5",
        "INSERT INTO index_position VALUES (1, 1, 2, 3, 4, 5, 6, 7)",
        "DELETE FROM facility",
        "UPDATE ward SET facility_id = 'elsewhere', bed_function = NULL",
        "UPDATE ward_vacancy SET available = 99, position = position + 1000 WHERE key % 2 = 0",
        "DELETE FROM ward_vacancy WHERE key % 2 = 1",
        "INSERT INTO ward_vacancy (key, position) SELECT DISTINCT key, 77 FROM bed",
        "UPDATE bed SET operational_status = 'U', isolation = NULL, standing = NULL, names = 'x'",
        "INSERT INTO bed (key, id) VALUES (999999, 'nobody')",
        "UPDATE referral SET subject = 'nobody'",
        "DELETE FROM referral_task",
        "UPDATE care_team_member SET role = 'x', period_end = 5",
        "INSERT INTO care_team_member (key, position, team_id) SELECT key, position + 100, team_id FROM care_team_member",
    ];
    let mut connection = writer(app).await;
    for text in damage {
        assert!(connection.execute(Sql::new(text)).await.unwrap() > 0, "{text}");
    }
    if !connection.is_sqlite() {
        // This table has no key that would keep a row from standing twice.
        connection.execute(Sql::new("INSERT INTO index_string SELECT * FROM index_string")).await.unwrap();
    }
    drop(connection);
    assert_ne!(derived(app).await, before);
    assert!(reindex(app).await > 30);
    let after = derived(app).await;
    let differing: Vec<_> =
        before.iter().chain(&after).filter(|line| !(before.contains(line) && after.contains(line))).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(app.get("Location?identifier=https://example.org/places|x").await.expect(200)["total"], 1);
    assert_eq!(app.get("Location?identifier=https://example.org/places|gone").await.expect(200)["total"], 0);
}

async fn a_reindex_of_a_whole_database_changes_nothing(app: &TestApp) {
    fill(app).await;
    let before = derived(app).await;
    reindex(app).await;
    assert_eq!(derived(app).await, before);
    assert_eq!(app.get("_history?_summary=count").await.expect(200)["total"], {
        reindex(app).await;
        app.get("_history?_summary=count").await.expect(200)["total"].clone()
    });
}

/// Every write moves the resource to another name; after each, the new one is found and the old one is not.
async fn keep_renaming(app: &TestApp, worker: usize, stop: &AtomicBool) -> usize {
    let id = format!("l{worker}");
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let mut body = location(&id, "1");
        body["partOf"] = json!({"reference": format!("Location/parent{}", number % 3)});
        body["identifier"] = json!([{"system": "https://example.org/places", "value": format!("{id}-{number}")},
            {"system": "https://example.org/places", "value": format!("{id}-stays")}]);
        let answer = app.put(&format!("Location/{id}"), &body).await;
        assert!(answer.status < 300, "{}", answer.text);
        let stays = app.get(&format!("Location?identifier={id}-stays")).await.expect(200);
        assert_eq!(stays["total"], 1, "a row that belongs was missing for a while");
    }
    number
}

async fn a_reindex_is_right_while_writes_go_on(app: &TestApp) {
    for worker in 0..4 {
        app.put(&format!("Location/l{worker}"), &location(&format!("l{worker}"), "0")).await.expect(201);
    }
    let stop = AtomicBool::new(false);
    let reindexing = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        for _ in 0..20 {
            reindex(app).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (a, b, c, d, ()) = tokio::join!(
        keep_renaming(app, 0, &stop),
        keep_renaming(app, 1, &stop),
        keep_renaming(app, 2, &stop),
        keep_renaming(app, 3, &stop),
        reindexing
    );
    assert!([a, b, c, d].iter().all(|writes| *writes > 1), "writes went on: {a} {b} {c} {d}");
    let during = derived(app).await;
    reindex(app).await;
    assert_eq!(derived(app).await, during, "nothing was left to mend");
    for (worker, last) in [a, b, c, d].iter().enumerate() {
        assert_eq!(app.get(&format!("Location?identifier=l{worker}-{last}")).await.expect(200)["total"], 1);
        assert_eq!(app.get(&format!("Location?identifier=l{worker}-{}", last - 1)).await.expect(200)["total"], 0);
    }
}

/// The example bed under another id, in that state of HL7 v2 table 0116.
pub fn bed(id: &str, status: &str) -> Value {
    let mut bed: Value = serde_json::from_str(include_str!("../../docs/examples/bed-status.json")).unwrap();
    bed["id"] = json!(id);
    bed["identifier"][0]["value"] = json!(format!("2719000001-W01-{id}"));
    bed["operationalStatus"] = json!({"system": "http://terminology.hl7.org/CodeSystem/v2-0116", "code": status});
    bed
}

/// A bed that changes, stays as it is, is deleted, returns and stops being a bed; one with more versions than one look
/// at the log takes in; and what is no bed.
async fn fill_events(app: &TestApp) {
    for status in ["O", "O", "U"] {
        let answer = app.put("Location/b1", &bed("b1", status)).await;
        assert!(answer.status < 300, "{}", answer.text);
    }
    let mut renamed = bed("b1", "U");
    renamed["name"] = json!("another name, the same status");
    app.put("Location/b1", &renamed).await.expect(200);
    app.delete("Location/b1").await.expect(204);
    app.put("Location/b1", &bed("b1", "K")).await.expect(201);
    app.put("Location/b1", &location("b1", "no bed any more")).await.expect(200);
    app.put("Location/b1", &bed("b1", "K")).await.expect(200);
    app.put("Location/plain", &location("plain", "1")).await.expect(201);
    app.post("Organization", &json!({"resourceType": "Organization", "name": "病院"})).await.expect(201);
    let writes = (0..520).map(|number| {
        let mut report = bed("b2", ["O", "U", "U"][number % 3]);
        report["name"] = json!(format!("report {number}"));
        async move { app.put("Location/b2", &report).await.status }
    });
    let statuses = futures_util::future::join_all(writes).await;
    assert!(statuses.iter().all(|status| *status < 300), "{statuses:?}");
}

async fn events(app: &TestApp) -> Vec<String> {
    let mut found = derived(app).await;
    found.retain(|line| line.starts_with("bed_status_event"));
    found
}

async fn damage_events(app: &TestApp) {
    let damage = [
        "UPDATE bed_status_event SET operational_status = 'X', ward_id = NULL WHERE seq % 3 = 0",
        "UPDATE bed_status_event SET key = 999999, at = 1 WHERE seq % 3 = 1",
        "DELETE FROM bed_status_event WHERE seq % 3 = 2",
        // Versions without an event, of a bed and of what never was one; a place that the log does not have.
        "INSERT INTO bed_status_event (seq, key, at) SELECT seq, key, at FROM resource_version WHERE version = 3 \
         ON CONFLICT DO NOTHING",
        "INSERT INTO bed_status_event (seq, key, at) SELECT seq, key, at FROM resource_version \
         WHERE rtype = 'Organization'",
        "INSERT INTO bed_status_event (seq, key, at) VALUES (999999, 1, 1), (-5, 1, 1)",
    ];
    let mut connection = writer(app).await;
    for text in damage {
        assert!(connection.execute(Sql::new(text)).await.unwrap() > 0, "{text}");
    }
}

async fn events_of_beds_are_those_of_the_log_again(app: &TestApp) {
    fill_events(app).await;
    let before = events(app).await;
    // O, U, gone, K, no bed, K; and at least every other report of the second bed.
    assert!(before.len() > 6 + 100, "{}", before.len());
    reindex(app).await;
    assert_eq!(events(app).await, before, "what is right stays");
    damage_events(app).await;
    assert_ne!(events(app).await, before);
    reindex(app).await;
    assert_eq!(events(app).await, before);
    writer(app).await.execute(Sql::new("DELETE FROM bed_status_event")).await.unwrap();
    reindex(app).await;
    assert_eq!(events(app).await, before, "from nothing");
}

async fn two_reindexes_at_a_time_mend_the_same_events(app: &TestApp) {
    fill_events(app).await;
    let before = events(app).await;
    for _ in 0..3 {
        damage_events(app).await;
        tokio::join!(reindex(app), reindex(app));
        assert_eq!(events(app).await, before);
    }
}

/// Rows of the search index alone.
async fn index(app: &TestApp) -> Vec<String> {
    let mut found = derived(app).await;
    found.retain(|line| line.starts_with("index_"));
    found
}

async fn one_status_that_changes_touches_two_index_rows_at_most(app: &TestApp) {
    app.put("Location/b1", &bed("b1", "O")).await.expect(201);
    let before = index(app).await;
    assert!(before.len() > 5, "{before:#?}");
    app.put("Location/b1", &bed("b1", "U")).await.expect(200);
    let after = index(app).await;
    let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(gone.len() + new.len() <= 2 && !new.is_empty(), "{gone:#?} {new:#?}");
}
