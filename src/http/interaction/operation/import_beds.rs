//! `Location/$import-beds`: a CSV table of beds or ward counts, and `Location/$import-beds-template`: one to fill in.
//! docs/csv.md.

use crate::error::{Error, ErrorKind, Result};
use crate::fhir::outcome::{Issue, IssueCode, operation_outcome};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Media;
use crate::intake::csv::{self, Charset, Kind, Options};

use super::{CSV, Call, Inputs};

pub const INPUTS: &[&str] = &["dry-run", "encoding"];

/// By GET, and so an operation of its own: one that writes is not called by GET (R4 `operations.html#executing-synchronous`).
pub const TEMPLATE: &str = "import-beds-template";

/// 200 with one issue for each bad row, once the file could be read.
pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    if call.ask.media != Media::Csv {
        return Err(no_table());
    }
    let inputs = call.inputs(app)?;
    let dry_run = inputs.boolean("dry-run")?.unwrap_or_default();
    let options = Options { charset: charset(call, &inputs)?, dry_run, within: call.instance()? };
    let taken = csv::import(&app.gateway, &call.ask.caller, &call.ask.body, options).await?;
    let issues: Vec<Issue> = std::iter::once(taken.summary()).chain(taken.issues.into_iter().map(with_line)).collect();
    Ok(call.answer(&operation_outcome(&issues, call.ask.language)))
}

/// A table to fill in.
pub async fn template(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let kind = match inputs.text("kind")? {
        None | Some("beds") => Kind::Beds,
        Some("wards") => Kind::Wards,
        Some(_) => {
            let (ja, en) = ("kind は beds か wards です。", "kind is beds or wards.");
            return Err(Error::bad_parameter("kind", ja, en));
        }
    };
    let body = csv::template(kind, call.ask.language);
    Ok(Answer { media: Some(CSV), is_result: true, ..Answer::ok(body) })
}

/// The input comes before the header.
fn charset(call: &Call<'_>, inputs: &Inputs) -> Result<Option<Charset>> {
    if let Some(input) = inputs.one("encoding")? {
        let (ja, en) = ("encoding は utf-8 か shift_jis です。", "encoding is utf-8 or shift_jis.");
        let found = Charset::of_label(input.text()?);
        return found.map(Some).ok_or_else(|| input.refused(IssueCode::NotSupported, ja, en));
    }
    let Some(label) = &call.ask.charset else { return Ok(None) };
    Charset::of_label(label).map(Some).ok_or_else(|| {
        let (ja, en) = ("charset は utf-8 か shift_jis です。", "The charset is utf-8 or shift_jis.");
        unsupported(ja, en)
    })
}

/// For people who read the text alone.
fn with_line(issue: Issue) -> Issue {
    let Some(place) = issue.place else { return issue };
    let (ja, en) = (format!("{} 行目: {}", place.line, issue.ja), format!("Line {}: {}", place.line, issue.en));
    Issue { ja, en, ..issue }
}

fn no_table() -> Error {
    unsupported(
        "ここには CSV を Content-Type: text/csv で送ってください。雛形は $import-beds-template にあります。",
        "Send CSV here, as Content-Type: text/csv. $import-beds-template has a file to fill in.",
    )
}

fn unsupported(ja: &str, en: &str) -> Error {
    let issue = Issue::error(IssueCode::NotSupported, ja, en).on("http.header:Content-Type");
    Error::new(ErrorKind::UnsupportedMediaType, issue)
}
