//! The time series of bed statuses: what makes an event, its row, and how the whole series is made anew from the log.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::connection::Connection;
use super::derived::{Derive, Projection};
use super::error::StoreError;
use super::reindex::{CHUNK, Progress, Stage, transact};
use super::resource::{Number, stored_tree};
use super::sql::{Column, RowAction, Rows, Sql};

/// The type of the resources among which beds are.
const BEDS: &str = "Location";

/// A version that changed a bed's operational status, or its being there.
#[derive(QueryableByName, Clone, Debug, PartialEq)]
pub(super) struct Event {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Nullable<Text>)]
    ward_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    operational_status: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    as_of: Option<i64>,
    #[diesel(sql_type = BigInt)]
    at: i64,
}

impl Event {
    /// What the version at `seq` made of `before`, if that is an event.
    pub fn between(key: i64, seq: i64, at: i64, before: &Projection, after: &Projection) -> Option<Event> {
        let status = |projection: &Projection| match projection {
            Projection::Bed(bed) => Some(bed.operational_status.clone()),
            _ => None,
        };
        if status(before) == status(after) {
            return None;
        }
        let ((Projection::Bed(bed), _) | (_, Projection::Bed(bed))) = (after, before) else { return None };
        let (ward_id, operational_status) = (bed.ward_id.clone(), status(after).flatten());
        Some(Event { seq, key, ward_id, operational_status, as_of: bed.as_of, at })
    }
}

/// The rows to put.
pub(super) fn event_rows(events: Vec<Event>) -> Rows {
    let ints = |field: fn(&Event) -> i64| Column::Ints(events.iter().map(field).collect());
    let texts = |field: fn(&Event) -> &Option<String>| {
        Column::MaybeTexts(events.iter().map(|event| field(event).clone()).collect())
    };
    Rows {
        columns: vec![
            ("seq", ints(|event| event.seq)),
            ("key", ints(|event| event.key)),
            ("ward_id", texts(|event| &event.ward_id)),
            ("operational_status", texts(|event| &event.operational_status)),
            ("as_of", Column::MaybeInts(events.iter().map(|event| event.as_of).collect())),
            ("at", ints(|event| event.at)),
        ],
        action: RowAction::Insert { table: "bed_status_event", suffix: "ON CONFLICT (seq) DO NOTHING" },
    }
}

#[derive(QueryableByName)]
struct LogRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// Puts every event that the log makes and takes away what it does not make.
///
/// The log is append-only and a version comes with its event, so what was read of the log stays right without a lock: only
/// the mending is a transaction, and writers wait for nothing where nothing is wrong.
pub(super) async fn rebuild_events(
    connection: &mut Connection,
    derive: &dyn Derive,
    progress: Progress<'_>,
) -> Result<(), StoreError> {
    const COUNT: &str = "SELECT count(*) AS value FROM resource_version WHERE rtype = ?";
    // Every version in the order of resources, each behind the one that it follows. What keeps an index by type from being
    // used keeps the databases from sorting all that is left for every page.
    const LOG: &str = "SELECT v.key, v.version, v.seq, v.at, v.body FROM resource_version v \
         WHERE (v.key, v.version) > (?, ?) AND v.rtype || '' = ? ORDER BY v.key, v.version LIMIT ?";
    let total: Vec<Number> = connection.load_many(Sql::new(COUNT).bind(BEDS)).await?;
    let total = total.first().map_or(0, |row| row.value.unsigned_abs());
    let (mut last, mut standing, mut done) = ((i64::MIN, 0), Projection::None, 0);
    loop {
        let sql = Sql::new(LOG).bind(last.0).bind(last.1).bind(BEDS).bind(CHUNK);
        let log: Vec<LogRow> = connection.load_many(sql).await?;
        if log.is_empty() {
            break;
        }
        let stored = stored(connection, &log).await?;
        let mut right = Vec::new();
        for row in &log {
            let projection = project(row.body.as_deref(), derive)?;
            let before = if row.key == last.0 { standing } else { Projection::None };
            right.extend(Event::between(row.key, row.seq, row.at, &before, &projection));
            (last, standing) = ((row.key, row.version), projection);
        }
        mend(connection, right, stored).await?;
        done += log.len() as u64;
        progress(Stage::Events, done, total.max(done));
    }
    sweep_strangers(connection).await
}

/// The events that stand for these versions.
async fn stored(connection: &mut Connection, log: &[LogRow]) -> Result<Vec<Event>, StoreError> {
    let places: Vec<String> = log.iter().map(|row| row.seq.to_string()).collect();
    let text = format!(
        "SELECT seq, key, ward_id, operational_status, as_of, at FROM bed_status_event WHERE seq IN ({})",
        places.join(", ")
    );
    connection.load_many(Sql::new(text).passing()).await
}

/// A deleted version is no bed.
fn project(body: Option<&str>, derive: &dyn Derive) -> Result<Projection, StoreError> {
    let Some(body) = body else { return Ok(Projection::None) };
    let tree = stored_tree(body)?;
    Ok(derive.project(BEDS, &tree))
}

async fn mend(connection: &mut Connection, right: Vec<Event>, stored: Vec<Event>) -> Result<(), StoreError> {
    let mut missing: BTreeMap<i64, Event> = right.into_iter().map(|event| (event.seq, event)).collect();
    let mut wrong = Vec::new();
    for event in stored {
        if missing.get(&event.seq) == Some(&event) {
            missing.remove(&event.seq);
        } else {
            wrong.push(event.seq);
        }
    }
    replace(connection, wrong, missing.into_values().collect()).await
}

async fn replace(connection: &mut Connection, wrong: Vec<i64>, right: Vec<Event>) -> Result<(), StoreError> {
    if wrong.is_empty() && right.is_empty() {
        return Ok(());
    }
    let (wrong, right) = (gone(wrong), event_rows(right));
    transact(connection, async |connection| {
        connection.execute_rows(&wrong).await?;
        connection.execute_rows(&right).await?;
        Ok(())
    })
    .await
}

fn gone(places: Vec<i64>) -> Rows {
    Rows { columns: vec![("seq", Column::Ints(places))], action: RowAction::Delete { table: "bed_status_event" } }
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Bool)]
    stranger: bool,
}

/// Takes away rows whose place in the log is that of no version of a possible bed.
async fn sweep_strangers(connection: &mut Connection) -> Result<(), StoreError> {
    const TEXT: &str = "SELECT e.seq, v.seq IS NULL AS stranger FROM bed_status_event e \
         LEFT JOIN resource_version v ON v.seq = e.seq AND v.rtype = ? WHERE e.seq > ? ORDER BY e.seq LIMIT ?";
    let mut after = i64::MIN;
    loop {
        let rows: Vec<Known> = connection.load_many(Sql::new(TEXT).bind(BEDS).bind(after).bind(CHUNK)).await?;
        let Some(last) = rows.last().map(|row| row.seq) else { return Ok(()) };
        let strangers: Vec<i64> = rows.iter().filter(|row| row.stranger).map(|row| row.seq).collect();
        replace(connection, strangers, Vec::new()).await?;
        after = last;
    }
}
