//! All structures by name: base types and published profiles compiled on first use, the region's at load.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::LoadError;
use super::base;
use super::facts::Facts;
use super::shape::{Kind, Structure, TypeRef};
use super::snapshot;
use super::terminology::{CodeSet, Terminology};

/// Canonical addresses of R4's own definitions begin with this.
pub const R4_DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";

type Slot = OnceLock<Option<Arc<Structure>>>;

pub struct Registry {
    facts: Arc<Facts>,
    terminology: Arc<Terminology>,
    types: HashMap<String, Slot>,
    /// Profiles published with R4.
    published: HashMap<String, Slot>,
    /// The region's StructureDefinitions by canonical address, with the file each came from.
    local_sources: HashMap<String, (String, Value)>,
    local: HashMap<String, Arc<Structure>>,
}

impl Registry {
    pub fn new(facts: Arc<Facts>, terminology: Arc<Terminology>) -> Registry {
        let slots = |kind: &str| facts.names(kind).map(|name| (name.to_owned(), OnceLock::new())).collect();
        Registry {
            types: slots("type"),
            published: slots("profile"),
            facts,
            terminology,
            local_sources: HashMap::new(),
            local: HashMap::new(),
        }
    }

    /// Takes the region's StructureDefinitions (file path, content) and compiles them all.
    pub fn load(&mut self, sources: Vec<(String, Value)>) -> Vec<LoadError> {
        let mut errors = Vec::new();
        for (path, source) in sources {
            match source["url"].as_str() {
                Some(url) => {
                    self.local_sources.insert(url.to_owned(), (path, source));
                }
                None => errors.push(LoadError::new(path, "url", "a StructureDefinition needs a url")),
            }
        }
        let mut compiled = HashMap::new();
        for (url, (path, source)) in &self.local_sources {
            match snapshot::compile(self, source) {
                Ok(structure) => {
                    compiled.insert(url.clone(), Arc::new(structure));
                }
                Err(problems) => {
                    errors.extend(
                        problems.into_iter().map(|problem| LoadError::new(path, problem.element, problem.reason)),
                    );
                }
            }
        }
        self.local = compiled;
        errors
    }

    /// A base type.
    pub fn base(&self, name: &str) -> Option<&Arc<Structure>> {
        let compile = || Some(Arc::new(base::compile(name, self.facts.base_type(name)?)));
        self.types.get(name)?.get_or_init(compile).as_ref()
    }

    /// A profile by canonical address (a version after `|` is passed over), or a base type by its own.
    pub fn profile(&self, canonical: &str) -> Option<&Arc<Structure>> {
        let url = canonical.split('|').next().unwrap_or(canonical);
        if let Some(structure) = self.local.get(url) {
            return Some(structure);
        }
        if let Some(slot) = self.published.get(url) {
            return slot.get_or_init(|| snapshot::compile(self, &self.source(url)?).ok().map(Arc::new)).as_ref();
        }
        self.base(url.strip_prefix(R4_DEFINITIONS)?)
    }

    pub fn value_set(&self, url: &str) -> Arc<CodeSet> {
        self.terminology.set(url)
    }

    /// The definition behind a profile, local or published.
    pub fn source(&self, url: &str) -> Option<Value> {
        match self.local_sources.get(url) {
            Some((_, source)) => Some(source.clone()),
            None => self.facts.value("profile", url),
        }
    }

    /// The type that a profile or a type's address or name stands for.
    pub fn type_behind(&self, target: &str) -> Option<String> {
        if self.types.contains_key(target) {
            return Some(target.to_owned());
        }
        let url = target.split('|').next().unwrap_or(target);
        let name = url.strip_prefix(R4_DEFINITIONS).unwrap_or(url);
        if self.types.contains_key(name) {
            return Some(name.to_owned());
        }
        self.local_sources
            .get(url)
            .and_then(|(_, source)| source["type"].as_str().map(str::to_owned))
            .or_else(|| self.facts.value("profile", url).and_then(|source| source["type"].as_str().map(str::to_owned)))
    }

    /// A resource type that can be instantiated.
    pub fn is_resource(&self, name: &str) -> bool {
        self.types.contains_key(name)
            && self.base(name).is_some_and(|structure| structure.kind == Kind::Resource && !structure.is_abstract)
    }

    /// The structure of a type reference, found once.
    pub fn structure<'a>(&'a self, spec: &'a TypeRef) -> Option<&'a Arc<Structure>> {
        spec.structure.get_or_init(|| self.base(&spec.code).cloned()).as_ref()
    }

    /// The type and the types it specialises, nearest first.
    pub fn chain<'a>(&'a self, structure: &'a Structure) -> impl Iterator<Item = &'a Structure> {
        std::iter::successors(Some(structure), |current| Some(self.base(current.base.as_deref()?)?.as_ref()))
    }

    /// Whether the type `name` builds on `ancestor`.
    pub fn specialises(&self, name: &str, ancestor: &str) -> bool {
        self.base(name).is_some_and(|structure| self.chain(structure).any(|base| base.name == ancestor))
    }

    #[cfg(test)]
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    #[cfg(test)]
    pub fn published_names(&self) -> impl Iterator<Item = &str> {
        self.published.keys().map(String::as_str)
    }

    pub fn local(&self) -> impl Iterator<Item = &Arc<Structure>> {
        self.local.values()
    }
}
