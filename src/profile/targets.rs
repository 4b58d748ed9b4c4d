//! Targets of references: where the target is at hand, contained or in the same Bundle, it must satisfy the target profile.
//! R4 `elementdefinition-definitions.html#ElementDefinition.type.targetProfile`.

use std::collections::HashMap;

use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode};

use super::issue;
use super::resolution::{Resolved, place};
use super::shape::{Element, Structure, TypeRef};
use super::walk::{Scope, TRIAL_LIMIT, Walk};

/// Targets that one validation judges, at most.
const TARGET_LIMIT: usize = 20_000;

/// What is known of targets in one validation.
#[derive(Default)]
pub struct Judged<'a> {
    verdicts: HashMap<(usize, &'a str), Verdict>,
    count: usize,
    /// The verdict that is being found rests on one that is not final: a circle, or a chain that was cut.
    provisional: bool,
    /// Some target has not been judged.
    pub incomplete: bool,
}

enum Verdict {
    /// Being found: references back to it count as right, so that circles end.
    Open,
    /// Its first error; `None` where it satisfies the profile.
    Final(Option<Issue>),
}

impl<'a> Walk<'a> {
    /// The target must satisfy one of the target profiles.
    pub fn target_profile(
        &mut self,
        structure: &'a Structure,
        element: &'a Element,
        spec: &'a TypeRef,
        value: &'a Json,
    ) {
        let Some(resolved) = value.get_str("reference").and_then(|reference| self.resolve(reference)) else { return };
        let Some(found) = resolved.resource.get_str("resourceType") else { return };
        let mut broken: Option<(&'a str, Issue)> = None;
        for target in &spec.targets {
            match self.inner.registry.profile(target) {
                // What is not loaded cannot be held against the target.
                None => return,
                Some(base) if !base.is_profile => {
                    if base.type_name == found || matches!(base.type_name.as_str(), "Resource" | "DomainResource") {
                        return;
                    }
                }
                Some(profile) if profile.type_name != found => {}
                Some(profile) => match self.judged_as(profile, resolved) {
                    None => return,
                    Some(issue) => broken = broken.or(Some((target, issue))),
                },
            }
        }
        if let Some((profile, issue)) = broken {
            self.report(issue::target_breaks_profile(structure, element, profile, &issue));
        }
    }

    /// The first error of a resource at hand against a profile.
    ///
    /// A verdict that rests on one that is not final is used, but not kept: from another place it may be another.
    fn judged_as(&self, profile: &'a Structure, resolved: Resolved<'a>) -> Option<Issue> {
        let key = (place(resolved.resource), profile.name.as_str());
        let outer = {
            let mut judged = self.judged.borrow_mut();
            match judged.verdicts.get(&key) {
                Some(Verdict::Final(error)) => return error.clone(),
                Some(Verdict::Open) => {
                    judged.provisional = true;
                    return None;
                }
                None if self.trials >= TRIAL_LIMIT || judged.count >= TARGET_LIMIT => {
                    (judged.provisional, judged.incomplete) = (true, true);
                    return None;
                }
                None => {}
            }
            judged.count += 1;
            judged.verdicts.insert(key, Verdict::Open);
            std::mem::take(&mut judged.provisional)
        };
        let error = self.errors_of(profile, resolved);
        let mut judged = self.judged.borrow_mut();
        // An error is one whatever the others are; and outermost, a circle has closed on what was asked.
        if error.is_some() || !judged.provisional || self.trials == 0 {
            judged.verdicts.insert(key, Verdict::Final(error.clone()));
            judged.provisional = outer;
        } else {
            judged.verdicts.remove(&key);
        }
        error
    }

    fn errors_of(&self, profile: &'a Structure, resolved: Resolved<'a>) -> Option<Issue> {
        let mut trial = self.trial();
        trial.scopes.truncate(resolved.depth);
        match self.scopes.get(resolved.depth).filter(|scope| std::ptr::eq(scope.resource, resolved.resource)) {
            Some(scope) => trial.scopes.push(scope.clone()),
            None => trial.scopes.push(Scope::new(resolved.resource, resolved.is_contained)),
        }
        trial.pointer.clear();
        trial.root_type = &profile.type_name;
        trial.object(profile, 0, resolved.resource);
        trial.issues.into_iter().find(Issue::is_error)
    }
}

/// Told once, at the end of a validation.
pub fn not_all_judged() -> Issue {
    Issue::warning(
        IssueCode::Informational,
        "参照の連なりが長いか多いため、参照先の一部はプロファイルに照らしていません。",
        "References lead on too far, or to too many resources: some of these have not been held to their target profile.",
    )
}
