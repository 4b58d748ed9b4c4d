//! Holds whose time is over.

use diesel::QueryableByName;
use diesel::sql_types::Text;

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::Sql;

#[derive(QueryableByName)]
struct TaskRow {
    #[diesel(sql_type = Text)]
    task_id: String,
}

/// The tasks, by logical id, whose holds ran out at `now` (milliseconds since 1970) or before; the oldest, `limit` at most.
pub async fn lapsed_holds(connection: &mut Connection, now: i64, limit: i64) -> Result<Vec<String>, StoreError> {
    const TEXT: &str = "SELECT task_id FROM bed_hold WHERE until <= ? ORDER BY until LIMIT ?";
    let rows: Vec<TaskRow> = connection.load(Sql::new(TEXT).bind(now).bind(limit)).await?;
    Ok(rows.into_iter().map(|row| row.task_id).collect())
}
