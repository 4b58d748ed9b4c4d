//! Rules of particular types that are quicker and clearer in Rust than in FHIRPath: extensions, references,
//! contained resources, periods, narrative.

use std::collections::HashSet;

use crate::fhir::json::Json;
use crate::fhir::outcome::Issue;

use super::format;
use super::issue;
use super::resolution::named_type;
use super::shape::{Element, Structure, TypeRef};
use super::slicing::Openness;
use super::walk::Walk;

/// The parser's limit of nesting is no higher.
const DEPTH: usize = 256;

impl<'a> Walk<'a> {
    /// After the base type's own rules.
    pub fn complex_rules(&mut self, element: &'a Element, spec: &'a TypeRef, value: &'a Json) {
        match spec.code.as_str() {
            "Extension" => self.extension(element, value),
            "Reference" => self.reference(element, spec, value),
            "Period" => self.period(value),
            "Narrative" => self.narrative(value),
            "Identifier" => self.identifier(value),
            "Coding" if self.absolute_system("Coding", value) => self.coding(value),
            "Quantity" | "Age" | "Count" | "Distance" | "Duration" if self.absolute_system("Quantity", value) => {
                self.unit(value);
            }
            _ => {}
        }
    }

    fn extension(&mut self, element: &'a Element, value: &'a Json) {
        let has_value = value
            .as_object()
            .is_some_and(|object| object.iter().any(|(key, _)| key.trim_start_matches('_').starts_with("value")));
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
        match self
            .inner
            .registry
            .profile(url)
            .filter(|structure| structure.is_profile && structure.type_name == "Extension")
        {
            Some(structure) => {
                self.extension_context(structure, element);
                self.object(structure, 0, value);
                self.parts(structure, value);
            }
            None => {
                let refuse = self.inner.settings.refuse_unknown_extensions;
                self.report(issue::unknown_extension(url, modifier, refuse));
            }
        }
    }

    /// A part with a plain name has no meaning but what the definition around it gives (R4 `extensibility.html`).
    fn parts(&mut self, structure: &'a Structure, value: &'a Json) {
        let element = structure.shapes.first().and_then(|shape| shape.element("extension"));
        let Some(slicing) = element.and_then(|element| element.slicing.as_ref()) else { return };
        for (index, part) in value.items("extension").iter().enumerate() {
            let plain = part.get_str("url").is_some_and(|url| !format::scheme(url));
            if plain
                && slicing.rules != Openness::Closed
                && !slicing.slices.iter().any(|slice| slice.matches(self, part, "Extension"))
            {
                self.within("extension", |walk| {
                    walk.within_index(index, |walk| walk.report(issue::unknown_part(structure)))
                });
            }
        }
    }

    /// ref-1, the form of the reference and the type of its target (R4 `references.html`).
    fn reference(&mut self, element: &'a Element, spec: &'a TypeRef, value: &'a Json) {
        if let Some(reference) = value.get_str("reference") {
            if reference.starts_with('#') {
                if self.resolve(reference).is_none() {
                    self.report(issue::dangling_fragment());
                    return;
                }
            } else if reference.starts_with("urn:") {
                self.urn(reference);
            } else if !format::scheme(reference) {
                let Some(name) = named_type(reference) else {
                    self.within("reference", |walk| walk.report(issue::reference_form()));
                    return;
                };
                if !self.inner.registry.is_resource(name) {
                    self.within("reference", |walk| walk.report(issue::reference_to_no_type(name)));
                }
            }
        } else if !["_reference", "identifier", "display", "_display", "extension"]
            .iter()
            .any(|key| value.get(key).is_some())
        {
            self.report(issue::empty_reference());
        }
        if let (Some(named), Some(found)) = (value.get_str("type"), self.referenced_type(value))
            && named != found
            && self.inner.registry.is_resource(found)
        {
            self.report(issue::type_mismatch());
            return;
        }
        if !spec.targets.is_empty()
            && let Some(base) = self.inner.registry.base(element.path.split('.').next().unwrap_or_default())
        {
            self.reference_target(base, element, spec, value);
        }
    }

