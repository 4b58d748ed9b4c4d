//! Connections to either database behind one face. The only place that knows which one it is, besides [`super::sql`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use diesel::Connection as _;
use diesel::deserialize::FromSqlRow;
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_async::pooled_connection::bb8;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cache::Cache;
use super::error::StoreError;
use super::lease::{PostgresLease, SqliteLease};
use super::pool;
use super::sql::{Row, RowSet, Rows, Sql, Value};

/// Connections that may read at a time on SQLite: as many as there are threads that can run a query.
const SQLITE_READERS: usize = 8;
/// How long a request waits for a connection before it is answered 503.
pub(super) const POOL_WAIT: Duration = Duration::from_secs(5);

/// Where the data is.
#[derive(Clone)]
pub enum Database {
    Sqlite(Arc<SqliteDatabase>),
    Postgres(bb8::Pool<AsyncPgConnection>),
}

/// An SQLite file and the connections at rest.
pub struct SqliteDatabase {
    pub(super) path: String,
    idle: std::sync::Mutex<Vec<SqliteConnection>>,
    permits: Arc<Semaphore>,
    pub(super) cache: Cache,
}

impl Database {
    /// `sqlite://PATH` or `postgres://…`. Nothing is read or written yet on PostgreSQL; SQLite's file is created.
    pub async fn open(url: &str) -> Result<Database, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let database = SqliteDatabase {
                path: path.to_owned(),
                idle: std::sync::Mutex::default(),
                permits: Arc::new(Semaphore::new(SQLITE_READERS)),
                cache: Cache::default(),
            };
            let first = database.establish()?;
            database.give_back(first);
            return Ok(Database::Sqlite(Arc::new(database)));
        }
        Ok(Database::Postgres(pool::open(url).await?))
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, Database::Sqlite(_))
    }

    /// What was read lately, where there is one gateway to a database.
    pub(super) fn cache(&self) -> Option<&Cache> {
        match self {
            Database::Sqlite(database) => Some(&database.cache),
            Database::Postgres(_) => None,
        }
    }

    /// A connection for reading.
    pub async fn reader(&self) -> Result<Connection, StoreError> {
        match self {
            Database::Sqlite(database) => {
                let permit = database.permit().await?;
                let idle = database.idle().pop();
                let connection = match idle {
                    Some(connection) => connection,
                    None => database.establish()?,
                };
                let home = Some((Arc::clone(database), permit));
                Ok(Connection::new(Inner::Sqlite(SqliteLease::new(connection, home))))
            }
            Database::Postgres(_) => self.postgres().await,
        }
    }

    /// A connection for reading, all of whose statements see what had been committed at the first of them.
    pub async fn snapshot(&self) -> Result<Connection, StoreError> {
        let mut connection = self.reader().await?;
        match &mut connection.inner {
            Inner::Sqlite(lease) => lease.begin_reading()?,
            Inner::Postgres(lease) => lease.begin_reading().await?,
        }
        Ok(connection)
    }

    /// Does work that writes without the writer. SQLite works on the thread that asks, and may have to wait for the write
    /// lock: not on one that serves requests.
    pub(super) async fn aside<T: Send + 'static, F: Future<Output = Result<T, StoreError>>>(
        &self,
        work: impl FnOnce(Database) -> F + Send + 'static,
    ) -> Result<T, StoreError> {
        let (database, runtime) = (self.clone(), tokio::runtime::Handle::current());
        let done = tokio::task::spawn_blocking(move || runtime.block_on(work(database))).await;
        done.map_err(|error| StoreError::Internal(error.to_string()))?
    }

    /// A connection for a writer: on SQLite one of its own, outside the readers' pool.
    pub async fn writer(&self) -> Result<Connection, StoreError> {
        match self {
            Database::Sqlite(database) => {
                Ok(Connection::new(Inner::Sqlite(SqliteLease::new(database.establish()?, None))))
            }
            Database::Postgres(_) => self.postgres().await,
        }
    }

    async fn postgres(&self) -> Result<Connection, StoreError> {
        let Database::Postgres(pool) = self else {
            return Err(StoreError::Internal("not a PostgreSQL database".into()));
        };
        match pool.get_owned().await {
            Ok(connection) => Ok(Connection::new(Inner::Postgres(PostgresLease::new(Box::new(connection))))),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }
}

