//! Walking from element to element. FHIRPath `#path-selection`, `#tree-navigation`.

use std::borrow::Cow;

use crate::fhir::json::{Json, Object};

use super::context::Context;
use super::types;
use super::value::{Item, Node, Value};

/// Appends the children of `item` that are called `name`; a choice element is found by its plain name.
pub(super) fn member<'a>(context: &Context<'a>, item: &Item<'a>, name: &'a str, out: &mut Vec<Item<'a>>) {
    let node = match item {
        Item::Node(node) => node,
        Item::Value(Value::TypeInfo { namespace, name: of }) => {
            match name {
                "namespace" => out.push(Item::text(*namespace)),
                "name" => out.push(Item::text(of.clone())),
                _ => {}
            }
            return;
        }
        Item::Value(_) => return,
    };
    let Some(object) = object_of(node) else { return };
    let parent = node.fhir_type();
    if named(context, object, parent, name, name, None, out) || name == "resourceType" {
        return;
    }
    for (key, _) in object.iter() {
        let plain = key.strip_prefix('_').unwrap_or(key);
        // The same element under its key and under its sibling's key is taken once.
        if let Some(choice) = plain.strip_prefix(name).filter(|tail| !tail.is_empty()).and_then(types::choice_type)
            && !(key.starts_with('_') && object.contains_key(plain))
            && !is_plain(context, parent, plain)
        {
            named(context, object, parent, plain, name, Some(choice), out);
        }
    }
}

/// Whether the type has an element of this very name: `responseCode` is no form of `response`.
fn is_plain(context: &Context<'_>, parent: Option<&str>, name: &str) -> bool {
    let typed = context.model.zip(parent);
    typed.is_some_and(|(model, parent)| model.element_type(parent, name).is_some())
}

/// Where a node's children stand: a primitive's id and extensions are in its sibling.
fn object_of<'a>(node: &Node<'a>) -> Option<&'a Object> {
    match node.value {
        Some(Json::Object(object)) => Some(object),
        _ => node.sibling?.as_object(),
    }
}

/// Appends what stands under `key` and `_key`. Answers whether there was something.
fn named<'a>(
    context: &Context<'a>,
    object: &'a Object,
    parent: Option<&str>,
    key: &str,
    name: &str,
    choice: Option<&'static str>,
    out: &mut Vec<Item<'a>>,
) -> bool {
    let value = object.get(key);
    let sibling = match value {
        Some(Json::Object(_)) => None,
        _ => sibling_of(object, key),
    };
    if value.is_none() && sibling.is_none() {
        return false;
    }
    if key == "resourceType" {
        return false;
    }
    let type_name = choice.or_else(|| type_of(context, parent, name));
    push(value, sibling, type_name, out);
    true
}

fn sibling_of<'a>(object: &'a Object, key: &str) -> Option<&'a Json> {
    object.iter().find(|(other, _)| other.strip_prefix('_') == Some(key)).map(|(_, sibling)| sibling)
}

fn push<'a>(value: Option<&'a Json>, sibling: Option<&'a Json>, type_name: Option<&'a str>, out: &mut Vec<Item<'a>>) {
    let known = |json: Option<&'a Json>| json.filter(|json| **json != Json::Null);
    if !matches!(value, Some(Json::Array(_))) && !matches!(sibling, Some(Json::Array(_))) {
        return push_one(known(value), known(sibling), type_name, out);
    }
    let values = value.and_then(Json::as_array).unwrap_or_default();
    let siblings = sibling.and_then(Json::as_array).unwrap_or_default();
    for index in 0..values.len().max(siblings.len()) {
        push_one(known(values.get(index)), known(siblings.get(index)), type_name, out);
    }
}

fn push_one<'a>(
    value: Option<&'a Json>,
    sibling: Option<&'a Json>,
    type_name: Option<&'a str>,
    out: &mut Vec<Item<'a>>,
) {
    if value.is_some() || sibling.is_some() {
        out.push(Item::Node(Node { value, sibling, type_name }));
    }
}

fn type_of<'a>(context: &Context<'a>, parent: Option<&str>, name: &str) -> Option<&'a str> {
    if let (Some(model), Some(parent)) = (context.model, parent) {
        return model.element_type(parent, name);
    }
    match name {
        "extension" | "modifierExtension" => Some("Extension"),
        _ => None,
    }
}

/// Appends all children of `item`, in their order.
pub(super) fn children<'a>(context: &Context<'a>, item: &Item<'a>, out: &mut Vec<Item<'a>>) {
    let Item::Node(node) = item else { return };
    let Some(object) = object_of(node) else { return };
    let parent = node.fhir_type();
    for (key, _) in object.iter() {
        let plain = key.strip_prefix('_').unwrap_or(key);
        if plain.len() < key.len() && object.contains_key(plain) {
            continue;
        }
        // Not every key that ends like a type is a choice: `reasonCode` holds a CodeableConcept.
        let complex = matches!(object.get(plain), Some(Json::Object(_) | Json::Array(_)));
        let choice = suffix_type(context, parent, plain).filter(|name| types::is_primitive(name) != complex);
        named(context, object, parent, plain, plain, choice, out);
    }
}

/// The type in a key such as `valueQuantity`. A key that the model knows as it stands has no suffix.
fn suffix_type(context: &Context<'_>, parent: Option<&str>, key: &str) -> Option<&'static str> {
    if let (Some(model), Some(parent)) = (context.model, parent)
        && model.element_type(parent, key).is_some()
    {
        return None;
    }
    let capitals = key.char_indices().filter(|(index, char)| *index > 0 && char.is_ascii_uppercase());
    capitals.filter_map(|(index, _)| types::choice_type(&key[index..])).next()
}

/// Whether an expression that begins with `name` means `item` itself: `Patient.name` on a Patient.
pub(super) fn is_named(item: &Item<'_>, name: &str) -> bool {
    item.node().and_then(Node::fhir_type).is_some_and(|found| {
        found == name || (matches!(name, "Resource" | "DomainResource") && types::derives(found, name))
    })
}

/// The type of an item as `type()` shows it.
pub(super) fn type_info<'a>(item: &Item<'a>) -> Option<Value<'a>> {
    match item {
        Item::Value(value) => Some(Value::TypeInfo { namespace: "System", name: Cow::Borrowed(value.type_name()) }),
        Item::Node(node) => {
            let guess = match node.value {
                Some(Json::Number(number)) if number.as_i64().is_some() => Some("integer"),
                Some(Json::Number(_)) => Some("decimal"),
                Some(Json::String(_)) => Some("string"),
                _ => Some("Element"),
            };
            let name = node.fhir_type().or(guess)?;
            Some(Value::TypeInfo { namespace: "FHIR", name: Cow::Borrowed(name) })
        }
    }
}
