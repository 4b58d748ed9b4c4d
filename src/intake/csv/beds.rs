//! Rows of a table of beds.

use std::collections::HashMap;

use crate::exchange::{BedName, BedRow};
use crate::fhir::outcome::IssueCode;

use super::header::Column;
use super::row::{Row, Wrong};
use super::words;

/// What each row says, or why it says nothing.
pub fn read(rows: &[Row<'_>]) -> Vec<Result<BedRow, Wrong>> {
    let mut read: Vec<Result<BedRow, Wrong>> = rows.iter().map(one).collect();
    refuse_repeated(rows, &mut read);
    read
}

fn one(row: &Row<'_>) -> Result<BedRow, Wrong> {
    row.check_width()?;
    let bed = row.name(Column::Bed)?;
    let status = row.read(
        Column::Status,
        words::status,
        "空床・使用中・清掃中・汚染・隔離・閉鎖か、コード U・O・H・K・I・C にしてください。",
        "Use unoccupied, occupied, housekeeping, contaminated, isolated or closed, or a code: U, O, H, K, I, C.",
    )?;
    let status = status.ok_or_else(|| row.missing(Column::Status))?;
    Ok(BedRow { bed, status, as_of: Some(row.as_of()?) })
}

/// A bed in several rows has none of them applied: which one is meant is not ours to guess.
fn refuse_repeated(rows: &[Row<'_>], read: &mut [Result<BedRow, Wrong>]) {
    let mut by_bed: HashMap<BedName, Vec<usize>> = HashMap::new();
    for (index, row) in read.iter().enumerate() {
        if let Ok(row) = row {
            by_bed.entry(row.bed.clone()).or_default().push(index);
        }
    }
    for places in by_bed.into_values().filter(|places| places.len() > 1) {
        for (at, index) in places.iter().enumerate() {
            let other = places[usize::from(at == 0)];
            let line = rows[other].place(Column::Bed).line;
            read[*index] = Err(rows[*index].refuse(
                Column::Bed,
                IssueCode::Duplicate,
                &format!("{line} 行目と同じ病床です。どちらも反映していません。一行だけにしてください。"),
                &format!("Line {line} is of the same bed. Neither was applied. Keep one of them."),
            ));
        }
    }
}
