//! What the gateway itself knows of beds and wards, laid over their texts when they are read, and taken out of what comes
//! back. ARCHITECTURE.md, "Beds".

use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, Number, Object};
use crate::fhir::outcome::CANONICAL;
use crate::store::{BedCount, Board};

const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

pub(super) fn url_of(name: &str) -> String {
    format!("{CANONICAL}/StructureDefinition/{name}")
}

/// The location as it is at `now`; `None` where its text says so already.
pub fn laid_over(location: &Json, board: &Board, now: Instant) -> Option<Json> {
    match board {
        Board::Bed { as_of } => {
            let url = url_of("as-of");
            let moment = Instant(*as_of);
            let said = location.items("extension").iter().find(|extension| extension.get_str("url") == Some(&url));
            let said = said.and_then(|extension| Instant::parse(extension.get_str("valueInstant")?));
            (said != Some(moment)).then(|| {
                let new = object([("url", url.as_str().into()), ("valueInstant", moment.to_fhir().into())]);
                with_extensions(location, &url, vec![new])
            })
        }
        Board::Ward(counts) => {
            let url = url_of("bed-vacancy");
            let said: Vec<&Json> =
                location.items("extension").iter().filter(|extension| extension.get_str("url") == Some(&url)).collect();
            let as_written = |(count, said): (&BedCount, &&Json)| {
                count.as_posted && count.valid_until > now.0 && moment_of(said) == count.as_of.map(Instant)
            };
            if said.len() == counts.len() && counts.iter().zip(&said).all(as_written) {
                return None;
            }
            let slices = counts.iter().map(|count| slice(count, now)).collect();
            Some(with_extensions(location, &url, slices))
        }
    }
}

fn moment_of(slice: &Json) -> Option<Instant> {
    let part = slice.items("extension").iter().find(|part| part.get_str("url") == Some("asOf"))?;
    Instant::parse(part.get_str("valueInstant")?)
}

/// A ward's text without the counts that the gateway derived; `None` where it has none.
pub fn without_derived(location: &Json) -> Option<Json> {
    let url = url_of("bed-vacancy");
    let is_derived = |extension: &Json| {
        extension.get_str("url") == Some(&url)
            && extension.items("extension").iter().any(|part| part.get_str("valueCode") == Some("derived"))
    };
    let extensions = location.items("extension");
    if !extensions.iter().any(is_derived) {
        return None;
    }
    let kept: Vec<Json> = extensions.iter().filter(|extension| !is_derived(extension)).cloned().collect();
    let mut location = location.clone();
    let members = location.as_object_mut()?;
    if kept.is_empty() {
        drop(members.remove("extension"))
    } else {
        drop(members.insert("extension", kept))
    }
    Some(location)
}

/// The same with these extensions in the place of all others of that url.
fn with_extensions(location: &Json, url: &str, new: Vec<Json>) -> Json {
    let others = location.items("extension").iter().filter(|extension| extension.get_str("url") != Some(url));
    let all: Vec<Json> = others.cloned().chain(new).collect();
    let mut location = location.clone();
    if let Some(members) = location.as_object_mut() {
        if all.is_empty() { drop(members.remove("extension")) } else { drop(members.insert("extension", all)) }
    }
    location
}

/// One count as `bed-vacancy` has it. Past `validUntil` nobody knows how many beds there are.
fn slice(count: &BedCount, now: Instant) -> Json {
    let known = count.valid_until > now.0;
    let mut parts = Vec::new();
    if let Some(sex) = &count.sex {
        let system = format!("{CANONICAL}/CodeSystem/admittable-sex");
        parts.push(part("sex", "valueCoding", object([("system", system.into()), ("code", sex.as_str().into())])));
    }
    parts.extend(count.isolation.map(|isolation| part("isolation", "valueBoolean", Json::Bool(isolation))));
    parts.extend(count.staffed.map(|staffed| part("staffed", "valueUnsignedInt", number(staffed))));
    let counts = [("occupied", count.occupied), ("reserved", count.reserved), ("blocked", count.blocked)];
    for (name, value) in counts.into_iter().filter(|_| known) {
        parts.extend(value.map(|value| part(name, "valueUnsignedInt", number(value))));
    }
    match count.available.filter(|_| known) {
        Some(available) => parts.push(part("available", "valueUnsignedInt", number(available))),
        None => parts.push(part("available", "_valueUnsignedInt", unknown())),
    }
    match count.as_of {
        Some(as_of) => parts.push(part("asOf", "valueInstant", Instant(as_of).to_fhir().into())),
        None => parts.push(part("asOf", "_valueInstant", unknown())),
    }
    if count.as_of.is_some() {
        parts.push(part("validUntil", "valueInstant", Instant(count.valid_until).to_fhir().into()));
    }
    parts.push(part("source", "valueCode", count.source.as_str().into()));
    object([("url", url_of("bed-vacancy").into()), ("extension", parts.into())])
}

fn unknown() -> Json {
    let reason = object([("url", ABSENT.into()), ("valueCode", "unknown".into())]);
    object([("extension", vec![reason].into())])
}

pub(super) fn number(value: i64) -> Json {
    Json::Number(Number::from(value))
}

pub(super) fn part(url: &str, member: &str, value: Json) -> Json {
    object([("url", url.into()), (member, value)])
}

pub(super) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Object>())
}
