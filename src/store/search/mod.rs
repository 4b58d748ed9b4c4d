//! Searching: the typed tree of a query, its SQL, and the way from there to a page of matches.
//!
//! ```text
//! Criteria ─► Shape (probe | set) ─► Driver ─► page ─► Found
//! ```
//!
//! A page walks the rows of one condition, the driver, in the order of keys, and asks the other conditions of each
//! resource that it meets. It begins with the condition that is likely to be the most selective; where the first few
//! hundred rows do not fill the page, the conditions are counted, up to a bound, and the smallest one drives from there on.
//! Since every driver goes by keys, the place between two matches is a key, whatever happens in between.

mod condition;
mod count;
mod criteria;
mod driver;
mod find;
mod include;
mod inherit;
mod nearest;
mod page;
mod predicate;
mod prepared;
mod query;
mod scan;
mod sort;
mod sorted;
mod unsorted;

pub use count::{Count, count};
pub(super) use criteria::unit_vector;
pub use criteria::{
    Bound, Circle, Compare, Condition, Criteria, DatePattern, EARTH_RADIUS, Edge, Indexed, Inherited, Patterns,
    QuantityPattern, ReferencePattern, SortBy, SortKey, Span, StringPattern, Table, TokenPattern, UnitPattern,
    VacancyPattern, matches,
};
pub use find::{Found, Hit, Place, Search, SearchLimits, SortValue, TypeSearch, find};
pub use include::{currents, referring};
pub use page::MOST_KEYS;
pub use query::{matching_ids, referrers};
