//! `GET [base]/[type]/[id]` and `GET [base]/[type]/[id]/_history/[version]`. R4 `http.html#read`, `http.html#vread`.

use crate::error::{Error, Result};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::{Ask, Summary};
use crate::http::subset::shape;
use crate::profile::Interaction;
use crate::store::Version;

pub async fn current(app: &App, ask: &Ask, rtype: &str, id: &str) -> Result<Answer> {
    if ask.form.summary == Summary::Count {
        let (ja, en) = ("_summary=count は検索と履歴でだけ使えます。", "_summary=count is for searches and history.");
        return Err(Error::bad_parameter("_summary", ja, en));
    }
    let key = app.gateway.key(rtype, id, Interaction::Read)?;
    if app.gateway.is_definition(rtype) {
        let text = app.gateway.definition(rtype, id)?.text.clone();
        return Ok(Answer::ok(shape(text, &ask.form, &app.gateway.definitions)));
    }
    let read = app.gateway.read(&ask.caller, &key).await?;
    let current = !read.is_laid_over && ask.conditions.freshness.is_current(&read.version);
    Ok(answer(app, ask, read.version, current))
}

pub async fn version(app: &App, ask: &Ask, rtype: &str, id: &str, number: &str) -> Result<Answer> {
    let key = app.gateway.key(rtype, id, Interaction::Vread)?;
    let version = app.gateway.vread(&ask.caller, &key, number).await?;
    let current = ask.conditions.freshness.is_current(&version);
    Ok(answer(app, ask, version, current))
}

/// 304 where the caller's copy is the current one (R4 `http.html#cread`).
fn answer(app: &App, ask: &Ask, version: Version, current: bool) -> Answer {
    let (number, at) = (Some(version.version), Some(version.at));
    let body = match current {
        true => String::new(),
        false => shape(version.body.unwrap_or_default(), &ask.form, &app.gateway.definitions),
    };
    Answer { status: if current { 304 } else { 200 }, version: number, last_modified: at, body, ..Answer::default() }
}
