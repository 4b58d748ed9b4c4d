//! The part of the walk that only profiles need: slices, profiles on types, narrowed types.

use std::fmt::Write as _;

use crate::fhir::json::{Json, Object};
use crate::fhir::outcome::Issue;

use super::issue;
use super::registry::R4_DEFINITIONS;
use super::shape::{Element, Kind, Member, Structure, TypeRef};
use super::slicing::{Openness, Slicing};
use super::walk::{Scope, Walk};

impl<'a> Walk<'a> {
    /// Several profiles on one type: the value must satisfy one of them.
    pub fn any_profile(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        profiles: &'a [String],
        value: &'a Json,
    ) {
        let mut closest: Option<Vec<Issue>> = None;
        for profile in profiles {
            let mut trial = Walk {
                inner: self.inner,
                how: self.how,
                root_type: self.root_type,
                pointer: self.pointer.clone(),
                issues: Vec::new(),
                omitted: 0,
                scopes: self.scopes.clone(),
            };
            trial.type_profile(profile, value);
            let errors = trial.issues.iter().filter(|issue| issue.is_error()).count();
            if errors == 0 {
                self.issues.extend(trial.issues);
                return;
            }
            let best =
                closest.as_ref().map_or(usize::MAX, |issues| issues.iter().filter(|issue| issue.is_error()).count());
            if errors < best {
                closest = Some(trial.issues);
            }
        }
        self.report(issue::no_profile_holds(structure, element, profiles));
        for issue in closest.into_iter().flatten() {
            let pointer = issue.pointer.clone().unwrap_or_default();
            self.report_at(issue, pointer);
        }
    }

    pub fn type_profile(&mut self, canonical: &str, value: &'a Json) {
        let registry = &self.inner.registry;
        let Some(structure) = registry.profile(canonical).or_else(|| {
            (!canonical.contains(':')).then(|| registry.profile(&format!("{}{canonical}", R4_DEFINITIONS))).flatten()
        }) else {
            return;
        };
        if !structure.is_profile {
            return;
        }
        if structure.kind == Kind::Resource {
            self.scopes.push(Scope::new(value, false));
            self.object(structure, 0, value);
            self.scopes.pop();
        } else {
            self.object(structure, 0, value);
        }
    }

    /// Counts the values of each slice and applies the slice's rules to them.
    pub fn sliced(&mut self, structure: &'a Structure, element: &'a Element, object: &'a Object) {
        let Some(slicing) = &element.slicing else { return };
        let mut counts = vec![0_u32; slicing.slices.len()];
        let (mut last, mut outside) = (0, false);
        for (type_index, name, _) in element.json_names() {
            let Some(value) = object.get(&name) else { continue };
            let items = if element.array { value.as_array().unwrap_or_default() } else { std::slice::from_ref(value) };
            let type_code = element.types.get(type_index).map(|spec| spec.code.as_str()).unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                let found = slicing.slices.iter().position(|slice| slice.matches(item, type_code));
                let length = self.pointer.len();
                let _ = write!(self.pointer, "/{name}");
                if element.array {
                    let _ = write!(self.pointer, "/{index}");
                }
                self.in_slice(structure, element, slicing, (found, &mut last, &mut outside), item);
                self.pointer.truncate(length);
                if let Some(count) = found.and_then(|at| counts.get_mut(at)) {
                    *count += 1;
                }
            }
        }
        for (slice, count) in slicing.slices.iter().zip(counts) {
            if count < slice.min || slice.max.is_some_and(|max| count > max) {
                let length = self.pointer.len();
                if count > 0 {
                    let _ = write!(self.pointer, "/{}", element.name);
                }
                self.report(issue::slice_count(structure, element, slice, count));
                self.pointer.truncate(length);
            }
        }
    }

    fn in_slice(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        slicing: &'a Slicing,
        (found, last, outside): (Option<usize>, &mut usize, &mut bool),
        item: &'a Json,
    ) {
        let Some(at) = found else {
            if slicing.rules == Openness::Closed {
                self.report(issue::in_no_slice(structure, element, slicing));
            }
            *outside = true;
            return;
        };
        if (slicing.ordered && at < *last) || (slicing.rules == Openness::OpenAtEnd && *outside) {
            self.report(issue::slice_order(structure, element));
        }
        *last = at;
        if let Some(slice) = slicing.slices.get(at) {
            self.value(structure, &slice.element, Member { element: 0, type_index: 0, sibling: false }, item);
        }
    }

    /// A profile may allow fewer target types, or fewer types of resource, than the base.
    pub fn narrowed_type(&mut self, structure: &Structure, element: &Element, spec: &TypeRef, value: &'a Json) {
        if spec.code == "Reference" && !spec.targets.is_empty() {
            self.reference_target(structure, element, spec, value);
        }
        if let Some(found) = value.get_str("resourceType") {
            let fits =
                |spec: &TypeRef| matches!(spec.code.as_str(), "Resource" | "DomainResource") || spec.code == found;
            if !element.types.iter().any(fits) {
                let issue = issue::wrong_resource_type(structure, element, found);
                self.report(issue);
            }
        }
    }
}
