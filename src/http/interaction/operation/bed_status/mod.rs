//! `Location/$bed-status`: the state of a facility's or ward's beds in one request.
//!
//! Beds come as `Parameters` or, for size, as lines of JSON. Each row is answered for itself, and all that are applied are
//! applied in one transaction. OperationDefinition/bed-status says what each input means.

mod answer;
mod rows;

use crate::error::Result;
use crate::exchange::{BedName, BedReport, BedRow, Source};
use crate::fhir::instant::Instant;
use crate::fhir::outcome::IssueCode;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Media;

use super::{Call, Inputs};

pub const INPUTS: &[&str] = &["bed", "still-true", "as-of", "source", "together", "report-id"];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let as_of = instant(&inputs, "as-of")?;
    let rows = match call.ask.media {
        Media::Ndjson => rows::of_lines(&call.ask.body, as_of, app.gateway.limits.depth),
        _ => rows::of_parameters(&inputs, as_of),
    };
    let within = call.instance()?;
    let mut still_true = Vec::new();
    for input in inputs.all("still-true") {
        still_true.push(rows::name(input)?);
    }
    if rows.is_empty() && still_true.is_empty() {
        // To say nothing of a place is to say that all of it is as it was.
        still_true.extend(within.clone().map(BedName::Id));
    }
    let together = inputs.boolean("together")?.unwrap_or(false);
    let good: Vec<BedRow> = rows.iter().filter_map(|row| row.as_ref().ok().cloned()).collect();
    if together && good.len() < rows.len() {
        return answer::of_unreadable(rows);
    }
    let report = BedReport {
        rows: good,
        source: source(&inputs)?,
        within,
        together,
        digest: inputs.text("report-id")?.map(|id| format!("bed-status|{}|{id}", call.ask.caller.name)),
        still_true,
        still_true_as_of: as_of,
        ..BedReport::default()
    };
    let applied = app.gateway.report_beds(&call.ask.caller, report).await?;
    answer::of_report(call, rows, applied, together)
}

fn instant(inputs: &Inputs, name: &str) -> Result<Option<Instant>> {
    let Some(input) = inputs.one(name)? else { return Ok(None) };
    Instant::parse(input.text()?).map(Some).ok_or_else(|| {
        input.refused(
            IssueCode::Value,
            "時点は 2026-11-28T21:05:00+09:00 の形で、時差まで書いてください。",
            "A moment has the form 2026-11-28T21:05:00+09:00, with its offset.",
        )
    })
}

fn source(inputs: &Inputs) -> Result<Source> {
    let Some(input) = inputs.one("source")? else { return Ok(Source::default()) };
    Source::from_code(input.text()?).ok_or_else(|| {
        input.refused(IssueCode::CodeInvalid, "source は feed か manual です。", "source is feed or manual.")
    })
}
