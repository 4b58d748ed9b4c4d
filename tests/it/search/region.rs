//! What doctors, hospitals and platforms search for, in an invented region: each answer compared with one that is made by
//! looking at every resource.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use kakehashi::demo::{Plan, region};
use kakehashi::fhir::json::to_compact;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both;

use super::{ids, keys, pages};

both!(the_regions_questions_are_answered_like_by_looking_at_everything,);

const SMALL: fn() -> Plan =
    || Plan { facilities: 4, beds: 160, wards: 8, clinics: 12, patients: 12, referrals: 60, ..Plan::default() };

/// The region as plain JSON, once it is in the gateway.
async fn loaded(app: &TestApp) -> Vec<Value> {
    let now = Utc::now();
    let all: Vec<Value> =
        region(&SMALL(), now).map(|resource| serde_json::from_str(&to_compact(&resource)).unwrap()).collect();
    for part in all.chunks(200) {
        let entry = |resource: &Value| {
            let url = key(resource);
            json!({"resource": resource, "request": {"method": "PUT", "url": url}})
        };
        let bundle =
            json!({"resourceType": "Bundle", "type": "batch", "entry": part.iter().map(entry).collect::<Vec<_>>()});
        let answer = app.post("", &bundle).await.expect(200);
        for entry in answer["entry"].as_array().unwrap() {
            assert_eq!(entry["response"]["status"], "201 Created", "{entry}");
        }
    }
    all
}

fn key(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

fn refers(node: &Value, target: &str) -> bool {
    node["reference"] == target
}

fn has_code(concept: &Value, code: &str) -> bool {
    concept["coding"].as_array().into_iter().flatten().any(|coding| coding["code"] == code)
}

fn list(node: &Value) -> impl Iterator<Item = &Value> {
    node.as_array().into_iter().flatten()
}

fn extension<'a>(resource: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let url = format!("https://kakehashi.example/fhir/StructureDefinition/{name}");
    list(&resource["extension"]).filter(move |extension| extension["url"] == url)
}

fn part<'a>(extension: &'a Value, name: &str) -> &'a Value {
    list(&extension["extension"]).find(|part| part["url"] == name).unwrap_or(&Value::Null)
}

/// Ids of the resources of a type that fit.
fn fitting(all: &[Value], rtype: &str, fits: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let found = all.iter().filter(|resource| resource["resourceType"] == rtype && fits(resource));
    found.map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
}

async fn compare(app: &TestApp, query: &str, expected: &BTreeSet<String>) -> usize {
    let found = pages(app, &format!("{query}&_count=7"), async |_| ()).await.concat();
    assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len(), "each once: {query}");
    assert_eq!(&found.into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
    expected.len()
}

async fn the_regions_questions_are_answered_like_by_looking_at_everything(app: &TestApp) {
    let all = loaded(app).await;
    free_beds(app, &all).await;
    wards_for_a_woman(app, &all).await;
    home_care(app, &all).await;
    referrals(app, &all).await;
    teams(app, &all).await;
    changes(app, &all).await;
}

async fn free_beds(app: &TestApp, all: &[Value]) {
    let wards = fitting(all, "Location", |place| has_code(&place["physicalType"], "wa"));
    let mut found = 0;
    for ward in &wards {
        let free = fitting(all, "Location", |bed| {
            refers(&bed["partOf"], &format!("Location/{ward}")) && bed["operationalStatus"]["code"] == "U"
        });
        found += compare(app, &format!("Location?partof={ward}&operational-status=U&status=active"), &free).await;
    }
    assert!(wards.len() > 4 && found > 4, "{found} free beds in {} wards", wards.len());
}

/// A slice that is believed and has a free bed for a woman.
fn takes_a_woman(ward: &Value) -> bool {
    extension(ward, "bed-vacancy").any(|slice| {
        let until =
            part(slice, "validUntil")["valueInstant"].as_str().or(part(slice, "validUntil")["valueDateTime"].as_str());
        let believed = until.is_none_or(|until| until.parse::<DateTime<Utc>>().unwrap() > Utc::now());
        let sex = part(slice, "sex");
        let free = part(slice, "available").as_object().and_then(|part| part.values().find_map(Value::as_i64));
        believed
            && sex["valueCoding"]["code"].as_str().or(sex["valueCode"].as_str()) == Some("female")
            && free >= Some(1)
    })
}

async fn wards_for_a_woman(app: &TestApp, all: &[Value]) {
    let mut found = 0;
    for function in ["acute", "comprehensive", "chronic"] {
        let expected = fitting(all, "Location", |ward| {
            let of_function = extension(ward, "bed-function").any(|one| one["valueCoding"]["code"] == function);
            has_code(&ward["physicalType"], "wa") && of_function && takes_a_woman(ward)
        });
        let query = format!(
            "Location?physical-type=wa&vacancy=female$ge1&bed-function={function}&near=34.782|135.470|50|km&_sort=near"
        );
        found += compare(app, &query, &expected).await;
        let bundle = app.get(&query).await.expect(200);
        let distances: Vec<f64> = list(&bundle["entry"])
            .map(|entry| entry["search"]["extension"][0]["valueDistance"]["value"].as_f64().unwrap())
            .collect();
        assert!(distances.is_sorted(), "{distances:?}");
    }
    assert!(found > 1, "{found} wards");
}

