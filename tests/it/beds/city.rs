//! A small city of the tests' own: facilities, wards and beds as hospitals post them.

use serde_json::{Value, json};

use crate::app::TestApp;

pub const CANONICAL: &str = "https://kakehashi.example/fhir";
pub const BED_IDS: &str = "https://kakehashi.example/fhir/IdSystem/bed";

/// The identifier's value of a bed.
pub fn bed_number(id: &str) -> String {
    format!("2710000011-W-{id}")
}

pub fn extension(name: &str, value: (&str, Value)) -> Value {
    let mut extension = json!({"url": format!("{CANONICAL}/StructureDefinition/{name}")});
    extension[value.0] = value.1;
    extension
}

pub fn coded(name: &str, code: &str) -> Value {
    extension(name, ("valueCoding", json!({"system": format!("{CANONICAL}/CodeSystem/{name}"), "code": code})))
}

fn physical_type(code: &str) -> Value {
    json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": code}]})
}

fn role(code: &str) -> Value {
    json!({"coding": [{"system": format!("{CANONICAL}/CodeSystem/location-role"), "code": code}]})
}

/// A facility of kh-facility's shape at a position.
pub fn facility(id: &str, latitude: f64, longitude: f64) -> Value {
    let mcsd = "https://profiles.ihe.net/ITI/mCSD/CodeSystem/IHE.mCSD.Organization.Location.Types";
    json!({
        "resourceType": "Location", "id": id, "status": "active", "name": format!("施設 {id}"), "mode": "instance",
        "type": [{"coding": [{"system": mcsd, "code": "facility"}]}, role("hospital")],
        "address": {"city": "豊中市", "state": "大阪府"}, "physicalType": physical_type("si"),
        "position": {"longitude": longitude, "latitude": latitude},
        "managingOrganization": {"reference": "Organization/someone"}
    })
}

/// A ward without counts.
pub fn ward(id: &str, facility: &str) -> Value {
    json!({
        "resourceType": "Location", "id": id, "status": "active", "name": format!("病棟 {id}"), "mode": "instance",
        "extension": [coded("bed-function", "acute"), coded("admittable-sex", "any")],
        "type": [role("ward")], "physicalType": physical_type("wa"),
        "managingOrganization": {"reference": "Organization/someone"},
        "partOf": {"reference": format!("Location/{facility}")}
    })
}

/// A bed; without `as_of` the moment is that of the write.
pub fn bed(id: &str, ward: &str, status: &str, as_of: Option<&str>) -> Value {
    let mut bed = json!({
        "resourceType": "Location", "id": id, "status": "active", "name": format!("病床 {id}"), "mode": "instance",
        "identifier": [{"system": BED_IDS, "value": bed_number(id)}],
        "operationalStatus": {"system": "http://terminology.hl7.org/CodeSystem/v2-0116", "code": status},
        "type": [role("bed")], "physicalType": physical_type("bd"),
        "partOf": {"reference": format!("Location/{ward}")}
    });
    if let Some(as_of) = as_of {
        bed["extension"] = json!([extension("as-of", ("valueInstant", json!(as_of)))]);
    }
    bed
}

/// Facility `f` with ward `w` and beds `b0`, `b1` … of these statuses.
pub async fn build(app: &TestApp, statuses: &[&str]) {
    app.put("Organization/someone", &json!({"resourceType": "Organization", "id": "someone", "name": "架空病院"}))
        .await
        .expect(201);
    app.put("Location/f", &facility("f", 34.78, 135.47)).await.expect(201);
    app.put("Location/w", &ward("w", "f")).await.expect(201);
    for (number, status) in statuses.iter().enumerate() {
        let id = format!("b{number}");
        app.put(&format!("Location/{id}"), &bed(&id, "w", status, None)).await.expect(201);
    }
}
