//! Code systems and value sets that R4's bindings reach.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Lines, items, text, unversioned};

/// HL7 v2 tables that no R4 binding names but a directory of beds does: bed status, location types, location status.
const MORE_SYSTEMS: [&str; 4] = ["v2-0116", "v2-0305", "v2-0306", "v2-0307"];

pub fn terminology(terms: &[Value], lines: &mut Lines) {
    let reached = reached(terms, lines);
    for term in terms {
        match text(term, "resourceType") {
            "CodeSystem" if reached.contains(text(term, "url")) && !items(term, "concept").is_empty() => {
                let mut concepts = Vec::new();
                flatten(items(term, "concept"), None, &mut concepts);
                let complete = term["content"] == "complete";
                let sensitive = term["caseSensitive"] != false;
                let line = json!({ "complete": complete, "caseSensitive": sensitive, "concepts": concepts });
                lines.insert(("codes".into(), text(term, "url").to_owned()), line);
            }
            "ValueSet" if reached.contains(text(term, "url")) => {
                let mut line = Map::new();
                line.insert("include".into(), items(&term["compose"], "include").iter().map(include).collect());
                if !items(&term["compose"], "exclude").is_empty() {
                    line.insert("exclude".into(), items(&term["compose"], "exclude").iter().map(include).collect());
                }
                lines.insert(("values".into(), text(term, "url").to_owned()), line.into());
            }
            _ => {}
        }
    }
    add_parents(terms, lines);
}

/// The value sets that a binding names (or that belong to FHIR itself) and the code systems they draw on.
fn reached(terms: &[Value], lines: &Lines) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> =
        MORE_SYSTEMS.iter().map(|table| format!("http://terminology.hl7.org/CodeSystem/{table}")).collect();
    for value in lines.values() {
        bound_sets(value, &mut reached);
    }
    let sets: BTreeMap<&str, &Value> = terms.iter().map(|term| (text(term, "url"), term)).collect();
    let own = |url: &&str| url.starts_with("http://hl7.org/fhir/");
    let mut open: Vec<String> =
        reached.iter().cloned().chain(sets.keys().filter(|url| own(url)).map(|url| (*url).to_owned())).collect();
    while let Some(url) = open.pop() {
        let compose = sets.get(url.as_str()).map(|set| &set["compose"]).unwrap_or(&Value::Null);
        let parts = items(compose, "include").iter().chain(items(compose, "exclude"));
        let named = parts.flat_map(|part| {
            part["system"].as_str().into_iter().chain(items(part, "valueSet").iter().filter_map(Value::as_str))
        });
        open.extend(named.map(|url| unversioned(url).to_owned()).filter(|url| !reached.contains(url)));
        reached.insert(url);
    }
    reached
}

fn bound_sets(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some([_, Value::String(set)]) =
                members.get("b").and_then(Value::as_array).map(|binding| &binding[..binding.len().min(2)])
            {
                into.insert(set.clone());
            }
            if let Some(set) = value["binding"]["valueSet"].as_str() {
                into.insert(unversioned(set).to_owned());
            }
            members.values().for_each(|member| bound_sets(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| bound_sets(item, into)),
        _ => {}
    }
}

/// `[code, display]`, `[code, display, parent]`; an abstract concept carries a fourth member.
fn flatten(concepts: &[Value], parent: Option<&str>, into: &mut Vec<Value>) {
    for concept in concepts {
        let code = text(concept, "code");
        let shown = if concept["display"] == concept["code"] { "" } else { text(concept, "display") };
        let is_abstract = items(concept, "property").iter().any(|property| {
            matches!(text(property, "code"), "notSelectable" | "abstract") && property["valueBoolean"] == true
        });
        into.push(match (is_abstract, parent) {
            (true, _) => json!([code, shown, parent.unwrap_or_default(), 1]),
            (false, Some(parent)) => json!([code, shown, parent]),
            (false, None) => json!([code, shown]),
        });
        flatten(items(concept, "concept"), Some(code), into);
    }
}

/// Parents that v3 tables give by `subsumedBy`, beyond nesting: `[child, parent]` pairs.
fn add_parents(terms: &[Value], lines: &mut Lines) {
    for term in terms.iter().filter(|term| text(term, "resourceType") == "CodeSystem") {
        let mut pairs = BTreeSet::new();
        more_parents(items(term, "concept"), &mut pairs);
        if let Some(line) =
            lines.get_mut(&("codes".to_owned(), text(term, "url").to_owned())).and_then(Value::as_object_mut)
            && !pairs.is_empty()
        {
            line.insert("parents".into(), json!(pairs));
        }
    }
}

fn more_parents(concepts: &[Value], pairs: &mut BTreeSet<(String, String)>) {
    for concept in concepts {
        for property in items(concept, "property").iter().filter(|property| text(property, "code") == "subsumedBy") {
            pairs.insert((text(concept, "code").to_owned(), text(property, "valueCode").to_owned()));
        }
        more_parents(items(concept, "concept"), pairs);
    }
}

fn include(part: &Value) -> Value {
    let mut kept = Map::new();
    for key in ["system", "valueSet"] {
        if !part[key].is_null() {
            kept.insert(key.into(), part[key].clone());
        }
    }
    let codes: Vec<Value> = items(part, "concept").iter().map(|concept| concept["code"].clone()).collect();
    if !codes.is_empty() {
        kept.insert("codes".into(), codes.into());
    }
    let filters: Vec<Value> =
        items(part, "filter").iter().map(|filter| json!([filter["property"], filter["op"], filter["value"]])).collect();
    if !filters.is_empty() {
        kept.insert("filters".into(), filters.into());
    }
    kept.into()
}
