//! What a writing transaction is given before it writes: its id, its moment, places in the log and resource keys.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::fhir::instant::Instant;

use super::connection::Connection;
use super::error::StoreError;
use super::parameter_state::{Manifest, take_over};
use super::resource::CurrentRow;
use super::sql::Sql;

#[derive(QueryableByName, Clone, Debug)]
struct StampRow {
    #[diesel(sql_type = BigInt)]
    tx: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = BigInt)]
    first_seq: i64,
    #[diesel(sql_type = BigInt)]
    first_key: i64,
    /// By which index rows are made.
    #[diesel(sql_type = Nullable<Text>)]
    definitions: Option<String>,
}

/// Numbers to hand out, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// 0 on SQLite.
    pub tx: i64,
    pub at: Instant,
    first_seq: i64,
    next_seq: i64,
    next_key: i64,
}

impl Stamp {
    /// Draws a stamp for at most `versions` new versions, of which any may be a new resource.
    ///
    /// Drawn after the current rows were loaded and before anything is written, so that a resource's times never run
    /// backwards. On SQLite the write lock is held, so that the next free numbers are simply read. From here on rows are made
    /// by the definitions of `manifest`.
    pub async fn draw(
        connection: &mut Connection,
        now: Instant,
        versions: usize,
        manifest: &Manifest,
    ) -> Result<Stamp, StoreError> {
        const SQLITE: &str = "SELECT 0 AS tx, coalesce((SELECT at FROM resource_version ORDER BY seq DESC LIMIT 1), 0) AS at, \
             coalesce((SELECT max(seq) FROM resource_version), 0) + 1 AS first_seq, \
             coalesce((SELECT max(key) FROM resource), 0) + 1 AS first_key, \
             (SELECT digest FROM search_definitions WHERE id = 1) AS definitions";
        const POSTGRES: &str = "SELECT tx, at, first_seq, first_key, \
             (SELECT digest FROM search_definitions WHERE id = 1) AS definitions FROM kakehashi_stamp(?, ?)";
        let count = i64::try_from(versions).unwrap_or(i64::MAX);
        let sql = match connection.is_sqlite() {
            true => Sql::new(SQLITE),
            false => Sql::new(POSTGRES).bind(count).bind(count),
        };
        let rows: Vec<StampRow> = connection.load(sql).await?;
        let row = rows.first().ok_or_else(|| StoreError::Internal("no stamp was drawn".into()))?;
        if row.definitions.as_deref() != Some(manifest.digest()) {
            take_over(connection, manifest).await?;
        }
        let at = if connection.is_sqlite() { now.max(Instant(row.at)) } else { Instant(row.at) };
        Ok(Stamp { tx: row.tx, at, first_seq: row.first_seq, next_seq: row.first_seq, next_key: row.first_key })
    }

    /// Whether the row was written by another transaction that drew its stamp later: a version on top of it would stand
    /// before it in the log.
    pub fn is_behind(&self, row: &CurrentRow) -> bool {
        row.tx != self.tx && row.seq >= self.first_seq
    }

    pub fn seq(&mut self) -> i64 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    pub fn key(&mut self) -> i64 {
        self.next_key += 1;
        self.next_key - 1
    }
}
