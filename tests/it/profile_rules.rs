//! Each rule of the region's profiles has an example that breaks it, and what is optional has one that uses it. The
//! rules are derived from the differentials, so that a rule without its example fails here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::app::definitions;
use crate::contract::{Base, Contract, OURS, elements, json_files, typed};

/// A rule of a profile or an extension: its canonical address, the element's id, and what is asked of the element.
type Rule = (String, String, String);

/// The parts of the contract that the rules of one definition are derived from.
struct Definition<'c> {
    contract: &'c Contract,
    url: &'c str,
    structure: &'c Value,
}

impl<'c> Definition<'c> {
    fn rules(&self) -> BTreeSet<Rule> {
        elements(self.structure).flat_map(|element| self.rules_of(element)).collect()
    }

    fn rules_of(&self, element: &Value) -> Vec<Rule> {
        let id = element["id"].as_str().unwrap();
        let mut kinds: Vec<String> = Vec::new();
        if let Some(base) = self.base(id) {
            let mut note = |holds: bool, kind: &str| {
                if holds {
                    kinds.push(kind.to_owned());
                }
            };
            note(!self.is_identity(id, false) && element["min"].as_u64().is_some_and(|min| min > base.min), "min");
            note(lowers(element["max"].as_str(), base.max), "max");
            note(!self.is_identity(id, true) && typed(element, "fixed").is_some(), "fixed");
            note(!self.is_identity(id, true) && typed(element, "pattern").is_some(), "pattern");
            note(!self.is_identity(id, true) && self.narrows_type(element, &base), "type");
            note(profiles(element).any(|(code, _)| code != "Extension"), "profile");
            note(required(element).is_some_and(|set| base.binding != Some(("required".into(), set.into()))), "binding");
            note(element["slicing"]["rules"] == "closed", "closed");
        }
        let constraints = element["constraint"].as_array().into_iter().flatten();
        kinds.extend(constraints.map(|constraint| format!("invariant {}", constraint["key"].as_str().unwrap())));
        kinds.into_iter().map(|kind| (self.url.to_owned(), id.to_owned(), kind)).collect()
    }

    /// What held of the element before this definition: its parent's word where there is one, else R4's. A slice may be
    /// absent until a definition says otherwise. `None` is the definition's root.
    fn base(&self, id: &str) -> Option<Base> {
        let (type_name, path) = id.split_once('.')?;
        let path: Vec<&str> = path.split('.').map(|part| part.split(':').next().unwrap()).collect();
        let mut base = self.contract.r4.element(type_name, &path.join(".")).unwrap_or_else(|| panic!("{id} in R4"));
        if id.rsplit('.').next().unwrap().contains(':') {
            base.min = 0;
        }
        let parent = self.structure["baseDefinition"].as_str().unwrap();
        if let Some(said) = self.contract.differential(parent, id) {
            base.min = said["min"].as_u64().unwrap_or(base.min);
            base.max = said["max"].as_str().map_or(base.max, |max| max.parse().ok());
            base.binding = required(said).map(|set| ("required".into(), set.into())).or(base.binding);
        }
        Some(base)
    }

    /// Whether the element is what a slice, or the extension itself, is known by: an instance that differs there is no
    /// broken instance but another thing. A slice that is known by its own value may still be asked for.
    fn is_identity(&self, id: &str, value: bool) -> bool {
        if id == "Extension.url" {
            return true;
        }
        let slices = elements(self.structure).filter(|element| element["sliceName"].is_string());
        slices.filter_map(|slice| slice["id"].as_str()).any(|slice| {
            let Some((sliced, _)) = slice.rsplit_once(':') else { return false };
            let slicing = elements(self.structure).find(|element| element["id"] == sliced);
            let discriminators = slicing.and_then(|element| element["slicing"]["discriminator"].as_array());
            discriminators.into_iter().flatten().any(|discriminator| match discriminator["path"].as_str() {
                Some("$this") => value && slice == id,
                Some(path) => format!("{slice}.{path}") == id,
                None => false,
            })
        })
    }

    fn narrows_type(&self, element: &Value, base: &Base) -> bool {
        let Some(types) = element["type"].as_array() else { return false };
        let codes: BTreeSet<&str> = types.iter().filter_map(|entry| entry["code"].as_str()).collect();
        let mut targets = BTreeSet::new();
        for profile in types.iter().filter_map(|entry| entry["targetProfile"].as_array()).flatten() {
            targets.insert(self.type_of(profile.as_str().unwrap()));
        }
        let all = base.targets.iter().any(|target| target == "Resource");
        let fewer_targets = !targets.is_empty() && (all || targets.len() < base.targets.len());
        codes.len() < base.types.len() || (base.types == ["Resource"] && codes != ["Resource"].into()) || fewer_targets
    }

    fn type_of(&self, profile: &str) -> String {
        match self.contract.structures.get(profile) {
            Some(structure) => structure["type"].as_str().unwrap().to_owned(),
            None => profile.rsplit('/').next().unwrap().to_owned(),
        }
    }
}

/// Whether `max` says less than the base allows.
fn lowers(max: Option<&str>, base: Option<u64>) -> bool {
    let said: Option<u64> = max.and_then(|max| max.parse().ok());
    said.is_some_and(|said| base.is_none_or(|base| said < base))
}

