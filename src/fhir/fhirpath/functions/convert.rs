//! FHIRPath `#conversion`.

use super::super::decimal::Decimal;
use super::super::error::EvaluationError;
use super::super::eval::{Collection, Evaluated, Evaluator, Scope, single};
use super::super::quantity::Quantity;
use super::super::temporal::{Kind, Temporal};
use super::super::value::{Item, Value};
use super::{Call, Entry, function, nothing, optional, truth};

pub(super) const TABLE: &[Entry] = &[
    function("iif", 2, 3, iif),
    function("toBoolean", 0, 0, |_, call, input| convert(call, &input, to_boolean)),
    function("convertsToBoolean", 0, 0, |_, call, input| converts(call, &input, to_boolean)),
    function("toInteger", 0, 0, |_, call, input| convert(call, &input, to_integer)),
    function("convertsToInteger", 0, 0, |_, call, input| converts(call, &input, to_integer)),
    function("toDecimal", 0, 0, |_, call, input| convert(call, &input, to_decimal)),
    function("convertsToDecimal", 0, 0, |_, call, input| converts(call, &input, to_decimal)),
    function("toString", 0, 0, |_, call, input| convert(call, &input, to_string)),
    function("convertsToString", 0, 0, |_, call, input| converts(call, &input, to_string)),
    function("toDate", 0, 0, |_, call, input| convert(call, &input, to_date)),
    function("convertsToDate", 0, 0, |_, call, input| converts(call, &input, to_date)),
    function("toDateTime", 0, 0, |_, call, input| convert(call, &input, to_date_time)),
    function("convertsToDateTime", 0, 0, |_, call, input| converts(call, &input, to_date_time)),
    function("toTime", 0, 0, |_, call, input| convert(call, &input, to_time)),
    function("convertsToTime", 0, 0, |_, call, input| converts(call, &input, to_time)),
    function("toQuantity", 0, 1, |run, call, input| in_unit(run, call, &input, false)),
    function("convertsToQuantity", 0, 1, |run, call, input| in_unit(run, call, &input, true)),
];

type Conversion = fn(Value<'_>) -> Option<Value<'_>>;

fn convert<'a>(call: &Call<'a, '_>, input: &[Item<'a>], to: Conversion) -> Evaluated<'a> {
    optional(single(input, call.name())?.and_then(Item::value).and_then(to))
}

fn converts<'a>(call: &Call<'a, '_>, input: &[Item<'a>], to: Conversion) -> Evaluated<'a> {
    match single(input, call.name())? {
        None => nothing(),
        Some(item) => truth(item.value().and_then(to).is_some()),
    }
}

/// The criterion must be boolean; only the branch that is taken runs. FHIRPath `#iif…`.
fn iif<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    single(&input, call.name())?;
    let scope = Scope { this: &input, ..call.scope };
    let [criterion, rest @ ..] = call.step.args.as_slice() else { return nothing() };
    let found = run.eval(criterion, scope)?;
    let taken = match single(&found, call.name())? {
        None => false,
        Some(item) => item.as_boolean().ok_or(EvaluationError::wrong_type(call.name()))?,
    };
    match rest.get(usize::from(!taken)) {
        Some(branch) => run.eval(branch, scope),
        None => nothing(),
    }
}

fn to_boolean(value: Value<'_>) -> Option<Value<'_>> {
    let flag = match &value {
        Value::Boolean(flag) => *flag,
        Value::Integer(1) => true,
        Value::Integer(0) => false,
        Value::Decimal(decimal) if decimal.trimmed().to_string() == "1" => true,
        Value::Decimal(decimal) if decimal.is_zero() => false,
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::Boolean(flag))
}

fn to_integer(value: Value<'_>) -> Option<Value<'_>> {
    match &value {
        Value::Integer(integer) => Some(Value::Integer(*integer)),
        Value::Boolean(flag) => Some(Value::Integer(i64::from(*flag))),
        Value::String(text) => text.parse().ok().map(Value::Integer),
        _ => None,
    }
}

fn to_decimal(value: Value<'_>) -> Option<Value<'_>> {
    match &value {
        Value::Boolean(flag) => Some(Value::Decimal(Decimal::from(i64::from(*flag)))),
        Value::String(text) => Decimal::parse(text).filter(|_| !text.contains(['e', 'E'])).map(Value::Decimal),
        number => number.as_decimal().map(Value::Decimal),
    }
}

fn to_string(value: Value<'_>) -> Option<Value<'_>> {
    match value {
        Value::TypeInfo { .. } => None,
        Value::String(text) => Some(Value::String(text)),
        value => Some(Value::String(value.to_string().into())),
    }
}

fn to_date(value: Value<'_>) -> Option<Value<'_>> {
    match &value {
        Value::Temporal(temporal) if temporal.kind != Kind::Time => Some(Value::Temporal(temporal.date())),
        Value::String(text) => Temporal::parse_any_date(text).map(|temporal| Value::Temporal(temporal.date())),
        _ => None,
    }
}

fn to_date_time(value: Value<'_>) -> Option<Value<'_>> {
    match &value {
        Value::Temporal(temporal) if temporal.kind != Kind::Time => {
            Some(Value::Temporal(Temporal { kind: Kind::DateTime, ..*temporal }))
        }
        Value::String(text) => Temporal::parse(Kind::DateTime, text).map(Value::Temporal),
        _ => None,
    }
}

fn to_time(value: Value<'_>) -> Option<Value<'_>> {
    match &value {
        Value::Temporal(temporal) if temporal.kind == Kind::Time => Some(value),
        Value::String(text) => Temporal::parse(Kind::Time, text).map(Value::Temporal),
        _ => None,
    }
}

fn to_quantity(value: Value<'_>) -> Option<Quantity<'_>> {
    match value {
        Value::Quantity(quantity) => Some(*quantity),
        Value::Boolean(flag) => Some(Quantity::of_number(Decimal::from(i64::from(flag)))),
        Value::String(text) => Quantity::parse(&text),
        value => value.as_decimal().map(Quantity::of_number),
    }
}

/// `toQuantity` and `convertsToQuantity`; a unit asks for a quantity that can be brought into it.
fn in_unit<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: &[Item<'a>], ask: bool) -> Evaluated<'a> {
    let Some(item) = single(input, call.name())? else { return nothing() };
    let unit = call.text(run, 0)?;
    let found = item.value().and_then(to_quantity).filter(|quantity| match &unit {
        None => true,
        Some(unit) => {
            quantity.comparable(&Quantity { value: Decimal::ONE, unit: unit.as_str().into(), calendar: false })
        }
    });
    if ask { truth(found.is_some()) } else { optional(found.map(|quantity| Value::Quantity(Box::new(quantity)))) }
}
