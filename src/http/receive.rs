//! The one way in: judges a request in the order that ARCHITECTURE.md ("Answers") gives, hands it on, logs what became of it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use bytes::Bytes;
use futures_util::FutureExt;

use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Verb;
use crate::fhir::outcome::{Issue, IssueCode, Language};

use super::answer::Answer;
use super::ask::{
    Ask, Conditions, Form, Media, asks_for, check_acceptable, read_charset, read_language, read_media,
    read_operation_media, read_prefer,
};
use super::gzip::{self, Unpackable};
use super::interaction::operation::{find, own_form};
use super::interaction::{check_method, check_type, dispatch, is_known, methods};
use super::route::Route;
use super::{App, FHIR_PATH, Site};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything under the FHIR base, and what is not there.
///
/// A panic is a defect, and is answered like one: nothing of it reaches the client.
pub async fn any(State(site): State<Site>, request: Request<Body>) -> Response<Body> {
    match under_base(request.uri().path()) {
        Some(path) => {
            let path = path.to_owned();
            AssertUnwindSafe(answer_to(&site.now(), request, path)).catch_unwind().await.unwrap_or_else(panicked)
        }
        None => nothing_here(&request),
    }
}

/// The path below the FHIR base, without `/` at its start.
fn under_base(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(FHIR_PATH)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

async fn answer_to(app: &App, request: Request<Body>, path: String) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let request_id = request_id(&parts.headers);
    let language = read_language(&parts.headers);
    let route = Route::parse(&path);
    let rtype = route.as_ref().ok().and_then(Route::rtype).filter(|name| is_known(app, name)).map(str::to_owned);
    let mut answer = match route {
        Ok(route) => handle(app, &parts, body, path, &route, &request_id, language).await.unwrap_or_else(|error| {
            let mut answer = Answer::of_error(&error, language);
            answer.allow = (error.kind == ErrorKind::MethodNotAllowed).then(|| methods(app, &route));
            answer
        }),
        Err(error) => {
            drain(app, &parts.headers, body).await;
            Answer::of_error(&error, language)
        }
    };
    let (status, micros) = (answer.status, started.elapsed().as_micros());
    // Ids and criteria may tell of patients: the log knows type and method alone.
    tracing::info!(%request_id, method = %parts.method, rtype, status, micros, "request");
    if status == 204 || status == 304 {
        answer.body.clear();
    }
    let mut response = answer.into_response(gzip::accepts(&parts.headers));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

async fn handle(
    app: &App,
    parts: &Parts,
    body: Body,
    path: String,
    route: &Route,
    request_id: &str,
    language: Language,
) -> Result<Answer> {
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let bodiless = body.is_end_stream();
    let (verb, media, packed) = match judge(app, parts, route, &query, bodiless) {
        Ok(judged) => judged,
        Err(error) => {
            drain(app, &parts.headers, body).await;
            return Err(error);
        }
    };
    let body = match verb {
        Verb::Post | Verb::Put | Verb::Patch => read_body(app, &parts.headers, body, packed).await?,
        Verb::Get | Verb::Head | Verb::Delete => Bytes::new(),
    };
    let form = match media {
        // A search's parameters may stand in the body, those that shape the answer included.
        Media::Form => {
            let all = format!("{query}&{}", String::from_utf8_lossy(&body));
            check_acceptable(&parts.headers, &all)?;
            Form::read(&all)?
        }
        Media::Fhir | Media::JsonPatch | Media::Ndjson | Media::Csv => Form::read(&query)?,
    };
    let (prefer, strict) = read_prefer(&parts.headers);
    let ask = Ask {
        verb,
        conditions: Conditions::read(&parts.headers, verb)?,
        prefer,
        strict,
        form,
        own_form: asks_for_own_form(route, &parts.headers, &query),
        media,
        charset: read_charset(&parts.headers),
        body,
        language,
        base: base(app, &parts.headers),
        caller: Caller::local(request_id),
        path,
        query,
    };
    let done = dispatch(app, &ask, route).await;
    // What a patch leads to was not sent, and has no lines.
    if ask.verb == Verb::Patch { done } else { done.map_err(|error| error.located_in(&ask.body)) }
}

/// What can be refused before the body is read; else the method, what the body is, and whether it is packed.
fn judge(app: &App, parts: &Parts, route: &Route, query: &str, bodiless: bool) -> Result<(Verb, Media, bool)> {
    check_type(app, route)?;
    let verb = verb(&parts.method).ok_or_else(unknown_method)?;
    check_method(app, route, verb)?;
    // All inputs of an operation may stand in the URL, also with POST.
    let unsaid = bodiless && !parts.headers.contains_key(header::CONTENT_TYPE);
    let media = match route {
        Route::Operation(_, _) if unsaid => Ok(Media::Fhir),
        Route::Operation(target, name) => read_operation_media(&parts.headers, verb, find(app, target, name)?.media()),
        _ => read_media(&parts.headers, verb, route.is_form_search()),
    };
    if !matches!(media, Ok(Media::Form)) && !asks_for_own_form(route, &parts.headers, query) {
        // A form may hold `_format`, which overrides `Accept`: it is judged once it is read.
        check_acceptable(&parts.headers, query)?;
    }
    Ok((verb, media?, is_packed(&parts.headers)?))
}

/// What an operation answers in a media type of its own may be asked for by that name.
fn asks_for_own_form(route: &Route, headers: &HeaderMap, query: &str) -> bool {
    let Route::Operation(_, name) = route else { return false };
    own_form(name).is_some_and(|media| asks_for(headers, query, media))
}

/// Lets the client send its body to the end, within reason: one that is still sending when the connection closes never
/// sees why it was refused.
async fn drain(app: &App, headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(header::EXPECT) {
        return; // This client waits for the answer before it sends; reading would invite it to.
    }
    let read = async {
        let mut rest = app.gateway.limits.body.saturating_mul(2);
        while let Some(Ok(frame)) = body.frame().await {
            match rest.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => rest = less,
                None => break,
            }
        }
    };
    if tokio::time::timeout(app.body_timeout, read).await.is_err() {
        tracing::debug!("a refused body did not end in time");
    }
}

