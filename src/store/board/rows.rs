//! From boards to rows: what differs from what was loaded.

use std::collections::HashMap;

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::{Column, RowAction, Rows};
use super::apply::Boards;
use super::series::{SeriesRow, series_rows};
use super::ward::{Hold, Reported, Slice, WardState};

impl Boards<'_> {
    /// Writes what the batch made of the boards. `numbers` has the keys of the locations that it writes, by logical id;
    /// `now` is the moment by which freshness is judged.
    pub async fn flush(
        &mut self,
        connection: &mut Connection,
        numbers: &HashMap<String, i64>,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut rows = BoardRows::default();
        for (id, state) in &mut self.wards {
            state.derive();
            rows.holds(id, state);
            rows.beds(state, numbers);
            let Some(key) = state.key.or_else(|| numbers.get(id).copied()) else { continue };
            rows.series(key, state, now);
            if state.is_ward {
                state.key = Some(key);
                rows.board(key, state);
                rows.slices(key, state);
            }
        }
        rows.write(connection).await?;
        let settled = self.wards.values_mut().filter(|state| state.key.is_some());
        settled.for_each(|state| state.settle(|id| numbers.get(id).copied()));
        Ok(())
    }
}

/// A row of `ward_board`, and what must stand there.
struct BoardRow {
    key: i64,
    expected: i64,
    was: i64,
    changes: i64,
    report: Option<Reported>,
    series_at: i64,
}

#[derive(Default)]
struct BoardRows {
    new: Vec<BoardRow>,
    moved: Vec<BoardRow>,
    told: Vec<(i64, Option<Reported>)>,
    gone_slices: Vec<i64>,
    new_slices: Vec<(i64, i64, Slice)>,
    changed_slices: Vec<(i64, i64, Slice)>,
    fresh_slices: Vec<(i64, i64, Slice)>,
    gone_holds: Vec<String>,
    holds: Vec<(String, Hold)>,
    series: Vec<SeriesRow>,
}

impl BoardRows {
    fn board(&mut self, key: i64, state: &WardState) {
        let row = BoardRow {
            key,
            expected: state.stored.changes.unwrap_or(0),
            was: state.stored.report.map_or(0, |report| report.as_of),
            changes: state.changes(),
            report: state.report,
            series_at: state.series_at,
        };
        match state.stored.changes {
            None => self.new.push(row),
            Some(_) if state.new_changes > 0 || state.report != state.stored.report => self.moved.push(row),
            Some(_) => {}
        }
    }

    /// Of a ward that is no more, too: it has no counts from now on.
    fn series(&mut self, key: i64, state: &mut WardState, now: i64) {
        let is_told = state.new_changes > 0 || state.report != state.stored.report;
        if is_told || state.stored.changes.is_none() || !state.is_ward {
            let new = state.series(key, now);
            state.series_at = new.last().map_or(state.series_at, |row| row.at);
            self.series.extend(new);
        }
    }

    fn beds(&mut self, state: &WardState, numbers: &HashMap<String, i64>) {
        for id in &state.told {
            let Some(bed) = state.beds.get(id) else { continue };
            if let Some(key) = bed.key.or_else(|| numbers.get(id).copied()) {
                self.told.push((key, bed.reported));
            }
        }
    }

    fn slices(&mut self, key: i64, state: &WardState) {
        let (old, new) = (&state.stored.slices, &state.slices);
        let kind = |slice: &Slice| (slice.sex.clone(), slice.isolation);
        let numbered = |slices: &[Slice]| -> Vec<(i64, i64, Slice)> {
            (0..).zip(slices).map(|(position, slice)| (key, position, slice.clone())).collect()
        };
        if state.stored.misplaced || !old.iter().map(kind).eq(new.iter().map(kind)) {
            if !old.is_empty() {
                self.gone_slices.push(key);
            }
            self.new_slices.extend(numbered(new));
            return;
        }
        for (row, old) in numbered(new).into_iter().zip(old).filter(|(row, old)| row.2 != **old) {
            let only_fresher = row.2.counts_as(old) && (row.2.held, row.2.source) == (old.held, old.source);
            if only_fresher { self.fresh_slices.push(row) } else { self.changed_slices.push(row) }
        }
    }

