//! `PATCH [base]/[type]/[id]` and `PATCH [base]/[type]?criteria`. R4 `http.html#patch`.

use crate::error::Result;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Ask;
use crate::profile::Interaction;

use super::written;

pub async fn instance(app: &App, ask: &Ask, rtype: &str, id: &str) -> Result<Answer> {
    let key = app.gateway.key(rtype, id, Interaction::Patch)?;
    let patch = app.gateway.patch(&ask.caller, &key, ask.patch_form(), &ask.body, ask.conditions.standing);
    Ok(written::answer(app, ask, patch.await?))
}

pub async fn conditional(app: &App, ask: &Ask, rtype: &str) -> Result<Answer> {
    let rtype = app.gateway.served(rtype, Interaction::Patch)?;
    let (form, standing) = (ask.patch_form(), ask.conditions.standing);
    let patch = app.gateway.patch_conditionally(&ask.caller, &rtype, &ask.query, form, &ask.body, standing);
    Ok(written::answer(app, ask, patch.await?))
}
