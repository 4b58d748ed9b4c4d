//! `lowBoundary` and `highBoundary`: the range that a value of limited precision covers.
//! FHIRPath `#lowboundaryprecision-integer-decimal--date--datetime--time`.

use super::super::decimal::Decimal;
use super::super::eval::{Collection, Evaluated, Evaluator, single};
use super::super::temporal::{DAY, HOUR, Kind, MINUTE, MONTH, SECOND, Temporal, YEAR, days_in_month};
use super::super::value::Value;
use super::{Call, Entry, function, nothing, optional};

pub(super) const TABLE: &[Entry] = &[
    function("lowBoundary", 0, 1, |run, call, input| boundary(run, call, input, false)),
    function("highBoundary", 0, 1, |run, call, input| boundary(run, call, input, true)),
];

fn boundary<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>, high: bool) -> Evaluated<'a> {
    let digits = call.integer(run, 0)?;
    let Some(item) = single(&input, call.name())? else { return nothing() };
    let value = match (item.value(), item.as_text()) {
        // A node without a known type that reads as a date may be a date time.
        (Some(Value::String(_)), Some(text)) => Temporal::parse(Kind::DateTime, &text).map(Value::Temporal),
        (value, _) => value,
    };
    optional(match value {
        Some(Value::Temporal(temporal)) => of_temporal(temporal, digits, high).map(Value::Temporal),
        Some(Value::Quantity(quantity)) => {
            of_decimal(quantity.value, digits, high).map(|value| Value::Quantity(Box::new(quantity.with_value(value))))
        }
        Some(number) => number.as_decimal().and_then(|number| of_decimal(number, digits, high)).map(Value::Decimal),
        None => None,
    })
}

fn of_decimal(value: Decimal, digits: Option<i64>, high: bool) -> Option<Decimal> {
    let scale = u32::try_from(digits.unwrap_or(8)).ok().filter(|scale| *scale <= 28)?;
    let half = if high { value.half_unit() } else { value.half_unit().negate() };
    value.sum(half)?.with_scale(scale, high)
}

/// The precision that a count of digits asks for: 4 a year, 17 a date time to the millisecond.
fn precision(kind: Kind, digits: Option<i64>) -> Option<(u8, u8)> {
    let default = match kind {
        Kind::Date => 8,
        Kind::DateTime => 17,
        Kind::Time => 9,
    };
    let digits = digits.unwrap_or(default) + if kind == Kind::Time { 8 } else { 0 };
    Some(match digits {
        4 => (YEAR, 0),
        6 => (MONTH, 0),
        8 => (DAY, 0),
        10 => (HOUR, 0),
        12 => (MINUTE, 0),
        14 => (SECOND, 0),
        17 => (SECOND, 3),
        _ => return None,
    })
}

fn of_temporal(value: Temporal, digits: Option<i64>, high: bool) -> Option<Temporal> {
    let (wanted, fraction_digits) = precision(value.kind, digits)?;
    let mut filled = value;
    // FHIR has no hours without minutes: an hour alone stands for its first minute.
    let known = if value.precision == HOUR { MINUTE } else { value.precision };
    if high {
        for field in known..wanted {
            let last = match field + 1 {
                MONTH => 12,
                DAY => days_in_month(filled.fields[0], filled.fields[1]),
                HOUR => 23,
                _ => 59,
            };
            filled.fields[usize::from(field)] = last;
        }
        if wanted == SECOND && value.fraction_digits == 0 && fraction_digits > 0 && known < SECOND {
            filled.nanos = 999_000_000;
        }
    }
    filled.precision = wanted;
    filled.fraction_digits = if wanted == SECOND { fraction_digits.max(value.fraction_digits) } else { 0 };
    if wanted < HOUR {
        filled.offset = None;
        filled.nanos = 0;
    } else if value.kind == Kind::DateTime && value.offset.is_none() {
        // The earliest moment is in the zone furthest east, the latest in the one furthest west.
        filled.offset = Some(if high { -12 * 60 } else { 14 * 60 });
    }
    filled.kind = match value.kind {
        Kind::Date if wanted >= HOUR => Kind::DateTime,
        kind => kind,
    };
    Some(filled)
}