    fn holds(&mut self, ward: &str, state: &WardState) {
        let stands = |holds: &[Hold], hold: &Hold| holds.iter().any(|other| other.task_id == hold.task_id);
        let gone = state.stored.holds.iter().filter(|hold| !stands(&state.holds, hold));
        self.gone_holds.extend(gone.map(|hold| hold.task_id.clone()));
        let new = state.holds.iter().filter(|hold| !state.stored.holds.contains(hold));
        self.holds.extend(new.map(|hold| (ward.to_owned(), hold.clone())));
    }

    async fn write(self, connection: &mut Connection) -> Result<(), StoreError> {
        let (new, moved) = (self.new.len(), self.moved.len());
        if new > 0 && connection.execute_rows(&new_boards(&self.new)).await? < new {
            return Err(StoreError::Retry("another gateway made the ward's board first".into()));
        }
        if moved > 0 && connection.execute_rows(&moved_boards(&self.moved)).await? < moved {
            return Err(StoreError::Retry("another gateway changed the ward's board first".into()));
        }
        let gone_slices = vec![("key", Column::Ints(self.gone_slices))];
        let gone_holds = vec![("task_id", Column::Texts(self.gone_holds))];
        for rows in [
            told_beds(self.told),
            Rows { columns: gone_slices, action: RowAction::Delete { table: "ward_vacancy" } },
            new_slices(self.new_slices),
            changed_slices(&self.changed_slices),
            fresh_slices(&self.fresh_slices),
            // A hold that goes to another ward is one of both: it is put after it was taken away.
            Rows { columns: gone_holds, action: RowAction::Delete { table: "bed_hold" } },
            hold_rows(self.holds),
            series_rows(self.series),
        ] {
            connection.execute_rows(&rows).await?;
        }
        Ok(())
    }
}

fn board_columns(rows: &[BoardRow]) -> Vec<(&'static str, Column)> {
    let ints = |field: fn(&BoardRow) -> i64| Column::Ints(rows.iter().map(field).collect());
    let source = |row: &BoardRow| row.report.map_or("", |report| report.source.code()).to_owned();
    vec![
        ("changes", ints(|row| row.changes)),
        ("as_of", ints(|row| row.report.map_or(0, |report| report.as_of))),
        ("valid_until", ints(|row| row.report.map_or(0, |report| report.valid_until))),
        ("source", Column::Texts(rows.iter().map(source).collect())),
        ("series_at", ints(|row| row.series_at)),
    ]
}

fn new_boards(rows: &[BoardRow]) -> Rows {
    let mut columns = vec![("key", Column::Ints(rows.iter().map(|row| row.key).collect()))];
    columns.extend(board_columns(rows));
    Rows { columns, action: RowAction::Insert { table: "ward_board", suffix: "ON CONFLICT (key) DO NOTHING" } }
}

/// The check that nobody else was faster is part of the statement.
fn moved_boards(rows: &[BoardRow]) -> Rows {
    let mut columns = vec![
        ("key", Column::Ints(rows.iter().map(|row| row.key).collect())),
        ("expected:changes", Column::Ints(rows.iter().map(|row| row.expected).collect())),
        ("was:as_of", Column::Ints(rows.iter().map(|row| row.was).collect())),
    ];
    columns.extend(board_columns(rows));
    Rows { columns, action: RowAction::Update { table: "ward_board", keyed: 3 } }
}

fn told_beds(rows: Vec<(i64, Option<Reported>)>) -> Rows {
    let ints = |field: fn(&Reported) -> i64| {
        Column::MaybeInts(rows.iter().map(|(_, report)| report.as_ref().map(field)).collect())
    };
    let source = |report: &Option<Reported>| report.map(|report| report.source.code().to_owned());
    Rows {
        columns: vec![
            ("key", Column::Ints(rows.iter().map(|row| row.0).collect())),
            ("as_of", ints(|report| report.as_of)),
            ("valid_until", ints(|report| report.valid_until)),
            ("source", Column::MaybeTexts(rows.iter().map(|(_, report)| source(report)).collect())),
        ],
        action: RowAction::Update { table: "bed", keyed: 1 },
    }
}

