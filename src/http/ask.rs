//! A request, read into types at the edge: headers, query, form of the answer. R4 `http.html#general`.

use axum::http::HeaderMap;
use axum::http::header;
use bytes::Bytes;

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::{Freshness, PatchForm, Prefer, Standing, Verb, parse_etag};
use crate::fhir::instant::Instant;
use crate::fhir::outcome::{Issue, IssueCode, Language};
use crate::search::split_query;

/// One interaction that is asked for, alone or as an entry of a batch.
#[derive(Clone, Debug)]
pub struct Ask {
    pub verb: Verb,
    /// Under the base, without `/` at its start.
    pub path: String,
    /// As it came, without the `?`.
    pub query: String,
    pub conditions: Conditions,
    pub prefer: Prefer,
    /// `Prefer: handling=strict`.
    pub strict: bool,
    pub form: Form,
    /// Whether an operation is asked to answer in its own media type.
    pub own_form: bool,
    pub media: Media,
    /// What the body's Content-Type says of its characters.
    pub charset: Option<String>,
    pub body: Bytes,
    pub language: Language,
    /// The server's own base, without `/` at its end.
    pub base: String,
    pub caller: Caller,
}

/// The conditional headers.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// `If-Match`, or `If-None-Match: *`.
    pub standing: Standing,
    pub freshness: Freshness,
    pub if_none_exist: Option<String>,
}

/// How the answer is to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    pub pretty: bool,
    pub summary: Summary,
    pub elements: Option<Vec<String>>,
}

/// `_summary` (R4 `search.html#summary`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    #[default]
    False,
    True,
    Text,
    Data,
    Count,
}

/// What a body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Media {
    #[default]
    Fhir,
    JsonPatch,
    Form,
    /// Lines of JSON, for operations that take many rows.
    Ndjson,
    /// A table, for operations that take such; [`Self::Csv`] says nothing of its characters.
    Csv,
}

impl Ask {
    /// The query's pairs, without those that only shape the answer.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let shaping = ["_format", "_pretty", "_summary", "_elements"];
        split_query(&self.query).into_iter().filter(|(name, _)| !shaping.contains(&name.as_str())).collect()
    }

    pub fn patch_form(&self) -> PatchForm {
        if self.media == Media::JsonPatch { PatchForm::Json } else { PatchForm::FhirPath }
    }
}

impl Conditions {
    pub fn read(headers: &HeaderMap, verb: Verb) -> Result<Conditions> {
        let (if_match, if_none_match) = (condition(headers, "if-match"), condition(headers, "if-none-match"));
        let names = ["http.header:If-Match", "http.header:If-None-Match"];
        let modified_since = condition(headers, "if-modified-since");
        Ok(Conditions {
            standing: Standing::of_request(verb, if_match.as_deref(), if_none_match.as_deref(), names)?,
            freshness: Freshness {
                none_match: read_none_match(if_none_match.as_deref()),
                modified_since: modified_since.as_deref().and_then(Instant::parse_http),
            },
            if_none_exist: condition(headers, "if-none-exist").map(|query| query.trim_start_matches('?').to_owned()),
        })
    }
}

