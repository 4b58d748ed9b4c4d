//! What a value must satisfy beyond its type: fixed values, patterns, bounds, lengths, bindings, invariants.

use std::cmp::Ordering;

use crate::fhir::json::Json;

use super::issue;
use super::shape::{Binding, Element, Strength, Structure};
use super::slicing::contains;
use super::terminology::{CodeSet, Membership};
use super::walk::Walk;

impl<'a> Walk<'a> {
    pub fn value_rules(&mut self, structure: &'a Structure, element: &'a Element, value: &'a Json) {
        let rules = &element.rules;
        if let Some(fixed) = &rules.fixed
            && value != fixed
        {
            self.report(issue::not_fixed(structure, element, "fixed", fixed));
        }
        if let Some(pattern) = &rules.pattern
            && !contains(value, pattern)
        {
            self.report(issue::not_fixed(structure, element, "pattern", pattern));
        }
        if let (Some(limit), Some(text)) = (rules.max_length, value.as_str())
            && text.chars().count() > limit
        {
            self.report(issue::too_long(structure, element, limit, text.chars().count()));
        }
        let below =
            |bound: &Option<Json>, wrong| bound.as_ref().is_some_and(|bound| compare(value, bound) == Some(wrong));
        if below(&rules.min_value, Ordering::Less) || below(&rules.max_value, Ordering::Greater) {
            self.report(issue::out_of_bounds(structure, element));
        }
        if let Some(binding) = &rules.binding {
            self.binding(structure, element, binding, value);
        }
        self.constraints(&rules.constraints, structure, &element.path, value);
    }

    fn binding(&mut self, structure: &'a Structure, element: &'a Element, binding: &'a Binding, value: &'a Json) {
        if !matches!(binding.strength, Strength::Required | Strength::Extensible) {
            return;
        }
        let set = binding.set.get_or_init(|| self.inner.terminology.set(&binding.value_set));
        let required = binding.strength == Strength::Required;
        let has = |key: &str| value.get(key).is_some();
        let wrong = match value {
            Json::String(code) => set.contains(None, code) == Membership::No && !is_format_name(&element.path, code),
            Json::Object(_) if has("coding") || (has("text") && !has("code")) => {
                return self.concept(structure, element, binding, set, value);
            }
            Json::Object(_) if has("code") => coding_membership(set, value) == Membership::No,
            // A Coding without a code says nothing; only a required binding minds.
            Json::Object(_) => required && has("display"),
            _ => false,
        };
        if wrong {
            let code = value.as_str().or_else(|| value.get_str("code"));
            self.report(issue::code_not_in_set(structure, element, binding, set, code));
        }
    }

    fn concept(&mut self, structure: &Structure, element: &Element, binding: &Binding, set: &CodeSet, value: &'a Json) {
        let codings = value.items("coding");
        let found: Vec<Membership> = codings.iter().map(|coding| coding_membership(set, coding)).collect();
        if found.iter().any(|membership| *membership != Membership::No) {
            return;
        }
        if found.is_empty() && binding.strength != Strength::Required {
            return;
        }
        let code = codings.first().and_then(|coding| coding.get_str("code"));
        self.report(issue::code_not_in_set(structure, element, binding, set, code));
    }
}

/// CapabilityStatement and TestScript let formats be named shortly (R4 `capabilitystatement.html`).
fn is_format_name(path: &str, code: &str) -> bool {
    matches!(code, "json" | "xml" | "ttl" | "none")
        && (path.starts_with("CapabilityStatement.") || path.starts_with("TestScript."))
}

fn coding_membership(set: &CodeSet, coding: &Json) -> Membership {
    match coding.get_str("code") {
        Some(code) => set.contains(Some(coding.get_str("system").unwrap_or_default()), code),
        None => Membership::No,
    }
}

/// Numbers by value, texts of dates and times as they sort.
fn compare(value: &Json, bound: &Json) -> Option<Ordering> {
    match (value, bound) {
        (Json::Number(value), Json::Number(bound)) => {
            let number = |text: &str| text.parse::<f64>().ok();
            number(value.as_str())?.partial_cmp(&number(bound.as_str())?)
        }
        (Json::String(value), Json::String(bound)) => Some(value.cmp(bound)),
        _ => None,
    }
}
