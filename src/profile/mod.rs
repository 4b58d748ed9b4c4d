//! Profiles as the contract: definitions are compiled once, at start, into rules that every write, `$validate` and
//! `kakehashi validate` run.
//!
//! ```text
//! r4-facts (pack) ──► facts ──► base ─────► Structure (closed)  ─┐
//! fhir-profiles/  ──► snapshot ► overlay ─► Structure (open)    ─┼─► walk ─► Issues
//! CodeSystem, ValueSet ─► terminology      profile-rules ► rules ─┘    │
//!                                          Shape ─► json_schema ─► engine (jsonschema)
//! ```
//!
//! Non-features: what [`NON_FEATURES`] lists, and the existence of reference targets (the exchange decides it inside a
//! transaction): a target is held to its profile where it is at hand, contained or in the same Bundle.

mod anchors;
mod base;
mod binding;
mod bounds;
mod bundle_rules;
mod capability;
mod code_form;
mod completeness;
mod complex_rules;
mod constraint;
mod discriminator;
mod engine;
mod expression;
mod extension_context;
mod facts;
mod format;
mod implied;
mod inner;
mod issue;
mod issue_of_schema;
mod issue_of_slice;
mod json_schema;
mod keyword;
mod narrative;
mod order;
mod overlay;
mod packages;
mod published_schema;
mod registry;
mod resolution;
mod rules;
mod search;
mod shape;
mod slicing;
mod snapshot;
mod sources;
mod targets;
mod terminology;
mod value_rules;
mod walk;
mod walk_profile;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::fhir::json::Json;
use crate::fhir::outcome::Issue;

pub use capability::{Interaction, ServedType};
pub use registry::R4_DEFINITIONS;
pub use search::{SearchComponent, SearchKind, SearchParameter};
pub use snapshot::NON_FEATURES;
pub use terminology::operation;
pub use terminology::{Dependency, Designation};

use facts::Facts;
use inner::Inner;
use registry::Registry;
use rules::Rules;
use sources::Sources;
use walk::Walk;

/// A file of `fhir-profiles/`, from disk or embedded; the path is relative to that folder.
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

/// How strict the gateway is about what the definitions do not cover.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// A resource of a type that has rules, but which meets none of them.
    pub refuse_unmatched: bool,
    /// An extension whose definition is not loaded.
    pub refuse_unknown_extensions: bool,
    /// A `meta.profile` that is not loaded.
    pub refuse_unknown_profiles: bool,
}

/// What one validation is held to, besides base R4 and what `meta.profile` declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// Canonical addresses of profiles that the resource itself is held to. One that is not loaded is an error; the base
    /// definition of the resource's own type is held anyway.
    pub profiles: Vec<String>,
    /// Leaves the region's rules aside (`profile-rules.toml`).
    pub base_only: bool,
    /// Tells of best practices that are not followed, such as dom-6, a narrative in each resource (warnings).
    pub best_practice: bool,
    /// Tells of elements marked `mustSupport` that are absent (information).
    pub must_support: bool,
}

/// Why the definitions cannot be loaded. In the order of files and elements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoadError {
    pub file: String,
    pub element: String,
    pub reason: String,
}

impl LoadError {
    pub(crate) fn new(file: impl Into<String>, element: impl Into<String>, reason: impl Into<String>) -> Self {
        LoadError { file: file.into(), element: element.into(), reason: reason.into() }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.element, self.reason)
    }
}

impl std::error::Error for LoadError {}

/// A definition that the gateway serves read-only, as its file has it.
#[derive(Clone, Debug)]
pub struct ConformanceResource {
    pub resource_type: String,
    pub id: String,
    pub url: Option<String>,
    pub text: String,
}

/// Everything that has been compiled. Built once; shared by reference.
pub struct Definitions {
    inner: Inner,
    served: Vec<ServedType>,
    capability: Json,
    conformance: Vec<ConformanceResource>,
    search: search::Index,
    summaries: HashMap<String, OnceLock<Vec<String>>>,
    warnings: Vec<LoadError>,
}