/// A condition's value. What is no text reads as empty, which every condition refuses, and several lines are one list: a
/// condition must never go unheard.
fn condition(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The versions that the caller has; an empty list is `*`.
pub fn read_none_match(value: Option<&str>) -> Option<Vec<i64>> {
    match value.map(str::trim)? {
        "*" => Some(Vec::new()),
        // A tag that is none of ours matches nothing: version 0 never exists.
        list => Some(list.split(',').map(|tag| parse_etag(tag).unwrap_or(0)).collect()),
    }
}

impl Form {
    /// Reads `_pretty`, `_summary` and `_elements`.
    pub fn read(query: &str) -> Result<Form> {
        Form::of(&split_query(query))
    }

    pub fn of(pairs: &[(String, String)]) -> Result<Form> {
        let mut form = Form::default();
        for (name, value) in pairs {
            match name.as_str() {
                "_pretty" => form.pretty = value == "true",
                "_summary" => {
                    form.summary = match value.as_str() {
                        "true" => Summary::True,
                        "text" => Summary::Text,
                        "data" => Summary::Data,
                        "count" => Summary::Count,
                        "false" => Summary::False,
                        _ => {
                            let ja = "_summary は true, text, data, count, false のどれかです。";
                            let en = "_summary is one of true, text, data, count and false.";
                            return Err(Error::bad_parameter("_summary", ja, en));
                        }
                    }
                }
                "_elements" => {
                    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                    form.elements = Some(names.map(str::to_owned).collect());
                }
                _ => {}
            }
        }
        Ok(form)
    }

    /// Whether the whole resource is wanted as it is stored.
    pub fn is_plain(&self) -> bool {
        !self.pretty && matches!(self.summary, Summary::False | Summary::Count) && self.elements.is_none()
    }
}

/// `Prefer`: the wanted return, and whether handling is strict.
pub fn read_prefer(headers: &HeaderMap) -> (Prefer, bool) {
    let values = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    let (mut prefer, mut strict) = (Prefer::Unsaid, false);
    for part in values.flat_map(|value| value.split([',', ';'])) {
        match part.trim() {
            "return=minimal" => prefer = Prefer::Minimal,
            "return=representation" => prefer = Prefer::Representation,
            "return=OperationOutcome" => prefer = Prefer::OperationOutcome,
            "handling=strict" => strict = true,
            _ => {}
        }
    }
    (prefer, strict)
}

/// The language of messages: the first of `ja` and `en` that `Accept-Language` names, else Japanese.
pub fn read_language(headers: &HeaderMap) -> Language {
    let value = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut wanted: Vec<(f32, &str)> = value.split(',').filter_map(with_quality).collect();
    wanted.sort_by(|left, right| right.0.total_cmp(&left.0));
    let known = |(_, tag): &(f32, &str)| match tag.get(..2)?.to_ascii_lowercase().as_str() {
        "ja" => Some(Language::Ja),
        "en" => Some(Language::En),
        _ => None,
    };
    wanted.iter().find_map(known).unwrap_or_default()
}

fn with_quality(part: &str) -> Option<(f32, &str)> {
    let mut pieces = part.split(';').map(str::trim);
    let name = pieces.next().filter(|name| !name.is_empty())?;
    let quality = pieces.find_map(|piece| piece.strip_prefix("q=")).and_then(|quality| quality.parse().ok());
    Some((quality.unwrap_or(1.0), name))
}

/// 406 unless the answer may be FHIR JSON. `_format` overrides `Accept` (R4 `http.html#parameters`).
pub fn check_acceptable(headers: &HeaderMap, query: &str) -> Result<()> {
    let format = split_query(query).into_iter().find(|(name, _)| name == "_format").map(|(_, value)| value);
    let acceptable = match &format {
        // An unescaped `+` arrives as a space.
        Some(format) => format == "json" || is_json(&format.replace(' ', "+")),
        None => accepts(headers),
    };
    if acceptable {
        return Ok(());
    }
    let (ja, en) = (
        "この形式では答えられません。Accept か _format に application/fhir+json を指定してください。",
        "No answer in that form. Ask for application/fhir+json in Accept or _format.",
    );
    Err(Error::new(ErrorKind::NotAcceptable, Issue::error(IssueCode::NotSupported, ja, en).on("http.header:Accept")))
}

/// Whether the answer is to be of `media`, which an operation has besides FHIR JSON: `_format` names it or its subtype, or
/// `Accept` does, and does not name a JSON type that it wants as much.
pub fn asks_for(headers: &HeaderMap, query: &str, media: &str) -> bool {
    let subtype = media.rsplit('/').next().unwrap_or_default();
    if let Some((_, format)) = split_query(query).into_iter().find(|(name, _)| name == "_format") {
        return format == media || format == subtype;
    }
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let parts: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    let name = |part: &str| part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let quality = |part: &&str| with_quality(part).map_or(0.0, |(quality, _)| quality);
    let own = parts.iter().filter(|part| name(part) == media).map(quality).fold(0.0, f32::max);
    let json = parts.iter().filter(|part| is_json(part)).map(quality).fold(0.0, f32::max);
    own > json
}

/// Whether `Accept` admits FHIR JSON: the ranges that fit it best decide (RFC 9110 12.5.1), so that
/// `application/fhir+json;q=0, */*` is a refusal.
fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let parts: Vec<&str> = values.flat_map(|value| value.split(',')).filter(|part| !part.trim().is_empty()).collect();
    let fitting = parts.iter().filter_map(|part| Some((closeness(part)?, with_quality(part)?.0 > 0.0)));
    // Whoever refuses `application/json` has not refused FHIR's own type; whoever asks for it is answered in that.
    let fitting = fitting.filter(|judged| *judged != (ALIAS, false));
    parts.is_empty() || fitting.max().is_some_and(|(_, wanted)| wanted)
}

