//! Reading the log: history, and where in it a moment lies.
//!
//! Log positions, transaction ids and times have the same order (`kakehashi_stamp` in the migrations), so a reader that
//! stops below the oldest running transaction never misses a version that commits late.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;

use super::change::Version;
use super::connection::Connection;
use super::error::StoreError;
use super::resource::Number;
use super::sql::Sql;

/// Whose history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Instance(ResourceKey),
    Type(ResourceType),
    System,
}

/// Which part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Versions made at or after this moment.
    pub since: Option<Instant>,
    /// Versions that were current at some time in `from <= … < until` (R4 `http.html#history`, `_at`).
    pub at: Option<(Instant, Instant)>,
    /// Only below this log position.
    pub before: Option<i64>,
}

/// One version with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    pub seq: i64,
    pub method: String,
    pub version: Version,
}

#[derive(QueryableByName)]
struct LogRow {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    rtype: String,
    #[diesel(sql_type = Text)]
    rid: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    method: String,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// A page of history, newest first.
pub async fn page(
    connection: &mut Connection,
    scope: &Scope,
    window: &Window,
    limit: i64,
) -> Result<Vec<LogEntry>, StoreError> {
    let tail = tail(connection, scope, window).await?;
    let sql = Sql::new("SELECT v.seq, v.rtype, r.rid, v.version, v.method, v.at, v.body").append(tail);
    let rows: Vec<LogRow> = connection.load_many(sql.then(" ORDER BY v.seq DESC LIMIT ?", [limit.into()])).await?;
    rows.into_iter().map(LogRow::into_entry).collect()
}

/// Lets transactions end that began before the newest version which has committed, so that what was acknowledged before
/// is shown. One that stays open longer than this (in any database of the server) makes history lag behind it, but never
/// lose anything.
pub async fn await_earlier(connection: &mut Connection) -> Result<(), StoreError> {
    const NEWEST: &str = "SELECT coalesce((SELECT tx FROM resource_version ORDER BY seq DESC LIMIT 1), 0) AS value";
    const OLDEST_OPEN: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS value";
    if connection.is_sqlite() {
        return Ok(());
    }
    let newest: Vec<Number> = connection.load(Sql::new(NEWEST)).await?;
    let newest = newest.first().map_or(0, |row| row.value);
    for pause in [1, 2, 4, 8, 16, 32, 64] {
        let open: Vec<Number> = connection.load(Sql::new(OLDEST_OPEN)).await?;
        if open.first().is_none_or(|row| row.value > newest) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(())
}

/// How many versions the window holds.
pub async fn total(connection: &mut Connection, scope: &Scope, window: &Window) -> Result<i64, StoreError> {
    let tail = tail(connection, scope, window).await?;
    let rows: Vec<Number> = connection.load_many(Sql::new("SELECT count(*) AS value").append(tail)).await?;
    Ok(rows.first().map_or(0, |row| row.value))
}

async fn tail(connection: &mut Connection, scope: &Scope, window: &Window) -> Result<Sql, StoreError> {
    let mut sql = Sql::new(" FROM resource_version v JOIN resource r ON r.key = v.key WHERE ");
    sql = match scope {
        Scope::Instance(key) => {
            sql.then("r.rtype = ? AND r.rid = ?", [key.rtype.as_str().into(), key.id.as_str().into()])
        }
        Scope::Type(rtype) => sql.then("v.rtype = ?", [rtype.as_str().into()]),
        Scope::System => sql.then("v.seq > 0", []),
    };
    if !connection.is_sqlite() && !matches!(scope, Scope::Instance(_)) {
        // One resource's versions commit in their order; those of many do not.
        sql = sql.then(" AND v.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint", []);
    }
    if let Some(before) = window.before {
        sql = sql.then(" AND v.seq < ?", [before.into()]);
    }
    if let Some(since) = window.since {
        sql = sql.then(" AND v.seq >= ?", [seq_at(connection, since).await?.into()]);
    }
    if let Some((from, until)) = window.at {
        // A version that was replaced at the very moment `from` was current until then, and not at it.
        let (from, until) = (seq_at(connection, Instant(from.0 + 1)).await?, seq_at(connection, until).await?);
        sql = sql.then(
            " AND v.seq < ? AND NOT EXISTS (SELECT 1 FROM resource_version n \
              WHERE n.key = v.key AND n.version = v.version + 1 AND n.seq < ?)",
            [until.into(), from.into()],
        );
    }
    Ok(sql)
}

/// The first log position whose version was made at or after `moment`: the log is in time order, so halving finds it, in one
/// statement.
pub(super) async fn seq_at(connection: &mut Connection, moment: Instant) -> Result<i64, StoreError> {
    const AT: &str = "WITH RECURSIVE s (low, high) AS (\
         SELECT CAST(1 AS BIGINT), coalesce((SELECT max(seq) FROM resource_version), 0) + 1 UNION ALL \
         SELECT CASE WHEN v.at < ? THEN v.seq + 1 ELSE s.low END, \
         CASE WHEN v.at < ? THEN s.high ELSE s.low + (s.high - s.low) / 2 END \
         FROM s JOIN resource_version v ON v.seq = (SELECT w.seq FROM resource_version w \
         WHERE w.seq >= s.low + (s.high - s.low) / 2 ORDER BY w.seq LIMIT 1) WHERE s.low < s.high) \
         SELECT s.low AS value FROM s WHERE s.low >= s.high";
    let found: Vec<Number> = connection.load(Sql::new(AT).bind(moment.0).bind(moment.0)).await?;
    found.first().map(|row| row.value).ok_or_else(|| StoreError::Internal("halving without an end".into()))
}

impl LogRow {
    fn into_entry(self) -> Result<LogEntry, StoreError> {
        let id = ResourceId::parse(&self.rid).ok_or_else(|| StoreError::Internal("an id in the log".into()))?;
        let key = ResourceKey { rtype: ResourceType::known(&self.rtype), id };
        let version = Version { key, version: self.version, at: Instant(self.at), body: self.body };
        Ok(LogEntry { seq: self.seq, method: self.method, version })
    }
}
