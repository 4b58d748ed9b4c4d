//! Search: the parameters of a request read into criteria, and the index rows that answer them. No SQL.

mod extract;
mod query;

pub use extract::{identifier_tokens, literal_references};
pub use query::{Ignored, Parsed, criteria_of, date_range, parse_query, split_query};
