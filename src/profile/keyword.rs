//! Rules about one object that plain JSON Schema can say only with poor messages: each reports the elements by name.

use serde_json::Value;

use crate::fhir::json::{Json, Object};

use super::shape::FastMap;

/// A rule about one object's members.
pub trait ObjectRule {
    fn holds(&self, object: &Object) -> bool;

    /// The names that break the rule.
    fn broken(&self, object: &Object) -> Vec<String>;
}

/// Of each group (an element with its `_` sibling, or all forms of a choice) some member must be present.
pub struct Required {
    groups: Vec<(String, Vec<String>)>,
}

/// These members must not be present.
///
/// Here and for choices it is the object's own members that are looked up, since they are few: an extension's value alone
/// has a hundred names.
pub struct Absent {
    names: FastMap<String, ()>,
}

/// Of each group of forms at most one may be present, with its sibling.
pub struct Choice {
    /// The group and the plain form of every member.
    forms: FastMap<String, (usize, usize)>,
    groups: Vec<Vec<String>>,
}

/// No place is empty in both an array of primitives and that of their siblings; where one array is shorter, its missing places
/// are empty.
pub struct Siblings {
    names: Vec<(String, String)>,
}

impl Required {
    /// `{"name": ["name", "_name"], …}`
    pub fn new(value: &Value) -> Self {
        let groups = value.as_object().into_iter().flatten().map(|(name, forms)| (name.clone(), strings(forms)));
        Required { groups: groups.collect() }
    }
}

impl ObjectRule for Required {
    fn holds(&self, object: &Object) -> bool {
        self.groups.iter().all(|(_, forms)| any_of(object, forms))
    }

    fn broken(&self, object: &Object) -> Vec<String> {
        self.groups.iter().filter(|(_, forms)| !any_of(object, forms)).map(|(name, _)| name.clone()).collect()
    }
}

fn any_of(object: &Object, forms: &[String]) -> bool {
    forms.iter().any(|form| object.contains_key(form))
}

impl Absent {
    pub fn new(value: &Value) -> Self {
        Absent { names: strings(value).into_iter().map(|name| (name, ())).collect() }
    }
}

impl ObjectRule for Absent {
    fn holds(&self, object: &Object) -> bool {
        object.iter().all(|(name, _)| !self.names.contains_key(name))
    }

    fn broken(&self, object: &Object) -> Vec<String> {
        object.iter().filter(|(name, _)| self.names.contains_key(*name)).map(|(name, _)| name.to_owned()).collect()
    }
}

impl Choice {
    /// `[["valueString", "valueCode", …], …]`
    pub fn new(value: &Value) -> Self {
        let groups: Vec<Vec<String>> = value.as_array().into_iter().flatten().map(strings).collect();
        let mut forms = FastMap::default();
        for (group, names) in groups.iter().enumerate() {
            for (form, name) in names.iter().enumerate() {
                forms.insert(format!("_{name}"), (group, form));
                forms.insert(name.clone(), (group, form));
            }
        }
        Choice { forms, groups }
    }

    /// Group and form of the object's members, each once.
    fn present(&self, object: &Object) -> Vec<(usize, usize)> {
        let mut present: Vec<(usize, usize)> =
            object.iter().filter_map(|(name, _)| self.forms.get(name).copied()).collect();
        present.sort_unstable();
        present.dedup();
        present
    }
}

impl ObjectRule for Choice {
    fn holds(&self, object: &Object) -> bool {
        let mut first: Option<(usize, usize)> = None;
        for (name, _) in object.iter() {
            let Some(form) = self.forms.get(name) else { continue };
            match first {
                None => first = Some(*form),
                Some(first) if first == *form => {}
                // Two forms: of one choice or of two.
                Some(_) => return self.present(object).windows(2).all(|pair| pair[0].0 != pair[1].0),
            }
        }
        true
    }

    fn broken(&self, object: &Object) -> Vec<String> {
        let present = self.present(object);
        let of_group = |group: &[(usize, usize)]| {
            let names = group.iter().filter_map(|(group, form)| self.groups.get(*group)?.get(*form));
            names.map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        present.chunk_by(|left, right| left.0 == right.0).filter(|group| group.len() > 1).map(of_group).collect()
    }
}

impl Siblings {
    pub fn new(value: &Value) -> Self {
        Siblings { names: strings(value).into_iter().map(|name| (format!("_{name}"), name)).collect() }
    }
}

impl ObjectRule for Siblings {
    fn holds(&self, object: &Object) -> bool {
        self.names.iter().all(|(sibling, name)| paired(object.get(name), object.get(sibling)))
    }

    fn broken(&self, object: &Object) -> Vec<String> {
        let wrong = self.names.iter().filter(|(sibling, name)| !paired(object.get(name), object.get(sibling)));
        wrong.map(|(_, name)| name.clone()).collect()
    }
}

fn paired(values: Option<&Json>, siblings: Option<&Json>) -> bool {
    let (values, siblings) = (values.and_then(Json::as_array), siblings.and_then(Json::as_array));
    match (values, siblings) {
        (None, None) => true,
        (Some(items), None) | (None, Some(items)) => !items.contains(&Json::Null),
        (Some(values), Some(siblings)) => {
            let filled = |items: &[Json], at| items.get(at).is_some_and(|item| item != &Json::Null);
            (0..values.len().max(siblings.len())).all(|at| filled(values, at) || filled(siblings, at))
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
