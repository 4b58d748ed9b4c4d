//! The conformance types: read and searched in memory, as their files in `fhir-profiles/` have them.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::json::{Limits, parse};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::{ConformanceResource, Definitions, Interaction, ServedType};
use crate::search::{Parameters, TypeRequest};
use crate::store::{
    Condition, Criteria, Derived, Found, Hit, Place, SortBy, SortKey, SortValue, Table, Version, matches,
};

use super::Gateway;

/// Types without create that are the gateway's own to write: in the store like any other.
const OWN: [&str; 2] = ["AuditEvent", "MeasureReport"];

/// What the definitions are searched by, computed once.
#[derive(Debug, Default)]
pub struct DefinitionIndex {
    types: HashMap<String, Vec<Indexed>>,
}

#[derive(Debug)]
struct Indexed {
    key: ResourceKey,
    /// Its place among all definitions.
    at: usize,
    rows: Derived,
}

impl DefinitionIndex {
    pub fn new(definitions: &Definitions, parameters: &Parameters) -> DefinitionIndex {
        let mut index = DefinitionIndex::default();
        for (at, resource) in definitions.conformance_resources().iter().enumerate() {
            let rtype = &resource.resource_type;
            let tree = parse(resource.text.as_bytes(), Limits { depth: usize::MAX });
            if let (Some(id), Ok(tree)) = (ResourceId::parse(&resource.id), tree) {
                let key = ResourceKey { rtype: ResourceType::known(rtype), id };
                let rows = parameters.derive(rtype, &tree);
                index.types.entry(rtype.clone()).or_default().push(Indexed { key, at, rows });
            }
        }
        index
    }
}

pub(super) fn is_definition(definitions: &Definitions, rtype: &str) -> bool {
    let served = definitions.served_types().iter().find(|served| served.name == rtype);
    let kept = |served: &ServedType| served.allows(Interaction::Vread) || served.allows(Interaction::Create);
    !served.is_some_and(kept) && !OWN.contains(&rtype)
}

/// Definitions do not say when they were changed.
const NEVER: Instant = Instant(0);

impl Gateway {
    /// Whether resources of the type are definitions, in memory, and not in the store.
    pub fn is_definition(&self, rtype: &str) -> bool {
        is_definition(&self.definitions, rtype)
    }

    /// The definition `rtype/id`.
    pub fn definition(&self, rtype: &str, id: &str) -> Result<&ConformanceResource> {
        let found = self.definitions.conformance_resources().iter();
        let mut found = found.filter(|resource| resource.resource_type == rtype && resource.id == id);
        found.next().ok_or_else(|| Error::not_found(&format!("{rtype}/…")))
    }

    /// A page of the definitions that match.
    pub(super) fn find_definitions(&self, request: &TypeRequest, after: Option<&Place>, count: usize) -> Result<Found> {
        let mut all = self.matching_definitions(request)?;
        all.sort_by(|left, right| order(&request.sort, left, right));
        let passed = match after.map(|place| place.values.as_slice()) {
            Some([SortValue::Text(id)]) => {
                all.iter().position(|one| one.key.id.as_str() == id).map_or(all.len(), |last| last + 1)
            }
            _ => 0,
        };
        let more = all.len() > passed.saturating_add(count);
        let page: Vec<&Indexed> = all.into_iter().skip(passed).take(count).collect();
        let place = |last: &&Indexed| Place { at: 0, values: vec![SortValue::Text(last.key.id.to_string())], key: 0 };
        let next = page.last().filter(|_| more).map(place);
        let texts = self.definitions.conformance_resources();
        let hit = |one: &Indexed| {
            let body = texts.get(one.at).map(|resource| resource.text.clone());
            Hit { version: Version { key: one.key.clone(), version: 1, at: NEVER, body }, metres: None }
        };
        Ok(Found { hits: page.into_iter().map(hit).collect(), next, cut: false })
    }

    pub(super) fn count_definitions(&self, request: &TypeRequest) -> Result<i64> {
        Ok(i64::try_from(self.matching_definitions(request)?.len()).unwrap_or(i64::MAX))
    }

