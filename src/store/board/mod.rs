//! The boards of wards, kept in the transaction of what changes them: how fresh beds and counts are, what the beds come to,
//! and which of them are held. DOMAIN §3; `migrations/*/0006_bed_board`.
//!
//! Each batch loads the wards that its units touch, applies the steps in memory, and writes what differs. `ward_board.changes`
//! is checked by that write, so that of two gateways one is told to try again: nobody decides by a board that has moved.

mod apply;
mod cache;
mod columns;
mod lapse;
mod load;
mod plan;
mod policy;
mod rows;
mod series;
mod view;
mod ward;

pub use apply::{BoardReport, WardReport};
pub(super) use apply::{Boards, Touch};
pub(super) use cache::BoardCache;
pub(super) use columns::{COUNT_COLUMNS, CountColumns};
pub use lapse::lapsed_holds;
pub use plan::{BedOnBoard, Boarded, LocationKind, WardOnBoard, location_kind, wards_of};
pub use policy::{BoardPolicy, Validity};
pub use view::{Board, BoardsFound, BoardsWanted, Count as BedCount, boards_of};
pub(super) use ward::Slice;
