//! By whose definitions index rows are made, and which search parameters have all their rows.
//!
//! `search_definitions` names the definitions by which rows are made at the moment, `search_parameter` the parameters whose
//! rows are whole, each with a digest of what makes them. Whoever writes rows (a gateway's writer, a reindex) looks in the
//! same transaction whether the definitions are its own still; if not it takes over, which takes away the records of all
//! parameters that its own definitions do not make in the same way. So a record stands only as long as everybody who writes
//! makes the parameter's rows as it says. A reindex that has lost its place to somebody else ends without recording
//! anything.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use sha2::{Digest, Sha256};

use super::connection::{Connection, Database};
use super::error::StoreError;
use super::resource::Number;
use super::sql::{Column, RowAction, Rows, Sql};

/// A search parameter for which index rows are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeParameter {
    pub rtype: String,
    pub code: String,
    /// Changes when what makes the rows changes.
    pub digest: String,
}

/// All parameters for which rows are made, by [`super::parameter_id`].
#[derive(Debug, Default)]
pub struct Manifest {
    parameters: BTreeMap<i64, MadeParameter>,
    digest: String,
}

impl Manifest {
    pub fn new(parameters: impl IntoIterator<Item = (i64, MadeParameter)>) -> Manifest {
        let parameters: BTreeMap<i64, MadeParameter> = parameters.into_iter().collect();
        let mut hasher = Sha256::new();
        for (param, made) in &parameters {
            hasher.update(param.to_be_bytes());
            hasher.update((made.digest.len() as u64).to_be_bytes());
            hasher.update(&made.digest);
        }
        let digest = hasher.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Manifest { parameters, digest }
    }

    /// The same for the same parameters, made in the same way.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn makes(&self, record: &Record) -> bool {
        self.parameters.get(&record.param).is_some_and(|made| made.digest == record.digest)
    }
}

#[derive(QueryableByName)]
struct Record {
    #[diesel(sql_type = BigInt)]
    param: i64,
    #[diesel(sql_type = Text)]
    digest: String,
}

#[derive(QueryableByName, Clone, Debug, PartialEq)]
struct Mark {
    #[diesel(sql_type = Text)]
    digest: String,
    #[diesel(sql_type = BigInt)]
    changes: i64,
}

const RECORDS: &str = "SELECT param, digest FROM search_parameter";
const MARK: &str = "SELECT digest, changes FROM search_definitions WHERE id = 1";
const CHANGED: &str = "UPDATE search_definitions SET digest = ?, changes = changes + 1 WHERE id = 1";

/// Makes these the definitions by which rows are made, from this transaction on. Where nothing was ever stored every
/// parameter is whole at once.
pub(super) async fn take_over(connection: &mut Connection, manifest: &Manifest) -> Result<(), StoreError> {
    const FIRST: &str =
        "INSERT INTO search_definitions (id, digest, changes) VALUES (1, '', 0) ON CONFLICT (id) DO NOTHING";
    connection.execute(Sql::new(FIRST)).await?;
    if mark(connection, "FOR UPDATE").await?.is_some_and(|mark| mark.digest == manifest.digest) {
        return Ok(());
    }
    let stale = take_away_stale(connection, manifest).await?;
    if stale > 0 {
        tracing::warn!(
            parameters = stale,
            "search parameters are refused from now on: rows are made by other definitions than before. \
             Give every gateway the same definitions, then run `kakehashi reindex`"
        );
    }
    if is_empty(connection).await? {
        put_records(connection, manifest).await?;
    }
    connection.execute(Sql::new(CHANGED).bind(manifest.digest())).await?;
    Ok(())
}

/// Fails if rows have been made by other definitions since [`take_over`]; nobody can take over until this transaction ends.
pub(super) async fn hold(connection: &mut Connection, manifest: &Manifest) -> Result<(), StoreError> {
    match mark(connection, "FOR SHARE").await? {
        Some(mark) if mark.digest == manifest.digest => Ok(()),
        _ => Err(StoreError::OtherDefinitions),
    }
}

/// All of the parameters are whole.
pub(super) async fn record_whole(connection: &mut Connection, manifest: &Manifest) -> Result<(), StoreError> {
    hold(connection, manifest).await?;
    take_away_stale(connection, manifest).await?;
    put_records(connection, manifest).await?;
    connection.execute(Sql::new(CHANGED).bind(manifest.digest())).await?;
    Ok(())
}

