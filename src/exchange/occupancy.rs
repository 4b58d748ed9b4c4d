//! `Location/$occupancy`: how full wards were over time, and what their boards showed at a moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::exchange::Gateway;
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::json::to_compact;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::region::{self, Occupancy, OccupancyBy, OccupancyInterval, OccupancyQuery};
use crate::store::{
    self, Board, BoardThen, LocationKind, OccupancyOf, OccupancyRecord, OccupiedWard, Version, boards_then,
    occupancy_records, occupied_wards,
};

use super::beds::no_place;

/// Wards that one statement reads.
const CHUNK: i64 = 250;
/// What one question may visit, and what its answer may hold.
const MOST_RECORDS: usize = 2_000_000;
const MOST_CELLS: usize = 50_000;
const MOST_BOARDS: usize = 1_000;

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct OccupancyFound {
    pub intervals: Vec<OccupancyInterval>,
    /// Names of wards or facilities, by logical id.
    pub names: HashMap<String, String>,
}

impl Gateway {
    /// The means over time: of the place, a facility or ward, or of the region. 422 where that is too much to answer.
    pub async fn occupancy(
        &self,
        _caller: &Caller,
        place: Option<&ResourceId>,
        mut query: OccupancyQuery,
    ) -> Result<OccupancyFound> {
        let of = self.occupancy_of(place).await?;
        if let OccupancyOf::Facility(id) = &of {
            query.facility = Some(id.to_string());
        }
        check_size(query.intervals())?;
        let (mut occupancy, mut names, mut visited, mut after) = (Occupancy::new(&query), HashMap::new(), 0, i64::MIN);
        loop {
            let mut connection = self.database.reader().await?;
            let wards = occupied_wards(&mut connection, &of, after, CHUNK).await?;
            let Some(last) = wards.last() else { break };
            after = last.key;
            let keys: Vec<i64> = wards.iter().map(|ward| ward.key).collect();
            let limit = i64::try_from(MOST_RECORDS - visited + 1).unwrap_or(i64::MAX);
            let records = occupancy_records(&mut connection, &keys, (query.from, query.until), limit).await?;
            drop(connection);
            visited += records.len();
            if visited > MOST_RECORDS {
                return Err(too_costly());
            }
            add(&mut occupancy, &wards, &records);
            check_size(occupancy.cells())?;
            names.extend(wards.into_iter().filter_map(|ward| Some((ward.id, ward.name?))));
        }
        let intervals = occupancy.finish();
        if query.by == OccupancyBy::Facility {
            let mut connection = self.database.reader().await?;
            let ids: BTreeSet<String> = intervals.iter().flat_map(|one| one.groups.keys().flatten().cloned()).collect();
            names = store::facility_names(&mut connection, &ids).await?.into_iter().collect();
        }
        Ok(OccupancyFound { intervals, names })
    }

    /// The wards as they were at the moment, with the counts that were shown then.
    pub async fn boards_at(&self, _caller: &Caller, place: Option<&ResourceId>, at: Instant) -> Result<Vec<Version>> {
        let of = self.occupancy_of(place).await?;
        let (mut found, mut after) = (Vec::new(), i64::MIN);
        loop {
            let mut connection = self.database.snapshot().await?;
            let wards = occupied_wards(&mut connection, &of, after, CHUNK).await?;
            let Some(last) = wards.last() else { return Ok(found) };
            after = last.key;
            let keys: Vec<i64> = wards.iter().map(|ward| ward.key).collect();
            for then in boards_then(&mut connection, &keys, at.0).await? {
                found.extend(version_then(then, &of, at)?);
            }
            if found.len() > MOST_BOARDS {
                return Err(too_costly());
            }
        }
    }

    async fn occupancy_of(&self, place: Option<&ResourceId>) -> Result<OccupancyOf> {
        let Some(id) = place else { return Ok(OccupancyOf::Region) };
        let mut connection = self.database.reader().await?;
        match store::location_kind(&mut connection, id.as_str()).await? {
            Some(LocationKind::Facility) => Ok(OccupancyOf::Facility(id.clone())),
            Some(LocationKind::Ward(_)) => Ok(OccupancyOf::Ward(id.clone())),
            Some(LocationKind::Bed(_) | LocationKind::Other) => Err(no_place(id.as_str())),
            None => Err(Error::not_found(&format!("Location/{id}"))),
        }
    }
}

fn add(occupancy: &mut Occupancy<'_>, wards: &[OccupiedWard], records: &[OccupancyRecord]) {
    let ids: BTreeMap<i64, &str> = wards.iter().map(|ward| (ward.key, ward.id.as_str())).collect();
    for of_ward in records.chunk_by(|left, right| left.key == right.key) {
        if let Some(id) = of_ward.first().and_then(|record| ids.get(&record.key)) {
            occupancy.add(id, of_ward);
        }
    }
}

/// The ward's version with its counts of then; `None` where it was no part of the facility.
fn version_then(then: BoardThen, of: &OccupancyOf, at: Instant) -> Result<Option<Version>> {
    let Some(id) = ResourceId::parse(&then.ward) else { return Ok(None) };
    let tree = store::stored_tree(&then.body)?;
    if let OccupancyOf::Facility(facility) = of {
        let part_of = || tree.get("partOf")?.get_str("reference")?.strip_prefix("Location/");
        if then.facility.as_deref().or_else(part_of) != Some(facility.as_str()) {
            return Ok(None);
        }
    }
    let laid = then.counts.and_then(|counts| region::laid_over(&tree, &Board::Ward(counts), at));
    let body = laid.map_or(then.body, |laid| to_compact(&laid));
    let key = ResourceKey { rtype: ResourceType::known("Location"), id };
    Ok(Some(Version { key, version: then.version, at: Instant(then.at), body: Some(body) }))
}

fn check_size(cells: usize) -> Result<()> {
    if cells > MOST_CELLS { Err(too_costly()) } else { Ok(()) }
}

fn too_costly() -> Error {
    Error::unprocessable(vec![Issue::error(
        IssueCode::TooCostly,
        "一度に答えるには多すぎます。期間を短く、間隔を長く、または施設か病棟を一つに絞ってください。",
        "That is too much for one answer. Ask for a shorter period, a longer interval, or one facility or ward.",
    )])
}
