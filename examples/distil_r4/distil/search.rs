//! Search parameters and compartments.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{DEFINITIONS, Lines, items, text};

/// What the package's authors added, from R5 or of their own.
fn is_added(parameter: &Value) -> bool {
    text(parameter, "version").starts_with('5')
        || text(parameter, "url") == "http://hl7.org/fhir/SearchParameter/ServiceRequest-order-detail"
}

pub fn search_parameters(parameters: &[Value], elements: &BTreeMap<String, Value>, lines: &mut Lines) {
    let mut by_type: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for parameter in parameters.iter().filter(|parameter| !is_added(parameter)) {
        for base in items(parameter, "base").iter().filter_map(Value::as_str) {
            let mut fact = Map::new();
            for key in ["code", "type", "target"] {
                if !parameter[key].is_null() {
                    fact.insert(key.into(), parameter[key].clone());
                }
            }
            fact.insert("url".into(), parameter["url"].clone());
            if let Some(expression) = parameter["expression"].as_str() {
                fact.insert("expression".into(), own_part(base, expression).into());
            }
            fact.extend(narrower_targets(parameter, elements));
            let components: Vec<Value> = items(parameter, "component")
                .iter()
                .map(|part| json!({ "definition": part["definition"], "expression": part["expression"] }))
                .collect();
            if !components.is_empty() {
                fact.insert("component".into(), components.into());
            }
            by_type.entry(base.to_owned()).or_default().push(fact.into());
        }
    }
    for (base, mut facts) in by_type {
        facts.sort_by(|left, right| text(left, "code").cmp(text(right, "code")));
        lines.insert(("search".into(), base), facts.into());
    }
}

/// A parameter that is one element has no targets but the element's.
fn narrower_targets(parameter: &Value, elements: &BTreeMap<String, Value>) -> Option<(String, Value)> {
    let element = elements.get(text(parameter, "expression"))?;
    let named = items(element, "type").iter().flat_map(|spec| items(spec, "targetProfile")).filter_map(Value::as_str);
    let allowed: Vec<&str> = named.map(|url| url.trim_start_matches(DEFINITIONS)).collect();
    let targets = items(parameter, "target");
    let fits = |target: &&Value| target.as_str().is_some_and(|target| allowed.contains(&target));
    let kept: Vec<&Value> = targets.iter().filter(fits).collect();
    let general = allowed.is_empty() || allowed.contains(&"Resource");
    (!general && kept.len() < targets.len()).then(|| ("target".to_owned(), json!(kept)))
}

/// Of a union over many types, the branches that start at `base`.
pub fn own_part(base: &str, expression: &str) -> String {
    let mut branches: Vec<String> = vec![String::new()];
    let mut depth = 0;
    for character in expression.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 => {
                branches.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(branch) = branches.last_mut() {
            branch.push(character);
        }
    }
    let own: Vec<&str> = branches
        .iter()
        .map(|branch| branch.trim())
        .filter(|branch| {
            branch
                .trim_start_matches('(')
                .strip_prefix(base)
                .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        })
        .collect();
    if own.is_empty() { expression.to_owned() } else { own.join(" | ") }
}

pub fn compartment(definition: &Value, lines: &mut Lines) {
    let members: BTreeMap<&str, &Value> = items(definition, "resource")
        .iter()
        .filter(|entry| !entry["param"].is_null())
        .map(|entry| (text(entry, "code"), &entry["param"]))
        .collect();
    lines.insert(("compartment".into(), text(definition, "code").to_owned()), json!(members));
}
