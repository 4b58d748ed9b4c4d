//! Required bindings whose codes can be listed, as `enum`.

use serde_json::{Value, json};

use super::super::shape::TypeRef;
use super::super::terminology::{CodeSet, Membership};

/// More codes than this are not listed.
const CODES: usize = 300;

/// Code systems with their codes.
pub struct Listed(Vec<(String, Vec<String>)>);

impl Listed {
    /// `None` where not all codes are known, there are too many, or other spellings of them count, too.
    pub fn of(set: &CodeSet) -> Option<Listed> {
        let (mut systems, mut count): (Vec<(String, Vec<String>)>, usize) = (Vec::new(), 0);
        set.each(&mut |member| {
            count += 1;
            match systems.iter_mut().find(|(system, _)| system == member.system) {
                Some((_, codes)) => codes.push(member.code.to_owned()),
                None => systems.push((member.system.to_owned(), vec![member.code.to_owned()])),
            }
            count <= CODES
        })
        .ok()?;
        for (system, codes) in &mut systems {
            codes.sort();
            codes.dedup();
            let other =
                |code: &String| [code.to_uppercase(), code.to_lowercase()].into_iter().find(|form| form != code);
            let counts = |form: &String| !codes.contains(form) && set.contains(Some(system), form) == Membership::Yes;
            if codes.iter().filter_map(other).any(|form| counts(&form)) {
                return None;
            }
        }
        (count > 0 && count <= CODES).then_some(Listed(systems))
    }

    /// A value of this type that the set has, judged as [`super::super::binding`] judges; `None` for types without codes.
    pub fn schema(&self, spec: &TypeRef) -> Option<Value> {
        match spec.code.as_str() {
            "CodeableConcept" => Some(json!({
                "anyOf": [
                    {
                        "type": "object", "required": ["coding"],
                        "properties": { "coding": { "type": "array", "contains": self.coding() } },
                    },
                    without(&["coding", "text"]),
                ],
            })),
            "Coding" => Some(json!({ "anyOf": [self.coding(), without(&["code", "display"])] })),
            "Quantity" => Some(json!({ "anyOf": [self.coding(), without(&["code"])] })),
            "code" | "string" | "uri" => Some(json!({ "enum": self.codes() })),
            _ => None,
        }
    }

    /// What a slice that is told apart by the set asks of a value: that a code of it is there.
    pub fn present(&self, code: &str) -> Option<Value> {
        match code {
            "CodeableConcept" => Some(json!({
                "type": "object", "required": ["coding"],
                "properties": { "coding": { "type": "array", "contains": self.coding() } },
            })),
            "Coding" => Some(self.coding()),
            "code" => Some(json!({ "enum": self.codes() })),
            _ => None,
        }
    }

    fn codes(&self) -> Vec<&str> {
        let mut codes: Vec<&str> = self.0.iter().flat_map(|(_, codes)| codes.iter().map(String::as_str)).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// A system with one of its codes.
    fn coding(&self) -> Value {
        let mut ways: Vec<Value> = self
            .0
            .iter()
            .map(|(system, codes)| {
                json!({
                    "type": "object", "required": ["system", "code"],
                    "properties": { "system": { "const": system }, "code": { "enum": codes } },
                })
            })
            .collect();
        if ways.len() == 1 { ways.remove(0) } else { json!({ "anyOf": ways }) }
    }
}

fn without(names: &[&str]) -> Value {
    let any: Vec<Value> = names.iter().map(|name| json!({ "required": [name] })).collect();
    json!({ "type": "object", "not": { "anyOf": any } })
}
