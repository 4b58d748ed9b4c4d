//! The searchset Bundle.

use crate::exchange::{FunctionTotal, VacanciesFound, VacancyMatch};
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, to_compact};
use crate::fhir::outcome::{CANONICAL, Issue, IssueCode, Language, Severity, operation_outcome};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::Ask;
use crate::http::bundle_text::{BundleText, SearchMode, distance, quoted};
use crate::http::paging::{pretty, url};
use crate::http::subset::shape;

use super::PATH;

/// Where this page is, and the next.
pub struct Links<'a> {
    pub pairs: &'a [(String, String)],
    /// This page's own cursor, where it is not the first.
    pub this: Option<String>,
    pub next: Option<String>,
    pub count: Option<usize>,
}

pub fn bundle(app: &App, ask: &Ask, found: &VacanciesFound, links: &Links<'_>) -> Answer {
    let count = links.count.map(|count| ("_count".to_owned(), count.to_string()));
    let cursor = |text: &String| {
        let pairs: Vec<_> = count.clone().into_iter().chain([("_cursor".to_owned(), text.clone())]).collect();
        url(&ask.base, PATH, &pairs)
    };
    let first = || url(&ask.base, PATH, &links.pairs.iter().cloned().chain(count.clone()).collect::<Vec<_>>());
    let this = links.this.as_ref().map_or_else(first, cursor);
    let next = links.next.as_ref().map(|next| ("next", cursor(next)));
    let written: Vec<(&str, String)> = std::iter::once(("self", this)).chain(next).collect();
    let mut bundle = BundleText::new("searchset").total(Some(found.total)).links(&written);
    let mut form = ask.form.clone();
    form.pretty = false;
    let shaped = |body: &Option<String>| shape(body.clone().unwrap_or_default(), &form, &app.gateway.definitions);
    for (version, one) in &found.matches {
        let full_url = quoted(&format!("{}/{}", ask.base, version.key));
        let search = search(one);
        bundle.entry(&[("fullUrl", &full_url), ("resource", &shaped(&version.body)), ("search", &search)]);
    }
    for version in &found.included {
        bundle.search_entry(&format!("{}/{}", ask.base, version.key), &shaped(&version.body), SearchMode::Include);
    }
    let totals = to_compact(&outcome(&found.totals, ask.language));
    bundle.search_entry("", &totals, SearchMode::Outcome);
    Answer::ok(pretty(bundle.finish(), &ask.form))
}

/// `entry.search`: how well it suits, how far it is, and what makes it suit.
fn search(one: &VacancyMatch) -> String {
    let mut parts = match one.available {
        Some(available) => vec![part("available", "valueUnsignedInt", &available.to_string())],
        None => Vec::new(),
    };
    let moment = |millis: i64| quoted(&Instant(millis).to_fhir());
    parts.extend(one.as_of.map(|as_of| part("asOf", "valueInstant", &moment(as_of))));
    parts.extend(one.valid_until.map(|until| part("validUntil", "valueInstant", &moment(until))));
    parts.push(part("known", "valueBoolean", &one.available.is_some().to_string()));
    let reason = |(input, value): &(&str, String)| part("matched", "valueString", &quoted(&format!("{input}={value}")));
    parts.extend(one.reasons.iter().map(reason));
    let why =
        format!("{{\"url\":\"{CANONICAL}/StructureDefinition/vacancy-match\",\"extension\":[{}]}}", parts.join(","));
    let extensions: Vec<String> = one.metres.map(distance).into_iter().chain([why]).collect();
    format!("{{\"extension\":[{}],\"mode\":\"match\",\"score\":{:.4}}}", extensions.join(","), one.score)
}

fn part(url: &str, member: &str, value: &str) -> String {
    format!("{{\"url\":\"{url}\",\"{member}\":{value}}}")
}

/// One issue a bed function, with its code in `details.coding` and the numbers in `diagnostics`.
fn outcome(totals: &[FunctionTotal], language: Language) -> Json {
    let issue = |total: &FunctionTotal| {
        let FunctionTotal { function, wards, available, unknown } = total;
        let function = function.as_deref().unwrap_or("-");
        let ja = format!("{function}: {wards} 病棟に空床 {available}(うち空床数不明 {unknown} 病棟)");
        let en = format!("{function}: {available} free beds in {wards} wards ({unknown} of them unknown)");
        Issue::new(Severity::Information, IssueCode::Informational, ja, en)
    };
    let issues: Vec<Issue> = totals.iter().map(issue).collect();
    let mut outcome = operation_outcome(&issues, language);
    let members = outcome.as_object_mut().and_then(|outcome| outcome.get_mut("issue"));
    if let Some(Json::Array(written)) = members {
        for (issue, total) in written.iter_mut().zip(totals) {
            code(issue, total);
        }
    }
    outcome
}

fn code(issue: &mut Json, total: &FunctionTotal) {
    let numbers = format!("wards={} available={} unknown={}", total.wards, total.available, total.unknown);
    let Some(issue) = issue.as_object_mut() else { return };
    issue.insert("diagnostics", numbers);
    let (Some(function), Some(details)) = (&total.function, issue.get_mut("details").and_then(Json::as_object_mut))
    else {
        return;
    };
    let system = format!("{CANONICAL}/CodeSystem/bed-function");
    let coding = Json::from([("system", system.into()), ("code", function.as_str().into())]);
    details.insert("coding", vec![coding]);
}
