//! Patches: JSON Patch (RFC 6902) and FHIRPath Patch (R4 `fhirpatch.html`), on the tree that keeps number text and
//! key order. Both are all or nothing: on error the document is untouched.

pub mod fhirpath_patch;
pub mod json_patch;

mod cardinality;
mod error;
mod operation;
mod place;
mod slot;

#[cfg(test)]
mod fhirpath_patch_tests;

pub use error::{PatchError, PatchErrorKind, Reason};
pub use fhirpath_patch::{Cardinality, Unknown};
