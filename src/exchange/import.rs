//! Taking in files: resources, Bundles, lines of NDJSON. An item is taken in whole or not at all, and again without harm.

use sha2::{Digest, Sha256};

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::fhir::json::{Json, to_compact};
use crate::fhir::outcome::IssueCode;

use super::bundle::{EntryRequest, Verb, entry_requests};
use super::prepare::Content;
use super::transaction::{EntryResponse, Taking};
use super::types::Done;
use super::{Gateway, Standing};

/// What an item brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub created: usize,
    pub updated: usize,
    /// The same as what stood, or taken in before.
    pub unchanged: usize,
}

impl Imported {
    pub fn add(&mut self, other: Imported) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
    }
}

impl Gateway {
    /// Takes in one resource or Bundle.
    ///
    /// A resource with an id is put there. One without, and a transaction, is taken in once for ever, known by the digest
    /// of its text, so that an import that was cut off can simply be run again. A collection or searchset is put as one
    /// transaction; a document or message is a resource of its own.
    pub async fn import(&self, caller: &Caller, text: &[u8]) -> Result<Imported> {
        let content = self.parse(text)?;
        let (entries, once) = self.import_entries(&content)?;
        let digest = once.then(|| digest(text));
        match self.take_in(caller, &entries, Taking { digest: digest.as_deref(), as_given: true }).await {
            Ok(answers) => Ok(count(&answers)),
            Err(error) if error.kind == ErrorKind::Conflict && is_taken(&error) => {
                Ok(Imported { unchanged: entries.len(), ..Imported::default() })
            }
            Err(error) => Err(if is_lone(&content) { as_lone(error, &content) } else { error }),
        }
    }

    fn import_entries(&self, content: &Content) -> Result<(Vec<EntryRequest>, bool)> {
        let rtype = content.tree.get_str("resourceType").unwrap_or_default();
        match (rtype, content.tree.get_str("type")) {
            ("Bundle", Some("transaction" | "batch")) => {
                let entries = entry_requests(content, "").into_iter().collect::<Result<Vec<_>>>()?;
                Ok((entries, true))
            }
            ("Bundle", Some("collection" | "searchset")) => {
                let entries = content.tree.items("entry").iter().enumerate();
                let entries = entries.filter_map(|(index, entry)| {
                    let resource = entry.get("resource")?;
                    Some(put_or_post(index, resource.clone(), entry.get_str("fullUrl")))
                });
                let entries: Vec<_> = entries.collect();
                let once = entries.iter().any(|entry| entry.verb == Verb::Post);
                Ok((entries, once))
            }
            _ => {
                let mut entry = put_or_post(0, content.tree.clone(), None);
                entry.resource = Some(content.clone());
                let once = entry.verb == Verb::Post;
                Ok((vec![entry], once))
            }
        }
    }
}

/// Whether it is taken in as a resource of its own, and not as entries.
fn is_lone(content: &Content) -> bool {
    let kind = content.tree.get_str("type").unwrap_or_default();
    let is_bundle = content.tree.get_str("resourceType") == Some("Bundle");
    !is_bundle || !matches!(kind, "transaction" | "batch" | "collection" | "searchset")
}

/// A lone resource was refused as the only entry of a transaction: the sender knows no entry.
fn as_lone(mut error: Error, content: &Content) -> Error {
    let rtype = content.tree.get_str("resourceType").unwrap_or_default();
    for issue in &mut error.issues {
        let expression = issue.expression.as_deref().and_then(|place| place.strip_prefix("Bundle.entry[0]"));
        if let Some(rest) = expression {
            issue.expression = Some(format!("{rtype}{}", rest.strip_prefix(".resource").unwrap_or(rest)));
        }
        let pointer = issue.pointer.as_deref().and_then(|place| place.strip_prefix("/entry/0/resource"));
        if let Some(rest) = pointer {
            issue.pointer = Some(rest.to_owned());
        }
    }
    error
}

fn put_or_post(index: usize, tree: Json, full_url: Option<&str>) -> EntryRequest {
    let rtype = tree.get_str("resourceType").unwrap_or_default();
    let (verb, path) = match tree.get_str("id") {
        Some(id) => (Verb::Put, format!("{rtype}/{id}")),
        None => (Verb::Post, rtype.to_owned()),
    };
    EntryRequest {
        index,
        verb,
        path,
        query: None,
        full_url: full_url.map(str::to_owned),
        resource: Some(Content { text: to_compact(&tree), tree }),
        standing: Standing::Anything,
        if_none_match: None,
        if_modified_since: None,
        if_none_exist: None,
    }
}

fn digest(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_taken(error: &Error) -> bool {
    error.issues.iter().any(|issue| issue.code == IssueCode::Duplicate)
}

fn count(answers: &[EntryResponse]) -> Imported {
    let mut imported = Imported::default();
    for answer in answers {
        match answer {
            EntryResponse::Written(written) => match written.done {
                Done::Created => imported.created += 1,
                Done::Updated => imported.updated += 1,
                Done::Unchanged | Done::Existing => imported.unchanged += 1,
            },
            EntryResponse::Deleted(Some(_)) => imported.updated += 1,
            EntryResponse::Deleted(None) | EntryResponse::Read(_) | EntryResponse::Deferred => {}
        }
    }
    imported
}
