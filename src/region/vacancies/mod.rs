//! Which wards can take a patient now, and which of them suit best: what `$vacancies` answers. No I/O.

mod order;
mod suit;

use std::collections::{BTreeMap, HashSet};

use crate::fhir::instant::Instant;
use crate::store::{BedCount, Circle, WardNow};

use order::{Ranked, place};
use suit::{Suits, reasons, suits};

/// What is asked for. Of a list any one suits; an empty one asks nothing.
#[derive(Clone, Debug, Default)]
pub struct VacancyQuery {
    /// Municipality codes, or cities as addresses have them.
    pub areas: Vec<String>,
    pub near: Option<Circle>,
    pub functions: Vec<String>,
    pub fees: Vec<String>,
    /// The patient's: beds of that sex suit, and beds of any.
    pub sex: Option<String>,
    pub isolation: Option<bool>,
    /// One of each list.
    pub capabilities: Vec<Vec<String>>,
    /// Beds that must be free.
    pub minimum: i64,
    /// Milliseconds: older counts are taken for unknown.
    pub max_age: Option<i64>,
    /// Also wards of which it is not known how many beds are free.
    pub stale: bool,
    pub sort: VacancySort,
    /// Logical ids of the wards and facilities of which one must be the place of a suitable service.
    pub places: Option<HashSet<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VacancySort {
    #[default]
    Suitability,
    Distance,
    /// The newest counts first.
    Freshness,
}

/// A ward that suits.
#[derive(Clone, Debug, PartialEq)]
pub struct VacancyMatch {
    pub key: i64,
    /// Logical ids.
    pub ward: String,
    pub facility: Option<String>,
    pub metres: Option<f64>,
    /// From 0 to 1.
    pub score: f64,
    /// Free beds that suit; `None`: not known.
    pub available: Option<i64>,
    /// The oldest of the counts that suit; `None` where one was never reported.
    pub as_of: Option<i64>,
    /// Until when all of them are believed.
    pub valid_until: Option<i64>,
    /// By what each input is met: its name, and the ward's value.
    pub reasons: Vec<(&'static str, String)>,
    /// All counts of the ward.
    pub counts: Vec<BedCount>,
}

/// Matches of one bed function, on all pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionTotal {
    pub function: Option<String>,
    pub wards: i64,
    /// Free beds that suit, where that is known.
    pub available: i64,
    /// Of the wards, those of which it is not known.
    pub unknown: i64,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vacancies {
    pub matches: Vec<VacancyMatch>,
    /// Of all pages, those seen before included.
    pub total: i64,
    pub totals: Vec<FunctionTotal>,
    /// Whether there are further pages.
    pub more: bool,
}

/// What the page is of.
#[derive(Clone, Copy, Debug)]
pub struct VacancyPage<'a> {
    pub now: Instant,
    /// The moment of the first page, by which freshness is compared.
    pub asked: Instant,
    /// Keys of the wards on earlier pages.
    pub seen: &'a HashSet<i64>,
    pub count: usize,
}

/// The best `count` of the wards that suit and were not seen yet: so no page repeats a ward, and none that becomes better
/// meanwhile is left out.
pub fn vacancies<'a>(
    wards: impl Iterator<Item = &'a WardNow>,
    query: &VacancyQuery,
    page: &VacancyPage<'_>,
) -> Vacancies {
    let within = query.near.map(|circle| circle.within());
    let mut found: Vec<(&WardNow, Suits, Ranked)> = Vec::new();
    let (mut totals, mut total) = (BTreeMap::<Option<&str>, FunctionTotal>::new(), 0);
    for ward in wards {
        let metres = match &within {
            None => None,
            Some(within) => match ward.point.and_then(within) {
                None => continue,
                Some(metres) => Some(metres),
            },
        };
        let Some(suits) = suits(ward, query, page.now) else { continue };
        total += 1;
        let sum = totals.entry(ward.function.as_deref()).or_default();
        sum.wards += 1;
        sum.available += suits.available.unwrap_or(0);
        sum.unknown += i64::from(suits.available.is_none());
        if !page.seen.contains(&ward.key) {
            let ranked = Ranked::of(ward.key, &suits, metres, query, page.asked);
            found.push((ward, suits, ranked));
        }
    }
    let more = found.len() > page.count;
    if more && page.count > 0 {
        found.select_nth_unstable_by(page.count - 1, |left, right| place(query.sort, &left.2, &right.2));
    }
    found.truncate(page.count);
    found.sort_unstable_by(|left, right| place(query.sort, &left.2, &right.2));
    let matches = found
        .into_iter()
        .map(|(ward, suits, ranked)| {
            let reasons = reasons(ward, query, page.now);
            VacancyMatch { reasons, ..matched(ward, &suits, &ranked) }
        })
        .collect();
    let named =
        totals.into_iter().map(|(function, sum)| FunctionTotal { function: function.map(str::to_owned), ..sum });
    Vacancies { matches, total, totals: named.collect(), more }
}

fn matched(ward: &WardNow, suits: &Suits, ranked: &Ranked) -> VacancyMatch {
    VacancyMatch {
        key: ward.key,
        ward: ward.id.clone(),
        facility: ward.facility_id.clone(),
        metres: ranked.metres,
        score: ranked.score,
        available: suits.available,
        as_of: suits.as_of,
        valid_until: suits.valid_until,
        reasons: Vec::new(),
        counts: ward.counts.clone(),
    }
}
