//! The entries of a batch or transaction, read one by one. R4 `http.html#transaction`.

use crate::error::{Error, Result};
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, scan};
use crate::fhir::outcome::{Issue, IssueCode};

use super::prepare::Content;
use super::{Standing, aside};

/// `request.method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    // In the order in which a transaction is processed.
    Delete,
    Post,
    Put,
    Patch,
    Get,
    Head,
}

/// What one entry asks for.
#[derive(Clone, Debug)]
pub struct EntryRequest {
    /// Its place in the Bundle.
    pub index: usize,
    pub verb: Verb,
    /// Path without the base, such as `Patient/1`; never starts with `/`.
    pub path: String,
    /// Without the `?`.
    pub query: Option<String>,
    pub full_url: Option<String>,
    pub resource: Option<Content>,
    /// What a write asks: `ifMatch`, or `ifNoneMatch: *`.
    pub standing: Standing,
    /// What the caller of a read has already.
    pub if_none_match: Option<String>,
    pub if_modified_since: Option<Instant>,
    pub if_none_exist: Option<String>,
}

impl EntryRequest {
    /// `Bundle.entry[n]`, for messages.
    pub fn place(&self) -> String {
        format!("Bundle.entry[{}]", self.index)
    }

    /// The JSON Patch in a Binary, as R4 `http.html#patch` has it inside a Bundle. Text that is not base64 becomes an
    /// empty document, which is no patch.
    pub fn json_patch(&self) -> Option<Vec<u8>> {
        use base64::Engine;
        let resource = &self.resource.as_ref().filter(|_| self.verb == Verb::Patch)?.tree;
        (resource.get_str("resourceType") == Some("Binary")).then(|| {
            let data = resource.get_str("data").unwrap_or_default();
            base64::engine::general_purpose::STANDARD.decode(data).unwrap_or_default()
        })
    }

    /// Whether it asks for a `$` operation. All of them only read, so a transaction answers them after the commit.
    pub fn is_operation(&self) -> bool {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        last.starts_with('$') && matches!(self.verb, Verb::Get | Verb::Head | Verb::Post)
    }

    /// `Type` of `Type?…`, or `Type` and `id` of `Type/id`.
    pub fn target(&self) -> (&str, Option<&str>) {
        match self.path.split_once('/') {
            Some((rtype, id)) => (rtype, Some(id)),
            None => (&self.path, None),
        }
    }
}

/// Reads every entry; `base` is the server's own, for URLs that carry it.
pub fn entry_requests(bundle: &Content, base: &str) -> Vec<Result<EntryRequest>> {
    aside(bundle.text.len(), || read_entries(bundle, base))
}

fn read_entries(bundle: &Content, base: &str) -> Vec<Result<EntryRequest>> {
    let list = scan::members(&bundle.text, 0).into_iter().find(|member| member.key == "entry");
    let places = list.map(|member| scan::items(&bundle.text, member.value.start)).unwrap_or_default();
    let entries = bundle.tree.items("entry");
    let read = |(index, entry): (usize, &Json)| {
        let text = places.get(index).map(|place| &bundle.text[place.clone()]);
        read_entry(index, entry, text, base)
    };
    entries.iter().enumerate().map(read).collect()
}

fn read_entry(index: usize, entry: &Json, text: Option<&str>, base: &str) -> Result<EntryRequest> {
    let place = format!("Bundle.entry[{index}]");
    let request = entry
        .get("request")
        .ok_or_else(|| refused(&format!("{place}.request"), "request がありません。", "The entry has no request."))?;
    let verb = verb(request.get_str("method")).ok_or_else(|| {
        let method = format!("{place}.request.method");
        refused(
            &method,
            "method は GET, HEAD, POST, PUT, PATCH, DELETE のどれかです。",
            "The method must be GET, HEAD, POST, PUT, PATCH or DELETE.",
        )
    })?;
    let url = request
        .get_str("url")
        .ok_or_else(|| refused(&format!("{place}.request.url"), "url がありません。", "The request has no url."))?;
    let resource = entry.get("resource").map(|tree| resource_content(tree, text));
    if resource.is_none() && matches!(verb, Verb::Post | Verb::Put | Verb::Patch) {
        return Err(refused(&format!("{place}.resource"), "resource がありません。", "The entry has no resource."));
    }
    let local = url.strip_prefix(base).unwrap_or(url).trim_start_matches('/');
    let (path, query) = match local.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (local, None),
    };
    Ok(EntryRequest {
        index,
        verb,
        path: path.to_owned(),
        query,
        full_url: entry.get_str("fullUrl").map(str::to_owned),
        resource,
        standing: standing(request, verb, &place)?,
        if_none_match: request.get_str("ifNoneMatch").map(str::to_owned),
        if_modified_since: request.get_str("ifModifiedSince").and_then(Instant::parse),
        if_none_exist: request.get_str("ifNoneExist").map(|query| query.trim_start_matches('?').to_owned()),
    })
}

fn standing(request: &Json, verb: Verb, place: &str) -> Result<Standing> {
    let names = [format!("{place}.request.ifMatch"), format!("{place}.request.ifNoneMatch")];
    let (if_match, if_none_match) = (request.get_str("ifMatch"), request.get_str("ifNoneMatch"));
    Standing::of_request(verb, if_match, if_none_match, names.each_ref().map(String::as_str))
}

/// The resource with its own part of the Bundle's text.
fn resource_content(tree: &Json, entry: Option<&str>) -> Content {
    let member = entry.and_then(|text| scan::members(text, 0).into_iter().find(|member| member.key == "resource"));
    let text = match (entry, member) {
        (Some(text), Some(member)) => text[member.value].to_owned(),
        _ => crate::fhir::json::to_compact(tree),
    };
    Content { text, tree: tree.clone() }
}

fn verb(method: Option<&str>) -> Option<Verb> {
    Some(match method? {
        "GET" => Verb::Get,
        "HEAD" => Verb::Head,
        "POST" => Verb::Post,
        "PUT" => Verb::Put,
        "PATCH" => Verb::Patch,
        "DELETE" => Verb::Delete,
        _ => return None,
    })
}

fn refused(expression: &str, ja: &str, en: &str) -> Error {
    Error::bad_request(Issue::error(IssueCode::Required, ja, en).on(expression))
}
