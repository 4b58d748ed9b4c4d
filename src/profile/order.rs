//! Puts findings into the order of the document and drops those said twice.

use std::collections::HashSet;

use crate::fhir::json::Json;
use crate::fhir::outcome::Issue;

/// Stable: findings at one place keep the order in which they were made.
pub fn in_document_order(root: &Json, issues: Vec<Issue>) -> Vec<Issue> {
    if issues.len() < 2 {
        return issues;
    }
    let mut seen = HashSet::new();
    let mut keyed: Vec<(Vec<usize>, Issue)> = Vec::with_capacity(issues.len());
    for issue in issues {
        if seen.insert((issue.pointer.clone(), issue.rule.clone(), issue.en.clone())) {
            keyed.push((place(root, issue.pointer.as_deref()), issue));
        }
    }
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    keyed.into_iter().map(|(_, issue)| issue).collect()
}

/// The member and item numbers on the way to a pointer; a finding without a place comes last.
fn place(root: &Json, pointer: Option<&str>) -> Vec<usize> {
    let Some(pointer) = pointer else { return vec![usize::MAX] };
    let mut node = Some(root);
    let mut numbers = Vec::new();
    for token in pointer.split('/').skip(1) {
        let step = match node {
            Some(Json::Object(object)) => {
                object.iter().enumerate().find(|(_, (key, _))| *key == token).map(|(at, (_, value))| (at, value))
            }
            Some(Json::Array(items)) => token.parse().ok().and_then(|at: usize| Some((at, items.get(at)?))),
            _ => None,
        };
        numbers.push(step.map_or(usize::MAX, |(at, _)| at));
        node = step.map(|(_, value)| value);
    }
    numbers
}
