//! Equality, equivalence and order. FHIRPath `#equality`, `#comparison`.

use std::cmp::Ordering;

use crate::fhir::json::{Json, Object};

use super::decimal::Decimal;
use super::quantity::Quantity;
use super::temporal::{Kind, Temporal};
use super::value::{Item, Node, Value};

/// `=`; `None` is the empty collection.
pub(super) fn equal_collections(left: &[Item<'_>], right: &[Item<'_>]) -> Option<bool> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    if left.len() != right.len() {
        return Some(false);
    }
    let mut open = false;
    for (left, right) in left.iter().zip(right) {
        match equal(left, right) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => open = true,
        }
    }
    if open { None } else { Some(true) }
}

/// Equality of two items; `None` where precision leaves it open.
pub(super) fn equal(left: &Item<'_>, right: &Item<'_>) -> Option<bool> {
    match values(left, right) {
        Some((left, right)) => equal_values(&left, &right),
        None => match (left.json(), right.json()) {
            (Some(left), Some(right)) => Some(same_json(left, right)),
            (None, None) => match (left.node(), right.node()) {
                (Some(left), Some(right)) => Some(same_sibling(left, right)),
                _ => Some(false),
            },
            _ => Some(false),
        },
    }
}

fn same_sibling(left: &Node<'_>, right: &Node<'_>) -> bool {
    match (left.sibling, right.sibling) {
        (Some(left), Some(right)) => same_json(left, right),
        (left, right) => left.is_none() == right.is_none(),
    }
}

/// The values of two items that both have one, brought to comparable kinds.
fn values<'a>(left: &Item<'a>, right: &Item<'a>) -> Option<(Value<'a>, Value<'a>)> {
    let pair = (value_beside(left, right)?, value_beside(right, left)?);
    Some(match pair {
        (Value::String(text), Value::Temporal(temporal)) => match untyped(left, &text, Some(temporal.kind)) {
            Some(parsed) => (Value::Temporal(parsed), Value::Temporal(temporal)),
            None => (Value::String(text), Value::Temporal(temporal)),
        },
        (Value::Temporal(temporal), Value::String(text)) => match untyped(right, &text, Some(temporal.kind)) {
            Some(parsed) => (Value::Temporal(temporal), Value::Temporal(parsed)),
            None => (Value::Temporal(temporal), Value::String(text)),
        },
        pair => pair,
    })
}

/// The value of `item`; an object without a known type is read as a quantity where it meets one.
fn value_beside<'a>(item: &Item<'a>, other: &Item<'_>) -> Option<Value<'a>> {
    item.value().or_else(|| match (item, other) {
        (Item::Node(node), Item::Value(Value::Quantity(_))) if node.type_name.is_none() => {
            Quantity::of_node(node.value?).map(|quantity| Value::Quantity(Box::new(quantity)))
        }
        _ => None,
    })
}

/// The text of a node without a known type, read as a date or time.
fn untyped(item: &Item<'_>, text: &str, kind: Option<Kind>) -> Option<Temporal> {
    item.node().filter(|node| node.type_name.is_none())?;
    match kind {
        Some(Kind::Time) => Temporal::parse(Kind::Time, text),
        _ => Temporal::parse_any_date(text),
    }
}

fn equal_values(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    if let (Some(left), Some(right)) = (left.as_decimal(), right.as_decimal()) {
        return Some(left.compare(right) == Ordering::Equal);
    }
    match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => Some(left == right),
        (Value::String(left), Value::String(right)) => Some(left == right),
        (Value::Temporal(left), Value::Temporal(right)) if left.comparable(right) => {
            left.compare(right).map(|order| order == Ordering::Equal)
        }
        (Value::Quantity(left), Value::Quantity(right)) => equal_quantities(left, right),
        (Value::Quantity(quantity), number) | (number, Value::Quantity(quantity)) if number.as_decimal().is_some() => {
            equal_quantities(quantity, &Quantity::of_number(number.as_decimal()?))
        }
        _ => Some(false),
    }
}

/// Different dimensions are unequal; a calendar year or month beside a definite duration is left open.
fn equal_quantities(left: &Quantity<'_>, right: &Quantity<'_>) -> Option<bool> {
    match left.compare(right) {
        Some(order) => Some(order == Ordering::Equal),
        None if left.calendar != right.calendar => None,
        None => Some(false),
    }
}

