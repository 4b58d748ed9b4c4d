//! Index rows from a resource's content.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::fhir::id::ResourceId;
use crate::fhir::json::Json;
use crate::store::{ANY_REFERENCE, Reference, Token, parameter_id, system_id};

/// The tokens of the search parameter `identifier`: R4 defines it as the element of that name on every type that has it.
pub fn identifier_tokens(rtype: &str, resource: &Json) -> BTreeSet<Token> {
    let param = parameter_id(rtype, "identifier");
    let element = resource.get("identifier");
    let identifiers = match element {
        Some(Json::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let token = |identifier: &Json| {
        let code = index_form(identifier.get_str("value")?);
        Some(Token { param, code, system: system_id(identifier.get_str("system").unwrap_or_default()) })
    };
    identifiers.iter().filter_map(token).collect()
}

/// Bytes of a text that go into an index as they are; PostgreSQL's index rows end at 2,704 bytes.
const INDEXED_BYTES: usize = 512;

/// A text as an index holds it and as it is looked up: a long one by its digest.
pub fn index_form(text: &str) -> String {
    if text.len() <= INDEXED_BYTES {
        return text.to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Every literal `Type/id` reference in the resource, `contained` included.
pub fn literal_references(resource: &Json) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    visit(resource, &mut found);
    found
}

fn visit(node: &Json, found: &mut BTreeSet<Reference>) {
    match node {
        Json::Object(object) => {
            for (key, value) in object.iter() {
                match value {
                    Json::String(text) if key == "reference" => found.extend(parse_reference(text)),
                    _ => visit(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| visit(item, found)),
        _ => {}
    }
}

/// `Type/id`, with or without a version (R4 `references.html#literal`).
fn parse_reference(text: &str) -> Option<Reference> {
    let mut parts = text.split('/');
    let (target_type, target_id) = (parts.next()?, parts.next()?);
    let versioned = match parts.next() {
        None => true,
        Some(word) => word == "_history" && parts.next().is_some() && parts.next().is_none(),
    };
    // No type has a longer name, and an index takes no text without bounds.
    let named = target_type.len() <= 64
        && target_type.starts_with(|first: char| first.is_ascii_uppercase())
        && target_type.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let id = ResourceId::parse(target_id)?;
    (versioned && named).then(|| Reference {
        param: ANY_REFERENCE,
        target_type: target_type.to_owned(),
        target_id: id.to_string(),
        version: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_references_are_local_ones_only() {
        let local = |text: &str| parse_reference(text).is_some();
        assert!(local("Patient/1") && local("Patient/1/_history/2"));
        for text in ["#p", "urn:uuid:1", "http://a/Patient/1", "Patient", "Patient/a b", "Patient?x=y", "patient/1"] {
            assert!(!local(text), "{text}");
        }
    }
}
