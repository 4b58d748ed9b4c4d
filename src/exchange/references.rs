//! References inside a transaction: from the Bundle's own names to those of the server. R4 `http.html#trules`.

use std::collections::HashMap;

use crate::fhir::id::ResourceKey;
use crate::fhir::json::Json;

/// What the Bundle's `fullUrl`s stand for, and what its conditional references found.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    entries: HashMap<String, (ResourceKey, Option<i64>)>,
    conditional: HashMap<String, String>,
}

impl Links {
    /// `version` is the one that the transaction makes, where it is known.
    pub fn add(&mut self, full_url: &str, key: ResourceKey, version: Option<i64>) {
        self.entries.insert(full_url.to_owned(), (key, version));
    }

    pub fn add_conditional(&mut self, reference: &str, key: &ResourceKey) {
        self.conditional.insert(reference.to_owned(), key.to_string());
    }

    /// Rewrites the resource that stands at `full_url`; answers whether anything changed.
    pub fn rewrite(&self, tree: &mut Json, full_url: Option<&str>) -> bool {
        let root = full_url.and_then(service_root);
        self.visit(tree, "", root)
    }

    fn visit(&self, node: &mut Json, name: &str, root: Option<&str>) -> bool {
        match node {
            Json::Object(object) => {
                let mut changed = false;
                for (key, value) in object.iter_mut() {
                    changed |= self.visit(value, key, root);
                }
                changed
            }
            Json::Array(items) => {
                let mut changed = false;
                for item in items.iter_mut() {
                    changed |= self.visit(item, name, root);
                }
                changed
            }
            Json::String(text) => match self.replacement(text, name, root) {
                Some(new) => {
                    *text = new;
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    fn replacement(&self, text: &str, name: &str, root: Option<&str>) -> Option<String> {
        if name == "div" {
            return self.narrative(text);
        }
        if !may_link(name, text) {
            return None;
        }
        if let Some(found) = self.conditional.get(text).filter(|_| name == "reference") {
            return Some(found.clone());
        }
        let (target, version) = match text.split_once("/_history/") {
            Some((target, _)) => (target, true),
            None => (text, false),
        };
        let (target, fragment) = match target.split_once('#') {
            Some((target, fragment)) if !target.is_empty() => (target, Some(fragment)),
            _ => (target, None),
        };
        let absolute = root.filter(|_| name == "reference").map(|root| format!("{root}/{target}"));
        let (key, number) = self.entries.get(target).or_else(|| self.entries.get(&absolute?))?;
        let mut new = key.to_string();
        if let Some(number) = number.filter(|_| version) {
            new.push_str(&format!("/_history/{number}"));
        }
        if let Some(fragment) = fragment {
            new.push_str(&format!("#{fragment}"));
        }
        (new != text).then_some(new)
    }

    /// `href` and `src` in narrative.
    fn narrative(&self, text: &str) -> Option<String> {
        let mut new = text.to_owned();
        for (full_url, (key, _)) in &self.entries {
            for quote in ['"', '\''] {
                for attribute in ["href", "src"] {
                    let old = format!("{attribute}={quote}{full_url}{quote}");
                    if new.contains(&old) {
                        new = new.replace(&old, &format!("{attribute}={quote}{key}{quote}"));
                    }
                }
            }
        }
        (new != text).then_some(new)
    }
}

/// Whether an element of that name can hold a link: references, and elements of type uri, url, oid and uuid. The Bundle's
/// `urn:uuid:` and `urn:oid:` names are unmistakable, but in an identifier they are what the identifier says.
fn may_link(name: &str, text: &str) -> bool {
    let urn = text.starts_with("urn:uuid:") || text.starts_with("urn:oid:");
    name == "reference"
        || urn && !matches!(name, "value" | "system" | "id" | "fullUrl" | "valueString" | "valueCode") && !is_text(name)
        || matches!(name, "url" | "uri" | "address" | "valueUri" | "valueUrl")
}

/// Elements of prose, and those of type canonical, which R4 leaves alone.
fn is_text(name: &str) -> bool {
    matches!(name, "description" | "name" | "display" | "comment" | "valueMarkdown" | "profile")
        || name.ends_with("Canonical")
}

/// The server's part of a RESTful URL: `http://a/fhir` of `http://a/fhir/Patient/1`.
fn service_root(full_url: &str) -> Option<&str> {
    if !full_url.starts_with("http") {
        return None;
    }
    let (rest, _id) = full_url.rsplit_once('/')?;
    Some(rest.rsplit_once('/')?.0)
}

/// Every conditional reference (`Type?criteria`) in the resource.
pub(super) fn conditional_references(node: &Json) -> Vec<String> {
    let mut found = Vec::new();
    collect(node, &mut found);
    found
}

fn collect(node: &Json, found: &mut Vec<String>) {
    match node {
        Json::Object(object) => {
            for (key, value) in object.iter() {
                match value {
                    Json::String(text) if key == "reference" => {
                        found.extend(is_conditional(text).then(|| text.clone()))
                    }
                    _ => collect(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

fn is_conditional(text: &str) -> bool {
    text.split_once('?').is_some_and(|(rtype, query)| {
        !query.is_empty()
            && rtype.starts_with(|first: char| first.is_ascii_uppercase())
            && rtype.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::id::{ResourceId, ResourceType};
    use crate::fhir::json::{Limits, parse, to_compact};

    fn rewritten(text: &str) -> String {
        let mut links = Links::default();
        let key = |rtype: &str, id: &str| ResourceKey {
            rtype: ResourceType::known(rtype),
            id: ResourceId::parse(id).unwrap(),
        };
        links.add("urn:uuid:1", key("Patient", "p"), Some(1));
        links.add("http://a/fhir/Organization/7", key("Organization", "o"), Some(1));
        let mut tree = parse(text.as_bytes(), Limits::default()).unwrap();
        links.rewrite(&mut tree, Some("http://a/fhir/Task/9"));
        to_compact(&tree)
    }

    #[test]
    fn links_are_rewritten_wherever_they_may_stand() {
        let same = |text: &str| assert_eq!(rewritten(text), text);
        assert_eq!(rewritten(r#"{"subject":{"reference":"urn:uuid:1"}}"#), r#"{"subject":{"reference":"Patient/p"}}"#);
        assert_eq!(rewritten(r#"{"reference":"urn:uuid:1/_history/4"}"#), r#"{"reference":"Patient/p/_history/1"}"#);
        assert_eq!(rewritten(r#"{"reference":"Organization/7"}"#), r#"{"reference":"Organization/o"}"#);
        assert_eq!(rewritten(r#"{"valueUri":"urn:uuid:1"}"#), r#"{"valueUri":"Patient/p"}"#);
        assert_eq!(
            rewritten(r#"{"div":"<a href=\"urn:uuid:1\">urn:uuid:1</a>"}"#),
            r#"{"div":"<a href=\"Patient/p\">urn:uuid:1</a>"}"#
        );
        same(r#"{"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:1"}]}"#);
        same(r#"{"reference":"Organization/8"}"#);
        same(r##"{"reference":"#p"}"##);
    }
}
