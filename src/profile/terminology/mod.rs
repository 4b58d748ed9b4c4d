//! Code systems and value sets in memory: those of R4 from the pack, the region's from `fhir-profiles/`.
//!
//! A value set is resolved once into a [`CodeSet`]. What cannot be decided here (a code system that is not at hand,
//! a filter over its properties) is [`Membership::Unknown`], never "no".

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::code_form;
use super::facts::Facts;

/// Every code system and value set that is known.
pub struct Terminology {
    facts: Arc<Facts>,
    local_systems: HashMap<String, Arc<CodeSystem>>,
    local_sets: HashMap<String, Value>,
    systems: HashMap<String, OnceLock<Option<Arc<CodeSystem>>>>,
    sets: Mutex<HashMap<String, Arc<CodeSet>>>,
}

/// A code system's concepts.
pub struct CodeSystem {
    pub url: String,
    /// Whether these are all codes there are.
    pub complete: bool,
    case_sensitive: bool,
    concepts: HashMap<String, Concept>,
    order: Vec<String>,
}

pub struct Concept {
    parents: Vec<String>,
    is_abstract: bool,
}

/// The codes of a value set, by code system.
#[derive(Default)]
pub struct CodeSet {
    parts: Vec<Part>,
    excluded: Vec<Part>,
}

struct Part {
    system: Option<String>,
    codes: Codes,
}

enum Codes {
    All(Arc<CodeSystem>),
    Only {
        codes: HashSet<String>,
        order: Vec<String>,
    },
    /// Decided by the form of the code alone.
    Grammar(fn(&str) -> bool),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Yes,
    No,
    Unknown,
}

/// Value sets may import each other; deeper than this they are not followed.
const IMPORT_DEPTH: usize = 8;

impl Terminology {
    pub fn new(facts: Arc<Facts>) -> Terminology {
        let systems = facts.names("codes").map(|name| (name.to_owned(), OnceLock::new())).collect();
        Terminology {
            facts,
            local_systems: HashMap::new(),
            local_sets: HashMap::new(),
            systems,
            sets: Mutex::default(),
        }
    }

    /// Adds a CodeSystem resource.
    pub fn add_code_system(&mut self, resource: &Value) {
        if let Some(system) = CodeSystem::from_resource(resource) {
            self.local_systems.insert(system.url.clone(), Arc::new(system));
        }
    }

    /// Adds a ValueSet resource.
    pub fn add_value_set(&mut self, resource: &Value) {
        if let Some(url) = resource["url"].as_str() {
            self.local_sets.insert(url.to_owned(), short_compose(resource));
        }
    }

    pub fn knows_value_set(&self, url: &str) -> bool {
        self.local_sets.contains_key(url) || self.facts.contains("values", url)
    }