/// Order of members does not matter, numbers count by value.
pub(crate) fn same_json(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => {
            match (Decimal::parse(left.as_str()), Decimal::parse(right.as_str())) {
                (Some(left), Some(right)) => left.compare(right) == Ordering::Equal,
                _ => left == right,
            }
        }
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_json(left, right))
        }
        (Json::Object(left), Json::Object(right)) => same_objects(left, right),
        _ => left == right,
    }
}

fn same_objects(left: &Object, right: &Object) -> bool {
    left.len() == right.len()
        && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same_json(value, other)))
}

/// `~`: order does not matter, and empty is equivalent to empty.
pub(super) fn equivalent_collections(left: &[Item<'_>], right: &[Item<'_>]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut rest: Vec<&Item<'_>> = right.iter().collect();
    left.iter().all(|item| match rest.iter().position(|other| equivalent(item, other)) {
        Some(at) => {
            rest.swap_remove(at);
            true
        }
        None => false,
    })
}

fn equivalent(left: &Item<'_>, right: &Item<'_>) -> bool {
    let Some((left, right)) = values(left, right) else {
        return match (left.json(), right.json()) {
            (Some(left), Some(right)) => equivalent_json(left, right),
            _ => false,
        };
    };
    if let (Some(left), Some(right)) = (left.as_decimal(), right.as_decimal()) {
        return equivalent_decimals(left, right);
    }
    match (&left, &right) {
        (Value::String(left), Value::String(right)) => folded(left) == folded(right),
        (Value::Quantity(left), Value::Quantity(right)) => {
            left.common(right).is_some_and(|(common_left, common_right)| {
                // The precision is that of the numbers as written, not of the converted ones.
                let digits = left.value.digits().min(right.value.digits());
                equivalent_decimals(common_left, common_right) || close(common_left, common_right, digits)
            })
        }
        _ => equal_values(&left, &right).unwrap_or(false),
    }
}

/// Equal when rounded to the precision of the less precise one.
fn equivalent_decimals(left: Decimal, right: Decimal) -> bool {
    let (left, right) = (left.trimmed(), right.trimmed());
    let scale = left.scale().min(right.scale());
    left.rounded(scale).compare(right.rounded(scale)) == Ordering::Equal
}

/// Equal when rounded to a count of significant digits.
fn close(left: Decimal, right: Decimal, digits: usize) -> bool {
    let (left, right) = (left.to_f64(), right.to_f64());
    let precision = digits.saturating_sub(1);
    format!("{left:.precision$e}") == format!("{right:.precision$e}")
}

/// Case and white space folded, as equivalence of strings asks.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn equivalent_json(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::String(left), Json::String(right)) => folded(left) == folded(right),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().all(|item| right.iter().any(|other| equivalent_json(item, other)))
        }
        (Json::Object(left), Json::Object(right)) => {
            // Ids do not count: two elements may say the same without sharing one.
            let members = |object: &Object| object.iter().filter(|(key, _)| *key != "id").count();
            members(left) == members(right)
                && left
                    .iter()
                    .filter(|(key, _)| *key != "id")
                    .all(|(key, value)| right.get(key).is_some_and(|other| equivalent_json(value, other)))
        }
        _ => same_json(left, right),
    }
}

/// The order of two items: `Err` where their types have none, `Ok(None)` where precision leaves it open.
pub(super) fn order(left: &Item<'_>, right: &Item<'_>) -> Result<Option<Ordering>, ()> {
    let (left_value, right_value) = values(left, right).ok_or(())?;
    if let (Some(left), Some(right)) = (left_value.as_decimal(), right_value.as_decimal()) {
        return Ok(Some(left.compare(right)));
    }
    match (&left_value, &right_value) {
        (Value::String(left_text), Value::String(right_text)) => {
            // Nodes of unknown type that both look like dates are ordered as dates.
            let dates = untyped(left, left_text, None).zip(untyped(right, right_text, None));
            Ok(match dates {
                Some((left, right)) => left.compare(&right),
                None => Some(left_text.cmp(right_text)),
            })
        }
        (Value::Temporal(left), Value::Temporal(right)) if left.comparable(right) => Ok(left.compare(right)),
        (Value::Quantity(left), Value::Quantity(right)) => Ok(left.compare(right)),
        (Value::Quantity(quantity), number) if number.as_decimal().is_some() => {
            Ok(number.as_decimal().and_then(|number| quantity.compare(&Quantity::of_number(number))))
        }
        (number, Value::Quantity(quantity)) if number.as_decimal().is_some() => {
            Ok(number.as_decimal().and_then(|number| Quantity::of_number(number).compare(quantity)))
        }
        _ => Err(()),
    }
}
