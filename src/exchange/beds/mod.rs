//! Bed reports: what hospitals' systems say of many beds at once, whichever way it came in.

mod before;
mod counts;
mod current;
mod lapse;
mod plan;
mod report;

pub(super) use plan::no_place;

use crate::error::Result;
use crate::fhir::id::ResourceId;
use crate::fhir::instant::Instant;
use crate::region::BedStatus;
use crate::store::{Source, Vacancy};

/// How a report names a bed, ward or facility.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BedName {
    /// The logical id of its Location.
    Id(ResourceId),
    /// A `Location.identifier`; without a system, whatever the system is.
    Identifier { system: Option<String>, value: String },
}

/// What is said of one bed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BedRow {
    pub bed: BedName,
    pub status: BedStatus,
    /// When it was so; `None`: now.
    pub as_of: Option<Instant>,
}

/// One report.
#[derive(Clone, Debug, Default)]
pub struct BedReport {
    pub rows: Vec<BedRow>,
    pub source: Source,
    /// The facility or ward, a Location's logical id, in which every bed must lie.
    pub within: Option<ResourceId>,
    /// Judge, and write nothing.
    pub dry_run: bool,
    /// All rows are applied or none (a transfer: one bed is freed, another filled).
    pub together: bool,
    /// Names a report that is applied once for ever.
    pub digest: Option<String>,
    /// Beds, and wards and facilities for all of their beds, of which everything that is stored is still true.
    pub still_true: Vec<BedName>,
    /// When it was; `None`: now.
    pub still_true_as_of: Option<Instant>,
}

/// The counts of a ward without beds of its own, in the place of all that were posted before.
#[derive(Clone, Debug)]
pub struct CountReport {
    pub ward: BedName,
    /// The facility, a Location's logical id, in which the ward must lie.
    pub within: Option<ResourceId>,
    pub counts: Vec<Vacancy>,
    /// Everything is judged, nothing is written.
    pub dry_run: bool,
}

/// What became of a report.
#[derive(Clone, Debug, Default)]
pub struct ReportAnswer {
    /// In the order of the rows.
    pub rows: Vec<Result<RowDone>>,
    /// A report with this digest was applied before: nothing was done now.
    pub already_taken: bool,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowDone {
    /// The bed has a new status, in this version; 0 where nothing was written: a dry run.
    Changed(i64),
    /// It had that status; the report keeps it fresh.
    Unchanged,
}
