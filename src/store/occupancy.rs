//! Reading `ward_occupancy`, the series of what the boards showed. `migrations/*/0009_occupancy`.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::fhir::id::ResourceId;
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, Limits, Number, parse};

use super::board::BedCount;
use super::connection::Connection;
use super::derived::Source;
use super::error::StoreError;
use super::sql::{Sql, Value};

/// Of which wards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OccupancyOf {
    Region,
    /// Logical ids.
    Facility(ResourceId),
    Ward(ResourceId),
}

/// A ward that has or had counts.
#[derive(QueryableByName, Clone, Debug, PartialEq, Eq)]
pub struct OccupiedWard {
    #[diesel(sql_type = BigInt)]
    pub key: i64,
    /// Logical id.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// `None` also where the ward is no more.
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
}

/// A ward's counts from a moment on, until its next record. Moments are milliseconds since 1970.
#[derive(QueryableByName, Clone, Debug, PartialEq, Eq)]
pub struct OccupancyRecord {
    #[diesel(sql_type = BigInt)]
    pub key: i64,
    #[diesel(sql_type = BigInt)]
    pub at: i64,
    /// As the ward was then.
    #[diesel(sql_type = Nullable<Text>)]
    pub facility_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub bed_function: Option<String>,
    /// Over all counts; `None`: not all were believed, or one does not say.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub staffed: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub occupied: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub reserved: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub blocked: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub available: Option<i64>,
    /// Whether the ward had any counts.
    #[diesel(sql_type = Bool)]
    pub has_counts: bool,
    /// Of the newest record: when the first of its counts runs out, unless something is heard of the ward before.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub lapses: Option<i64>,
}

/// A ward as it was at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardThen {
    pub ward: String,
    pub version: i64,
    pub at: i64,
    /// The version's text.
    pub body: String,
    /// Logical id of the facility of which it was part; `None` also where the series had not begun.
    pub facility: Option<String>,
    /// Counts that were believed are so until [`i64::MAX`], others until 0; `None`: the series had not begun.
    pub counts: Option<Vec<BedCount>>,
}

/// The wards with keys above `after`, in their order. Those that are no more are among a facility's: the records tell.
pub async fn occupied_wards(
    connection: &mut Connection,
    of: &OccupancyOf,
    after: i64,
    limit: i64,
) -> Result<Vec<OccupiedWard>, StoreError> {
    const GONE: &str = "UNION SELECT key FROM ward_gone";
    let (keys, bound) = match of {
        OccupancyOf::Region => (format!("SELECT key FROM ward {GONE}"), None),
        OccupancyOf::Facility(id) => (format!("SELECT key FROM ward WHERE facility_id = ? {GONE}"), Some(id)),
        OccupancyOf::Ward(id) => ("SELECT key FROM resource WHERE rtype = 'Location' AND rid = ?".to_owned(), Some(id)),
    };
    let head = format!("SELECT r.key, r.rid AS id, w.name FROM ({keys}) k ");
    let binds = bound.map(|id| Value::from(id.as_str()));
    let tail =
        "JOIN resource r ON r.key = k.key LEFT JOIN ward w ON w.key = k.key WHERE k.key > ? ORDER BY k.key LIMIT ?";
    let sql = Sql::new("").then(&head, binds).then(tail, [after.into(), limit.into()]);
    connection.load_many(sql).await
}

/// What held at some time in `from <= … < until`, ward by ward and oldest first: `limit` records at most.
pub async fn occupancy_records(
    connection: &mut Connection,
    keys: &[i64],
    (from, until): (i64, i64),
    limit: i64,
) -> Result<Vec<OccupancyRecord>, StoreError> {
    const HEAD: &str = "SELECT o.key, o.at, o.facility_id, o.bed_function, o.staffed, o.occupied, o.reserved, o.blocked, \
         o.available, o.counts <> '[]' AS has_counts, CASE WHEN o.at = b.series_at THEN \
         (SELECT min(c.valid_until) FROM ward_count c WHERE c.key = o.key) END AS lapses FROM ward_occupancy o \
         LEFT JOIN ward_board b ON b.key = o.key WHERE o.key IN (";
    const TAIL: &str = ") AND o.at < ? AND o.at >= coalesce((SELECT max(p.at) FROM ward_occupancy p \
         WHERE p.key = o.key AND p.at <= ?), ?) ORDER BY o.key, o.at LIMIT ?";
    let sql = Sql::new(HEAD).then(&listed(keys), []).then(TAIL, [until, from, from, limit].map(Value::from));
    connection.load_many(sql.passing()).await
}

