//! `$hl7-replay`: takes messages that could not be applied in again.

use crate::error::{Error, Result};
use crate::fhir::parameters::{parameters, part, parts_of};
use crate::http::App;
use crate::http::answer::Answer;
use crate::intake::hl7v2;

use super::super::Call;
use super::chosen;

pub const INPUTS: &[&str] = &["id"];
/// Messages that one call takes in.
const MOST: usize = 100;

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let ids = inputs.texts("id")?;
    if ids.is_empty() || ids.len() > MOST {
        let ja = "再処理するメッセージの id を 1 件から 100 件まで指定してください。";
        return Err(Error::bad_parameter("id", ja, "Name 1 to 100 ids of messages to replay."));
    }
    let desk = app.desk();
    for id in &ids {
        // All or none: an id that is not there is a mistake in the question.
        hl7v2::find(&app.gateway.database, id).await?;
    }
    let mut results = Vec::with_capacity(ids.len());
    for id in ids {
        let replayed = hl7v2::replay(&desk, id).await?;
        let mut parts = vec![part("id", "valueId", id), part("applied", "valueBoolean", replayed.applied)];
        let note = replayed.note.map(|(ja, en)| part("note", "valueString", chosen(call.ask.language, &ja, &en)));
        parts.extend(note);
        results.push(parts_of("result", parts));
    }
    Ok(call.answer(&parameters(results)))
}
