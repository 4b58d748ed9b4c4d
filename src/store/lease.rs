//! Connections on loan. Dropping one ends what it reads and gives it back.

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;
use diesel_async::pooled_connection::bb8;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::connection::SqliteDatabase;
use super::error::StoreError;

/// A connection of PostgreSQL's pool.
type Pooled = Box<bb8::PooledConnection<'static, AsyncPgConnection>>;

pub(super) struct SqliteLease {
    connection: Option<SqliteConnection>,
    /// Where it goes back to; a writer's has no home.
    home: Option<(Arc<SqliteDatabase>, OwnedSemaphorePermit)>,
    /// It is in a transaction that only reads.
    reading: bool,
}

pub(super) struct PostgresLease {
    connection: Option<Pooled>,
    reading: bool,
}

fn given_back() -> StoreError {
    StoreError::Internal("the connection was given back".into())
}

impl SqliteLease {
    pub fn new(connection: SqliteConnection, home: Option<(Arc<SqliteDatabase>, OwnedSemaphorePermit)>) -> Self {
        SqliteLease { connection: Some(connection), home, reading: false }
    }

    pub fn get(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection.as_mut().ok_or_else(given_back)
    }

    pub fn begin_reading(&mut self) -> Result<(), StoreError> {
        self.get()?.batch_execute("BEGIN")?;
        self.reading = true;
        Ok(())
    }
}

impl Drop for SqliteLease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // One whose transaction cannot be ended is not lent again.
        let ended = !self.reading || connection.batch_execute("COMMIT").is_ok();
        if let (true, Some((home, _permit))) = (ended, self.home.take()) {
            home.give_back(connection);
        }
    }
}

impl PostgresLease {
    pub fn new(connection: Pooled) -> Self {
        PostgresLease { connection: Some(connection), reading: false }
    }

    pub fn get(&mut self) -> Result<&mut AsyncPgConnection, StoreError> {
        self.connection.as_mut().map(|connection| &mut ***connection).ok_or_else(given_back)
    }

    pub async fn begin_reading(&mut self) -> Result<(), StoreError> {
        // If this future is dropped meanwhile, the transaction may have begun.
        self.reading = true;
        Ok(self.get()?.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }
}

impl Drop for PostgresLease {
    /// The answer does not wait for the end of what it has read; the pool gets the connection after it.
    fn drop(&mut self) {
        if let (true, Some(mut connection), Ok(runtime)) = (self.reading, self.connection.take(), Handle::try_current())
        {
            runtime.spawn(async move {
                if let Err(error) = connection.batch_execute("COMMIT").await {
                    tracing::debug!(%error, "the end of a reading transaction");
                }
            });
        }
    }
}
