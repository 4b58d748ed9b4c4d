//! Moving SQLite's write-ahead log into the database file, on a thread and connection of its own.
//!
//! A writer that checkpoints itself stands still for 50 to 200 ms. Here the bulk is moved while it goes on (PASSIVE); only
//! then, and only for what came meanwhile, it has to wait, so that the log can begin anew (RESTART) and stay small.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;

use super::connection::{Connection, Database};
use super::error::StoreError;
use super::resource::Number;
use super::sql::Sql;

/// The size of the log at which it is begun anew: 16 MB in pages of 4 KB.
const FRAMES: i64 = 4096;
/// Pauses between two looks: as long as the log needs, at its present speed, to come to [`FRAMES`].
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

#[derive(QueryableByName)]
struct Progress {
    /// Frames in the log.
    #[diesel(sql_type = BigInt)]
    log: i64,
}

/// Looks after the log as long as it is kept, for whoever writes much without a gateway. Nothing on PostgreSQL.
pub(super) struct Checkpoints {
    stop: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Checkpoints {
    pub fn start(database: &Database) -> Result<Checkpoints, StoreError> {
        if !database.is_sqlite() {
            return Ok(Checkpoints { stop: None, thread: None });
        }
        let (stop, stopped) = channel();
        let database = database.clone();
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(move || run(database, &stopped));
        let thread = thread.map_err(|error| StoreError::Internal(error.to_string()))?;
        Ok(Checkpoints { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpoint's thread ended badly");
        }
    }
}

/// Looks after the log until the channel closes; then moves all of it.
pub(super) fn run(database: Database, stop: &Receiver<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let (mut pause, mut seen) = (SHORTEST, 0);
    let mut connection = None;
    loop {
        let stopped = !matches!(stop.recv_timeout(pause), Err(RecvTimeoutError::Timeout));
        let looked = runtime.block_on(look(&database, &mut connection, &mut seen, pause));
        match looked {
            Ok(next) => pause = next,
            Err(error) => {
                tracing::debug!(%error, "checkpoint");
                connection = None;
                pause = LONGEST;
            }
        }
        if stopped {
            return;
        }
    }
}

/// Moves what there is; answers how long to wait until the next look.
async fn look(
    database: &Database,
    connection: &mut Option<Connection>,
    seen: &mut i64,
    waited: Duration,
) -> Result<Duration, StoreError> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(database.writer().await?),
    };
    let changes: Vec<Number> =
        connection.load(Sql::new("SELECT data_version AS value FROM pragma_data_version")).await?;
    let changes = changes.first().map_or(0, |row| row.value);
    if changes == *seen {
        return Ok((waited * 2).min(LONGEST));
    }
    *seen = changes;
    let frames = checkpoint(connection, "PASSIVE").await?;
    if frames > FRAMES {
        checkpoint(connection, "RESTART").await?;
    }
    let speed = frames.max(1) as f64 / waited.as_secs_f64();
    Ok(Duration::from_secs_f64(FRAMES as f64 / speed).clamp(SHORTEST, LONGEST))
}

async fn checkpoint(connection: &mut Connection, mode: &'static str) -> Result<i64, StoreError> {
    let rows: Vec<Progress> = connection.load(Sql::new(format!("PRAGMA wal_checkpoint({mode})"))).await?;
    Ok(rows.first().map_or(0, |row| row.log))
}
