//! JSON as FHIR needs it: key order, number text and source positions survive.
//!
//! `serde_json::Value` loses the written form of decimals (`1.50` becomes `1.5`) and silently keeps the last of
//! two equal keys, and FHIR forbids both (R4 `json.html`, `datatypes.html#decimal`). So resources are parsed into
//! [`Json`], and edits that must not disturb the rest of the text go through [`scan`].

mod parse;
mod place;
mod rules;
pub mod scan;
mod value;
mod write;

pub use parse::{Limits, SyntaxError, SyntaxErrorKind, parse};
pub use place::{Place, locate, locate_all};
pub use rules::{FhirRule, Violation, check_fhir_rules};
pub use value::{Json, Number, Object, escape_pointer, expression_of_pointer};
pub use write::{to_compact, to_pretty, write_string};
