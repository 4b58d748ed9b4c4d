//! `StructureDefinition/[id]/$json-schema`: a profile or base type for any JSON Schema validator. The answer is the schema
//! itself; as an entry of a Bundle it is a Binary that holds it.

use crate::error::{Error, Result};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::paging::pretty;
use crate::http::route::Target;

use super::Call;

pub const NAME: &str = "json-schema";

/// `application/schema+json` (draft-bhutton-json-schema, section 14).
pub const MEDIA: &str = "application/schema+json";

/// The id is that of a profile here, or the name of a base type, whose definition is HL7's and not served.
pub async fn answer(app: &App, call: &Call<'_>) -> Result<Answer> {
    call.inputs(app)?;
    let Target::Instance(rtype, id) = call.target else { return Err(Error::not_found(NAME)) };
    let own = app.gateway.definition(rtype, id).ok().and_then(|definition| definition.url.clone());
    let schema = app.gateway.definitions.json_schema(own.as_deref().unwrap_or(id));
    let schema = schema.ok_or_else(|| Error::not_found(&format!("{rtype}/…")))?;
    let body = pretty(schema.to_string(), &call.ask.form);
    Ok(Answer { media: Some(MEDIA), is_result: true, ..Answer::ok(body) })
}
