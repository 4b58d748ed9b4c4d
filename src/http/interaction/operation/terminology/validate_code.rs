//! `CodeSystem/$validate-code` and `ValueSet/$validate-code`. R4 `codesystem-operation-validate-code.html`,
//! `valueset-operation-validate-code.html`.

use crate::error::{Error, Result};
use crate::exchange::aside;
use crate::http::App;
use crate::http::answer::Answer;
use crate::profile::operation::{CodeValidity, Refusal, ValidateCodeRequest};

use super::super::{Call, Inputs};

pub const OF_SYSTEM: &[&str] = &["url", "code", "version", "display", "coding", "codeableConcept", "displayLanguage"];

pub const OF_SET: &[&str] = &[
    "url",
    "valueSet",
    "valueSetVersion",
    "code",
    "system",
    "systemVersion",
    "display",
    "coding",
    "codeableConcept",
    "displayLanguage",
];

/// On CodeSystem.
pub async fn in_system(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let url = super::address(app, call, &inputs)?;
    let version = inputs.text("version")?;
    let request = ValidateCodeRequest { url: url.as_deref(), version, ..request(&inputs, None, None)? };
    answer(call, app.gateway.definitions.validate_code(&request))
}

/// On ValueSet.
pub async fn in_set(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let url = super::address(app, call, &inputs)?;
    let set = super::expand::value_set(&inputs, url.as_deref())?;
    let version = inputs.text("valueSetVersion")?;
    let request =
        ValidateCodeRequest { version, ..request(&inputs, inputs.text("system")?, inputs.text("systemVersion")?)? };
    answer(call, aside(call.ask.body.len(), || app.gateway.definitions.validate_code_in(&set, &request)))
}

fn request<'a>(
    inputs: &'a Inputs,
    system: Option<&'a str>,
    version: Option<&'a str>,
) -> Result<ValidateCodeRequest<'a>> {
    let mut codings = super::codings(inputs, system, version)?;
    if let Some(display) = inputs.text("display")? {
        if inputs.text("code")?.is_none() {
            let (ja, en) = ("display は code と一緒に使います。", "The parameter display goes with code.");
            return Err(Error::bad_parameter("display", ja, en));
        }
        codings.iter_mut().for_each(|coding| coding.display = Some(display));
    }
    let display_language = inputs.text("displayLanguage")?;
    Ok(ValidateCodeRequest { codings, display_language, ..ValidateCodeRequest::default() })
}

fn answer(call: &Call<'_>, found: std::result::Result<CodeValidity, Refusal>) -> Result<Answer> {
    let found = found.map_err(|refusal| super::refused(&refusal))?;
    Ok(call.answer(&found.to_parameters(call.ask.language)))
}
