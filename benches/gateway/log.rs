//! What SQLite's write-ahead log grows by.

use std::time::Duration;

use rusqlite::Connection;

use super::client::load;
use super::gateway::Process;

/// Bytes of log a request, from a short load on a gateway of its own.
///
/// The file's size alone tells nothing: the log is begun anew in the same file once all of it is moved. Here it is cut to
/// nothing first, and a reader that holds the state of that moment keeps anything from being moved.
pub async fn bytes_a_request(
    url: &str,
    clients: usize,
    request: impl Fn(usize, u64) -> Vec<u8> + Send + Sync + 'static,
) -> f64 {
    let path = url.strip_prefix("sqlite://").expect("an SQLite database");
    let gateway = Process::start(url, &[]).await;
    let reader = Connection::open(path).expect("the database");
    let busy = reader.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    assert_eq!(busy, Ok(0), "the log is cut");
    reader.execute_batch("BEGIN").expect("a transaction");
    reader.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).expect("a reader");
    let size = || std::fs::metadata(format!("{path}-wal")).map_or(0, |metadata| metadata.len());
    assert_eq!(size(), 0, "nothing is in the log");
    let figures = load(&gateway.address, clients, Duration::from_millis(150), request).await;
    size() as f64 / figures.done as f64
}
