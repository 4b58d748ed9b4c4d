//! Profiles: open objects that say what the profile adds to its base.

use serde_json::{Value, json};

use crate::fhir::json::Json;

use super::super::inner::member_element;
use super::super::shape::{Element, Shape, Strength, Structure, TypeRef};
use super::coded::Listed;
use super::members::Members;
use super::{Def, Emitter, all};

/// Where in the base types something lies.
#[derive(Clone, Copy)]
pub enum Spot<'r> {
    Object(&'r Structure, usize),
    Primitive,
    AnyResource,
}

impl<'r> Spot<'r> {
    pub fn shape(self) -> Option<&'r Shape> {
        match self {
            Spot::Object(structure, at) => structure.shapes.get(at),
            Spot::Primitive | Spot::AnyResource => None,
        }
    }
}

impl<'r> Emitter<'r> {
    /// What a profile adds to its type.
    pub(super) fn profile(&mut self, structure: &'r Structure) -> Value {
        let Some(base) = self.inner.registry.base(&structure.type_name) else { return json!({}) };
        self.overlay(structure, 0, Spot::Object(base, 0)).unwrap_or_else(|| json!({ "type": "object" }))
    }

    /// One object of a profile, which lies at `spot` of the base.
    fn overlay(&mut self, structure: &'r Structure, at: usize, spot: Spot<'r>) -> Option<Value> {
        let shape = structure.shapes.get(at)?;
        for constraint in &shape.constraints {
            self.limits.invariant(structure, &constraint.key, &shape.path);
        }
        let mut members = Members::default();
        for element in &shape.elements {
            self.element(structure, element, spot, &mut members);
        }
        (!members.is_empty()).then(|| members.finish(false))
    }

    fn element(&mut self, structure: &'r Structure, element: &'r Element, spot: Spot<'r>, members: &mut Members) {
        let names = element.forms.iter().flat_map(|form| [Some(&form.name), form.sibling.as_ref()]).flatten();
        if element.max == Some(0) {
            names.for_each(|name| members.refuse(name));
            return;
        }
        element.refused_members.iter().for_each(|name| members.refuse(name));
        if element.min > 0 {
            members.require(&element.forms);
        }
        for form in &element.forms {
            let Some(spec) = element.types.get(form.type_index) else { continue };
            let below = self.below(spot, &form.name, spec);
            let value = self.value(structure, element, spec, below);
            match (element.array, value) {
                (false, Some(value)) => members.say(&form.name, value),
                (false, None) => {}
                (true, value) => {
                    if let Some(schema) = array(element, spec, value) {
                        members.say(&form.name, schema);
                    }
                }
            }
        }
        if let Some(slicing) = &element.slicing {
            self.sliced(structure, element, slicing, spot, members);
        }
    }

    /// What is said of one value, beyond its type.
    pub(super) fn value(
        &mut self,
        structure: &'r Structure,
        element: &'r Element,
        spec: &'r TypeRef,
        spot: Spot<'r>,
    ) -> Option<Value> {
        let mut said = self.value_rules(structure, element, spec);
        if let Some(child) = element.child {
            said.extend(self.overlay(structure, child, spot));
        }
        said.extend(self.resource_types(element));
        if element.types.len() < 2 || element.choice {
            said.extend(self.profiles(spec));
        }
        all(said)
    }

    /// Where the base takes any resource, those that the profile takes, each with its base type and profiles.
    fn resource_types(&mut self, element: &'r Element) -> Option<Value> {
        let registry = &self.inner.registry;
        if element.types.is_empty() || !element.types.iter().all(|spec| registry.is_resource(&spec.code)) {
            return None;
        }
        let mut ways = Vec::new();
        for spec in &element.types {
            let base = registry.base(&spec.code)?;
            let mut said = vec![self.reference(Def::Shape(base, 0))];
            if element.types.len() > 1 {
                said.extend(self.profiles(spec));
            }
            ways.extend(all(said));
        }
        if ways.len() == 1 { ways.pop() } else { Some(json!({ "anyOf": ways })) }
    }

    /// Of the profiles on a type one must hold; of one that is not loaded nothing can be said.
    pub(super) fn profiles(&mut self, spec: &'r TypeRef) -> Option<Value> {
        let known: Option<Vec<&'r Structure>> =
            spec.profiles.iter().map(|profile| self.profile_named(profile)).collect();
        let mut ways: Vec<Value> = known?.into_iter().map(|profile| self.reference(Def::Profile(profile))).collect();
        match ways.len() {
            0 | 1 => ways.pop(),
            _ => Some(json!({ "anyOf": ways })),
        }
    }

