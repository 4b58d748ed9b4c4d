//! Search: the parameters of a request read into criteria, and the index rows that answer them. No SQL.

mod composite;
mod extract;
mod fold;
mod parameters;
mod query;
mod request;
mod value;

pub use parameters::{Component, Parameter, Parameters};
pub use query::{NON_FEATURES, Scope, read, read_criteria, split_query};
pub use request::{Ignored, Include, Near, SearchRequest, TypeRequest};
pub use value::date::date_range;
pub use value::escape::escape;
pub use value::near::circle;
pub use value::token::exact as exact_token;
