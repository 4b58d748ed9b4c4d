//! Schema migrations, embedded, with the same names on both databases.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::Database;
use super::error::StoreError;
use super::sql::Sql;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Held while migrating, so that gateways that start together do not run the same migration twice.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_lock(7305411211)";

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Runs what is pending; answers the names of the migrations that were run.
pub async fn migrate(database: &Database, url: &str) -> Result<Vec<String>, StoreError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::Unavailable(error.to_string());
    match database {
        Database::Sqlite(_) => {
            let mut connection = database.writer().await?;
            let Some(connection) = connection.sqlite() else { return Ok(Vec::new()) };
            let done = connection.run_pending_migrations(SQLITE).map_err(failed)?;
            Ok(done.iter().map(ToString::to_string).collect())
        }
        Database::Postgres(_) => {
            use diesel_async::{AsyncConnection, SimpleAsyncConnection};
            let mut connection =
                AsyncPgConnection::establish(url).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            connection.batch_execute(MIGRATION_LOCK).await?;
            let mut harness = AsyncMigrationHarness::new(connection);
            let done = harness.run_pending_migrations(POSTGRES).map_err(failed)?;
            Ok(done.iter().map(ToString::to_string).collect())
        }
    }
}

/// Whether the database answers and has every migration that this program knows.
pub async fn is_current(database: &Database) -> Result<bool, StoreError> {
    let known = known_versions()?;
    let mut connection = database.reader().await?;
    let sql = Sql::new("SELECT version FROM __diesel_schema_migrations");
    let applied: Vec<Applied> = match connection.load(sql).await {
        Ok(applied) => applied,
        // The table of migrations is not there: nothing has been migrated yet.
        Err(StoreError::Internal(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(known.iter().all(|version| applied.iter().any(|row| row.version == *version)))
}

fn known_versions() -> Result<Vec<String>, StoreError> {
    use diesel::migration::{Migration, MigrationSource};
    let known: Result<Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>>, _> = SQLITE.migrations();
    let known = known.map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(known.iter().map(|migration| migration.name().version().to_string()).collect())
}
