//! What the gateway itself knows of beds and wards, laid over their texts when they are read, and taken out of what comes
//! back. ARCHITECTURE.md, "Beds".

use crate::fhir::instant::Instant;
use crate::fhir::json::Json;
use crate::fhir::outcome::CANONICAL;
use crate::store::{BedCount, Board, Vacancy};

use super::projection::is_physically;

const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

pub(super) fn url_of(name: &str) -> String {
    format!("{CANONICAL}/StructureDefinition/{name}")
}

/// The location as it is at `now`; `None` where its text says so already.
pub fn laid_over(location: &Json, board: &Board, now: Instant) -> Option<Json> {
    match board {
        Board::Bed { as_of } | Board::Facility { as_of: Some(as_of) } => {
            let url = url_of("as-of");
            let moment = Instant(*as_of);
            let said = location.items("extension").iter().find(|extension| extension.get_str("url") == Some(&url));
            let said = said.and_then(|extension| Instant::parse(extension.get_str("valueInstant")?));
            (said != Some(moment)).then(|| {
                let new = part(&url, "valueInstant", moment.to_fhir());
                with_extensions(location, &url, vec![new])
            })
        }
        Board::Facility { as_of: None } => None,
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

/// A location's text without what the gateway derives: counts of a ward, how fresh a facility is. `None` where it has none.
pub fn without_derived(location: &Json) -> Option<Json> {
    let (counts, as_of) = (url_of("bed-vacancy"), is_physically(location, "si").then(|| url_of("as-of")));
    let is_own = |extension: &Json| {
        is_derived(extension, &counts) || as_of.as_deref().is_some_and(|url| extension.get_str("url") == Some(url))
    };
    let extensions = location.items("extension");
    if !extensions.iter().any(is_own) {
        return None;
    }
    let kept = extensions.iter().filter(|extension| !is_own(extension)).cloned().collect();
    Some(with_all_extensions(location, kept))
}

/// Whether the extension is a count, by `url`, that the gateway derived.
pub(super) fn is_derived(extension: &Json, url: &str) -> bool {
    extension.get_str("url") == Some(url)
        && extension.items("extension").iter().any(|part| part.get_str("valueCode") == Some("derived"))
}

/// The same with these extensions in the place of all others of that url: where the first of them stood, since the order of
/// extensions is content, else at the end.
pub(super) fn with_extensions(location: &Json, url: &str, new: Vec<Json>) -> Json {
    let is_other = |extension: &&Json| extension.get_str("url") != Some(url);
    let old = location.items("extension");
    let place = old.iter().position(|extension| !is_other(&extension)).unwrap_or(old.len());
    let mut all = old[..place].to_vec();
    all.extend(new);
    all.extend(old[place..].iter().filter(is_other).cloned());
    with_all_extensions(location, all)
}

fn with_all_extensions(location: &Json, all: Vec<Json>) -> Json {
    let mut location = location.clone();
    if let Some(members) = location.as_object_mut() {
        if all.is_empty() { drop(members.remove("extension")) } else { drop(members.insert("extension", all)) }
    }
    location
}

/// One count as `bed-vacancy` has it. Past `validUntil` nobody knows how many beds there are.
fn slice(count: &BedCount, now: Instant) -> Json {
    let known = count.valid_until > now.0;
    let only_known = |value: Option<i64>| value.filter(|_| known);
    let mut parts = kind(count.sex.as_deref(), count.isolation);
    parts.extend(numbers([
        ("staffed", count.staffed),
        ("occupied", only_known(count.occupied)),
        ("reserved", only_known(count.reserved)),
        ("blocked", only_known(count.blocked)),
        ("available", only_known(count.available)),
    ]));
    if only_known(count.available).is_none() {
        parts.push(part("available", "_valueUnsignedInt", unknown()));
    }
    match count.as_of {
        Some(as_of) => {
            // Of the past it is known that a count was believed, but not until when it would have been.
            let until = Some(count.valid_until).filter(|until| *until < i64::MAX);
            parts.extend(moments([("asOf", Some(as_of)), ("validUntil", until)]));
        }
        None => parts.push(part("asOf", "_valueInstant", unknown())),
    }
    parts.push(part("source", "valueCode", count.source.as_str()));
    vacancy(parts)
}

/// A count as a hospital posts it.
pub(super) fn posted(count: &Vacancy) -> Json {
    let mut parts = kind(count.sex.as_deref(), count.isolation);
    parts.extend(numbers([
        ("staffed", count.staffed),
        ("occupied", count.occupied),
        ("reserved", count.reserved),
        ("blocked", count.blocked),
        ("available", count.available),
    ]));
    parts.extend(moments([("asOf", count.as_of), ("validUntil", count.valid_until)]));
    parts.extend(count.source.map(|source| part("source", "valueCode", source.code())));
    vacancy(parts)
}

fn vacancy(parts: Vec<Json>) -> Json {
    Json::from([("url", url_of("bed-vacancy").into()), ("extension", parts.into())])
}

/// Of which beds the count is.
fn kind(sex: Option<&str>, isolation: Option<bool>) -> Vec<Json> {
    let system = || format!("{CANONICAL}/CodeSystem/admittable-sex");
    let sex = sex.map(|sex| Json::from([("system", system().into()), ("code", sex.into())]));
    let sex = sex.map(|coding| part("sex", "valueCoding", coding));
    sex.into_iter().chain(isolation.map(|isolation| part("isolation", "valueBoolean", isolation))).collect()
}

fn numbers<const N: usize>(values: [(&'static str, Option<i64>); N]) -> impl Iterator<Item = Json> {
    values.into_iter().filter_map(|(name, value)| Some(part(name, "valueUnsignedInt", value?)))
}

fn moments<const N: usize>(values: [(&'static str, Option<i64>); N]) -> impl Iterator<Item = Json> {
    values.into_iter().filter_map(|(name, value)| Some(part(name, "valueInstant", Instant(value?).to_fhir())))
}

fn unknown() -> Json {
    let reason = part(ABSENT, "valueCode", "unknown");
    Json::from([("extension", vec![reason].into())])
}

pub(super) fn part(url: &str, member: &str, value: impl Into<Json>) -> Json {
    Json::from([("url", url.into()), (member, value.into())])
}
