//! The rows of a report, from `Parameters` and from lines of JSON.

use crate::error::{Error, Result};
use crate::exchange::{BedName, BedRow, BedStatus};
use crate::fhir::id::ResourceId;
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, Limits, parse};
use crate::fhir::outcome::{CANONICAL, Issue, IssueCode};
use crate::http::interaction::operation::Inputs;
use crate::http::interaction::operation::inputs::{Input, Value};

/// Every input `bed`. `as_of` is when it was so where a row does not say.
pub fn of_parameters(inputs: &Inputs, as_of: Option<Instant>) -> Vec<Result<BedRow>> {
    inputs.all("bed").map(|input| of_input(input, as_of)).collect()
}

fn of_input(input: &Input, as_of: Option<Instant>) -> Result<BedRow> {
    let Value::Parts(parts) = &input.value else {
        return Err(input.refused(
            IssueCode::Structure,
            "bed には part として identifier か location、それに status が要ります。",
            "A bed has the parts identifier or location, and status.",
        ));
    };
    parts.refuse_others(&["identifier", "location", "status", "as-of"])?;
    let named = match (parts.one("identifier")?, parts.one("location")?) {
        (Some(named), None) | (None, Some(named)) => name(named)?,
        _ => {
            return Err(input.refused(
                IssueCode::Required,
                "病床は identifier か location のどちらか一つで示してください。",
                "Name the bed by one of identifier and location.",
            ));
        }
    };
    let status = parts
        .text("status")?
        .and_then(BedStatus::from_code)
        .ok_or_else(|| input.refused(IssueCode::CodeInvalid, wrong_status().0, wrong_status().1))?;
    let own = super::instant(parts, "as-of")?;
    Ok(BedRow { bed: named, status, as_of: own.or(as_of) })
}

/// A place, by identifier or reference.
pub fn name(input: &Input) -> Result<BedName> {
    let found = match &input.value {
        Value::Typed(kind, value) if kind == "Identifier" => {
            let system = value.get_str("system").map(str::to_owned);
            value.get_str("value").map(|value| BedName::Identifier { system, value: value.to_owned() })
        }
        Value::Typed(kind, value) if kind == "Reference" => value.get_str("reference").and_then(of_reference),
        Value::Typed(_, Json::String(text)) | Value::Text(text) => of_reference(text),
        _ => None,
    };
    found.ok_or_else(|| {
        input.refused(
            IssueCode::Value,
            "場所は Identifier か Location/[id] への参照で示してください。",
            "Name a place by an Identifier or a reference to Location/[id].",
        )
    })
}

fn of_reference(reference: &str) -> Option<BedName> {
    let id = reference.rsplit_once("Location/").map_or(reference, |(_, id)| id);
    ResourceId::parse(id).map(BedName::Id)
}

/// Every line that is not blank: `{"identifier": …, "status": "U"}`, with `system`, `location` and `asOf` where they are
/// needed.
pub fn of_lines(body: &[u8], as_of: Option<Instant>, depth: usize) -> Vec<Result<BedRow>> {
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    let written = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    written.map(|(number, line)| of_line(number + 1, line, as_of, depth)).collect()
}

fn of_line(number: usize, line: &[u8], as_of: Option<Instant>, depth: usize) -> Result<BedRow> {
    let refused = |(ja, en): (String, String)| {
        let issue = Issue::error(IssueCode::Value, format!("{number} 行目: {ja}"), format!("Line {number}: {en}"));
        Error::bad_request(issue)
    };
    let no_object = || refused(("JSON のオブジェクトではありません。".into(), "This is no JSON object.".into()));
    let row = parse(line, Limits { depth }).ok().filter(|row| row.as_object().is_some()).ok_or_else(no_object)?;
    let known = ["identifier", "system", "location", "status", "asOf"];
    let stranger = row.as_object().and_then(|row| row.iter().map(|(name, _)| name).find(|name| !known.contains(name)));
    if stranger.is_some() {
        let names = known.join(", ");
        return Err(refused((format!("使える項目は {names} です。"), format!("The members are {names}."))));
    }
    let bed = match (row.get_str("identifier"), row.get_str("location").and_then(of_reference)) {
        (Some(value), None) => {
            let system = row.get_str("system").map_or_else(|| format!("{CANONICAL}/IdSystem/bed"), str::to_owned);
            BedName::Identifier { system: Some(system), value: value.to_owned() }
        }
        (None, Some(name)) => name,
        _ => {
            return Err(refused((
                "病床は identifier か location のどちらか一つで示してください。".into(),
                "Name the bed by one of identifier and location.".into(),
            )));
        }
    };
    let status = row.get_str("status").and_then(BedStatus::from_code).ok_or_else(|| refused(wrong_status()))?;
    let own = match row.get("asOf") {
        None => None,
        Some(moment) => Some(moment.as_str().and_then(Instant::parse).ok_or_else(|| {
            refused((
                "asOf は 2026-11-28T21:05:00+09:00 の形で、時差まで書いてください。".into(),
                "asOf has the form 2026-11-28T21:05:00+09:00, with its offset.".into(),
            ))
        })?),
    };
    Ok(BedRow { bed, status, as_of: own.or(as_of) })
}

fn wrong_status() -> (String, String) {
    let codes = BedStatus::ALL.map(BedStatus::code).join(", ");
    (
        format!("status は HL7 v2 表 0116 のコード ({codes}) にしてください。"),
        format!("The status must be a code of HL7 v2 table 0116: {codes}."),
    )
}
