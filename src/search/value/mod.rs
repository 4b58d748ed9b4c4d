//! Values of search parameters, one kind a file: from the text of a query to the patterns that the store compares.
//! R4 `search.html#ptypes`.

pub mod date;
pub mod decimal;
pub mod escape;
pub mod near;
pub mod prefix;
pub mod quantity;
pub mod reference;
pub mod string;
pub mod token;
pub mod uri;
pub mod vacancy;
