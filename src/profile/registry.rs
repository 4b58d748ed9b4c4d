//! All structures by name: base types and published profiles compiled on first use, the region's at load.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::base;
use super::facts::Facts;
use super::packages::package_of;
use super::shape::{FastMap, Kind, Structure, TypeRef};
use super::snapshot;
use super::terminology::{CodeSet, Terminology, without_version};
use super::{LoadError, Profile};

/// Canonical addresses of R4's own definitions begin with this.
pub const R4_DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Of R4's own definitions.
const R4_VERSION: &str = "4.0.1";

type Slot = OnceLock<Option<Arc<Structure>>>;

pub struct Registry {
    facts: Arc<Facts>,
    terminology: Arc<Terminology>,
    types: FastMap<String, Slot>,
    /// Profiles published with R4.
    published: FastMap<String, Slot>,
    /// StructureDefinitions of the region and of packages, with the file each came from: by canonical address, those in
    /// force; by address and version, too, where a package has another one.
    local_sources: HashMap<String, (String, Value)>,
    local: FastMap<String, Arc<Structure>>,
    /// Profiles of packages that cannot be compiled, and why.
    left_out: HashMap<String, LoadError>,
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
            local: FastMap::default(),
            left_out: HashMap::new(),
        }
    }

    /// Takes StructureDefinitions (file path, content), of one address the one in force first, and compiles them all.
    ///
    /// A region's own that cannot be compiled is an error. One of a package is left out, and the rest of the package holds:
    /// a region does not write it, and may not need it.
    pub fn load(&mut self, sources: Vec<(String, Value)>) -> Vec<LoadError> {
        let mut errors = Vec::new();
        for (path, source) in sources {
            let Some(url) = source["url"].as_str().map(str::to_owned) else {
                errors.push(LoadError::new(path, "url", "a StructureDefinition needs a url"));
                continue;
            };
            let key = match self.local_sources.get(&url) {
                None => url,
                Some((first, _)) if package_of(&path).is_none() => {
                    errors.push(LoadError::new(path, "url", format!("{url} is defined in {first}, too")));
                    continue;
                }
                Some(_) => format!("{url}|{}", source["version"].as_str().unwrap_or_default()),
            };
            self.local_sources.insert(key, (path, source));
        }
        let (mut compiled, mut left_out) = (FastMap::default(), HashMap::new());
        for (key, (path, source)) in &self.local_sources {
            match snapshot::compile(self, source) {
                Ok(structure) => {
                    compiled.insert(key.clone(), Arc::new(structure));
                }
                Err(problems) => {
                    let mut problems =
                        problems.into_iter().map(|problem| LoadError::new(path, problem.element, problem.reason));
                    match package_of(path) {
                        Some(_) => left_out.extend(problems.next().map(|problem| (key.clone(), problem))),
                        None => errors.extend(problems),
                    }
                }
            }
        }
        (self.local, self.left_out) = (compiled, left_out);
        errors
    }

    /// A base type.
    pub fn base(&self, name: &str) -> Option<&Arc<Structure>> {
        let compile = || Some(Arc::new(base::compile(name, self.facts.base_type(name)?)));
        self.types.get(name)?.get_or_init(compile).as_ref()
    }

    /// A profile by canonical address, or a base type by its own. A version after `|` is asked for where there are several,
    /// and passed over otherwise.
    pub fn profile(&self, canonical: &str) -> Option<&Arc<Structure>> {
        let url = without_version(canonical);
        if let Some(structure) = self.local.get(canonical).or_else(|| self.local.get(url)) {
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

    /// The version that stands in for the one that `canonical` asks for, where that is not at hand.
    pub fn other_version(&self, canonical: &str) -> Option<&str> {
        let (url, asked) = canonical.split_once('|')?;
        if self.local_sources.contains_key(canonical) {
            return None;
        }
        let at_hand = match self.local_sources.get(url) {
            Some((_, source)) => source["version"].as_str()?,
            None => R4_VERSION,
        };
        // `4.0` asks for any 4.0.x, as a canonical may.
        let rest = at_hand.strip_prefix(asked);
        rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('.')).then_some(at_hand)
    }

    /// The definition behind a profile, local or published; a version counts as with [`Registry::profile`].
    pub fn source(&self, canonical: &str) -> Option<Value> {
        let url = without_version(canonical);
        match self.local_sources.get(canonical).or_else(|| self.local_sources.get(url)) {
            Some((_, source)) => Some(source.clone()),
            None => self.facts.value("profile", url),
        }
    }

    /// The type that a profile or a type's address or name stands for.
    pub fn type_behind(&self, target: &str) -> Option<String> {
        if self.types.contains_key(target) {
            return Some(target.to_owned());
        }
        let url = without_version(target);
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

    /// The names of all of them, in order.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> =
            self.types.keys().map(String::as_str).filter(|name| self.is_resource(name)).collect();
        names.sort_unstable();
        names.into_iter()
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

    /// The definitions that were taken, in no order.
    pub fn taken(&self) -> impl Iterator<Item = Profile<'_>> {
        self.local_sources.iter().map(|(key, (path, source))| Profile {
            canonical: key,
            type_name: source["type"].as_str().unwrap_or_default(),
            file: path,
            left_out: self.left_out.get(key),
        })
    }

    /// Why a package's profile is not in force.
    pub fn left_out(&self, canonical: &str) -> Option<&LoadError> {
        let url = without_version(canonical);
        self.left_out.get(canonical).or_else(|| self.left_out.get(url))
    }

    #[cfg(test)]
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    #[cfg(test)]
    pub fn published_names(&self) -> impl Iterator<Item = &str> {
        self.published.keys().map(String::as_str)
    }

    /// The region's own definitions, with their files.
    pub fn own(&self) -> impl Iterator<Item = (&str, &Arc<Structure>)> {
        self.compiled().filter(|(path, _)| package_of(path).is_none())
    }

    /// Those of packages, with their files.
    pub fn of_packages(&self) -> impl Iterator<Item = (&str, &Arc<Structure>)> {
        self.compiled().filter(|(path, _)| package_of(path).is_some())
    }

    fn compiled(&self) -> impl Iterator<Item = (&str, &Arc<Structure>)> {
        self.local.iter().filter_map(|(key, structure)| Some((self.local_sources.get(key)?.0.as_str(), structure)))
    }
}