impl SqliteDatabase {
    fn establish(&self) -> Result<SqliteConnection, StoreError> {
        let mut connection =
            SqliteConnection::establish(&self.path).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        // synchronous=FULL: a commit is on the disk before it is acknowledged. Checkpoints have their own thread.
        diesel::connection::SimpleConnection::batch_execute(
            &mut connection,
            "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON; PRAGMA cache_size = -8192; \
             PRAGMA temp_store = MEMORY;",
        )?;
        Ok(connection)
    }

    /// The right to one reading connection; mostly there is one at once, and no timer is needed.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        match tokio::time::timeout(POOL_WAIT, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(StoreError::Unavailable("every reading connection is in use".into())),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn give_back(&self, connection: SqliteConnection) {
        self.idle().push(connection);
    }
}

/// A connection on loan; dropping it gives it back.
pub struct Connection {
    inner: Inner,
    /// What was read with it, where somebody wants to know.
    kept: Option<Vec<Sql>>,
}

enum Inner {
    Sqlite(SqliteLease),
    Postgres(PostgresLease),
}

impl Connection {
    fn new(inner: Inner) -> Connection {
        Connection { inner, kept: None }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.inner, Inner::Sqlite(_))
    }

    /// Remembers the statements that are read from now on.
    pub fn keep_statements(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// The statements that were kept, each with the plan that the database has for it: lines in its own words.
    pub async fn explain_kept(&mut self) -> Result<Vec<(Sql, Vec<String>)>, StoreError> {
        let mut plans = Vec::new();
        for sql in self.kept.take().unwrap_or_default() {
            let lines = self.plan_of(&sql).await?;
            plans.push((sql, lines));
        }
        Ok(plans)
    }

    /// The rows of a query. On SQLite it runs on this thread: a point read is shorter than a hand-over would be.
    pub async fn load<T>(&mut self, sql: Sql) -> Result<Vec<T>, StoreError>
    where
        T: FromSqlRow<Untyped, Sqlite> + FromSqlRow<Untyped, diesel::pg::Pg> + Send + 'static,
    {
        if let Some(kept) = &mut self.kept {
            kept.push(sql.clone());
        }
        match &mut self.inner {
            Inner::Sqlite(lease) => Ok(diesel::RunQueryDsl::load(sql, lease.get()?)?),
            Inner::Postgres(lease) => Ok(diesel_async::RunQueryDsl::load(sql, lease.get()?).await?),
        }
    }

    /// As [`Self::load`], for queries that may visit many rows: on SQLite the runtime moves its other work elsewhere.
    pub async fn load_many<T>(&mut self, sql: Sql) -> Result<Vec<T>, StoreError>
    where
        T: FromSqlRow<Untyped, Sqlite> + FromSqlRow<Untyped, diesel::pg::Pg> + Send + 'static,
    {
        let on_runtime = tokio::runtime::Handle::try_current()
            .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
        match &mut self.inner {
            Inner::Sqlite(lease) if on_runtime => {
                if let Some(kept) = &mut self.kept {
                    kept.push(sql.clone());
                }
                let connection = lease.get()?;
                Ok(tokio::task::block_in_place(|| diesel::RunQueryDsl::load(sql, connection))?)
            }
            _ => self.load(sql).await,
        }
    }

    /// The rows of every id: one statement on PostgreSQL, one each on SQLite. `text` ends before what the id must equal.
    pub(super) async fn load_each<T>(&mut self, text: &str, ids: &BTreeSet<String>) -> Result<Vec<T>, StoreError>
    where
        T: FromSqlRow<Untyped, Sqlite> + FromSqlRow<Untyped, diesel::pg::Pg> + Send + 'static,
    {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if !self.is_sqlite() {
            let all = Value::Texts(ids.iter().cloned().collect());
            return self.load(Sql::new(format!("{text} = ANY(?)")).bind(all)).await;
        }
        let (text, mut rows) = (format!("{text} = ?"), Vec::new());
        for id in ids {
            rows.extend(self.load(Sql::new(text.clone()).bind(id.as_str())).await?);
        }
        Ok(rows)
    }

    /// As [`Self::load`] where the query is short, else as [`Self::load_many`].
    pub(super) async fn load_as<T>(&mut self, short: bool, sql: Sql) -> Result<Vec<T>, StoreError>
    where
        T: FromSqlRow<Untyped, Sqlite> + FromSqlRow<Untyped, diesel::pg::Pg> + Send + 'static,
    {
        if short { self.load(sql).await } else { self.load_many(sql).await }
    }

    /// `EXPLAIN QUERY PLAN` or `EXPLAIN`.
    async fn plan_of(&mut self, sql: &Sql) -> Result<Vec<String>, StoreError> {
        #[derive(diesel::QueryableByName)]
        struct Step {
            #[diesel(sql_type = diesel::sql_types::Text)]
            detail: String,
        }
        #[derive(diesel::QueryableByName)]
        struct Line {
            #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
            line: String,
        }
        match &mut self.inner {
            Inner::Sqlite(lease) => {
                let sql = Sql::new("EXPLAIN QUERY PLAN ").append(sql.clone()).passing();
                let steps: Vec<Step> = diesel::RunQueryDsl::load(sql, lease.get()?)?;
                Ok(steps.into_iter().map(|step| step.detail).collect())
            }
            Inner::Postgres(lease) => {
                let sql = Sql::new("EXPLAIN ").append(sql.clone()).passing();
                let lines: Vec<Line> = diesel_async::RunQueryDsl::load(sql, lease.get()?).await?;
                Ok(lines.into_iter().map(|line| line.line).collect())
            }
        }
    }

    /// Runs a statement; answers the number of rows it touched.
    pub async fn execute(&mut self, sql: Sql) -> Result<usize, StoreError> {
        match &mut self.inner {
            Inner::Sqlite(lease) => Ok(diesel::RunQueryDsl::execute(sql, lease.get()?)?),
            Inner::Postgres(lease) => Ok(diesel_async::RunQueryDsl::execute(sql, lease.get()?).await?),
        }
    }

    /// Runs a set-based statement; answers the number of rows it touched.
    pub async fn execute_rows(&mut self, rows: &Rows) -> Result<usize, StoreError> {
        if rows.is_empty() {
            return Ok(0);
        }
        match &mut self.inner {
            Inner::Sqlite(lease) => {
                let (text, connection) = (rows.sqlite_text(), lease.get()?);
                let texts: Vec<&str> = text.split('?').collect();
                (0..rows.len()).try_fold(0, |touched, at| {
                    Ok(touched + diesel::RunQueryDsl::execute(Row { texts: &texts, rows, at }, &mut *connection)?)
                })
            }
            Inner::Postgres(lease) => {
                let text = rows.postgres_text();
                let set = RowSet { text: &text, rows };
                Ok(diesel_async::AsyncConnectionCore::execute_returning_count(lease.get()?, set).await?)
            }
        }
    }

    /// Keeps more of SQLite's pages in memory (256 MB), for work that visits all of them.
    pub(super) async fn widen_cache(&mut self) -> Result<(), StoreError> {
        if self.is_sqlite() { self.run("PRAGMA cache_size = -262144").await } else { Ok(()) }
    }

    /// Runs a statement without values, outside the statement cache.
    pub async fn run(&mut self, text: &str) -> Result<(), StoreError> {
        match &mut self.inner {
            Inner::Sqlite(lease) => Ok(diesel::connection::SimpleConnection::batch_execute(lease.get()?, text)?),
            Inner::Postgres(lease) => Ok(lease.get()?.batch_execute(text).await?),
        }
    }

    /// Starts a transaction that will write.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        self.run(if self.is_sqlite() { "BEGIN IMMEDIATE" } else { "BEGIN" }).await
    }

    pub async fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT").await
    }

    /// Gives up the transaction. Errors are left aside: a database that has gone has given it up, too.
    pub async fn rollback(&mut self) {
        if let Err(error) = self.run("ROLLBACK").await {
            tracing::debug!(%error, "rollback");
        }
    }

    pub(super) fn sqlite(&mut self) -> Option<&mut SqliteConnection> {
        match &mut self.inner {
            Inner::Sqlite(lease) => lease.get().ok(),
            Inner::Postgres(_) => None,
        }
    }
}