    /// Fixed values, patterns, bounds and codes.
    pub(super) fn value_rules(
        &mut self,
        structure: &'r Structure,
        element: &'r Element,
        spec: &'r TypeRef,
    ) -> Vec<Value> {
        let rules = &element.rules;
        let mut said = Vec::new();
        said.extend(rules.fixed.as_ref().map(|fixed| json!({ "const": fixed.to_serde() })));
        said.extend(rules.pattern.as_ref().map(holding));
        said.extend(rules.max_length.map(|limit| json!({ "type": "string", "maxLength": limit })));
        for (bound, keyword) in [(&rules.min_value, "minimum"), (&rules.max_value, "maximum")] {
            match bound {
                Some(Json::Number(number)) => {
                    said.push(json!({ "type": "number", keyword: Json::Number(number.clone()).to_serde() }));
                }
                Some(_) => self.limits.add(keyword, &element.path),
                None => {}
            }
        }
        if let Some(binding) = rules.binding.as_ref().filter(|binding| binding.strength == Strength::Required) {
            let set = binding.set.get_or_init(|| self.inner.terminology.set(&binding.value_set));
            match Listed::of(set).and_then(|listed| listed.schema(spec)) {
                // Formats may be named shortly there.
                Some(codes) if !matches!(root(&element.path), "CapabilityStatement" | "TestScript") => said.push(codes),
                _ => self.limits.binding(structure, &element.path),
            }
        }
        for constraint in &rules.constraints {
            self.limits.invariant(structure, &constraint.key, &element.path);
        }
        if spec.code == "Reference" && !spec.targets.is_empty() {
            self.limits.targets(structure, &element.path);
            said.extend(self.targets(spec));
        }
        said
    }

    /// A reference that shows a type of R4 shows one of the targets' (`http://…/Type/id`, `Type/id`).
    fn targets(&mut self, spec: &TypeRef) -> Option<Value> {
        let registry = &self.inner.registry;
        let mut allowed: Vec<String> = spec.targets.iter().filter_map(|target| registry.type_behind(target)).collect();
        if allowed.is_empty() || allowed.iter().any(|name| name == "Resource") {
            return None;
        }
        allowed.sort();
        allowed.dedup();
        let other = json!({ "not": self.reference(Def::TypedReference) });
        let right = json!({ "type": "string", "pattern": typed_reference(&allowed.join("|")) });
        Some(json!({ "type": "object", "properties": { "reference": { "anyOf": [other, right] } } }))
    }

    /// What stands in the member `name` of an object at `spot`.
    pub(super) fn below(&self, spot: Spot<'r>, name: &str, spec: &TypeRef) -> Spot<'r> {
        if let (Spot::Object(structure, _), Some(shape)) = (spot, spot.shape())
            && let Some(child) = member_element(shape, name).and_then(|element| element.child)
        {
            return Spot::Object(structure, child);
        }
        self.spot(&spec.code)
    }

    pub(super) fn spot(&self, code: &str) -> Spot<'r> {
        match self.inner.registry.base(code) {
            _ if super::super::shape::is_primitive(code) => Spot::Primitive,
            Some(base) if matches!(base.name.as_str(), "Resource" | "DomainResource") => Spot::AnyResource,
            Some(base) => Spot::Object(base, 0),
            None => Spot::AnyResource,
        }
    }
}

/// The form of a literal reference to resources of these types (R4 `references.html#literal`).
pub fn typed_reference(types: &str) -> String {
    format!("^([^?#]*/)?({types})/[A-Za-z0-9.-]{{1,64}}(/_history/[A-Za-z0-9.-]{{1,64}})?([?#].*)?$")
}

fn root(path: &str) -> &str {
    path.split(['.', ':']).next().unwrap_or(path)
}

/// What is said of a repeating element: how often it stands, and each value.
fn array(element: &Element, spec: &TypeRef, value: Option<Value>) -> Option<Value> {
    let mut schema = json!({ "type": "array" });
    if let Some(value) = value {
        schema["items"] = if spec.is_primitive() { json!({ "anyOf": [value, { "type": "null" }] }) } else { value };
    }
    if element.min > 1 {
        schema["minItems"] = element.min.into();
    }
    if let Some(max) = element.max {
        schema["maxItems"] = max.into();
    }
    schema.as_object().is_some_and(|schema| schema.len() > 1).then_some(schema)
}

/// A value that has everything that the pattern has (R4 `elementdefinition-definitions.html#pattern_x_`).
pub fn holding(pattern: &Json) -> Value {
    match pattern {
        Json::Object(object) => {
            let names: Vec<&str> = object.iter().map(|(name, _)| name).collect();
            let members: serde_json::Map<String, Value> =
                object.iter().map(|(name, value)| (name.to_owned(), holding(value))).collect();
            json!({ "type": "object", "required": names, "properties": members })
        }
        Json::Array(items) => {
            let each = items.iter().map(|item| json!({ "type": "array", "contains": holding(item) }));
            all(each.collect()).unwrap_or_else(|| json!({ "type": "array" }))
        }
        scalar => json!({ "const": scalar.to_serde() }),
    }
}
