//! Rows of a table of ward counts: those of a ward go together, and take the place of all that it had.

use std::collections::HashMap;

use crate::exchange::{BedName, Source, Vacancy};
use crate::fhir::outcome::IssueCode;

use super::header::Column;
use super::row::{Row, Wrong};
use super::words;

/// The rows of one ward.
#[derive(Debug)]
pub struct Ward {
    /// Of the ward's rows, their numbers.
    pub rows: Vec<usize>,
    pub name: BedName,
    /// One for each row; none where a row is refused, with the rows' issues in their order.
    pub counts: Result<Vec<Vacancy>, Vec<Wrong>>,
}

/// The wards in the order in which they come, and the rows that name none.
pub fn read(rows: &[Row<'_>]) -> (Vec<Ward>, Vec<(usize, Wrong)>) {
    let (mut wards, mut nameless): (Vec<(BedName, Vec<usize>)>, _) = (Vec::new(), Vec::new());
    let mut known: HashMap<BedName, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        match row.check_width().and_then(|()| row.name(Column::Ward)) {
            Err(issue) => nameless.push((index, issue)),
            Ok(name) => {
                let at = *known.entry(name.clone()).or_insert(wards.len());
                if at == wards.len() {
                    wards.push((name, Vec::new()));
                }
                wards[at].1.push(index);
            }
        }
    }
    let wards = wards.into_iter().map(|(name, numbers)| {
        let counts = together(rows, &numbers);
        Ward { rows: numbers, name, counts }
    });
    (wards.collect(), nameless)
}

fn together(rows: &[Row<'_>], numbers: &[usize]) -> Result<Vec<Vacancy>, Vec<Wrong>> {
    let mut read: Vec<Result<Vacancy, Wrong>> = numbers.iter().map(|number| one(&rows[*number])).collect();
    let mut slices: HashMap<(Option<String>, Option<bool>), usize> = HashMap::new();
    for (at, number) in numbers.iter().enumerate() {
        let Ok(count) = &read[at] else { continue };
        // A slice that does not speak of isolation is one of beds without.
        let slice = (count.sex.clone(), Some(count.isolation.unwrap_or(false)));
        if let Some(first) = slices.insert(slice, at) {
            let line = rows[numbers[first]].place(Column::Ward).line;
            read[at] = Err(rows[*number].refuse(
                Column::Ward,
                IssueCode::Duplicate,
                &format!("{line} 行目と病棟・性別・隔離が同じです。一行だけにしてください。"),
                &format!("Line {line} has the same ward, sex and isolation. Keep one of them."),
            ));
        }
    }
    let Some(bad) = read.iter().position(Result::is_err) else { return Ok(read.into_iter().flatten().collect()) };
    let line = rows[numbers[bad]].place(Column::Ward).line;
    let with_it = read.into_iter().zip(numbers);
    Err(with_it.map(|(read, number)| read.err().unwrap_or_else(|| not_alone(&rows[*number], line))).collect())
}

fn one(row: &Row<'_>) -> Result<Vacancy, Wrong> {
    let (ja, en) = ("男性・女性・不問のどれかにしてください。", "Use male, female or any.");
    let sex = row.read(Column::Sex, words::sex, ja, en)?.map(str::to_owned);
    let (ja, en) = ("はいかいいえにしてください。", "Use yes or no.");
    let isolation = row.read(Column::Isolation, words::flag, ja, en)?;
    let available = row.count(Column::Available)?.ok_or_else(|| row.missing(Column::Available))?;
    let as_of = row.as_of()?;
    let count = Vacancy {
        sex,
        isolation,
        staffed: row.count(Column::Staffed)?,
        occupied: row.count(Column::Occupied)?,
        reserved: row.count(Column::Reserved)?,
        blocked: row.count(Column::Blocked)?,
        available: Some(available),
        as_of: Some(as_of.0),
        valid_until: row.moment(Column::ValidUntil)?.map(|until| until.0),
        source: Some(Source::Manual),
    };
    check(row, &count)?;
    Ok(count)
}

/// The rules of `bed-vacancy`, with the cell that breaks them.
fn check(row: &Row<'_>, count: &Vacancy) -> Result<(), Wrong> {
    let parts = [count.occupied, count.reserved, count.blocked, count.available];
    let sum: i64 = parts.into_iter().flatten().sum();
    if count.staffed.is_some_and(|staffed| sum > staffed) {
        return Err(row.refuse(
            Column::Staffed,
            IssueCode::Invariant,
            &format!("使用・予約・停止・空床の合計 {sum} より少なくなっています。どれかを直してください。"),
            &format!("That is less than occupied, reserved, blocked and available together, {sum}. Mend one of them."),
        ));
    }
    if count.valid_until.zip(count.as_of).is_some_and(|(until, as_of)| until < as_of) {
        return Err(row.refuse(
            Column::ValidUntil,
            IssueCode::Invariant,
            "時点より前です。時点以後にするか、空欄にしてください。",
            "That is before the moment of the counts. Give a later one, or leave it empty.",
        ));
    }
    Ok(())
}

fn not_alone(row: &Row<'_>, line: usize) -> Wrong {
    row.refuse(
        Column::Ward,
        IssueCode::Conflict,
        &format!("同じ病棟の {line} 行目に誤りがあるため、この行も反映していません。"),
        &format!("Line {line} of the same ward is wrong, so this one was not applied either."),
    )
}
