//! `POST [base]/[type]`. R4 `http.html#create`.

use crate::error::Result;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Ask;
use crate::profile::Interaction;

use super::written;

pub async fn answer(app: &App, ask: &Ask, rtype: &str) -> Result<Answer> {
    let rtype = app.gateway.served(rtype, Interaction::Create)?;
    let condition = ask.conditions.if_none_exist.as_deref();
    let done = app.gateway.create(&ask.caller, &rtype, &ask.body, condition).await?;
    Ok(written::answer(app, ask, done))
}
