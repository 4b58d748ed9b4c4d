//! The part of the walk that only profiles need: slices, profiles on types and on the targets of references.

use std::rc::Rc;

use crate::fhir::json::{Json, Object};
use crate::fhir::outcome::Issue;

use super::issue;
use super::issue_of_slice::{self, Reason};
use super::registry::R4_DEFINITIONS;
use super::shape::{Element, Kind, Member, Structure, TypeRef};
use super::slicing::{Openness, Slice, Slicing};
use super::walk::{Scope, Walk};

/// A value of a sliced element, and where it stands.
#[derive(Clone, Copy)]
struct Sliced<'a> {
    value: &'a Json,
    name: &'a str,
    index: Option<usize>,
    type_code: &'a str,
}

impl<'a> Walk<'a> {
    /// A walk of its own from the same place, whose findings are only looked at.
    pub fn trial(&self) -> Walk<'a> {
        Walk {
            inner: self.inner,
            how: self.how,
            root_type: self.root_type,
            pointer: self.pointer.clone(),
            issues: Vec::new(),
            omitted: 0,
            scopes: self.scopes.clone(),
            judged: Rc::clone(&self.judged),
            trials: self.trials + 1,
            told_systems: self.told_systems.clone(),
        }
    }

    /// The first error of `value` against a profile; `None` where it satisfies it.
    pub fn first_error_against(&self, profile: &str, value: &'a Json) -> Option<Issue> {
        let mut trial = self.trial();
        trial.type_profile(profile, value);
        trial.issues.into_iter().find(Issue::is_error)
    }

    /// Several profiles on one type: the value must satisfy one of them.
    pub fn any_profile(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        profiles: &'a [String],
        value: &'a Json,
    ) {
        let mut closest: Option<(usize, Walk<'a>)> = None;
        for profile in profiles {
            let mut trial = self.trial();
            trial.type_profile(profile, value);
            let errors = trial.issues.iter().filter(|issue| issue.is_error()).count();
            if errors == 0 {
                return self.take_over(trial);
            }
            if closest.as_ref().is_none_or(|(least, _)| errors < *least) {
                closest = Some((errors, trial));
            }
        }
        self.report(issue::no_profile_holds(structure, element, profiles));
        if let Some((_, trial)) = closest {
            self.take_over(trial);
        }
    }

    /// Makes the findings of a trial those of this walk, within its limit.
    fn take_over(&mut self, trial: Walk<'a>) {
        self.omitted += trial.omitted;
        for issue in trial.issues {
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
            if value.get_str("resourceType").is_some_and(|found| found != structure.type_name) {
                self.report(issue::profile_of_other_type(canonical, &structure.type_name));
                return;
            }
            let around = self.scopes.last().is_some_and(|scope| std::ptr::eq(scope.resource, value));
            if !around {
                self.scopes.push(Scope::new(value, false));
            }
            self.object(structure, 0, value);
            if !around {
                self.scopes.pop();
            }
        } else {
            self.object(structure, 0, value);
        }
    }

    /// Counts the values of each slice and applies the slice's rules to them.
    pub fn sliced(&mut self, structure: &'a Structure, element: &'a Element, object: &'a Object) {
        let Some(slicing) = &element.slicing else { return };
        let mut items = Vec::new();
        for form in &element.forms {
            let Some(value) = object.get(&form.name) else { continue };
            let type_code = element.types.get(form.type_index).map(|spec| spec.code.as_str()).unwrap_or_default();
            let name = form.name.as_str();
            match value {
                Json::Array(values) if element.array => {
                    let item = |(index, value)| Sliced { value, name, index: Some(index), type_code };
                    items.extend(values.iter().enumerate().map(item));
                }
                value => items.push(Sliced { value, name, index: None, type_code }),
            }
        }
        self.slices(structure, element, slicing, &items);
    }

    fn slices(&mut self, structure: &'a Structure, element: &'a Element, slicing: &'a Slicing, items: &[Sliced<'a>]) {
        let mut places: Vec<Option<usize>> = Vec::with_capacity(items.len());
        let (mut last, mut outside) = (0, false);
        for item in items {
            let found = slicing.slices.iter().position(|slice| slice.matches(self, item.value, item.type_code));
            places.push(found);
            self.at_item(item, |walk| {
                walk.in_slice(structure, element, slicing, (found, &mut last, &mut outside), item)
            });
        }
        for (at, slice) in slicing.slices.iter().enumerate() {
            let inside = |(item, place): (&Sliced<'a>, &Option<usize>)| (*place == Some(at)).then_some(*item);
            self.slice_count(structure, element, slice, (items, &places, at));
            if let Some(again) = &slice.element.slicing {
                let own: Vec<Sliced<'a>> = items.iter().zip(&places).filter_map(inside).collect();
                self.slices(structure, &slice.element, again, &own);
            }
        }
    }

    fn slice_count(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        slice: &'a Slice,
        (items, places, at): (&[Sliced<'a>], &[Option<usize>], usize),
    ) {
        let count = places.iter().filter(|place| **place == Some(at)).count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count == 0 && self.how.must_support && slice.element.must_support && slice.min == 0 {
            self.report(issue::unsupported(structure, &format!("{}:{}", element.path, slice.name)));
        }
        if count >= slice.min && slice.max.is_none_or(|max| count <= max) {
            return;
        }
        let mut reasons: Vec<Reason> = Vec::new();
        if count < slice.min {
            let others = items.iter().zip(places).filter(|(_, place)| **place != Some(at));
            reasons.extend(others.take(8).filter_map(|(item, _)| {
                issue_of_slice::reason(self, slice, item.value, item.type_code).map(|reason| {
                    let place =
                        item.index.map_or_else(|| item.name.to_owned(), |index| format!("{}[{index}]", item.name));
                    Reason { ja: format!("{place} は{}", reason.ja), en: format!("{place} is not {}", reason.en) }
                })
            }));
        }
        let issue = issue_of_slice::count(structure, element, slice, count, &reasons);
        if count > 0 { self.within(&element.name, |walk| walk.report(issue)) } else { self.report(issue) }
    }

    fn in_slice(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        slicing: &'a Slicing,
        (found, last, outside): (Option<usize>, &mut usize, &mut bool),
        item: &Sliced<'a>,
    ) {
        const ONLY: Member = Member { element: 0, type_index: 0, sibling: false };
        let Some(at) = found else {
            if let Some(fallback) = &slicing.fallback {
                self.value(structure, &fallback.element, ONLY, item.value);
            } else if slicing.rules == Openness::Closed {
                let why = |slice| issue_of_slice::reason(self, slice, item.value, item.type_code);
                let reasons: Vec<Reason> = slicing.slices.iter().filter_map(why).collect();
                self.report(issue_of_slice::in_none(structure, element, slicing, &reasons));
            }
            *outside = true;
            return;
        };
        if (slicing.ordered && at < *last) || (slicing.rules == Openness::OpenAtEnd && *outside) {
            self.report(issue_of_slice::out_of_order(structure, element));
        }
        *last = at;
        if let Some(slice) = slicing.slices.get(at) {
            self.value(structure, &slice.element, ONLY, item.value);
        }
    }

    fn at_item(&mut self, item: &Sliced<'a>, f: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(item.name);
        if let Some(index) = item.index {
            self.push_index(index);
        }
        f(self);
        self.pointer.truncate(length);
    }

    /// A profile may allow fewer target types, or fewer types of resource, than the base.
    pub fn narrowed_type(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        spec: &'a TypeRef,
        value: &'a Json,
    ) {
        if !spec.targets.is_empty() && spec.code == "Reference" {
            self.reference_target(structure, element, spec, value);
            self.target_profile(structure, element, spec, value);
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
