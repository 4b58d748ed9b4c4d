//! A page of a search as a Bundle. R4 `bundle.html#searchset`.

use crate::fhir::json::to_compact;
use crate::fhir::outcome::{Issue, IssueCode, operation_outcome};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Ask;
use crate::http::bundle_text::{BundleText, SearchMode};
use crate::http::paging::{pretty, url};
use crate::http::subset::shape;
use crate::search::{Ignored, SearchRequest};
use crate::store::Version;

use super::control::Control;
use super::{Links, SearchPage};

pub fn bundle(
    app: &App,
    ask: &Ask,
    control: &Control,
    request: &SearchRequest,
    page: SearchPage,
    links: &Links<'_>,
) -> Answer {
    let links = written(ask, control, request, links);
    let mut bundle = BundleText::new("searchset").total(page.total).links(&links);
    let mut form = control.form.clone();
    form.pretty = false;
    let mut add = |version: Version, mode: SearchMode| {
        let full_url = format!("{}/{}", ask.base, version.key);
        let body = shape(version.body.unwrap_or_default(), &form, &app.gateway.definitions);
        bundle.search_entry(&full_url, &body, mode);
    };
    for hit in page.matches {
        add(hit.version, SearchMode::Match { metres: hit.metres });
    }
    for version in page.included {
        add(version, SearchMode::Include);
    }
    let mut issues: Vec<Issue> = request.ignored.iter().map(left_aside).collect();
    issues.extend(page.told);
    if !issues.is_empty() {
        // R4 `search.html#errors`: what the answer leaves aside is told in an entry of its own.
        bundle.search_entry("", &to_compact(&operation_outcome(&issues, ask.language)), SearchMode::Outcome);
    }
    Answer::ok(pretty(bundle.finish(), &ask.form))
}

fn written(ask: &Ask, control: &Control, request: &SearchRequest, links: &Links<'_>) -> Vec<(&'static str, String)> {
    let page = |cursor: &str| {
        let pairs = [("_count".to_owned(), links.size.to_string()), ("_cursor".to_owned(), cursor.to_owned())];
        url(&ask.base, links.path, &pairs)
    };
    let this = match &links.this {
        Some(cursor) => page(cursor),
        None => {
            let applied: Vec<_> = request.applied.iter().cloned().chain(control.applied(links.size)).collect();
            url(&ask.base, links.path, &applied)
        }
    };
    let next = links.next.as_deref().map(|cursor| ("next", page(cursor)));
    std::iter::once(("self", this)).chain(next).collect()
}

fn left_aside(ignored: &Ignored) -> Issue {
    let name = &ignored.name;
    Issue::warning(
        IssueCode::NotSupported,
        format!("パラメータ {name} は使えないため無視しました。"),
        format!("The parameter {name} is not known here and was ignored."),
    )
    .on(format!("http.name:{name}"))
}
