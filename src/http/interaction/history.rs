//! `_history` of a resource, a type and the system. R4 `http.html#history`.

use crate::error::{Error, Result};
use crate::exchange::{HistoryQuery, PageStart};
use crate::fhir::instant::Instant;
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::{Ask, Summary};
use crate::http::bundle_text::{BundleText, object, quoted};
use crate::http::paging::{pretty, read_count, url};
use crate::http::subset::shape;
use crate::profile::Interaction;
use crate::search::date_range;
use crate::store::{LogEntry, Scope};

pub async fn system(app: &App, ask: &Ask) -> Result<Answer> {
    answer(app, ask, &Scope::System).await
}

pub async fn of_type(app: &App, ask: &Ask, rtype: &str) -> Result<Answer> {
    let rtype = app.gateway.served(rtype, Interaction::HistoryType)?;
    answer(app, ask, &Scope::Type(rtype)).await
}

pub async fn of_instance(app: &App, ask: &Ask, rtype: &str, id: &str) -> Result<Answer> {
    let key = app.gateway.key(rtype, id, Interaction::HistoryInstance)?;
    answer(app, ask, &Scope::Instance(key)).await
}

async fn answer(app: &App, ask: &Ask, scope: &Scope) -> Result<Answer> {
    let (query, applied) = read_query(ask)?;
    let page = app.gateway.history(&ask.caller, scope, &query).await?;
    let mut links = vec![("self", url(&ask.base, &ask.path, &applied))];
    if let Some(next) = page.next {
        let mut pairs: Vec<_> = applied.into_iter().filter(|(name, _)| name != "_before").collect();
        pairs.push(("_before".into(), format!("{}.{}", next.before, next.newest)));
        links.push(("next", url(&ask.base, &ask.path, &pairs)));
    }
    let mut bundle = BundleText::new("history").total(Some(page.total)).links(&links);
    for entry in page.entries {
        add(&mut bundle, app, ask, entry);
    }
    Ok(Answer::ok(pretty(bundle.finish(), &ask.form)))
}

fn add(bundle: &mut BundleText, app: &App, ask: &Ask, entry: LogEntry) {
    let LogEntry { method, version, .. } = entry;
    let (key, number) = (version.key, version.version);
    let target = if method == "POST" { key.rtype.to_string() } else { key.to_string() };
    // R4's http-verb has PATCH; history tells every change of content as what it left behind, a PUT.
    let verb = if method == "PATCH" { "PUT" } else { &method };
    let request = object(&[("method", verb), ("url", &target)]);
    let status = match (method.as_str(), number) {
        ("DELETE", _) => "204",
        (_, 1) => "201",
        _ => "200",
    };
    let (etag, modified) = (format!("W/\"{number}\""), version.at.to_fhir());
    let response = object(&[("status", status), ("etag", &etag), ("lastModified", &modified)]);
    let full_url = quoted(&format!("{}/{key}", ask.base));
    let mut form = ask.form.clone();
    form.pretty = false;
    let resource = version.body.map(|body| shape(body, &form, &app.gateway.definitions)).unwrap_or_default();
    bundle.entry(&[("fullUrl", &full_url), ("resource", &resource), ("request", &request), ("response", &response)]);
}

fn read_query(ask: &Ask) -> Result<(HistoryQuery, Vec<(String, String)>)> {
    let (mut query, mut applied) = (HistoryQuery::default(), Vec::new());
    for (name, value) in ask.pairs() {
        match name.as_str() {
            "_since" => query.since = Some(moment(&name, &value)?.0),
            "_at" => query.at = Some(moment(&name, &value)?),
            "_count" => query.count = Some(read_count(&value)?),
            "_before" => query.from = Some(page_start(&value).ok_or_else(|| bad_value(&name))?),
            _ if ask.strict => return Err(crate::http::paging::unknown_parameter(&name)),
            _ => continue,
        }
        applied.push((name, value));
    }
    if ask.form.summary == Summary::Count {
        query.count = Some(0);
        applied.push(("_summary".into(), "count".into()));
    }
    Ok((query, applied))
}

/// What the link to the next page carries; opaque to clients.
fn page_start(value: &str) -> Option<PageStart> {
    let (before, newest) = value.split_once('.')?;
    Some(PageStart { before: before.parse().ok()?, newest: newest.parse().ok()? })
}

fn moment(name: &str, value: &str) -> Result<(Instant, Instant)> {
    date_range(value).ok_or_else(|| bad_value(name))
}

fn bad_value(name: &str) -> Error {
    Error::bad_parameter(
        name,
        format!("{name} の値が読めません。日時なら 2026-04-01T09:00:00+09:00 の形です。"),
        format!("The value of {name} cannot be read. A moment has the form 2026-04-01T09:00:00+09:00."),
    )
}
