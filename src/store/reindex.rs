//! Every derived row computed anew, while gateways go on serving.
//!
//! First what is missing is put, resource by resource; then what no resource derives is taken away. At no time is a row
//! that belongs missing, so searches stay exact all along.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::fhir::json::{Limits, parse};

use super::connection::{Connection, Database};
use super::derived::{Derive, Derived, Projection, Reference, Token};
use super::error::StoreError;
use super::event::rebuild_events;
use super::flush::IndexRows;
use super::projection::{PROJECTIONS, ProjectionRows, table_of};
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
    sweep_tokens(&mut connection, derive).await?;
    sweep_references(&mut connection, derive).await?;
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
        // A team's members are replaced as a whole, so the old ones go first.
        let before = match &derived.projection {
            Projection::CareTeam(_) => Projection::CareTeam(Vec::new()),
            _ => Projection::None,
        };
        if before != derived.projection {
            projections.replace(key, before, derived.projection);
        }
    }
    for rows in index.into_rows().into_iter().chain(projections.into_rows()) {
        connection.execute_rows(&rows).await?;
    }
    Ok(())
}

#[derive(QueryableByName, Clone)]
struct TokenRow {
    #[diesel(sql_type = BigInt)]
    param: i64,
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = Text)]
    system: String,
    #[diesel(sql_type = BigInt)]
    key: i64,
}

impl TokenRow {
    fn held(&self) -> Derived {
        let token = Token { param: self.param, code: self.code.clone(), system: self.system.clone() };
        Derived { tokens: BTreeSet::from([token]), ..Derived::default() }
    }
}

/// Deletes those index rows, each with the key of its resource, that the resource does not derive.
async fn take_away_stale(
    connection: &mut Connection,
    held: Vec<(i64, Derived)>,
    derive: &dyn Derive,
) -> Result<(), StoreError> {
    let keys: BTreeSet<i64> = held.iter().map(|(key, _)| *key).collect();
    let derived = derived_of(connection, &keys.into_iter().collect::<Vec<_>>(), derive).await?;
    let mut stale = IndexRows::default();
    for (key, row) in &held {
        let belongs = derived.get(key).is_some_and(|derived| {
            row.tokens.is_subset(&derived.tokens) && row.references.is_subset(&derived.references)
        });
        if !belongs {
            stale.diff(*key, row, &Derived::default());
        }
    }
    for set in stale.into_rows() {
        connection.execute_rows(&set).await?;
    }
    Ok(())
}

async fn sweep_tokens(connection: &mut Connection, derive: &dyn Derive) -> Result<(), StoreError> {
    const TEXT: &str = "SELECT param, code, system, key FROM index_token \
         WHERE (param, code, system, key) > (?, ?, ?, ?) ORDER BY param, code, system, key LIMIT ?";
    let mut last = TokenRow { param: i64::MIN, code: String::new(), system: String::new(), key: 0 };
    loop {
        let after = last.clone();
        let rows = transact(connection, async |connection| {
            let sql = Sql::new(TEXT).bind(after.param).bind(after.code.as_str()).bind(after.system.as_str());
            let rows: Vec<TokenRow> = connection.load_many(sql.bind(after.key).bind(CHUNK)).await?;
            let held = rows.iter().map(|row| (row.key, row.held())).collect();
            take_away_stale(connection, held, derive).await?;
            Ok(rows)
        });
        match rows.await?.pop() {
            Some(row) => last = row,
            None => return Ok(()),
        }
    }
}

#[derive(QueryableByName, Clone)]
struct ReferenceRow {
    #[diesel(sql_type = Text)]
    target_type: String,
    #[diesel(sql_type = Text)]
    target_id: String,
    #[diesel(sql_type = BigInt)]
    key: i64,
}

impl ReferenceRow {
    fn held(&self) -> Derived {
        let reference = Reference { target_type: self.target_type.clone(), target_id: self.target_id.clone() };
        Derived { references: BTreeSet::from([reference]), ..Derived::default() }
    }
}

async fn sweep_references(connection: &mut Connection, derive: &dyn Derive) -> Result<(), StoreError> {
    const TEXT: &str = "SELECT target_type, target_id, key FROM resource_reference \
         WHERE (target_type, target_id, key) > (?, ?, ?) ORDER BY target_type, target_id, key LIMIT ?";
    let mut last = ReferenceRow { target_type: String::new(), target_id: String::new(), key: 0 };
    loop {
        let after = last.clone();
        let rows = transact(connection, async |connection| {
            let sql = Sql::new(TEXT).bind(after.target_type.as_str()).bind(after.target_id.as_str());
            let rows: Vec<ReferenceRow> = connection.load_many(sql.bind(after.key).bind(CHUNK)).await?;
            let held = rows.iter().map(|row| (row.key, row.held())).collect();
            take_away_stale(connection, held, derive).await?;
            Ok(rows)
        });
        match rows.await?.pop() {
            Some(row) => last = row,
            None => return Ok(()),
        }
    }
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
            let belongs =
                |key: &i64| derived.get(key).is_some_and(|derived| table_of(&derived.projection) == Some(table));
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
