//! `GET [base]/[type]?…` and `POST [base]/[type]/_search`. R4 `http.html#search`.

use crate::error::{Error, Result};
use crate::exchange::{DefinitionQuery, SearchPage, SearchQuery};
use crate::fhir::id::ResourceId;
use crate::fhir::json::to_compact;
use crate::fhir::outcome::{Issue, IssueCode, operation_outcome};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::{Ask, Media, Summary};
use crate::http::bundle_text::{BundleText, SearchMode};
use crate::http::paging::{pretty, read_count, unknown_parameter, url};
use crate::http::subset::shape;
use crate::profile::Interaction;
use crate::search::{Ignored, split_query};

/// Result parameters (R4 `search.html#return`), apart from those that only shape resources.
#[derive(Default)]
struct ResultControl {
    count: Option<usize>,
    after: Option<String>,
    total: bool,
    applied: Vec<(String, String)>,
}

pub async fn answer(app: &App, ask: &Ask, rtype: &str) -> Result<Answer> {
    let rtype = app.gateway.served(rtype, Interaction::SearchType)?;
    let mut pairs = ask.pairs();
    if ask.media == Media::Form {
        pairs.extend(split_query(&String::from_utf8_lossy(&ask.body)));
    }
    let control = ResultControl::take(&mut pairs, ask)?;
    if app.gateway.is_definition(rtype.as_str()) {
        return definitions(app, ask, rtype.as_str(), &pairs, &control);
    }
    let parsed = app.gateway.parse_query(&rtype, &pairs)?;
    refuse_ignored(ask, &parsed.ignored)?;
    let query = SearchQuery {
        criteria: parsed.criteria,
        count: control.count,
        after: control.after.clone(),
        total: control.total,
    };
    let page = app.gateway.search(&ask.caller, &query).await?;
    let applied: Vec<_> = parsed.applied.into_iter().chain(control.applied).collect();
    Ok(bundle(app, ask, rtype.as_str(), page, &applied, &parsed.ignored))
}

fn bundle(
    app: &App,
    ask: &Ask,
    rtype: &str,
    page: SearchPage,
    applied: &[(String, String)],
    ignored: &[Ignored],
) -> Answer {
    let links = links(ask, rtype, applied, page.next.as_deref());
    let mut bundle = BundleText::new("searchset").total(page.total).links(&links);
    let mut form = ask.form.clone();
    form.pretty = false;
    for version in page.matches {
        let full_url = format!("{}/{}", ask.base, version.key);
        let body = shape(version.body.unwrap_or_default(), &form, &app.gateway.definitions);
        bundle.search_entry(&full_url, &body, SearchMode::Match);
    }
    add_outcome(&mut bundle, ask, ignored);
    Answer::ok(pretty(bundle.finish(), &ask.form))
}

fn links(ask: &Ask, rtype: &str, applied: &[(String, String)], next: Option<&str>) -> Vec<(&'static str, String)> {
    let mut links = vec![("self", url(&ask.base, rtype, applied))];
    if let Some(next) = next {
        let mut pairs: Vec<_> = applied.iter().filter(|(name, _)| name != "_after").cloned().collect();
        pairs.push(("_after".into(), next.to_owned()));
        links.push(("next", url(&ask.base, rtype, &pairs)));
    }
    links
}

/// Parameters that were left aside are told in an entry of their own (R4 `search.html#errors`).
fn add_outcome(bundle: &mut BundleText, ask: &Ask, ignored: &[Ignored]) {
    if ignored.is_empty() {
        return;
    }
    let issue = |ignored: &Ignored| {
        let name = &ignored.name;
        Issue::warning(
            IssueCode::NotSupported,
            format!("パラメータ {name} は使えないため無視しました。"),
            format!("The parameter {name} is not known here and was ignored."),
        )
        .on(format!("http.name:{name}"))
    };
    let issues: Vec<Issue> = ignored.iter().map(issue).collect();
    bundle.search_entry("", &to_compact(&operation_outcome(&issues, ask.language)), SearchMode::Outcome);
}

