//! The smallest valid resource of every type that clients may write, and the types that a test has to go through.

use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::definitions;

/// The served types that offer `interaction`, from the CapabilityStatement's template.
pub fn types_with(interaction: Interaction) -> Vec<String> {
    let served = definitions();
    let offering = served.served_types().iter().filter(|served| served.allows(interaction));
    offering.map(|served| served.name.clone()).collect()
}

/// A small valid resource without an id. A type that is new in the template has to be added here.
pub fn minimal(rtype: &str) -> Value {
    let someone = json!({"display": "山田"});
    let text = json!({"text": "例"});
    let mut resource = match rtype {
        "Location" | "Organization" | "HealthcareService" => json!({"name": "北棟"}),
        "OrganizationAffiliation" | "Practitioner" | "PractitionerRole" | "Patient" => json!({"active": true}),
        "ServiceRequest" => json!({"status": "active", "intent": "order", "subject": someone}),
        "CareTeam" | "Measure" => json!({"status": "active"}),
        "RelatedPerson" => json!({"patient": someone}),
        "Task" => json!({"status": "requested", "intent": "order"}),
        "Encounter" => {
            json!({"status": "planned", "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}})
        }
        "Condition" => json!({"subject": someone}),
        "Consent" => json!({
            "status": "active", "scope": text, "category": [text], "policyRule": text
        }),
        "DocumentReference" => json!({"status": "current", "content": [{"attachment": {"title": "紹介状"}}]}),
        "Binary" => json!({"contentType": "text/plain", "data": "5p2l"}),
        "Endpoint" => json!({
            "status": "active", "connectionType": {"code": "hl7-fhir-rest"}, "payloadType": [text],
            "address": "https://example.org/fhir"
        }),
        "Group" => json!({"type": "person", "actual": true}),
        "Bundle" => json!({"type": "collection"}),
        "Provenance" => json!({
            "target": [someone], "recorded": "2026-04-01T09:00:00+09:00", "agent": [{"who": someone}]
        }),
        other => panic!("no minimal {other} yet"),
    };
    resource["resourceType"] = json!(rtype);
    resource
}

pub fn with_id(rtype: &str, id: &str) -> Value {
    let mut resource = minimal(rtype);
    resource["id"] = json!(id);
    resource
}

/// The same resource with other content: every type has `language`.
pub fn changed(resource: &Value, language: &str) -> Value {
    let mut resource = resource.clone();
    resource["language"] = json!(language);
    resource
}

/// The resource with an identifier, where its type has one.
pub fn identified(rtype: &str, value: &str) -> Value {
    let mut resource = minimal(rtype);
    let identifier = json!({"system": "https://example.org/ids", "value": value});
    resource["identifier"] = if rtype == "Bundle" { identifier } else { json!([identifier]) };
    resource
}
