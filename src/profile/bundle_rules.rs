//! Rules for Bundles beyond their invariants: addresses of entries, what a document or message must hold, links and
//! search results. R4 `bundle.html`, `documents.html`, `messaging.html`, `search.html`.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode, Severity};

use super::format;
use super::registry::R4_DEFINITIONS;
use super::resolution::{named_type, service_base};
use super::walk::Walk;

/// The parser's limit of nesting is no higher.
const DEPTH: usize = 256;

/// Entries with one address that are told apart by their versions.
const SAME_URL: usize = 64;

/// Links that lead through the pages of one answer: each at most once (RFC 5005 and R4 `bundle.html#link`).
const PAGING: [&str; 6] = ["self", "first", "prev", "previous", "next", "last"];

/// Elements of a Composition whose targets belong into the document (R4 `documents.html#content`).
const COMPOSED: [&[&str]; 6] =
    [&["subject"], &["encounter"], &["author"], &["custodian"], &["attester", "party"], &["event", "detail"]];

/// How the addresses of entries hang together.
struct Entries<'a> {
    entries: &'a [Json],
    by_url: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Entries<'a> {
    fn of(bundle: &'a Json) -> Entries<'a> {
        let entries = bundle.items("entry");
        let mut by_url: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            if let Some(url) = entry.get_str("fullUrl") {
                let same = by_url.entry(url).or_default();
                // Versions of one resource may share an address (bdl-7); so many that they slow things down are none.
                if same.len() < SAME_URL {
                    same.push(index);
                }
            }
        }
        Entries { entries, by_url }
    }

    /// The entry that a reference in the entry `from` leads to: by its full address, or relative to that entry's own
    /// (R4 `bundle.html#references`).
    fn target(&self, from: usize, reference: &str) -> Option<usize> {
        let address = reference.split('#').next().unwrap_or(reference);
        let (address, version) = match address.split_once("/_history/") {
            Some((address, version)) => (address, Some(version)),
            None => (address, None),
        };
        let found = self.by_url.get(address).or_else(|| {
            if format::scheme(address) || named_type(address).is_none() {
                return None;
            }
            let base = service_base(self.entries.get(from)?.get_str("fullUrl")?)?;
            self.by_url.get(format!("{base}/{address}").as_str())
        })?;
        let fits = |index: &&usize| {
            let meta = self.entries.get(**index).and_then(|entry| entry.get("resource")?.get("meta"));
            version.is_none() || meta.and_then(|meta| meta.get_str("versionId")) == version
        };
        found.iter().find(fits).copied()
    }

    /// The entries that hang together with the first, along references in either direction.
    fn reachable(&self) -> Vec<bool> {
        let mut linked = vec![Vec::new(); self.entries.len()];
        for (from, entry) in self.entries.iter().enumerate() {
            let mut addresses = Vec::new();
            entry.get("resource").into_iter().for_each(|resource| texts(resource, 0, &mut addresses));
            for to in addresses.into_iter().filter_map(|address| self.target(from, address)) {
                linked[from].push(to);
                linked[to].push(from);
            }
        }
        let mut reached = vec![false; self.entries.len()];
        let mut waiting = VecDeque::from([0]);
        while let Some(at) = waiting.pop_front() {
            if !std::mem::replace(&mut reached[at], true) {
                waiting.extend(linked[at].iter().filter(|to| !reached[**to]));
            }
        }
        reached
    }
}

/// Every text that may be an address: of a reference, a canonical, a uri.
fn texts<'j>(node: &'j Json, depth: usize, into: &mut Vec<&'j str>) {
    match node {
        Json::String(text) if text.contains([':', '/']) && text.len() <= 2_000 => into.push(text),
        Json::Array(items) if depth < DEPTH => items.iter().for_each(|item| texts(item, depth + 1, into)),
        Json::Object(object) if depth < DEPTH => object.iter().for_each(|(_, value)| texts(value, depth + 1, into)),
        _ => {}
    }
}

impl<'a> Walk<'a> {
    pub fn bundle(&mut self, bundle: &'a Json) {
        let kind = bundle.get_str("type").unwrap_or_default();
        self.links(bundle);
        let searched = self.searched_type(bundle);
        for (index, entry) in bundle.items("entry").iter().enumerate() {
            self.within("entry", |walk| {
                walk.within_index(index, |walk| {
                    walk.full_url(kind, entry);
                    if kind == "searchset" {
                        walk.search_result(entry, searched);
                    }
                })
            });
        }
        match kind {
            "document" => self.document(&Entries::of(bundle)),
            "message" => self.message(&Entries::of(bundle)),
            _ => {}
        }
    }

