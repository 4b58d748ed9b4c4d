//! What a report of beds is planned on: the boards of a facility, read at once.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;

use super::super::change::Version;
use super::super::connection::Connection;
use super::super::derived::parameter_id;
use super::super::error::StoreError;
use super::super::search::{Patterns, TokenPattern};
use super::super::sql::Sql;

/// Wards with their beds, by logical id.
#[derive(Clone, Debug, Default)]
pub struct Boarded {
    pub wards: BTreeMap<String, WardOnBoard>,
    pub beds: BTreeMap<String, BedOnBoard>,
}

#[derive(Clone, Debug)]
pub struct WardOnBoard {
    pub facility: Option<String>,
    /// [`super::WardReport::expected`].
    pub changes: i64,
    /// How many beds it has; `None` where they were not all loaded.
    pub beds: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct BedOnBoard {
    pub ward: String,
    /// HL7 v2 table 0116.
    pub status: Option<String>,
    /// When it was last reported, by itself or with its ward.
    pub as_of: Option<i64>,
    /// Every identifier, one a line: `system|value`.
    pub names: String,
    /// Where it was loaded by itself.
    pub current: Option<Version>,
}

#[derive(QueryableByName)]
struct WardRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    facility_id: Option<String>,
    #[diesel(sql_type = BigInt)]
    changes: i64,
    #[diesel(sql_type = BigInt)]
    as_of: i64,
}

#[derive(QueryableByName)]
struct BedRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    ward_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    operational_status: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    as_of: Option<i64>,
    #[diesel(sql_type = Text)]
    names: String,
}

#[derive(QueryableByName)]
struct OneBedRow {
    #[diesel(embed)]
    bed: BedRow,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    facility_id: Option<String>,
    #[diesel(sql_type = BigInt)]
    changes: i64,
    #[diesel(sql_type = BigInt)]
    of_ward: i64,
}

const ONE_BED: &str = "SELECT r.rid AS id, r.version, v.at, v.body, d.ward_id, d.operational_status, d.as_of, d.names, \
     w.facility_id, coalesce(b.changes, 0) AS changes, coalesce(b.as_of, 0) AS of_ward FROM resource r \
     JOIN bed d ON d.key = r.key JOIN ward w ON w.id = d.ward_id JOIN resource_version v ON v.seq = r.seq \
     LEFT JOIN ward_board b ON b.key = w.key WHERE ";
const WARDS: &str = "SELECT w.id, w.facility_id, coalesce(b.changes, 0) AS changes, coalesce(b.as_of, 0) AS as_of \
     FROM ward w LEFT JOIN ward_board b ON b.key = w.key WHERE ";
const BEDS: &str = "SELECT d.id, d.ward_id, d.operational_status, d.as_of, d.names \
     FROM ward w JOIN bed d ON d.ward_id = w.id WHERE ";

impl Boarded {
    /// Adds the wards of a facility and their beds.
    pub async fn add_facility(&mut self, connection: &mut Connection, id: &str) -> Result<(), StoreError> {
        self.add(connection, "w.facility_id = ?", id).await
    }

    /// Adds a ward and its beds.
    pub async fn add_ward(&mut self, connection: &mut Connection, id: &str) -> Result<(), StoreError> {
        self.add(connection, "w.id = ?", id).await
    }

    /// Adds one bed, with its text and what is known of its ward. Nothing where there is no such bed.
    pub async fn add_bed(&mut self, connection: &mut Connection, id: &str) -> Result<(), StoreError> {
        let sql = Sql::new(format!("{ONE_BED}r.rtype = 'Location' AND r.rid = ? AND r.deleted = FALSE")).bind(id);
        let rows: Vec<OneBedRow> = connection.load(sql).await?;
        rows.into_iter().for_each(|row| self.add_one(row));
        Ok(())
    }

    /// The same for the bed of that identifier: its logical id; `None` where there is none, or where it is not the only
    /// location that has it. Asks the index of the parameter `identifier`.
    pub async fn add_bed_of(
        &mut self,
        connection: &mut Connection,
        identifier: TokenPattern,
    ) -> Result<Option<String>, StoreError> {
        let param = parameter_id("Location", "identifier");
        let text = format!(
            "{ONE_BED}r.key IN (SELECT t.key FROM index_token t WHERE t.param = {param} AND (SELECT count(*) FROM index_token o \
             WHERE o.param = t.param AND o.code = t.code AND o.system = t.system) = 1 AND "
        );
        let sql = Sql::new("").then(&text, []).append(Patterns::Tokens(vec![identifier]).any("t", 0)).then(")", []);
        let rows: Vec<OneBedRow> = connection.load(sql).await?;
        let id = rows.first().map(|row| row.bed.id.clone());
        rows.into_iter().for_each(|row| self.add_one(row));
        Ok(id)
    }

