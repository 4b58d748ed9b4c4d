//! Searching: a page of matches, their number, and what refers to them.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fhir::instant::Instant;

use super::super::change::Version;
use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::history::seq_at;
use super::condition::Shape;
use super::criteria::{Circle, Condition, Criteria, Inherited, SortKey, Span};
use super::inherit::without_beds;
use super::page::Ranked;
use super::sort::{compare, ends_of_keys};
use super::sorted::Sorted;
use super::unsorted::{Budget, Stop, Walked, walk};

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
    /// Rows up to which a condition is taken as a whole: to be sorted, or to drive a search.
    pub whole: u32,
    /// Milliseconds after which no further rows are looked at.
    pub millis: u64,
    /// Included resources on a page.
    pub included: usize,
}

impl Default for SearchLimits {
    fn default() -> Self {
        SearchLimits { examined: 200_000, whole: 20_000, millis: 5_000, included: 1_000 }
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
    /// The bits of an `f64`: JSON might not give back the very same number.
    Double(u64),
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

/// A page of matches.
pub async fn find(
    connection: &mut Connection,
    search: &Search,
    limits: &SearchLimits,
    now: Instant,
) -> Result<Found, StoreError> {
    let search = &*without_beds(search);
    let criteria: Vec<&Criteria> = search.types.iter().map(|each| &each.criteria).collect();
    let shape = &Shape::new(connection, &criteria, limits, now).await?;
    let mut budget = Budget::new(limits);
    if search.types.first().is_none_or(|each| each.sort.is_empty()) {
        in_turn(connection, shape, search, &mut budget).await
    } else {
        merged(connection, shape, search, &mut budget).await
    }
}

impl Place {
    /// Before the first match.
    pub(super) fn start(sort: &[SortKey]) -> Place {
        Place { at: 0, values: Vec::new(), key: ends_of_keys(sort).0 }
    }
}

/// One type after the other.
async fn in_turn(
    connection: &mut Connection,
    shape: &Shape,
    search: &Search,
    budget: &mut Budget,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let start = search.after.as_ref().map_or((0, i64::MIN), |place| (place.at, place.key));
    for (at, each) in search.types.iter().enumerate().skip(start.0) {
        let after = if at == start.0 { start.1 } else { i64::MIN };
        let wanted = search.count + 1 - found.hits.len();
        let Walked { mut hits, stopped } =
            walk(connection, shape, &each.criteria, search.near, after, wanted, budget).await?;
        if stopped == Some(Stop::Full) {
            hits.truncate(wanted - 1);
            // The page was full before this type: its own first match comes on the next one.
            let key = hits.last().map_or(after, |last| last.key);
            found.next = Some(Place { at, values: Vec::new(), key });
        }
        found.hits.extend(hits.into_iter().map(|ranked| ranked.hit));
        match stopped {
            None => {}
            Some(Stop::Full) => break,
            Some(Stop::Place(place)) => {
                (found.next, found.cut) = (Some(Place { at, ..place }), true);
                break;
            }
        }
    }
    Ok(found)
}

/// All types together, by their sort values.
async fn merged(
    connection: &mut Connection,
    shape: &Shape,
    search: &Search,
    budget: &mut Budget,
) -> Result<Found, StoreError> {
    let (mut all, mut cut): (Vec<(usize, Ranked)>, Option<Place>) = (Vec::new(), None);
    let Some(first) = search.types.first() else { return Ok(Found::default()) };
    for (at, each) in search.types.iter().enumerate() {
        let after = search.after.as_ref().map(|place| from(place, at, &each.sort));
        let sorted = Sorted {
            shape,
            criteria: &each.criteria,
            sort: &each.sort,
            near: search.near,
            after: after.as_ref(),
            wanted: search.count + 1,
        };
        let walked = sorted.walk(connection, budget).await?;
        if let Some(Stop::Place(place)) = walked.stopped {
            if search.types.len() > 1 {
                return Err(StoreError::TooCostly("too few resources match to be found in this order".into()));
            }
            cut = Some(place);
        }
        all.extend(walked.hits.into_iter().map(|ranked| (at, ranked)));
    }
    all.sort_by(|(left_at, left), (right_at, right)| {
        let ties = || if left_at == right_at { Ordering::Equal } else { left_at.cmp(right_at) };
        compare(&first.sort, &left.values, &right.values).then_with(ties)
    });
    let more = all.len() > search.count;
    all.truncate(search.count);
    let last = all.last().filter(|_| more);
    let next = last.map(|(at, last)| Place { at: *at, values: last.values.clone(), key: last.key });
    let found = Found { hits: Vec::new(), cut: cut.is_some() && next.is_none(), next: next.or(cut) };
    Ok(Found { hits: all.into_iter().map(|(_, ranked)| ranked.hit).collect(), ..found })
}

/// The place as a type sees it that is not the last match's own: types of equal values stand in their order.
fn from(place: &Place, at: usize, sort: &[SortKey]) -> Place {
    let (before, behind) = ends_of_keys(sort);
    let key = match at.cmp(&place.at) {
        Ordering::Less => behind,
        Ordering::Equal => place.key,
        Ordering::Greater => before,
    };
    Place { key, ..place.clone() }
}

impl Shape {
    pub(super) async fn new(
        connection: &mut Connection,
        criteria: &[&Criteria],
        limits: &SearchLimits,
        now: Instant,
    ) -> Result<Shape, StoreError> {
        let mut moments = Vec::new();
        criteria.iter().for_each(|criteria| collect(&criteria.conditions, &mut moments));
        let mut positions = HashMap::new();
        for moment in moments {
            positions.insert(moment, seq_at(connection, moment).await?);
        }
        Ok(Shape { now: now.0, whole: i64::from(limits.whole), positions })
    }
}

/// The moments whose places in the log the criteria need.
fn collect(conditions: &[Condition], moments: &mut Vec<Instant>) {
    for condition in conditions {
        match condition {
            Condition::LastUpdated(spans) => {
                let ends = |span: &Span| [span.from, span.until];
                moments.extend(spans.iter().flat_map(ends).flatten());
            }
            Condition::Not(inner) => collect(std::slice::from_ref(inner), moments),
            Condition::AnyOf(alternatives) => collect(alternatives, moments),
            Condition::RefersTo { target, .. } => collect(&target.conditions, moments),
            Condition::ReferredBy { source, .. } => collect(&source.conditions, moments),
            _ => {}
        }
    }
}
