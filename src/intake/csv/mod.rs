//! Tables of beds and of ward counts, for hospitals with neither a feed nor FHIR. docs/csv.md has the columns.
//!
//! ```text
//! bytes ─► decode ─► table ─► header: beds or wards? ─► rows ─► exchange ─► report
//! ```
//!
//! A file that cannot be read as a table is refused whole. After that each row stands for itself (of a ward's counts, all rows
//! of that ward): good rows are applied, and each bad one is told with its place.

mod apply;
mod beds;
mod decode;
mod header;
mod moment;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod wards;
mod words;

pub use apply::{Options, Taken, import};
pub use decode::Charset;
pub use header::{Kind, template};
