//! Whether a ward suits, and by which of its counts.

use std::collections::BTreeSet;

use crate::fhir::instant::Instant;
use crate::store::{BedCount, WardNow};

use super::VacancyQuery;

/// What of the ward suits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Suits {
    /// Free beds in counts that are believed; `None`: not known.
    pub available: Option<i64>,
    /// The oldest report of those counts; of unknown ones, where there are no others.
    pub as_of: Option<i64>,
    pub valid_until: Option<i64>,
}

/// `None` where the ward does not suit. How far it is was judged before.
pub(super) fn suits(ward: &WardNow, query: &VacancyQuery, now: Instant) -> Option<Suits> {
    if !ward.in_use || !is_of_kind(ward, query) {
        return None;
    }
    let of_patient = |count: &&BedCount| is_for(query, count.sex.as_deref(), count.isolation);
    let is_known = |count: &&BedCount| is_believed(count, query, now);
    let (known, unknown): (Vec<&BedCount>, Vec<&BedCount>) = ward.counts.iter().filter(of_patient).partition(is_known);
    let free: i64 = known.iter().filter_map(|count| count.available).sum();
    if !known.is_empty() && free >= query.minimum {
        // Counts without a free bed say nothing for the answer, unless none is asked for.
        let told = known.into_iter().filter(|count| query.minimum == 0 || count.available > Some(0));
        return Some(fresh(told, Some(free)));
    }
    let may_have = !unknown.is_empty() || (ward.counts.is_empty() && is_for(query, ward.sex.as_deref(), None));
    (query.stale && may_have).then(|| fresh(unknown.into_iter(), None))
}

/// By what of the ward each input that was asked for is met: the input's name, and the value.
pub(super) fn reasons(ward: &WardNow, query: &VacancyQuery, now: Instant) -> Vec<(&'static str, String)> {
    let mut met: Vec<(&'static str, String)> = Vec::new();
    let own = [ward.municipality.as_ref(), ward.city.as_ref()].into_iter().flatten();
    met.extend(own.filter(|own| query.areas.contains(own)).take(1).map(|own| ("area", own.clone())));
    let asked = |wanted: &[String], own: &Option<String>| own.clone().filter(|_| !wanted.is_empty());
    met.extend(asked(&query.functions, &ward.function).map(|own| ("function", own)));
    met.extend(asked(&query.fees, &ward.fee).map(|own| ("fee", own)));
    let capability = |any_of: &Vec<String>| any_of.iter().find(|code| ward.capabilities.contains(code)).cloned();
    met.extend(query.capabilities.iter().filter_map(capability).map(|own| ("capability", own)));
    if let Some(places) = &query.places {
        let places =
            [Some(&ward.id), ward.facility_id.as_ref()].into_iter().flatten().filter(|id| places.contains(*id));
        met.extend(places.take(1).map(|id| ("specialty", format!("Location/{id}"))));
    }
    let suiting = |count: &&BedCount| {
        is_for(query, count.sex.as_deref(), count.isolation)
            && is_believed(count, query, now)
            && count.available > Some(0)
    };
    let counts: Vec<&BedCount> = ward.counts.iter().filter(suiting).collect();
    let mut kinds: BTreeSet<(&'static str, String)> = BTreeSet::new();
    if query.sex.is_some() {
        kinds.extend(counts.iter().filter_map(|count| Some(("sex", count.sex.clone()?))));
    }
    if query.isolation.is_some() {
        kinds.extend(counts.iter().filter_map(|count| Some(("isolation", count.isolation?.to_string()))));
    }
    met.extend(kinds);
    met
}

fn fresh<'a>(counts: impl Iterator<Item = &'a BedCount>, available: Option<i64>) -> Suits {
    let (mut as_of, mut valid_until, mut is_first) = (None, None, true);
    for count in counts {
        as_of = if is_first { count.as_of } else { as_of.min(count.as_of) };
        valid_until = if is_first { Some(count.valid_until) } else { valid_until.min(Some(count.valid_until)) };
        is_first = false;
    }
    Suits { available, as_of, valid_until: valid_until.filter(|_| as_of.is_some()) }
}

fn is_of_kind(ward: &WardNow, query: &VacancyQuery) -> bool {
    let any = |wanted: &[String], own: Option<&str>| {
        wanted.is_empty() || own.is_some_and(|own| wanted.iter().any(|wanted| wanted == own))
    };
    let in_area = || {
        let own = [ward.municipality.as_deref(), ward.city.as_deref()];
        query.areas.is_empty() || own.into_iter().flatten().any(|own| query.areas.iter().any(|area| area == own))
    };
    let can = |any_of: &Vec<String>| any_of.iter().any(|code| ward.capabilities.contains(code));
    let has_service = || {
        query.places.as_ref().is_none_or(|places| {
            places.contains(&ward.id) || ward.facility_id.as_ref().is_some_and(|facility| places.contains(facility))
        })
    };
    any(&query.functions, ward.function.as_deref())
        && any(&query.fees, ward.fee.as_deref())
        && query.capabilities.iter().all(can)
        && in_area()
        && has_service()
}

/// Beds of the patient's sex suit, and those of any; who is to be isolated needs a bed that says so, or a ward that does not
/// say.
fn is_for(query: &VacancyQuery, sex: Option<&str>, isolation: Option<bool>) -> bool {
    let sex_suits = query.sex.as_deref().is_none_or(|wanted| sex.is_none_or(|sex| sex == "any" || sex == wanted));
    sex_suits && (query.isolation.is_none() || isolation.is_none() || query.isolation == isolation)
}

/// DOMAIN §3: past `validUntil` nobody knows; neither does who asks for newer counts.
fn is_believed(count: &BedCount, query: &VacancyQuery, now: Instant) -> bool {
    let is_new = |as_of: i64| query.max_age.is_none_or(|age| as_of >= now.0.saturating_sub(age));
    count.available.is_some() && count.valid_until > now.0 && count.as_of.is_some_and(is_new)
}