async fn home_care(app: &TestApp, all: &[Value]) {
    let mut found = 0;
    for area in 1..=7 {
        let expected = fitting(all, "HealthcareService", |service| {
            list(&service["type"]).any(|kind| has_code(kind, "home-care"))
                && list(&service["coverageArea"]).any(|one| refers(one, &format!("Location/area-{area}")))
                && extension(service, "capacity-status").any(|one| one["valueCoding"]["code"] == "capacity")
        });
        let query =
            format!("HealthcareService?service-type=home-care&coverage-area=area-{area}&capacity-status=capacity");
        found += compare(app, &query, &expected).await;
    }
    assert!(found > 0);
}

async fn referrals(app: &TestApp, all: &[Value]) {
    let (mut cases, mut inbox) = (0, 0);
    for patient in fitting(all, "Patient", |_| true) {
        let target = format!("Patient/{patient}");
        let active =
            fitting(all, "ServiceRequest", |one| one["status"] == "active" && refers(&one["subject"], &target));
        let query = format!("ServiceRequest?patient={patient}&status=active");
        cases += compare(app, &query, &active).await;
        let more = format!("{query}&_revinclude=Task:focus&_include=ServiceRequest:requester");
        let bundle = app.get(&more).await.expect(200);
        let mut expected: BTreeSet<String> = BTreeSet::new();
        for request in all.iter().filter(|one| one["resourceType"] == "ServiceRequest") {
            if active.contains(request["id"].as_str().unwrap()) {
                expected.insert(request["requester"]["reference"].as_str().unwrap().to_owned());
                let tasks = fitting(all, "Task", |task| refers(&task["focus"], &key(request)));
                expected.extend(tasks.into_iter().map(|task| format!("Task/{task}")));
            }
        }
        assert_eq!(keys(&bundle, "include").into_iter().collect::<BTreeSet<_>>(), expected, "{more}");
    }
    for service in fitting(all, "HealthcareService", |_| true) {
        let owner = format!("HealthcareService/{service}");
        let waiting = fitting(all, "Task", |task| task["status"] == "requested" && refers(&task["owner"], &owner));
        inbox += compare(app, &format!("Task?owner={owner}&status=requested&_include=Task:focus"), &waiting).await;
    }
    assert!(cases > 3 && inbox > 0, "{cases} cases, {inbox} requests");
}

async fn teams(app: &TestApp, all: &[Value]) {
    for patient in fitting(all, "Patient", |_| true) {
        let target = format!("Patient/{patient}");
        let active = fitting(all, "CareTeam", |team| team["status"] == "active" && refers(&team["subject"], &target));
        let query = format!("CareTeam?patient={patient}&status=active&_include=CareTeam:participant");
        compare(app, &query, &active).await;
        let bundle = app.get(&query).await.expect(200);
        let members = list(&bundle["entry"]).filter(|entry| entry["search"]["mode"] == "match");
        let members = members
            .flat_map(|entry| list(&entry["resource"]["participant"]).map(|one| one["member"]["reference"].clone()));
        let members: BTreeSet<String> = members.map(|member| member.as_str().unwrap().to_owned()).collect();
        assert_eq!(keys(&bundle, "include").into_iter().collect::<BTreeSet<_>>(), members, "{query}");
    }
    let mut found = 0;
    for practitioner in fitting(all, "Practitioner", |_| true) {
        let person = format!("Practitioner/{practitioner}");
        let roles = fitting(all, "PractitionerRole", |role| refers(&role["practitioner"], &person));
        let teams = fitting(all, "CareTeam", |team| {
            list(&team["participant"]).any(|one| {
                let member = one["member"]["reference"].as_str().unwrap_or_default();
                member.strip_prefix("PractitionerRole/").is_some_and(|role| roles.contains(role))
            })
        });
        found += compare(app, &format!("CareTeam?participant:PractitionerRole.practitioner={person}"), &teams).await;
    }
    assert!(found > 5, "{found} memberships");
}

async fn changes(app: &TestApp, all: &[Value]) {
    let sent = all.last().unwrap();
    let last = app.get(&key(sent)).await.expect(200)["meta"]["lastUpdated"].as_str().unwrap().to_owned();
    let whole = app.get("?_total=accurate&_count=1").await.expect(200);
    assert_eq!(whole["total"], all.len());
    let mut newer = all.iter().find(|one| one["resourceType"] == "Patient").unwrap().clone();
    newer["language"] = json!("ja");
    app.put(&key(&newer), &newer).await.expect(200);
    let changed = app.get(&format!("?_lastUpdated=gt{last}")).await.expect(200);
    assert_eq!(ids(&changed), [newer["id"].as_str().unwrap()]);
}
