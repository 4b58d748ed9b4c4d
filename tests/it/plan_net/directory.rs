//! A directory of five of each type, all that the matrix asks for filled in but in the last, and the brute check: which of
//! them does a parameter with a value fit?

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::matrix::Parameter;

pub const TYPES: [&str; 7] = [
    "Endpoint",
    "HealthcareService",
    "Location",
    "Organization",
    "OrganizationAffiliation",
    "Practitioner",
    "PractitionerRole",
];
const EACH: usize = 5;
const STATES: [&str; 2] = ["Osaka", "大阪府"];
const TOWNS: [&str; 3] = ["Toyonaka", "Suita", "豊中市"];

/// All resources, before they are stored.
pub fn directory() -> Vec<Value> {
    TYPES.iter().flat_map(|rtype| (0..EACH).map(|number| resource(rtype, number))).collect()
}

fn to(rtype: &str, number: usize) -> Value {
    json!({"reference": format!("{rtype}/{}-{}", rtype.to_lowercase(), number % EACH)})
}

/// Every second and the next: each target is referred to by several, no two refer to the same ones.
fn several(rtype: &str, number: usize) -> Value {
    json!([to(rtype, number * 2), to(rtype, number + 1)])
}

fn code(name: &str, number: usize) -> Value {
    let coding =
        |number: usize| json!({"system": format!("https://example.org/{name}"), "code": format!("{name}-{number}")});
    json!({"coding": [coding(number % 3), coding(number + 10)], "text": name})
}

fn codes(name: &str, number: usize) -> Value {
    json!([code(name, number), code(name, number + 1)])
}

fn address(number: usize) -> Value {
    json!({
        "line": [format!("{number} Sakura Street")], "city": TOWNS[number % 3], "state": STATES[number % 2],
        "postalCode": format!("560-000{}", number / 2), "country": "JP"
    })
}

fn resource(rtype: &str, number: usize) -> Value {
    let mut resource = required(rtype);
    resource["resourceType"] = json!(rtype);
    resource["id"] = json!(format!("{}-{number}", rtype.to_lowercase()));
    if number + 1 < EACH {
        let more: Map<String, Value> = serde_json::from_value(elements(rtype, number)).unwrap();
        resource.as_object_mut().unwrap().extend(more);
    }
    resource
}

fn required(rtype: &str) -> Value {
    match rtype {
        "Endpoint" => json!({
            "status": "active", "connectionType": {"code": "hl7-fhir-rest"}, "payloadType": [{"text": "any"}],
            "address": "https://example.org/fhir"
        }),
        "Location" | "Organization" => json!({"name": "Bare"}),
        _ => json!({"active": true}),
    }
}

fn elements(rtype: &str, number: usize) -> Value {
    let organization = to("Organization", number / 2);
    match rtype {
        "Endpoint" => json!({"managingOrganization": organization}),
        "Location" => json!({
            "name": format!("Clinic {number}"), "type": codes("place", number), "address": address(number),
            "managingOrganization": organization, "partOf": to("Location", (number + 4) / 2),
            "endpoint": several("Endpoint", number)
        }),
        "Organization" => json!({
            "name": format!("Órgano {number}"), "alias": [format!("Alias {}", number % 2)], "type": codes("kind", number),
            "address": [address(number), address(number + 2)], "partOf": to("Organization", (number + 4) / 2),
            "endpoint": several("Endpoint", number)
        }),
        "HealthcareService" => json!({
            "name": format!("Service {number}"), "location": several("Location", number),
            "coverageArea": several("Location", number + 1), "providedBy": organization,
            "endpoint": several("Endpoint", number), "category": [code("category", number)],
            "type": codes("service", number), "specialty": codes("specialty", number)
        }),
        "OrganizationAffiliation" => json!({
            "organization": organization, "participatingOrganization": to("Organization", number + 1),
            "location": several("Location", number), "healthcareService": several("HealthcareService", number),
            "network": several("Organization", number), "endpoint": several("Endpoint", number),
            "code": codes("role", number), "specialty": codes("specialty", number)
        }),
        "Practitioner" => json!({
            "name": [{"family": format!("Family{number}"), "given": [format!("Given{}", number % 2), "Middle"]}]
        }),
        _ => json!({
            "practitioner": to("Practitioner", number / 2), "organization": organization,
            "location": several("Location", number), "healthcareService": several("HealthcareService", number),
            "endpoint": several("Endpoint", number), "code": codes("role", number), "specialty": codes("specialty", number)
        }),
    }
}

