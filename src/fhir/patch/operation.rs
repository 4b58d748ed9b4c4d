//! Reading the operations of a FHIRPath Patch from its Parameters resource.

use crate::fhir::fhirpath::Expression;
use crate::fhir::json::{Json, Object};

use super::cardinality::{Cardinality, is_choice, repeats};
use super::error::{PatchError, Reason};
use super::slot::Content;

/// One operation, complete for its type.
pub(super) struct Operation<'p> {
    pub path: &'p str,
    pub expression: Expression,
    pub action: Action<'p>,
}

pub(super) enum Action<'p> {
    Add { name: &'p str, value: &'p Json },
    Insert { index: usize, value: &'p Json },
    Delete,
    Replace { value: &'p Json },
    Move { source: usize, destination: usize },
}

/// Reads one `parameter`.
pub(super) fn parse(parameter: &Json) -> Result<Operation<'_>, PatchError> {
    if parameter.get_str("name") != Some("operation") {
        return Err(PatchError::new(Reason::NotAPatch));
    }
    let parts = parameter.items("part");
    let known = ["type", "path", "name", "value", "index", "source", "destination"];
    let unknown = parts.iter().find(|part| !part.get_str("name").is_some_and(|name| known.contains(&name)));
    if let Some(part) = unknown {
        return Err(PatchError::new(Reason::UnknownPart).target(part.get_str("name").unwrap_or_default()));
    }
    let part = |name: &'static str| {
        parts
            .iter()
            .find(|part| part.get_str("name") == Some(name))
            .ok_or_else(|| PatchError::new(Reason::MissingPart(name)))
    };
    let text = |name| {
        let part = part(name)?;
        let value = ["valueString", "valueCode", "valueId"].iter().find_map(|key| part.get_str(key));
        value.ok_or_else(|| PatchError::new(Reason::InvalidValue).target(name))
    };
    let number = |name| {
        let part = part(name)?;
        let value = ["valueInteger", "valueUnsignedInt", "valuePositiveInt"].iter().find_map(|key| part.get(key));
        let integer = value.and_then(Json::as_number).and_then(|number| number.as_i64());
        let integer = integer.and_then(|integer| usize::try_from(integer).ok());
        integer.ok_or_else(|| PatchError::new(Reason::InvalidValue).target(name))
    };
    let path = text("path")?;
    let action = match text("type")? {
        "add" => Action::Add { name: text("name")?, value: part("value")? },
        "insert" => Action::Insert { index: number("index")?, value: part("value")? },
        "delete" => Action::Delete,
        "replace" => Action::Replace { value: part("value")? },
        "move" => Action::Move { source: number("source")?, destination: number("destination")? },
        _ => return Err(PatchError::new(Reason::UnknownOperation)),
    };
    let expression = Expression::compile(path).map_err(|_| PatchError::new(Reason::InvalidPath).target(path))?;
    Ok(Operation { path, expression, action })
}

/// The content of a `value` part: a value of any type, a resource, or parts for an anonymous element that will stand
/// at `type_path`.
pub(super) fn content(part: &Json, type_path: &str, hook: &dyn Cardinality) -> Result<Content, PatchError> {
    let invalid = || PatchError::new(Reason::InvalidValue).target(part.get_str("name").unwrap_or_default());
    if let Some(resource) = part.get("resource") {
        return Ok(Content { value: resource.clone(), sibling: None, suffix: None });
    }
    if let Some(parts) = part.get("part") {
        let value = anonymous(parts.as_array().ok_or_else(invalid)?, type_path, hook)?;
        return Ok(Content { value: value.into(), sibling: None, suffix: None });
    }
    let object = part.as_object().ok_or_else(invalid)?;
    let suffix = object
        .iter()
        .find_map(|(key, _)| key.strip_prefix('_').unwrap_or(key).strip_prefix("value"))
        .filter(|suffix| suffix.starts_with(|first: char| first.is_ascii_uppercase()))
        .ok_or_else(invalid)?;
    let value = object.get(&format!("value{suffix}")).cloned().unwrap_or(Json::Null);
    let sibling = object.get(&format!("_value{suffix}")).cloned();
    if matches!(value, Json::Array(_)) || (value == Json::Null && sibling.is_none()) {
        return Err(invalid());
    }
    Ok(Content { value, sibling, suffix: Some(suffix.to_owned()) })
}

fn anonymous(parts: &[Json], type_path: &str, hook: &dyn Cardinality) -> Result<Object, PatchError> {
    let mut object = Object::new();
    for part in parts {
        let name = part.get_str("name").ok_or_else(|| PatchError::new(Reason::MissingPart("name")))?;
        let content = content(part, &format!("{type_path}.{name}"), hook)?;
        add(&mut object, type_path, name, content, hook)?;
    }
    Ok(object)
}

/// Adds an element to `object`: at the end of a list, or where nothing stands yet.
pub(super) fn add(
    object: &mut Object,
    type_path: &str,
    name: &str,
    content: Content,
    hook: &dyn Cardinality,
) -> Result<(), PatchError> {
    let choice = is_choice(hook, type_path, name);
    let key = match &content.suffix {
        Some(suffix) if choice => format!("{name}{suffix}"),
        _ => name.to_owned(),
    };
    let sibling_key = format!("_{key}");
    let in_list = [&key, &sibling_key].iter().any(|key| matches!(object.get(key), Some(Json::Array(_))));
    let taken = if choice {
        object.iter().any(|(other, _)| is_variant(other, name))
    } else {
        object.contains_key(&key) || object.contains_key(&sibling_key)
    };
    if taken && !in_list {
        return Err(PatchError::new(Reason::AlreadyThere));
    }
    if !in_list && !repeats(hook, type_path, name) {
        if content.value != Json::Null {
            object.insert(key, content.value);
        }
        if let Some(sibling) = content.sibling {
            object.insert(sibling_key, sibling);
        }
        return Ok(());
    }
    let length = |key: &str| object.get(key).and_then(Json::as_array).map_or(0, <[Json]>::len);
    let count = length(&key).max(length(&sibling_key));
    push(object, &key, count, content.value);
    push(object, &sibling_key, count, content.sibling.unwrap_or(Json::Null));
    Ok(())
}

/// Whether `key` holds a variant of the choice element `name`.
pub(super) fn is_variant(key: &str, name: &str) -> bool {
    let plain = key.strip_prefix('_').unwrap_or(key);
    plain.strip_prefix(name).is_some_and(|suffix| crate::fhir::fhirpath::choice_type(suffix).is_some())
}

/// Puts `value` at position `count` of the list `key`; a null alone makes no list.
fn push(object: &mut Object, key: &str, count: usize, value: Json) {
    match object.get_mut(key) {
        Some(Json::Array(items)) => {
            items.resize(count, Json::Null);
            items.push(value);
        }
        _ if value == Json::Null => {}
        _ => {
            let mut items = vec![Json::Null; count];
            items.push(value);
            object.insert(key, items);
        }
    }
}
