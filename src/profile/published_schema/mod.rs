//! A profile or base type as one JSON Schema that any validator runs: plain 2020-12 vocabulary, all in one document.
//!
//! It is a second emission of the rule set that [`super::walk`] runs. What the vocabulary cannot say is left out, never
//! approximated towards refusing: a resource that the gateway takes is valid by the schema, too. What is left out is
//! listed in the root's `$comment`, a line each.
//!
//! ```text
//! root ── allOf ─┬─ $defs/Location   base type, closed: members, kinds, formats, how often, required codes
//!                └─ $defs/kh-bed     profile, open: what it narrows; slices as contains and if/then
//! ```
//!
//! Only what the root leads to is in `$defs`. `Extension.value[x]` would lead to nearly every data type of R4: of those
//! that the resource itself does not use it is only said that they are objects.

mod coded;
mod condition;
mod limits;
mod members;
mod overlay;
mod primitive;
mod slices;
mod types;

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Map, Value, json};

use crate::fhir::outcome::CANONICAL;

use super::inner::Inner;
use super::registry::R4_DEFINITIONS;
use super::shape::{Kind, Structure};
use limits::Limits;

/// The schema of a profile (canonical address) or of a base type (its address or name).
pub fn schema(inner: &Inner, name: &str) -> Option<Value> {
    let structure = inner.registry.profile(name).or_else(|| inner.registry.base(name))?;
    (structure.kind != Kind::Primitive).then(|| Emitter::new(inner).document(structure))
}

/// Something that has a place in `$defs`.
#[derive(Clone, Copy)]
enum Def<'r> {
    /// A primitive type.
    Primitive(&'r str),
    /// An object of a base type.
    Shape(&'r Structure, usize),
    /// What a profile adds.
    Profile(&'r Structure),
    /// A resource of any type: what it is beyond its type's name is not looked at.
    AnyResource,
    /// A literal reference that shows a type of R4.
    TypedReference,
}

struct Emitter<'r> {
    inner: &'r Inner,
    /// Names by what they stand for.
    names: HashMap<String, String>,
    waiting: VecDeque<(String, Def<'r>)>,
    defs: BTreeMap<String, Value>,
    limits: Limits,
}

impl<'r> Emitter<'r> {
    fn new(inner: &'r Inner) -> Self {
        Emitter {
            inner,
            names: HashMap::new(),
            waiting: VecDeque::new(),
            defs: BTreeMap::new(),
            limits: Limits::default(),
        }
    }

    fn document(mut self, structure: &'r Structure) -> Value {
        let mut parts = Vec::new();
        if let Some(base) = self.inner.registry.base(&structure.type_name) {
            parts.push(self.reference(Def::Shape(base, 0)));
        }
        if structure.is_profile {
            parts.push(self.reference(Def::Profile(structure)));
        }
        self.emit_all();
        let source = self.inner.registry.source(&structure.name).unwrap_or(Value::Null);
        let name = last_segment(&structure.name);
        let address = if structure.is_profile { structure.name.clone() } else { base_address(&structure.name) };
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": format!("{address}/$json-schema"),
            "title": source["title"].as_str().unwrap_or(name),
            "description": format!(
                "{} in JSON (FHIR R4){}. $comment lists what this schema cannot check.",
                structure.type_name,
                if structure.is_profile { format!(", held to {}", structure.name) } else { String::new() },
            ),
            "$comment": self.limits.told(),
            "allOf": parts,
            "$defs": self.defs,
        })
    }

    /// Emits what is asked for until nothing more is. Extension comes last: it refers only to types that are there anyway.
    fn emit_all(&mut self) {
        let mut last = None;
        while let Some((name, def)) = self.waiting.pop_front().or_else(|| last.take()) {
            if is_extension(def) && !self.waiting.is_empty() {
                last = Some((name, def));
                continue;
            }
            let value = match def {
                Def::Primitive(code) => primitive::schema(code),
                Def::Shape(structure, at) => self.shape(structure, at),
                Def::Profile(structure) => self.profile(structure),
                Def::AnyResource => any_resource(),
                Def::TypedReference => {
                    let types: Vec<&str> = self.inner.registry.resources().collect();
                    json!({ "type": "string", "pattern": overlay::typed_reference(&types.join("|")) })
                }
            };
            self.defs.insert(name, value);
        }
    }

    /// `{"$ref": "#/$defs/…"}`; what it names is emitted in its turn.
    fn reference(&mut self, def: Def<'r>) -> Value {
        let (key, wanted) = match def {
            Def::Primitive(code) => (format!("primitive {code}"), code.to_owned()),
            Def::Shape(structure, at) => {
                let path = structure.shapes.get(at).map(|shape| shape.path.clone()).unwrap_or_default();
                (format!("type {path}"), path)
            }
            Def::Profile(structure) => (format!("profile {}", structure.name), segment_for_ref(&structure.name)),
            Def::AnyResource => ("type Resource".to_owned(), "Resource".to_owned()),
            Def::TypedReference => ("reference".to_owned(), "typed-reference".to_owned()),
        };
        if let Some(name) = self.names.get(&key) {
            return json!({ "$ref": format!("#/$defs/{name}") });
        }
        let taken = |name: &String| self.names.values().any(|taken| taken == name);
        let numbered = (2..).map(|number| format!("{wanted}-{number}"));
        let name = std::iter::once(wanted.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(wanted);
        self.names.insert(key, name.clone());
        self.waiting.push_back((name.clone(), def));
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// Whether something else than `Extension` leads to this type.
    fn is_used(&self, structure: &Structure) -> bool {
        self.names.contains_key(&format!("type {}", structure.name))
    }

    /// A profile by canonical address, or by the name that R4's own have in base types (`SimpleQuantity`).
    fn profile_named(&self, canonical: &str) -> Option<&'r Structure> {
        let registry = &self.inner.registry;
        let own = || registry.profile(&format!("{R4_DEFINITIONS}{canonical}"));
        let found = registry.profile(canonical).or_else(|| (!canonical.contains(':')).then(own).flatten())?;
        found.is_profile.then_some(found.as_ref())
    }
}

fn is_extension(def: Def<'_>) -> bool {
    matches!(def, Def::Shape(structure, 0) if structure.name == "Extension")
}

fn any_resource() -> Value {
    json!({
        "type": "object",
        "required": ["resourceType"],
        "properties": { "resourceType": { "type": "string", "pattern": "^[A-Z][A-Za-z]*$" } },
    })
}

/// Base types have their schemas under this project's address: those at HL7's are HL7's to give.
fn base_address(name: &str) -> String {
    format!("{CANONICAL}/StructureDefinition/{name}")
}

fn last_segment(canonical: &str) -> &str {
    canonical.rsplit('/').next().unwrap_or(canonical)
}

/// A name that needs no escape in a fragment.
fn segment_for_ref(canonical: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-._".contains(letter) { letter } else { '-' };
    last_segment(canonical).chars().map(plain).collect()
}

/// All of several schemas; `None` where there is none.
fn all(mut schemas: Vec<Value>) -> Option<Value> {
    schemas.retain(|schema| schema != &json!({}));
    match schemas.len() {
        0 => None,
        1 => schemas.pop(),
        _ => Some(json!({ "allOf": schemas })),
    }
}

/// An object schema of these members.
fn object(members: Vec<(&str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}
