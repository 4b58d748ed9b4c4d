//! What expressions yield: [`Item`]s, which are nodes of a resource or computed values.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::fhir::json::{Json, escape_pointer};

use super::decimal::Decimal;
use super::quantity::Quantity;
use super::temporal::{Kind, Temporal};
use super::types;

/// One item of a collection.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    Node(Node<'a>),
    Value(Value<'a>),
}

/// An element of a resource: its value, the `_sibling` of a primitive, and what is known of its type.
/// R4 `json.html#primitive`.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// `None` where a primitive has only an id or extensions.
    pub value: Option<&'a Json>,
    pub sibling: Option<&'a Json>,
    /// From the suffix of a choice element, `resourceType`, or the [`Model`](super::Model).
    pub type_name: Option<&'a str>,
}

/// A computed value: a System type of FHIRPath.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Boolean(bool),
    Integer(i64),
    Decimal(Decimal),
    String(Cow<'a, str>),
    Temporal(Temporal),
    Quantity(Box<Quantity<'a>>),
    /// The answer of `type()`.
    TypeInfo {
        namespace: &'static str,
        name: Cow<'a, str>,
    },
}

impl<'a> Item<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Item::Value(Value::String(text.into()))
    }

    /// The node behind the item; `None` for computed values.
    pub fn node(&self) -> Option<&Node<'a>> {
        match self {
            Item::Node(node) => Some(node),
            Item::Value(_) => None,
        }
    }

    /// The JSON value behind the item; `None` for computed values and for primitives without a value.
    pub fn json(&self) -> Option<&'a Json> {
        self.node()?.value
    }

    /// The computed value, or the value of a primitive or quantity node.
    pub fn value(&self) -> Option<Value<'a>> {
        match self {
            Item::Node(node) => node.scalar(),
            Item::Value(value) => Some(value.clone()),
        }
    }

    /// The text of a string: of a computed one, or of any node that JSON writes as a string.
    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        match self {
            Item::Value(Value::String(text)) => Some(text.clone()),
            Item::Node(node) => node.value?.as_str().map(Cow::Borrowed),
            Item::Value(_) => None,
        }
    }

    pub fn as_boolean(&self) -> Option<bool> {
        match self {
            Item::Value(Value::Boolean(flag)) => Some(*flag),
            Item::Node(node) => node.value?.as_bool(),
            Item::Value(_) => None,
        }
    }

    /// The JSON pointer of the item within `root`; `None` where it does not stand there.
    pub fn pointer_in(&self, root: &Json) -> Option<String> {
        pointers_in(std::slice::from_ref(self), root).pop().flatten()
    }
}

impl<'a> Node<'a> {
    pub fn new(value: &'a Json) -> Self {
        Node { value: Some(value), sibling: None, type_name: None }
    }

    #[must_use]
    pub fn with_sibling(mut self, sibling: Option<&'a Json>) -> Self {
        self.sibling = sibling;
        self
    }

    #[must_use]
    pub fn with_type(mut self, type_name: Option<&'a str>) -> Self {
        self.type_name = type_name;
        self
    }

    /// The FHIR type, as far as it is known: a resource names its own, a JSON boolean can only be one.
    pub fn fhir_type(&self) -> Option<&'a str> {
        if let Some(name) = self.value.and_then(|value| value.get_str("resourceType")) {
            return Some(name);
        }
        self.type_name.or(match self.value {
            Some(Json::Bool(_)) => Some("boolean"),
            _ => None,
        })
    }

    /// Whether the node is a primitive, with or without a value.
    pub fn is_primitive(&self) -> bool {
        !matches!(self.value, Some(Json::Object(_) | Json::Array(_)))
    }

    /// The System value of a primitive, or of a Quantity that is known to be one.
    pub fn scalar(&self) -> Option<Value<'a>> {
        match self.value? {
            Json::Bool(flag) => Some(Value::Boolean(*flag)),
            Json::Number(number) if self.type_name == Some("decimal") => {
                Decimal::parse(number.as_str()).map(Value::Decimal)
            }
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Some(Value::Integer(integer)),
                None => Decimal::parse(number.as_str()).map(Value::Decimal),
            },
            Json::String(text) => Some(self.temporal(text).map_or(Value::String(text.into()), Value::Temporal)),
            Json::Object(_) if self.type_name.is_some_and(|name| types::derives(name, "Quantity")) => {
                Quantity::of_node(self.value?).map(|quantity| Value::Quantity(Box::new(quantity)))
            }
            _ => None,
        }
    }

    fn temporal(&self, text: &str) -> Option<Temporal> {
        match self.type_name? {
            // A key such as `recordedDate` may be all that is known of a date time.
            "date" => Temporal::parse_any_date(text),
            "dateTime" | "instant" => Temporal::parse(Kind::DateTime, text),
            "time" => Temporal::parse(Kind::Time, text),
            _ => None,
        }
    }
}

