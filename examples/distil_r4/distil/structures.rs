//! StructureDefinitions: base types as their published elements, profiles and extensions as their differentials.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{DEFINITIONS, Lines, items, text, unversioned};

/// The published elements by path.
pub fn data_elements(definitions: &[Value]) -> BTreeMap<String, Value> {
    let mut elements = BTreeMap::new();
    for definition in definitions {
        if let Some(element) = items(&definition["snapshot"], "element").first() {
            // Profiles on Quantity repeat its paths; the first is the type's own.
            elements.entry(text(element, "path").to_owned()).or_insert_with(|| element.clone());
        }
    }
    elements
}

/// The type's elements as published: those that were added are left out, those that were changed or taken away
/// are as they were.
fn published(name: &str, snapshot: &[Value], elements: &BTreeMap<String, Value>) -> Vec<Value> {
    let inherited = |path: &str| {
        let leaf = path.rsplit('.').next().unwrap_or_default();
        let general =
            ["id", "extension", "modifierExtension", "meta", "implicitRules", "language", "text", "contained"];
        !path.contains('.') || general.contains(&leaf)
    };
    let mut kept: Vec<Value> = Vec::new();
    for element in snapshot {
        let path = text(element, "path");
        let code = element["type"][0]["code"].as_str().unwrap_or_default();
        let structural = matches!(code, "BackboneElement" | "Element") || element["contentReference"].is_string();
        match elements.get(path) {
            Some(fact) => kept.push(restored(element, fact)),
            None if inherited(path) || structural => kept.push(element.clone()),
            None => {}
        }
    }
    let known: BTreeSet<String> = kept.iter().map(|element| text(element, "path").to_owned()).collect();
    for (path, fact) in
        elements.range(format!("{name}.")..format!("{name}/")).filter(|(path, _)| !known.contains(*path))
    {
        let parent = path.rsplit_once('.').map(|(parent, _)| format!("{parent}.")).unwrap_or_default();
        let after =
            kept.iter().rposition(|element| text(element, "path").starts_with(&parent)).map_or(kept.len(), |at| at + 1);
        kept.insert(after, fact.clone());
    }
    without_hollow(kept)
}

/// Types, cardinality and binding as published; invariants as the package has them.
fn restored(element: &Value, fact: &Value) -> Value {
    let mut element = element.clone();
    for key in ["type", "min", "max", "binding"] {
        element[key] = fact[key].clone();
    }
    element
}

/// Drops added groups, of which nothing but id and extensions is left.
fn without_hollow(elements: Vec<Value>) -> Vec<Value> {
    let own = |element: &Value| {
        let leaf = text(element, "path").rsplit('.').next().unwrap_or_default();
        !matches!(leaf, "id" | "extension" | "modifierExtension")
    };
    let hollow: Vec<String> = elements
        .iter()
        .filter(|element| matches!(element["type"][0]["code"].as_str(), Some("BackboneElement" | "Element")))
        .map(|element| format!("{}.", text(element, "path")))
        .filter(|group| {
            !elements.iter().any(|element| own(element) && text(element, "path").starts_with(group.as_str()))
        })
        .collect();
    let in_hollow =
        |path: &str| hollow.iter().any(|group| path.starts_with(group.as_str()) || format!("{path}.") == *group);
    elements.into_iter().filter(|element| !in_hollow(text(element, "path"))).collect()
}

pub fn structure(definition: &Value, published_elements: &BTreeMap<String, Value>, lines: &mut Lines) {
    let url = text(definition, "url");
    if text(definition, "derivation") == "constraint" {
        lines.insert(("profile".into(), url.to_owned()), profile(definition));
        return;
    }
    let name = text(definition, "type");
    // SubscriptionStatus is not R4: the package carries it for its own server.
    if name.is_empty() || name == "SubscriptionStatus" || !url.starts_with(DEFINITIONS) {
        return;
    }
    let mut line = Map::new();
    line.insert("kind".into(), definition["kind"].clone());
    if let Some(base) = definition["baseDefinition"].as_str() {
        line.insert("base".into(), base.rsplit('/').next().into());
    }
    if definition["abstract"] == true {
        line.insert("abstract".into(), true.into());
    }
    let snapshot = items(&definition["snapshot"], "element");
    let own = definition["kind"] != "primitive-type" && !text(definition, "baseDefinition").ends_with("/Quantity");
    let elements = if own { published(name, snapshot, published_elements) } else { snapshot.to_vec() };
    line.insert("elements".into(), elements.iter().map(|element| base_element(name, url, element)).collect());
    lines.insert(("type".into(), name.to_owned()), line.into());
}

