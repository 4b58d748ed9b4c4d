//! The members of one object, gathered element by element.

use serde_json::{Map, Value, json};

use super::super::shape::Form;
use super::all;

#[derive(Default)]
pub struct Members {
    properties: Vec<(String, Vec<Value>)>,
    required: Vec<String>,
    rules: Vec<Value>,
}

impl Members {
    /// One more thing that is said of a member; all of them hold.
    pub fn say(&mut self, name: &str, schema: Value) {
        match self.properties.iter_mut().find(|(known, _)| known == name) {
            Some((_, said)) => said.push(schema),
            None => self.properties.push((name.to_owned(), vec![schema])),
        }
    }

    pub fn refuse(&mut self, name: &str) {
        self.say(name, Value::Bool(false));
    }

    pub fn require_name(&mut self, name: &str) {
        if !self.required.iter().any(|known| known == name) {
            self.required.push(name.to_owned());
        }
    }

    /// Some form of an element, or its sibling, must stand.
    pub fn require(&mut self, forms: &[Form]) {
        match forms {
            [form] if form.sibling.is_none() => self.require_name(&form.name),
            forms => self.rules.push(present(forms)),
        }
    }

    /// At most one form of a choice may stand: none, or exactly one of them.
    pub fn choose(&mut self, forms: &[Form]) {
        let mut ways: Vec<Value> = forms.iter().map(|form| present(std::slice::from_ref(form))).collect();
        ways.push(json!({ "not": present(forms) }));
        self.rules.push(json!({ "oneOf": ways }));
    }

    pub fn rule(&mut self, rule: Value) {
        self.rules.push(rule);
    }

    pub fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.required.is_empty() && self.rules.is_empty()
    }

    pub fn finish(self, closed: bool) -> Value {
        let mut schema = Map::from_iter([("type".to_owned(), json!("object"))]);
        let properties: Map<String, Value> =
            self.properties.into_iter().map(|(name, said)| (name, all(said).unwrap_or_else(|| json!({})))).collect();
        if !self.required.is_empty() {
            schema.insert("required".into(), json!(self.required));
        }
        if !properties.is_empty() {
            schema.insert("properties".into(), Value::Object(properties));
        }
        if closed {
            schema.insert("additionalProperties".into(), Value::Bool(false));
            schema.insert("minProperties".into(), json!(1));
        }
        if !self.rules.is_empty() {
            schema.insert("allOf".into(), Value::Array(self.rules));
        }
        Value::Object(schema)
    }
}

/// That one of the members stands.
pub fn present(forms: &[Form]) -> Value {
    let names = forms.iter().flat_map(|form| [Some(&form.name), form.sibling.as_ref()]).flatten();
    let mut ways: Vec<Value> = names.map(|name| json!({ "required": [name] })).collect();
    if ways.len() == 1 { ways.remove(0) } else { json!({ "anyOf": ways }) }
}
