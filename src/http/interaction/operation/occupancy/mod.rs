//! `Location/$occupancy`: how full wards were over time, or what their boards showed at a moment.
//! `fhir-profiles/OperationDefinition/occupancy.json`, `fhir-profiles/Measure/occupancy.json`.

mod reading;
mod report;
mod table;

use crate::error::{Error, Result};
use crate::exchange::OccupancyBy;
use crate::fhir::instant::Instant;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::bundle_text::{BundleText, quoted};
use crate::http::paging::pretty;
use crate::http::subset::shape;

use super::{CSV, Call};
use reading::Wish;

pub const NAME: &str = "occupancy";
pub const INPUTS: &[&str] = &["period", "interval", "by", "function", "_at"];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let pairs = call.inputs(app)?.pairs()?;
    let place = call.instance()?;
    let gateway = &app.gateway;
    let query = match reading::read(app, &pairs, gateway.now())? {
        Wish::BoardsAt(at) => return boards(app, call, at).await,
        Wish::Means(query) => query,
    };
    let by = query.by;
    let found = gateway.occupancy(&call.ask.caller, place.as_ref(), query).await?;
    let labels = report::Labels { app, ask: call.ask, by, names: &found.names };
    if call.ask.own_form {
        let body = table::csv(&found.intervals, &labels)?;
        return Ok(Answer { media: Some(CSV), is_result: true, ..Answer::ok(body) });
    }
    let mut bundle = BundleText::new("collection");
    for interval in &found.intervals {
        // Reports are made for this answer, and have no address.
        let full_url = quoted(&uuid::Uuid::new_v4().urn().to_string());
        bundle.entry(&[("fullUrl", &full_url), ("resource", &report::of_interval(interval, &labels))]);
    }
    Ok(Answer { is_result: true, ..Answer::ok(pretty(bundle.finish(), &call.ask.form)) })
}

/// The wards as they were, with the counts that were shown.
async fn boards(app: &App, call: &Call<'_>, at: Instant) -> Result<Answer> {
    if call.ask.own_form {
        return Err(Error::bad_parameter(
            "_at",
            "_at の答えは CSV にはありません。",
            "What _at asks for is not told as CSV.",
        ));
    }
    let place = call.instance()?;
    let versions = app.gateway.boards_at(&call.ask.caller, place.as_ref(), at).await?;
    let mut form = call.ask.form.clone();
    form.pretty = false;
    let mut bundle = BundleText::new("collection");
    for version in versions {
        let full_url = quoted(&format!("{}/{}", call.ask.base, version.key));
        let resource = shape(version.body.unwrap_or_default(), &form, &app.gateway.definitions);
        bundle.entry(&[("fullUrl", &full_url), ("resource", &resource)]);
    }
    Ok(Answer { is_result: true, ..Answer::ok(pretty(bundle.finish(), &call.ask.form)) })
}

/// As inputs, stratifiers and columns name it.
fn code_of(by: OccupancyBy) -> &'static str {
    match by {
        OccupancyBy::Function => "function",
        OccupancyBy::Facility => "facility",
        OccupancyBy::Ward => "ward",
    }
}
