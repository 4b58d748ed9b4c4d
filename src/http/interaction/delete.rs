//! `DELETE [base]/[type]/[id]` and `DELETE [base]/[type]?criteria`. R4 `http.html#delete`.

use crate::error::Result;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Ask;
use crate::profile::Interaction;
use crate::store::Version;

pub async fn instance(app: &App, ask: &Ask, rtype: &str, id: &str) -> Result<Answer> {
    let key = app.gateway.key(rtype, id, Interaction::Delete)?;
    Ok(gone(app.gateway.delete(&ask.caller, &key, ask.conditions.standing).await?))
}

pub async fn conditional(app: &App, ask: &Ask, rtype: &str) -> Result<Answer> {
    let rtype = app.gateway.served(rtype, Interaction::Delete)?;
    Ok(gone(app.gateway.delete_conditionally(&ask.caller, &rtype, &ask.query, ask.conditions.standing).await?))
}

fn gone(version: Option<Version>) -> Answer {
    let (number, at) = version.map(|version| (version.version, version.at)).unzip();
    Answer { status: 204, version: number, last_modified: at, ..Answer::default() }
}
