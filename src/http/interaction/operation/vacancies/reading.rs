//! The inputs, read into a query.

use crate::error::{Error, Result};
use crate::exchange::{VacancyQuery, VacancySort};
use crate::fhir::outcome::CANONICAL;
use crate::http::App;
use crate::profile::operation::{LookupRequest, Refusal};
use crate::search::circle;
use crate::store::{TokenPattern, system_id};

/// What is asked for, and of which specialties a service must be.
pub fn read(app: &App, pairs: &[(String, String)]) -> Result<(VacancyQuery, Vec<TokenPattern>)> {
    let (mut query, mut specialties) = (VacancyQuery { minimum: 1, ..VacancyQuery::default() }, Vec::new());
    for (at, (name, value)) in pairs.iter().enumerate() {
        let repeats = matches!(name.as_str(), "area" | "function" | "fee" | "specialty" | "capability");
        if !repeats && pairs[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(bad(name, "このパラメータは一度だけです。", "The parameter may stand once only."));
        }
        let codes = |system: &str| codes(app, name, value, system);
        match name.as_str() {
            "area" => query.areas.extend(value.split(',').map(str::to_owned)),
            "near" => query.near = Some(circle(name, value)?),
            "function" => query.functions.extend(codes("bed-function")?),
            "fee" => query.fees.extend(codes("admission-fee")?),
            "specialty" => specialties.extend(value.split(',').map(token)),
            "sex" => query.sex = codes("admittable-sex")?.into_iter().next(),
            "isolation" => query.isolation = Some(boolean(name, value)?),
            "capability" => query.capabilities.push(codes("capability")?),
            "minimum" => query.minimum = whole(name, value)?,
            "max-age" => query.max_age = Some(duration(name, value)?),
            "stale" => query.stale = boolean(name, value)?,
            _ => query.sort = sort(value)?,
        }
    }
    if query.sort == VacancySort::Distance && query.near.is_none() {
        let (ja, en) = ("距離順には near が必要です。", "To sort by distance, say near what.");
        return Err(bad("sort", ja, en));
    }
    Ok((query, specialties))
}

/// Codes of one of the region's systems, with a comma between them: a wrong one would find nothing, and nobody would know.
fn codes(app: &App, name: &str, value: &str, system: &str) -> Result<Vec<String>> {
    let system = format!("{CANONICAL}/CodeSystem/{system}");
    let code = |text: &str| {
        let (of, code) = text.rsplit_once('|').map_or((None, text), |(of, code)| (Some(of), code));
        let request =
            LookupRequest { system: &system, code, version: None, display_language: None, properties: Vec::new() };
        let unknown = matches!(app.gateway.definitions.lookup(&request), Err(Refusal::UnknownCode { .. }));
        if unknown || of.is_some_and(|of| of != system) {
            let ja = format!("{code} は {system} のコードではありません。");
            return Err(bad(name, ja, format!("{code} is no code of {system}.")));
        }
        Ok(code.to_owned())
    };
    value.split(',').map(code).collect()
}

fn token(text: &str) -> TokenPattern {
    match text.rsplit_once('|') {
        None => TokenPattern::Code(text.to_owned()),
        Some((system, code)) => TokenPattern::Exact { system: system_id(system), code: code.to_owned() },
    }
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| bad(name, "true か false です。", "It is true or false."))
}

fn whole(name: &str, value: &str) -> Result<i64> {
    let found = value.parse().ok().filter(|number: &i64| *number >= 0);
    found.ok_or_else(|| bad(name, "0 以上の整数です。", "It is a whole number from 0."))
}

/// `30`, minutes, or with a unit: `2|h`. In milliseconds.
fn duration(name: &str, value: &str) -> Result<i64> {
    let (number, unit) = value.split_once('|').unwrap_or((value, "min"));
    let millis = match unit {
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad(name, "単位は s, min, h, d のどれかです。", "Its unit is one of s, min, h and d.")),
    };
    Ok(whole(name, number)?.saturating_mul(millis))
}

fn sort(value: &str) -> Result<VacancySort> {
    Ok(match value {
        "suitability" => VacancySort::Suitability,
        "distance" => VacancySort::Distance,
        "freshness" => VacancySort::Freshness,
        _ => {
            let ja = "suitability, distance, freshness のどれかです。";
            return Err(bad("sort", ja, "It is one of suitability, distance and freshness."));
        }
    })
}

fn bad(name: &str, ja: impl Into<String>, en: impl Into<String>) -> Error {
    Error::bad_parameter(name, ja, en)
}
