//! The pool of connections to PostgreSQL.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, bb8};
use diesel_async::pooled_connection::{RecyclingMethod, bb8::Pool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;

use super::connection::POOL_WAIT;
use super::error::StoreError;

const CONNECTIONS: u32 = 24;
/// How often a connection at rest is asked whether its server still answers.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// Nothing is read or written yet.
pub(super) async fn open(url: &str) -> Result<Pool<AsyncPgConnection>, StoreError> {
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(|url| connect(url).boxed());
    let asked = Mutex::new(Instant::now());
    config.recycling_method = RecyclingMethod::CustomFunction(Box::new(move |connection| {
        let ask = is_due(&asked);
        check(connection, ask).boxed()
    }));
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(url, config);
    let pool = bb8::Pool::builder().max_size(CONNECTIONS).connection_timeout(POOL_WAIT).build(manager).await;
    pool.map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// Statements here are points and short ranges of an index, or sets of at most some thousand rows. What planners hold in
/// store for others makes them slow or unsteady: plans anew for each value, hashes of whole tables, compilation.
async fn connect(url: &str) -> diesel::ConnectionResult<AsyncPgConnection> {
    const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_hashjoin = off; \
         SET enable_mergejoin = off; SET enable_seqscan = off; SET enable_bitmapscan = off; \
         SET max_parallel_workers_per_gather = 0; SET statement_timeout = '30s'";
    let mut connection = AsyncPgConnection::establish(url).await?;
    let set = connection.batch_execute(SETTINGS).await;
    set.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Whether it is time to ask again.
fn is_due(asked: &Mutex<Instant>) -> bool {
    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let due = asked.elapsed() >= ASKED_EVERY;
    if due {
        *asked = Instant::now();
    }
    due
}

/// A connection that its server has closed is known without a question, which would cost as much as a search; one behind a
/// network that has gone is not.
async fn check(connection: &mut AsyncPgConnection, ask: bool) -> QueryResult<()> {
    if connection.is_broken() {
        return Err(Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new("closed".to_owned())));
    }
    if ask {
        diesel::sql_query("SELECT 1").execute(connection).await?;
    }
    Ok(())
}
