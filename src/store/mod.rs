//! The only place with diesel: connections, the version log, current state, indexes, projections, the writer.

mod audit;
mod batch;
mod board;
mod cache;
mod change;
mod checkpoint;
mod connection;
mod dead_letter;
mod derived;
mod error;
mod event;
mod flush;
mod history;
mod housekeeping;
mod index;
mod lease;
mod lock;
mod migrate;
mod occupancy;
mod overlay;
mod parameter_state;
mod pool;
mod projection;
mod reindex;
mod resource;
mod search;
mod secret;
mod sql;
mod stamp;
mod vacancy;
mod writer;

pub use board::{
    BedCount, BedOnBoard, Board, BoardPolicy, BoardReport, Boarded, BoardsFound, BoardsWanted, LocationKind, Validity,
    WardOnBoard, WardReport, boards_of, lapsed_holds, location_kind, wards_of,
};
pub use cache::{Moment, Shown, keep_shown, shown};
pub use change::{
    Action, Assertion, Draft, Expect, Method, Origin, Refusal, Step, StepResult, Unit, UnitError, Version,
};
pub use connection::{Connection, Database};
pub use dead_letter::{DeadLetter, LetterState, keep_letter, letter, letters, settle_letter, sweep_letters};
pub use derived::{
    ANY_REFERENCE, Bed, DateRow, Derive, Derived, Double, Facility, Member, PositionRow, Projection, QuantityRow,
    Reference, Referral, Source, Standing, StringRow, Task, Token, Vacancy, Ward, parameter_id, system_id,
};
pub use error::StoreError;
pub use history::{LogEntry, Scope, Window, await_earlier, page as history_page, total as history_total};
pub use housekeeping::{KeepingDays, keep_house, sweep_marks, sweep_outbox};
pub use migrate::{is_current, migrate};
pub use occupancy::{
    BoardThen, OccupancyOf, OccupancyRecord, OccupiedWard, boards_then, facility_names, occupancy_records,
    occupied_wards,
};
pub use parameter_state::{MadeParameter, Manifest, ParameterState, Whole};
pub use reindex::{Stage, reindex};
pub use resource::{current, current_cached, current_of, stored_tree, version};
pub use search::{
    Bound, Circle, Compare, Condition, Count, Criteria, DatePattern, EARTH_RADIUS, Edge, Found, Hit, Indexed,
    Inherited, MOST_KEYS, Patterns, Place, QuantityPattern, ReferencePattern, Search, SearchLimits, SortBy, SortKey,
    SortValue, Span, StringPattern, Table, TokenPattern, TypeSearch, UnitPattern, VacancyPattern, count, currents,
    find, matches, matching_ids, referrers, referring,
};
pub use secret::secret;
pub use sql::{Column, RowAction, Rows, Sql, Value};
pub use vacancy::{WardNow, WardsNow, acceptance_places};
pub use writer::{WriterSettings, Writers};
