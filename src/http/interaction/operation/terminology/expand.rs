//! `ValueSet/$expand`. R4 `valueset-operation-expand.html`.

use crate::error::{Error, Result};
use crate::exchange::aside;
use crate::http::App;
use crate::http::answer::Answer;
use crate::profile::operation::{ExpandRequest, ValueSetRef};

use super::super::{Call, Inputs};

/// Expansions are flat lists of codes that users may choose, so the last three change nothing.
pub const INPUTS: &[&str] = &[
    "url",
    "valueSet",
    "valueSetVersion",
    "filter",
    "offset",
    "count",
    "displayLanguage",
    "includeDesignations",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
];

pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    let inputs = call.inputs(app)?;
    let mut url = super::address(app, call, &inputs)?;
    if let (Some(url), Some(version)) = (&mut url, inputs.text("valueSetVersion")?)
        && !url.contains('|')
    {
        *url = format!("{url}|{version}");
    }
    let set = value_set(&inputs, url.as_deref())?;
    let request = ExpandRequest {
        filter: inputs.text("filter")?,
        offset: number(&inputs, "offset")?.unwrap_or(0),
        count: number(&inputs, "count")?,
        display_language: inputs.text("displayLanguage")?,
        include_designations: inputs.boolean("includeDesignations")?.unwrap_or(false),
        active_only: inputs.boolean("activeOnly")?.unwrap_or(false),
    };
    let found = aside(call.ask.body.len(), || app.gateway.definitions.expand(&set, &request));
    let page = found.map_err(|refusal| super::refused(&refusal))?;
    Ok(call.answer(&page.to_value_set(&request, &app.gateway.now().to_fhir())))
}

/// The value set that is named, or that comes with the request.
pub fn value_set<'a>(inputs: &'a Inputs, url: Option<&'a str>) -> Result<ValueSetRef<'a>> {
    match (url, inputs.resource("valueSet")?) {
        (Some(url), None) => Ok(ValueSetRef::Url(url)),
        (None, Some(resource)) if resource.get_str("resourceType") == Some("ValueSet") => {
            Ok(ValueSetRef::Inline(resource))
        }
        _ => Err(Error::bad_parameter(
            "url",
            "値セットを url か valueSet(ValueSet リソース)のどちらかで指定してください。",
            "Name the value set by url, or give it as valueSet, a ValueSet resource.",
        )),
    }
}

fn number(inputs: &Inputs, name: &str) -> Result<Option<usize>> {
    let Some(number) = inputs.integer(name)? else { return Ok(None) };
    usize::try_from(number)
        .map(Some)
        .map_err(|_| Error::bad_parameter(name, "0以上の整数にしてください。", "The number must not be negative."))
}
