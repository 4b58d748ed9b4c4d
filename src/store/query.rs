//! Search criteria that the store answers, and their SQL.

use diesel::QueryableByName;
use diesel::sql_types::Text;

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};

use super::connection::Connection;
use super::criteria::{Condition, Criteria, Indexed, Patterns, TokenPattern};
use super::error::StoreError;
use super::history::seq_at;
use super::sql::{Sql, Value};

#[derive(QueryableByName)]
struct Referrer {
    #[diesel(sql_type = Text)]
    rtype: String,
    #[diesel(sql_type = Text)]
    rid: String,
}

/// The resources that refer to `target` now, itself included where it does.
pub async fn referrers(connection: &mut Connection, target: &ResourceKey) -> Result<Vec<ResourceKey>, StoreError> {
    let sql = Sql::new(
        "SELECT r.rtype, r.rid FROM resource r WHERE r.key IN \
         (SELECT f.key FROM index_reference f WHERE f.target_type = ? AND f.target_id = ?)",
    );
    let found: Vec<Referrer> = connection.load(sql.bind(target.rtype.as_str()).bind(target.id.as_str())).await?;
    let key =
        |row: Referrer| Some(ResourceKey { rtype: ResourceType::known(&row.rtype), id: ResourceId::parse(&row.rid)? });
    Ok(found.into_iter().filter_map(key).collect())
}

#[derive(QueryableByName)]
struct Match {
    #[diesel(sql_type = Text)]
    rid: String,
}

impl Criteria {
    /// A name under which equal criteria meet, whatever the order of their conditions.
    pub(super) fn lock_name(&self) -> String {
        let mut conditions: Vec<String> = self.conditions.iter().map(|condition| format!("{condition:?}")).collect();
        conditions.sort();
        format!("{}?{}", self.rtype, conditions.join("&"))
    }

    /// ` FROM resource r … WHERE …` for the current, not deleted resources that match.
    async fn tail(&self, connection: &mut Connection) -> Result<Sql, StoreError> {
        let mut sql =
            Sql::new("").then(" FROM resource r WHERE r.rtype = ? AND NOT r.deleted", [self.rtype.as_str().into()]);
        for condition in &self.conditions {
            sql = condition.append(sql, connection).await?;
        }
        Ok(sql)
    }
}

impl Condition {
    async fn append(&self, sql: Sql, connection: &mut Connection) -> Result<Sql, StoreError> {
        match self {
            Condition::Id(ids) => Ok(sql.then(
                &format!(" AND r.rid IN ({})", vec!["?"; ids.len()].join(", ")),
                ids.iter().map(|id| Value::from(id.as_str())),
            )),
            Condition::Indexed(Indexed { param, any_of: Patterns::Tokens(any_of), .. }) => {
                let sql = sql.then(
                    " AND r.key IN (SELECT t.key FROM index_token t WHERE t.param = ? AND (",
                    [Value::Int(*param)],
                );
                let sql = any_of.iter().enumerate().fold(sql, |sql, (index, pattern)| {
                    let sql = if index > 0 { sql.then(" OR ", []) } else { sql };
                    pattern.append(sql)
                });
                Ok(sql.then("))", []))
            }
            Condition::LastUpdated(spans) => {
                let mut sql = sql.then(" AND (", []);
                for (index, span) in spans.iter().enumerate() {
                    sql = sql.then(if index > 0 { " OR (1 = 1" } else { "(1 = 1" }, []);
                    if let Some(from) = span.from {
                        sql = sql.then(" AND r.seq >= ?", [seq_at(connection, from).await?.into()]);
                    }
                    if let Some(until) = span.until {
                        sql = sql.then(" AND r.seq < ?", [seq_at(connection, until).await?.into()]);
                    }
                    sql = sql.then(")", []);
                }
                Ok(sql.then(")", []))
            }
            _ => Err(StoreError::Internal("a condition that cannot be answered yet".into())),
        }
    }
}

impl TokenPattern {
    fn append(&self, sql: Sql) -> Sql {
        match self {
            TokenPattern::Code(code) => sql.then("t.code = ?", [code.as_str().into()]),
            TokenPattern::Exact { system, code } => {
                sql.then("(t.code = ? AND t.system = ?)", [code.as_str().into(), (*system).into()])
            }
            TokenPattern::System(system) => sql.then("t.system = ?", [(*system).into()]),
            TokenPattern::Below(_) => sql.then("1 = 0", []),
        }
    }
}

/// The ids that match, in their order, at most `limit`, after `after`.
pub async fn matching_ids(
    connection: &mut Connection,
    criteria: &Criteria,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ResourceId>, StoreError> {
    let tail = criteria.tail(connection).await?;
    let mut sql = Sql::new("SELECT r.rid").append(tail);
    if let Some(after) = after {
        sql = sql.then(" AND r.rid > ?", [after.into()]);
    }
    let rows: Vec<Match> = connection.load_many(sql.then(" ORDER BY r.rid LIMIT ?", [limit.into()])).await?;
    Ok(rows.into_iter().filter_map(|row| ResourceId::parse(&row.rid)).collect())
}

/// How many match.
pub async fn count_matching(connection: &mut Connection, criteria: &Criteria) -> Result<i64, StoreError> {
    let tail = criteria.tail(connection).await?;
    let rows: Vec<super::resource::Number> =
        connection.load_many(Sql::new("SELECT count(*) AS value").append(tail)).await?;
    Ok(rows.first().map_or(0, |row| row.value))
}