    pub fn system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        if let Some(system) = self.local_systems.get(url) {
            return Some(Arc::clone(system));
        }
        self.systems
            .get(url)?
            .get_or_init(|| Some(Arc::new(CodeSystem::from_facts(url, &self.facts.value("codes", url)?))))
            .clone()
    }

    /// The codes of a value set, resolved on first use.
    pub fn set(&self, url: &str) -> Arc<CodeSet> {
        let known = |sets: &HashMap<String, Arc<CodeSet>>| sets.get(url).cloned();
        if let Some(set) = known(&self.sets.lock().unwrap_or_else(PoisonError::into_inner)) {
            return set;
        }
        let set = Arc::new(self.resolve(url, 0));
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), Arc::clone(&set));
        set
    }

    fn resolve(&self, url: &str, depth: usize) -> CodeSet {
        let compose = match self.local_sets.get(url) {
            Some(compose) => compose.clone(),
            None => self.facts.value("values", url).unwrap_or(Value::Null),
        };
        let includes = compose["include"].as_array().map(Vec::as_slice).unwrap_or_default();
        if depth > IMPORT_DEPTH || includes.is_empty() {
            return CodeSet { parts: vec![Part { system: None, codes: Codes::Unknown }], excluded: Vec::new() };
        }
        let excludes = compose["exclude"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut set = CodeSet::default();
        for include in includes {
            self.include(include, depth, &mut set);
        }
        set.excluded = excludes.iter().map(|exclude| self.part(exclude)).collect();
        set
    }

    fn include(&self, include: &Value, depth: usize, set: &mut CodeSet) {
        if include["system"].is_string() {
            // A system and value sets together mean their intersection, which nothing in R4 uses.
            let part = if include["valueSet"].is_array() { unknown(include) } else { self.part(include) };
            set.parts.push(part);
            return;
        }
        for url in include["valueSet"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let imported = self.resolve(url.split('|').next().unwrap_or(url), depth + 1);
            set.parts.extend(imported.parts);
            set.excluded.extend(imported.excluded);
        }
    }

    fn part(&self, include: &Value) -> Part {
        let Some(url) = include["system"].as_str() else { return unknown(include) };
        let codes = match (strings(&include["codes"]), include["filters"].as_array()) {
            (codes, None) if !codes.is_empty() => only(codes),
            (_, Some(filters)) => {
                self.system(url).and_then(|system| system.filtered(filters)).map_or(Codes::Unknown, only)
            }
            (_, None) => match (url, self.system(url)) {
                ("urn:ietf:bcp:13", _) => Codes::Grammar(code_form::mime_type),
                ("urn:ietf:bcp:47", _) => Codes::Grammar(code_form::language),
                ("urn:iso:std:iso:4217", _) => Codes::Grammar(code_form::currency),
                (_, Some(system)) => Codes::All(system),
                (_, None) => Codes::Unknown,
            },
        };
        Part { system: Some(url.to_owned()), codes }
    }
}

fn unknown(include: &Value) -> Part {
    Part { system: include["system"].as_str().map(str::to_owned), codes: Codes::Unknown }
}

