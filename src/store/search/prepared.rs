//! Which statements of searches connections keep prepared: those that come again, and not without bound, since the texts
//! are as many as the questions that clients can think of.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::super::sql::Sql;

/// Texts that are kept, at most.
const KEPT: usize = 256;
/// Texts that are remembered while they wait to come again.
const WAITING: usize = 4_096;

static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Seen {
    kept: HashSet<u64>,
    once: HashSet<u64>,
}

/// The statement, to be kept prepared if its text has been seen before.
pub(super) fn prepared(sql: Sql) -> Sql {
    let mut hasher = DefaultHasher::new();
    sql.text().hash(&mut hasher);
    let text = hasher.finish();
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.kept.contains(&text) {
        return sql;
    }
    if seen.kept.len() < KEPT && seen.once.remove(&text) {
        seen.kept.insert(text);
        return sql;
    }
    if seen.once.len() >= WAITING {
        seen.once.clear();
    }
    seen.once.insert(text);
    sql.passing()
}
