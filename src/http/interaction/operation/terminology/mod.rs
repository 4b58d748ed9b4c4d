//! The terminology operations over HTTP: inputs read, refusals turned into statuses. What they do is in
//! `profile::operation`. R4 `terminology-service.html`.

pub mod expand;
pub mod lookup;
pub mod translate;
pub mod validate_code;

use crate::error::{Error, ErrorKind, Result};
use crate::fhir::json::Json;
use crate::fhir::outcome::IssueCode;
use crate::http::App;
use crate::http::route::Target;
use crate::profile::operation::{CodingAsked, Refusal};

use super::{Call, Inputs};

/// Codings of one CodeableConcept that are asked about: each may be looked for in a whole code system.
const CODINGS: usize = 64;

/// The refusal of an operation: 404 for what is not at hand, 422 for what cannot be decided, 400 for what is asked wrongly.
fn refused(refusal: &Refusal) -> Error {
    let kind = match refusal {
        Refusal::UnknownSystem(_)
        | Refusal::UnknownVersion { .. }
        | Refusal::UnknownCode { .. }
        | Refusal::UnknownValueSet(_)
        | Refusal::UnknownMap => ErrorKind::NotFound,
        Refusal::Undecidable(_) | Refusal::TooCostly(_) => ErrorKind::Unprocessable,
        Refusal::Invalid { .. } => ErrorKind::BadRequest,
    };
    Error::new(kind, refusal.issue())
}

/// The address of the definition that is meant: the one in the path, or the one that `url` names.
fn address(app: &App, call: &Call<'_>, inputs: &Inputs) -> Result<Option<String>> {
    let url = inputs.one("url")?;
    let Target::Instance(rtype, id) = call.target else {
        return url.map(|url| url.text().map(str::to_owned)).transpose();
    };
    if let Some(url) = url {
        return Err(url.refused(
            IssueCode::Invalid,
            "id で呼ぶときに url は使えません。",
            "There is no url where the path has an id.",
        ));
    }
    Ok(app.gateway.definition(rtype, id)?.url.clone())
}

/// The codes asked about: `code` with a system and display beside it, one Coding, or those of a CodeableConcept.
fn codings<'a>(inputs: &'a Inputs, system: Option<&'a str>, version: Option<&'a str>) -> Result<Vec<CodingAsked<'a>>> {
    let code = inputs.text("code")?;
    let coding = inputs.typed("coding", "Coding")?;
    let concept = inputs.typed("codeableConcept", "CodeableConcept")?;
    let given = usize::from(code.is_some()) + usize::from(coding.is_some()) + usize::from(concept.is_some());
    if given != 1 {
        return Err(Error::bad_parameter(
            "code",
            "code、coding、codeableConcept のうち一つだけを指定してください。",
            "Give one of code, coding and codeableConcept.",
        ));
    }
    let several = concept.map(|concept| concept.items("coding")).unwrap_or_default();
    if several.len() > CODINGS {
        let (ja, en) = ("coding は64個までにしてください。", "Give at most 64 codings.");
        return Err(Error::bad_parameter("codeableConcept", ja, en));
    }
    let plain = code.map(|code| CodingAsked { system, version, code, display: None });
    Ok(plain.into_iter().chain(coding.into_iter().chain(several).filter_map(asked)).collect())
}

fn asked(coding: &Json) -> Option<CodingAsked<'_>> {
    let text = |key| coding.get_str(key);
    Some(CodingAsked {
        system: text("system"),
        version: text("version"),
        code: text("code")?,
        display: text("display"),
    })
}
