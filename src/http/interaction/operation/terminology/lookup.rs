//! `CodeSystem/$lookup`. R4 `codesystem-operation-lookup.html`.

use crate::error::{Error, Result};
use crate::http::App;
use crate::http::answer::Answer;
use crate::profile::operation::LookupRequest;

use super::super::Call;

pub const INPUTS: &[&str] = &["code", "system", "version", "coding", "displayLanguage", "property"];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let codings = super::codings(&inputs, inputs.text("system")?, inputs.text("version")?)?;
    let Some((coding, system)) = codings.first().and_then(|coding| Some((coding, coding.system?))) else {
        let (ja, en) = ("コードの system を指定してください。", "Name the system of the code.");
        return Err(Error::bad_parameter("system", ja, en));
    };
    let request = LookupRequest {
        system,
        code: coding.code,
        version: coding.version,
        display_language: inputs.text("displayLanguage")?,
        properties: inputs.texts("property")?,
    };
    let found = app.gateway.definitions.lookup(&request).map_err(|refusal| super::refused(&refusal))?;
    Ok(call.answer(&found.to_parameters()))
}
