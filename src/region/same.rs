//! Whether two texts of a location say the same, whenever it was so. ARCHITECTURE.md, "Beds".

use crate::fhir::json::{Json, Object};
use crate::fhir::outcome::CANONICAL;
use crate::fhir::resource::same_content;

/// Equal apart from what the server writes, from `as-of`, and from the `asOf` and `validUntil` of counts.
pub fn is_same_location(left: &Json, right: &Json) -> bool {
    same_content(left, right) || same_content(&without_moments(left), &without_moments(right))
}

fn without_moments(location: &Json) -> Json {
    let Some(members) = location.as_object() else { return location.clone() };
    let kept = members.iter().map(|(name, value)| match (name, value) {
        ("extension", Json::Array(extensions)) => (name.to_owned(), timeless(extensions)),
        _ => (name.to_owned(), value.clone()),
    });
    let empty =
        |member: &(String, Json)| member.0 == "extension" && member.1.as_array().is_some_and(<[Json]>::is_empty);
    Json::Object(kept.filter(|member| !empty(member)).collect::<Object>())
}

fn timeless(extensions: &[Json]) -> Json {
    let (as_of, vacancy) =
        (format!("{CANONICAL}/StructureDefinition/as-of"), format!("{CANONICAL}/StructureDefinition/bed-vacancy"));
    let others = extensions.iter().filter(|extension| extension.get_str("url") != Some(&as_of));
    let each = others.map(|extension| match extension.as_object() {
        Some(slice) if extension.get_str("url") == Some(&vacancy) => {
            let parts = slice.iter().map(|(name, value)| match (name, value) {
                ("extension", Json::Array(parts)) => (name.to_owned(), without_times(parts)),
                _ => (name.to_owned(), value.clone()),
            });
            Json::Object(parts.collect::<Object>())
        }
        _ => extension.clone(),
    });
    Json::Array(each.collect())
}

fn without_times(parts: &[Json]) -> Json {
    let is_time = |part: &&Json| matches!(part.get_str("url"), Some("asOf" | "validUntil"));
    Json::Array(parts.iter().filter(|part| !is_time(part)).cloned().collect())
}