/// The JSON pointers of `items` within `root`, found by identity in one walk: evaluation need not carry paths along.
/// A primitive that has only a `_sibling` is placed where its value would stand; a computed value stands nowhere.
pub fn pointers_in(items: &[Item<'_>], root: &Json) -> Vec<Option<String>> {
    let mut wanted: HashMap<*const Json, Vec<(usize, bool)>> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(node) = item.node()
            && let Some(place) = node.value.or(node.sibling)
        {
            wanted.entry(std::ptr::from_ref(place)).or_default().push((index, node.value.is_none()));
        }
    }
    let mut found = vec![None; items.len()];
    walk(root, &mut String::new(), &mut |json, path| {
        for (index, sibling_only) in wanted.get(&std::ptr::from_ref(json)).into_iter().flatten() {
            let mut pointer = path.to_owned();
            if *sibling_only && let Some(at) = pointer.rfind("/_") {
                pointer.remove(at + 1);
            }
            if let Some(slot) = found.get_mut(*index) {
                *slot = Some(pointer);
            }
        }
    });
    found
}

fn walk(node: &Json, path: &mut String, visit: &mut impl FnMut(&Json, &str)) {
    visit(node, path);
    let length = path.len();
    let mut enter = |token: &str, child: &Json| {
        path.push('/');
        path.push_str(token);
        walk(child, path, visit);
        path.truncate(length);
    };
    match node {
        Json::Object(object) => object.iter().for_each(|(key, child)| enter(&escape_pointer(key), child)),
        Json::Array(items) => items.iter().enumerate().for_each(|(index, child)| enter(&index.to_string(), child)),
        _ => {}
    }
}

impl Value<'_> {
    /// The name of its System type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Boolean(_) => "Boolean",
            Value::Integer(_) => "Integer",
            Value::Decimal(_) => "Decimal",
            Value::String(_) => "String",
            Value::Temporal(temporal) => match temporal.kind {
                Kind::Date => "Date",
                Kind::DateTime => "DateTime",
                Kind::Time => "Time",
            },
            Value::Quantity(_) => "Quantity",
            Value::TypeInfo { .. } => "TypeInfo",
        }
    }

    /// The same value, lent.
    pub(super) fn lend(&self) -> Value<'_> {
        match self {
            Value::Boolean(flag) => Value::Boolean(*flag),
            Value::Integer(integer) => Value::Integer(*integer),
            Value::Decimal(decimal) => Value::Decimal(*decimal),
            Value::String(text) => Value::String(Cow::Borrowed(text)),
            Value::Temporal(temporal) => Value::Temporal(*temporal),
            Value::Quantity(quantity) => Value::Quantity(Box::new(quantity.lend())),
            Value::TypeInfo { namespace, name } => Value::TypeInfo { namespace, name: Cow::Borrowed(name) },
        }
    }

    /// A number as a decimal.
    pub(super) fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Integer(integer) => Some(Decimal::from(*integer)),
            Value::Decimal(decimal) => Some(*decimal),
            _ => None,
        }
    }
}

impl std::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Boolean(flag) => flag.fmt(f),
            Value::Integer(integer) => integer.fmt(f),
            Value::Decimal(decimal) => decimal.fmt(f),
            Value::String(text) => f.write_str(text),
            Value::Temporal(temporal) => temporal.fmt(f),
            Value::Quantity(quantity) => quantity.fmt(f),
            Value::TypeInfo { namespace, name } => write!(f, "{namespace}.{name}"),
        }
    }
}
