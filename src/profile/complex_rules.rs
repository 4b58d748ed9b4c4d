//! Rules of particular types that are quicker and clearer in Rust than in FHIRPath: extensions, references,
//! contained resources, periods, narrative.

use crate::fhir::json::Json;

use super::format;
use super::issue;
use super::shape::{Element, Structure, TypeRef};
use super::walk::Walk;

impl<'a> Walk<'a> {
    /// After the base type's own rules.
    pub fn complex_rules(&mut self, element: &'a Element, spec: &'a TypeRef, value: &'a Json) {
        match spec.code.as_str() {
            "Extension" => self.extension(element, value),
            "Reference" => self.reference(element, spec, value),
            "Period" => self.period(value),
            "Narrative" => self.narrative(value),
            _ => {}
        }
    }

    fn extension(&mut self, element: &'a Element, value: &'a Json) {
        let has_value = value.as_object().is_some_and(|object| {
            object.iter().any(|(key, _)| key.trim_start_matches('_').starts_with("value"))
        });
        if has_value == value.get("extension").is_some() {
            self.report(issue::extension_content(has_value));
        }
        let Some(url) = value.get_str("url") else { return };
        let modifier = element.name == "modifierExtension";
        if !format::scheme(url) {
            // Parts of a complex extension have plain names; anywhere else an address is asked for.
            if !element.path.starts_with("Extension.") && !element.path.starts_with("Element.") {
                self.within("url", |walk| walk.report(issue::relative_extension()));
            }
            return;
        }
        match self.inner.registry.profile(url).filter(|structure| structure.is_profile && structure.type_name == "Extension") {
            Some(structure) => {
                self.object(structure, 0, value);
            }
            None => {
                let refuse = self.inner.settings.refuse_unknown_extensions;
                self.report(issue::unknown_extension(url, modifier, refuse));
            }
        }
    }

    /// ref-1, the form of the reference and the type of its target (R4 `references.html`).
    fn reference(&mut self, element: &'a Element, spec: &'a TypeRef, value: &'a Json) {
        if let Some(reference) = value.get_str("reference") {
            if let Some(fragment) = reference.strip_prefix('#') {
                if !fragment.is_empty() && self.contained(fragment).is_none() {
                    self.report(issue::dangling_fragment());
                    return;
                }
            } else if !reference.starts_with("urn:") && !format::scheme(reference) && reference_type(reference).is_none() {
                self.within("reference", |walk| walk.report(issue::reference_form()));
                return;
            }
        }
        if !spec.targets.is_empty()
            && let Some(base) = self.inner.registry.base(element.path.split('.').next().unwrap_or_default())
        {
            self.reference_target(base, element, spec, value);
        }
    }

