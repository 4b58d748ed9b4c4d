//! The walk: goes down a resource with its base type and profiles, runs the compiled schema of each object, and
//! applies what a schema cannot say.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::fhir::json::{Json, Object, escape_pointer};
use crate::fhir::outcome::{Issue, IssueCode};

use super::Validation;
use super::engine::Schema;
use super::inner::Inner;
use super::issue;
use super::issue_of_schema::of_finding;
use super::json_schema;
use super::resolution::Inside;
use super::shape::{Element, Member, Shape, Structure};
use super::targets::{self, Judged};

/// After so many findings the walk only counts.
const ISSUE_LIMIT: usize = 200;

/// Resources within resources (contained, Bundle entries, parameters) deeper than this are refused.
const NESTING_LIMIT: usize = 8;

/// One validation.
pub struct Walk<'a> {
    pub inner: &'a Inner,
    pub how: &'a Validation,
    pub root_type: &'a str,
    /// JSON pointer of the value that is being looked at.
    pub pointer: String,
    pub issues: Vec<Issue>,
    pub omitted: usize,
    /// The resources around the value, outermost first.
    pub scopes: Vec<Scope<'a>>,
    /// Code systems that were told as not at hand.
    pub told_systems: Vec<&'a str>,
    /// Targets of references.
    pub judged: Rc<RefCell<Judged<'a>>>,
    /// Walks of this kind around this one: a value tried against a profile may hold others to be tried.
    pub trials: usize,
}

/// Trials within trials deeper than this end: profiles that ask for each other could go on for ever.
pub const TRIAL_LIMIT: usize = 8;

/// A resource that the walk is in.
#[derive(Clone)]
pub struct Scope<'a> {
    pub resource: &'a Json,
    pub is_contained: bool,
    pub inside: Rc<Inside<'a>>,
}

impl<'a> Scope<'a> {
    pub fn new(resource: &'a Json, is_contained: bool) -> Scope<'a> {
        Scope { resource, is_contained, inside: Rc::new(Inside::of(resource)) }
    }
}

impl<'a> Walk<'a> {
    pub fn new(inner: &'a Inner, root: &'a Json, how: &'a Validation) -> Walk<'a> {
        let root_type = root.get_str("resourceType").unwrap_or("Resource");
        Walk {
            inner,
            how,
            root_type,
            pointer: String::new(),
            issues: Vec::new(),
            omitted: 0,
            scopes: Vec::new(),
            told_systems: Vec::new(),
            judged: Rc::default(),
            trials: 0,
        }
    }

    pub fn report(&mut self, issue: Issue) {
        let pointer = self.pointer.clone();
        self.report_at(issue, pointer);
    }

    pub fn report_at(&mut self, issue: Issue, pointer: String) {
        if self.issues.len() >= ISSUE_LIMIT {
            self.omitted += 1;
            // No number of warnings hides an error.
            let note = if issue.is_error() { self.issues.iter().rposition(|told| !told.is_error()) } else { None };
            let Some(note) = note else { return };
            self.issues.remove(note);
        }
        self.issues.push(issue.at(self.root_type, pointer));
    }

    /// Runs `f` with the pointer one member further down.
    pub fn within<T>(&mut self, member: &str, f: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        if member.contains(['~', '/']) {
            self.pointer.push_str(&escape_pointer(member))
        } else {
            self.pointer.push_str(member)
        }
        let answer = f(self);
        self.pointer.truncate(length);
        answer
    }

    pub fn within_index<T>(&mut self, index: usize, f: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.push_index(index);
        let answer = f(self);
        self.pointer.truncate(length);
        answer
    }

    /// Most arrays are short: an index of one digit is written without the machinery of formatting.
    pub fn push_index(&mut self, index: usize) {
        match u8::try_from(index) {
            Ok(digit @ 0..10) => {
                self.pointer.push('/');
                self.pointer.push(char::from(b'0' + digit));
            }
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(self.pointer, "/{index}");
            }
        }
    }

    /// A whole resource: base type, the profile that the rules select, and the declared ones.
    pub fn resource(&mut self, node: &'a Json, is_contained: bool) {
        let Some(type_name) = node.get_str("resourceType") else {
            self.report(match (node.as_object(), node.get("resourceType")) {
                (None, _) => issue::no_object(),
                (Some(_), None) => issue::no_resource_type(),
                (Some(_), Some(_)) => issue::resource_type_form(),
            });
            return;
        };
        if !self.inner.registry.is_resource(type_name) {
            self.within("resourceType", |walk| walk.report(issue::unknown_type(type_name)));
            return;
        }
        if self.scopes.len() >= NESTING_LIMIT {
            self.report(issue::too_deep());
            return;
        }
        let Some(structure) = self.inner.registry.base(type_name) else { return };
        self.scopes.push(Scope::new(node, is_contained));
        self.typed(structure, node);
        self.resource_rules(node);
        let selected = self.selected_profile(type_name, node, is_contained);
        if let Some(profile) = selected {
            self.profile(profile, type_name, node);
        }
        self.declared_profiles(type_name, node, selected);
        if self.scopes.len() == 1 {
            self.asked_profiles(type_name, node, selected);
        }
        self.scopes.pop();
    }

