//! Operations on HL7 v2 messages that could not be applied.

pub mod dead_letters;
pub mod replay;

use crate::fhir::outcome::Language;

/// In the reader's language.
fn chosen<'t>(language: Language, ja: &'t str, en: &'t str) -> &'t str {
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}
