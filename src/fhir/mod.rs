//! The pure wire model of FHIR R4: JSON, ids, references, instants, outcomes, patches. No I/O.

pub mod fhirpath;
pub mod id;
pub mod instant;
pub mod json;
pub mod outcome;
pub mod parameters;
pub mod patch;
pub mod resource;