    /// The region's choice, where it has one.
    fn selected_profile(&mut self, type_name: &str, node: &'a Json, is_contained: bool) -> Option<&'a str> {
        if self.how.base_only {
            return None;
        }
        let selected = self.inner.rules.select(type_name, node);
        if selected.is_none()
            && !is_contained
            && self.inner.settings.refuse_unmatched
            && self.inner.rules.has(type_name)
        {
            self.report(issue::no_rule());
        }
        selected
    }

    /// The profiles that this validation names, on the resource that it is about.
    fn asked_profiles(&mut self, type_name: &str, node: &'a Json, selected: Option<&str>) {
        let how = self.how;
        for canonical in how.profiles.iter().filter(|canonical| selected != Some(canonical)) {
            if let Some(structure) = self.named_profile(canonical, type_name, true).filter(|found| found.is_profile) {
                self.object(structure, 0, node);
            }
        }
    }

    fn declared_profiles(&mut self, type_name: &str, node: &'a Json, selected: Option<&str>) {
        let refuse = self.inner.settings.refuse_unknown_profiles;
        let declared = node.get("meta").map(|meta| meta.items("profile")).unwrap_or_default();
        for (index, canonical) in declared.iter().enumerate().take(32) {
            let Some(canonical) = canonical.as_str().filter(|canonical| selected != Some(canonical)) else { continue };
            let length = self.pointer.len();
            let _ = write!(self.pointer, "/meta/profile/{index}");
            let found = self.named_profile(canonical, type_name, refuse);
            if let Some(at_hand) = found.and_then(|_| self.inner.registry.other_version(canonical)) {
                self.report(issue::other_version(at_hand));
            }
            self.pointer.truncate(length);
            if let Some(structure) = found.filter(|found| found.is_profile) {
                self.object(structure, 0, node);
            }
        }
    }

    /// The profile, or base definition, of that address for a resource of the type. Tells where it is not loaded, or is one
    /// of another type.
    fn named_profile(&mut self, canonical: &str, type_name: &str, refuse: bool) -> Option<&'a Structure> {
        let Some(structure) = self.inner.registry.profile(canonical) else {
            self.report(issue::unknown_profile(refuse, self.inner.registry.left_out(canonical)));
            return None;
        };
        if structure.type_name != type_name {
            if !matches!(structure.name.as_str(), "Resource" | "DomainResource") {
                self.report(issue::profile_of_other_type(canonical, &structure.type_name));
            }
            return None;
        }
        Some(structure)
    }

    /// A profile on the resource in whose scope the walk is.
    pub fn profile(&mut self, canonical: &str, type_name: &str, node: &'a Json) {
        if let Some(structure) = self.inner.registry.profile(canonical)
            && structure.is_profile
            && structure.type_name == type_name
        {
            self.object(structure, 0, node);
        }
    }

    /// A value of a base type, with the invariants of the types that it specialises.
    fn typed(&mut self, structure: &'a Structure, node: &'a Json) {
        self.object(structure, 0, node);
        for base in self.inner.registry.chain(structure).skip(1) {
            if let Some(root) = base.shapes.first() {
                self.constraints(&root.constraints, base, (&root.path, self.inner.type_of(base, &root.path)), node);
            }
        }
    }

    /// One object by one shape.
    pub fn object(&mut self, structure: &'a Structure, at: usize, node: &'a Json) {
        if self.trials > TRIAL_LIMIT {
            return self.report(issue::too_deep());
        }
        let Some(shape) = structure.shapes.get(at) else { return };
        match json_schema::schema(structure, shape) {
            Ok(Some(schema)) if !schema.is_valid(node) => self.findings(structure, shape, schema, node),
            Ok(_) => {}
            Err(_) => self.report(issue::no_schema(structure, shape)),
        }
        let Some(object) = node.as_object() else { return };
        self.constraints(
            &shape.constraints,
            structure,
            (&shape.path, self.inner.type_of(structure, &shape.path)),
            node,
        );
        for (name, value) in object.iter() {
            if let Some(member) = shape.members.get(name)
                && let Some(element) = shape.elements.get(member.element)
            {
                self.within(name, |walk| walk.member(structure, element, *member, value));
                if member.sibling && !structure.is_profile {
                    self.lone_sibling(structure, element, object, name, value);
                }
            }
        }
        for element in shape.elements.iter().filter(|element| element.slicing.is_some()) {
            self.sliced(structure, element, object);
        }
        if self.how.must_support {
            self.must_support(structure, shape, object);
        }
    }