fn refuse_ignored(ask: &Ask, ignored: &[Ignored]) -> Result<()> {
    match ignored.first() {
        Some(ignored) if ask.strict => Err(unknown_parameter(&ignored.name)),
        _ => Ok(()),
    }
}

/// Definitions are few and in memory: one page, unless the client wants smaller ones.
fn definitions(
    app: &App,
    ask: &Ask,
    rtype: &str,
    pairs: &[(String, String)],
    control: &ResultControl,
) -> Result<Answer> {
    let (mut query, mut applied, mut ignored) = (DefinitionQuery::default(), Vec::new(), Vec::new());
    for (name, value) in pairs {
        let values = value.split(',').map(str::to_owned).collect();
        match name.as_str() {
            "_id" => query.ids = Some(values),
            "url" => query.urls = Some(values),
            _ if name.starts_with("_id:") || name.starts_with("url:") => return Err(unknown_parameter(name)),
            _ => {
                ignored.push(Ignored { name: name.clone() });
                continue;
            }
        }
        applied.push((name.clone(), value.clone()));
    }
    refuse_ignored(ask, &ignored)?;
    applied.extend(control.applied.iter().cloned());
    let found = app.gateway.definitions_matching(rtype, &query);
    let count = control.count.unwrap_or(app.gateway.limits.page).min(app.gateway.limits.page);
    let total = i64::try_from(found.len()).ok().filter(|_| control.total || count == 0);
    let after = control.after.as_deref().unwrap_or_default();
    let rest: Vec<_> = found.into_iter().filter(|resource| resource.id.as_str() > after).collect();
    let page = &rest[..count.min(rest.len())];
    let next = page.last().filter(|_| rest.len() > count).map(|last| last.id.as_str());
    let mut bundle = BundleText::new("searchset").total(total).links(&links(ask, rtype, &applied, next));
    for resource in page {
        let body = shape(resource.text.clone(), &ask.form, &app.gateway.definitions);
        bundle.search_entry(&format!("{}/{rtype}/{}", ask.base, resource.id), &body, SearchMode::Match);
    }
    add_outcome(&mut bundle, ask, &ignored);
    Ok(Answer::ok(pretty(bundle.finish(), &ask.form)))
}

impl ResultControl {
    /// Takes the result parameters out of the pairs.
    fn take(pairs: &mut Vec<(String, String)>, ask: &Ask) -> Result<ResultControl> {
        let mut control = ResultControl { total: true, ..ResultControl::default() };
        let mut problem = None;
        pairs.retain(|(name, value)| {
            match name.as_str() {
                "_count" => match read_count(value) {
                    Ok(count) => control.count = Some(count),
                    Err(error) => problem = Some(error),
                },
                "_after" => match ResourceId::parse(value) {
                    Some(id) => control.after = Some(id.to_string()),
                    None => problem = Some(bad_after()),
                },
                "_total" => match value.as_str() {
                    "none" => control.total = false,
                    "estimate" | "accurate" => control.total = true,
                    _ => problem = Some(bad_total()),
                },
                "_format" | "_pretty" | "_summary" | "_elements" => return false,
                _ => return true,
            }
            control.applied.push((name.clone(), value.clone()));
            false
        });
        if ask.form.summary == Summary::Count {
            control.count = Some(0);
            control.applied.push(("_summary".into(), "count".into()));
        }
        match problem {
            Some(error) => Err(error),
            None => Ok(control),
        }
    }
}

fn bad_after() -> Error {
    let (ja, en) = ("_after は next リンクにあるままに使ってください。", "Use _after as the next link has it.");
    Error::bad_parameter("_after", ja, en)
}

fn bad_total() -> Error {
    let (ja, en) =
        ("_total は none, estimate, accurate のどれかです。", "_total is one of none, estimate and accurate.");
    Error::bad_parameter("_total", ja, en)
}
