//! Codes above and below a code in its system's hierarchy. R4 `codesystem.html#hierarchy`.

use crate::profile::Definitions;

use super::Refusal;
use super::lookup::{absent, system};

impl Definitions {
    /// The code itself and all below it, or all above it.
    pub fn related_codes(&self, canonical: &str, code: &str, below: bool) -> Result<Vec<String>, Refusal> {
        let system = system(&self.inner.terminology, canonical, None)?;
        let concept = system.concept(code).ok_or_else(|| absent(system, code))?;
        let related = system.concepts().iter().filter(|other| match below {
            true => system.is_below(&other.code, &concept.code),
            false => system.is_below(&concept.code, &other.code),
        });
        Ok(std::iter::once(concept).chain(related).map(|concept| concept.code.to_string()).collect())
    }
}
