//! Planning a report: which bed each row means, and what it says that is new.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Gateway;
use crate::exchange::search::check_whole;
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::search::{self, escape};
use crate::store::{self, BedOnBoard, Boarded, Connection, Derive, LocationKind, Version, WardReport};

use super::{BedName, BedReport, BedRow};

/// Reports of more rows are looked up a facility at a time.
const FEW: usize = 8;

/// A row that can be applied.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub bed: String,
    pub ward: String,
    pub as_of: Instant,
    /// Whether the status is a new one.
    pub changes: bool,
}

/// A report against the boards that it was planned on.
#[derive(Default)]
pub(super) struct ReportPlan {
    /// In the order of the report's rows.
    pub rows: Vec<Result<Planned>>,
    boards: Boarded,
    /// Wards of which everything is still true, or these beds.
    still_true: BTreeMap<String, Option<BTreeSet<String>>>,
    /// The facility of a place that is still as it was.
    facility: Option<String>,
}

impl Gateway {
    pub(super) async fn plan_report(&self, report: &BedReport) -> Result<ReportPlan> {
        let mut connection = self.database.reader().await?;
        let mut plan = ReportPlan::default();
        if let Some(within) = &report.within {
            plan.add_place(&mut connection, within.as_str()).await?;
        }
        let beds = self.find_beds(&mut connection, report, &mut plan.boards).await?;
        // One for all rows that say none: else the same report would be of several moments.
        let now = self.now();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (at, (row, bed)) in report.rows.iter().zip(beds).enumerate() {
            let planned = bed.and_then(|bed| {
                let first = *seen.entry(bed.clone()).or_insert(at);
                if first == at { self.plan_row(row, bed, &plan.boards, now) } else { Err(named_twice(&bed, first)) }
            });
            plan.rows.push(planned);
        }
        for name in &report.still_true {
            let id = self.find_location(&mut connection, name).await?;
            plan.hold_true(&mut connection, &id).await?;
        }
        Ok(plan)
    }

    fn plan_row(&self, row: &BedRow, bed: String, boards: &Boarded, now: Instant) -> Result<Planned> {
        let Some(found) = boards.beds.get(&bed) else { return Err(not_a_bed(&bed)) };
        let as_of = row.as_of.unwrap_or(now);
        if as_of.0 > now.0 + self.deriver.board_policy().ahead {
            return Err(Error::in_future(as_of, now));
        }
        if let Some(stored) = found.as_of.filter(|stored| *stored > as_of.0) {
            return Err(Error::overtaken(&format!("Location/{bed}"), Instant(stored)));
        }
        let changes = found.status.as_deref() != Some(row.status.code());
        Ok(Planned { ward: found.ward.clone(), bed, as_of, changes })
    }

    /// The logical id of each row's bed. Boards are loaded as they are needed.
    async fn find_beds(
        &self,
        connection: &mut Connection,
        report: &BedReport,
        boards: &mut Boarded,
    ) -> Result<Vec<Result<String>>> {
        let mut names = Names::of(boards);
        let mut found = Vec::with_capacity(report.rows.len());
        for row in &report.rows {
            let mut known = names.find(&row.bed, boards, report.within.is_some());
            if known.is_none() && report.within.is_none() && report.rows.len() <= FEW {
                known = self.find_one_bed(connection, &row.bed, boards).await?.map(Ok);
            }
            if known.is_none() && report.within.is_none() {
                match self.find_location(connection, &row.bed).await {
                    Ok(id) => {
                        if !boards.beds.contains_key(&id) {
                            load_around(connection, &id, report.rows.len() > FEW, boards).await?;
                            names = Names::of(boards);
                        }
                        known = Some(Ok(id));
                    }
                    Err(error) if error.kind == ErrorKind::NotFound || error.kind == ErrorKind::PreconditionFailed => {
                        known = Some(Err(error));
                    }
                    Err(error) => return Err(error),
                }
            }
            found.push(known.unwrap_or_else(|| Err(not_within(&row.bed, report.within.as_ref()))));
        }
        Ok(found)
    }

    /// The bed of that name with all that planning asks of it, in one look; `None` where only a search can tell.
    async fn find_one_bed(
        &self,
        connection: &mut Connection,
        name: &BedName,
        boards: &mut Boarded,
    ) -> Result<Option<String>> {
        let BedName::Identifier { system: Some(system), value } = name else { return Ok(None) };
        if let Some(parameter) = self.parameters.find("Location", "identifier") {
            check_whole(&*self.whole().await?, parameter)?;
        }
        Ok(boards.add_bed_of(connection, search::exact_token(system, value)).await?)
    }

