//! Every derived row computed anew, while gateways go on serving.
//!
//! First what is missing is put, resource by resource; then what no resource derives is taken away. At no time is a row
//! that belongs missing, so searches stay exact all along.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Double as DoubleType, Nullable, Text};

use crate::fhir::json::{Limits, parse};

use super::connection::{Connection, Database};
use super::derived::{DateRow, Derive, Derived, Double, PositionRow, QuantityRow, Reference, StringRow, Token};
use super::error::StoreError;
use super::event::rebuild_events;
use super::index::{IndexRow, IndexRows};
use super::projection::{PROJECTIONS, ProjectionRows, any_of_the_kind, belongs_in};
use super::resource::Number;
use super::sql::{Column, RowAction, Rows, Sql};

/// Resources or rows that one transaction covers: writers wait no longer than for that many.
pub(super) const CHUNK: i64 = 500;

#[derive(QueryableByName)]
struct BodyRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Text)]
    rtype: String,
    #[diesel(sql_type = Bool)]
    deleted: bool,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// Computes all of it; answers the number of resources.
pub async fn reindex(
    database: &Database,
    derive: &dyn Derive,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64, StoreError> {
    let mut connection = database.writer().await?;
    let total: Vec<Number> = connection.load(Sql::new("SELECT count(*) AS value FROM resource")).await?;
    let total = total.first().map_or(0, |row| row.value.unsigned_abs());
    let (mut after, mut done) = (0, 0);
    loop {
        let text = "SELECT r.key FROM resource r WHERE r.key > ? ORDER BY r.key LIMIT ?";
        let keys = transact(&mut connection, async |connection| {
            let keys: Vec<Key> = connection.load(Sql::new(text).bind(after).bind(CHUNK)).await?;
            let keys: Vec<i64> = keys.into_iter().map(|row| row.key).collect();
            put_missing(connection, &keys, derive).await?;
            Ok(keys)
        });
        let keys = keys.await?;
        let Some(last) = keys.last() else { break };
        after = *last;
        done += keys.len() as u64;
        progress(done, total);
    }
    sweep_indexes(&mut connection, derive).await?;
    for table in PROJECTIONS {
        sweep_projection(&mut connection, derive, table).await?;
    }
    rebuild_events(&mut connection, derive).await?;
    Ok(done)
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = BigInt)]
    key: i64,
}

