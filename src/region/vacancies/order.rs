//! In which order wards that suit are told.

use std::cmp::Ordering;

use crate::fhir::instant::Instant;

use super::suit::Suits;
use super::{VacancyQuery, VacancySort};

/// What places a ward among the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ranked {
    pub key: i64,
    pub score: f64,
    pub metres: Option<f64>,
    pub as_of: Option<i64>,
}

impl Ranked {
    /// The score is half for knowing that there are beds, a quarter for how near the ward is, three twentieths for how much
    /// of the time is left for which its counts are believed, and a tenth for how many beds there are.
    pub fn of(key: i64, suits: &Suits, metres: Option<f64>, query: &VacancyQuery, asked: Instant) -> Ranked {
        let close = match (query.near, metres) {
            (Some(circle), Some(metres)) if circle.metres > 0.0 => 1.0 - (metres / circle.metres).min(1.0),
            _ => 1.0,
        };
        let known = suits.available.map_or(0.0, |available| {
            let available = real(available.max(0));
            0.5 + 0.15 * left(suits, asked) + 0.10 * available / (available + 1.0)
        });
        Ranked { key, score: known + 0.25 * close, metres, as_of: suits.as_of }
    }
}

/// How much is left, from 0 to 1, of the time for which the counts are believed.
fn left(suits: &Suits, asked: Instant) -> f64 {
    let (Some(as_of), Some(until)) = (suits.as_of, suits.valid_until) else { return 0.0 };
    let whole = until.saturating_sub(as_of);
    if whole <= 0 { 0.0 } else { (real(until.saturating_sub(asked.0)) / real(whole)).clamp(0.0, 1.0) }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and beds are few")]
fn real(value: i64) -> f64 {
    value as f64
}

/// Ties are told in the order in which the wards came.
pub(super) fn place(sort: VacancySort, left: &Ranked, right: &Ranked) -> Ordering {
    let by_score = || right.score.total_cmp(&left.score);
    let far = |ranked: &Ranked| ranked.metres.unwrap_or(f64::INFINITY);
    let order = match sort {
        VacancySort::Suitability => by_score(),
        VacancySort::Distance => far(left).total_cmp(&far(right)).then_with(by_score),
        VacancySort::Freshness => right.as_of.cmp(&left.as_of).then_with(by_score),
    };
    order.then(left.key.cmp(&right.key))
}
