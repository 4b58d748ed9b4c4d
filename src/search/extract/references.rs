//! Literal references: `Type/id` with or without a version. R4 `references.html#literal`.

use std::collections::BTreeSet;

use crate::fhir::id::ResourceId;
use crate::fhir::json::Json;
use crate::store::{ANY_REFERENCE, Reference};

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
                    Json::String(text) if key == "reference" => found.extend(literal(ANY_REFERENCE, text)),
                    _ => visit(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| visit(item, found)),
        _ => {}
    }
}

/// A reference to a resource of this server; `None` for any other text.
pub fn literal(param: i64, text: &str) -> Option<Reference> {
    let mut parts = text.split('/');
    let (target_type, target_id) = (parts.next()?, parts.next()?);
    let version = match parts.next() {
        None => "",
        Some("_history") => parts.next().filter(|_| parts.next().is_none())?,
        Some(_) => return None,
    };
    // No type has a longer name, and an index takes no text without bounds.
    let named = target_type.len() <= 64
        && version.len() <= 64
        && target_type.starts_with(|first: char| first.is_ascii_uppercase())
        && target_type.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let id = ResourceId::parse(target_id)?;
    named.then(|| Reference {
        param,
        target_type: target_type.to_owned(),
        target_id: id.to_string(),
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_references_are_local_ones_only() {
        let local = |text: &str| literal(ANY_REFERENCE, text).is_some();
        assert!(local("Patient/1") && local("Patient/1/_history/2"));
        for text in ["#p", "urn:uuid:1", "http://a/Patient/1", "Patient", "Patient/a b", "Patient?x=y", "patient/1"] {
            assert!(!local(text), "{text}");
        }
    }
}
