//! Small builders for FHIR JSON: objects in the order they are written, references, codings, extensions, times.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

use super::codes::Code;
use crate::fhir::json::{Json, Number, Object};

/// A canonical address below this project's base, as a constant.
macro_rules! kh {
    ($path:literal) => {
        concat!("https://kakehashi.example/fhir/", $path)
    };
}

/// A JSON object whose members keep the order in which they are written.
macro_rules! object {
    ($($key:literal => $value:expr),* $(,)?) => {{
        let mut object = $crate::fhir::json::Object::new();
        $(object.insert($key, $value);)*
        object
    }};
}

/// A JSON array of anything that becomes JSON.
macro_rules! list {
    ($($item:expr),* $(,)?) => {
        $crate::fhir::json::Json::Array(vec![$($crate::fhir::json::Json::from($item)),*])
    };
}

pub(super) use {kh, list, object};

/// A resource's first members, with the profile it claims.
pub fn resource(kind: &str, id: &str, profile: &str) -> Object {
    let profile = format!("{}{profile}", kh!("StructureDefinition/"));
    object! { "resourceType" => kind, "id" => id, "meta" => object! { "profile" => list![profile] } }
}

/// A resource's first members where no profile of ours applies.
pub fn plain_resource(kind: &str, id: &str) -> Object {
    object! { "resourceType" => kind, "id" => id }
}

pub fn flag(value: bool) -> Json {
    Json::Bool(value)
}

pub fn count(value: usize) -> Json {
    Json::Number(Number::from(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// A decimal of five places, as `Location.position` has it: about one metre.
pub fn degrees(hundred_thousandths: i64) -> Json {
    let degrees = f64::from(i32::try_from(hundred_thousandths).unwrap_or_default()) / 100_000.0;
    Json::from_serde(&serde_json::Value::from(degrees))
}

pub fn reference(target: impl Into<String>) -> Object {
    object! { "reference" => target.into() }
}

pub fn named_reference(target: impl Into<String>, display: &str) -> Object {
    object! { "reference" => target.into(), "display" => display }
}

pub fn coding(code: &Code) -> Object {
    object! { "system" => code.system, "code" => code.code, "display" => code.display }
}

/// The code with its Japanese name as the text that people read.
pub fn concept(code: &Code) -> Object {
    object! { "coding" => list![coding(code)], "text" => code.ja }
}

/// A code of ours beside the one that others know for the same.
pub fn concept_also(code: &Code, also: &Code) -> Object {
    object! { "coding" => list![coding(code), coding(also)], "text" => code.ja }
}

pub fn identifier(system: &str, value: impl Into<String>) -> Object {
    object! { "system" => system, "value" => value.into() }
}

/// An extension of this project: `value` under `value_key` (such as `valueCoding`).
pub fn extension(name: &str, value_key: &str, value: impl Into<Json>) -> Object {
    let mut extension = object! { "url" => format!("{}{name}", kh!("StructureDefinition/")) };
    extension.insert(value_key, value);
    extension
}

/// A part of a complex extension: its address is its short name.
pub fn part(name: &str, value_key: &str, value: impl Into<Json>) -> Object {
    let mut part = object! { "url" => name };
    part.insert(value_key, value);
    part
}

pub fn phone(number: impl Into<String>) -> Object {
    object! { "system" => "phone", "value" => number.into(), "use" => "work" }
}

/// A moment as an `instant` or `dateTime`, in Japan's time and to the second.
pub fn moment(at: DateTime<Utc>) -> String {
    at.with_timezone(&japan()).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The date in Japan at a moment.
pub fn date(at: DateTime<Utc>) -> String {
    at.with_timezone(&japan()).format("%Y-%m-%d").to_string()
}

pub fn period(start: DateTime<Utc>, end: Option<DateTime<Utc>>) -> Object {
    let mut period = object! { "start" => moment(start) };
    if let Some(end) = end {
        period.insert("end", moment(end));
    }
    period
}

/// A period of whole days.
pub fn day_period(start: DateTime<Utc>, end: Option<DateTime<Utc>>) -> Object {
    let mut period = object! { "start" => date(start) };
    if let Some(end) = end {
        period.insert("end", date(end));
    }
    period
}

pub fn minutes(count: i64) -> TimeDelta {
    TimeDelta::seconds(count * 60)
}

pub fn days(count: i64) -> TimeDelta {
    minutes(count * 24 * 60)
}

fn japan() -> FixedOffset {
    const NINE_HOURS: i32 = 9 * 3600;
    FixedOffset::east_opt(NINE_HOURS).unwrap_or_else(|| chrono::Offset::fix(&Utc))
}
