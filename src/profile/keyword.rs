//! Rules about one object that plain JSON Schema can say only with poor messages: each reports the elements by name.

use serde_json::Value;

use crate::fhir::json::{Json, Object};

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
pub struct Absent {
    names: Vec<String>,
}

/// Of each group of forms at most one may be present, with its sibling.
pub struct Choice {
    groups: Vec<Vec<(String, String)>>,
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
        Absent { names: strings(value) }
    }
}

impl ObjectRule for Absent {
    fn holds(&self, object: &Object) -> bool {
        !any_of(object, &self.names)
    }

    fn broken(&self, object: &Object) -> Vec<String> {
        self.names.iter().filter(|name| object.contains_key(name)).cloned().collect()
    }
}

impl Choice {
    /// `[["valueString", "valueCode", …], …]`
    pub fn new(value: &Value) -> Self {
        let with_sibling = |forms: &Value| strings(forms).into_iter().map(|form| (format!("_{form}"), form)).collect();
        Choice { groups: value.as_array().into_iter().flatten().map(with_sibling).collect() }
    }

    fn present<'a>(object: &Object, group: &'a [(String, String)]) -> Vec<&'a str> {
        let here = |(sibling, form): &&(String, String)| object.contains_key(form) || object.contains_key(sibling);
        group.iter().filter(here).map(|(_, form)| form.as_str()).collect()
    }

    fn several(object: &Object, group: &[(String, String)]) -> bool {
        object.len() > 1 && Self::present(object, group).len() > 1
    }
}

impl ObjectRule for Choice {
    fn holds(&self, object: &Object) -> bool {
        !self.groups.iter().any(|group| Self::several(object, group))
    }

    fn broken(&self, object: &Object) -> Vec<String> {
        let wrong = self.groups.iter().filter(|group| Self::several(object, group));
        wrong.map(|group| Self::present(object, group).join(", ")).collect()
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
