//! What the engine asks of its surroundings. All hooks are optional, synchronous and in memory.

use crate::fhir::json::Json;

use super::value::Item;

/// Answers `resolve()` (R4 `fhirpath.html#functions`). Contained resources and entries of the Bundle at
/// `%rootResource` are found without it.
pub trait Resolver: Sync {
    /// The resource that the literal reference points to.
    fn resolve(&self, reference: &str) -> Option<&Json>;
}

/// Answers `memberOf()` (R4 `fhirpath.html#functions`).
pub trait Terminology: Sync {
    /// Whether a code, Coding or CodeableConcept is in the value set; `None` when that cannot be told.
    fn member_of(&self, coded: &Item<'_>, value_set: &str) -> Option<bool>;
}

/// Answers `conformsTo()` for profiles. The base profiles of resource types are answered without it.
pub trait Profiles: Sync {
    /// Whether the resource conforms; `None` for a profile that is not known.
    fn conforms_to(&self, resource: &Item<'_>, profile: &str) -> Option<bool>;
}

/// Knows the types of elements, so that `is`, `as` and `ofType` are exact.
pub trait Model: Sync {
    /// The type of the child `name` of `parent`. The parent is a type (`HumanName`) or what this method answered
    /// for an anonymous element (`Patient.contact`). A choice element is asked for by its plain name (`value`) only
    /// when its key in JSON carries no type.
    fn element_type(&self, parent: &str, name: &str) -> Option<&str>;
}
