//! What the boards showed, as a series in `ward_occupancy`: a row whenever a ward's counts change, are no longer believed, or
//! are believed again. `migrations/*/0009_occupancy`.
//!
//! That reports keep counts fresh makes no row: else every snapshot of every hospital would. So a row is written late where
//! counts ran out: with the next thing that is heard of the ward. Until then its board tells when they ran out.

use super::super::sql::{Column, RowAction, Rows};
use super::ward::{Reported, Slice, WardState};
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, Object, to_compact};

/// Where a ward belongs: facility and bed function.
pub(super) type Belonging = (Option<String>, Option<String>);

/// A ward's counts from a moment on.
pub(super) struct SeriesRow {
    key: i64,
    pub at: i64,
    belonging: Belonging,
    /// Staffed, occupied, reserved, blocked, available.
    totals: [Option<i64>; 5],
    counts: String,
}

/// A count with the freshness that it had.
struct Shown<'a> {
    slice: &'a Slice,
    as_of: Option<i64>,
    valid_until: i64,
    known: bool,
}

impl WardState {
    /// What this batch adds to the series, oldest first.
    pub(super) fn series(&self, key: i64, now: i64) -> Vec<SeriesRow> {
        let (stored, mut last, mut rows) = (&self.stored, self.stored.series_at, Vec::new());
        let mut before = shown(&stored.slices, stored.report, last);
        for at in if last > 0 { lapses(&before, last, now) } else { Vec::new() } {
            let then = shown(&stored.slices, stored.report, at);
            if !same(&before, &then) {
                rows.push(SeriesRow::new(key, at, &stored.belonging, &then));
                (last, before) = (at, then);
            }
        }
        let after = if self.is_ward { shown(&self.slices, self.report, now) } else { Vec::new() };
        let differs = match last {
            0 => !after.is_empty(),
            _ => !same(&before, &after) || self.belonging != stored.belonging,
        };
        if differs {
            // Clocks of gateways differ, and a millisecond may see several changes: what comes later stands later.
            rows.push(SeriesRow::new(key, now.max(last + 1), &self.belonging, &after));
        }
        rows
    }
}

fn shown(slices: &[Slice], report: Option<Reported>, at: i64) -> Vec<Shown<'_>> {
    slices.iter().map(|slice| Shown::of(slice, report, at)).collect()
}

/// When counts ran out since `last`, in order.
fn lapses(shown: &[Shown<'_>], last: i64, now: i64) -> Vec<i64> {
    let mut moments: Vec<i64> =
        shown.iter().map(|shown| shown.valid_until).filter(|until| last < *until && *until <= now).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// Whether who looked saw the same, but for how fresh it is.
fn same(left: &[Shown<'_>], right: &[Shown<'_>]) -> bool {
    let one = |(left, right): (&Shown<'_>, &Shown<'_>)| {
        let kind =
            |shown: &Shown<'_>| (shown.slice.sex.clone(), shown.slice.isolation, shown.slice.source, shown.known);
        kind(left) == kind(right) && left.slice.counts_as(right.slice)
    };
    left.len() == right.len() && left.iter().zip(right).all(one)
}

impl SeriesRow {
    fn new(key: i64, at: i64, belonging: &Belonging, shown: &[Shown<'_>]) -> SeriesRow {
        let all_known = !shown.is_empty() && shown.iter().all(|shown| shown.known);
        let total = |field: fn(&Slice) -> Option<i64>| {
            let sum: Option<i64> = shown.iter().map(|shown| field(shown.slice)).sum();
            sum.filter(|_| all_known)
        };
        let totals = [
            total(|slice| slice.staffed),
            total(|slice| slice.occupied),
            total(|slice| slice.reserved),
            total(|slice| slice.blocked),
            total(|slice| slice.available),
        ];
        let counts = to_compact(&Json::from(shown.iter().map(Shown::told).collect::<Vec<Json>>()));
        SeriesRow { key, at, belonging: belonging.clone(), totals, counts }
    }
}

impl<'a> Shown<'a> {
    fn of(slice: &'a Slice, report: Option<Reported>, at: i64) -> Shown<'a> {
        let (as_of, valid_until) = slice.freshness(report);
        Shown { slice, as_of, valid_until, known: as_of.is_some() && valid_until > at }
    }

    fn told(&self) -> Json {
        let slice = self.slice;
        let mut told = Object::new();
        slice.sex.iter().for_each(|sex| drop(told.insert("sex", sex.as_str())));
        slice.isolation.iter().for_each(|isolation| drop(told.insert("isolation", *isolation)));
        let numbers = [
            ("staffed", slice.staffed),
            ("occupied", slice.occupied.filter(|_| self.known)),
            ("reserved", slice.reserved.filter(|_| self.known)),
            ("blocked", slice.blocked.filter(|_| self.known)),
            ("available", slice.available.filter(|_| self.known)),
        ];
        for (name, number) in numbers {
            number.iter().for_each(|number| drop(told.insert(name, *number)));
        }
        self.as_of.iter().for_each(|as_of| drop(told.insert("asOf", Instant(*as_of).to_fhir())));
        told.insert("source", slice.source.map_or("derived", |source| source.code()));
        told.into()
    }
}

/// A ward that is taken away and made anew in one millisecond.
const LATER_STANDS: &str = "ON CONFLICT (key, at) DO UPDATE SET facility_id = excluded.facility_id, \
     bed_function = excluded.bed_function, staffed = excluded.staffed, occupied = excluded.occupied, \
     reserved = excluded.reserved, blocked = excluded.blocked, available = excluded.available, counts = excluded.counts";

/// The rows to put.
pub(super) fn series_rows(rows: Vec<SeriesRow>) -> Rows {
    let total = |at: usize| Column::MaybeInts(rows.iter().map(|row| row.totals[at]).collect());
    Rows {
        columns: vec![
            ("key", Column::Ints(rows.iter().map(|row| row.key).collect())),
            ("at", Column::Ints(rows.iter().map(|row| row.at).collect())),
            ("facility_id", Column::MaybeTexts(rows.iter().map(|row| row.belonging.0.clone()).collect())),
            ("bed_function", Column::MaybeTexts(rows.iter().map(|row| row.belonging.1.clone()).collect())),
            ("staffed", total(0)),
            ("occupied", total(1)),
            ("reserved", total(2)),
            ("blocked", total(3)),
            ("available", total(4)),
            ("counts", Column::Texts(rows.iter().map(|row| row.counts.clone()).collect())),
        ],
        action: RowAction::Insert { table: "ward_occupancy", suffix: LATER_STANDS },
    }
}
