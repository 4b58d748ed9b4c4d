//! `ConceptMap/$translate`. R4 `conceptmap-operation-translate.html`.

use crate::error::{Error, Result};
use crate::http::App;
use crate::http::answer::Answer;
use crate::profile::Dependency;
use crate::profile::operation::{CodingAsked, TranslateRequest};

use super::super::inputs::Value;
use super::super::{Call, Inputs};

/// `displayLanguage` is this server's own; R4 has it on the other operations.
pub const INPUTS: &[&str] = &[
    "url",
    "conceptMapVersion",
    "code",
    "system",
    "version",
    "source",
    "coding",
    "codeableConcept",
    "target",
    "targetsystem",
    "dependency",
    "reverse",
    "displayLanguage",
];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let url = super::address(app, call, &inputs)?;
    let codings = super::codings(&inputs, inputs.text("system")?, inputs.text("version")?)?;
    let any_map = url.is_none() && inputs.text("source")?.is_none() && inputs.text("target")?.is_none();
    if any_map && codings.iter().any(|coding: &CodingAsked<'_>| coding.system.is_none()) {
        let (ja, en) = ("コードの system を指定してください。", "Name the system of the code.");
        return Err(Error::bad_parameter("system", ja, en));
    }
    let request = TranslateRequest {
        url: url.as_deref(),
        map_version: inputs.text("conceptMapVersion")?,
        source: inputs.text("source")?,
        target: inputs.text("target")?,
        target_system: inputs.text("targetsystem")?,
        codings,
        dependencies: dependencies(&inputs)?,
        reverse: inputs.boolean("reverse")?.unwrap_or(false),
        display_language: inputs.text("displayLanguage")?,
    };
    let found = app.gateway.definitions.translate(&request).map_err(|refusal| super::refused(&refusal))?;
    Ok(call.answer(&found.to_parameters(call.ask.language)))
}

/// Parts `element` and `concept` (a CodeableConcept), one dependency for each of its codings.
fn dependencies(inputs: &Inputs) -> Result<Vec<Dependency>> {
    let mut found = Vec::new();
    for input in inputs.all("dependency") {
        let Value::Parts(parts) = &input.value else {
            let (ja, en) = (
                "dependency には element と concept の part が必要です。",
                "A dependency has the parts element and concept.",
            );
            return Err(Error::bad_parameter("dependency", ja, en));
        };
        let property = parts.text("element")?.unwrap_or_default();
        let concept = parts.typed("concept", "CodeableConcept")?;
        for coding in concept.map(|concept| concept.items("coding")).unwrap_or_default() {
            found.push(Dependency {
                property: property.to_owned(),
                system: coding.get_str("system").map(str::to_owned),
                value: coding.get_str("code").unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(found)
}
