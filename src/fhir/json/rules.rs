//! What FHIR asks of JSON beyond its grammar: nothing is empty, `null` only holds a place. R4 `json.html`.

use std::collections::HashMap;

use super::value::{Json, Object, escape_pointer};

/// A rule of R4 `json.html`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FhirRule {
    /// Objects are never empty.
    EmptyObject,
    /// Arrays are never empty.
    EmptyArray,
    /// Strings are never empty.
    EmptyString,
    /// U+0000 is no character of a FHIR string (R4 `datatypes.html#string`), and PostgreSQL takes no text with it.
    NulCharacter,
    /// `null` stands only in an array of primitives or of their `_` siblings, where the other array has a value.
    MisplacedNull,
}

/// A broken rule and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: FhirRule,
    /// JSON pointer.
    pub pointer: String,
}

/// More violations than this are not looked for.
const MOST: usize = 100_000;

/// Objects up to this size are searched from end to end.
const SMALL: usize = 64;

/// The broken rules in the tree, in document order.
pub fn check_fhir_rules(root: &Json) -> Vec<Violation> {
    let mut found = Vec::new();
    visit(root, &mut String::new(), &mut found);
    found
}

fn visit(node: &Json, pointer: &mut String, found: &mut Vec<Violation>) {
    if found.len() >= MOST {
        return;
    }
    match node {
        Json::Object(object) if object.is_empty() => report(FhirRule::EmptyObject, pointer, found),
        Json::Object(object) => members(object, pointer, found),
        Json::Array(items) if items.is_empty() => report(FhirRule::EmptyArray, pointer, found),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                within(pointer, &index.to_string(), |pointer| visit(item, pointer, found));
            }
        }
        Json::String(text) if text.is_empty() => report(FhirRule::EmptyString, pointer, found),
        Json::String(text) if text.contains('\0') => report(FhirRule::NulCharacter, pointer, found),
        Json::Null => report(FhirRule::MisplacedNull, pointer, found),
        _ => {}
    }
}

fn members(object: &Object, pointer: &mut String, found: &mut Vec<Violation>) {
    let mut index = None;
    for (key, value) in object.iter() {
        within(pointer, &escape_pointer(key), |pointer| match value {
            Json::Array(items) if items.contains(&Json::Null) => {
                let sibling = sibling_of(object, &mut index, key);
                for (index, item) in items.iter().enumerate() {
                    let held = item == &Json::Null && sibling.get(index).is_some_and(|other| other != &Json::Null);
                    if !held {
                        within(pointer, &index.to_string(), |pointer| visit(item, pointer, found));
                    }
                }
            }
            _ => visit(value, pointer, found),
        });
    }
}

/// The items of `_key` for `key`, and of `key` for `_key`. A large object is searched through an index, made once.
fn sibling_of<'a>(object: &'a Object, index: &mut Option<HashMap<&'a str, &'a Json>>, key: &str) -> &'a [Json] {
    let other = key.strip_prefix('_').map_or_else(|| format!("_{key}"), str::to_owned);
    let sibling = if object.len() <= SMALL {
        object.get(&other)
    } else {
        index.get_or_insert_with(|| object.iter().collect()).get(other.as_str()).copied()
    };
    sibling.and_then(Json::as_array).unwrap_or_default()
}

fn within(pointer: &mut String, token: &str, visit: impl FnOnce(&mut String)) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(token);
    visit(pointer);
    pointer.truncate(length);
}

fn report(rule: FhirRule, pointer: &str, found: &mut Vec<Violation>) {
    found.push(Violation { rule, pointer: pointer.to_owned() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::{Limits, parse};

    fn broken(text: &str) -> Vec<(FhirRule, String)> {
        let tree = parse(text.as_bytes(), Limits::default()).unwrap();
        check_fhir_rules(&tree).into_iter().map(|violation| (violation.rule, violation.pointer)).collect()
    }

    #[test]
    fn null_holds_a_place_beside_its_sibling_only() {
        assert_eq!(broken(r#"{"given":["a",null],"_given":[null,{"id":"x"}]}"#), []);
        assert_eq!(broken(r#"{"given":["a",null]}"#), [(FhirRule::MisplacedNull, "/given/1".into())]);
        assert_eq!(broken(r#"{"given":[null],"_given":[null]}"#).len(), 2);
        assert_eq!(broken(r#"{"name":null}"#), [(FhirRule::MisplacedNull, "/name".into())]);
    }

    #[test]
    fn nothing_is_empty() {
        assert_eq!(
            broken(r#"{"a":[],"b":{},"c":"","d":["",{}]}"#),
            [
                (FhirRule::EmptyArray, "/a".into()),
                (FhirRule::EmptyObject, "/b".into()),
                (FhirRule::EmptyString, "/c".into()),
                (FhirRule::EmptyString, "/d/0".into()),
                (FhirRule::EmptyObject, "/d/1".into()),
            ]
        );
    }
}
