//! A search as it was asked: parameters read into criteria, and what is to come with the matches.

use crate::fhir::id::ResourceType;
use crate::store::{Circle, Condition, Inherited, SortKey};

/// A query that was read for one type, or for several at once.
#[derive(Clone, Debug, Default)]
pub struct SearchRequest {
    /// One for each type that is searched, in order.
    pub types: Vec<TypeRequest>,
    pub includes: Vec<Include>,
    /// The circle of `near`, where there is one: matches are told how far they are.
    pub near: Option<Near>,
    /// The parameters that were applied, as they came: what the self link lists.
    pub applied: Vec<(String, String)>,
    pub ignored: Vec<Ignored>,
}

#[derive(Clone, Debug)]
pub struct TypeRequest {
    pub rtype: ResourceType,
    pub conditions: Vec<Condition>,
    pub sort: Vec<SortKey>,
}

#[derive(Clone, Copy, Debug)]
pub struct Near {
    pub circle: Circle,
    pub param: i64,
    pub inherited: Inherited,
}

/// `_include` or `_revinclude` (R4 `search.html#include`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// `_revinclude`: what refers to the matches, rather than what they refer to.
    pub reverse: bool,
    /// The type that holds the reference; `None` for `*`.
    pub source: Option<String>,
    /// The reference parameter's code; `None` for `*`.
    pub code: Option<String>,
    /// Only targets of this type.
    pub target: Option<String>,
    /// `:iterate`: what was included is looked at, too.
    pub iterate: bool,
}

/// A parameter that was not applied, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    pub name: String,
}
