//! A small region: three hospitals north of a doctor's house, wards, beds, clinics, two patients and what is done for them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kakehashi::clock::Clock;
use kakehashi::fhir::instant::Instant;
use serde_json::{Value, json};

use crate::app::TestApp;

const KH: &str = "https://kakehashi.example/fhir";
/// Where the doctor asks from; a hundredth of a degree north is 1.112 km.
pub const HERE: &str = "34.78|135.47";

/// A clock that the test sets.
pub struct SetClock(AtomicI64);

impl SetClock {
    pub fn at(moment: Instant) -> Arc<SetClock> {
        Arc::new(SetClock(AtomicI64::new(moment.0)))
    }

    pub fn advance(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

/// An example of a profile, under another id.
fn example(file: &str, id: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/examples");
    let mut resource: Value = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
    resource["id"] = json!(id);
    resource
}

pub fn to(target: &str) -> Value {
    json!({"reference": target})
}

fn coding(system: &str, code: &str) -> Value {
    json!({"system": format!("{KH}/CodeSystem/{system}"), "code": code})
}

fn coded(name: &str, code: &str) -> Value {
    json!({"url": format!("{KH}/StructureDefinition/{name}"), "valueCoding": coding(name, code)})
}

pub fn hospital(id: &str, latitude: f64) -> Value {
    let mut site = example("kh-facility--facility-shirasagi.json", id);
    site["position"] = json!({"latitude": latitude, "longitude": 135.47});
    site
}

/// Free beds of one sex, and for how many minutes from now the number holds.
pub fn slice(sex: &str, available: u32, minutes: i64) -> Value {
    let now = chrono::Utc::now();
    let moment = |at: chrono::DateTime<chrono::Utc>| json!(at.to_rfc3339());
    let count = |name: &str, count: u32| json!({"url": name, "valueUnsignedInt": count});
    json!({"url": format!("{KH}/StructureDefinition/bed-vacancy"), "extension": [
        {"url": "sex", "valueCoding": coding("admittable-sex", sex)},
        {"url": "isolation", "valueBoolean": false},
        count("staffed", available + 10), count("occupied", 10), count("reserved", 0), count("blocked", 0),
        count("available", available),
        {"url": "asOf", "valueInstant": moment(now - chrono::TimeDelta::minutes(90))},
        {"url": "validUntil", "valueInstant": moment(now + chrono::TimeDelta::minutes(minutes))},
        {"url": "source", "valueCode": "manual"},
    ]})
}

pub fn ward(id: &str, function: &str, capabilities: &[&str], slices: &[Value]) -> Value {
    let (facility, _) = id.split_once("-w").unwrap();
    let mut ward = example("kh-ward--ward-shirasagi-3e.json", id);
    let mut extensions = vec![coded("bed-function", function)];
    extensions.extend(capabilities.iter().map(|capability| coded("capability", capability)));
    extensions.extend(slices.iter().cloned());
    ward["extension"] = json!(extensions);
    ward["identifier"][0]["value"] = json!(format!("2710000011-{id}"));
    ward["partOf"] = to(&format!("Location/{facility}"));
    ward
}

/// A bed that says nothing of its function, sex or capability.
pub fn bed(id: &str, status: &str) -> Value {
    let (ward, _) = id.split_once("-b").unwrap();
    let mut bed = example("kh-bed--bed-3e-301-1.json", id);
    bed.as_object_mut().unwrap().remove("extension");
    bed["identifier"][0]["value"] = json!(format!("2710000011-{id}"));
    bed["operationalStatus"] = json!({"system": "http://terminology.hl7.org/CodeSystem/v2-0116", "code": status});
    bed["status"] = json!(if status == "C" { "suspended" } else { "active" });
    bed["partOf"] = to(&format!("Location/{ward}"));
    bed
}

pub fn home_care(id: &str, specialty: &str, areas: &[&str], capacity: &str) -> Value {
    let mut service = example("kh-home-care-service--homecare-aoba.json", id);
    service["extension"] = json!([coded("capacity-status", capacity)]);
    service["specialty"][0]["coding"][0]["code"] = json!(specialty);
    let areas: Vec<Value> = areas.iter().map(|area| to(&format!("Location/{area}"))).collect();
    service["coverageArea"] = json!(areas);
    service
}

pub fn referral(id: &str, status: &str, patient: &str, requester: &str) -> Value {
    let mut request = example("kh-admission-referral--referral-admission-pneumonia.json", id);
    request["status"] = json!(status);
    request["subject"] = to(&format!("Patient/{patient}"));
    request["requester"] = to(&format!("PractitionerRole/{requester}"));
    request["identifier"][0]["value"] = json!(id);
    request
}

pub fn task(id: &str, status: &str, focus: &str, owner: &str) -> Value {
    let mut task = example("kh-referral-task--task-requested.json", id);
    task["status"] = json!(status);
    task["focus"] = to(&format!("ServiceRequest/{focus}"));
    task["owner"] = to(owner);
    task
}

pub fn team(id: &str, status: &str, patient: Option<&str>, members: &[&str]) -> Value {
    let (file, role) = match patient {
        Some(_) => ("kh-patient-care-team--team-yamada.json", json!([{"coding": [coding("care-role", "pharmacist")]}])),
        None => ("kh-doctor-group--group-north.json", Value::Null),
    };
    let mut team = example(file, id);
    team["status"] = json!(status);
    if let Some(patient) = patient {
        team["subject"] = to(&format!("Patient/{patient}"));
    }
    let participant = |member: &&str| match &role {
        Value::Null => json!({"member": to(member)}),
        role => json!({"role": role, "member": to(member)}),
    };
    team["participant"] = json!(members.iter().map(participant).collect::<Vec<_>>());
    team
}

pub fn role(id: &str, doctor: &str) -> Value {
    let mut role = example("kh-practitioner-role--role-aoba-doctor.json", id);
    role["practitioner"] = to(&format!("Practitioner/{doctor}"));
    role
}

pub async fn put(app: &TestApp, resource: &Value) {
    let path = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    let answer = app.put(&path, resource).await;
    assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text);
}

/// Hospitals at 2.2, 7.8 and 12.2 km, and their wards: `h1-w1` is acute, the others are comprehensive.
pub async fn wards(app: &TestApp) {
    for (id, latitude) in [("h1", 34.80), ("h2", 34.85), ("h3", 34.89)] {
        put(app, &hospital(id, latitude)).await;
    }
    let several = |female: u32, male: u32| [slice("female", female, 60), slice("male", male, 60)];
    for ward in [
        ward("h2-w1", "comprehensive", &["oxygen", "end-of-life"], &several(1, 0)),
        ward("h1-w1", "acute", &["oxygen", "ventilator"], &several(2, 0)),
        ward("h1-w2", "comprehensive", &["oxygen"], &several(0, 3)),
        ward("h1-w3", "comprehensive", &["oxygen", "ventilator"], &several(4, 1)),
        ward("h1-w4", "comprehensive", &["dialysis"], &several(2, 2)),
        ward("h2-w2", "comprehensive", &["oxygen"], &[slice("female", 6, -5)]),
        ward("h2-w3", "comprehensive", &["oxygen"], &[slice("any", 2, 60)]),
        ward("h3-w1", "comprehensive", &["oxygen"], &several(5, 5)),
    ] {
        put(app, &ward).await;
    }
}

pub async fn beds(app: &TestApp) {
    for (id, status) in [
        ("h1-w1-b1", "U"),
        ("h1-w1-b2", "O"),
        ("h1-w1-b3", "C"),
        ("h1-w1-b4", "U"),
        ("h1-w1-b5", "H"),
        ("h1-w2-b1", "U"),
    ] {
        put(app, &bed(id, status)).await;
    }
}

/// Doctors `d1` (with two roles) and `d2`; patients `p1` and `p2`, their requests, tasks and teams; a group of doctors.
pub async fn cases(app: &TestApp) {
    for doctor in ["d1", "d2"] {
        put(app, &example("kh-practitioner--doctor-aoba.json", doctor)).await;
    }
    for (id, doctor) in [("r1", "d1"), ("r1-evenings", "d1"), ("r2", "d2")] {
        put(app, &role(id, doctor)).await;
    }
    for patient in ["p1", "p2"] {
        put(app, &example("kh-patient--patient-yamada.json", patient)).await;
    }
    for request in [
        referral("s1", "active", "p1", "r1"),
        referral("s2", "completed", "p1", "r1"),
        referral("s3", "active", "p1", "r2"),
        referral("s4", "active", "p2", "r1"),
    ] {
        put(app, &request).await;
    }
    let (first, second) = ("HealthcareService/h1-acceptance", "HealthcareService/h2-acceptance");
    for id in ["h1-acceptance", "h2-acceptance"] {
        put(app, &example("kh-acceptance-service--acceptance-shirasagi.json", id)).await;
    }
    for task in [
        task("t1", "requested", "s1", first),
        task("t2", "requested", "s1", second),
        task("t3", "received", "s3", first),
        task("t4", "requested", "s4", first),
    ] {
        put(app, &task).await;
    }
    for team in [
        team("c1", "active", Some("p1"), &["PractitionerRole/r1", "Organization/nurses"]),
        team("c1-old", "inactive", Some("p1"), &["PractitionerRole/r2"]),
        team("c2", "active", Some("p2"), &["PractitionerRole/r1-evenings", "PractitionerRole/r2"]),
        team("group", "active", None, &["PractitionerRole/r1", "Organization/midori-clinic"]),
    ] {
        put(app, &team).await;
    }
    put(app, &example("kh-organization--hikari-nursing.json", "nurses")).await;
}