    fn add_one(&mut self, row: OneBedRow) {
        let OneBedRow { bed, version, at, body, facility_id: facility, changes, of_ward } = row;
        self.wards.entry(bed.ward_id.clone()).or_insert(WardOnBoard { facility, changes, beds: None });
        let key = ResourceId::parse(&bed.id).map(|id| ResourceKey { rtype: ResourceType::known("Location"), id });
        let current = key.map(|key| Version { key, version, at: Instant(at), body });
        self.put_bed(bed, of_ward, current);
    }

    /// The boards are read before the beds: a bed that changes in between is noticed when the report is applied.
    async fn add(&mut self, connection: &mut Connection, of: &str, id: &str) -> Result<(), StoreError> {
        let mut covered = BTreeMap::new();
        let wards: Vec<WardRow> = connection.load(Sql::new(format!("{WARDS}{of}")).bind(id)).await?;
        for ward in wards {
            let WardRow { id, facility_id: facility, changes, as_of } = ward;
            covered.insert(id.clone(), as_of);
            self.wards.insert(id, WardOnBoard { facility, changes, beds: Some(0) });
        }
        let beds: Vec<BedRow> = connection.load(Sql::new(format!("{BEDS}{of}")).bind(id)).await?;
        for bed in beds {
            let Some(ward) = self.wards.get_mut(&bed.ward_id) else { continue };
            ward.beds = ward.beds.map(|beds| beds + 1);
            let of_ward = covered.get(&bed.ward_id).copied().unwrap_or(0);
            self.put_bed(bed, of_ward, None);
        }
        Ok(())
    }

    /// `of_ward`: when the whole ward was last reported; 0: never.
    fn put_bed(&mut self, bed: BedRow, of_ward: i64, current: Option<Version>) {
        let BedRow { id, ward_id: ward, operational_status: status, as_of, names } = bed;
        let as_of = as_of.max(Some(of_ward).filter(|of_ward| *of_ward > 0));
        self.beds.insert(id, BedOnBoard { ward, status, as_of, names, current });
    }
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Nullable<Text>)]
    bed_ward: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    ward: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    of_facility: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    facility: Option<String>,
}

/// What a location is to the boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocationKind {
    /// With its ward, where it has one.
    Bed(String),
    /// With its facility, where it has one.
    Ward(Option<String>),
    Facility,
    Other,
}

/// What the location of that logical id is; `None` where there is none.
pub async fn location_kind(connection: &mut Connection, id: &str) -> Result<Option<LocationKind>, StoreError> {
    const TEXT: &str = "SELECT b.ward_id AS bed_ward, w.id AS ward, w.facility_id AS of_facility, f.id AS facility FROM resource r \
         LEFT JOIN bed b ON b.key = r.key LEFT JOIN ward w ON w.key = r.key LEFT JOIN facility f ON f.key = r.key \
         WHERE r.rtype = 'Location' AND r.rid = ? AND r.deleted = FALSE";
    let rows: Vec<PlaceRow> = connection.load(Sql::new(TEXT).bind(id)).await?;
    Ok(rows.into_iter().next().map(|row| match row {
        PlaceRow { bed_ward: Some(ward), .. } => LocationKind::Bed(ward),
        PlaceRow { ward: Some(_), of_facility, .. } => LocationKind::Ward(of_facility),
        PlaceRow { facility: Some(_), .. } => LocationKind::Facility,
        _ => LocationKind::Other,
    }))
}

/// The logical ids of a facility's wards.
pub async fn wards_of(connection: &mut Connection, facility: &str) -> Result<Vec<String>, StoreError> {
    #[derive(QueryableByName)]
    struct Ward {
        #[diesel(sql_type = Text)]
        id: String,
    }
    let sql = Sql::new("SELECT id FROM ward WHERE facility_id = ?").bind(facility);
    Ok(connection.load::<Ward>(sql).await?.into_iter().map(|ward| ward.id).collect())
}