/// A profile or extension that was found, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Profile<'a> {
    /// Canonical address, with the version where another version of it is the one in force.
    pub canonical: &'a str,
    pub type_name: &'a str,
    /// Its file; in a package, `packages/name.tgz/file.json`.
    pub file: &'a str,
    /// Why it is not in force: a package's, which cannot be compiled.
    pub left_out: Option<&'a LoadError>,
}

impl Definitions {
    /// Compiles the pack of R4 facts (gzipped, as `examples/distil_r4` writes it) and the region's files.
    /// All or nothing: every problem of every file is named.
    pub fn load(pack: &[u8], files: &[SourceFile], settings: Settings) -> Result<Definitions, Vec<LoadError>> {
        let facts = Facts::read(pack).map_err(|reason| vec![LoadError::new("r4", "pack", reason)])?;
        let facts = Arc::new(facts);
        let mut sorted = Sources::read(files, &facts)?;
        let terminology = Arc::new(sorted.terminology(&facts));
        let mut registry = Registry::new(Arc::clone(&facts), Arc::clone(&terminology));
        let mut errors = registry.load(sorted.take("StructureDefinition"));
        errors.extend(sorted.terminology_problems());
        errors.extend(completeness::missing(&registry, &terminology, registry.own()));
        let mut warnings = std::mem::take(&mut sorted.warnings);
        warnings.extend(completeness::missing(&registry, &terminology, registry.of_packages()));
        warnings.extend(registry.taken().filter_map(|profile| profile.left_out.cloned()));
        warnings.sort();
        let rules = match sorted.rules {
            Some((path, text)) => Rules::load(path, text, |url| registry.profile(url).is_some()),
            None => Ok(Rules::default()),
        };
        let rules = rules.unwrap_or_else(|problems| {
            errors.extend(problems);
            Rules::default()
        });
        let (search, problems) = search::Index::load(Arc::clone(&facts), &sorted.own("SearchParameter"));
        errors.extend(problems);
        let (capability, served) = match sorted.template {
            Some((path, text)) => capability::read(path, text, &registry).unwrap_or_else(|problem| {
                errors.push(problem);
                (Json::Null, Vec::new())
            }),
            None => (Json::Null, Vec::new()),
        };
        if !errors.is_empty() {
            errors.sort();
            return Err(errors);
        }
        let summaries = facts.names("type").map(|name| (name.to_owned(), OnceLock::new())).collect();
        let inner = Inner { registry, terminology, rules, settings };
        let conformance = sorted.conformance;
        let definitions = Definitions { inner, served, capability, conformance, search, summaries, warnings };
        let errors = definitions.warm();
        if errors.is_empty() { Ok(definitions) } else { Err(errors) }
    }

    /// Compiles what the served types and the region's profiles need, so that no request pays for it and nothing
    /// that cannot be compiled is served.
    fn warm(&self) -> Vec<LoadError> {
        let registry = &self.inner.registry;
        let served = self.served.iter().filter_map(|served| registry.base(&served.name));
        let own = registry.own().map(|(_, structure)| structure);
        let mut errors = Vec::new();
        for structure in served.chain(own) {
            for shape in &structure.shapes {
                if let Err(reason) = json_schema::schema(structure, shape) {
                    errors.push(LoadError::new(&structure.name, &shape.path, reason));
                }
            }
        }
        errors
    }

    /// All findings, errors and warnings, in document order: base R4 of its type, the profile that the rules select,
    /// those in `meta.profile`; contained resources and Bundle entries, too.
    pub fn validate(&self, resource: &Json) -> Vec<Issue> {
        self.validate_as(resource, &Validation::default())
    }

    /// The same, held to more or less than usual.
    pub fn validate_as(&self, resource: &Json, how: &Validation) -> Vec<Issue> {
        let mut walk = Walk::new(&self.inner, resource, how);
        walk.resource(resource, false);
        let mut issues = order::in_document_order(resource, walk.finish());
        for issue in &mut issues {
            issue.expression =
                issue.pointer.as_deref().map(|pointer| expression::of_pointer(&self.inner, resource, pointer));
        }
        issues
    }

    /// The FHIRPath of the element at a JSON pointer, with the types of choices: `Task.input[0].value.ofType(Period)`.
    pub fn expression(&self, resource: &Json, pointer: &str) -> String {
        expression::of_pointer(&self.inner, resource, pointer)
    }