fn verb(method: &Method) -> Option<Verb> {
    Some(match *method {
        Method::GET => Verb::Get,
        Method::HEAD => Verb::Head,
        Method::POST => Verb::Post,
        Method::PUT => Verb::Put,
        Method::PATCH => Verb::Patch,
        Method::DELETE => Verb::Delete,
        _ => return None,
    })
}

fn unknown_method() -> Error {
    let (ja, en) = ("このメソッドは使えません。", "This method is not offered.");
    Error::new(ErrorKind::MethodNotAllowed, Issue::error(IssueCode::NotSupported, ja, en))
}

/// Reads the body within its limits of size and time; unpacks gzip.
async fn read_body(app: &App, headers: &HeaderMap, mut body: Body, packed: bool) -> Result<Bytes> {
    let limit = app.gateway.limits.body;
    let collected = tokio::time::timeout(app.body_timeout, Limited::new(&mut body, limit).collect()).await;
    let bytes = match collected {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            drain(app, headers, body).await;
            return Err(too_large(limit));
        }
        Ok(Err(_)) | Err(_) => return Err(cut_off()),
    };
    if packed { unpacked(&bytes, limit) } else { Ok(bytes) }
}

/// Whether the body is gzip. 415, before its size is looked at, where it is packed in another way.
fn is_packed(headers: &HeaderMap) -> Result<bool> {
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => {
            let (ja, en) = ("Content-Encoding は gzip だけです。", "The only Content-Encoding is gzip.");
            let issue = Issue::error(IssueCode::NotSupported, ja, en).on("http.header:Content-Encoding");
            Err(Error::new(ErrorKind::UnsupportedMediaType, issue))
        }
    }
}

fn unpacked(packed: &[u8], limit: usize) -> Result<Bytes> {
    gzip::unpack(packed, limit).map(Bytes::from).map_err(|problem| match problem {
        Unpackable::TooLarge => too_large(limit),
        Unpackable::NotGzip => {
            let (ja, en) = ("本文を gzip として展開できません。", "The body cannot be unpacked as gzip.");
            Error::bad_request(Issue::error(IssueCode::Structure, ja, en))
        }
    })
}

fn too_large(limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        Issue::error(
            IssueCode::TooLong,
            format!("本文が大きすぎます。{limit} バイトまでです。Bundle なら分けて送ってください。"),
            format!("The body is too large. The limit is {limit} bytes. Split a Bundle into parts."),
        ),
    )
}

fn cut_off() -> Error {
    let (ja, en) = ("本文が最後まで届きませんでした。", "The body did not arrive whole in time.");
    Error::bad_request(Issue::error(IssueCode::Structure, ja, en))
}

/// The base that links carry: as configured, or as the request addressed the server.
fn base(app: &App, headers: &HeaderMap) -> String {
    match &app.base_url {
        Some(base) => base.to_string(),
        None => {
            let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("localhost");
            format!("http://{host}{FHIR_PATH}")
        }
    }
}

/// The caller's own id where it is a plain one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(next_request_id, str::to_owned)
}

/// A number of this process that no other gateway has, and a count: no call into the system for each request.
fn next_request_id() -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| uuid::Uuid::new_v4().as_u64_pair().0);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{:016x}-{:x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Every other path.
fn nothing_here(request: &Request<Body>) -> Response<Body> {
    let language = read_language(request.headers());
    let (ja, en) = ("FHIR は /fhir の下にあります。", "FHIR is under /fhir.");
    let error = Error::new(ErrorKind::UnknownTarget, Issue::error(IssueCode::NotFound, ja, en));
    Answer::of_error(&error, language).into_response(false)
}

/// A defect: the log says what, the answer does not.
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let error = Error::internal("panic", &text.unwrap_or("of unknown kind"));
    Answer::of_error(&error, Language::default()).into_response(false)
}