async fn mark(connection: &mut Connection, lock: &str) -> Result<Option<Mark>, StoreError> {
    // On SQLite whoever writes is alone.
    let text = if connection.is_sqlite() { MARK.to_owned() } else { format!("{MARK} {lock}") };
    Ok(connection.load(Sql::new(text)).await?.pop())
}

async fn is_empty(connection: &mut Connection) -> Result<bool, StoreError> {
    let found: Vec<Number> =
        connection.load(Sql::new("SELECT key AS value FROM resource ORDER BY key LIMIT 1")).await?;
    Ok(found.is_empty())
}

async fn take_away_stale(connection: &mut Connection, manifest: &Manifest) -> Result<usize, StoreError> {
    let records: Vec<Record> = connection.load(Sql::new(RECORDS)).await?;
    let stale = records.iter().filter(|record| !manifest.makes(record)).map(|record| record.param).collect();
    let action = RowAction::Delete { table: "search_parameter" };
    connection.execute_rows(&Rows { columns: vec![("param", Column::Ints(stale))], action }).await
}

async fn put_records(connection: &mut Connection, manifest: &Manifest) -> Result<(), StoreError> {
    let texts = |field: fn(&MadeParameter) -> &String| {
        Column::Texts(manifest.parameters.values().map(|made| field(made).clone()).collect())
    };
    let rows = Rows {
        columns: vec![
            ("param", Column::Ints(manifest.parameters.keys().copied().collect())),
            ("rtype", texts(|made| &made.rtype)),
            ("code", texts(|made| &made.code)),
            ("digest", texts(|made| &made.digest)),
        ],
        action: RowAction::Upsert { table: "search_parameter", fixed: 1 },
    };
    connection.execute_rows(&rows).await?;
    Ok(())
}

/// Which parameters were whole a moment ago.
#[derive(Debug)]
pub struct Whole {
    manifest: Arc<Manifest>,
    /// The digests of the records; `None` where nothing was ever stored.
    records: Option<HashMap<i64, String>>,
}

impl Whole {
    /// Whether every current resource has its rows. What is not made of rows is always whole.
    pub fn has(&self, param: i64) -> bool {
        match (&self.records, self.manifest.parameters.get(&param)) {
            (Some(records), Some(made)) => records.get(&param) == Some(&made.digest),
            _ => true,
        }
    }

    /// The parameters that are not whole.
    pub fn missing(&self) -> impl Iterator<Item = &MadeParameter> {
        self.manifest.parameters.iter().filter(|(param, _)| !self.has(**param)).map(|(_, made)| made)
    }
}

/// How long what was read is believed: for so long a change by another process may go unnoticed.
const BELIEVED: Duration = Duration::from_secs(1);

/// What is known of the parameters of a set of definitions.
#[derive(Debug, Default)]
pub struct ParameterState {
    manifest: Arc<Manifest>,
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    at: Instant,
    mark: Option<Mark>,
    whole: Arc<Whole>,
}

impl ParameterState {
    pub fn new(manifest: Arc<Manifest>) -> ParameterState {
        ParameterState { manifest, known: Mutex::default() }
    }

    /// Reads the records again only where something has changed; a reindex by another process is noticed.
    pub async fn now(&self, database: &Database) -> Result<Arc<Whole>, StoreError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = &known
            && known.at.elapsed() < BELIEVED
        {
            return Ok(Arc::clone(&known.whole));
        }
        let (at, mut connection) = (Instant::now(), database.reader().await?);
        let mark: Option<Mark> = connection.load(Sql::new(MARK)).await?.pop();
        let whole = match known {
            Some(known) if known.mark == mark => known.whole,
            _ => {
                let Some(records) = records(&mut connection).await? else {
                    // Not kept: what is stored next may be stored by other definitions.
                    return Ok(Arc::new(Whole { manifest: Arc::clone(&self.manifest), records: None }));
                };
                Arc::new(Whole { manifest: Arc::clone(&self.manifest), records: Some(records) })
            }
        };
        let known = Known { at, mark, whole: Arc::clone(&whole) };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(whole)
    }
}

async fn records(connection: &mut Connection) -> Result<Option<HashMap<i64, String>>, StoreError> {
    if is_empty(connection).await? {
        return Ok(None);
    }
    let records: Vec<Record> = connection.load(Sql::new(RECORDS)).await?;
    Ok(Some(records.into_iter().map(|record| (record.param, record.digest)).collect()))
}
