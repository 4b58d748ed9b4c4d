//! Which slice a value belongs to, as a schema: what a discriminator finds, and what the slice expects there.

use serde_json::{Value, json};

use crate::fhir::json::Json;

use super::super::shape::Element;
use super::super::slicing::{Expected, Slice, Step, Test};
use super::coded::Listed;
use super::overlay::{Spot, holding};
use super::{Emitter, all, object};

impl<'r> Emitter<'r> {
    /// The values of a slice; `None` where a schema cannot tell them.
    pub(super) fn belongs(&self, slice: &'r Slice, spot: Spot<'r>) -> Option<Value> {
        let tests: Option<Vec<Value>> = slice
            .tests
            .iter()
            .map(|test| self.holds(spot, spec_code(&slice.element), &test.path.steps, &test.expected))
            .collect();
        tests.filter(|tests| !tests.is_empty()).and_then(all)
    }

    /// That a value of type `code` at `spot` has what is expected at the end of `steps`.
    fn holds(&self, spot: Spot<'r>, code: &str, steps: &'r [Step], expected: &'r Expected) -> Option<Value> {
        match steps.split_first() {
            None => found(spot, code, expected),
            Some((Step::Member(name), rest)) => self.in_member(spot, name, rest, expected),
            Some((Step::Extension(url), rest)) => {
                let named = json!({ "type": "object", "required": ["url"], "properties": { "url": { "const": url } } });
                let inner = self.holds(self.spot("Extension"), "Extension", rest, expected)?;
                let inside = all(vec![named, inner])?;
                Some(member("extension", json!({ "type": "array", "contains": inside })))
            }
            Some((Step::OfType(_) | Step::Resolve, _)) => None,
        }
    }

    fn in_member(&self, spot: Spot<'r>, name: &str, rest: &'r [Step], expected: &'r Expected) -> Option<Value> {
        let shape = spot.shape()?;
        let element = shape.element(name).or_else(|| super::super::inner::member_element(shape, name))?;
        let (only, rest) = match rest.split_first() {
            Some((Step::OfType(code), rest)) => (Some(code), rest),
            _ => (None, rest),
        };
        if let (Expected::Exists(false), []) = (expected, rest) {
            let present = self.in_member(spot, name, rest, &Expected::Exists(true))?;
            return Some(json!({ "type": "object", "not": present }));
        }
        let mut ways = Vec::new();
        for form in &element.forms {
            let spec = element.types.get(form.type_index)?;
            if only.is_some_and(|only| *only != spec.code) {
                continue;
            }
            let inner = match expected {
                Expected::Exists(true) if rest.is_empty() => Some(json!({})),
                // The member's name tells the type of a choice.
                Expected::Type(types) if rest.is_empty() && element.choice => {
                    types.contains(&spec.code).then(|| json!({}))
                }
                _ => Some(self.holds(self.below(spot, &form.name, spec), &spec.code, rest, expected)?),
            };
            let Some(inner) = inner else { continue };
            let several = element.array && inner != json!({});
            ways.push(member(&form.name, if several { json!({ "type": "array", "contains": inner }) } else { inner }));
        }
        match ways.len() {
            0 => None,
            1 => ways.pop(),
            _ => Some(json!({ "anyOf": ways })),
        }
    }

    /// Whether no value can belong to both: their discriminators ask for different things at one single place.
    pub(super) fn apart(&self, left: &Slice, right: &Slice, spot: Spot<'r>) -> bool {
        let differ = |left: &Test, right: &Test| {
            left.path.steps == right.path.steps
                && self.is_single(spot, &left.path.steps)
                && match (&left.expected, &right.expected) {
                    (Expected::Pattern(left), Expected::Pattern(right)) => contradict(left, right),
                    (Expected::Type(left), Expected::Type(right)) => left.iter().all(|code| !right.contains(code)),
                    (Expected::Exists(left), Expected::Exists(right)) => left != right,
                    _ => false,
                }
        };
        left.tests.iter().any(|left| right.tests.iter().any(|right| differ(left, right)))
    }

    /// Whether a path leads to one place at most.
    fn is_single(&self, mut spot: Spot<'r>, steps: &[Step]) -> bool {
        for step in steps {
            let Step::Member(name) = step else { return false };
            let Some(element) = spot.shape().and_then(|shape| shape.element(name)) else { return false };
            let [spec] = element.types.as_slice() else { return !element.array && steps.len() == 1 };
            if element.array {
                return false;
            }
            spot = self.below(spot, name, spec);
        }
        true
    }
}

/// What is found at the end of a path.
fn found(spot: Spot<'_>, code: &str, expected: &Expected) -> Option<Value> {
    match expected {
        Expected::Pattern(pattern) => Some(holding(pattern)),
        Expected::Codes(_, set) => Listed::of(set)?.present(code),
        Expected::Exists(true) => Some(json!({})),
        Expected::Type(types) if matches!(spot, Spot::AnyResource) => {
            let general = types.iter().any(|name| matches!(name.as_str(), "Resource" | "DomainResource"));
            (!general).then(|| member("resourceType", json!({ "enum": types })))
        }
        Expected::Type(_) | Expected::Exists(false) | Expected::Profile(_) => None,
    }
}

fn member(name: &str, value: Value) -> Value {
    let mut schema = vec![("type", json!("object")), ("required", json!([name]))];
    if value != json!({}) {
        schema.push(("properties", json!({ name: value })));
    }
    object(schema)
}

fn spec_code(element: &Element) -> &str {
    element.types.first().map(|spec| spec.code.as_str()).unwrap_or_default()
}

/// Whether no value has both patterns. Of two lists one value may have everything.
fn contradict(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Object(left), Json::Object(right)) => {
            left.iter().any(|(name, left)| right.get(name).is_some_and(|right| contradict(left, right)))
        }
        (Json::Array(_), _) | (_, Json::Array(_)) => false,
        (left, right) => left != right,
    }
}
