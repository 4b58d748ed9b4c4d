//! From a decided batch to rows: one set-based statement a table.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::audit::{AuditChain, AuditRecord};
use super::batch::Tools;
use super::board::Boards;
use super::change::{Draft, Origin};
use super::connection::Connection;
use super::derived::{Derive, Derived, Projection};
use super::error::StoreError;
use super::event::{Event, event_rows};
use super::index::IndexRows;
use super::overlay::{Entry, Overlay};
use super::projection::ProjectionRows;
use super::sql::{Column, RowAction, Rows};
use super::stamp::Stamp;
use crate::fhir::id::ResourceKey;

/// A change that the audit row tells of.
pub(super) struct Audited {
    pub key: ResourceKey,
    pub version: i64,
    pub action: &'static str,
    pub origin: Origin,
}

/// Writes everything that the batch adds. Fails with `Retry` where another gateway was faster.
pub(super) async fn flush(
    connection: &mut Connection,
    overlay: &mut Overlay<'_>,
    boards: &mut Boards<'_>,
    audited: Vec<Audited>,
    chain: &mut AuditChain,
    stamp: &mut Stamp,
    Tools { derive, clock, .. }: &Tools<'_>,
) -> Result<(), StoreError> {
    let (derive, now) = (*derive, clock.now());
    let mut rows = BatchRows::default();
    let mut changed: Vec<_> = overlay.entries.iter_mut().filter(|(_, entry)| !entry.added.is_empty()).collect();
    changed.sort_by(|left, right| left.0.cmp(right.0));
    for (key, entry) in changed {
        rows.add(key, entry, stamp, derive)?;
    }
    let (inserted, updated) = (rows.created.len(), rows.updated.len());
    if inserted > 0 && connection.execute_rows(&rows.created.into_rows()).await? < inserted {
        return Err(StoreError::Retry("another gateway created the resource first".into()));
    }
    if updated > 0 && connection.execute_rows(&rows.updated.into_rows()).await? < updated {
        return Err(StoreError::Retry("another gateway changed the resource first".into()));
    }
    for set in rows.versions.into_rows(stamp) {
        connection.execute_rows(&set).await?;
    }
    for set in rows.index.into_rows().into_iter().chain(rows.projections.into_rows()) {
        connection.execute_rows(&set).await?;
    }
    boards.flush(connection, &rows.numbers, now.0).await?;
    connection.execute_rows(&event_rows(rows.events)).await?;
    let records = audited.into_iter().map(|audited| AuditRecord::new(audited, stamp.at));
    connection.execute_rows(&chain.seal(records)).await?;
    Ok(())
}

#[derive(Default)]
struct BatchRows {
    created: CreatedRows,
    updated: UpdatedRows,
    versions: VersionRows,
    index: IndexRows,
    projections: ProjectionRows,
    events: Vec<Event>,
    /// The keys of the locations that the batch writes, by logical id.
    numbers: HashMap<String, i64>,
}

impl BatchRows {
    fn add(
        &mut self,
        key: &ResourceKey,
        entry: &mut Entry,
        stamp: &mut Stamp,
        derive: &dyn Derive,
    ) -> Result<(), StoreError> {
        let rtype = key.rtype.as_str();
        let (content, none) = (entry.loaded_content(rtype, derive)?, Derived::default());
        let before = content.as_ref().map_or(&none, |content| &content.derived);
        let Some(last) = entry.added.last() else { return Ok(()) };
        let number = match &entry.loaded {
            Some(loaded) => {
                self.updated.push(loaded.key, loaded.version, last.version, last.seq, last.body.is_none());
                loaded.key
            }
            None => {
                let number = stamp.key();
                self.created.push(number, key, last.version, last.seq, last.body.is_none());
                number
            }
        };
        if rtype == "Location" {
            self.numbers.insert(key.id.to_string(), number);
        }
        let drafts: Vec<Option<Arc<Draft>>> = entry.added.iter().map(|added| added.draft.clone()).collect();
        let rows =
            drafts.iter().map(|draft| draft.as_ref().map_or_else(Cow::default, |draft| draft.rows(rtype, derive)));
        let rows: Vec<Cow<'_, Derived>> = rows.collect();
        let mut standing: &Projection = &before.projection;
        for (added, rows) in entry.added.iter_mut().zip(&rows) {
            self.events.extend(Event::between(number, added.seq, stamp.at.0, standing, &rows.projection));
            standing = &rows.projection;
            self.versions.push(added.seq, number, key, added.version, added.method.as_str(), added.body.take());
        }
        let after: &Derived = rows.last().map_or(&none, |rows| rows);
        self.index.diff(number, before, after);
        self.projections.replace(number, &before.projection, &after.projection);
        Ok(())
    }
}

