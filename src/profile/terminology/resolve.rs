//! From a value set's definition to its [`CodeSet`]: imports, intersections, filters.

use std::collections::HashMap;
use std::sync::Arc;

use super::code_set::{CodeSet, Codes, Entry, Gap, Listed, Part};
use super::filter;
use super::value_set::{Rule, ValueSet};
use super::{Terminology, known_form, without_version};

/// Imports are not followed deeper than this, and no more of them for one set.
const DEPTH: usize = 16;
const IMPORTS: usize = 256;

/// One resolution: every value set on the way is resolved once.
pub struct Resolver<'a> {
    terminology: &'a Terminology,
    /// `None` while it is being resolved.
    sets: HashMap<String, Option<Arc<CodeSet>>>,
    depth: usize,
}

impl<'a> Resolver<'a> {
    pub fn new(terminology: &'a Terminology) -> Resolver<'a> {
        Resolver { terminology, sets: HashMap::new(), depth: 0 }
    }

    /// The codes of a value set by its address.
    pub fn by_url(&mut self, canonical: &str) -> Arc<CodeSet> {
        let unknown = |gap| Arc::new(CodeSet::unknown(gap));
        let url = without_version(canonical);
        match self.sets.get(url) {
            Some(Some(set)) => return Arc::clone(set),
            Some(None) => return unknown(Gap::Circle(url.to_owned())),
            None if self.depth >= DEPTH || self.sets.len() >= IMPORTS => return unknown(Gap::Circle(url.to_owned())),
            None => {}
        }
        let Some(definition) = self.terminology.value_set(url) else {
            return unknown(Gap::ValueSet(url.to_owned()));
        };
        self.sets.insert(url.to_owned(), None);
        self.depth += 1;
        let set = Arc::new(self.definition(&definition));
        self.depth -= 1;
        self.sets.insert(url.to_owned(), Some(Arc::clone(&set)));
        set
    }

    /// The codes of a value set by its definition.
    pub fn definition(&mut self, definition: &ValueSet) -> CodeSet {
        let included: Vec<Part> =
            definition.include.iter().map(|rule| self.part(rule, definition.active_only)).collect();
        let excluded = definition.exclude.iter().map(|rule| self.part(rule, false)).collect();
        let mut set = CodeSet::new(included, excluded);
        let Some(expansion) = &definition.expansion else {
            return if set.included.is_empty() { CodeSet::unknown(Gap::NoContent) } else { set };
        };
        // The rules say it better than an expansion made elsewhere, wherever they can be followed.
        let by_rules = !set.included.is_empty();
        if by_rules && set.gap().is_none() {
            return set;
        }
        for (system, entries) in &expansion.systems {
            let codes = self.listed(system.as_deref(), entries.clone());
            set.included.push(Part::new(system.as_deref(), codes));
        }
        if !by_rules && !expansion.complete {
            set.included.push(Part::new(None, Codes::Unknown(Gap::NoContent)));
        }
        set
    }

    fn part(&mut self, rule: &Rule, active_only: bool) -> Part {
        let system = rule.system.as_deref();
        let codes = match system {
            Some(system) => self.codes(system, rule, active_only),
            None if rule.value_sets.is_empty() => Codes::Unknown(Gap::NoContent),
            None => Codes::Any,
        };
        let sets = rule.value_sets.iter().map(|url| self.by_url(url)).collect();
        Part { sets, ..Part::new(system, codes) }
    }

    fn codes(&self, url: &str, rule: &Rule, active_only: bool) -> Codes {
        let system = self.terminology.system(url);
        if !rule.concepts.is_empty() {
            let mut entries = rule.concepts.clone();
            if active_only && let Some(system) = system {
                entries.retain(|entry| system.concept(&entry.code).is_none_or(|concept| !concept.inactive));
            }
            return self.listed(Some(url), entries);
        }
        let Some(system) = system else {
            return match known_form(url) {
                Some(form) if rule.filters.is_empty() => Codes::Form(form),
                _ => Codes::Unknown(Gap::System(url.to_owned())),
            };
        };
        if let (Some(wanted), Some(at_hand)) = (&rule.version, &system.version)
            && wanted != at_hand
        {
            return Codes::Unknown(Gap::Version(url.to_owned()));
        }
        if rule.filters.is_empty() && !active_only {
            return Codes::All(Arc::clone(system));
        }
        if !system.complete {
            return Codes::Unknown(Gap::Fragment(url.to_owned()));
        }
        match filter::apply(system, &rule.filters) {
            Ok(found) => {
                let kept = found.into_iter().filter(|concept| !(active_only && concept.inactive));
                let entries = kept.map(|concept| Entry { code: concept.code.clone(), ..Entry::default() }).collect();
                self.listed(Some(url), entries)
            }
            Err(gap) => Codes::Unknown(gap),
        }
    }

    fn listed(&self, system: Option<&str>, entries: Vec<Entry>) -> Codes {
        let system = system.and_then(|url| self.terminology.system(url)).cloned();
        Codes::Only(Listed::new(system, entries))
    }
}
