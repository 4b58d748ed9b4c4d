//! What the tests of this folder share.

/// The committed pack.
pub fn pack() -> &'static [u8] {
    include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz")
}
