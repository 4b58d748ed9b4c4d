//! The only place with diesel: connections, the version log, current state, indexes, projections, the writer.

mod audit;
mod batch;
mod cache;
mod change;
mod checkpoint;
mod connection;
mod derived;
mod error;
mod event;
mod flush;
mod history;
mod housekeeping;
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
pub use derived::{
    Bed, Derive, Derived, Facility, Member, Projection, Reference, Referral, Task, Token, Ward, parameter_id,
};
pub use error::StoreError;
pub use history::{LogEntry, Scope, Window, await_earlier, page as history_page, total as history_total};
pub use housekeeping::{keep_house, sweep_outbox};
pub use migrate::{is_current, migrate};
pub use query::{Condition, Criteria, TokenPattern, count_matching, matching_ids, referrers};
pub use reindex::reindex;
pub use resource::{current, current_cached, current_of, version};
pub use sql::{Column, RowAction, Rows, Sql, Value};
pub use writer::{WriterSettings, Writers};
