//! Slices: which values of a repeating element belong to which slice, by the discriminators
//! (R4 `profiling.html#discriminator`).

use std::sync::Arc;

use crate::fhir::json::Json;

use super::resolution::named_type;
use super::shape::Element;
use super::terminology::{CodeSet, Membership};
use super::walk::Walk;

/// The slices of one element, or those of one slice (re-slicing).
pub struct Slicing {
    pub ordered: bool,
    pub rules: Openness,
    pub slices: Vec<Slice>,
    /// `@default`: what matches no other slice.
    pub fallback: Option<Box<Slice>>,
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
    pub path: Path,
    pub expected: Expected,
}

/// The steps of a discriminator's path; none for the value itself.
pub struct Path {
    pub text: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member; a choice is named without its type.
    Member(String),
    /// `extension('url')`
    Extension(String),
    /// `ofType(Type)`, of a choice
    OfType(String),
    /// `resolve()`: the resource that a reference names, where it is at hand.
    Resolve,
}

pub enum Expected {
    /// Equal, or holding everything that the pattern has.
    Pattern(Json),
    /// A coded value out of a required value set (the codes are found at load).
    Codes(String, Arc<CodeSet>),
    /// A resource of one of these types, or a choice of one of these types.
    Type(Vec<String>),
    Exists(bool),
    /// Whatever satisfies one of these profiles.
    Profile(Vec<String>),
}

/// What a path leads to, with the type that the member's name tells of a choice.
struct Found<'a> {
    value: &'a Json,
    type_code: Option<&'a str>,
}

impl Slice {
    /// Whether `value` (of the choice type `type_code`) belongs here.
    pub fn matches<'a>(&self, walk: &Walk<'a>, value: &'a Json, type_code: &'a str) -> bool {
        self.tests.iter().all(|test| test.holds(walk, value, type_code))
    }
}

impl Path {
    /// `$this`, `type.coding.code`, `extension('url').value`, `value.ofType(Coding)`, `entry.resolve()`; `None` for what
    /// R4's restricted paths do not have.
    pub fn parse(path: &str) -> Option<Path> {
        let mut steps = Vec::new();
        let mut rest = path.trim();
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix("extension('") {
                let (url, tail) = tail.split_once("')")?;
                steps.push(Step::Extension(url.to_owned()));
                rest = tail.trim_start_matches('.');
                continue;
            }
            let (step, tail) = rest.split_once('.').unwrap_or((rest, ""));
            match step {
                "$this" => {}
                "resolve()" => steps.push(Step::Resolve),
                _ => match step.strip_prefix("ofType(") {
                    Some(name) => steps.push(Step::OfType(name.strip_suffix(')')?.trim_start_matches("FHIR.").into())),
                    None if step.contains('(') => return None,
                    None => steps.push(Step::Member(step.trim_end_matches("[x]").to_owned())),
                },
            }
            rest = tail;
        }
        Some(Path { text: path.trim().to_owned(), steps })
    }

    fn follow<'a>(&self, walk: &Walk<'a>, value: &'a Json, type_code: &'a str) -> Vec<Found<'a>> {
        let mut found = Vec::new();
        let type_code = (!type_code.is_empty()).then_some(type_code);
        collect(walk, Found { value, type_code }, &self.steps, &mut found);
        found
    }

    /// The value at the path, for messages: codes and addresses alone are fit to be told.
    pub fn shown<'a>(&self, walk: &Walk<'a>, value: &'a Json) -> Option<&'a str> {
        let telling = match self.steps.last() {
            Some(Step::Member(name)) => matches!(name.as_str(), "system" | "code" | "url" | "use" | "type" | "status"),
            _ => false,
        };
        let found = self.follow(walk, value, "");
        let text = found.first()?.value.as_str()?;
        let plain = text.len() <= 120 && text.bytes().all(|byte| byte.is_ascii_graphic());
        (telling && plain).then_some(text)
    }
}

