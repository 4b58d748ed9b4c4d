//! The compiled form of a definition: a [`Structure`] is a tree of [`Shape`]s, each the rules for one JSON object.
//!
//! Base types are *closed* (a member without a rule is refused). A profile is an *open* overlay that holds only
//! what it adds: since a profile may only narrow its base, "base and overlay" says the same as the snapshot, and
//! nothing is checked or reported twice.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::fhir::fhirpath::Expression;
use crate::fhir::json::{Json, Object};

use super::constraint::Constraint;
use super::engine::Schema;
use super::slicing::Slicing;
use super::terminology::{CodeSet, without_version};

/// A map that is asked for every element of every resource.
pub type FastMap<K, V> = HashMap<K, V, ahash::RandomState>;

/// A compiled base type or profile. `shapes[0]` is its root.
pub struct Structure {
    /// The type's name, or the profile's canonical address.
    pub name: String,
    /// The type that it describes.
    pub type_name: String,
    pub base: Option<String>,
    pub kind: Kind,
    pub is_abstract: bool,
    pub is_profile: bool,
    pub shapes: Vec<Shape>,
    /// Where an extension definition may stand.
    pub contexts: Vec<Context>,
    /// `StructureDefinition.contextInvariant`: conditions for its use.
    pub context_invariants: Vec<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Primitive,
    Complex,
    Resource,
}

/// `StructureDefinition.context` of an extension.
pub struct Context {
    pub kind: ContextKind,
    pub expression: String,
}

/// How a context names the places where an extension may stand (R4 `valueset-extension-context-type.html`).
pub enum ContextKind {
    Element,
    Extension,
    FhirPath(Expression),
}

/// The rules for one object.
pub struct Shape {
    /// `Patient.contact`.
    pub path: String,
    pub elements: Vec<Element>,
    /// JSON member → element.
    pub members: FastMap<String, Member>,
    /// Invariants whose context is this object; those of an element stand at the element.
    pub constraints: Vec<Constraint>,
    pub schema: OnceLock<Result<Option<Schema>, String>>,
}

/// What a JSON member stands for.
#[derive(Clone, Copy)]
pub struct Member {
    pub element: usize,
    /// Index into the element's types; the only type where there is no choice.
    pub type_index: usize,
    /// `_name`: id and extensions of a primitive.
    pub sibling: bool,
}

/// The rules for one element.
pub struct Element {
    /// `name`; for a choice `value`, without `[x]`.
    pub name: String,
    /// `Observation.value[x]`, with slice names in profiles: `Location.extension:as-of`.
    pub path: String,
    pub choice: bool,
    pub min: u32,
    pub max: Option<u32>,
    /// Whether the JSON form is an array: by the base type, whatever a profile narrows it to.
    pub array: bool,
    pub types: Vec<TypeRef>,
    /// Where the element's own children are: a shape of the same structure.
    pub child: Option<usize>,
    pub rules: ValueRules,
    pub modifier: bool,
    pub summary: bool,
    pub slicing: Option<Slicing>,
    /// The JSON members in which it may appear.
    pub forms: Vec<Form>,
    pub must_support: bool,
    /// A profile that narrows a choice: members that the base has and this element leaves out.
    pub refused_members: Vec<String>,
}

/// A JSON member in which an element may appear.
pub struct Form {
    /// Index into the element's types.
    pub type_index: usize,
    pub name: String,
    /// `_name`, of a primitive.
    pub sibling: Option<String>,
}

impl Form {
    pub fn stands_in(&self, object: &Object) -> bool {
        object.contains_key(&self.name) || self.sibling.as_ref().is_some_and(|name| object.contains_key(name))
    }
}

/// What each value of an element must satisfy, beyond its type.
#[derive(Default)]
pub struct ValueRules {
    pub fixed: Option<Json>,
    pub pattern: Option<Json>,
    pub binding: Option<Binding>,
    pub constraints: Vec<Constraint>,
    pub max_length: Option<usize>,
    pub min_value: Option<Json>,
    pub max_value: Option<Json>,
}

impl ValueRules {
    pub fn is_empty(&self) -> bool {
        self.fixed.is_none()
            && self.pattern.is_none()
            && self.binding.is_none()
            && self.constraints.is_empty()
            && self.max_length.is_none()
            && self.min_value.is_none()
            && self.max_value.is_none()
    }
}

/// A type an element may have.
#[derive(Clone, Default)]
pub struct TypeRef {
    pub code: String,
    /// Target types or profiles of a Reference or canonical; empty for any.
    pub targets: Vec<String>,
    /// Profiles of which the value must satisfy one.
    pub profiles: Vec<String>,
    /// The structure of `code`, found once.
    pub structure: OnceLock<Option<Arc<Structure>>>,
}

