//! Code systems, value sets and concept maps in memory: those of R4 from the pack, the region's from `fhir-profiles/`.
//!
//! ```text
//! CodeSystem ► code_system ─┐
//! ValueSet ──► value_set ───┴► resolve (filter) ► code_set ─► binding, operations: lookup, validate, expand
//! ConceptMap ► concept_map ─────────────────────────────────► operations: translate
//! ```
//!
//! A value set is resolved once, on first use, into a [`CodeSet`]. What cannot be decided here (a code system that is not
//! at hand, a filter over its properties) is [`Membership::Unknown`], never "no".
//!
//! Non-features: post-coordination; code systems larger than memory; more than one version of a definition.

mod check;
mod code_set;
mod code_system;
mod concept_map;
mod filter;
pub mod operation;
mod resolve;
mod suggest;
mod value_set;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

pub use check::problems;
pub use code_set::{CodeSet, Member, Membership};
pub use code_system::{CodeSystem, Concept, Designation};
pub use concept_map::{ConceptMap, Dependency, Target, Unmapped};
pub use suggest::nearest;
pub use value_set::ValueSet;

use super::code_form;
use super::facts::Facts;
use resolve::Resolver;

/// Every code system, value set and concept map that is known.
pub struct Terminology {
    facts: Arc<Facts>,
    systems: HashMap<String, Slot>,
    supplements: HashMap<String, Vec<Value>>,
    local_sets: HashMap<String, Arc<ValueSet>>,
    sets: Mutex<HashMap<String, Arc<CodeSet>>>,
    maps: Vec<Arc<ConceptMap>>,
}

/// A code system: the region's from the start, the pack's once it is asked for.
#[derive(Default)]
struct Slot {
    local: Option<Arc<CodeSystem>>,
    ready: OnceLock<Option<Arc<CodeSystem>>>,
}

impl Terminology {
    pub fn new(facts: Arc<Facts>) -> Terminology {
        let systems = facts.names("codes").map(|name| (name.to_owned(), Slot::default())).collect();
        Terminology {
            facts,
            systems,
            supplements: HashMap::new(),
            local_sets: HashMap::new(),
            sets: Mutex::default(),
            maps: Vec::new(),
        }
    }

    /// Adds a CodeSystem resource.
    pub fn add_code_system(&mut self, resource: &Value) {
        if resource["content"] == "supplement" {
            if let Some(target) = resource["supplements"].as_str() {
                self.supplements.entry(without_version(target).to_owned()).or_default().push(resource.clone());
            }
            return;
        }
        // A system without its concepts says nothing that "not at hand" does not say.
        let Some(system) = CodeSystem::from_resource(resource).filter(|system| !system.concepts().is_empty()) else {
            return;
        };
        self.systems.insert(system.url.clone(), Slot { local: Some(Arc::new(system)), ready: OnceLock::new() });
    }

    /// Adds a ValueSet resource.
    pub fn add_value_set(&mut self, resource: &Value) {
        let set = ValueSet::from_resource(resource);
        self.local_sets.insert(set.url.clone(), Arc::new(set));
    }

    /// Adds a ConceptMap resource.
    pub fn add_concept_map(&mut self, resource: &Value) {
        self.maps.push(Arc::new(ConceptMap::from_resource(resource)));
    }

    pub fn maps(&self) -> &[Arc<ConceptMap>] {
        &self.maps
    }

    pub fn knows_value_set(&self, url: &str) -> bool {
        self.local_sets.contains_key(url) || self.facts.contains("values", url)
    }

    /// A code system whose concepts are at hand.
    pub fn system(&self, url: &str) -> Option<&Arc<CodeSystem>> {
        let slot = self.systems.get(url)?;
        let make = || {
            let mut system = match &slot.local {
                Some(system) => Arc::clone(system),
                None => Arc::new(CodeSystem::from_facts(url, &self.facts.value("codes", url)?)),
            };
            for supplement in self.supplements.get(url).into_iter().flatten() {
                Arc::make_mut(&mut system).supplement(supplement);
            }
            Some(system)
        };
        slot.ready.get_or_init(make).as_ref()
    }

    /// What is known of a code in a system: by its concepts, or by its form. `None` for a system that is not known.
    pub fn has_code(&self, system: &str, code: &str) -> Option<Membership> {
        match self.system(system) {
            Some(system) => Some(system.has(code)),
            None => known_form(system).map(|form| form(code)),
        }
    }

    /// A value set's definition by its address, without version.
    pub fn value_set(&self, url: &str) -> Option<Arc<ValueSet>> {
        match self.local_sets.get(url) {
            Some(set) => Some(Arc::clone(set)),
            None => Some(Arc::new(ValueSet::from_facts(url, &self.facts.value("values", url)?))),
        }
    }

    /// The codes of a value set, resolved on first use.
    pub fn set(&self, url: &str) -> Arc<CodeSet> {
        let known = |sets: &HashMap<String, Arc<CodeSet>>| sets.get(url).cloned();
        if let Some(set) = known(&self.sets.lock().unwrap_or_else(PoisonError::into_inner)) {
            return set;
        }
        let set = Resolver::new(self).by_url(url);
        if self.knows_value_set(url) {
            self.sets.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), Arc::clone(&set));
        }
        set
    }

    /// The codes of a value set that is not kept here.
    pub fn set_of(&self, definition: &ValueSet) -> CodeSet {
        Resolver::new(self).definition(definition)
    }
}

/// Systems whose codes are told by their form or from a short list.
pub fn known_form(system: &str) -> Option<fn(&str) -> Membership> {
    match system {
        "urn:ietf:bcp:13" => Some(|code| code_form::mime_type(code).into()),
        "urn:ietf:bcp:47" => Some(|code| code_form::language(code).into()),
        "urn:iso:std:iso:4217" => Some(|code| code_form::currency(code).into()),
        "urn:iso:std:iso:3166" => Some(code_form::country),
        // Units have a grammar (UCUM), which is not checked here.
        "http://unitsofmeasure.org" => Some(|_| Membership::Unknown),
        _ => None,
    }
}

/// A canonical address without `|version`.
pub fn without_version(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or(canonical)
}
