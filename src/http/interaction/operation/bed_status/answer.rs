//! What became of a report, as `Parameters`.

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{BedRow, Prefer, ReportAnswer, RowDone};
use crate::fhir::json::Json;
use crate::fhir::outcome::operation_outcome;
use crate::fhir::parameters::{parameters, part, parts_of};
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
    let (mut changed, mut unchanged, mut refused) = (0_i64, 0_i64, 0_i64);
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
        part("changed", "valueInteger", changed),
        part("unchanged", "valueInteger", unchanged),
        part("refused", "valueInteger", refused),
        part("already-taken", "valueBoolean", applied.already_taken),
    ];
    list.extend(told);
    Ok(call.answer(&parameters(list)))
}

/// One refusal for all: the kind that comes first, with every finding.
fn all_of(errors: impl Iterator<Item = Error>) -> Error {
    let (mut kind, mut issues) = (None, Vec::new());
    for error in errors {
        kind = Some(kind.map_or(error.kind, |kind: ErrorKind| kind.min(error.kind)));
        issues.extend(error.issues);
    }
    Error { kind: kind.unwrap_or(ErrorKind::Unprocessable), issues }
}

fn row_of(call: &Call<'_>, index: usize, outcome: Result<RowDone>) -> Json {
    let mut parts = vec![part("index", "valueInteger", i64::try_from(index).unwrap_or(i64::MAX))];
    match outcome {
        Ok(RowDone::Changed(version)) => {
            parts.push(part("result", "valueCode", "changed"));
            parts.push(part("version", "valueString", version.to_string()));
        }
        Ok(RowDone::Unchanged) => parts.push(part("result", "valueCode", "unchanged")),
        Err(error) => {
            parts.push(part("result", "valueCode", "refused"));
            parts.push(part("status", "valueInteger", i64::from(error.kind.status())));
            parts.push(part("outcome", "resource", operation_outcome(&error.issues, call.ask.language)));
        }
    }
    parts_of("row", parts)
}