fn slice_keys(rows: &[(i64, i64, Slice)]) -> Vec<(&'static str, Column)> {
    vec![
        ("key", Column::Ints(rows.iter().map(|row| row.0).collect())),
        ("position", Column::Ints(rows.iter().map(|row| row.1).collect())),
    ]
}

fn counts(rows: &[(i64, i64, Slice)]) -> Vec<(&'static str, Column)> {
    let ints = |field: fn(&Slice) -> Option<i64>| Column::MaybeInts(rows.iter().map(|row| field(&row.2)).collect());
    let source = |slice: &Slice| Some(slice.source.map_or("derived", |source| source.code()).to_owned());
    vec![
        ("staffed", ints(|slice| slice.staffed)),
        ("occupied", ints(|slice| slice.occupied)),
        ("reserved", ints(|slice| slice.reserved)),
        ("blocked", ints(|slice| slice.blocked)),
        ("available", ints(|slice| slice.available)),
        ("source", Column::MaybeTexts(rows.iter().map(|row| source(&row.2)).collect())),
        ("held", Column::Ints(rows.iter().map(|row| row.2.held).collect())),
    ]
}

fn freshness(rows: &[(i64, i64, Slice)]) -> Vec<(&'static str, Column)> {
    vec![
        ("as_of", Column::MaybeInts(rows.iter().map(|row| row.2.as_of).collect())),
        ("valid_until", Column::Ints(rows.iter().map(|row| row.2.valid_until).collect())),
        ("newest", Column::Ints(rows.iter().map(|row| row.2.newest).collect())),
    ]
}

fn new_slices(rows: Vec<(i64, i64, Slice)>) -> Rows {
    let kind = vec![
        ("sex", Column::MaybeTexts(rows.iter().map(|row| row.2.sex.clone()).collect())),
        ("isolation", Column::MaybeBools(rows.iter().map(|row| row.2.isolation).collect())),
    ];
    let columns = [slice_keys(&rows), kind, counts(&rows), freshness(&rows)].concat();
    Rows { columns, action: RowAction::Insert { table: "ward_vacancy", suffix: "" } }
}

fn changed_slices(rows: &[(i64, i64, Slice)]) -> Rows {
    let columns = [slice_keys(rows), counts(rows), freshness(rows)].concat();
    Rows { columns, action: RowAction::Update { table: "ward_vacancy", keyed: 2 } }
}

/// A statement that names no count touches no index.
fn fresh_slices(rows: &[(i64, i64, Slice)]) -> Rows {
    let columns = [slice_keys(rows), freshness(rows)].concat();
    Rows { columns, action: RowAction::Update { table: "ward_vacancy", keyed: 2 } }
}

fn hold_rows(rows: Vec<(String, Hold)>) -> Rows {
    let ints = |field: fn(&Hold) -> i64| Column::Ints(rows.iter().map(|row| field(&row.1)).collect());
    Rows {
        columns: vec![
            ("task_id", Column::Texts(rows.iter().map(|row| row.1.task_id.clone()).collect())),
            ("ward_id", Column::Texts(rows.iter().map(|row| row.0.clone()).collect())),
            ("bed_id", Column::MaybeTexts(rows.iter().map(|row| row.1.bed_id.clone()).collect())),
            ("sex", Column::MaybeTexts(rows.iter().map(|row| row.1.sex.clone()).collect())),
            ("isolation", Column::MaybeBools(rows.iter().map(|row| row.1.isolation).collect())),
            ("since", ints(|hold| hold.since)),
            ("until", ints(|hold| hold.until)),
        ],
        action: RowAction::Upsert { table: "bed_hold", fixed: 1 },
    }
}