impl TypeRef {
    /// Reads the generator's form: `Reference(Patient|Group)`, `Quantity<SimpleQuantity>`.
    pub fn parse(text: &str) -> TypeRef {
        let (text, profiles) = match text.split_once('<') {
            Some((head, tail)) => (head, list(tail.trim_end_matches('>'))),
            None => (text, Vec::new()),
        };
        let (code, targets) = match text.split_once('(') {
            Some((head, tail)) => (head, list(tail.trim_end_matches(')'))),
            None => (text, Vec::new()),
        };
        TypeRef { code: code.to_owned(), targets, profiles, structure: OnceLock::new() }
    }

    pub fn is_primitive(&self) -> bool {
        is_primitive(&self.code)
    }
}

fn list(text: &str) -> Vec<String> {
    text.split('|').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// R4's primitive types begin with a lower-case letter.
pub fn is_primitive(type_name: &str) -> bool {
    type_name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// The strength of a binding, weakest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    Required,
    Extensible,
    Preferred,
    Example,
}

impl Strength {
    pub fn parse(code: &str) -> Option<Strength> {
        match code {
            "required" => Some(Strength::Required),
            "extensible" => Some(Strength::Extensible),
            "preferred" => Some(Strength::Preferred),
            "example" => Some(Strength::Example),
            _ => None,
        }
    }
}

pub struct Binding {
    pub strength: Strength,
    /// Without version.
    pub value_set: String,
    /// The codes, found once.
    pub set: OnceLock<Arc<CodeSet>>,
}

impl Binding {
    pub fn new(strength: Strength, value_set: &str) -> Binding {
        let value_set = without_version(value_set).to_owned();
        Binding { strength, value_set, set: OnceLock::new() }
    }
}

impl Shape {
    pub fn new(path: String, mut elements: Vec<Element>, constraints: Vec<Constraint>) -> Shape {
        let mut members = FastMap::default();
        for (element, rules) in elements.iter_mut().enumerate() {
            rules.forms = rules.named_forms();
            for Form { type_index, name, sibling } in &rules.forms {
                let type_index = *type_index;
                if let Some(sibling) = sibling {
                    members.insert(sibling.clone(), Member { element, type_index, sibling: true });
                }
                members.insert(name.clone(), Member { element, type_index, sibling: false });
            }
        }
        Shape { path, elements, members, constraints, schema: OnceLock::new() }
    }

    pub fn element(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name == name)
    }
}

impl Element {
    fn named_forms(&self) -> Vec<Form> {
        let form = |(type_index, spec): (usize, &TypeRef)| {
            let name = if self.choice { choice_name(&self.name, &spec.code) } else { self.name.clone() };
            let sibling = spec.is_primitive().then(|| format!("_{name}"));
            Form { type_index, name, sibling }
        };
        // Without a choice the first type tells the form.
        let types = if self.choice { self.types.len() } else { 1 };
        self.types.iter().enumerate().take(types).map(form).collect()
    }

    /// The type of a value: by the member that it stands in, or, where resources of several types may, by its own.
    pub fn type_of(&self, member: Member, value: &Json) -> Option<&TypeRef> {
        if !self.choice
            && self.types.len() > 1
            && let Some(found) = value.get_str("resourceType")
            && let Some(spec) = self.types.iter().find(|spec| spec.code == found)
        {
            return Some(spec);
        }
        self.types.get(member.type_index)
    }

    /// Whether a profile's element adds anything to the `base`.
    pub fn says_something(&self, base: &Element) -> bool {
        let narrower = |spec: &TypeRef| {
            !spec.targets.is_empty()
                || !spec.profiles.is_empty()
                || base.types.iter().all(|base| base.code != spec.code)
        };
        self.min > 0
            || self.max.is_some()
            || !self.rules.is_empty()
            || self.child.is_some()
            || self.slicing.is_some()
            || self.must_support
            || !self.refused_members.is_empty()
            || self.types.iter().any(narrower)
    }

    pub fn display_name(&self) -> String {
        if self.choice { format!("{}[x]", self.name) } else { self.name.clone() }
    }
}

/// `value` + `dateTime` = `valueDateTime`.
pub fn choice_name(base: &str, type_code: &str) -> String {
    let mut letters = type_code.chars();
    match letters.next() {
        Some(first) => format!("{base}{}{}", first.to_ascii_uppercase(), letters.as_str()),
        None => base.to_owned(),
    }
}
