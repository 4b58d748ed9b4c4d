//! Operations on HL7 v2 messages that could not be applied.

pub mod dead_letters;
pub mod replay;

use crate::fhir::json::{Json, Object};
use crate::fhir::outcome::Language;

fn parameters(list: Vec<Json>) -> Json {
    let mut parameters = Object::new();
    parameters.insert("resourceType", "Parameters");
    if !list.is_empty() {
        parameters.insert("parameter", list);
    }
    Json::Object(parameters)
}

fn parts_of(name: &str, parts: Vec<Json>) -> Json {
    Json::Object([("name".to_owned(), Json::from(name)), ("part".to_owned(), Json::from(parts))].into_iter().collect())
}

fn part(name: &str, member: &str, value: impl Into<Json>) -> Json {
    Json::Object([("name".to_owned(), Json::from(name)), (member.to_owned(), value.into())].into_iter().collect())
}

/// In the reader's language.
fn chosen<'t>(language: Language, ja: &'t str, en: &'t str) -> &'t str {
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}
