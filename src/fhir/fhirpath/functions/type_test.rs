//! FHIRPath `#types`, R4 `fhirpath.html#types`.

use crate::fhir::json::Json;

use super::super::error::EvaluationError;
use super::super::eval::{Collection, Evaluated, single};
use super::super::navigate;
use super::super::types::{self, Namespace, TypeName};
use super::super::value::{Item, Node};
use super::{Arguments, Entry, function, nothing, optional, truth};

pub(super) const TABLE: &[Entry] = &[
    Entry {
        name: "is",
        least: 1,
        most: 1,
        arguments: Arguments::Type,
        run: |_, call, input| match &call.step.type_name {
            Some(name) => is_type(&input, name),
            None => nothing(),
        },
    },
    Entry {
        name: "as",
        least: 1,
        most: 1,
        arguments: Arguments::Type,
        run: |_, call, input| Ok(call.step.type_name.as_ref().map(|name| of_type(input, name)).unwrap_or_default()),
    },
    Entry {
        name: "ofType",
        least: 1,
        most: 1,
        arguments: Arguments::Type,
        run: |_, call, input| Ok(call.step.type_name.as_ref().map(|name| of_type(input, name)).unwrap_or_default()),
    },
    function("type", 0, 0, |_, call, input| optional(single(&input, call.name())?.and_then(navigate::type_info))),
];

/// `is`: the type or one that it specialises.
pub(in super::super) fn is_type<'a>(input: &[Item<'a>], name: &TypeName) -> Evaluated<'a> {
    match single(input, "is").map_err(|_| EvaluationError::not_singleton("is"))? {
        Some(item) => truth(has_type(item, name, false)),
        None => nothing(),
    }
}

/// `as` and `ofType`: primitives must have exactly the type, so that a `code` is no `string` here.
pub(in super::super) fn of_type<'a>(input: Collection<'a>, name: &TypeName) -> Collection<'a> {
    input.into_iter().filter(|item| has_type(item, name, true)).collect()
}

fn has_type(item: &Item<'_>, wanted: &TypeName, exact: bool) -> bool {
    match item {
        Item::Value(value) => wanted.namespace != Some(Namespace::Fhir) && wanted.name == value.type_name(),
        Item::Node(_) if wanted.namespace == Some(Namespace::System) => false,
        Item::Node(node) => match node.fhir_type() {
            Some(found) if exact && types::is_primitive(found) => found == wanted.name,
            Some(found) => types::derives(found, &wanted.name),
            None => could_be(node, &wanted.name),
        },
    }
}

/// Whether the JSON of a node of unknown type could be a `name`.
fn could_be(node: &Node<'_>, name: &str) -> bool {
    match node.value {
        Some(Json::Object(_)) => types::is_data_type(name) && !types::is_primitive(name),
        Some(Json::Bool(_)) => name == "boolean",
        Some(Json::Number(number)) if number.as_i64().is_none() => name == "decimal",
        Some(Json::Number(_)) => matches!(name, "integer" | "decimal" | "positiveInt" | "unsignedInt"),
        Some(Json::String(_)) => {
            types::is_primitive(name)
                && !matches!(name, "boolean" | "integer" | "decimal" | "positiveInt" | "unsignedInt")
        }
        _ => types::is_primitive(name),
    }
}
