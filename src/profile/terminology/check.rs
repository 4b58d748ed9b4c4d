//! Faults in the region's code systems, value sets and concept maps that would make them say less than they seem to.

use std::collections::HashSet;

use serde_json::Value;

use super::CodeSystem;
use super::concept_map::ConceptMap;
use super::filter;
use super::value_set::{Rule, ValueSet};
use crate::profile::LoadError;

/// The faults of one resource; none for other types.
pub fn problems(path: &str, resource: &Value) -> Vec<LoadError> {
    let resource_type = resource["resourceType"].as_str().unwrap_or_default();
    let found = match resource_type {
        "CodeSystem" => code_system(resource),
        "ValueSet" => value_set(resource),
        "ConceptMap" => concept_map(resource),
        _ => return Vec::new(),
    };
    let without_url =
        (!resource["url"].is_string()).then(|| ("url".to_owned(), format!("a {resource_type} needs a url")));
    without_url.into_iter().chain(found).map(|(element, reason)| LoadError::new(path, element, reason)).collect()
}

type Found = Vec<(String, String)>;

fn code_system(resource: &Value) -> Found {
    let Some(system) = CodeSystem::from_resource(resource) else { return Vec::new() };
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for concept in system.concepts() {
        if !seen.insert(super::code_system::fold(&concept.code, system.case_sensitive)) {
            found.push(("concept.code".to_owned(), format!("the code '{}' stands twice", concept.code)));
        }
    }
    found
}

fn value_set(resource: &Value) -> Found {
    let set = ValueSet::from_resource(resource);
    let rules = |name: &'static str, rules: &[Rule]| {
        let each = rules.iter().enumerate();
        each.flat_map(|(index, rule)| rule_faults(&format!("compose.{name}[{index}]"), rule)).collect::<Found>()
    };
    [rules("include", &set.include), rules("exclude", &set.exclude)].concat()
}

fn rule_faults(place: &str, rule: &Rule) -> Found {
    let mut found = Vec::new();
    if rule.system.is_none() && rule.value_sets.is_empty() {
        found.push((place.to_owned(), "names neither a system nor a value set".to_owned()));
    }
    for (index, one) in rule.filters.iter().enumerate() {
        if let Err(reason) = filter::check(one) {
            found.push((format!("{place}.filter[{index}]"), reason));
        }
    }
    found
}

fn concept_map(resource: &Value) -> Found {
    let map = ConceptMap::from_resource(resource);
    let mut found = Vec::new();
    for (at, group) in map.groups.iter().enumerate() {
        if group.source.is_empty() || group.target.is_empty() {
            found.push((format!("group[{at}]"), "needs a source and a target".to_owned()));
        }
        let targets = group.elements.iter().flat_map(|element| &element.targets);
        if targets.clone().any(|target| target.equivalence.is_empty()) {
            found.push((format!("group[{at}].element.target"), "needs an equivalence".to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(resource: Value) -> Vec<(String, String)> {
        problems("f.json", &resource).into_iter().map(|problem| (problem.element, problem.reason)).collect()
    }

    #[test]
    fn faults_are_told_with_their_element() {
        let of = |element: &str, reason: &str| vec![(element.to_owned(), reason.to_owned())];
        assert_eq!(
            faults(
                json!({"resourceType": "CodeSystem", "url": "s", "concept": [{"code": "a", "concept": [{"code": "a"}]}]})
            ),
            of("concept.code", "the code 'a' stands twice")
        );
        let filtered = |operator: &str, value: &str| {
            let filter = json!({"property": "code", "op": operator, "value": value});
            faults(
                json!({"resourceType": "ValueSet", "url": "v", "compose": {"include": [{"system": "s", "filter": [filter]}]}}),
            )
        };
        assert_eq!(filtered("regex", "a+"), []);
        assert_eq!(filtered("regex", "(")[0].0, "compose.include[0].filter[0]");
        assert_eq!(filtered("like", "a"), of("compose.include[0].filter[0]", "there is no operator 'like'"));
        assert_eq!(
            faults(json!({"resourceType": "ValueSet", "compose": {"exclude": [{}]}})),
            [of("url", "a ValueSet needs a url"), of("compose.exclude[0]", "names neither a system nor a value set")]
                .concat()
        );
        let map = json!({"resourceType": "ConceptMap", "url": "m", "group": [{"source": "s", "element": [{"code": "a", "target": [{}]}]}]});
        assert_eq!(faults(map).len(), 2);
        assert_eq!(faults(json!({"resourceType": "Patient"})), []);
    }
}
