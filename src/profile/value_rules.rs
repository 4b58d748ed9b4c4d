//! What a value must satisfy beyond its type: fixed values, patterns, bounds, lengths, bindings, invariants.

use crate::fhir::json::Json;

use super::bounds::{Side, beyond};
use super::issue;
use super::shape::{Element, Structure};
use super::slicing::contains;
use super::walk::Walk;

impl<'a> Walk<'a> {
    /// `type_index` tells which of the element's types the value has.
    pub fn value_rules(&mut self, structure: &'a Structure, element: &'a Element, type_index: usize, value: &'a Json) {
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
        let outside = |bound: &Option<Json>, side| bound.as_ref().is_some_and(|bound| beyond(value, bound, side));
        if outside(&rules.min_value, Side::Least) || outside(&rules.max_value, Side::Greatest) {
            self.report(issue::out_of_bounds(structure, element));
        }
        if let Some(binding) = &rules.binding {
            self.binding(structure, element, binding, value);
        }
        if !rules.constraints.is_empty() {
            self.constraints(
                &rules.constraints,
                structure,
                (&element.path, type_of(structure, element, type_index)),
                value,
            );
        }
    }
}

/// The type of a value for FHIRPath: of an anonymous one its path, where the base type describes it.
fn type_of<'a>(structure: &'a Structure, element: &'a Element, type_index: usize) -> Option<&'a str> {
    if let Some(child) = element.child.filter(|_| !structure.is_profile) {
        return structure.shapes.get(child).map(|shape| shape.path.as_str());
    }
    let code = element.types.get(type_index)?.code.as_str();
    (!matches!(code, "BackboneElement" | "Element" | "Resource" | "DomainResource")).then_some(code)
}
