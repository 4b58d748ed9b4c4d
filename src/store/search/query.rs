//! Searches that writes depend on: what matches a condition, and what refers to a resource.

use diesel::QueryableByName;
use diesel::sql_types::Text;

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::Sql;
use super::condition::Shape;
use super::criteria::Criteria;
use super::find::SearchLimits;
use super::unsorted::{Budget, Stop, walk};

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
         (SELECT f.key FROM index_reference f WHERE f.target_id = ? AND f.target_type = ?)",
    );
    let found: Vec<Referrer> = connection.load(sql.bind(target.id.as_str()).bind(target.rtype.as_str())).await?;
    let key =
        |row: Referrer| Some(ResourceKey { rtype: ResourceType::known(&row.rtype), id: ResourceId::parse(&row.rid)? });
    Ok(found.into_iter().filter_map(key).collect())
}

/// The ids that match criteria which are a resource's own ([`super::Condition::is_own`]), at most `limit`, in their order.
pub async fn matching_ids(
    connection: &mut Connection,
    criteria: &Criteria,
    limit: usize,
) -> Result<Vec<ResourceId>, StoreError> {
    let limits = SearchLimits::default();
    // Own criteria do not ask for the time.
    let shape = Shape::new(connection, &[criteria], &limits, Instant(0)).await?;
    let mut budget = Budget::new(&limits);
    let walked = walk(connection, &shape, criteria, None, i64::MIN, limit, &mut budget).await?;
    if let Some(Stop::Place(_)) = walked.stopped {
        return Err(StoreError::TooCostly("the condition is too wide to be decided".into()));
    }
    let mut ids: Vec<ResourceId> = walked.hits.into_iter().map(|ranked| ranked.hit.version.key.id).collect();
    ids.sort();
    Ok(ids)
}
