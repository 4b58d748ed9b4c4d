//! `$hl7-dead-letters`: HL7 v2 messages that could not be applied, those that came last first.

use crate::error::{Error, Result};
use crate::fhir::instant::Instant;
use crate::fhir::json::Json;
use crate::fhir::parameters::{parameters, part, parts_of};
use crate::http::App;
use crate::http::answer::Answer;
use crate::store::{self, DeadLetter, LetterState};

use super::super::Call;
use super::chosen;

pub const INPUTS: &[&str] = &["state", "sender", "_count"];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let state = match inputs.text("state")? {
        None => LetterState::Waiting,
        Some(text) => LetterState::parse(text).ok_or_else(|| {
            let (ja, en) = ("waiting, applied, discarded のどれかです。", "One of waiting, applied and discarded.");
            Error::bad_parameter("state", ja, en)
        })?,
    };
    let wanted = inputs.integer("_count")?.map(|count| usize::try_from(count).unwrap_or(0));
    let count = i64::try_from(app.gateway.page_size(wanted)).unwrap_or(i64::MAX);
    let letters = store::letters(&app.gateway.database, state, inputs.text("sender")?, count).await?;
    let told = letters.iter().map(|letter| parts_of("letter", parts(letter, call))).collect();
    Ok(call.answer(&parameters(told)))
}

fn parts(letter: &DeadLetter, call: &Call<'_>) -> Vec<Json> {
    vec![
        part("id", "valueId", letter.id.as_str()),
        part("sender", "valueString", letter.sender.as_str()),
        part("control-id", "valueString", letter.control_id.as_str()),
        part("event", "valueCode", letter.event.as_str()),
        part("code", "valueCode", letter.code.as_str()),
        part("place", "valueString", letter.place.as_str()),
        part("reason", "valueString", chosen(call.ask.language, &letter.reason_ja, &letter.reason_en)),
        part("message", "valueString", letter.message.replace('\r', "\n").trim_end()),
        part("state", "valueCode", letter.state.as_str()),
        part("times", "valueInteger", letter.times),
        part("first", "valueInstant", Instant(letter.first_at).to_fhir()),
        part("last", "valueInstant", Instant(letter.last_at).to_fhir()),
    ]
}