    fn contained(&self, id: &str) -> Option<&'a Json> {
        self.container()?.items("contained").iter().find(|resource| resource.get_str("id") == Some(id))
    }

    /// Whether the target's type, as far as the reference shows it, is one of those allowed.
    pub fn reference_target(&mut self, structure: &Structure, element: &Element, spec: &TypeRef, value: &'a Json) {
        let Some(found) = self.target_type(value) else { return };
        let registry = &self.inner.registry;
        let allowed: Vec<String> = spec.targets.iter().filter_map(|target| registry.type_behind(target)).collect();
        let general = allowed.iter().any(|name| name == "Resource");
        if !general && !allowed.is_empty() && !allowed.contains(&found) {
            let issue = issue::wrong_target(structure, element, &found, &allowed);
            self.report(issue);
        }
    }

    fn target_type(&self, value: &'a Json) -> Option<String> {
        let registry = &self.inner.registry;
        let reference = value.get_str("reference").unwrap_or_default();
        let from_text = match reference.strip_prefix('#') {
            Some("") => self.container().and_then(|resource| resource.get_str("resourceType")),
            Some(fragment) => self.contained(fragment).and_then(|resource| resource.get_str("resourceType")),
            None if reference.starts_with("urn:") => self.bundled(reference).and_then(|resource| resource.get_str("resourceType")),
            None => reference_type(reference).filter(|name| registry.is_resource(name)),
        };
        from_text.or_else(|| value.get_str("type").filter(|name| registry.is_resource(name))).map(str::to_owned)
    }

    /// The entry of the enclosing Bundle with this fullUrl.
    fn bundled(&self, full_url: &str) -> Option<&'a Json> {
        let bundle = self.scopes.iter().rev().map(|scope| scope.resource).find(|resource| resource.get_str("resourceType") == Some("Bundle"))?;
        bundle.items("entry").iter().find(|entry| entry.get_str("fullUrl") == Some(full_url))?.get("resource")
    }

    /// per-1: the start is not after the end, as far as both are precise.
    fn period(&mut self, value: &'a Json) {
        if let (Some(start), Some(end)) = (value.get_str("start"), value.get_str("end"))
            && issue::after(start, end)
        {
            self.report(issue::period_reversed());
        }
    }

    /// Rules for whole resources: contained ones (dom-2 to dom-5), ids.
    pub fn resource_rules(&mut self, node: &'a Json, _structure: &'a Structure) {
        let contained = node.items("contained");
        if self.scopes.last().is_some_and(|scope| scope.is_contained) {
            if node.get("contained").is_some() {
                self.within("contained", |walk| walk.report(issue::dom("dom-2")));
            }
            let meta = node.get("meta");
            if meta.is_some_and(|meta| meta.get("versionId").is_some() || meta.get("lastUpdated").is_some()) {
                self.within("meta", |walk| walk.report(issue::dom("dom-4")));
            }
            if meta.is_some_and(|meta| meta.get("security").is_some()) {
                self.within("meta", |walk| walk.report(issue::dom("dom-5")));
            }
            if node.get("id").is_none() {
                self.report(issue::contained_without_id());
            }
            return;
        }
        for (index, resource) in contained.iter().enumerate().take(1000) {
            let Some(id) = resource.get_str("id") else { continue };
            if !refers_to(node, id, 0) && !refers_to_container(resource) {
                self.within("contained", |walk| walk.within_index(index, |walk| walk.report(issue::dom("dom-3"))));
            }
        }
    }

    pub fn canonical(&mut self, value: &'a Json) {
        if let Some(fragment) = value.as_str().and_then(|text| text.strip_prefix('#'))
            && !fragment.is_empty()
            && self.contained(fragment).is_none()
        {
            self.report(issue::dangling_fragment());
        }
    }
}

/// The type in `…/Type/id` or `…/Type/id/_history/n`.
fn reference_type(reference: &str) -> Option<&str> {
    let path = reference.split(['?', '#']).next().unwrap_or(reference);
    let path = path.split("/_history/").next().unwrap_or(path);
    let mut parts = path.rsplit('/');
    let (id, name) = (parts.next()?, parts.next()?);
    (format::id(id) && name.starts_with(|first: char| first.is_ascii_uppercase())).then_some(name)
}

/// Whether anything in `node` refers to the contained resource `id`: a reference, a canonical or a uri `#id`.
fn refers_to(node: &Json, id: &str, depth: usize) -> bool {
    match node {
        Json::String(text) => text.strip_prefix('#') == Some(id),
        Json::Array(items) => depth < 64 && items.iter().any(|item| refers_to(item, id, depth + 1)),
        Json::Object(object) => depth < 64 && object.iter().any(|(_, value)| refers_to(value, id, depth + 1)),
        _ => false,
    }
}

fn refers_to_container(resource: &Json) -> bool {
    match resource {
        Json::Array(items) => items.iter().any(refers_to_container),
        Json::Object(object) => {
            object.get("reference").and_then(Json::as_str) == Some("#") || object.iter().any(|(_, value)| refers_to_container(value))
        }
        _ => false,
    }
}
