//! `POST [base]`: batch and transaction. R4 `http.html#transaction`.

use std::collections::HashMap;

use base64::Engine;
use bytes::Bytes;
use futures_util::StreamExt;

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{Done, EntryRequest, EntryResponse, Freshness, Prefer, Verb, entry_requests};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::http::App;
use crate::http::answer::Answer;
use crate::http::ask::{Ask, Conditions, Form, Media, read_none_match};
use crate::http::bundle_text::{BundleText, object, quoted};
use crate::http::paging::pretty;
use crate::http::route::Route;

use super::written::{location, success};
use super::{check_method, check_type, dispatch, operation};

/// Entries of a batch that are answered at a time: enough for writes to share commits.
const AT_A_TIME: usize = 32;

pub async fn answer(app: &App, ask: &Ask) -> Result<Answer> {
    let bundle = app.gateway.parse(&ask.body)?;
    if bundle.tree.get_str("resourceType") != Some("Bundle") {
        let (ja, en) = ("ここには Bundle を送ってください。", "Send a Bundle here.");
        return Err(Error::bad_request(Issue::error(IssueCode::Structure, ja, en).on("resourceType")));
    }
    let limit = app.gateway.limits.entries;
    if bundle.tree.items("entry").len() > limit {
        return Err(too_many(limit));
    }
    let entries = entry_requests(&bundle, &ask.base);
    match bundle.tree.get_str("type") {
        Some("batch") => Ok(batch(app, ask, entries).await),
        Some("transaction") => transaction(app, ask, entries).await,
        _ => Err(Error::bad_request(
            Issue::error(
                IssueCode::Value,
                "Bundle.type は batch か transaction です。",
                "The Bundle's type must be batch or transaction.",
            )
            .at("Bundle", "/type"),
        )),
    }
}

async fn transaction(app: &App, ask: &Ask, entries: Vec<Result<EntryRequest>>) -> Result<Answer> {
    let entries = entries.into_iter().collect::<Result<Vec<_>>>()?;
    let mut deferred = HashMap::new();
    for entry in entries.iter().filter(|entry| matches!(entry.verb, Verb::Get | Verb::Head) || entry.is_operation()) {
        let route = understood(app, ask, entry).await.map_err(|error| error.within_entry(entry.index))?;
        deferred.insert(entry.index, route);
    }
    let done = app.gateway.transaction(&ask.caller, &entries).await?;
    let mut answers = Vec::with_capacity(done.len());
    for (entry, response) in entries.iter().zip(done) {
        answers.push(match response {
            EntryResponse::Deferred => match deferred.get(&entry.index) {
                Some(route) => one(app, ask, entry, route).await,
                None => Answer::default(),
            },
            other => entry_answer(ask, other),
        });
    }
    let mut bundle = BundleText::new("transaction-response");
    answers.into_iter().for_each(|answer| add(&mut bundle, answer));
    Ok(Answer::ok(pretty(bundle.finish(), &ask.form)))
}

/// A GET or an operation that cannot be understood fails the transaction before anything is written. Whether it finds
/// something is seen afterwards, so this asks in vain for what the transaction is about to create.
async fn understood(app: &App, ask: &Ask, entry: &EntryRequest) -> Result<Route> {
    let route = Route::parse(&entry.path)?;
    if operation::affects_state(app, &route) {
        return Err(nested(entry));
    }
    match try_one(app, ask, entry, &route).await {
        Err(error) if error.kind == ErrorKind::NotFound || error.kind == ErrorKind::Gone => Ok(route),
        Err(error) => Err(error),
        Ok(_) => Ok(route),
    }
}

fn entry_answer(ask: &Ask, response: EntryResponse) -> Answer {
    match response {
        EntryResponse::Written(written) => {
            let version = &written.version;
            let body = match ask.prefer {
                Prefer::Representation => version.body.clone().unwrap_or_default(),
                Prefer::OperationOutcome => success(&written, ask.language),
                Prefer::Unsaid | Prefer::Minimal => String::new(),
            };
            Answer {
                status: if written.done == Done::Created { 201 } else { 200 },
                version: Some(version.version),
                last_modified: Some(version.at),
                location: Some(location(&ask.base, version)),
                body,
                ..Answer::default()
            }
        }
        EntryResponse::Deleted(version) => {
            let (number, at) = version.map(|version| (version.version, version.at)).unzip();
            Answer { status: 204, version: number, last_modified: at, ..Answer::default() }
        }
        EntryResponse::Read(version) => Answer {
            status: 200,
            version: Some(version.version),
            last_modified: Some(version.at),
            body: version.body.unwrap_or_default(),
            ..Answer::default()
        },
        EntryResponse::Deferred => Answer::default(),
    }
}

