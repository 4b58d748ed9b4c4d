//! Counts that a hospital posts for a ward, written into the ward's text.

use crate::fhir::instant::Instant;
use crate::fhir::json::Json;
use crate::fhir::outcome::CANONICAL;
use crate::store::Vacancy;

use super::overlay::{number, object, part, url_of};

/// The ward with these counts in the place of all that it had.
pub fn with_counts(ward: &Json, counts: &[Vacancy]) -> Json {
    let url = url_of("bed-vacancy");
    let is_count = |extension: &&Json| extension.get_str("url") == Some(&url);
    let old = ward.items("extension");
    // Where the old ones stood: the order of extensions is content, and another one would be another version.
    let place = old.iter().position(|extension| is_count(&extension)).unwrap_or(old.len());
    let mut all: Vec<Json> = old[..place].to_vec();
    all.extend(counts.iter().map(|count| posted(count, &url)));
    all.extend(old[place..].iter().filter(|extension| !is_count(extension)).cloned());
    let mut ward = ward.clone();
    if let Some(members) = ward.as_object_mut() {
        if all.is_empty() { drop(members.remove("extension")) } else { drop(members.insert("extension", all)) }
    }
    ward
}

fn posted(count: &Vacancy, url: &str) -> Json {
    let mut parts = Vec::new();
    if let Some(sex) = &count.sex {
        let system = format!("{CANONICAL}/CodeSystem/admittable-sex");
        parts.push(part("sex", "valueCoding", object([("system", system.into()), ("code", sex.as_str().into())])));
    }
    parts.extend(count.isolation.map(|isolation| part("isolation", "valueBoolean", Json::Bool(isolation))));
    let numbers = [
        ("staffed", count.staffed),
        ("occupied", count.occupied),
        ("reserved", count.reserved),
        ("blocked", count.blocked),
        ("available", count.available),
    ];
    for (name, value) in numbers {
        parts.extend(value.map(|value| part(name, "valueUnsignedInt", number(value))));
    }
    for (name, moment) in [("asOf", count.as_of), ("validUntil", count.valid_until)] {
        parts.extend(moment.map(|moment| part(name, "valueInstant", Instant(moment).to_fhir().into())));
    }
    parts.extend(count.source.map(|source| part("source", "valueCode", source.code().into())));
    object([("url", url.into()), ("extension", parts.into())])
}
