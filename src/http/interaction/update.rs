//! `PUT [base]/[type]/[id]` and `PUT [base]/[type]?criteria`. R4 `http.html#update`.

use crate::error::Result;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Ask;
use crate::profile::Interaction;

use super::written;

pub async fn instance(app: &App, ask: &Ask, rtype: &str, id: &str) -> Result<Answer> {
    let key = app.gateway.key(rtype, id, Interaction::Update)?;
    let update = app.gateway.update(&ask.caller, &key, &ask.body, ask.conditions.standing);
    Ok(written::answer(app, ask, update.await?))
}

pub async fn conditional(app: &App, ask: &Ask, rtype: &str) -> Result<Answer> {
    let rtype = app.gateway.served(rtype, Interaction::Update)?;
    let standing = ask.conditions.standing;
    let update = app.gateway.update_conditionally(&ask.caller, &rtype, &ask.query, &ask.body, standing);
    Ok(written::answer(app, ask, update.await?))
}