    fn links(&mut self, bundle: &'a Json) {
        let mut seen = HashSet::new();
        for (index, link) in bundle.items("link").iter().enumerate() {
            let Some(relation) = link.get_str("relation").filter(|relation| PAGING.contains(relation)) else {
                continue;
            };
            if !seen.insert(relation) {
                self.within("link", |walk| walk.within_index(index, |walk| walk.report(repeated_link(relation))));
            }
        }
    }

    /// An entry's address: there but for what has none yet, absolute, and that of its resource.
    fn full_url(&mut self, kind: &str, entry: &'a Json) {
        let resource = entry.get("resource");
        let Some(url) = entry.get_str("fullUrl") else {
            // A new resource has none yet, an outcome and the answers of a batch or transaction never.
            let nameless = matches!(kind, "transaction" | "batch" | "transaction-response" | "batch-response")
                || resource.is_none_or(|resource| resource.get_str("resourceType") == Some("OperationOutcome"));
            if !nameless && !kind.is_empty() && entry.get("_fullUrl").is_none() {
                self.report(no_full_url());
            }
            return;
        };
        let mut report = |issue| self.within("fullUrl", |walk| walk.report(issue));
        if !format::scheme(url) {
            return report(relative_full_url());
        }
        let Some(resource) = resource.filter(|_| url.starts_with("http") && named_type(url).is_some()) else { return };
        if let (Some(name), Some(id)) = (resource.get_str("resourceType"), resource.get_str("id"))
            && !url.ends_with(&format!("/{name}/{id}"))
        {
            report(full_url_differs());
        }
    }

    /// The type that a search was about, by its self link: `…/Patient?name=a`, `…/Patient/_search`.
    fn searched_type(&self, bundle: &'a Json) -> Option<&'a str> {
        let link = bundle.items("link").iter().find(|link| link.get_str("relation") == Some("self"))?;
        let path = link.get_str("url")?.split('?').next()?;
        let last = path.trim_end_matches("/_search").rsplit('/').next()?;
        Some(last).filter(|last| self.inner.registry.is_resource(last))
    }

    /// What a search answers exists on the server that answers, so it has an id there; a match is of the type searched.
    fn search_result(&mut self, entry: &'a Json, searched: Option<&str>) {
        let mode = entry.get("search").and_then(|search| search.get_str("mode"));
        let Some(resource) = entry.get("resource").filter(|_| mode != Some("outcome")) else { return };
        if resource.get("id").is_none() && resource.get_str("resourceType") != Some("OperationOutcome") {
            self.within("resource", |walk| walk.report(no_result_id()));
        }
        let found = resource.get_str("resourceType").filter(|name| *name != "OperationOutcome");
        if let (Some("match"), Some(searched), Some(found)) = (mode, searched, found)
            && searched != found
        {
            self.within("resource", |walk| walk.report(other_type(searched)));
        }
    }

    /// The Composition comes first (bdl-11); what it refers to is in the document, and all of the document belongs to it.
    fn document(&mut self, entries: &Entries<'a>) {
        let Some(composition) = entries.entries.first().and_then(|entry| entry.get("resource")) else { return };
        if composition.get_str("resourceType") != Some("Composition") {
            return;
        }
        self.in_entry(0, |walk| {
            for path in COMPOSED {
                walk.targets(entries, composition, path);
            }
            walk.sections(entries, composition, 0);
        });
        self.strays(entries, Severity::Error);
    }

    fn sections(&mut self, entries: &Entries<'a>, parent: &'a Json, depth: usize) {
        for (index, section) in parent.items("section").iter().enumerate().filter(|_| depth < DEPTH) {
            self.within("section", |walk| {
                walk.within_index(index, |walk| {
                    walk.targets(entries, section, &["entry"]);
                    walk.sections(entries, section, depth + 1);
                })
            });
        }
    }

    /// The MessageHeader comes first (bdl-12); what the message is about is in it (R4 `messaging.html`).
    fn message(&mut self, entries: &Entries<'a>) {
        let Some(header) = entries.entries.first().and_then(|entry| entry.get("resource")) else { return };
        if header.get_str("resourceType") == Some("MessageHeader") {
            self.in_entry(0, |walk| walk.targets(entries, header, &["focus"]));
            self.strays(entries, Severity::Warning);
        }
    }

    fn in_entry(&mut self, index: usize, f: impl FnOnce(&mut Self)) {
        self.within("entry", |walk| walk.within_index(index, |walk| walk.within("resource", f)));
    }

    /// The References at `path` below an object of the first entry lead to entries.
    fn targets(&mut self, entries: &Entries<'a>, node: &'a Json, path: &[&str]) {
        let Some((name, below)) = path.split_first() else { return self.target(entries, node) };
        match node.get(name) {
            Some(Json::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.within(name, |walk| walk.within_index(index, |walk| walk.targets(entries, item, below)));
                }
            }
            Some(value) => self.within(name, |walk| walk.targets(entries, value, below)),
            None => {}
        }
    }

