//! What a search may ask: an answer that would take too long is refused before it is looked for.

use crate::error::{Error, Result};
use crate::store::{Condition, Indexed, Patterns};

use super::{ALTERNATIVES, PATTERNS, Reader, refusal};

impl Reader<'_> {
    /// Takes a condition's alternatives from what the search may still ask.
    pub(super) fn charge(&self, whole: &str, condition: Condition) -> Result<Condition> {
        let alternatives = match count(&condition) {
            Some(alternatives) => alternatives,
            None => return Err(too_many(whole)),
        };
        let left = self.left.get().checked_sub(alternatives).ok_or_else(|| too_many(whole))?;
        self.left.set(left);
        Ok(condition)
    }
}

/// `None` where a parameter has too many.
fn count(condition: &Condition) -> Option<usize> {
    match condition {
        Condition::Id(ids) => Some(ids.len()),
        Condition::LastUpdated(spans) => Some(spans.len()),
        Condition::Indexed(Indexed { any_of, .. }) => Some(patterns(any_of)).filter(|count| *count <= PATTERNS),
        Condition::Present { .. } => Some(1),
        Condition::Not(inner) => count(inner),
        Condition::AnyOf(conditions) => {
            conditions.iter().try_fold(0, |sum, condition| Some(sum + count(condition)?)).filter(|sum| *sum <= PATTERNS)
        }
        // What is followed was charged by itself.
        Condition::RefersTo { .. } | Condition::ReferredBy { .. } => Some(1),
    }
}

fn patterns(patterns: &Patterns) -> usize {
    match patterns {
        Patterns::Tokens(patterns) => patterns.len(),
        Patterns::References(patterns) => patterns.len(),
        Patterns::Dates(patterns) | Patterns::AsOf(patterns) => patterns.len(),
        Patterns::Quantities(patterns) => patterns.len(),
        Patterns::Strings(patterns) => patterns.len(),
        Patterns::Positions(circles) => circles.len(),
        Patterns::Vacancies(patterns) => patterns.len(),
    }
}

pub fn too_many(whole: &str) -> Error {
    refusal::too_costly(
        whole,
        &format!(
            "値は一つのパラメータで {PATTERNS}、検索全体で {ALTERNATIVES} までです(型やコードの違いも一つずつ数えます)。検索を分けてください。"
        ),
        &format!(
            "a parameter has at most {PATTERNS} values and a search {ALTERNATIVES}, with every type and code that they stand for. Split the search."
        ),
    )
}
