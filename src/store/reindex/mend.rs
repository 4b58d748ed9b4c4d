//! One chunk of resources: what is there against what belongs there.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::BigInt;

use super::super::connection::Connection;
use super::super::derived::{Derive, Derived};
use super::super::error::StoreError;
use super::super::index::{INDEXES, IndexRows};
use super::super::projection::{PROJECTIONS, ProjectionRows, any_of_the_kind, belongs_in};
use super::super::sql::{Column, RowAction, Rows, Sql};
use super::rows::{Found, rows_of};
use super::{Ahead, BODIES, BodyRow, derive_rows};

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = BigInt)]
    key: i64,
}

/// Makes the rows of the keys behind `after`, up to `last`, what they have to be.
pub(super) async fn mend(
    connection: &mut Connection,
    after: i64,
    last: i64,
    ahead: &BTreeMap<i64, Ahead>,
    derive: &dyn Derive,
) -> Result<(), StoreError> {
    let places = lock(connection, after, last).await?;
    let moved = moved(connection, &places, ahead, derive).await?;
    let derived = |key: &i64| moved.get(key).or_else(|| ahead.get(key)).map(|ahead| &ahead.derived);
    let mut found = rows_of(connection, after, last).await?;
    let (mut index, mut projections) = (IndexRows::default(), ProjectionRows::default());
    for Place { key, .. } in &places {
        let Some(right) = derived(key) else { continue };
        let Found { rows, unsound } = found.remove(key).unwrap_or_default();
        index.diff(*key, &rows, right);
        index.diff(*key, &unsound, &Derived::default());
        projections.replace(*key, &any_of_the_kind(&right.projection), &right.projection);
    }
    let mut stale = stale_projections(connection, after, last, &places, derived).await?;
    stale.extend(index.into_rows());
    stale.extend(projections.into_rows());
    for rows in stale {
        connection.execute_rows(&rows).await?;
    }
    // What is left is of no resource that was there a moment ago.
    if found.is_empty() { Ok(()) } else { sweep_strangers(connection, after, last).await }
}

/// Keeps writers from changing these resources until the transaction ends.
async fn lock(connection: &mut Connection, after: i64, last: i64) -> Result<Vec<Place>, StoreError> {
    const TEXT: &str = "SELECT key, seq FROM resource WHERE key > ? AND key <= ? ORDER BY key";
    // A statement of its own on PostgreSQL: one that waits for a lock and joins would pair the row's new state with the old
    // snapshot's log, and lose it.
    let text = if connection.is_sqlite() { TEXT.to_owned() } else { format!("{TEXT} FOR UPDATE") };
    connection.load_many(Sql::new(text).bind(after).bind(last)).await
}

/// What changed, or came, since its rows were derived ahead.
async fn moved(
    connection: &mut Connection,
    places: &[Place],
    ahead: &BTreeMap<i64, Ahead>,
    derive: &dyn Derive,
) -> Result<BTreeMap<i64, Ahead>, StoreError> {
    let is_moved = |place: &&Place| ahead.get(&place.key).is_none_or(|ahead| ahead.seq != place.seq);
    let keys: Vec<String> = places.iter().filter(is_moved).map(|place| place.key.to_string()).collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let text = format!("{BODIES}r.key IN ({})", keys.join(", "));
    let rows: Vec<BodyRow> = connection.load_many(Sql::new(text).passing()).await?;
    derive_rows(rows, derive)
}

/// Rows of the region's tables whose resource is of another kind now.
async fn stale_projections<'a>(
    connection: &mut Connection,
    after: i64,
    last: i64,
    places: &[Place],
    derived: impl Fn(&i64) -> Option<&'a Derived>,
) -> Result<Vec<Rows>, StoreError> {
    let known: BTreeSet<i64> = places.iter().map(|place| place.key).collect();
    let (mut stale, mut strangers) = (Vec::new(), false);
    for table in PROJECTIONS {
        let text = format!("SELECT DISTINCT key FROM {table} WHERE key > ? AND key <= ?");
        let keys: Vec<Key> = connection.load_many(Sql::new(text).bind(after).bind(last)).await?;
        let wrong = |key: &i64| derived(key).is_some_and(|derived| !belongs_in(&derived.projection, table));
        let keys: Vec<i64> = keys.into_iter().map(|row| row.key).collect();
        strangers |= keys.iter().any(|key| !known.contains(key));
        let keys = keys.into_iter().filter(wrong).collect();
        stale.push(Rows { columns: vec![("key", Column::Ints(keys))], action: RowAction::Delete { table } });
    }
    if strangers {
        sweep_strangers(connection, after, last).await?;
    }
    Ok(stale)
}

/// Takes away the rows of keys that no resource has. One statement a table: a resource and its rows come together, and a
/// statement sees both or neither.
pub(super) async fn sweep_strangers(connection: &mut Connection, after: i64, last: i64) -> Result<(), StoreError> {
    for table in INDEXES.into_iter().chain(PROJECTIONS) {
        let text = format!(
            "DELETE FROM {table} WHERE key > ? AND key <= ? \
             AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.key = {table}.key)"
        );
        connection.execute(Sql::new(text).bind(after).bind(last)).await?;
    }
    Ok(())
}
