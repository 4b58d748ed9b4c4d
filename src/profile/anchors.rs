//! What can be pointed at inside a resource: ids of elements are unique (R4 `element.html#id`), and `#…` links in a
//! narrative lead to one of them, to a contained resource or into a narrative (R4 `narrative.html`).

use std::collections::HashSet;
use std::fmt::{Display, Write as _};

use crate::fhir::json::{Json, escape_pointer};

use super::issue;
use super::narrative::anchors;
use super::walk::Walk;

/// The parser's limit of nesting is no higher.
const DEPTH: usize = 256;

/// Ids of elements and narratives, with their pointers where these are wanted.
#[derive(Default)]
struct Found<'j> {
    placed: bool,
    at: String,
    ids: Vec<(&'j str, String)>,
    divs: Vec<(&'j str, String)>,
}

impl<'j> Found<'j> {
    /// Goes down to the resources inside, which have ids of their own.
    fn below(&mut self, node: &'j Json, depth: usize) {
        match node {
            Json::Array(items) if depth < DEPTH => {
                items.iter().enumerate().for_each(|(index, item)| self.child(&index, item, depth));
            }
            Json::Object(object) if depth < DEPTH => {
                object.iter().for_each(|(name, value)| self.child(&name, value, depth));
            }
            _ => {}
        }
    }

    fn child(&mut self, step: &dyn Display, value: &'j Json, depth: usize) {
        if !matches!(value, Json::Array(_) | Json::Object(_)) || value.get("resourceType").is_some() {
            return;
        }
        let length = self.at.len();
        if self.placed {
            // Writing to a String cannot fail.
            let _ = write!(self.at, "/{}", escape_pointer(&step.to_string()));
        }
        for (name, list) in [("id", &mut self.ids), ("div", &mut self.divs)] {
            if let Some(text) = value.get_str(name) {
                list.push((text, if self.placed { format!("{}/{name}", self.at) } else { String::new() }));
            }
        }
        self.below(value, depth + 1);
        self.at.truncate(length);
    }
}

impl<'a> Walk<'a> {
    pub fn anchors(&mut self, resource: &'a Json) {
        let mut found = Found::default();
        found.below(resource, 0);
        let mut seen = HashSet::with_capacity(found.ids.len());
        let unique = found.ids.iter().all(|(id, _)| seen.insert(*id));
        let links = |(div, _): &(&str, String)| div.contains("\"#") || div.contains("'#");
        if unique && !found.divs.iter().any(links) {
            return;
        }
        let mut found = Found { placed: true, at: self.pointer.clone(), ..Found::default() };
        found.below(resource, 0);
        let mut names: HashSet<&str> = HashSet::new();
        for (id, place) in found.ids {
            if !names.insert(id) {
                self.report_at(issue::duplicate_element_id(), place);
            }
        }
        names.extend(resource.items("contained").iter().filter_map(|contained| contained.get_str("id")));
        let divs: Vec<_> = found.divs.into_iter().map(|(div, place)| (anchors(div), place)).collect();
        names.extend(divs.iter().flat_map(|(anchors, _)| &anchors.names).copied());
        for (anchors, place) in divs {
            if anchors.links.iter().any(|link| !names.contains(link)) {
                self.report_at(issue::dangling_link(), place);
            }
        }
    }
}