    /// The location that is named so.
    pub(super) async fn find_location(&self, connection: &mut Connection, name: &BedName) -> Result<String> {
        self.find_part(connection, name, None).await
    }

    /// The same; one with an identifier must be part of `whole`, where that is said.
    pub(super) async fn find_part(
        &self,
        connection: &mut Connection,
        name: &BedName,
        whole: Option<&ResourceId>,
    ) -> Result<String> {
        let (system, value) = match name {
            BedName::Id(id) => return Ok(id.to_string()),
            BedName::Identifier { system, value } => (system, value),
        };
        let token = match system {
            Some(system) => format!("{}|{}", escape(system), escape(value)),
            None => escape(value),
        };
        let query = percent_encoding::utf8_percent_encode(&token, percent_encoding::NON_ALPHANUMERIC);
        let rtype = ResourceType::known("Location");
        let part_of = whole.map(|id| format!("&partof=Location/{id}")).unwrap_or_default();
        let criteria = self.criteria(&rtype, &format!("identifier={query}{part_of}")).await?;
        let shown = format!("Location?identifier={token}{part_of}");
        match store::matching_ids(connection, &criteria, 2).await?.as_slice() {
            [id] => Ok(id.to_string()),
            [] => Err(Error::not_found(&shown)),
            _ => Err(Error::multiple_matches(&shown)),
        }
    }
}

impl ReportPlan {
    async fn add_place(&mut self, connection: &mut Connection, id: &str) -> Result<()> {
        match store::location_kind(connection, id).await? {
            Some(LocationKind::Facility) => self.boards.add_facility(connection, id).await?,
            Some(LocationKind::Ward(_)) => self.boards.add_ward(connection, id).await?,
            Some(LocationKind::Bed(_) | LocationKind::Other) => return Err(no_place(id)),
            None => return Err(Error::not_found(&format!("Location/{id}"))),
        }
        Ok(())
    }

    /// Everything that is stored of the place is still true.
    async fn hold_true(&mut self, connection: &mut Connection, id: &str) -> Result<()> {
        match store::location_kind(connection, id).await? {
            Some(LocationKind::Facility) => {
                let wards = store::wards_of(connection, id).await?;
                self.still_true.extend(wards.into_iter().map(|ward| (ward, None)));
                self.facility = Some(id.to_owned());
            }
            Some(LocationKind::Ward(facility)) => {
                self.still_true.insert(id.to_owned(), None);
                self.facility = self.facility.take().or(facility);
            }
            Some(LocationKind::Bed(ward)) => {
                let beds = self.still_true.entry(ward).or_insert_with(|| Some(BTreeSet::new()));
                if let Some(beds) = beds {
                    beds.insert(id.to_owned());
                }
            }
            Some(LocationKind::Other) => return Err(no_place(id)),
            None => return Err(Error::not_found(&format!("Location/{id}"))),
        }
        Ok(())
    }

    /// What is true of wards besides the changes. A ward whose beds are all reported at one moment is reported as a whole.
    pub fn wards(&self, report: &BedReport, now: Instant, ahead: i64) -> Vec<WardReport> {
        let mut wards: BTreeMap<&str, BTreeMap<i64, Vec<&Planned>>> = BTreeMap::new();
        for row in self.rows.iter().flatten() {
            wards.entry(&row.ward).or_default().entry(row.as_of.0).or_default().push(row);
        }
        let mut told = Vec::new();
        for (ward, moments) in wards {
            let Some(board) = self.boards.wards.get(ward) else { continue };
            let expected = Some(board.changes);
            for (as_of, rows) in moments {
                let same = rows.iter().filter(|row| !row.changes).map(|row| row.bed.clone()).collect::<Vec<_>>();
                let beds = if Some(rows.len()) == board.beds { None } else { Some(same) };
                if beds.as_ref().is_some_and(Vec::is_empty) {
                    continue;
                }
                told.push(WardReport { ward: ward.to_owned(), expected, beds, as_of, source: report.source });
            }
        }
        let as_of = report.still_true_as_of.unwrap_or(now).min(Instant(now.0 + ahead)).0;
        told.extend(self.still_true.iter().map(|(ward, beds)| WardReport {
            ward: ward.clone(),
            expected: None,
            beds: beds.as_ref().map(|beds| beds.iter().cloned().collect()),
            as_of,
            source: report.source,
        }));
        told
    }

    /// The bed's version, where it was loaded with its board.
    pub fn take_current(&mut self, bed: &str) -> Option<Version> {
        self.boards.beds.get_mut(bed)?.current.take()
    }