/// Each entry for itself. Entries on one target keep their order: the second waits for the first.
async fn batch(app: &App, ask: &Ask, entries: Vec<Result<EntryRequest>>) -> Answer {
    let mut answers: Vec<Option<Answer>> = vec![None; entries.len()];
    let mut rounds: Vec<Vec<(usize, EntryRequest)>> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, entry) in entries.into_iter().enumerate() {
        match entry {
            Err(error) => answers[index] = Some(Answer::of_error(&error, ask.language)),
            Ok(entry) => {
                let target = format!("{}?{}", entry.path, entry.query.as_deref().unwrap_or_default());
                let round = seen.entry(target).and_modify(|round| *round += 1).or_insert(0);
                if rounds.len() <= *round {
                    rounds.push(Vec::new());
                }
                rounds[*round].push((index, entry));
            }
        }
    }
    for round in rounds {
        let answering =
            round.into_iter().map(|(index, entry)| async move { (index, entry_alone(app, ask, &entry).await) });
        let mut answering = futures_util::stream::iter(answering).buffer_unordered(AT_A_TIME);
        while let Some((index, answer)) = answering.next().await {
            answers[index] = Some(answer);
        }
    }
    let mut bundle = BundleText::new("batch-response");
    answers.into_iter().flatten().for_each(|answer| add(&mut bundle, answer));
    Answer::ok(pretty(bundle.finish(), &ask.form))
}

async fn entry_alone(app: &App, ask: &Ask, entry: &EntryRequest) -> Answer {
    match Route::parse(&entry.path) {
        Ok(route) if route.is_form_search() => Answer::of_error(&nested(entry), ask.language),
        Ok(Route::System) if entry.verb == Verb::Post => Answer::of_error(&nested(entry), ask.language),
        Ok(route) => one(app, ask, entry, &route).await,
        Err(error) => Answer::of_error(&error.within_entry(entry.index), ask.language),
    }
}

/// Answers an entry as if it had come alone.
async fn one(app: &App, ask: &Ask, entry: &EntryRequest, route: &Route) -> Answer {
    let answer = try_one(app, ask, entry, route).await;
    answer.unwrap_or_else(|error| Answer::of_error(&error.within_entry(entry.index), ask.language))
}

async fn try_one(app: &App, ask: &Ask, entry: &EntryRequest, route: &Route) -> Result<Answer> {
    check_type(app, route)?;
    check_method(app, route, entry.verb)?;
    let query = entry.query.clone().unwrap_or_default();
    let form = Form::read(&query)?;
    let (body, media) = match entry.resource.as_ref() {
        None => (Bytes::new(), Media::Fhir),
        Some(content) => match entry.json_patch() {
            Some(patch) => (Bytes::from(patch), Media::JsonPatch),
            None => (Bytes::from(content.text.clone()), Media::Fhir),
        },
    };
    let conditions = Conditions {
        standing: entry.standing,
        freshness: Freshness {
            none_match: read_none_match(entry.if_none_match.as_deref()),
            modified_since: entry.if_modified_since,
        },
        if_none_exist: entry.if_none_exist.clone(),
    };
    let prefer = if ask.prefer == Prefer::Unsaid { Prefer::Minimal } else { ask.prefer };
    let alone = Ask {
        verb: entry.verb,
        path: entry.path.clone(),
        query,
        conditions,
        prefer,
        form,
        own_form: false,
        media,
        body,
        ..ask.clone()
    };
    Box::pin(dispatch(app, &alone, route)).await
}

fn add(bundle: &mut BundleText, answer: Answer) {
    let status = status_line(answer.status);
    let etag = answer.etag().unwrap_or_default();
    let modified = answer.last_modified.map(|at| at.to_fhir()).unwrap_or_default();
    let location = answer.location.clone().unwrap_or_default();
    let mut response =
        object(&[("status", &status), ("location", &location), ("etag", &etag), ("lastModified", &modified)]);
    let held = answer.media.map(|media| binary(media, &answer.body));
    let mut resource = held.as_deref().unwrap_or(&answer.body);
    let is_outcome = !answer.is_result && resource.starts_with("{\"resourceType\":\"OperationOutcome\"");
    if is_outcome {
        response.insert_str(response.len() - 1, &format!(",\"outcome\":{resource}"));
        resource = "";
    }
    let full_url = if resource.is_empty() { String::new() } else { full_url(&location) };
    bundle.entry(&[("fullUrl", &full_url), ("resource", resource), ("response", &response)]);
}

/// What is no resource, as one (R4 `binary.html`).
fn binary(media: &str, content: &str) -> String {
    let data = base64::engine::general_purpose::STANDARD.encode(content);
    object(&[("resourceType", "Binary"), ("contentType", media), ("data", &data)])
}

/// The resource's own URL, from that of its version.
fn full_url(location: &str) -> String {
    location.split_once("/_history/").map(|(url, _)| quoted(url)).unwrap_or_default()
}

fn status_line(status: u16) -> String {
    let reason = axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    format!("{status} {}", reason.unwrap_or_default()).trim_end().to_owned()
}

fn nested(entry: &EntryRequest) -> Error {
    let (ja, en) = (
        "Bundle の中にこの操作は入れられません。単独で送ってください。",
        "This cannot stand inside a Bundle. Send it by itself.",
    );
    Error::bad_request(Issue::error(IssueCode::NotSupported, ja, en).on(format!("{}.request.url", entry.place())))
}

fn too_many(limit: usize) -> Error {
    let issue = Issue::error(
        IssueCode::TooLong,
        format!("entry が多すぎます。{limit} 件までに分けてください。"),
        format!("The Bundle has too many entries. Split it into parts of at most {limit}."),
    );
    Error::new(ErrorKind::TooLarge, issue.at("Bundle", "/entry"))
}
