//! An interval as a MeasureReport of the Measure `occupancy`. R4 `measurereport.html`.

use std::collections::HashMap;

use crate::exchange::{FIGURES, OccupancyBy, OccupancyInterval, OccupancyMeans};
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, Number, to_compact};
use crate::fhir::outcome::{CANONICAL, Language};
use crate::http::App;
use crate::http::ask::Ask;
use crate::profile::operation::LookupRequest;

use super::code_of;

/// How groups are called.
pub struct Labels<'a> {
    pub app: &'a App,
    pub ask: &'a Ask,
    pub by: OccupancyBy,
    pub names: &'a HashMap<String, String>,
}

/// The figures that are no numbers of beds, in percent.
const RATE: &str = "occupancy-rate";
const KNOWN: &str = "known-share";

impl Labels<'_> {
    /// What a group is called; `None`: wards that say nothing of it.
    pub fn name(&self, group: Option<&str>) -> String {
        let unknown = || if self.ask.language == Language::Ja { "不明" } else { "unknown" }.to_owned();
        let Some(group) = group else { return unknown() };
        if self.by != OccupancyBy::Function {
            return self.names.get(group).cloned().unwrap_or_else(|| group.to_owned());
        }
        let language = if self.ask.language == Language::Ja { "ja" } else { "en" };
        let system = format!("{CANONICAL}/CodeSystem/bed-function");
        let request = LookupRequest {
            system: &system,
            code: group,
            display_language: Some(language),
            ..LookupRequest::default()
        };
        self.app.gateway.definitions.lookup(&request).map_or_else(|_| group.to_owned(), |found| found.display)
    }

    fn value(&self, group: Option<&str>) -> Json {
        let (system, code) = match (self.by, group) {
            (_, None) => ("http://terminology.hl7.org/CodeSystem/data-absent-reason".to_owned(), "unknown".to_owned()),
            (OccupancyBy::Function, Some(code)) => (format!("{CANONICAL}/CodeSystem/bed-function"), code.to_owned()),
            // R4 has no reference here: the location's address is a code that anyone can follow.
            (_, Some(id)) => ("urn:ietf:rfc:3986".to_owned(), format!("{}/Location/{id}", self.ask.base)),
        };
        let coding = Json::from([("system", system.into()), ("code", code.into())]);
        Json::from([("coding", vec![coding].into()), ("text", self.name(group).into())])
    }
}

/// The MeasureReport's text.
pub fn of_interval(interval: &OccupancyInterval, labels: &Labels<'_>) -> String {
    let moment = |millis: i64| Json::from(Instant(millis).to_fhir());
    // The period of R4 holds its end: the interval's last millisecond.
    let period = Json::from([("start", moment(interval.from)), ("end", moment(interval.until - 1))]);
    let figures = FIGURES.into_iter().chain([RATE, KNOWN]);
    let named: Vec<Named<'_>> =
        interval.groups.iter().map(|(group, means)| (labels.value(group.as_deref()), means)).collect();
    let groups: Vec<Json> = figures.map(|figure| group(figure, &interval.all, &named, labels.by)).collect();
    to_compact(&Json::from([
        ("resourceType", "MeasureReport".into()),
        ("status", "complete".into()),
        ("type", "summary".into()),
        ("measure", format!("{CANONICAL}/Measure/occupancy").into()),
        ("date", labels.app.gateway.now().to_fhir().into()),
        ("period", period),
        ("group", groups.into()),
    ]))
}

/// What a stratum is called, and its means.
type Named<'a> = (Json, &'a OccupancyMeans);

fn group(figure: &str, all: &OccupancyMeans, named: &[Named<'_>], by: OccupancyBy) -> Json {
    let system = format!("{CANONICAL}/CodeSystem/occupancy-figure");
    let coding = Json::from([("system", system.into()), ("code", figure.into())]);
    let mut members = vec![("code", Json::from([("coding", vec![coding].into())]))];
    members.extend(score(figure, all).map(|score| ("measureScore", score)));
    let stratum = |(value, means): &Named<'_>| {
        let mut members = vec![("value", value.clone())];
        members.extend(score(figure, means).map(|score| ("measureScore", score)));
        object(members)
    };
    let strata: Vec<Json> = named.iter().map(stratum).collect();
    if !strata.is_empty() {
        let code = Json::from([("text", code_of(by).into())]);
        let stratifier = Json::from([("code", vec![code].into()), ("stratum", strata.into())]);
        members.push(("stratifier", vec![stratifier].into()));
    }
    object(members)
}

fn object(members: Vec<(&'static str, Json)>) -> Json {
    let members: crate::fhir::json::Object =
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    members.into()
}

/// The figure with its UCUM unit; `None`: not known.
fn score(figure: &str, means: &OccupancyMeans) -> Option<Json> {
    let (value, unit) = match figure {
        RATE => (means.rate? * 100.0, "%"),
        KNOWN => (means.known * 100.0, "%"),
        _ => (means.beds[FIGURES.iter().position(|known| *known == figure)?]?, "{bed}"),
    };
    Some(Json::from([
        ("value", Json::Number(Number::from_text(&decimal(value)))),
        ("unit", if unit == "%" { "%" } else { "beds" }.into()),
        ("system", "http://unitsofmeasure.org".into()),
        ("code", unit.into()),
    ]))
}

/// To a hundredth: beds are few, and more would be noise.
pub fn decimal(value: f64) -> String {
    format!("{value:.2}")
}
