//! Resources that come with the matches of a search.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;

use super::super::change::Version;
use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::resource::current_rows;
use super::super::sql::{Sql, Value};

#[derive(QueryableByName)]
struct Referring {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Text)]
    rid: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Text)]
    body: String,
}

/// The resources of type `source` that refer to one of `targets` under the parameter, or under any; each once, at most
/// `limit`, in the order of the targets.
pub async fn referring(
    connection: &mut Connection,
    source: &ResourceType,
    param: Option<i64>,
    targets: &[ResourceKey],
    limit: usize,
) -> Result<Vec<Version>, StoreError> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    let by_param = param.map(|param| format!(" AND f.param = {param}")).unwrap_or_default();
    let columns = "SELECT r.key AS key, r.rid AS rid, r.version AS version, v.at AS at, v.body AS body";
    let joins = "JOIN resource r ON r.key = f.key JOIN resource_version v ON v.seq = r.seq";
    let mut take = |rows: Vec<Referring>| {
        for row in rows {
            if found.len() < limit && seen.insert(row.key) {
                found.extend(row.into_version(source));
            }
        }
        found.len() >= limit
    };
    if connection.is_sqlite() {
        let text = format!(
            "{columns} FROM index_reference f {joins} WHERE f.target_id = ? AND f.target_type = ?{by_param} \
             AND r.rtype = ? AND NOT r.deleted ORDER BY r.key LIMIT {}",
            limit + 1
        );
        for target in targets {
            let sql = Sql::new(text.clone()).bind(target.id.as_str()).bind(target.rtype.as_str());
            if take(connection.load(sql.bind(source.as_str())).await?) {
                break;
            }
        }
        return Ok(found);
    }
    let text = format!(
        "{columns} FROM unnest(?::text[], ?::text[]) WITH ORDINALITY AS u (id, rtype, place) \
         JOIN index_reference f ON f.target_id = u.id AND f.target_type = u.rtype{by_param} {joins} \
         WHERE r.rtype = ? AND NOT r.deleted ORDER BY u.place, r.key LIMIT {}",
        limit.saturating_mul(2) + 1
    );
    let ids = targets.iter().map(|target| target.id.to_string()).collect();
    let types = targets.iter().map(|target| target.rtype.to_string()).collect();
    let sql = Sql::new(text).bind(Value::Texts(ids)).bind(Value::Texts(types)).bind(source.as_str());
    take(connection.load_many(sql).await?);
    Ok(found)
}

impl Referring {
    fn into_version(self, rtype: &ResourceType) -> Option<Version> {
        let key = ResourceKey { rtype: rtype.clone(), id: ResourceId::parse(&self.rid)? };
        Some(Version { key, version: self.version, at: Instant(self.at), body: Some(self.body) })
    }
}

/// The current versions of those that exist, in the order of `keys`.
pub async fn currents(connection: &mut Connection, keys: &[ResourceKey]) -> Result<Vec<Version>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = current_rows(connection, &keys.iter().collect::<Vec<_>>()).await?;
    let mut by_name: HashMap<(String, String), Version> = HashMap::new();
    for row in rows {
        if let (false, Some(id)) = (row.deleted, ResourceId::parse(&row.rid)) {
            let key = ResourceKey { rtype: ResourceType::known(&row.rtype), id };
            let version = Version { key, version: row.version, at: Instant(row.at), body: row.body };
            by_name.insert((row.rtype, row.rid), version);
        }
    }
    Ok(keys.iter().filter_map(|key| by_name.remove(&(key.rtype.to_string(), key.id.to_string()))).collect())
}
