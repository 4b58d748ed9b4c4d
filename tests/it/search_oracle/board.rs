//! Beds and wards as they are read: free beds, and the moments of their reports.

use kakehashi::fhir::instant::Instant;
use kakehashi::fhir::json::Json;

use super::judge::REGION;
use super::number::Decimal;
use super::world::{Resource, is_physically};

/// A ward's free beds by sex, as long as they are valid. DOMAIN §3.
pub fn vacancies(resource: &Resource, now: i64) -> Vec<(Option<String>, Decimal)> {
    let slice = |slice: &Json| {
        let part = |name: &str| slice.items("extension").iter().find(|part| part.get_str("url") == Some(name));
        let until = part("validUntil").and_then(|part| Instant::parse(part.get_str("valueInstant")?));
        let count = Decimal::read(part("available")?.get("valueUnsignedInt")?.as_number()?.as_str())?;
        let sex = part("sex").and_then(|part| Some(part.get("valueCoding")?.get_str("code")?.to_owned()));
        until.is_none_or(|until| until.0 > now).then_some((sex, count))
    };
    match is_physically(resource, "wa") {
        true => extensions(resource, "bed-vacancy").filter_map(slice).collect(),
        false => Vec::new(),
    }
}

/// The moments to which a bed's state or a ward's counts belong; a facility's is laid over it.
pub fn moments(resource: &Resource) -> Vec<i64> {
    let moment = |json: &Json| Instant::parse(json.get_str("valueInstant")?).map(|at| at.0);
    let inner = |slice: &Json| {
        let found = slice.items("extension").iter().find(|part| part.get_str("url") == Some("asOf"));
        found.and_then(moment)
    };
    if is_physically(resource, "bd") || is_physically(resource, "si") {
        extensions(resource, "as-of").filter_map(moment).take(1).collect()
    } else if is_physically(resource, "wa") {
        extensions(resource, "bed-vacancy").filter_map(inner).collect()
    } else {
        Vec::new()
    }
}

fn extensions<'r>(resource: &'r Resource, name: &str) -> impl Iterator<Item = &'r Json> {
    let url = format!("{REGION}/StructureDefinition/{name}");
    resource.json.items("extension").iter().filter(move |extension| extension.get_str("url") == Some(url.as_str()))
}
