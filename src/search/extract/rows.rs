//! From an element that a parameter finds to its rows, by the element's type. R4 `search.html#ptypes`.

use crate::fhir::json::Json;
use crate::profile::SearchKind;
use crate::search::fold::fold;
use crate::search::value::date::date_range;
use crate::search::value::decimal::Decimal;
use crate::search::value::quantity::{UCUM, seconds_in};
use crate::store::{DateRow, Derived, Double, PositionRow, QuantityRow, Reference, StringRow, Token, system_id};

use super::path::Element;
use super::references::literal;
use super::text::index_form;

/// Where the rows of one parameter go: its own number, and those of its parts.
#[derive(Debug)]
pub struct Collector {
    pub kind: SearchKind,
    pub param: i64,
    pub text: i64,
    pub of_type: i64,
    pub identifier: i64,
    pub seconds: i64,
}

/// Adds the rows of an element.
pub fn collect(to: &Collector, element: Element<'_>, out: &mut Derived) {
    match to.kind {
        SearchKind::Token => token(to, element, out),
        SearchKind::Uri => uri(to.param, element.json, out),
        SearchKind::String => string(to.param, element, out),
        SearchKind::Date => out.dates.extend(dates(element).map(|(low, high)| DateRow { param: to.param, low, high })),
        SearchKind::Number | SearchKind::Quantity => quantity(to, element, out),
        SearchKind::Reference => reference(to, element, out),
        SearchKind::Special => out.positions.extend(position(to.param, element.json)),
        SearchKind::Composite => {}
    }
}

fn token(to: &Collector, element: Element<'_>, out: &mut Derived) {
    let json = element.json;
    match (element.type_name, json) {
        (Some("Identifier"), Json::Object(_)) => identifier(to, json, out),
        (Some("ContactPoint"), Json::Object(_)) => plain_token(to.param, json.get_str("value"), out),
        (Some("CodeableConcept"), Json::Object(_)) => concept(to, json, out),
        (_, Json::Object(_)) if json.get("coding").is_some() => concept(to, json, out),
        (_, Json::Object(_)) => coding(to, json, out),
        (_, Json::Bool(flag)) => plain_token(to.param, Some(if *flag { "true" } else { "false" }), out),
        (_, Json::String(text)) => plain_token(to.param, Some(text), out),
        (_, Json::Number(number)) => plain_token(to.param, Some(number.as_str()), out),
        _ => {}
    }
}

fn plain_token(param: i64, code: Option<&str>, out: &mut Derived) {
    out.tokens.extend(code.map(|code| Token { param, code: index_form(code), system: 0 }));
}

fn coded(param: i64, system: Option<&str>, code: Option<&str>, out: &mut Derived) {
    let system = system_id(system.unwrap_or_default());
    out.tokens.extend(code.map(|code| Token { param, code: index_form(code), system }));
}

fn concept(to: &Collector, concept: &Json, out: &mut Derived) {
    concept.items("coding").iter().for_each(|one| coding(to, one, out));
    text(to.text, concept.get_str("text"), out);
}

fn coding(to: &Collector, coding: &Json, out: &mut Derived) {
    coded(to.param, coding.get_str("system"), coding.get_str("code"), out);
    text(to.text, coding.get_str("display"), out);
}

fn identifier(to: &Collector, identifier: &Json, out: &mut Derived) {
    let value = identifier.get_str("value");
    coded(to.param, identifier.get_str("system"), value, out);
    let Some(kind) = identifier.get("type") else { return };
    text(to.text, kind.get_str("text"), out);
    for coding in kind.items("coding") {
        text(to.text, coding.get_str("display"), out);
        if let (Some(system), Some(code)) = (coding.get_str("system"), coding.get_str("code")) {
            coded(to.of_type, Some(&format!("{system}|{code}")), value, out);
        }
    }
}

fn text(param: i64, text: Option<&str>, out: &mut Derived) {
    out.strings.extend(text.map(|text| StringRow { param, folded: fold(text), exact: text.to_owned() }));
}

/// A canonical is found with its version and without.
fn uri(param: i64, json: &Json, out: &mut Derived) {
    let Some(uri) = json.as_str() else { return };
    plain_token(param, Some(uri), out);
    if let Some((plain, _)) = uri.split_once('|') {
        plain_token(param, Some(plain), out);
    }
}

/// The parts of a name or address by which it is found.
fn string(param: i64, element: Element<'_>, out: &mut Derived) {
    const NAME: [&str; 5] = ["family", "given", "prefix", "suffix", "text"];
    const ADDRESS: [&str; 7] = ["line", "city", "district", "state", "postalCode", "country", "text"];
    let parts: &[&str] = match (element.type_name, element.json) {
        (_, Json::String(value)) => return text(param, Some(value), out),
        (Some("Address"), _) => &ADDRESS,
        (Some("HumanName"), _) => &NAME,
        // Types that R4 does not name for strings: what they say in words.
        _ => &["text", "display"],
    };
    for part in parts {
        match element.json.get(part) {
            Some(Json::Array(items)) => items.iter().for_each(|item| text(param, item.as_str(), out)),
            Some(single) => text(param, single.as_str(), out),
            None => {}
        }
    }
}

