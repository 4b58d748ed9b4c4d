//! Ways in other than FHIR over HTTP. All of them join at `exchange`: one path, one set of rules.

pub mod csv;
pub mod hl7v2;