#[derive(QueryableByName)]
struct ThenRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    facility_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    counts: Option<String>,
    /// Whether the record is the ward's newest: what ran out since is told by the board.
    #[diesel(sql_type = Bool)]
    is_newest: bool,
}

#[derive(QueryableByName)]
struct BelievedRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = BigInt)]
    valid_until: i64,
}

/// These wards as they were at the moment: those that were there. Asks a snapshot: it takes two statements.
pub async fn boards_then(connection: &mut Connection, keys: &[i64], at: i64) -> Result<Vec<BoardThen>, StoreError> {
    const HEAD: &str = "SELECT r.key, r.rid AS id, v.version, v.at, v.body, o.facility_id, o.counts, coalesce(o.at = b.series_at, FALSE) AS is_newest FROM resource r \
         JOIN resource_version v ON v.key = r.key AND v.version = (SELECT p.version FROM resource_version p \
         WHERE p.key = r.key AND p.at <= ? ORDER BY p.version DESC LIMIT 1) \
         LEFT JOIN ward_occupancy o ON o.key = r.key AND o.at = (SELECT max(p.at) FROM ward_occupancy p \
         WHERE p.key = r.key AND p.at <= ?) LEFT JOIN ward_board b ON b.key = r.key WHERE r.key IN (";
    const UNTIL: &str = "SELECT c.key, coalesce(c.valid_until, 0) AS valid_until FROM ward_count c WHERE c.key IN (";
    let keys = listed(keys);
    let sql = Sql::new("").then(HEAD, [at, at].map(Value::from)).then(&keys, []).then(") ORDER BY r.key", []);
    let rows: Vec<ThenRow> = connection.load_many(sql.passing()).await?;
    let sql = Sql::new(UNTIL).then(&keys, []).then(") ORDER BY c.key, c.position", []);
    let mut believed: HashMap<i64, Vec<i64>> = HashMap::new();
    for row in connection.load_many::<BelievedRow>(sql.passing()).await? {
        believed.entry(row.key).or_default().push(row.valid_until);
    }
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(body) = row.body else { continue };
        // The newest record has the counts of the board, in their order.
        let until = believed.get(&row.key).filter(|_| row.is_newest);
        let is_lapsed = |place: usize| until.and_then(|until| until.get(place)).is_some_and(|until| *until <= at);
        let counts = row.counts.as_deref().map(|text| counts_of(text, is_lapsed)).transpose()?;
        let ThenRow { id: ward, version, at, facility_id: facility, .. } = row;
        found.push(BoardThen { ward, version, at, body, facility, counts });
    }
    Ok(found)
}

/// The names of facilities that are there, by logical id.
pub async fn facility_names(
    connection: &mut Connection,
    ids: &BTreeSet<String>,
) -> Result<Vec<(String, String)>, StoreError> {
    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = Text)]
        id: String,
        #[diesel(sql_type = Nullable<Text>)]
        name: Option<String>,
    }
    let rows: Vec<Named> = connection.load_each("SELECT id, name FROM facility WHERE id", ids).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.id, row.name?))).collect())
}

/// For `IN (…)`.
fn listed(keys: &[i64]) -> String {
    keys.iter().map(i64::to_string).collect::<Vec<String>>().join(", ")
}

/// `is_lapsed`: whether the count at that place has run out.
fn counts_of(text: &str, is_lapsed: impl Fn(usize) -> bool) -> Result<Vec<BedCount>, StoreError> {
    let wrong = |error: String| StoreError::Internal(format!("ward_occupancy.counts: {error}"));
    let counts = parse(text.as_bytes(), Limits::default()).map_err(|error| wrong(error.to_string()))?;
    let Json::Array(counts) = counts else { return Err(wrong("no array".to_owned())) };
    Ok(counts.iter().enumerate().map(|(place, count)| count_of(count, is_lapsed(place))).collect())
}

fn count_of(told: &Json, is_lapsed: bool) -> BedCount {
    let number = |name: &str| told.get(name).and_then(Json::as_number).and_then(Number::as_i64);
    let available = number("available");
    BedCount {
        sex: told.get_str("sex").map(str::to_owned),
        isolation: told.get("isolation").and_then(Json::as_bool),
        staffed: number("staffed"),
        occupied: number("occupied"),
        reserved: number("reserved"),
        blocked: number("blocked"),
        available,
        as_of: told.get_str("asOf").and_then(Instant::parse).map(|instant| instant.0),
        valid_until: if available.is_some() && !is_lapsed { i64::MAX } else { 0 },
        source: told.get_str("source").unwrap_or(Source::default().code()).to_owned(),
        as_posted: false,
    }
}