/// The ranges of a date, moment, period or timing, as `low <= … < high`.
fn dates(element: Element<'_>) -> impl Iterator<Item = (i64, i64)> {
    let one = |text: &str| date_range(text).map(|(from, until)| (from.0, until.0));
    let found: Vec<(i64, i64)> = match element.json {
        Json::String(text) => one(text).into_iter().collect(),
        json if element.type_name == Some("Timing") || json.get("repeat").is_some() || json.get("event").is_some() => {
            let events = json.items("event").iter().filter_map(|event| one(event.as_str()?));
            let bounds = json.get("repeat").and_then(|repeat| period(repeat.get("boundsPeriod")?));
            events.chain(bounds).collect()
        }
        json => period(json).into_iter().collect(),
    };
    found.into_iter()
}

fn period(period: &Json) -> Option<(i64, i64)> {
    let end = |name: &str| period.get_str(name).map(date_range);
    let (start, end) = (end("start"), end("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    let low = start.map_or(Some(i64::MIN), |start| start.map(|(from, _)| from.0))?;
    let high = end.map_or(Some(i64::MAX), |end| end.map(|(_, until)| until.0))?;
    Some((low, high))
}

fn quantity(to: &Collector, element: Element<'_>, out: &mut Derived) {
    let json = element.json;
    let number = |json: &Json| Decimal::parse(json.as_number()?.as_str());
    let row = |param, low: f64, high: f64| QuantityRow {
        param,
        low: Double(low),
        high: Double(high),
        system: 0,
        code: String::new(),
        unit: String::new(),
    };
    if let Json::Number(_) = json {
        out.quantities.extend(number(json).map(|value| row(to.param, value.value(), value.value())));
    } else if json.get("low").is_some() || json.get("high").is_some() {
        let (low, high) = (json.get("low"), json.get("high"));
        let edge = |end: Option<&Json>, open: f64| match end {
            Some(end) => end.get("value").and_then(number).map(Decimal::value),
            None => Some(open),
        };
        if let (Some(least), Some(most)) = (edge(low, f64::NEG_INFINITY), edge(high, f64::INFINITY))
            && let Some(end) = low.or(high)
        {
            out.quantities.insert(with_unit(row(to.param, least, most), end));
            let seconds = |end: Option<&Json>, open: f64| end.map_or(Some(open), in_seconds);
            if let (Some(low), Some(high)) = (seconds(low, f64::NEG_INFINITY), seconds(high, f64::INFINITY)) {
                out.quantities.insert(as_seconds(row(to.seconds, low, high)));
            }
        }
    } else if let Some(value) = json.get("value").and_then(number) {
        let ends = |value: f64| match json.get_str("comparator") {
            Some("<" | "<=") => (f64::NEG_INFINITY, value),
            Some(">" | ">=") => (value, f64::INFINITY),
            _ => (value, value),
        };
        let (low, high) = ends(value.value());
        out.quantities.insert(with_unit(row(to.param, low, high), json));
        if let Some((low, high)) = in_seconds(json).map(ends) {
            out.quantities.insert(as_seconds(row(to.seconds, low, high)));
        }
    }
}

/// The unit of a Quantity, or the currency of Money.
fn with_unit(row: QuantityRow, quantity: &Json) -> QuantityRow {
    if let Some(currency) = quantity.get_str("currency") {
        return QuantityRow { system: system_id("urn:iso:std:iso:4217"), code: index_form(currency), ..row };
    }
    QuantityRow {
        system: system_id(quantity.get_str("system").unwrap_or_default()),
        code: index_form(quantity.get_str("code").unwrap_or_default()),
        unit: index_form(quantity.get_str("unit").unwrap_or_default()),
        ..row
    }
}

fn as_seconds(row: QuantityRow) -> QuantityRow {
    QuantityRow { system: system_id(UCUM), code: "s".to_owned(), ..row }
}

/// The seconds of a quantity in one of UCUM's units of time.
fn in_seconds(quantity: &Json) -> Option<f64> {
    let factor = (quantity.get_str("system")? == UCUM).then(|| seconds_in(quantity.get_str("code")?))??;
    let value = Decimal::parse(quantity.get("value")?.as_number()?.as_str())?;
    value.times(factor).map(Decimal::value)
}

fn reference(to: &Collector, element: Element<'_>, out: &mut Derived) {
    match element.json {
        // A canonical, or a uri that stands for a resource.
        Json::String(text) => out.references.extend(pointed(to.param, text)),
        json => {
            if let Some(text) = json.get_str("reference") {
                out.references.extend(pointed(to.param, text));
            }
            if let Some(logical) = json.get("identifier") {
                coded(to.identifier, logical.get_str("system"), logical.get_str("value"), out);
            }
        }
    }
}

/// The row of a reference; none for one to a contained resource.
fn pointed(param: i64, text: &str) -> Option<Reference> {
    if text.starts_with('#') || text.is_empty() {
        return None;
    }
    literal(param, text).or_else(|| {
        let (url, version) = match (text.split_once('|'), text.split_once("/_history/")) {
            (Some((url, version)), _) | (None, Some((url, version))) => (url, version),
            (None, None) => (text, ""),
        };
        let (target_id, version) = (index_form(url), index_form(version));
        Some(Reference { param, target_type: String::new(), target_id, version })
    })
}

fn position(param: i64, json: &Json) -> Option<PositionRow> {
    let degrees = |name: &str, most: f64| {
        let value: f64 = json.get(name)?.as_number()?.as_str().parse().ok()?;
        (value.abs() <= most).then_some(Double(value))
    };
    Some(PositionRow { param, latitude: degrees("latitude", 90.0)?, longitude: degrees("longitude", 180.0)? })
}
