//! What became of a report, as `Parameters`.

use crate::error::{Error, Result};
use crate::exchange::{BedRow, Prefer, ReportAnswer, RowDone};
use crate::fhir::json::{Json, Number, Object};
use crate::fhir::outcome::operation_outcome;
use crate::http::answer::Answer;
use crate::http::interaction::operation::Call;

/// Rows that go together, of which some cannot be read: the refusal of all.
pub fn of_unreadable(rows: Vec<Result<BedRow>>) -> Result<Answer> {
    Err(all_of(rows.into_iter().filter_map(Result::err)))
}

/// The counts, and what happened to each row; of rows that changed nothing only where the client asks for all
/// (`Prefer: return=representation`).
pub fn of_report(call: &Call<'_>, rows: Vec<Result<BedRow>>, applied: ReportAnswer, together: bool) -> Result<Answer> {
    if together && applied.rows.iter().any(Result::is_err) {
        return Err(all_of(applied.rows.into_iter().filter_map(Result::err)));
    }
    let (mut changed, mut unchanged, mut refused) = (0, 0, 0);
    let (mut told, mut results) = (Vec::new(), applied.rows.into_iter());
    for (index, row) in rows.into_iter().enumerate() {
        let outcome = match row {
            Err(error) => Err(error),
            Ok(_) => results.next().unwrap_or(Ok(RowDone::Unchanged)),
        };
        let counted = match &outcome {
            Ok(RowDone::Changed(_)) => &mut changed,
            Ok(RowDone::Unchanged) => &mut unchanged,
            Err(_) => &mut refused,
        };
        *counted += 1;
        if !matches!(outcome, Ok(RowDone::Unchanged)) || call.ask.prefer == Prefer::Representation {
            told.push(row_of(call, index, outcome));
        }
    }
    let mut list = vec![
        count("changed", changed),
        count("unchanged", unchanged),
        count("refused", refused),
        parameter("already-taken", "valueBoolean", Json::Bool(applied.already_taken)),
    ];
    list.extend(told);
    let parameters = [("resourceType", Json::from("Parameters")), ("parameter", list.into())];
    Ok(call.answer(&object(parameters)))
}

/// One refusal for all: the kind that comes first, with every finding.
fn all_of(errors: impl Iterator<Item = Error>) -> Error {
    let (mut kind, mut issues) = (None, Vec::new());
    for error in errors {
        kind = Some(kind.map_or(error.kind, |kind: crate::error::ErrorKind| kind.min(error.kind)));
        issues.extend(error.issues);
    }
    Error { kind: kind.unwrap_or(crate::error::ErrorKind::Unprocessable), issues }
}

fn row_of(call: &Call<'_>, index: usize, outcome: Result<RowDone>) -> Json {
    let number = |value: i64| Json::Number(Number::from(value));
    let mut parts = vec![parameter("index", "valueInteger", number(i64::try_from(index).unwrap_or(i64::MAX)))];
    match outcome {
        Ok(RowDone::Changed(version)) => {
            parts.push(parameter("result", "valueCode", "changed".into()));
            parts.push(parameter("version", "valueString", version.to_string().into()));
        }
        Ok(RowDone::Unchanged) => parts.push(parameter("result", "valueCode", "unchanged".into())),
        Err(error) => {
            parts.push(parameter("result", "valueCode", "refused".into()));
            parts.push(parameter("status", "valueInteger", number(i64::from(error.kind.status()))));
            parts.push(parameter("outcome", "resource", operation_outcome(&error.issues, call.ask.language)));
        }
    }
    object([("name", "row".into()), ("part", parts.into())])
}

fn count(name: &str, value: i64) -> Json {
    parameter(name, "valueInteger", Json::Number(Number::from(value)))
}

fn parameter(name: &str, member: &str, value: Json) -> Json {
    object([("name", name.into()), (member, value)])
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Object>())
}