    fn matching_definitions(&self, request: &TypeRequest) -> Result<Vec<&Indexed>> {
        if !request.conditions.iter().all(is_answerable) {
            return Err(not_of_definitions());
        }
        let criteria = Criteria { rtype: request.rtype.clone(), conditions: request.conditions.clone() };
        let all = self.definition_index.types.get(request.rtype.as_str()).into_iter().flatten();
        Ok(all.filter(|one| matches(&criteria, one.key.id.as_str(), NEVER, &one.rows)).collect())
    }
}

/// Whether a definition's own rows decide it.
fn is_answerable(condition: &Condition) -> bool {
    match condition {
        Condition::LastUpdated(_) => false,
        Condition::Not(inner) => is_answerable(inner),
        Condition::AnyOf(alternatives) => alternatives.iter().all(is_answerable),
        other => other.is_own(),
    }
}

fn not_of_definitions() -> Error {
    Error::bad_request(Issue::error(
        IssueCode::NotSupported,
        "定義(StructureDefinition など)の検索では、連鎖、_has、_lastUpdated、階層は使えません。",
        "Definitions (StructureDefinition and so on) cannot be searched by chains, _has, _lastUpdated or hierarchies.",
    ))
}

/// By the keys, resources without a value last, then by id.
fn order(keys: &[SortKey], left: &Indexed, right: &Indexed) -> Ordering {
    let by_keys = keys.iter().map(|key| {
        let (left, right) = (value(key, left), value(key, right));
        match (left, right) {
            (Some(left), Some(right)) if key.descending => right.total_cmp(&left),
            (Some(left), Some(right)) => left.total_cmp(&right),
            (left, right) => right.is_some().cmp(&left.is_some()),
        }
    });
    by_keys.fold(Ordering::Equal, Ordering::then).then_with(|| left.key.id.cmp(&right.key.id))
}

/// What a definition is sorted by.
enum Sorted<'a> {
    Int(i64),
    Double(f64),
    Text(&'a str),
}

impl Sorted<'_> {
    fn total_cmp(&self, other: &Sorted<'_>) -> Ordering {
        match (self, other) {
            (Sorted::Int(left), Sorted::Int(right)) => left.cmp(right),
            (Sorted::Double(left), Sorted::Double(right)) => left.total_cmp(right),
            (Sorted::Text(left), Sorted::Text(right)) => left.cmp(right),
            // One key gives values of one kind.
            _ => Ordering::Equal,
        }
    }
}

/// The least value, or the greatest where it is descending.
fn value<'a>(key: &SortKey, one: &'a Indexed) -> Option<Sorted<'a>> {
    let SortBy::Indexed { table, param, .. } = &key.by else {
        return match key.by {
            SortBy::Id => Some(Sorted::Text(one.key.id.as_str())),
            _ => None,
        };
    };
    let rows = &one.rows;
    let mut values: Vec<Sorted<'a>> = match table {
        Table::Token => {
            rows.tokens.iter().filter(|row| row.param == *param).map(|row| Sorted::Text(&row.code)).collect()
        }
        Table::String => {
            rows.strings.iter().filter(|row| row.param == *param).map(|row| Sorted::Text(&row.folded)).collect()
        }
        Table::Date => {
            let end = |row: &crate::store::DateRow| if key.descending { row.high } else { row.low };
            rows.dates.iter().filter(|row| row.param == *param).map(|row| Sorted::Int(end(row))).collect()
        }
        Table::Quantity => {
            rows.quantities.iter().filter(|row| row.param == *param).map(|row| Sorted::Double(row.low.0)).collect()
        }
        Table::Reference => {
            rows.references.iter().filter(|row| row.param == *param).map(|row| Sorted::Text(&row.target_id)).collect()
        }
        Table::Position | Table::Vacancy | Table::AsOf => Vec::new(),
    };
    values.sort_by(Sorted::total_cmp);
    if key.descending { values.pop() } else { (!values.is_empty()).then(|| values.swap_remove(0)) }
}
