//! FHIRPath Patch. R4 `fhirpatch.html`.

use crate::fhir::fhirpath::{Context, choice_type, pointers_in};
use crate::fhir::json::{Json, Object};

use super::cardinality::is_choice;
pub use super::cardinality::{Cardinality, Unknown};
use super::error::{PatchError, Reason};
use super::operation::{self, Action, Operation, content, is_variant};
use super::place::{find_mut, fits, tokens};
use super::slot::{Content, Slot};

/// Applies the operations of a Parameters resource in their order; on error the document stays as it was.
pub fn apply(document: &mut Json, parameters: &Json, hook: &dyn Cardinality) -> Result<(), PatchError> {
    if parameters.get_str("resourceType") != Some("Parameters") {
        return Err(PatchError::new(Reason::NotAPatch));
    }
    let place = |index: usize| format!("/parameter/{index}");
    let operations: Vec<Operation<'_>> = parameters
        .items("parameter")
        .iter()
        .enumerate()
        .map(|(index, parameter)| operation::parse(parameter).map_err(|error| error.in_operation(index, place(index))))
        .collect::<Result<_, _>>()?;
    let mut changed = document.clone();
    for (index, operation) in operations.iter().enumerate() {
        run(&mut changed, operation, hook).map_err(|error| {
            let error = error.in_operation(index, place(index));
            if error.target.is_none() { error.target(operation.path) } else { error }
        })?;
    }
    if !fits(&changed, 0) {
        return Err(PatchError::new(Reason::TooLarge));
    }
    *document = changed;
    Ok(())
}

fn run(document: &mut Json, operation: &Operation<'_>, hook: &dyn Cardinality) -> Result<(), PatchError> {
    match &operation.action {
        Action::Add { name, value } => add(document, &one(document, operation)?, name, value, hook),
        Action::Insert { index, value } => insert(document, operation, *index, value, hook),
        Action::Delete => {
            // Nothing to delete is no error: the result is what was asked for.
            if targets(document, operation)?.is_empty() {
                return Ok(());
            }
            let slot = Slot::of(&one(document, operation)?).ok_or_else(|| PatchError::new(Reason::IsRoot))?;
            slot.remove(document).ok_or_else(no_target)
        }
        Action::Replace { value } => replace(document, &one(document, operation)?, value, hook),
        Action::Move { source, destination } => {
            let slot = list_of(&targets(document, operation)?)?;
            let moved = slot.with_list(document, |list| {
                let within = *source < list.len() && *destination < list.len();
                if within {
                    list.relocate(*source, *destination);
                }
                within
            });
            in_range(moved)
        }
    }
}

fn no_target() -> PatchError {
    PatchError::new(Reason::NoSuchTarget)
}

fn in_range(within: Option<bool>) -> Result<(), PatchError> {
    match within {
        Some(true) => Ok(()),
        Some(false) => Err(PatchError::new(Reason::IndexOutOfRange)),
        None => Err(no_target()),
    }
}

/// Steps that a path may take: it comes from outside, and selects one element.
const MAX_STEPS: usize = 200_000;

/// The pointers of the elements that the path selects.
fn targets(document: &Json, operation: &Operation<'_>) -> Result<Vec<Vec<String>>, PatchError> {
    let invalid = || PatchError::new(Reason::InvalidPath);
    let context = Context { max_steps: MAX_STEPS, ..Context::new(document) };
    let items = operation.expression.evaluate(&context).map_err(|_| invalid())?;
    // A computed value stands nowhere in the resource.
    let pointers = pointers_in(&items, document).into_iter();
    pointers.map(|pointer| pointer.as_deref().and_then(tokens).ok_or_else(invalid)).collect()
}

fn one(document: &Json, operation: &Operation<'_>) -> Result<Vec<String>, PatchError> {
    let mut found = targets(document, operation)?;
    match found.len() {
        0 => Err(no_target()),
        1 => Ok(found.remove(0)),
        _ => Err(PatchError::new(Reason::SeveralMatches)),
    }
}

/// The list in which all the targets stand.
fn list_of(targets: &[Vec<String>]) -> Result<Slot, PatchError> {
    let first = targets.first().ok_or_else(no_target)?;
    let slot = Slot::of(first).filter(|slot| slot.index.is_some()).ok_or_else(|| PatchError::new(Reason::NotAList))?;
    let same = |other: &Vec<String>| other.len() == first.len() && other[..other.len() - 1] == first[..first.len() - 1];
    if targets.iter().all(same) { Ok(slot) } else { Err(PatchError::new(Reason::SeveralMatches)) }
}

