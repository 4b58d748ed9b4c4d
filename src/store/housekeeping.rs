//! What has to go in time: rows of the outbox and dead letters past their keeping time. Only `serve` does this.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;

use super::connection::{Connection, Database};
use super::dead_letter::sweep_letters;
use super::error::StoreError;
use super::reindex::transact;
use super::resource::Number;
use super::sql::Sql;

const EVERY: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 24 * 3600 * 1000;
/// Rows that one transaction takes away, in some milliseconds: on SQLite the writer waits for it, on PostgreSQL it keeps
/// readers of the log from seeing what came after it.
const CHUNK: i64 = 5000;
/// Time between two chunks, in which writers have the database to themselves.
const PAUSE: Duration = Duration::from_millis(100);

/// Marks of wards that are kept: hours of a busy region.
const MARKS: i64 = 100_000;

/// How many days things are kept.
#[derive(Clone, Copy, Debug)]
pub struct KeepingDays {
    pub outbox: u32,
    pub dead_letters: u32,
}

/// Tidies up at once and then every hour, until it is dropped.
pub async fn keep_house(database: Database, clock: Arc<dyn Clock>, days: KeepingDays) {
    loop {
        let before = |days: u32| clock.now().0.saturating_sub(i64::from(days) * DAY_MS);
        if let Err(error) = sweep_letters(&database, before(days.dead_letters)).await {
            tracing::warn!(%error, "dead letters could not be swept");
        }
        if let Err(error) = sweep_marks(&database, MARKS).await {
            tracing::warn!(%error, "the marks of wards could not be swept");
        }
        let before = before(days.outbox);
        match sweep_outbox(&database, before).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "taken from the outbox past their keeping time"),
            // The next hour finds the same rows.
            Err(error) => tracing::warn!(%error, "the outbox could not be swept"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Takes away what was put into the outbox before that moment (milliseconds since 1970); answers the number of rows.
pub async fn sweep_outbox(database: &Database, before: i64) -> Result<u64, StoreError> {
    by_chunks(database, move |database| async move { sweep_chunk(&database, before).await }).await
}

/// Takes rows away chunk by chunk, until one is not full; answers how many they were.
async fn by_chunks<F>(
    database: &Database,
    chunk: impl Fn(Database) -> F + Copy + Send + 'static,
) -> Result<u64, StoreError>
where
    F: Future<Output = Result<usize, StoreError>>,
{
    let mut all = 0;
    loop {
        let gone = database.aside(chunk).await?;
        all += gone as u64;
        if (gone as i64) < CHUNK {
            return Ok(all);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes away all but the last `keep` of the marks by which changed wards are noticed, and one: whoever has not looked for so
/// long reads all wards anew, and marks go on from there.
pub async fn sweep_marks(database: &Database, keep: i64) -> Result<(), StoreError> {
    by_chunks(database, move |database| async move { sweep_some_marks(&database, keep).await }).await.map(|_| ())
}

async fn sweep_some_marks(database: &Database, keep: i64) -> Result<usize, StoreError> {
    const FIRST_KEPT: &str = "SELECT mark AS value FROM ward_mark ORDER BY mark DESC LIMIT 1 OFFSET ?";
    const TEXT: &str =
        "DELETE FROM ward_mark WHERE mark IN (SELECT mark FROM ward_mark ORDER BY mark LIMIT ?) AND mark < ?";
    let mut connection = database.writer().await?;
    // Without the write lock: mostly there is nothing to do.
    let first: Vec<Number> = connection.load(Sql::new(FIRST_KEPT).bind(keep)).await?;
    let Some(first) = first.first().map(|row| row.value) else { return Ok(0) };
    transact(&mut connection, async |connection| connection.execute(Sql::new(TEXT).bind(CHUNK).bind(first)).await).await
}

/// Looks at the oldest rows only. Places in the log are in time order, so the work is bounded without an index on time.
async fn sweep_chunk(database: &Database, before: i64) -> Result<usize, StoreError> {
    const TEXT: &str = "DELETE FROM outbox WHERE seq IN \
         (SELECT o.seq FROM (SELECT seq, at FROM outbox ORDER BY seq LIMIT ?) AS o WHERE o.at < ?)";
    // The oldest row, without the write lock: mostly there is nothing to do.
    const OLDEST: &str = "SELECT at AS value FROM outbox ORDER BY seq LIMIT 1";
    let mut connection = database.writer().await?;
    let oldest: Vec<Number> = connection.load(Sql::new(OLDEST)).await?;
    if oldest.first().is_none_or(|row| row.value >= before) {
        return Ok(0);
    }
    transact(&mut connection, async |connection| {
        if !connection.is_sqlite() && !alone(connection).await? {
            return Ok(0);
        }
        connection.execute(Sql::new(TEXT).bind(CHUNK).bind(before)).await
    })
    .await
}

/// Of several gateways one does the work; two would wait for each other's rows.
async fn alone(connection: &mut Connection) -> Result<bool, StoreError> {
    const TEXT: &str = "SELECT pg_try_advisory_xact_lock(7305411212)::int::bigint AS value";
    let rows: Vec<Number> = connection.load(Sql::new(TEXT)).await?;
    Ok(rows.first().is_some_and(|row| row.value == 1))
}
