//! history of a resource, a type, the system. R4 `http.html#history`.

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::fhir::instant::Instant;
use crate::store::{self, LogEntry, Scope, Window};

use super::Gateway;

/// Which part of a history is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    pub since: Option<Instant>,
    /// `from <= … < until`
    pub at: Option<(Instant, Instant)>,
    /// Entries on the page; `None` where the client leaves it to the server. 0 asks for the total alone.
    pub count: Option<usize>,
    /// Where this page begins, if it is not the first.
    pub from: Option<PageStart>,
}

/// What the page before hands on. All pages show the same history, and tell the same total, while writes go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageStart {
    /// Only below this log position: where the page before ended.
    pub before: i64,
    /// The newest position when the first page was made.
    pub newest: i64,
}

/// A page, newest first.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    pub entries: Vec<LogEntry>,
    /// All versions that the query selects, on every page.
    pub total: i64,
    /// What the next page is asked with, where there is one.
    pub next: Option<PageStart>,
}

impl Gateway {
    /// A page of history. 404 for a resource that never was; a deleted one has its history.
    pub async fn history(&self, _caller: &Caller, scope: &Scope, query: &HistoryQuery) -> Result<HistoryPage> {
        let mut connection = self.database.reader().await?;
        if let Scope::Instance(key) = scope
            && store::current(&mut connection, key).await?.is_none()
        {
            return Err(Error::not_found(&key.to_string()));
        }
        if query.from.is_none() && !matches!(scope, Scope::Instance(_)) {
            store::await_earlier(&mut connection).await?;
        }
        let count = self.page_size(query.count);
        let mut window = Window { since: query.since, at: query.at, before: query.from.map(|from| from.before) };
        let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        let mut entries = store::history_page(&mut connection, scope, &window, limit).await?;
        let newest = query.from.map(|from| from.newest).or(entries.first().map(|entry| entry.seq));
        // Counted up to the newest entry shown: what was written since the page was read is not in it.
        window.before = Some(newest.map_or(0, |newest| newest.saturating_add(1)));
        let total = store::history_total(&mut connection, scope, &window).await?;
        let more = entries.len() > count;
        entries.truncate(count);
        let next = entries.last().filter(|_| more).zip(newest);
        let next = next.map(|(last, newest)| PageStart { before: last.seq, newest });
        Ok(HistoryPage { entries, total, next })
    }

    /// The page size that is used where the client asks for `wanted`.
    pub fn page_size(&self, wanted: Option<usize>) -> usize {
        wanted.unwrap_or(self.limits.default_page).min(self.limits.page)
    }
}