fn add(
    document: &mut Json,
    target: &[String],
    name: &str,
    value: &Json,
    hook: &dyn Cardinality,
) -> Result<(), PatchError> {
    let type_path = type_path(document, target);
    let content = content(value, &format!("{type_path}.{name}"), hook)?;
    let object = children_of(document, target).ok_or_else(|| PatchError::new(Reason::NotAContainer))?;
    operation::add(object, &type_path, name, content, hook)
}

fn insert(
    document: &mut Json,
    operation: &Operation<'_>,
    index: usize,
    value: &Json,
    hook: &dyn Cardinality,
) -> Result<(), PatchError> {
    let found = targets(document, operation)?;
    if found.is_empty() {
        // A list that is not there yet: its place follows from the path without its last step.
        let (above, name) = operation.path.rsplit_once('.').ok_or_else(no_target)?;
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if index > 0 {
            return Err(PatchError::new(Reason::IndexOutOfRange));
        }
        let compiled =
            crate::fhir::fhirpath::Expression::compile(above).ok().filter(|_| plain).ok_or_else(no_target)?;
        let above = Operation { path: above, expression: compiled, action: Action::Delete };
        let target = one(document, &above)?;
        if !super::cardinality::repeats(hook, &type_path(document, &target), name) {
            return Err(PatchError::new(Reason::NotAList));
        }
        return add(document, &target, name, value, hook);
    }
    let slot = list_of(&found)?;
    let content = content(value, &type_path(document, &found[0]), hook)?;
    let inserted = slot.with_list(document, |list| {
        let within = index <= list.len();
        if within {
            list.insert(index, content);
        }
        within
    });
    in_range(inserted)
}

fn replace(document: &mut Json, target: &[String], value: &Json, hook: &dyn Cardinality) -> Result<(), PatchError> {
    let slot = Slot::of(target).ok_or_else(|| PatchError::new(Reason::IsRoot))?;
    let content = content(value, &type_path(document, target), hook)?;
    let key = key_for(&slot, &type_path(document, &slot.parent), &content, hook);
    slot.replace(document, &key, content).ok_or_else(no_target)
}

/// The key of the replaced element: that of a choice follows the type of the new value.
fn key_for(slot: &Slot, parent_path: &str, content: &Content, hook: &dyn Cardinality) -> String {
    let capitals = slot.key.char_indices().filter(|(index, char)| *index > 0 && char.is_ascii_uppercase());
    let base = capitals.map(|(index, _)| slot.key.split_at(index)).find_map(|(base, suffix)| {
        (choice_type(suffix).is_some() && is_choice(hook, parent_path, base)).then_some(base)
    });
    match (base, &content.suffix) {
        (Some(base), Some(suffix)) if is_variant(&format!("{base}{suffix}"), base) => format!("{base}{suffix}"),
        _ => slot.key.clone(),
    }
}

/// The object that holds the children of the element: of a primitive, its sibling, which is made where there is none.
fn children_of<'d>(document: &'d mut Json, target: &[String]) -> Option<&'d mut Object> {
    if matches!(find_mut(document, target), Some(Json::Object(_))) {
        return find_mut(document, target)?.as_object_mut();
    }
    let slot = Slot::of(target)?;
    let parent = find_mut(document, &slot.parent)?.as_object_mut()?;
    let key = format!("_{}", slot.key);
    let Some(at) = slot.index else {
        if !parent.contains_key(&key) {
            parent.insert(key.as_str(), Object::new());
        }
        return parent.get_mut(&key)?.as_object_mut();
    };
    if !parent.contains_key(&key) {
        parent.insert(key.as_str(), Vec::new());
    }
    let Json::Array(siblings) = parent.get_mut(&key)? else { return None };
    if siblings.len() <= at {
        siblings.resize(at + 1, Json::Null);
    }
    let sibling = siblings.get_mut(at)?;
    if *sibling == Json::Null {
        *sibling = Object::new().into();
    }
    sibling.as_object_mut()
}

/// The path of an element in its definition: types of resources and names of elements, without numbers.
fn type_path(document: &Json, target: &[String]) -> String {
    let mut path = document.get_str("resourceType").unwrap_or_default().to_owned();
    let mut node = Some(document);
    for token in target {
        node = node.and_then(|node| super::place::find(node, std::slice::from_ref(token)));
        match node.and_then(|node| node.get_str("resourceType")) {
            Some(name) => name.clone_into(&mut path),
            None if super::place::index(token).is_some() => {}
            None => {
                path.push('.');
                path.push_str(token);
            }
        }
    }
    path
}