pub fn key(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

/// What stands at the parameter's paths.
pub fn nodes<'a>(parameter: &Parameter, resource: &'a Value) -> Vec<&'a Value> {
    let at = |path: &String| {
        path.split('.').skip(1).fold(vec![resource], |nodes, name| {
            let members = nodes.into_iter().filter_map(|node| node.get(name));
            members.flat_map(|member| member.as_array().map_or(vec![member], |items| items.iter().collect())).collect()
        })
    };
    parameter.paths.iter().flat_map(at).collect()
}

/// Strings of a name or address, or the string itself.
fn texts(node: &Value) -> Vec<String> {
    match node {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// Letters alike whatever their case and accents, as far as the directory uses them.
fn folded(text: &str) -> String {
    text.to_lowercase().replace('ó', "o")
}

/// The values that searches ask for, given what stands in a resource.
pub fn values(parameter: &Parameter, resource: &Value) -> BTreeSet<String> {
    let of = |node: &Value| match parameter.kind.as_str() {
        "Reference" => vec![node["reference"].as_str().unwrap().to_owned()],
        "CodeableConcept" => {
            codings(node).into_iter().flat_map(|(system, code)| [format!("{system}|{code}"), code]).collect()
        }
        "token" | "date" => vec![node.as_str().unwrap().to_owned()],
        _ => texts(node)
            .into_iter()
            .flat_map(|text| [text.chars().take(4).collect::<String>().to_uppercase(), text])
            .collect(),
    };
    nodes(parameter, resource).into_iter().flat_map(of).collect()
}

fn codings(concept: &Value) -> Vec<(String, String)> {
    let coding = |coding: &Value| {
        let part = |name: &str| coding[name].as_str().unwrap().to_owned();
        (part("system"), part("code"))
    };
    concept["coding"].as_array().into_iter().flatten().map(coding).collect()
}

/// Whether the parameter with the value fits the resource; `value` may have a prefix where the parameter is a date.
pub fn fits(parameter: &Parameter, resource: &Value, value: &str) -> bool {
    nodes(parameter, resource).into_iter().any(|node| match parameter.kind.as_str() {
        "Reference" => node["reference"] == value,
        "CodeableConcept" => {
            codings(node).into_iter().any(|(system, code)| code == value || format!("{system}|{code}") == value)
        }
        "token" => node == value,
        "date" => date_fits(node.as_str().unwrap(), value),
        _ => texts(node).iter().any(|text| folded(text).starts_with(&folded(value))),
    })
}

/// Both are instants, so a value is a point and not a range of time.
fn date_fits(stored: &str, value: &str) -> bool {
    let moment = |text: &str| DateTime::parse_from_rfc3339(text).unwrap();
    let (prefix, asked) = match value.split_at(2) {
        (prefix, rest) if prefix.chars().all(char::is_alphabetic) => (prefix, rest),
        _ => ("eq", value),
    };
    let (stored, asked) = (moment(stored), moment(asked));
    match prefix {
        "eq" => stored == asked,
        "ne" => stored != asked,
        "gt" | "sa" => stored > asked,
        "lt" | "eb" => stored < asked,
        "ge" => stored >= asked,
        "le" => stored <= asked,
        other => panic!("no such prefix: {other}"),
    }
}
