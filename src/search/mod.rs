//! Search: the parameters of a request read into criteria, and the index rows that answer them. No SQL.

mod extract;
mod parameters;
mod query;
mod request;

pub use extract::{identifier_tokens, literal_references};
pub use parameters::{Component, Parameter, Parameters};
pub use query::{Parsed, criteria_of, date_range, parse_query, split_query};
pub use request::{Ignored, Include, Near, SearchRequest, TypeRequest};
