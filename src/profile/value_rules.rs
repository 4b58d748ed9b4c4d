//! What a value must satisfy beyond its type: fixed values, patterns, bounds, lengths, bindings, invariants.

use std::cmp::Ordering;

use crate::fhir::json::Json;

use super::issue;
use super::shape::{Element, Structure};
use super::slicing::contains;
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
