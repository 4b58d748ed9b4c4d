//! `minValue[x]` and `maxValue[x]` (R4 `elementdefinition.html`): which side of a bound a value lies on.

use std::cmp::Ordering;

use chrono::{DateTime, Months, TimeDelta, Utc};

use crate::fhir::fhirpath::{Decimal, Quantity, Temporal, TemporalKind};
use crate::fhir::json::Json;

/// Whether a bound is the least or the greatest value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Least,
    Greatest,
}

/// Whether the value lies beyond the bound. What cannot be compared (units of different kinds, dates that are not
/// precise enough) does not.
pub fn beyond(value: &Json, bound: &Json, side: Side) -> bool {
    let wrong = if side == Side::Least { Ordering::Less } else { Ordering::Greater };
    let order = match (value, bound) {
        (Json::Number(value), Json::Number(bound)) => numbers(value.as_str(), bound.as_str()),
        (Json::String(value), Json::String(bound)) => {
            moment(value).zip(moment(bound)).and_then(|(value, bound)| value.compare(&bound))
        }
        (Json::Object(_), Json::Object(_)) => quantities(value, bound),
        (Json::String(value), Json::Object(_)) => relative(value, bound, side, Utc::now()),
        _ => None,
    };
    order == Some(wrong)
}

fn numbers(value: &str, bound: &str) -> Option<Ordering> {
    match (Decimal::parse(value), Decimal::parse(bound)) {
        (Some(value), Some(bound)) => Some(value.compare(bound)),
        // Beyond what a decimal of ours holds.
        _ => value.parse::<f64>().ok()?.partial_cmp(&bound.parse::<f64>().ok()?),
    }
}

fn moment(text: &str) -> Option<Temporal> {
    if text.as_bytes().get(2) == Some(&b':') {
        Temporal::parse(TemporalKind::Time, text)
    } else {
        Temporal::parse_any_date(text)
    }
}

fn quantities(value: &Json, bound: &Json) -> Option<Ordering> {
    Quantity::of_node(value)?.compare(&Quantity::of_node(bound)?)
}

/// A duration bounds dates and times by the moment: so long ago at least, so far ahead at most.
fn relative(value: &str, duration: &Json, side: Side, now: DateTime<Utc>) -> Option<Ordering> {
    let amount = Quantity::of_node(duration)?;
    let count: u32 = u32::try_from(amount.value.truncated()).ok()?;
    let months = match &*amount.unit {
        "a" => Some(count.checked_mul(12)?),
        "mo" => Some(count),
        _ => None,
    };
    let limit = match (months, side) {
        (Some(months), Side::Least) => now.checked_sub_months(Months::new(months)),
        (Some(months), Side::Greatest) => now.checked_add_months(Months::new(months)),
        (None, Side::Least) => now.checked_sub_signed(span(&amount.unit, count)?),
        (None, Side::Greatest) => now.checked_add_signed(span(&amount.unit, count)?),
    };
    moment(value)?.compare(&moment(&limit?.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())?)
}

fn span(unit: &str, count: u32) -> Option<TimeDelta> {
    let count = i64::from(count);
    match unit {
        "wk" => TimeDelta::try_weeks(count),
        "d" => TimeDelta::try_days(count),
        "h" => TimeDelta::try_hours(count),
        "min" => TimeDelta::try_minutes(count),
        "s" => TimeDelta::try_seconds(count),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::{Limits, parse};

    fn json(text: &str) -> Json {
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        let kilograms =
            |value: &str| format!(r#"{{"value":{value},"system":"http://unitsofmeasure.org","code":"kg"}}"#);
        let grams = kilograms("1500").replace("kg", "g");
        for (value, bound, side, wrong) in [
            ("0.1", "0.10", Side::Least, false),
            ("-1", "0", Side::Least, true),
            ("10", "9.99999999999999999999", Side::Greatest, true),
            ("\"2020-01\"", "\"2020-02-01\"", Side::Least, true),
            ("\"2020\"", "\"2020-02-01\"", Side::Least, false),
            ("\"2020-01-01T00:30:00+09:00\"", "\"2020-01-01T00:00:00Z\"", Side::Least, true),
            ("\"09:00:00\"", "\"10:00:00\"", Side::Greatest, false),
            (&grams, &kilograms("1"), Side::Greatest, true),
            (&grams, &kilograms("2"), Side::Greatest, false),
            (&grams, r#"{"value":1,"system":"http://unitsofmeasure.org","code":"m"}"#, Side::Greatest, false),
        ] {
            assert_eq!(beyond(&json(value), &json(bound), side), wrong, "{value} {bound}");
        }
    }

    #[test]
    fn durations_are_counted_from_now() {
        let years = json(r#"{"value":100,"system":"http://unitsofmeasure.org","code":"a"}"#);
        let days = json(r#"{"value":10,"system":"http://unitsofmeasure.org","code":"d"}"#);
        let now = DateTime::parse_from_rfc3339("2026-03-01T00:00:00Z").unwrap().to_utc();
        assert_eq!(relative("1925-01-01", &years, Side::Least, now), Some(Ordering::Less));
        assert_eq!(relative("1927", &years, Side::Least, now), Some(Ordering::Greater));
        assert_eq!(relative("2026-03-12", &days, Side::Greatest, now), Some(Ordering::Greater));
        assert_eq!(relative("2026-03-10", &days, Side::Greatest, now), Some(Ordering::Less));
    }
}