/// The closeness of a JSON type other than FHIR's own.
const ALIAS: u8 = 2;

/// How well a media range fits the answer; `None` where it is another form.
fn closeness(part: &str) -> Option<u8> {
    let name = part.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "*/*" => Some(0),
        "application/*" => Some(1),
        "application/fhir+json" if is_json(part) => Some(3),
        _ => is_json(part).then_some(ALIAS),
    }
}

/// `application/fhir+json`, `application/json` or `text/json`, in R4 and UTF-8 where the parameters say so.
fn is_json(media: &str) -> bool {
    let mut pieces = media.split(';').map(|piece| piece.trim().to_ascii_lowercase());
    let name = pieces.next().unwrap_or_default();
    let known = matches!(name.as_str(), "application/fhir+json" | "application/json" | "text/json");
    known && pieces.all(|piece| fits(&piece))
}

fn fits(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some(("charset", charset)) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
        Some(("fhirversion", version)) => matches!(version.trim_matches('"'), "4.0" | "4.0.1"),
        _ => true,
    }
}

/// The `charset` of the Content-Type.
pub fn read_charset(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let charset = |part: &str| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    };
    value.split(';').skip(1).find_map(charset)
}

/// What an operation's body is: FHIR JSON, or one of the further media that the operation takes; else 415.
pub fn read_operation_media(headers: &HeaderMap, verb: Verb, further: &[Media]) -> Result<Media> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let named = match name.as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/fhir+ndjson" => Some(Media::Ndjson),
        "text/csv" => Some(Media::Csv),
        _ => None,
    };
    match named.filter(|media| further.contains(media)) {
        Some(media) => Ok(media),
        None => read_media(headers, verb, false),
    }
}

/// What the body is; 415 where it is nothing that the interaction takes.
pub fn read_media(headers: &HeaderMap, verb: Verb, is_search: bool) -> Result<Media> {
    if !matches!(verb, Verb::Post | Verb::Put | Verb::Patch) {
        return Ok(Media::Fhir);
    }
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if is_search && (name == "application/x-www-form-urlencoded" || value.is_empty()) {
        return Ok(Media::Form);
    }
    if verb == Verb::Patch && name == "application/json-patch+json" {
        return Ok(Media::JsonPatch);
    }
    if is_json(value) && !is_search {
        return Ok(Media::Fhir);
    }
    let wanted = match (is_search, verb) {
        (true, _) => "application/x-www-form-urlencoded",
        (_, Verb::Patch) => "application/json-patch+json, application/fhir+json",
        _ => "application/fhir+json",
    };
    Err(Error::new(
        ErrorKind::UnsupportedMediaType,
        Issue::error(
            IssueCode::NotSupported,
            format!("この Content-Type は受け取れません。使えるもの: {wanted}"),
            format!("This Content-Type is not taken here. Use: {wanted}"),
        )
        .on("http.header:Content-Type"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acceptable(accept: &str, query: &str) -> bool {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        check_acceptable(&headers, query).is_ok()
    }

    #[test]
    fn json_in_r4_is_what_can_be_accepted() {
        for accept in
            ["", "*/*", "application/fhir+json", "text/html, */*;q=0.1", "application/fhir+json; fhirVersion=4.0"]
        {
            assert!(acceptable(accept, ""), "{accept}");
        }
        for accept in
            ["application/fhir+xml", "text/html", "application/fhir+json;q=0", "application/fhir+json; fhirVersion=3.0"]
        {
            assert!(!acceptable(accept, ""), "{accept}");
        }
        assert!(acceptable("application/fhir+xml", "_format=json"));
        assert!(acceptable("", "_format=application/fhir+json"));
        assert!(!acceptable("application/fhir+json", "_format=xml"));
    }

    #[test]
    fn the_first_known_language_wins_by_quality() {
        let language = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
            read_language(&headers)
        };
        assert_eq!(language("en-US,en;q=0.9,ja;q=0.8"), Language::En);
        assert_eq!(language("en;q=0.1, ja"), Language::Ja);
        assert_eq!(language("fr"), Language::Ja);
    }
}
