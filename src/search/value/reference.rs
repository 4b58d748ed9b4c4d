//! References. R4 `search.html#reference`.

use crate::error::Result;
use crate::fhir::id::ResourceId;
use crate::search::extract::index_form;
use crate::search::query::refusal;
use crate::store::ReferencePattern;

use super::escape::unescape;

/// A reference as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The id of a resource of this server, of whatever type.
    Id(String),
    /// A resource of this server.
    Local { rtype: String, id: String, version: Option<String> },
    /// Something elsewhere, or a canonical.
    Url { url: String, version: Option<String> },
}

/// `id`, `Type/id`, a url, or a canonical; with `/_history/version`, a canonical with `|version`. Urls below `base`, this server's
/// own address, are its resources.
pub fn read(name: &str, raw: &str, base: &str) -> Result<Reference> {
    let text = unescape(raw);
    if ResourceId::parse(&text).is_some() {
        return Ok(Reference::Id(text));
    }
    let below_base = text.strip_prefix(base).filter(|_| !base.is_empty()).and_then(|rest| rest.strip_prefix('/'));
    if let Some(local) = literal(below_base.unwrap_or(&text)) {
        return Ok(local);
    }
    if !is_url(&text) {
        return Err(refusal::value(
            name,
            "参照として読めません。例: Patient/123、123、https://example.org/fhir/Patient/123",
            "it is not a reference. Examples: Patient/123, 123, https://example.org/fhir/Patient/123",
        ));
    }
    let versioned = text.split_once('|').or_else(|| text.split_once("/_history/"));
    Ok(match versioned.filter(|(_, version)| !version.is_empty()) {
        Some((url, version)) => Reference::Url { url: url.to_owned(), version: Some(version.to_owned()) },
        None => Reference::Url { url: text, version: None },
    })
}

fn literal(text: &str) -> Option<Reference> {
    let mut parts = text.split('/');
    let (rtype, id) = (parts.next()?, ResourceId::parse(parts.next()?)?);
    let version = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => None,
        (Some("_history"), Some(version), None) => Some(ResourceId::parse(version)?.to_string()),
        _ => return None,
    };
    let named = rtype.len() <= 64
        && rtype.starts_with(|first: char| first.is_ascii_uppercase())
        && rtype.bytes().all(|byte| byte.is_ascii_alphanumeric());
    named.then(|| Reference::Local { rtype: rtype.to_owned(), id: id.to_string(), version })
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, rest)| (scheme, !rest.is_empty()));
    scheme.is_some_and(|(scheme, more)| {
        more && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// What rows fit the reference. `types`: those that a mere id may mean.
pub fn patterns(reference: Reference, types: &[&str], base: &str) -> Vec<ReferencePattern> {
    match reference {
        Reference::Id(id) => types.iter().flat_map(|rtype| local(rtype, &id, None, base)).collect(),
        Reference::Local { rtype, id, version } => local(&rtype, &id, version, base),
        Reference::Url { url, version } => vec![elsewhere(&url, version)],
    }
}

/// A resource of this server may be referred to by its whole url, too.
fn local(rtype: &str, id: &str, version: Option<String>, base: &str) -> Vec<ReferencePattern> {
    let mut found = Vec::with_capacity(2);
    if !base.is_empty() {
        found.push(elsewhere(&format!("{base}/{rtype}/{id}"), version.clone()));
    }
    found.insert(0, ReferencePattern::To { rtype: rtype.to_owned(), id: id.to_owned(), version });
    found
}

fn elsewhere(url: &str, version: Option<String>) -> ReferencePattern {
    ReferencePattern::To { rtype: String::new(), id: index_form(url), version }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://kh.example/fhir";

    fn found(text: &str) -> Vec<(String, String, Option<String>)> {
        let reference = read("subject", text, BASE).unwrap();
        let parts = |pattern| match pattern {
            ReferencePattern::To { rtype, id, version } => (rtype, id, version),
            other => panic!("{other:?}"),
        };
        patterns(reference, &["Patient", "Group"], BASE).into_iter().map(parts).collect()
    }

    fn to(rtype: &str, id: &str, version: Option<&str>) -> (String, String, Option<String>) {
        (rtype.to_owned(), id.to_owned(), version.map(str::to_owned))
    }

    #[test]
    fn references_have_all_forms() {
        let patient = [to("Patient", "1", None), to("", "https://kh.example/fhir/Patient/1", None)];
        assert_eq!(found("Patient/1"), patient);
        assert_eq!(found("https://kh.example/fhir/Patient/1"), patient, "an own url is a local one");
        let group = [to("Group", "1", None), to("", "https://kh.example/fhir/Group/1", None)];
        assert_eq!(found("1"), [patient, group].concat());
        let second = Some("2");
        let versioned = [to("Patient", "1", second), to("", "https://kh.example/fhir/Patient/1", second)];
        assert_eq!(found("Patient/1/_history/2"), versioned);
        assert_eq!(found("http://other/fhir/Patient/1"), [to("", "http://other/fhir/Patient/1", None)]);
        assert_eq!(found("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0").len(), 1);
        assert_eq!(found("http://a/PlanDefinition/x|1.0"), [to("", "http://a/PlanDefinition/x", Some("1.0"))]);
        assert_eq!(found("http://a/Patient/x/_history/3"), [to("", "http://a/Patient/x", Some("3"))]);
        assert_eq!(found(r"http://a/PlanDefinition/x\|1.0"), [to("", "http://a/PlanDefinition/x", Some("1.0"))]);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in ["a b", "patient/1", "Patient/1/2", "Patient/", "/1", "Patient?x=y", "#p", ":x", "1:", "患者"] {
            assert!(read("subject", bad, BASE).is_err(), "{bad}");
        }
    }
}