    /// The profiles that a resource is held to, beyond its base type: the rules' choice, then the declared ones
    /// that are loaded.
    pub fn selected_profiles(&self, resource: &Json) -> Vec<String> {
        let type_name = resource.get_str("resourceType").unwrap_or_default();
        let mut profiles: Vec<String> =
            self.inner.rules.select(type_name, resource).into_iter().map(str::to_owned).collect();
        let declared = resource.get("meta").map(|meta| meta.items("profile")).unwrap_or_default();
        for canonical in declared.iter().filter_map(Json::as_str) {
            let loaded = self.inner.registry.profile(canonical).is_some_and(|structure| structure.is_profile);
            if loaded && !profiles.iter().any(|profile| profile == canonical) {
                profiles.push(canonical.to_owned());
            }
        }
        profiles
    }

    /// What does not keep the gateway from starting: packages' definitions that are left out, missing dependencies.
    pub fn warnings(&self) -> &[LoadError] {
        &self.warnings
    }

    /// The profiles and extensions of the region and of packages, by address.
    pub fn profiles(&self) -> Vec<Profile<'_>> {
        let mut all: Vec<Profile<'_>> = self.inner.registry.taken().collect();
        all.sort_by_key(|profile| profile.canonical);
        all
    }

    /// A profile (canonical address) or base type (address or name) as a JSON Schema in plain 2020-12 vocabulary; what it
    /// cannot say is listed in its `$comment`. `None` where there is no such profile or type.
    pub fn json_schema(&self, name: &str) -> Option<serde_json::Value> {
        published_schema::schema(&self.inner, name)
    }

    /// Whether R4 has a concrete resource type of this name.
    pub fn is_known_type(&self, resource_type: &str) -> bool {
        self.inner.registry.is_resource(resource_type)
    }

    /// The types in the CapabilityStatement template, with what clients may do.
    pub fn served_types(&self) -> &[ServedType] {
        &self.served
    }

    pub fn capability_template(&self) -> &Json {
        &self.capability
    }

    /// StructureDefinitions, ValueSets, CodeSystems, SearchParameters and so on, to be served read-only.
    pub fn conformance_resources(&self) -> &[ConformanceResource] {
        &self.conformance
    }

    /// R4's parameters of a type (with those of Resource and DomainResource) and the region's own.
    pub fn search_parameters(&self, resource_type: &str) -> &[SearchParameter] {
        self.search.of_type(resource_type)
    }

    /// The resource types in a compartment and the parameters by which they belong to it.
    pub fn compartment(&self, name: &str) -> HashMap<String, Vec<String>> {
        self.search.compartment(name)
    }

    /// Whether a member is an array: `("Patient.name", "given")`, `("HumanName", "given")`.
    pub fn element_repeats(&self, type_path: &str, name: &str) -> Option<bool> {
        let (_, shape) = self.inner.shape(type_path)?;
        inner::member_element(shape, name).map(|element| element.array)
    }

    /// The types of elements, for FHIRPath.
    pub fn model(&self) -> &dyn crate::fhir::fhirpath::Model {
        &self.inner
    }

    /// The JSON members of a type that `_summary=true` keeps.
    pub fn summary_elements(&self, resource_type: &str) -> &[String] {
        let collect = || self.members(resource_type, |element| element.summary);
        self.summaries.get(resource_type).map(|slot| slot.get_or_init(collect).as_slice()).unwrap_or_default()
    }

    /// The members that no answer may leave out: `_elements` and `_summary=text` keep them.
    pub fn mandatory_elements(&self, resource_type: &str) -> Vec<String> {
        self.members(resource_type, |element| element.min > 0)
    }

    fn members(&self, resource_type: &str, wanted: impl Fn(&shape::Element) -> bool) -> Vec<String> {
        let Some((_, shape)) = self.inner.shape(resource_type) else { return Vec::new() };
        let kept = shape.elements.iter().filter(|element| wanted(element));
        kept.flat_map(|element| element.forms.iter().map(|form| form.name.clone())).collect()
    }
}
