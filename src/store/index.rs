//! Rows of the search index: what differs between a resource's old and new content.

use std::collections::BTreeSet;

use super::derived::{DateRow, Derived, PositionRow, QuantityRow, Reference, StringRow, Token};
use super::search::unit_vector;
use super::sql::{Column, RowAction, Rows};

/// The tables of the search index.
pub(super) const INDEXES: [&str; 6] =
    [Token::TABLE, Reference::TABLE, DateRow::TABLE, QuantityRow::TABLE, StringRow::TABLE, PositionRow::TABLE];

/// A row of one of the index tables; its resource's key comes first, then the columns that tell rows apart.
trait IndexRow: Ord + Clone {
    const TABLE: &'static str;
    /// The columns of the table after `key`. Takes the rows' texts.
    fn columns(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)>;
    /// The columns after `key` by which a row is found again. Takes the rows' texts.
    fn identity(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        Self::columns(rows)
    }
    fn of(derived: &Derived) -> &BTreeSet<Self>;
}

/// Rows to take away and rows to put.
#[derive(Default)]
pub(super) struct IndexRows {
    tokens: Change<Token>,
    references: Change<Reference>,
    dates: Change<DateRow>,
    quantities: Change<QuantityRow>,
    strings: Change<StringRow>,
    positions: Change<PositionRow>,
}

struct Change<R> {
    gone: Vec<(i64, R)>,
    new: Vec<(i64, R)>,
}

impl<R> Default for Change<R> {
    fn default() -> Self {
        Change { gone: Vec::new(), new: Vec::new() }
    }
}

impl IndexRows {
    pub fn diff(&mut self, number: i64, before: &Derived, after: &Derived) {
        self.tokens.diff(number, before, after);
        self.references.diff(number, before, after);
        self.dates.diff(number, before, after);
        self.quantities.diff(number, before, after);
        self.strings.diff(number, before, after);
        self.positions.diff(number, before, after);
    }

    pub fn into_rows(self) -> Vec<Rows> {
        [
            self.tokens.into_rows(),
            self.references.into_rows(),
            self.dates.into_rows(),
            self.quantities.into_rows(),
            self.strings.into_rows(),
            self.positions.into_rows(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl<R: IndexRow> Change<R> {
    fn diff(&mut self, number: i64, before: &Derived, after: &Derived) {
        let (before, after) = (R::of(before), R::of(after));
        self.gone.extend(before.difference(after).map(|row| (number, row.clone())));
        self.new.extend(after.difference(before).map(|row| (number, row.clone())));
    }

    fn into_rows(mut self) -> [Rows; 2] {
        let keys = |rows: &[(i64, R)]| ("key", Column::Ints(rows.iter().map(|(key, _)| *key).collect()));
        let gone = std::iter::once(keys(&self.gone)).chain(R::identity(&mut self.gone)).collect();
        let new = std::iter::once(keys(&self.new)).chain(R::columns(&mut self.new)).collect();
        [
            Rows { columns: gone, action: RowAction::Delete { table: R::TABLE } },
            Rows { columns: new, action: RowAction::Insert { table: R::TABLE, suffix: "ON CONFLICT DO NOTHING" } },
        ]
    }
}

fn ints<R>(rows: &[(i64, R)], field: impl Fn(&R) -> i64) -> Column {
    Column::Ints(rows.iter().map(|(_, row)| field(row)).collect())
}

fn texts<R>(rows: &mut [(i64, R)], field: impl Fn(&mut R) -> &mut String) -> Column {
    Column::Texts(rows.iter_mut().map(|(_, row)| std::mem::take(field(row))).collect())
}

fn doubles<R>(rows: &[(i64, R)], field: impl Fn(&R) -> f64) -> Column {
    Column::MaybeDoubles(rows.iter().map(|(_, row)| Some(field(row))).collect())
}

impl IndexRow for Token {
    const TABLE: &'static str = "index_token";

    fn columns(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        vec![
            ("param", ints(rows, |row| row.param)),
            ("code", texts(rows, |row| &mut row.code)),
            ("system", ints(rows, |row| row.system)),
        ]
    }

    fn of(derived: &Derived) -> &BTreeSet<Self> {
        &derived.tokens
    }
}

impl IndexRow for Reference {
    const TABLE: &'static str = "index_reference";

    fn columns(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        vec![
            ("param", ints(rows, |row| row.param)),
            ("target_type", texts(rows, |row| &mut row.target_type)),
            ("target_id", texts(rows, |row| &mut row.target_id)),
            ("version", texts(rows, |row| &mut row.version)),
        ]
    }

    fn of(derived: &Derived) -> &BTreeSet<Self> {
        &derived.references
    }
}

impl IndexRow for DateRow {
    const TABLE: &'static str = "index_date";

    fn columns(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        vec![
            ("param", ints(rows, |row| row.param)),
            ("low", ints(rows, |row| row.low)),
            ("high", ints(rows, |row| row.high)),
        ]
    }

    fn of(derived: &Derived) -> &BTreeSet<Self> {
        &derived.dates
    }
}

impl IndexRow for QuantityRow {
    const TABLE: &'static str = "index_quantity";

    fn columns(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        vec![
            ("param", ints(rows, |row| row.param)),
            ("low", doubles(rows, |row| row.low.0)),
            ("high", doubles(rows, |row| row.high.0)),
            ("system", ints(rows, |row| row.system)),
            ("code", texts(rows, |row| &mut row.code)),
            ("unit", texts(rows, |row| &mut row.unit)),
        ]
    }

    fn of(derived: &Derived) -> &BTreeSet<Self> {
        &derived.quantities
    }
}

impl IndexRow for StringRow {
    const TABLE: &'static str = "index_string";

    fn columns(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        vec![
            ("param", ints(rows, |row| row.param)),
            ("folded", texts(rows, |row| &mut row.folded)),
            ("exact", texts(rows, |row| &mut row.exact)),
        ]
    }

    fn of(derived: &Derived) -> &BTreeSet<Self> {
        &derived.strings
    }
}

/// Bands of latitude are a twentieth of a degree high: about 5.6 km.
pub(super) fn band(latitude: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "degrees of latitude are few")]
    let band = (latitude * 20.0).floor() as i64;
    band
}

impl IndexRow for PositionRow {
    const TABLE: &'static str = "index_position";

    fn columns(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        let mut columns = Self::identity(rows);
        let point = |axis: usize| doubles(rows, move |row| unit_vector(row.latitude.0, row.longitude.0)[axis]);
        columns.push(("band", ints(rows, |row| band(row.latitude.0))));
        columns.extend([("x", point(0)), ("y", point(1)), ("z", point(2))]);
        columns
    }

    fn identity(rows: &mut [(i64, Self)]) -> Vec<(&'static str, Column)> {
        vec![
            ("param", ints(rows, |row| row.param)),
            ("latitude", doubles(rows, |row| row.latitude.0)),
            ("longitude", doubles(rows, |row| row.longitude.0)),
        ]
    }

    fn of(derived: &Derived) -> &BTreeSet<Self> {
        &derived.positions
    }
}
