//! Slices: which values of a repeating element belong to which slice, by the discriminators.

use std::sync::Arc;

use crate::fhir::json::Json;

use super::shape::Element;
use super::terminology::{CodeSet, Membership};

/// The slices of one element.
pub struct Slicing {
    pub ordered: bool,
    pub rules: Openness,
    pub slices: Vec<Slice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openness {
    Open,
    Closed,
    OpenAtEnd,
}

pub struct Slice {
    pub name: String,
    pub min: u32,
    pub max: Option<u32>,
    /// The rules for a value in the slice.
    pub element: Element,
    pub tests: Vec<Test>,
}

/// One discriminator, with what this slice expects there.
pub struct Test {
    /// Member names from the sliced value; empty for the value itself.
    pub path: Vec<String>,
    pub expected: Expected,
}

pub enum Expected {
    /// Equal, or holding everything that the pattern has.
    Pattern(Json),
    /// A coded value out of a required value set (its address; the codes are found at load).
    Codes(Arc<CodeSet>),
    /// A resource of one of these types, or a choice of one of these types.
    Type(Vec<String>),
    Exists(bool),
}

impl Slice {
    /// Whether `value` (of the choice type `type_code`) belongs here.
    pub fn matches(&self, value: &Json, type_code: &str) -> bool {
        self.tests.iter().all(|test| test.holds(value, type_code))
    }
}

impl Test {
    fn holds(&self, value: &Json, type_code: &str) -> bool {
        let mut found = Vec::new();
        collect(value, &self.path, &mut found);
        match &self.expected {
            Expected::Exists(wanted) => *wanted != found.is_empty(),
            Expected::Pattern(pattern) => found.iter().any(|value| contains(value, pattern)),
            Expected::Codes(set) => found.iter().any(|value| coded(value, set)),
            Expected::Type(types) => found.iter().any(|value| match value.get_str("resourceType") {
                Some(resource_type) => types.iter().any(|name| name == resource_type),
                None => self.path.is_empty() && types.iter().any(|name| name == type_code),
            }),
        }
    }
}

fn collect<'a>(value: &'a Json, path: &[String], into: &mut Vec<&'a Json>) {
    if let Json::Array(items) = value {
        items.iter().for_each(|item| collect(item, path, into));
        return;
    }
    let Some((name, rest)) = path.split_first() else {
        into.push(value);
        return;
    };
    if let Some(address) = name.strip_prefix("extension:") {
        let named = value.items("extension").iter().filter(|extension| extension.get_str("url") == Some(address));
        named.for_each(|extension| collect(extension, rest, into));
        return;
    }
    let Some(object) = value.as_object() else { return };
    if let Some(member) = object.get(name) {
        collect(member, rest, into);
        return;
    }
    // A choice is named without its type: `value` finds `valueCode`.
    let typed = object.iter().find(|(key, _)| {
        key.strip_prefix(name.as_str()).is_some_and(|tail| tail.starts_with(|first: char| first.is_ascii_uppercase()))
    });
    if let Some((_, member)) = typed {
        collect(member, rest, into);
    }
}

/// Whether `value` has everything that `pattern` has (R4 `elementdefinition-definitions.html#pattern_x_`).
pub fn contains(value: &Json, pattern: &Json) -> bool {
    match (value, pattern) {
        (Json::Object(value), Json::Object(pattern)) => {
            pattern.iter().all(|(key, expected)| value.get(key).is_some_and(|member| contains(member, expected)))
        }
        (Json::Array(values), Json::Array(patterns)) => {
            patterns.iter().all(|pattern| values.iter().any(|value| contains(value, pattern)))
        }
        (value, Json::Array(patterns)) => patterns.iter().all(|pattern| contains(value, pattern)),
        (value, pattern) => value == pattern,
    }
}

fn coded(value: &Json, set: &CodeSet) -> bool {
    let member = |coding: &Json| {
        coding.get_str("code").is_some_and(|code| set.contains(coding.get_str("system"), code) == Membership::Yes)
    };
    match value {
        Json::String(code) => set.contains(None, code) == Membership::Yes,
        _ if value.get("coding").is_some() => value.items("coding").iter().any(member),
        _ => member(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::{Limits, parse};

    fn json(text: &str) -> Json {
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    #[test]
    fn a_pattern_asks_for_no_more_than_it_has() {
        let value =
            json(r#"{"coding":[{"system":"s","code":"a"},{"system":"s","code":"b","display":"B"}],"text":"x"}"#);
        assert!(contains(&value, &json(r#"{"coding":[{"system":"s","code":"b"}]}"#)));
        assert!(!contains(&value, &json(r#"{"coding":[{"system":"t","code":"b"}]}"#)));
    }

    #[test]
    fn a_discriminator_follows_arrays_choices_and_extensions() {
        let value = json(r#"{"extension":[{"url":"sex","valueCode":"f"}],"coding":[{"code":"a"},{"code":"b"}]}"#);
        let test = |path: &[&str], code: &str| Test {
            path: path.iter().map(|step| (*step).to_owned()).collect(),
            expected: Expected::Pattern(Json::from(code)),
        };
        assert!(test(&["coding", "code"], "b").holds(&value, ""));
        assert!(test(&["extension:sex", "value"], "f").holds(&value, ""));
        assert!(!test(&["extension:age", "value"], "f").holds(&value, ""));
    }
}
