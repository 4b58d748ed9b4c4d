//! Every derived row computed anew, while gateways go on serving.
//!
//! ```text
//! take over ─► chunks of resources: derive ahead ─► lock, compare with what is there, mend ─► boards ─► events of beds ─► record
//! ```
//!
//! A chunk is mended in one transaction, so that at no time a row that belongs is missing. What changed while its rows were
//! derived ahead is derived again under the lock. Only at the end are the parameters recorded as whole
//! ([`super::parameter_state`]): a reindex that is cut off leaves them as they were.

mod boards;
mod mend;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::checkpoint::Checkpoints;
use super::connection::{Connection, Database};
use super::derived::{Derive, Derived};
use super::error::StoreError;
use super::event::rebuild_events;
use super::parameter_state::{hold, record_whole, take_over};
use super::resource::{Number, stored_tree};
use super::sql::Sql;

use boards::rebuild_boards;
use mend::{mend, sweep_strangers};

/// Resources that one transaction covers: writers wait no longer than for that many.
pub(super) const CHUNK: i64 = 250;

/// What a reindex is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Rows of the resources.
    Resources,
    /// The counts of wards.
    Boards,
    /// The time series of beds, version by version.
    Events,
}

/// Told how far a stage is, of how much.
pub(super) type Progress<'a> = &'a (dyn Fn(Stage, u64, u64) + Sync);

/// Computes all of it; answers the number of resources.
pub async fn reindex(database: &Database, derive: &Arc<dyn Derive>, progress: Progress<'_>) -> Result<u64, StoreError> {
    let _checkpoints = Checkpoints::start(database)?;
    let mut connection = database.writer().await?;
    connection.widen_cache().await?;
    transact(&mut connection, async |connection| take_over(connection, derive.manifest()).await).await?;
    outlive_older(&mut connection).await?;
    let done = rebuild_resources(database, &mut connection, derive, progress).await?;
    rebuild_boards(&mut connection, &**derive, progress).await?;
    rebuild_events(&mut connection, &**derive, progress).await?;
    transact(&mut connection, async |connection| record_whole(connection, derive.manifest()).await).await?;
    Ok(done)
}

/// Waits for writers that began before they could see whose definitions are in force now.
async fn outlive_older(connection: &mut Connection) -> Result<(), StoreError> {
    const NEXT: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS value";
    const OLDEST_OPEN: &str = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS value";
    if connection.is_sqlite() {
        return Ok(());
    }
    let next: Vec<Number> = connection.load(Sql::new(NEXT)).await?;
    let next = next.first().map_or(0, |row| row.value);
    loop {
        let open: Vec<Number> = connection.load(Sql::new(OLDEST_OPEN)).await?;
        if open.first().is_none_or(|row| row.value >= next) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn rebuild_resources(
    database: &Database,
    connection: &mut Connection,
    derive: &Arc<dyn Derive>,
    progress: Progress<'_>,
) -> Result<u64, StoreError> {
    let total: Vec<Number> = connection.load_many(Sql::new("SELECT count(*) AS value FROM resource")).await?;
    let total = total.first().map_or(0, |row| row.value.unsigned_abs());
    let ahead = |after| tokio::spawn(look_ahead(database.clone(), Arc::clone(derive), after));
    let (mut after, mut done) = (i64::MIN, 0);
    let mut next = ahead(after);
    loop {
        let chunk = next.await.map_err(|error| StoreError::Internal(error.to_string()))??;
        let Some(last) = chunk.last else { break };
        next = ahead(last);
        let started = Instant::now();
        transact(connection, async |connection| {
            hold(connection, derive.manifest()).await?;
            mend(connection, after, last, &chunk.resources, &**derive).await
        })
        .await?;
        if connection.is_sqlite() {
            // Writers ask for the lock again and again, and must find it free now and then.
            tokio::time::sleep((started.elapsed() / 4).max(Duration::from_millis(2))).await;
        }
        (after, done) = (last, done + chunk.resources.len() as u64);
        progress(Stage::Resources, done, total.max(done));
    }
    transact(connection, async |connection| sweep_strangers(connection, after, i64::MAX).await).await?;
    Ok(done)
}

#[derive(QueryableByName)]
struct BodyRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    rtype: String,
    #[diesel(sql_type = Bool)]
    deleted: bool,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// What a resource derives, and from which place of the log.
struct Ahead {
    seq: i64,
    derived: Derived,
}

#[derive(Default)]
struct Chunk {
    resources: BTreeMap<i64, Ahead>,
    last: Option<i64>,
}

const BODIES: &str = "SELECT r.key, r.seq, r.rtype, r.deleted, v.body \
     FROM resource r JOIN resource_version v ON v.seq = r.seq WHERE ";

/// Derives the rows of the next resources, outside of any transaction.
async fn look_ahead(database: Database, derive: Arc<dyn Derive>, after: i64) -> Result<Chunk, StoreError> {
    let sql = Sql::new(BODIES).then("r.key > ? ORDER BY r.key LIMIT ?", [after.into(), CHUNK.into()]);
    let rows: Vec<BodyRow> = database.reader().await?.load_many(sql).await?;
    let last = rows.last().map(|row| row.key);
    let derive_all = move || derive_rows(rows, &*derive);
    let resources = tokio::task::spawn_blocking(derive_all).await;
    let resources = resources.map_err(|error| StoreError::Internal(error.to_string()))??;
    Ok(Chunk { resources, last })
}

fn derive_rows(rows: Vec<BodyRow>, derive: &dyn Derive) -> Result<BTreeMap<i64, Ahead>, StoreError> {
    let derived = rows.into_iter().map(|row| {
        let derived = match row.body.filter(|_| !row.deleted) {
            Some(body) => {
                let tree = stored_tree(&body)?;
                derive.derive(&row.rtype, &tree)
            }
            None => Derived::default(),
        };
        Ok((row.key, Ahead { seq: row.seq, derived }))
    });
    derived.collect()
}

/// Does the work in a transaction, again where another one was in the way.
pub(super) async fn transact<T>(
    connection: &mut Connection,
    work: impl AsyncFn(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        let error = match attempt(connection, &work).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        connection.rollback().await;
        if !matches!(error, StoreError::Retry(_)) {
            return Err(error);
        }
    }
}

async fn attempt<T>(
    connection: &mut Connection,
    work: &impl AsyncFn(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.begin().await?;
    let done = work(connection).await?;
    connection.commit().await?;
    Ok(done)
}