fn required(element: &Value) -> Option<&str> {
    element["binding"]["valueSet"].as_str().filter(|_| element["binding"]["strength"] == "required")
}

/// Type code and profile of the element's types.
fn profiles(element: &Value) -> impl Iterator<Item = (&str, &str)> {
    let types = element["type"].as_array().into_iter().flatten();
    types.flat_map(|entry| {
        let code = entry["code"].as_str().unwrap();
        entry["profile"].as_array().into_iter().flatten().map(move |profile| (code, profile.as_str().unwrap()))
    })
}

/// In OperationOutcomes and searchsets, which the gateway alone writes.
fn in_answers(structure: &Value) -> bool {
    let context = structure["context"][0]["expression"].as_str();
    matches!(context, Some("OperationOutcome.issue" | "Bundle.entry.search"))
}

fn rules(contract: &Contract) -> BTreeSet<Rule> {
    // What the gateway alone writes has tests of its own: below, and `beds::vacancies`.
    let definitions = contract.structures.iter().filter(|(_, structure)| !in_answers(structure));
    definitions.flat_map(|(url, structure)| Definition { contract, url, structure }.rules()).collect()
}

/// What the examples of `expected.toml` break.
fn broken() -> BTreeSet<Rule> {
    let mut found = BTreeSet::new();
    for case in crate::validation::cases() {
        found.insert((case.definition(), case.element.clone(), case.rule.clone()));
        if let Some(through) = &case.through {
            found.insert((case.profile.clone(), through.clone(), "profile".into()));
        }
    }
    found
}

#[test]
fn every_rule_has_an_example_that_breaks_it() {
    let contract = Contract::read();
    let (rules, broken) = (rules(&contract), broken());
    println!("{} rules of {} definitions; {} cases", rules.len(), contract.structures.len(), broken.len());
    assert!(rules.len() > 250, "the rules were read");
    let mut missing = String::new();
    for (url, element, rule) in rules.difference(&broken) {
        missing.push_str(&format!("\n  {} {element} {rule}", url.trim_start_matches(OURS)));
    }
    assert!(missing.is_empty(), "no invalid example for:{missing}");
}

#[test]
fn every_profile_has_two_valid_examples() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (name, resource) in json_files("examples") {
        let declared = resource["meta"]["profile"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for profile in declared.filter(|profile| profile.starts_with(OURS)) {
            let id = profile.trim_start_matches(OURS);
            assert!(name.starts_with(&format!("{id}--")), "{name} declares {profile}");
            *found.entry(profile.to_owned()).or_default() += 1;
        }
    }
    for (url, structure) in Contract::read().structures {
        if structure["type"] != "Extension" {
            assert!(found.get(&url).is_some_and(|count| *count > 1), "{url}: {found:?}");
        }
    }
}

/// What a profile names as its own — slices, extensions and their parts — is shown by some valid example.
#[test]
fn every_extension_and_slice_is_used_by_a_valid_example() {
    let examples: Vec<(String, Value)> = json_files("examples");
    let mut urls = BTreeSet::new();
    examples.iter().for_each(|(_, resource)| collect(resource, "", &mut urls));
    let contract = Contract::read();
    for (url, structure) in contract.structures.iter() {
        if structure["type"] != "Extension" || in_answers(structure) {
            continue;
        }
        assert!(urls.contains(url), "{url}");
        for part in elements(structure).filter_map(|element| element["sliceName"].as_str()) {
            assert!(urls.contains(&format!("{url}#{part}")), "{url}: {part}");
        }
    }
}

/// Addresses of the extensions in a resource, and of the parts of complex ones as `url#part`.
fn collect(node: &Value, above: &str, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(members) => {
            let url = members.get("url").and_then(Value::as_str).unwrap_or(above);
            found.insert(if url.contains(':') { url.to_owned() } else { format!("{above}#{url}") });
            members.values().for_each(|value| collect(value, url, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, above, found)),
        _ => {}
    }
}

#[test]
fn what_the_gateway_answers_keeps_to_the_definition_of_its_pointer() {
    use kakehashi::fhir::json::{Limits, parse};
    use kakehashi::fhir::outcome::{Issue, IssueCode, Language, operation_outcome};
    let issue = Issue::error(IssueCode::Value, "値が違います。", "The value is wrong.").at("Location", "/status");
    let outcome = operation_outcome(&[issue], Language::Ja);
    assert_eq!(definitions().validate(&outcome), [], "nothing to find, not even an unknown extension");
    let text = kakehashi::fhir::json::to_compact(&outcome);
    for (from, to) in [
        ("\"valueString\":\"/status\"", "\"valueUri\":\"/status\""),
        (",\"valueString\":\"/status\"", ""),
        ("\"valueString\":\"/status\"", "\"extension\":[{\"url\":\"x:y\",\"valueCode\":\"z\"}]"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text);
        let issues = definitions().validate(&parse(broken.as_bytes(), Limits::default()).unwrap());
        assert!(issues.iter().any(|issue| issue.is_error() && issue.rule.as_ref().unwrap().contains("json-pointer")));
    }
}