    fn target(&mut self, entries: &Entries<'a>, value: &'a Json) {
        let Some(reference) = value.get_str("reference").filter(|reference| !reference.starts_with('#')) else {
            return;
        };
        if entries.target(0, reference).is_none() {
            self.within("reference", |walk| walk.report(not_in_bundle()));
        }
    }

    /// Entries that nothing connects with the first. A stylesheet (Binary) may stand alone.
    fn strays(&mut self, entries: &Entries<'a>, severity: Severity) {
        let reached = entries.reachable();
        for (index, _) in reached.iter().enumerate().filter(|(_, reached)| !**reached) {
            let resource = entries.entries.get(index).and_then(|entry| entry.get("resource"));
            if resource.and_then(|resource| resource.get_str("resourceType")).is_some_and(|name| name != "Binary") {
                self.within("entry", |walk| walk.within_index(index, |walk| walk.report(stray(severity))));
            }
        }
    }
}

fn rule(issue: Issue, path: &str, key: &str) -> Issue {
    issue.rule(format!("{R4_DEFINITIONS}Bundle|Bundle.{path}|{key}"))
}

fn repeated_link(relation: &str) -> Issue {
    let ja = format!("{relation} のリンクは一つだけにします。");
    rule(Issue::error(IssueCode::Duplicate, ja, format!("Only one link may be {relation}.")), "link", "relation")
}

fn no_full_url() -> Issue {
    let (ja, en) = (
        "fullUrl が必要です。URL がまだないリソースには urn:uuid:… を使います。",
        "The entry needs a fullUrl. Use urn:uuid:… where the resource has no URL yet.",
    );
    rule(Issue::error(IssueCode::Required, ja, en), "entry.fullUrl", "min")
}

fn relative_full_url() -> Issue {
    let (ja, en) = ("fullUrl は絶対 URI でなければなりません。", "A fullUrl must be absolute.");
    rule(Issue::error(IssueCode::Value, ja, en), "entry.fullUrl", "absolute")
}

fn full_url_differs() -> Issue {
    let (ja, en) = (
        "fullUrl の末尾は、リソースの 型/id と一致しなければなりません。",
        "The end of fullUrl must be the resource's Type/id.",
    );
    rule(Issue::error(IssueCode::Value, ja, en), "entry.fullUrl", "id")
}

fn no_result_id() -> Issue {
    let (ja, en) = ("検索結果のリソースには id が必要です。", "A resource in a search result needs an id.");
    rule(Issue::error(IssueCode::Required, ja, en), "entry.resource", "id")
}

fn other_type(searched: &str) -> Issue {
    let ja = format!("{searched} の検索の一致(match)に、ほかの型は含まれません。");
    let en = format!("A match of a search for {searched} is of that type; use include for others.");
    rule(Issue::error(IssueCode::Structure, ja, en), "entry.resource", "type")
}

fn not_in_bundle() -> Issue {
    let (ja, en) = (
        "参照先がこの Bundle にありません。文書とメッセージは、参照するリソースを含みます。",
        "The target is not in this Bundle. Documents and messages hold what they refer to here.",
    );
    rule(Issue::error(IssueCode::NotFound, ja, en), "entry.resource", "reference")
}

fn stray(severity: Severity) -> Issue {
    let (ja, en) =
        ("先頭のリソースと参照でつながっていません。", "No reference connects this entry with the first one.");
    rule(Issue::new(severity, IssueCode::Structure, ja, en), "entry", "reachable")
}