#[derive(Default)]
struct CreatedRows {
    key: Vec<i64>,
    rtype: Vec<String>,
    rid: Vec<String>,
    version: Vec<i64>,
    seq: Vec<i64>,
    deleted: Vec<bool>,
}

impl CreatedRows {
    fn push(&mut self, number: i64, key: &ResourceKey, version: i64, seq: i64, deleted: bool) {
        self.key.push(number);
        self.rtype.push(key.rtype.to_string());
        self.rid.push(key.id.to_string());
        self.version.push(version);
        self.seq.push(seq);
        self.deleted.push(deleted);
    }

    fn len(&self) -> usize {
        self.key.len()
    }

    fn into_rows(self) -> Rows {
        Rows {
            columns: vec![
                ("key", Column::Ints(self.key)),
                ("rtype", Column::Texts(self.rtype)),
                ("rid", Column::Texts(self.rid)),
                ("version", Column::Ints(self.version)),
                ("seq", Column::Ints(self.seq)),
                ("deleted", Column::Bools(self.deleted)),
            ],
            action: RowAction::Insert { table: "resource", suffix: "ON CONFLICT (rtype, rid) DO NOTHING" },
        }
    }
}

/// The version check is part of the statement: a row that has moved on is not found.
#[derive(Default)]
struct UpdatedRows {
    key: Vec<i64>,
    expected: Vec<i64>,
    version: Vec<i64>,
    seq: Vec<i64>,
    deleted: Vec<bool>,
}

impl UpdatedRows {
    fn push(&mut self, number: i64, expected: i64, version: i64, seq: i64, deleted: bool) {
        self.key.push(number);
        self.expected.push(expected);
        self.version.push(version);
        self.seq.push(seq);
        self.deleted.push(deleted);
    }

    fn len(&self) -> usize {
        self.key.len()
    }

    fn into_rows(self) -> Rows {
        Rows {
            columns: vec![
                ("key", Column::Ints(self.key)),
                ("expected:version", Column::Ints(self.expected)),
                ("version", Column::Ints(self.version)),
                ("seq", Column::Ints(self.seq)),
                ("deleted", Column::Bools(self.deleted)),
            ],
            action: RowAction::Update { table: "resource", keyed: 2 },
        }
    }
}

#[derive(Default)]
struct VersionRows {
    seq: Vec<i64>,
    key: Vec<i64>,
    rtype: Vec<String>,
    version: Vec<i64>,
    method: Vec<String>,
    body: Vec<Option<String>>,
}

impl VersionRows {
    fn push(&mut self, seq: i64, number: i64, key: &ResourceKey, version: i64, method: &str, body: Option<String>) {
        self.seq.push(seq);
        self.key.push(number);
        self.rtype.push(key.rtype.to_string());
        self.version.push(version);
        self.method.push(method.to_owned());
        self.body.push(body);
    }

    /// The log rows and the outbox rows.
    fn into_rows(self, stamp: &Stamp) -> [Rows; 2] {
        let count = self.seq.len();
        let outbox = Rows {
            columns: vec![
                ("seq", Column::Ints(self.seq.clone())),
                ("key", Column::Ints(self.key.clone())),
                ("at", Column::Ints(vec![stamp.at.0; count])),
            ],
            action: RowAction::Insert { table: "outbox", suffix: "" },
        };
        let log = Rows {
            columns: vec![
                ("seq", Column::Ints(self.seq)),
                ("key", Column::Ints(self.key)),
                ("rtype", Column::Texts(self.rtype)),
                ("version", Column::Ints(self.version)),
                ("method", Column::Texts(self.method)),
                ("at", Column::Ints(vec![stamp.at.0; count])),
                ("tx", Column::Ints(vec![stamp.tx; count])),
                ("body", Column::MaybeTexts(self.body)),
            ],
            action: RowAction::Insert { table: "resource_version", suffix: "" },
        };
        [log, outbox]
    }
}
