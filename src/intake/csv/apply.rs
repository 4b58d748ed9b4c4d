//! From a file's rows to the gateway, and what came of them.

use futures_util::StreamExt;

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::exchange::{BedReport, CountReport, Gateway, RowDone, Source, aside};
use crate::fhir::id::ResourceId;
use crate::fhir::outcome::{Issue, IssueCode, Severity};

use super::decode::{Charset, decode};
use super::header::{Column, Header, Kind};
use super::row::Row;
use super::table::Table;
use super::{beds, wards};

/// Wards on their way at a time: enough for them to share commits.
const AT_A_TIME: usize = 32;

/// How a file is taken in.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the sender says the file is written in.
    pub charset: Option<Charset>,
    /// Everything is judged, nothing is written.
    pub dry_run: bool,
    /// The facility or ward, a Location's logical id, in which all beds and wards must lie.
    pub within: Option<ResourceId>,
}

/// What came of a file that could be read.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Rows that changed something.
    pub applied: usize,
    /// Rows that said what was known.
    pub unchanged: usize,
    pub refused: usize,
    /// One for each refused row, and warnings; in the order of their places.
    pub issues: Vec<Issue>,
    pub dry_run: bool,
}

impl Taken {
    /// The counts, in words.
    pub fn summary(&self) -> Issue {
        let Taken { applied, unchanged, refused, .. } = self;
        let (ja, en) = if self.dry_run {
            ("試行のため何も書き込んでいません。取り込むと: ", "A dry run: nothing was written. An import would give: ")
        } else {
            ("", "")
        };
        Issue::new(
            Severity::Information,
            IssueCode::Informational,
            format!("{ja}反映 {applied} 行、変更なし {unchanged} 行、受け付けず {refused} 行。"),
            format!("{en}{applied} rows applied, {unchanged} unchanged, {refused} refused."),
        )
    }

    fn add(&mut self, row: &Row<'_>, column: Column, done: Result<RowDone>) {
        match done {
            Ok(RowDone::Changed(_)) => self.applied += 1,
            Ok(RowDone::Unchanged) => self.unchanged += 1,
            Err(error) => self.refuse(placed(row, column, error)),
        }
    }

    fn refuse(&mut self, issue: Issue) {
        self.refused += 1;
        self.issues.push(issue);
    }
}

/// Takes in a file. 400, 413 or 422 where it cannot be read as a table; then nothing is written.
pub async fn import(gateway: &Gateway, caller: &Caller, bytes: &[u8], options: Options) -> Result<Taken> {
    let text = aside(bytes.len(), || decode(bytes, options.charset))?;
    let table = aside(text.len(), || Table::read(&text, gateway.limits.entries))?;
    let (header, not_read) = Header::read(&table)?;
    let (now, latest) = (gateway.now(), gateway.latest_moment());
    let row = |record| Row { table: &table, header: &header, record, now, latest };
    let rows: Vec<Row<'_>> = table.rows.iter().map(row).collect();
    let mut taken = Taken { dry_run: options.dry_run, ..Taken::default() };
    taken.issues.extend(not_read);
    match header.kind {
        Kind::Beds => import_beds(gateway, caller, &rows, options.within, &mut taken).await?,
        Kind::Wards => import_wards(gateway, caller, &rows, options.within, &mut taken).await?,
    }
    taken.issues.sort_by_key(|issue| issue.place);
    Ok(taken)
}

/// All rows in one unit.
async fn import_beds(
    gateway: &Gateway,
    caller: &Caller,
    rows: &[Row<'_>],
    within: Option<ResourceId>,
    taken: &mut Taken,
) -> Result<()> {
    let mut good = Vec::new();
    let mut report = BedReport { source: Source::Manual, dry_run: taken.dry_run, within, ..BedReport::default() };
    for (row, read) in rows.iter().zip(beds::read(rows)) {
        match read {
            Ok(read) => {
                good.push(row);
                report.rows.push(read);
            }
            Err(issue) => taken.refuse(*issue),
        }
    }
    if report.rows.is_empty() {
        return Ok(());
    }
    let answer = gateway.report_beds(caller, report).await?;
    good.into_iter().zip(answer.rows).for_each(|(row, done)| taken.add(row, Column::Bed, done));
    Ok(())
}

/// Each ward in a unit of its own.
async fn import_wards(
    gateway: &Gateway,
    caller: &Caller,
    rows: &[Row<'_>],
    within: Option<ResourceId>,
    taken: &mut Taken,
) -> Result<()> {
    let (wards, nameless) = wards::read(rows);
    nameless.into_iter().for_each(|(_, issue)| taken.refuse(*issue));
    let dry_run = taken.dry_run;
    let one = |ward: wards::Ward| {
        let within = within.clone();
        async move {
            let report = |counts| CountReport { ward: ward.name, within, counts, dry_run };
            let done = match ward.counts {
                Ok(counts) => Ok(gateway.report_counts(caller, report(counts)).await),
                Err(issues) => Err(issues),
            };
            (ward.rows, done)
        }
    };
    let mut taking = futures_util::stream::iter(wards.into_iter().map(one)).buffer_unordered(AT_A_TIME);
    while let Some((numbers, done)) = taking.next().await {
        match done {
            Ok(done) => numbers.iter().for_each(|number| taken.add(&rows[*number], Column::Ward, done.clone())),
            Err(issues) => issues.into_iter().for_each(|issue| taken.refuse(*issue)),
        }
    }
    Ok(())
}

/// A refusal by the gateway, as the row's one issue: its first reason, with the place of the cell that names the bed or ward.
fn placed(row: &Row<'_>, column: Column, error: Error) -> Issue {
    let place = Some(row.place(column));
    let first = error.issues.into_iter().find(Issue::is_error);
    match first {
        // The gateway knows of rows by other numbers.
        Some(issue) if issue.code == IssueCode::Duplicate => *row.refuse(
            column,
            issue.code,
            "ファイルの別の行が同じ病床を別の識別子で指しています。一行だけにしてください。",
            "Another row of the file is of the same bed, by another identifier. Keep one of them.",
        ),
        // Its pointer is into the resource, which the sender never saw.
        Some(issue) => Issue { place, pointer: None, ..issue },
        None => *row.refuse(column, IssueCode::Processing, "受け付けられません。", "It was refused."),
    }
}
