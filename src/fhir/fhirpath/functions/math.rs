//! FHIRPath `#math-1`.

use super::super::decimal::Decimal;
use super::super::error::EvaluationError;
use super::super::eval::{Collection, Evaluated, Evaluator, single};
use super::super::value::{Item, Value};
use super::{Call, Entry, function, nothing, optional};

pub(super) const TABLE: &[Entry] = &[
    function("abs", 0, 0, |_, call, input| match subject(call, &input)? {
        Some(Value::Integer(integer)) => optional(integer.checked_abs().map(Value::Integer)),
        Some(Value::Quantity(quantity)) => {
            optional(Some(Value::Quantity(Box::new(quantity.with_value(quantity.value.abs())))))
        }
        Some(other) => optional(other.as_decimal().map(|decimal| Value::Decimal(decimal.abs()))),
        None => nothing(),
    }),
    function("ceiling", 0, 0, |_, call, input| whole(call, &input, |decimal| -decimal.negate().floor())),
    function("floor", 0, 0, |_, call, input| whole(call, &input, Decimal::floor)),
    function("truncate", 0, 0, |_, call, input| whole(call, &input, Decimal::truncated)),
    function("round", 0, 1, round),
    function("exp", 0, 0, |_, call, input| real(call, &input, f64::exp)),
    function("ln", 0, 0, |_, call, input| real(call, &input, f64::ln)),
    function("sqrt", 0, 0, |_, call, input| real(call, &input, f64::sqrt)),
    function("log", 1, 1, |run, call, input| {
        let Some(base) = number(call, &call.argument(run, 0)?)? else { return nothing() };
        real(call, &input, |value| value.ln() / base.to_f64().ln())
    }),
    function("power", 1, 1, power),
];

fn subject<'a>(call: &Call<'a, '_>, input: &[Item<'a>]) -> Result<Option<Value<'a>>, EvaluationError> {
    match single(input, call.name())?.map(Item::value) {
        None => Ok(None),
        Some(Some(value @ (Value::Integer(_) | Value::Decimal(_) | Value::Quantity(_)))) => Ok(Some(value)),
        Some(_) => Err(EvaluationError::wrong_type(call.name())),
    }
}

fn number<'a>(call: &Call<'a, '_>, input: &[Item<'a>]) -> Result<Option<Decimal>, EvaluationError> {
    match subject(call, input)? {
        None => Ok(None),
        Some(value) => value.as_decimal().map(Some).ok_or(EvaluationError::wrong_type(call.name())),
    }
}

fn whole<'a>(call: &Call<'a, '_>, input: &[Item<'a>], to: impl Fn(Decimal) -> i128) -> Evaluated<'a> {
    optional(number(call, input)?.and_then(|decimal| i64::try_from(to(decimal)).ok()).map(Value::Integer))
}

/// Functions of real numbers: what has no result, such as the root of -1, is empty.
fn real<'a>(call: &Call<'a, '_>, input: &[Item<'a>], to: impl Fn(f64) -> f64) -> Evaluated<'a> {
    optional(number(call, input)?.and_then(|decimal| Decimal::from_f64(to(decimal.to_f64()))).map(Value::Decimal))
}

fn round<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let places = if call.has(0) { call.integer(run, 0)?.unwrap_or_default() } else { 0 };
    let places = u32::try_from(places).map_err(|_| EvaluationError::invalid_argument(call.name()))?;
    optional(number(call, &input)?.map(|decimal| Value::Decimal(decimal.rounded(places))))
}

/// Exact for whole exponents.
fn power<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let exponent = subject(call, &call.argument(run, 0)?)?;
    let (Some(base), Some(exponent)) = (subject(call, &input)?, exponent) else { return nothing() };
    if let (Value::Integer(base), Value::Integer(exponent)) = (&base, &exponent)
        && let Ok(exponent) = u32::try_from(*exponent)
    {
        return optional(base.checked_pow(exponent).map(Value::Integer));
    }
    let (Some(base), Some(decimal)) = (base.as_decimal(), exponent.as_decimal()) else {
        return Err(EvaluationError::wrong_type(call.name()));
    };
    if let Value::Integer(count @ 0..=64) = exponent {
        return optional((0..count).try_fold(Decimal::ONE, |product, _| product.multiply(base)).map(Value::Decimal));
    }
    optional(Decimal::from_f64(base.to_f64().powf(decimal.to_f64())).map(Value::Decimal))
}