    /// Whom the audit row names.
    pub fn of(&self, report: &BedReport) -> Option<ResourceKey> {
        let facility = self.boards.wards.values().find_map(|ward| ward.facility.as_ref());
        let ward = || self.boards.wards.keys().chain(self.still_true.keys()).next();
        let place = facility.or(self.facility.as_ref()).or_else(ward);
        let id = report.within.clone().or_else(|| ResourceId::parse(place?));
        Some(ResourceKey { rtype: ResourceType::known("Location"), id: id? })
    }
}

/// Loads the bed; where many are asked for, the boards of its facility.
async fn load_around(connection: &mut Connection, id: &str, widely: bool, boards: &mut Boarded) -> Result<()> {
    if !widely {
        return Ok(boards.add_bed(connection, id).await?);
    }
    let Some(LocationKind::Bed(ward)) = store::location_kind(connection, id).await? else { return Ok(()) };
    boards.add_ward(connection, &ward).await?;
    let facility = boards.wards.get(&ward).and_then(|ward| ward.facility.clone());
    if let Some(facility) = facility {
        boards.add_facility(connection, &facility).await?;
    }
    Ok(())
}

/// The beds of loaded boards by their identifiers.
struct Names {
    /// `system|value`; `None` where two beds have it.
    whole: HashMap<String, Option<String>>,
    values: HashMap<String, Option<String>>,
}

impl Names {
    fn of(boards: &Boarded) -> Names {
        let mut names = Names { whole: HashMap::new(), values: HashMap::new() };
        let add = |map: &mut HashMap<String, Option<String>>, name: &str, id: &str| {
            let known = map.entry(name.to_owned()).or_insert_with(|| Some(id.to_owned()));
            if known.as_deref() != Some(id) {
                *known = None;
            }
        };
        for (id, BedOnBoard { names: lines, .. }) in &boards.beds {
            for line in lines.lines() {
                add(&mut names.whole, line, id);
                add(&mut names.values, line.split_once('|').map_or(line, |(_, value)| value), id);
            }
        }
        names
    }

    /// The bed of a loaded board; `None` where none is called so. `alone`: no other boards are meant.
    fn find(&self, name: &BedName, boards: &Boarded, alone: bool) -> Option<Result<String>> {
        let (map, name) = match name {
            BedName::Id(id) => return boards.beds.contains_key(id.as_str()).then(|| Ok(id.to_string())),
            BedName::Identifier { system: Some(system), value } => (&self.whole, format!("{system}|{value}")),
            // Other facilities may have such a bed, too: only the index knows.
            BedName::Identifier { system: None, value } if alone => (&self.values, value.clone()),
            BedName::Identifier { system: None, .. } => return None,
        };
        let found = map.get(&name)?;
        Some(found.clone().ok_or_else(|| Error::multiple_matches(&format!("Location?identifier={name}"))))
    }
}

fn not_a_bed(id: &str) -> Error {
    Error::unprocessable(vec![Issue::error(
        IssueCode::BusinessRule,
        format!("Location/{id} は病棟に属する病床 (physicalType が bd) ではありません。"),
        format!("Location/{id} is no bed of a ward: its physicalType is not bd, or it is part of none."),
    )])
}

/// 422: only facilities and wards have beds.
pub(in crate::exchange) fn no_place(id: &str) -> Error {
    Error::unprocessable(vec![Issue::error(
        IssueCode::BusinessRule,
        format!("Location/{id} は施設でも病棟でもありません。"),
        format!("Location/{id} is neither a facility nor a ward."),
    )])
}

fn not_within(name: &BedName, within: Option<&ResourceId>) -> Error {
    let shown = match name {
        BedName::Id(id) => id.to_string(),
        BedName::Identifier { value, .. } => value.clone(),
    };
    let place = within.map(ToString::to_string).unwrap_or_default();
    Error::new(
        ErrorKind::NotFound,
        Issue::error(
            IssueCode::NotFound,
            format!("Location/{place} に病床 {shown} はありません。病床の識別子を確かめてください。"),
            format!("Location/{place} has no bed {shown}. Check the bed's identifier."),
        ),
    )
}

fn named_twice(bed: &str, first: usize) -> Error {
    Error::unprocessable(vec![Issue::error(
        IssueCode::Duplicate,
        format!("病床 {bed} は行 {first} にもあります。一つの報告に同じ病床は一度だけです。"),
        format!("The bed {bed} stands in row {first}, too. A report names a bed once."),
    )])
}