    /// A UUID or OID is the address of nothing but an entry beside it (R4 `bundle.html#references`).
    fn urn(&mut self, reference: &str) {
        let in_bundle = self.scopes.iter().any(|scope| scope.resource.get_str("resourceType") == Some("Bundle"));
        if in_bundle && self.resolve(reference).is_none() {
            self.within("reference", |walk| walk.report(issue::no_such_entry()));
        }
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
        let named = || value.get_str("type").filter(|name| self.inner.registry.is_resource(name));
        self.referenced_type(value).or_else(named).map(str::to_owned)
    }

    /// The type that the reference itself shows, or that of the resource it points to here.
    fn referenced_type(&self, value: &'a Json) -> Option<&'a str> {
        let reference = value.get_str("reference")?;
        match self.resolve(reference) {
            Some(resolved) => resolved.resource.get_str("resourceType"),
            None => named_type(reference).filter(|name| self.inner.registry.is_resource(name)),
        }
    }

    /// An identifier in the system of URIs is itself one, in full (R4 `identifier-registry.html`).
    fn identifier(&mut self, value: &'a Json) {
        self.absolute_system("Identifier", value);
        if value.get_str("system") == Some("urn:ietf:rfc:3986")
            && value.get_str("value").is_some_and(|value| !format::scheme(value))
        {
            self.within("value", |walk| walk.report(issue::identifier_not_uri()));
        }
    }

    /// Systems are absolute (R4 `datatypes.html`: Coding, Identifier, Quantity).
    fn absolute_system(&mut self, type_name: &str, value: &'a Json) -> bool {
        let absolute = value.get_str("system").is_none_or(format::scheme);
        if !absolute {
            self.within("system", |walk| walk.report(issue::relative_system(type_name)));
        }
        absolute
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
    pub fn resource_rules(&mut self, node: &'a Json) {
        self.anchors(node);
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
        if node.get_str("resourceType") == Some("Bundle") {
            self.bundle(node);
        }
        if contained.is_empty() {
            return;
        }
        let mut referred = HashSet::new();
        fragments(node, 0, &mut referred);
        let mut ids = HashSet::new();
        for (index, resource) in contained.iter().enumerate() {
            let Some(id) = resource.get_str("id") else { continue };
            if !ids.insert(id) {
                self.in_contained(index, issue::duplicate_contained());
            }
            if !referred.contains(id) && !refers_to_container(resource, 0) {
                self.in_contained(index, issue::dom("dom-3"));
            }
        }
    }

    fn in_contained(&mut self, index: usize, issue: Issue) {
        self.within("contained", |walk| walk.within_index(index, |walk| walk.report(issue)));
    }

    pub fn canonical(&mut self, value: &'a Json) {
        if value.as_str().is_some_and(|text| text.starts_with('#') && self.resolve(text).is_none()) {
            self.report(issue::dangling_fragment());
        }
    }
}

/// Every `#id` in references, canonicals and uris below `node`.
fn fragments<'j>(node: &'j Json, depth: usize, into: &mut HashSet<&'j str>) {
    match node {
        Json::String(text) => {
            if let Some(id) = text.strip_prefix('#') {
                into.insert(id);
            }
        }
        Json::Array(items) if depth < DEPTH => items.iter().for_each(|item| fragments(item, depth + 1, into)),
        Json::Object(object) if depth < DEPTH => object.iter().for_each(|(_, value)| fragments(value, depth + 1, into)),
        _ => {}
    }
}

fn refers_to_container(node: &Json, depth: usize) -> bool {
    match node {
        Json::Array(items) => depth < DEPTH && items.iter().any(|item| refers_to_container(item, depth + 1)),
        Json::Object(object) => {
            let here = object.get("reference").and_then(Json::as_str) == Some("#");
            here || depth < DEPTH && object.iter().any(|(_, value)| refers_to_container(value, depth + 1))
        }
        _ => false,
    }
}
