//! Reading versions: the current one by id, an old one by its number.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, Limits, parse};

use super::change::Version;
use super::connection::{Connection, Database};
use super::error::StoreError;
use super::sql::{Sql, Value};

#[derive(QueryableByName)]
pub(super) struct Number {
    #[diesel(sql_type = BigInt)]
    pub value: i64,
}

/// A resource's current state with the key by which the other tables know it.
#[derive(QueryableByName, Clone, Debug)]
pub(super) struct CurrentRow {
    #[diesel(sql_type = Text)]
    pub rtype: String,
    #[diesel(sql_type = Text)]
    pub rid: String,
    #[diesel(sql_type = BigInt)]
    pub key: i64,
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    #[diesel(sql_type = BigInt)]
    pub tx: i64,
    #[diesel(sql_type = Bool)]
    pub deleted: bool,
    #[diesel(sql_type = BigInt)]
    pub at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub body: Option<String>,
}

const CURRENT_BY_ID: &str = "SELECT r.rtype, r.rid, r.key, r.version, r.seq, r.deleted, v.at, v.tx, v.body \
     FROM resource r JOIN resource_version v ON v.seq = r.seq WHERE r.rtype = ? AND r.rid = ?";
const CURRENT_BY_IDS: &str = "SELECT r.rtype, r.rid, r.key, r.version, r.seq, r.deleted, v.at, v.tx, v.body \
     FROM unnest(?::text[], ?::text[]) AS u (rtype, rid) JOIN resource r ON r.rtype = u.rtype AND r.rid = u.rid \
     JOIN resource_version v ON v.seq = r.seq";

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// A stored text as a tree. It was accepted once: a tighter limit that was set since must not make it unreadable.
pub fn stored_tree(body: &str) -> Result<Json, StoreError> {
    parse(body.as_bytes(), Limits { depth: 10_000 })
        .map_err(|error| StoreError::Internal(format!("a stored text does not parse: {error}")))
}

/// The current version, a deletion included; `None` for an id that was never used.
pub async fn current(connection: &mut Connection, key: &ResourceKey) -> Result<Option<Version>, StoreError> {
    const TEXT: &str = "SELECT r.version, v.at, v.body FROM resource r JOIN resource_version v ON v.seq = r.seq \
         WHERE r.rtype = ? AND r.rid = ?";
    one(connection, key, Sql::new(TEXT).bind(key.rtype.as_str()).bind(key.id.as_str())).await
}

/// As [`current`], from memory where the resource was read lately.
pub async fn current_cached(database: &Database, key: &ResourceKey) -> Result<Option<Version>, StoreError> {
    let Some(cache) = database.cache() else {
        return current(&mut database.reader().await?, key).await;
    };
    let moment = match cache.get(key) {
        Ok(version) => return Ok(Some(version)),
        Err(moment) => moment,
    };
    let found = current(&mut database.reader().await?, key).await?;
    if let Some(version) = &found {
        cache.keep(version, moment);
    }
    Ok(found)
}

/// The version `version`, a deletion included.
pub async fn version(
    connection: &mut Connection,
    key: &ResourceKey,
    version: i64,
) -> Result<Option<Version>, StoreError> {
    const TEXT: &str = "SELECT v.version, v.at, v.body FROM resource r JOIN resource_version v ON v.key = r.key \
         WHERE r.rtype = ? AND r.rid = ? AND v.version = ?";
    one(connection, key, Sql::new(TEXT).bind(key.rtype.as_str()).bind(key.id.as_str()).bind(version)).await
}

async fn one(connection: &mut Connection, key: &ResourceKey, sql: Sql) -> Result<Option<Version>, StoreError> {
    let rows: Vec<VersionRow> = connection.load(sql).await?;
    Ok(rows.into_iter().next().map(|row| Version {
        key: key.clone(),
        version: row.version,
        at: Instant(row.at),
        body: row.body,
    }))
}

/// The current versions of several resources of one type, in the order of `ids`; those not there are left out.
pub async fn current_of(
    connection: &mut Connection,
    rtype: &ResourceType,
    ids: &[ResourceId],
) -> Result<Vec<Version>, StoreError> {
    let keys: Vec<ResourceKey> = ids.iter().map(|id| ResourceKey { rtype: rtype.clone(), id: id.clone() }).collect();
    let mut rows = current_rows(connection, &keys.iter().collect::<Vec<_>>()).await?;
    rows.sort_by(|left, right| left.rid.cmp(&right.rid));
    let found = keys.into_iter().filter_map(|key| {
        let at = rows.binary_search_by(|row| row.rid.as_str().cmp(key.id.as_str())).ok()?;
        let row = &rows[at];
        Some(Version { key, version: row.version, at: Instant(row.at), body: row.body.clone() })
    });
    Ok(found.collect())
}

/// The current rows of several resources, in any order: one statement on PostgreSQL, one each on SQLite.
pub(super) async fn current_rows(
    connection: &mut Connection,
    keys: &[&ResourceKey],
) -> Result<Vec<CurrentRow>, StoreError> {
    if !connection.is_sqlite() {
        let types = keys.iter().map(|key| key.rtype.to_string()).collect();
        let ids = keys.iter().map(|key| key.id.to_string()).collect();
        return connection.load(Sql::new(CURRENT_BY_IDS).bind(Value::Texts(types)).bind(Value::Texts(ids))).await;
    }
    let mut rows = Vec::with_capacity(keys.len());
    for key in keys {
        let sql = Sql::new(CURRENT_BY_ID).bind(key.rtype.as_str()).bind(key.id.as_str());
        rows.extend(connection.load(sql).await?);
    }
    Ok(rows)
}
