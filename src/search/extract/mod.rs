//! Index rows from a resource's content.

mod path;
mod references;
mod rows;
mod text;

#[cfg(test)]
mod tests;

pub use path::{Element, Path, branches};
pub use references::literal_references;
pub use rows::{Collector, collect};
pub use text::index_form;
