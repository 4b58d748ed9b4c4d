//! The only place with diesel: connections, the version log, current state, indexes, projections, the writer.

mod audit;
mod batch;
mod cache;
mod change;
mod checkpoint;
mod connection;
mod criteria;
mod derived;
mod error;
mod event;
mod find;
mod flush;
mod history;
mod housekeeping;
mod index;
mod lock;
mod migrate;
mod overlay;
mod projection;
mod query;
mod reindex;
mod resource;
mod sql;
mod stamp;
mod writer;

pub use change::{
    Action, Assertion, Draft, Expect, Method, Origin, Refusal, Step, StepResult, Unit, UnitError, Version,
};
pub use connection::{Connection, Database};
pub use criteria::{
    Bound, Circle, Compare, Condition, Criteria, DatePattern, EARTH_RADIUS, Edge, Indexed, Inherited, Patterns,
    QuantityPattern, ReferencePattern, SortBy, SortKey, Span, StringPattern, Table, TokenPattern, UnitPattern,
    VacancyPattern, matches,
};
pub use derived::{
    ANY_REFERENCE, Bed, DateRow, Derive, Derived, Double, Facility, Member, PositionRow, Projection, QuantityRow,
    Reference, Referral, StringRow, Task, Token, Vacancy, Ward, parameter_id, system_id,
};
pub use error::StoreError;
pub use find::{Count, Found, Hit, Place, Search, SearchLimits, SortValue, TypeSearch};
pub use history::{LogEntry, Scope, Window, await_earlier, page as history_page, total as history_total};
pub use housekeeping::{keep_house, sweep_outbox};
pub use migrate::{is_current, migrate};
pub use query::{count_matching, matching_ids, referrers};
pub use reindex::reindex;
pub use resource::{current, current_cached, current_of, version};
pub use sql::{Column, RowAction, Rows, Sql, Value};
pub use writer::{WriterSettings, Writers};
