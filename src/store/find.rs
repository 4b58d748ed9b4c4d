//! Searching: a page of matches, their number, and what refers to them.

use serde::{Deserialize, Serialize};

use super::change::Version;
use super::criteria::{Circle, Criteria, Inherited, SortKey};

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search {
    /// One for each type, in the order of the results where nothing is sorted.
    pub types: Vec<TypeSearch>,
    /// Where the last page ended.
    pub after: Option<Place>,
    /// Matches on the page, at least 1.
    pub count: usize,
    /// From where the distance of each match is wanted.
    pub near: Option<(Circle, i64, Inherited)>,
}

#[derive(Clone, Debug)]
pub struct TypeSearch {
    pub criteria: Criteria,
    /// As many keys for every type. Without any, matches come in the order in which they were created.
    pub sort: Vec<SortKey>,
}

/// What a search may cost.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// Index rows or resources that are looked at for a page.
    pub examined: u32,
    /// Milliseconds after which no further rows are looked at.
    pub millis: u64,
    /// Included resources on a page.
    pub included: usize,
}

impl Default for SearchLimits {
    fn default() -> Self {
        SearchLimits { examined: 200_000, millis: 5_000, included: 1_000 }
    }
}

/// A place between two matches: stable whatever is written meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The index of the type among those searched, where nothing is sorted.
    pub at: usize,
    /// The sort values of the last match.
    pub values: Vec<SortValue>,
    /// Its key, or the last key that was looked at.
    pub key: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SortValue {
    Missing,
    Int(i64),
    Double(f64),
    Text(String),
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub hits: Vec<Hit>,
    /// Where the next page starts; `None` where nothing is left.
    pub next: Option<Place>,
    /// The page is shorter than asked because a limit was reached; the rest is behind `next`.
    pub cut: bool,
}

#[derive(Clone, Debug)]
pub struct Hit {
    pub version: Version,
    /// Great-circle distance in metres.
    pub metres: Option<f64>,
}

/// How many match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub value: i64,
    /// Whether all was counted; else it is an estimate.
    pub exact: bool,
}