    /// Elements that the profile asks systems to support, and that are absent.
    fn must_support(&mut self, structure: &Structure, shape: &Shape, object: &Object) {
        let absent = |element: &&Element| {
            element.must_support && element.min == 0 && !element.forms.iter().any(|form| form.stands_in(object))
        };
        for element in shape.elements.iter().filter(absent) {
            self.report(issue::unsupported(structure, &element.path));
        }
    }

    fn findings(&mut self, structure: &Structure, shape: &Shape, schema: &Schema, node: &Json) {
        let findings = schema.findings(node);
        // What will only be counted need not be put into words.
        let errors = self.issues.iter().filter(|told| told.is_error()).count();
        let told = ISSUE_LIMIT.saturating_sub(errors).min(findings.len());
        self.omitted += findings.len() - told;
        for finding in findings.into_iter().take(told) {
            let pointer = format!("{}{}", self.pointer, finding.pointer);
            let (issue, below) = of_finding(structure, shape, node, &finding);
            self.report_at(issue, pointer + &below);
        }
    }

    fn member(&mut self, structure: &'a Structure, element: &'a Element, member: Member, value: &'a Json) {
        match value {
            Json::Array(items) if element.array => {
                for (index, item) in items.iter().enumerate() {
                    self.within_index(index, |walk| walk.value(structure, element, member, item));
                }
            }
            Json::Array(_) => {}
            _ if element.array => {}
            _ => self.value(structure, element, member, value),
        }
    }

    /// ele-1: a primitive without a value needs an extension; an id alone says nothing.
    fn lone_sibling(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        object: &'a Object,
        name: &str,
        sibling: &'a Json,
    ) {
        let plain = name.trim_start_matches('_');
        let empty = |value: Option<&Json>| value.is_none_or(|value| value == &Json::Null);
        let says_nothing = |sibling: &Json| sibling.as_object().is_some_and(|object| !object.contains_key("extension"));
        match sibling {
            Json::Array(items) => {
                let values = object.get(plain).and_then(Json::as_array).unwrap_or_default();
                for (index, item) in items.iter().enumerate() {
                    if says_nothing(item) && empty(values.get(index)) {
                        self.within(name, |walk| {
                            walk.within_index(index, |walk| walk.report(issue::no_content(structure, &element.path)))
                        });
                    }
                }
            }
            _ if says_nothing(sibling) && empty(object.get(plain)) => {
                self.within(name, |walk| walk.report(issue::no_content(structure, &element.path)));
            }
            _ => {}
        }
    }

    /// One value of an element.
    pub fn value(&mut self, structure: &'a Structure, element: &'a Element, member: Member, value: &'a Json) {
        if member.sibling {
            if !structure.is_profile
                && let Some(base) = self.inner.registry.base("Element")
                && value.as_object().is_some()
            {
                self.object(base, 0, value);
            }
            return;
        }
        if value == &Json::Null {
            return;
        }
        if !element.rules.is_empty() {
            self.value_rules(structure, element, member.type_index, value);
        }
        let Some(spec) = element.type_of(member, value) else { return };
        if !matches!(value, Json::Object(_)) {
            if !structure.is_profile && spec.code == "canonical" {
                self.canonical(value);
            }
            return;
        }
        match element.child {
            Some(child) => self.inner_object(structure, child, element, value),
            None if structure.is_profile => {}
            None if spec.code == "Resource" => self.resource(value, element.name == "contained"),
            None => {
                if let Some(base) = self.inner.registry.structure(spec) {
                    self.typed(base, value);
                }
                if value.as_object().is_some_and(|object| object.len() == 1 && object.contains_key("id")) {
                    self.report(issue::no_content(structure, &element.path));
                }
                self.complex_rules(element, spec, value);
            }
        }
        if structure.is_profile {
            self.narrowed_type(structure, element, spec, value);
        }
        match spec.profiles.as_slice() {
            [] => {}
            [profile] => self.type_profile(profile, value),
            several => self.any_profile(structure, element, several, value),
        }
    }

    /// An object that the definition itself describes. Where a profile goes on into a resource (`contained`,
    /// `entry.resource`), invariants there are about that one (`%resource`).
    fn inner_object(&mut self, structure: &'a Structure, child: usize, element: &'a Element, value: &'a Json) {
        let is_resource = structure.is_profile && value.get("resourceType").is_some();
        if is_resource {
            self.scopes.push(Scope::new(value, element.name == "contained"));
        }
        self.object(structure, child, value);
        if is_resource {
            self.scopes.pop();
        }
    }

    /// The count of findings that were left out, as a last word.
    pub fn finish(mut self) -> Vec<Issue> {
        if self.omitted > 0 {
            let (ja, en) = (
                format!("ほかに{}件あります。", self.omitted),
                format!("{} more findings are not shown.", self.omitted),
            );
            self.issues.push(Issue::warning(IssueCode::Informational, ja, en));
        }
        if self.judged.borrow().incomplete {
            self.issues.push(targets::not_all_judged());
        }
        self.issues
    }
}