/// Does the work in a transaction, again where another one was in the way.
pub(super) async fn transact<T>(
    connection: &mut Connection,
    work: impl AsyncFn(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    loop {
        let error = match attempt(connection, &work).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        connection.rollback().await;
        if !matches!(error, StoreError::Retry(_)) {
            return Err(error);
        }
    }
}

async fn attempt<T>(
    connection: &mut Connection,
    work: &impl AsyncFn(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.begin().await?;
    let done = work(connection).await?;
    connection.commit().await?;
    Ok(done)
}

/// What these resources derive now. Their rows are locked, so that no writer changes them meanwhile.
async fn derived_of(
    connection: &mut Connection,
    keys: &[i64],
    derive: &dyn Derive,
) -> Result<BTreeMap<i64, Derived>, StoreError> {
    let list = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if list.is_empty() {
        return Ok(BTreeMap::new());
    }
    if !connection.is_sqlite() {
        // A statement of its own: one that waits for a lock and joins would pair the row's new state with the old
        // snapshot's log, and lose it.
        let lock = format!("SELECT key FROM resource WHERE key IN ({list}) ORDER BY key FOR UPDATE");
        connection.execute(Sql::new(lock)).await?;
    }
    let text = format!(
        "SELECT r.key, r.rtype, r.deleted, v.body FROM resource r JOIN resource_version v ON v.seq = r.seq \
         WHERE r.key IN ({list})"
    );
    let rows: Vec<BodyRow> = connection.load_many(Sql::new(text)).await?;
    let mut found = BTreeMap::new();
    for row in rows {
        let Some(body) = row.body.filter(|_| !row.deleted) else { continue };
        let tree = parse(body.as_bytes(), Limits { depth: usize::MAX })
            .map_err(|error| StoreError::Internal(format!("a stored text does not parse: {error}")))?;
        found.insert(row.key, derive.derive(&row.rtype, &tree));
    }
    Ok(found)
}

async fn put_missing(connection: &mut Connection, keys: &[i64], derive: &dyn Derive) -> Result<(), StoreError> {
    let (mut index, mut projections) = (IndexRows::default(), ProjectionRows::default());
    for (key, derived) in derived_of(connection, keys, derive).await? {
        index.diff(key, &Derived::default(), &derived);
        // What is replaced as a whole has its old rows taken away first.
        projections.replace(key, any_of_the_kind(&derived.projection), derived.projection);
    }
    for rows in index.into_rows().into_iter().chain(projections.into_rows()) {
        connection.execute_rows(&rows).await?;
    }
    Ok(())
}

/// Deletes the rows of one index table that their resources do not derive, resource by resource.
async fn sweep_index<R: IndexRow>(
    connection: &mut Connection,
    derive: &dyn Derive,
    load: impl AsyncFn(&mut Connection, i64, i64) -> Result<Vec<(i64, R)>, StoreError>,
    held: impl Fn(R) -> Derived,
) -> Result<(), StoreError> {
    let text = format!("SELECT DISTINCT key FROM {} WHERE key > ? ORDER BY key LIMIT ?", R::TABLE);
    let mut after = i64::MIN;
    loop {
        let last = transact(connection, async |connection| {
            let keys: Vec<Key> = connection.load_many(Sql::new(text.clone()).bind(after).bind(CHUNK)).await?;
            let keys: Vec<i64> = keys.into_iter().map(|row| row.key).collect();
            let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return Ok(None) };
            let derived = derived_of(connection, &keys, derive).await?;
            let mut stale = IndexRows::default();
            for (key, row) in load(connection, *first, *last).await? {
                if !derived.get(&key).is_some_and(|derived| R::of(derived).contains(&row)) {
                    stale.diff(key, &held(row), &Derived::default());
                }
            }
            for set in stale.into_rows() {
                connection.execute_rows(&set).await?;
            }
            Ok(Some(*last))
        });
        match last.await? {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// A row type for one index table, and the statement that reads a range of resources' rows.
macro_rules! index_reader {
    ($load:ident -> $row:ty, $table:literal, { $($field:ident: $sql:ty => $rust:ty),+ }, $convert:expr) => {
        async fn $load(connection: &mut Connection, first: i64, last: i64) -> Result<Vec<(i64, $row)>, StoreError> {
            #[derive(QueryableByName)]
            struct Raw {
                #[diesel(sql_type = BigInt)]
                key: i64,
                $( #[diesel(sql_type = $sql)] $field: $rust, )+
            }
            const TEXT: &str = concat!(
                "SELECT key", $( ", ", stringify!($field), )+ " FROM ", $table, " WHERE key BETWEEN ? AND ?"
            );
            let rows: Vec<Raw> = connection.load_many(Sql::new(TEXT).bind(first).bind(last)).await?;
            let convert: fn(Raw) -> $row = $convert;
            Ok(rows.into_iter().map(|row| (row.key, convert(row))).collect())
        }
    };
}

index_reader!(tokens -> Token, "index_token", { param: BigInt => i64, code: Text => String, system: BigInt => i64 },
    |row| Token { param: row.param, code: row.code, system: row.system });
index_reader!(references -> Reference, "index_reference",
{ param: BigInt => i64, target_type: Text => String, target_id: Text => String, version: Text => String },
|row| Reference {
    param: row.param, target_type: row.target_type, target_id: row.target_id, version: row.version,
});
index_reader!(dates -> DateRow, "index_date", { param: BigInt => i64, low: BigInt => i64, high: BigInt => i64 },
    |row| DateRow { param: row.param, low: row.low, high: row.high });
index_reader!(quantities -> QuantityRow, "index_quantity",
{ param: BigInt => i64, low: DoubleType => f64, high: DoubleType => f64, system: BigInt => i64, code: Text => String,
  unit: Text => String },
|row| QuantityRow {
    param: row.param, low: Double(row.low), high: Double(row.high), system: row.system, code: row.code,
    unit: row.unit,
});
index_reader!(strings -> StringRow, "index_string",
    { param: BigInt => i64, folded: Text => String, exact: Text => String },
    |row| StringRow { param: row.param, folded: row.folded, exact: row.exact });
index_reader!(positions -> PositionRow, "index_position",
    { param: BigInt => i64, latitude: DoubleType => f64, longitude: DoubleType => f64 },
    |row| PositionRow { param: row.param, latitude: Double(row.latitude), longitude: Double(row.longitude) });

async fn sweep_indexes(connection: &mut Connection, derive: &dyn Derive) -> Result<(), StoreError> {
    let none = Derived::default;
    sweep_index(connection, derive, tokens, |row| Derived { tokens: BTreeSet::from([row]), ..none() }).await?;
    sweep_index(connection, derive, references, |row| Derived { references: BTreeSet::from([row]), ..none() }).await?;
    sweep_index(connection, derive, dates, |row| Derived { dates: BTreeSet::from([row]), ..none() }).await?;
    sweep_index(connection, derive, quantities, |row| Derived { quantities: BTreeSet::from([row]), ..none() }).await?;
    sweep_index(connection, derive, strings, |row| Derived { strings: BTreeSet::from([row]), ..none() }).await?;
    sweep_index(connection, derive, positions, |row| Derived { positions: BTreeSet::from([row]), ..none() }).await
}

async fn sweep_projection(
    connection: &mut Connection,
    derive: &dyn Derive,
    table: &'static str,
) -> Result<(), StoreError> {
    let text = format!("SELECT DISTINCT key FROM {table} WHERE key > ? ORDER BY key LIMIT ?");
    let mut after = 0;
    loop {
        let keys = transact(connection, async |connection| {
            let rows: Vec<Key> = connection.load_many(Sql::new(text.clone()).bind(after).bind(CHUNK)).await?;
            let keys: Vec<i64> = rows.into_iter().map(|row| row.key).collect();
            let derived = derived_of(connection, &keys, derive).await?;
            let belongs = |key: &i64| derived.get(key).is_some_and(|derived| belongs_in(&derived.projection, table));
            let stale: Vec<i64> = keys.iter().copied().filter(|key| !belongs(key)).collect();
            let rows = Rows { columns: vec![("key", Column::Ints(stale))], action: RowAction::Delete { table } };
            connection.execute_rows(&rows).await?;
            Ok(keys)
        });
        match keys.await?.pop() {
            Some(key) => after = key,
            None => return Ok(()),
        }
    }
}
