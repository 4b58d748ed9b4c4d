//! The inputs, read into a query.

use crate::error::{Error, Result};
use crate::exchange::{VacancyQuery, VacancySort};
use crate::http::App;
use crate::search::circle;
use crate::store::{TokenPattern, system_id};

use super::super::values::{codes, duration, refuse_repeated, whole};

/// What is asked for, and of which specialties a service must be.
pub fn read(app: &App, pairs: &[(String, String)]) -> Result<(VacancyQuery, Vec<TokenPattern>)> {
    let (mut query, mut specialties) = (VacancyQuery { minimum: 1, ..VacancyQuery::default() }, Vec::new());
    refuse_repeated(pairs, &["area", "function", "fee", "specialty", "capability"])?;
    for (name, value) in pairs {
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
        return Err(Error::bad_parameter("sort", ja, en));
    }
    Ok((query, specialties))
}

fn token(text: &str) -> TokenPattern {
    match text.rsplit_once('|') {
        None => TokenPattern::Code(text.to_owned()),
        Some((system, code)) => TokenPattern::Exact { system: system_id(system), code: code.to_owned() },
    }
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| Error::bad_parameter(name, "true か false です。", "It is true or false."))
}

fn sort(value: &str) -> Result<VacancySort> {
    Ok(match value {
        "suitability" => VacancySort::Suitability,
        "distance" => VacancySort::Distance,
        "freshness" => VacancySort::Freshness,
        _ => {
            let ja = "suitability, distance, freshness のどれかです。";
            return Err(Error::bad_parameter("sort", ja, "It is one of suitability, distance and freshness."));
        }
    })
}
