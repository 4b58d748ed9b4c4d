//! Resources that a reference leads to inside what is being validated: contained ones, the container, and the entries
//! of a Bundle (R4 `references.html#contained`, `bundle.html#references`). Nothing is fetched.

use std::collections::HashMap;

use crate::fhir::json::Json;

use super::format;
use super::walk::{Scope, Walk};

/// A resource at hand, and how many of the walk's scopes lie around it.
#[derive(Clone, Copy)]
pub struct Resolved<'a> {
    pub resource: &'a Json,
    pub is_contained: bool,
    pub depth: usize,
}

impl<'a> Walk<'a> {
    /// The resource that holds the contained ones: the innermost that is not contained itself.
    pub fn container(&self) -> Option<&'a Json> {
        Some(self.scopes.get(self.container_at()?)?.resource)
    }

    fn container_at(&self) -> Option<usize> {
        self.scopes.iter().rposition(|scope| !scope.is_contained)
    }

    /// What `reference` leads to from where the walk is.
    pub fn resolve(&self, reference: &str) -> Option<Resolved<'a>> {
        let container = self.container_at()?;
        let scope = self.scopes.get(container)?;
        if let Some(fragment) = reference.strip_prefix('#') {
            if fragment.is_empty() {
                return Some(Resolved { resource: scope.resource, is_contained: false, depth: container });
            }
            let resource = scope.inside.get(fragment)?;
            return Some(Resolved { resource, is_contained: true, depth: container + 1 });
        }
        let address = reference.split('#').next().unwrap_or(reference);
        let is_bundle = |scope: &Scope<'a>| scope.resource.get_str("resourceType") == Some("Bundle");
        let bundle = self.scopes.iter().rposition(is_bundle)?;
        let entries = &self.scopes.get(bundle)?.inside;
        let found = |resource: &'a Json| Resolved { resource, is_contained: false, depth: bundle + 1 };
        if let Some(resource) = entries.get(address) {
            return Some(found(resource));
        }
        if format::scheme(address) || named_type(address).is_none() {
            return None;
        }
        // A relative reference is relative to the address of the entry that it stands in.
        let base = service_base(entries.full_url(self.scopes.get(bundle + 1)?.resource)?)?;
        entries.get(format!("{base}/{}", without_history(address)).as_str()).map(found)
    }
}

/// The resources inside another: contained ones by id, a Bundle's by fullUrl.
#[derive(Default)]
pub struct Inside<'a> {
    by_name: HashMap<&'a str, &'a Json>,
    /// The fullUrl of each entry's resource, by where the resource lies in memory.
    full_urls: HashMap<usize, &'a str>,
}

impl<'a> Inside<'a> {
    pub fn of(resource: &'a Json) -> Inside<'a> {
        let mut inside = Inside::default();
        for contained in resource.items("contained") {
            if let Some(id) = contained.get_str("id") {
                inside.by_name.entry(id).or_insert(contained);
            }
        }
        if resource.get_str("resourceType") == Some("Bundle") {
            for entry in resource.items("entry") {
                if let (Some(url), Some(resource)) = (entry.get_str("fullUrl"), entry.get("resource")) {
                    inside.by_name.entry(url).or_insert(resource);
                    inside.full_urls.insert(place(resource), url);
                }
            }
        }
        inside
    }

    pub fn get(&self, name: &str) -> Option<&'a Json> {
        self.by_name.get(name).copied()
    }

    fn full_url(&self, resource: &Json) -> Option<&'a str> {
        self.full_urls.get(&place(resource)).copied()
    }
}

/// Where a value lies in memory: tells one from another without comparing contents.
pub fn place(value: &Json) -> usize {
    std::ptr::from_ref(value) as usize
}

/// `http://a/fhir` of `http://a/fhir/Patient/1`.
pub fn service_base(full_url: &str) -> Option<&str> {
    named_type(full_url).filter(|_| full_url.starts_with("http"))?;
    let (rest, _) = without_history(full_url).rsplit_once('/')?;
    rest.rsplit_once('/').map(|(base, _)| base)
}

fn without_history(reference: &str) -> &str {
    reference.split("/_history/").next().unwrap_or(reference)
}

/// The type in `…/Type/id` or `…/Type/id/_history/n`.
pub fn named_type(reference: &str) -> Option<&str> {
    let path = reference.split(['?', '#']).next().unwrap_or(reference);
    let (path, version) = path.split_once("/_history/").map_or((path, None), |(path, version)| (path, Some(version)));
    if version.is_some_and(|version| !format::id(version)) {
        return None;
    }
    let mut parts = path.rsplit('/');
    let (id, name) = (parts.next()?, parts.next()?);
    (format::id(id) && name.starts_with(|first: char| first.is_ascii_uppercase())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(named_type("Patient/1/_history/2"), Some("Patient"));
        assert_eq!(named_type("Patient/1/_history/"), None);
        assert_eq!(named_type("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"), None);
        assert_eq!(service_base("http://a/fhir/Patient/1"), Some("http://a/fhir"));
        assert_eq!(service_base("urn:oid:1.2"), None);
    }
}