/// One element of a base type in short keys: p(ath), n (min), x (max), t(ypes), r(eference to content),
/// m(odifier), s(ummary), b(inding), c(onstraints), l(ength).
fn base_element(type_name: &str, url: &str, element: &Value) -> Value {
    let path = text(element, "path");
    let mut short = Map::new();
    short.insert("p".into(), path.strip_prefix(type_name).unwrap_or(path).trim_start_matches('.').into());
    if element["min"] != 0 {
        short.insert("n".into(), element["min"].clone());
    }
    if element["max"] != "1" {
        short.insert("x".into(), element["max"].clone());
    }
    let types: Vec<Value> = items(element, "type").iter().map(|spec| type_text(path, spec).into()).collect();
    if !types.is_empty() && path != type_name {
        short.insert("t".into(), types.into());
    }
    if let Some(reference) = element["contentReference"].as_str() {
        let target = reference.trim_start_matches('#');
        short.insert("r".into(), target.strip_prefix(type_name).unwrap_or(target).trim_start_matches('.').into());
    }
    for (key, long) in [("m", "isModifier"), ("s", "isSummary")] {
        if element[long] == true && path != type_name {
            short.insert(key.into(), 1.into());
        }
    }
    if let Some(set) = element["binding"]["valueSet"].as_str() {
        let strength = text(&element["binding"], "strength");
        let max = items(&element["binding"], "extension")
            .iter()
            .find(|extension| text(extension, "url").ends_with("/elementdefinition-maxValueSet"))
            .and_then(|extension| extension["valueCanonical"].as_str());
        short.insert("b".into(), json!([strength, unversioned(set), max]));
    }
    let constraints: Vec<Value> = items(element, "constraint")
        .iter()
        .filter(|constraint| constraint["source"].is_null() || constraint["source"] == url)
        .map(constraint_facts)
        .collect();
    if !constraints.is_empty() {
        short.insert("c".into(), constraints.into());
    }
    if !element["maxLength"].is_null() {
        short.insert("l".into(), element["maxLength"].clone());
    }
    short.into()
}

/// `[key, severity, expression]`, with `best-practice` as severity where the constraint says so.
fn constraint_facts(constraint: &Value) -> Value {
    json!([constraint["key"], severity(constraint), constraint["expression"]])
}

fn severity(constraint: &Value) -> &str {
    let best = items(constraint, "extension").iter().any(|extension| {
        text(extension, "url").ends_with("elementdefinition-bestpractice") && extension["valueBoolean"] == true
    });
    if best { "best-practice" } else { text(constraint, "severity") }
}

/// `Reference(Patient|Group)`, `canonical(ValueSet)`, `Quantity<SimpleQuantity>`, `string`.
fn type_text(path: &str, spec: &Value) -> String {
    let mut code = text(spec, "code").to_owned();
    if code.starts_with("http://hl7.org/fhirpath/") {
        let declared = items(spec, "extension").iter().find(|extension| text(extension, "url").ends_with("fhir-type"));
        code = declared.and_then(|extension| extension["valueUrl"].as_str()).unwrap_or("string").to_owned();
        // 4.0.1 declares resource ids as strings; datatypes.html#id says otherwise.
        if path == "Resource.id" {
            code = "id".to_owned();
        }
    }
    let last = |url: &Value| url.as_str().unwrap_or_default().trim_start_matches(DEFINITIONS).to_owned();
    let targets: Vec<String> = items(spec, "targetProfile").iter().map(last).collect();
    if !targets.is_empty() {
        code.push_str(&format!("({})", targets.join("|")));
    }
    let profiles: Vec<String> = items(spec, "profile").iter().map(last).collect();
    if !profiles.is_empty() {
        code.push_str(&format!("<{}>", profiles.join("|")));
    }
    code
}

/// A StructureDefinition without its prose: what the compiler of profiles reads, differential only.
fn profile(definition: &Value) -> Value {
    let mut kept = Map::new();
    for key in ["url", "type", "kind", "baseDefinition", "derivation", "context", "contextInvariant"] {
        if !definition[key].is_null() {
            kept.insert(key.into(), definition[key].clone());
        }
    }
    let elements: Vec<Value> = items(&definition["differential"], "element").iter().map(profile_element).collect();
    kept.insert("differential".into(), json!({ "element": elements }));
    kept.into()
}

fn profile_element(element: &Value) -> Value {
    let mut kept = Map::new();
    for (key, value) in element.as_object().into_iter().flatten() {
        let value = match key.as_str() {
            "id" | "path" | "sliceName" | "min" | "max" | "maxLength" | "contentReference" | "mustSupport"
            | "isModifier" => value.clone(),
            "slicing" => {
                json!({ "discriminator": value["discriminator"], "ordered": value["ordered"], "rules": value["rules"] })
            }
            "binding" => json!({ "strength": value["strength"], "valueSet": value["valueSet"] }),
            "type" => value.as_array().into_iter().flatten().map(profile_type).collect(),
            "constraint" => items(element, "constraint").iter().map(profile_constraint).collect(),
            _ if ["fixed", "pattern", "minValue", "maxValue"].iter().any(|prefix| key.starts_with(prefix)) => {
                value.clone()
            }
            _ => continue,
        };
        kept.insert(key.clone(), value);
    }
    kept.into()
}

fn profile_type(spec: &Value) -> Value {
    let mut kept = Map::new();
    for key in ["code", "profile", "targetProfile"] {
        if !spec[key].is_null() {
            kept.insert(key.into(), spec[key].clone());
        }
    }
    kept.into()
}

fn profile_constraint(constraint: &Value) -> Value {
    json!({ "key": constraint["key"], "severity": severity(constraint), "expression": constraint["expression"] })
}
