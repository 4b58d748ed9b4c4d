//! Base types: closed objects.

use serde_json::{Value, json};

use super::super::shape::{Element, Form, Kind, Structure, TypeRef};
use super::members::Members;
use super::{Def, Emitter, all};

impl<'r> Emitter<'r> {
    /// An object of a base type.
    pub(super) fn shape(&mut self, structure: &'r Structure, at: usize) -> Value {
        let Some(shape) = structure.shapes.get(at) else { return json!({}) };
        let mut members = Members::default();
        if structure.kind == Kind::Resource && at == 0 {
            members.say("resourceType", json!({ "const": structure.name }));
            members.require_name("resourceType");
        }
        for element in &shape.elements {
            self.base_element(structure, element, &mut members);
        }
        for base in std::iter::once(structure).chain(self.inner.registry.chain(structure).skip(1)) {
            let root = base.shapes.get(if std::ptr::eq(base, structure) { at } else { 0 });
            for constraint in root.into_iter().flat_map(|root| &root.constraints) {
                self.limits.invariant(base, &constraint.key, &shape.path);
            }
        }
        members.finish(true)
    }

    fn base_element(&mut self, structure: &'r Structure, element: &'r Element, members: &mut Members) {
        if element.max == Some(0) {
            return;
        }
        for form in &element.forms {
            let Some(spec) = element.types.get(form.type_index) else { continue };
            let mut said = vec![self.typed(structure, element, spec)];
            said.extend(self.value_rules(structure, element, spec));
            said.extend(self.profiles(spec));
            let value = all(said).unwrap_or_else(|| json!({}));
            members.say(&form.name, listed(element, spec, value));
            if let Some(sibling) = &form.sibling {
                members.say(sibling, self.sibling(element));
                if element.array {
                    members.rule(no_gap_without_sibling(form, sibling));
                }
            }
        }
        if element.min > 0 {
            members.require(&element.forms);
        }
        if element.choice && element.forms.len() > 1 {
            members.choose(&element.forms);
        }
    }

    /// What the type says.
    fn typed(&mut self, structure: &'r Structure, element: &'r Element, spec: &'r TypeRef) -> Value {
        if spec.is_primitive() {
            return self.reference(Def::Primitive(&spec.code));
        }
        if let Some(child) = element.child {
            return self.reference(Def::Shape(structure, child));
        }
        match self.inner.registry.base(&spec.code) {
            Some(base) if base.is_abstract && base.kind == Kind::Resource => self.reference(Def::AnyResource),
            // See the module's comment.
            Some(base) if structure.name == "Extension" && element.choice && !self.is_used(base) => {
                json!({ "type": "object", "minProperties": 1 })
            }
            Some(base) => self.reference(Def::Shape(base, 0)),
            None => json!({ "type": "object" }),
        }
    }

    /// `_name`: id and extensions of a primitive.
    fn sibling(&mut self, element: &Element) -> Value {
        let Some(base) = self.inner.registry.base("Element") else { return json!({ "type": "object" }) };
        let one = self.reference(Def::Shape(base, 0));
        match element.array {
            true => json!({ "type": "array", "minItems": 1, "items": { "anyOf": [one, { "type": "null" }] } }),
            false => one,
        }
    }
}

/// A value as it stands in its member: in an array, where the element is one. `null` holds the place of a primitive.
fn listed(element: &Element, spec: &TypeRef, value: Value) -> Value {
    if !element.array {
        return value;
    }
    let items = if spec.is_primitive() { json!({ "anyOf": [value, { "type": "null" }] }) } else { value };
    let mut schema = json!({ "type": "array", "minItems": element.min.max(1), "items": items });
    if let Some(max) = element.max {
        schema["maxItems"] = max.into();
    }
    schema
}

/// R4 `json.html#null`: `null` stands where the sibling has something.
fn no_gap_without_sibling(form: &Form, sibling: &str) -> Value {
    let full = json!({ "type": "array", "items": { "not": { "type": "null" } } });
    json!({
        "anyOf": [
            { "required": [form.name, sibling] },
            { "properties": { &form.name: full, sibling: full } },
        ],
    })
}