fn only(order: Vec<String>) -> Codes {
    Codes::Only { codes: order.iter().cloned().collect(), order }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A ValueSet resource in the pack's form.
fn short_compose(resource: &Value) -> Value {
    let parts = |key: &str| -> Value {
        let list = resource["compose"][key].as_array().into_iter().flatten();
        list.map(|part| {
            let mut short = serde_json::Map::new();
            for key in ["system", "valueSet"] {
                if !part[key].is_null() {
                    short.insert(key.to_owned(), part[key].clone());
                }
            }
            if let Some(concepts) = part["concept"].as_array() {
                short.insert("codes".to_owned(), concepts.iter().map(|concept| concept["code"].clone()).collect());
            }
            if let Some(filters) = part["filter"].as_array() {
                let triple = |filter: &Value| serde_json::json!([filter["property"], filter["op"], filter["value"]]);
                short.insert("filters".to_owned(), filters.iter().map(triple).collect());
            }
            Value::Object(short)
        })
        .collect()
    };
    serde_json::json!({ "include": parts("include"), "exclude": parts("exclude") })
}

impl CodeSystem {
    fn from_facts(url: &str, facts: &Value) -> CodeSystem {
        let mut system = CodeSystem::empty(url, facts["complete"] == true, facts["caseSensitive"] != false);
        for row in facts["concepts"].as_array().into_iter().flatten() {
            let text = |at: usize| row[at].as_str().unwrap_or_default();
            let parents = Some(text(2)).filter(|parent| !parent.is_empty()).map(str::to_owned).into_iter().collect();
            system.push(text(0), parents, !row[3].is_null());
        }
        for pair in facts["parents"].as_array().into_iter().flatten() {
            if let (Some(child), Some(parent)) = (pair[0].as_str(), pair[1].as_str())
                && let Some(concept) = system.concepts.get_mut(child)
            {
                concept.parents.push(parent.to_owned());
            }
        }
        system
    }

    fn from_resource(resource: &Value) -> Option<CodeSystem> {
        let complete = resource["content"] == "complete";
        let mut system = CodeSystem::empty(resource["url"].as_str()?, complete, resource["caseSensitive"] != false);
        system.push_tree(&resource["concept"], None, 0);
        Some(system)
    }

    fn push_tree(&mut self, concepts: &Value, parent: Option<&str>, depth: usize) {
        if depth > 32 {
            return;
        }
        for concept in concepts.as_array().into_iter().flatten() {
            let code = concept["code"].as_str().unwrap_or_default();
            let parents = parent.map(str::to_owned).into_iter().collect();
            self.push(code, parents, false);
            self.push_tree(&concept["concept"], Some(code), depth + 1);
        }
    }

    fn empty(url: &str, complete: bool, case_sensitive: bool) -> CodeSystem {
        CodeSystem { url: url.to_owned(), complete, case_sensitive, concepts: HashMap::new(), order: Vec::new() }
    }

    fn push(&mut self, code: &str, parents: Vec<String>, is_abstract: bool) {
        self.order.push(code.to_owned());
        self.concepts.insert(self.key(code), Concept { parents, is_abstract });
    }

    fn key(&self, code: &str) -> String {
        if self.case_sensitive { code.to_owned() } else { code.to_lowercase() }
    }

    pub fn concept(&self, code: &str) -> Option<&Concept> {
        if self.case_sensitive { self.concepts.get(code) } else { self.concepts.get(&code.to_lowercase()) }
    }

    /// The codes that data may carry: those that are not abstract.
    fn selectable(&self) -> impl Iterator<Item = &str> {
        let usable = |code: &&String| self.concept(code).is_some_and(|concept| !concept.is_abstract);
        self.order.iter().filter(usable).map(String::as_str)
    }

    /// The codes that pass all filters; `None` where a filter asks for what is not known.
    fn filtered(&self, filters: &[Value]) -> Option<Vec<String>> {
        let mut codes: Vec<String> = self.selectable().map(str::to_owned).collect();
        for filter in filters {
            let (property, operator, value) = (filter[0].as_str()?, filter[1].as_str()?, filter[2].as_str()?);
            if property != "concept" {
                return None;
            }
            match operator {
                "is-a" => codes.retain(|code| code == value || self.is_below(code, value, 0)),
                "descendent-of" => codes.retain(|code| self.is_below(code, value, 0)),
                "is-not-a" => codes.retain(|code| code != value && !self.is_below(code, value, 0)),
                _ => return None,
            }
        }
        Some(codes)
    }

    fn is_below(&self, code: &str, ancestor: &str, depth: usize) -> bool {
        let Some(concept) = self.concept(code).filter(|_| depth < 32) else { return false };
        concept.parents.iter().any(|parent| parent == ancestor || self.is_below(parent, ancestor, depth + 1))
    }
}

impl CodeSet {
    /// Whether the set has the code. Without a system (a `code` element) any part of the set may hold it.
    pub fn contains(&self, system: Option<&str>, code: &str) -> Membership {
        if any(&self.excluded, system, code) == Membership::Yes {
            return Membership::No;
        }
        any(&self.parts, system, code)
    }

    /// Some of the codes and how many there are; `None` where they are not all known.
    pub fn sample(&self, limit: usize) -> Option<(Vec<&str>, usize)> {
        let mut shown = Vec::new();
        let mut total = 0;
        for part in &self.parts {
            let codes: Vec<&str> = match &part.codes {
                Codes::All(system) => system.selectable().collect(),
                Codes::Only { order, .. } => order.iter().map(String::as_str).collect(),
                Codes::Grammar(_) | Codes::Unknown => return None,
            };
            total += codes.len();
            shown.extend(codes.into_iter().take(limit.saturating_sub(shown.len())));
        }
        Some((shown, total))
    }
}

fn any(parts: &[Part], system: Option<&str>, code: &str) -> Membership {
    let mut answer = Membership::No;
    for part in parts {
        if system.is_some() && part.system.is_some() && part.system.as_deref() != system {
            continue;
        }
        match part.codes.contains(code) {
            Membership::Yes => return Membership::Yes,
            Membership::Unknown => answer = Membership::Unknown,
            Membership::No => {}
        }
    }
    answer
}

impl Codes {
    fn contains(&self, code: &str) -> Membership {
        let (holds, sure) = match self {
            Codes::All(system) => (system.concept(code).is_some_and(|concept| !concept.is_abstract), system.complete),
            Codes::Only { codes, .. } => (codes.contains(code), true),
            Codes::Grammar(right) => (right(code), true),
            Codes::Unknown => (false, false),
        };
        match (holds, sure) {
            (true, _) => Membership::Yes,
            (false, true) => Membership::No,
            (false, false) => Membership::Unknown,
        }
    }
}
