//! Searches: of a type, of several, of a compartment. R4 `http.html#search`, `search.html`.
//!
//! ```text
//! pairs ─ read_search ─► SearchRequest ─ search ─┬─ store::find ──► matches, the next place
//!                                                ├─ store::count ─► total, where it is asked for
//!                                                └─ include ──────► what comes with the matches
//! ```

mod compartment;
mod include;
mod reading;

use std::time::Instant as Clock;

use crate::access::Caller;
use crate::error::Result;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::search::{SearchRequest, TypeRequest};
use crate::store::{self, Connection, Criteria, Found, Hit, Place, Search, Sql, TypeSearch, Version};

use super::Gateway;
pub(in crate::exchange) use reading::check_whole;

/// Which page of a search is wanted.
#[derive(Clone, Debug, Default)]
pub struct PageWish {
    /// Matches on the page; 0 asks for the total alone.
    pub count: usize,
    /// Where the last page ended.
    pub after: Option<Place>,
    pub total: TotalWish,
    /// How many matches may still come, this page's included (`_maxresults`).
    pub left: Option<usize>,
}

/// `_total` (R4 `search.html#total`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TotalWish {
    /// Where it costs nothing.
    #[default]
    Unsaid,
    No,
    Estimate,
    Accurate,
}

/// A page, which stays as it is in the order of the search whatever is written meanwhile.
#[derive(Clone, Debug, Default)]
pub struct SearchPage {
    pub matches: Vec<Hit>,
    pub included: Vec<Version>,
    pub total: Option<i64>,
    pub next: Option<Place>,
    /// What the caller has to know of the answer.
    pub told: Vec<Issue>,
}

impl Gateway {
    /// The key with which the places of pages to come are sealed: the same for every gateway of the database.
    pub async fn cursor_key(&self) -> Result<[u8; 32]> {
        let shared = async || store::secret(&self.database, "cursor").await;
        Ok(*self.cursor_key.get_or_try_init(shared).await?)
    }

    /// The current, not deleted resources that match, and what comes with them.
    pub async fn search(&self, _caller: &Caller, request: &SearchRequest, wish: &PageWish) -> Result<SearchPage> {
        let started = Clock::now();
        let answered = match self.connection_for(request, wish).await {
            Ok(mut connection) => self.answer_search(&mut connection, request, wish).await,
            Err(error) => Err(error),
        };
        let (millis, limit) = (started.elapsed().as_millis(), self.limits.slow_search.as_millis());
        if limit > 0 && millis >= limit {
            let rows = answered.as_ref().map_or(0, |page| page.matches.len() + page.included.len());
            tracing::warn!(search = shape(request), rows, millis, "slow search");
        }
        answered
    }

    /// The statements that a search runs, each with the plan that the database has for it.
    pub async fn explain_search(&self, request: &SearchRequest, wish: &PageWish) -> Result<Vec<(Sql, Vec<String>)>> {
        let mut connection = self.connection_for(request, wish).await?;
        connection.keep_statements();
        self.answer_search(&mut connection, request, wish).await?;
        Ok(connection.explain_kept().await?)
    }

    /// What is put together of several statements is read from one snapshot.
    async fn connection_for(&self, request: &SearchRequest, wish: &PageWish) -> Result<Connection> {
        let laid_over = request.types.iter().any(|one| one.rtype.as_str() == "Location");
        let counted = matches!(wish.total, TotalWish::Estimate | TotalWish::Accurate);
        let several = laid_over || counted || !request.includes.is_empty();
        Ok(if several { self.database.snapshot().await? } else { self.database.reader().await? })
    }

    async fn answer_search(
        &self,
        connection: &mut Connection,
        request: &SearchRequest,
        wish: &PageWish,
    ) -> Result<SearchPage> {
        let mut told = Vec::new();
        let count = wish.left.map_or(wish.count, |left| left.min(wish.count));
        let Found { mut hits, next, cut } = match count {
            0 => Found::default(),
            _ => self.find(connection, request, wish, count).await?,
        };
        if cut {
            told.push(cut_short());
        }
        let left_out = wish.left.is_some_and(|left| left <= hits.len());
        let next = next.filter(|_| !left_out);
        // A first page that is the last one has been counted already.
        let whole = count > 0 && wish.after.is_none() && next.is_none() && !cut && !left_out;
        let total = match wish.total {
            TotalWish::No if count > 0 => None,
            _ if whole => i64::try_from(hits.len()).ok(),
            TotalWish::Unsaid if count > 0 => None,
            wish => Some(self.total(connection, request, wish).await?),
        };
        let mut included = include::include(self, connection, &request.includes, &hits, &mut told).await?;
        let all = hits.iter_mut().map(|hit| &mut hit.version).chain(&mut included);
        self.lay_over_on(connection, &mut all.collect::<Vec<_>>()).await?;
        Ok(SearchPage { matches: hits, included, total, next, told })
    }

    async fn find(
        &self,
        connection: &mut Connection,
        request: &SearchRequest,
        wish: &PageWish,
        count: usize,
    ) -> Result<Found> {
        if let [one] = request.types.as_slice()
            && self.is_definition(one.rtype.as_str())
        {
            return self.find_definitions(one, wish.after.as_ref(), count);
        }
        let one = |one: &TypeRequest| TypeSearch { criteria: criteria(one), sort: one.sort.clone() };
        let search = Search {
            types: request.types.iter().map(one).collect(),
            after: wish.after.clone(),
            count,
            near: request.near.map(|near| (near.circle, near.param, near.inherited)),
        };
        Ok(store::find(connection, &search, &self.limits.search, self.now()).await?)
    }

    async fn total(&self, connection: &mut Connection, request: &SearchRequest, wish: TotalWish) -> Result<i64> {
        if let [one] = request.types.as_slice()
            && self.is_definition(one.rtype.as_str())
        {
            return self.count_definitions(one);
        }
        let types: Vec<Criteria> = request.types.iter().map(criteria).collect();
        let estimate = wish == TotalWish::Estimate;
        let count = store::count(connection, &types, &self.limits.search, estimate, self.now()).await?;
        Ok(count.value)
    }
}

fn criteria(one: &TypeRequest) -> Criteria {
    Criteria { rtype: one.rtype.clone(), conditions: one.conditions.clone() }
}

/// What a search looks like: types, names, modifiers. Values may tell of patients.
fn shape(request: &SearchRequest) -> String {
    let types: Vec<&str> = request.types.iter().map(|one| one.rtype.as_str()).collect();
    let names: Vec<&str> = request.applied.iter().map(|(name, _)| name.as_str()).collect();
    format!("{}?{}", types.join(","), names.join("&"))
}

fn cut_short() -> Issue {
    Issue::warning(
        IssueCode::TooCostly,
        "このページは、調べる量の上限に達したため短くなっています。続きは next リンクにあります。",
        "This page is shorter than asked for: the limit of what a page may look at was reached. The rest is behind the \
         next link.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::id::ResourceType;

    #[test]
    fn the_log_is_told_of_a_search_without_its_values() {
        let one =
            |name: &str| TypeRequest { rtype: ResourceType::known(name), conditions: Vec::new(), sort: Vec::new() };
        let applied = [("name:exact", "山田"), ("_has:Task:focus:owner", "Organization/9"), ("_sort", "-birthdate")];
        let request = SearchRequest {
            types: vec![one("Patient"), one("Task")],
            applied: applied.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..SearchRequest::default()
        };
        assert_eq!(shape(&request), "Patient,Task?name:exact&_has:Task:focus:owner&_sort");
    }
}