impl Test {
    pub fn holds<'a>(&self, walk: &Walk<'a>, value: &'a Json, type_code: &'a str) -> bool {
        // The commonest discriminator, without a list of what was found: `url` or `system` by value.
        if let ([Step::Member(name)], Expected::Pattern(Json::String(pattern))) =
            (self.path.steps.as_slice(), &self.expected)
            && let Some(Json::String(text)) = value.get(name)
        {
            return text == pattern;
        }
        let found = self.path.follow(walk, value, type_code);
        match &self.expected {
            Expected::Exists(wanted) => *wanted != found.is_empty(),
            Expected::Pattern(pattern) => found.iter().any(|found| contains(found.value, pattern)),
            Expected::Codes(_, set) => found.iter().any(|found| coded(found.value, set)),
            Expected::Type(types) if found.is_empty() => {
                // A reference that cannot be followed still names the type of what it refers to.
                self.path.steps.last() == Some(&Step::Resolve) && self.refers_to(walk, value, types)
            }
            Expected::Type(types) => found.iter().any(|found| {
                let named = found.value.get_str("resourceType").or(found.type_code);
                named.is_some_and(|named| types.iter().any(|name| walk.inner.registry.specialises(named, name)))
            }),
            Expected::Profile(profiles) => found
                .iter()
                .any(|found| profiles.iter().any(|profile| walk.first_error_against(profile, found.value).is_none())),
        }
    }

    fn refers_to<'a>(&self, walk: &Walk<'a>, value: &'a Json, types: &[String]) -> bool {
        let steps = self.path.steps.split_last().map(|(_, steps)| steps).unwrap_or_default();
        let mut references = Vec::new();
        collect(walk, Found { value, type_code: None }, steps, &mut references);
        references.iter().any(|reference| {
            let named = reference.value.get_str("reference").and_then(named_type);
            let named = named.or_else(|| reference.value.get_str("type"));
            named.is_some_and(|named| types.iter().any(|name| walk.inner.registry.specialises(named, name)))
        })
    }
}

fn collect<'a>(walk: &Walk<'a>, from: Found<'a>, path: &[Step], into: &mut Vec<Found<'a>>) {
    if let Json::Array(items) = from.value {
        items.iter().for_each(|value| collect(walk, Found { value, type_code: from.type_code }, path, into));
        return;
    }
    let Some((step, rest)) = path.split_first() else {
        into.push(from);
        return;
    };
    match step {
        Step::Extension(address) => {
            let all = from.value.items("extension").iter();
            let named = all.filter(|extension| extension.get_str("url") == Some(address));
            named.for_each(|value| collect(walk, Found { value, type_code: Some("Extension") }, rest, into));
        }
        Step::OfType(name) => {
            if from.type_code.is_none_or(|code| code == name) {
                collect(walk, from, rest, into);
            }
        }
        Step::Resolve => {
            let reference = from.value.get_str("reference").or_else(|| from.value.as_str());
            if let Some(resolved) = reference.and_then(|reference| walk.resolve(reference)) {
                collect(walk, Found { value: resolved.resource, type_code: None }, rest, into);
            }
        }
        Step::Member(name) => {
            if let Some((value, type_code)) = member(from.value, name) {
                collect(walk, Found { value, type_code }, rest, into);
            }
        }
    }
}

/// A member, or the one form of a choice that stands: `value` finds `valueCode`.
fn member<'a>(value: &'a Json, name: &str) -> Option<(&'a Json, Option<&'a str>)> {
    let object = value.as_object()?;
    if let Some(member) = object.get(name) {
        return Some((member, None));
    }
    object.iter().find_map(|(key, member)| {
        let tail = key.strip_prefix(name)?;
        tail.starts_with(|first: char| first.is_ascii_uppercase())
            .then(|| (member, Some(crate::fhir::fhirpath::choice_type(tail).unwrap_or(tail))))
    })
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

/// A code of a code system that the value set names, but which is not at hand, belongs: nothing says that it does not.
fn coded(value: &Json, set: &CodeSet) -> bool {
    let member = |coding: &Json| {
        let (system, code) = (coding.get_str("system"), coding.get_str("code"));
        code.is_some_and(|code| match set.contains(system, code) {
            Membership::Yes => true,
            Membership::No => false,
            Membership::Unknown => system.is_some_and(|system| set.names_system(system)),
        })
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
    fn paths_are_those_of_the_specification() {
        let steps = |path: &str| Path::parse(path).map(|path| path.steps);
        let member = |name: &str| Step::Member(name.to_owned());
        assert_eq!(steps("$this"), Some(Vec::new()));
        assert_eq!(steps("type.coding.code"), Some(vec![member("type"), member("coding"), member("code")]));
        assert_eq!(
            steps("extension('http://a.b/c').value.ofType(Coding)"),
            Some(vec![Step::Extension("http://a.b/c".into()), member("value"), Step::OfType("Coding".into())])
        );
        assert_eq!(steps("entry.resolve().code"), Some(vec![member("entry"), Step::Resolve, member("code")]));
        assert_eq!(steps("where(a = 1)"), None);
    }
}
