//! Slices: how often each stands (`contains`), and what its values are held to (`if`/`then`).

use serde_json::{Value, json};

use super::super::shape::{Element, Structure, TypeRef};
use super::super::slicing::{Expected, Openness, Slice, Slicing};
use super::members::{Members, present};
use super::overlay::Spot;
use super::{Emitter, all};

/// What is gathered about one array.
#[derive(Default)]
struct Said {
    /// Of the array.
    counts: Vec<Value>,
    /// Of each item.
    items: Vec<Value>,
    must_stand: bool,
}

/// An element with slices, and where its values lie.
#[derive(Clone, Copy)]
struct Sliced<'r> {
    structure: &'r Structure,
    element: &'r Element,
    spot: Spot<'r>,
}

impl<'r> Emitter<'r> {
    pub(super) fn sliced(
        &mut self,
        structure: &'r Structure,
        element: &'r Element,
        slicing: &'r Slicing,
        spot: Spot<'r>,
        members: &mut Members,
    ) {
        if element.choice && !element.array {
            return self.by_type(structure, element, slicing, spot, members);
        }
        let ([form], [spec, ..], true) = (element.forms.as_slice(), element.types.as_slice(), element.array) else {
            return self.limits.add("slicing", &element.path);
        };
        let sliced = Sliced { structure, element, spot: self.below(spot, &form.name, spec) };
        let mut said = Said::default();
        self.slices(sliced, slicing, None, &mut said);
        if said.must_stand {
            members.require(&element.forms);
        }
        if let Some(items) = all(said.items) {
            said.counts.push(json!({ "type": "array", "items": items }));
        }
        said.counts.into_iter().for_each(|count| members.say(&form.name, count));
    }

    /// The slices of one level; `within` is what the values of the slice around them have in common.
    fn slices(&mut self, sliced: Sliced<'r>, slicing: &'r Slicing, within: Option<&Value>, said: &mut Said) {
        let Sliced { structure, element, spot } = sliced;
        if slicing.ordered || slicing.rules == Openness::OpenAtEnd {
            self.limits.add("order of slices", &element.path);
        }
        let mut before: Vec<(&'r Slice, Value)> = Vec::new();
        for slice in &slicing.slices {
            let Some(own) = self.belongs(slice, spot) else {
                // A value belongs to the first slice that it matches, so of the others nothing is sure any more.
                let rest = slicing.slices.iter().skip_while(|other| !std::ptr::eq(*other, slice));
                for slice in rest {
                    self.limits.add("slice", &format!("{}:{}", element.path, slice.name));
                }
                return;
            };
            let earlier = before.iter().filter(|(other, _)| !self.apart(other, slice, spot));
            let mut parts: Vec<Value> = within.cloned().into_iter().collect();
            parts.push(own.clone());
            parts.extend(earlier.map(|(_, condition)| json!({ "not": condition })));
            let condition = all(parts).unwrap_or_else(|| json!({}));
            before.push((slice, own));
            said.counts.extend(count(slice, &condition));
            said.must_stand |= slice.min > 0;
            self.in_slice(sliced, slice, &condition, said);
        }
        let mut ways: Vec<Value> = before.into_iter().map(|(_, condition)| condition).collect();
        let any = if ways.len() == 1 { ways.remove(0) } else { json!({ "anyOf": ways }) };
        let mut outside: Vec<Value> = within.cloned().into_iter().collect();
        outside.push(json!({ "not": any }));
        let outside = all(outside).unwrap_or_else(|| json!({}));
        if let Some(fallback) = &slicing.fallback {
            let rules = first_type(&fallback.element)
                .and_then(|spec| self.value(structure, &fallback.element, spec, self.below_slice(fallback, spot)));
            said.items.extend(rules.map(|rules| json!({ "if": outside, "then": rules })));
        } else if slicing.rules == Openness::Closed {
            said.items.push(json!({ "not": outside }));
        }
    }

    /// What the values of a slice are held to.
    fn in_slice(&mut self, sliced: Sliced<'r>, slice: &'r Slice, condition: &Value, said: &mut Said) {
        let element = &slice.element;
        let spot = self.below_slice(slice, sliced.spot);
        let rules = first_type(element).and_then(|spec| self.value(sliced.structure, element, spec, spot));
        said.items.extend(rules.map(|rules| json!({ "if": condition, "then": rules })));
        if let Some(again) = &element.slicing {
            self.slices(Sliced { element, ..sliced }, again, Some(condition), said);
        }
    }

    /// A slice that has a type of its own lies there.
    fn below_slice(&self, slice: &Slice, spot: Spot<'r>) -> Spot<'r> {
        match (spot, slice.element.types.as_slice()) {
            (Spot::AnyResource, [spec]) => self.spot(&spec.code),
            _ => spot,
        }
    }

    /// Slices of a choice by its type: each is one of its members.
    fn by_type(
        &mut self,
        structure: &'r Structure,
        element: &'r Element,
        slicing: &'r Slicing,
        spot: Spot<'r>,
        members: &mut Members,
    ) {
        for slice in &slicing.slices {
            let types = match slice.tests.as_slice() {
                [test] if test.path.steps.is_empty() => match &test.expected {
                    Expected::Type(types) => types,
                    _ => return self.limits.add("slicing", &element.path),
                },
                _ => return self.limits.add("slicing", &element.path),
            };
            let of_slice = |index: usize| element.types.get(index).is_some_and(|spec| types.contains(&spec.code));
            let forms = element.forms.iter().filter(|form| of_slice(form.type_index));
            let mut ways = Vec::new();
            for form in forms {
                ways.push(present(std::slice::from_ref(form)));
                let rules = first_type(&slice.element)
                    .and_then(|spec| self.value(structure, &slice.element, spec, self.below(spot, &form.name, spec)));
                if slice.max == Some(0) {
                    members.refuse(&form.name);
                } else if let Some(rules) = rules {
                    members.say(&form.name, rules);
                }
            }
            if slice.min > 0 && !ways.is_empty() {
                members.rule(json!({ "anyOf": ways }));
            }
        }
        if slicing.rules == Openness::Closed {
            self.limits.add("closed slicing", &element.path);
        }
    }
}

fn first_type(element: &Element) -> Option<&TypeRef> {
    element.types.first()
}

/// How often a slice stands; nothing where any number is right.
fn count(slice: &Slice, condition: &Value) -> Option<Value> {
    if slice.min == 0 && slice.max.is_none() {
        return None;
    }
    let mut schema = json!({ "type": "array", "contains": condition, "minContains": slice.min });
    if let Some(max) = slice.max {
        schema["maxContains"] = max.into();
    }
    Some(schema)
}
