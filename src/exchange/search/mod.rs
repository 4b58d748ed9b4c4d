//! Searches: of a type, of several, of a compartment. R4 `http.html#search`, `search.html`.
//!
//! ```text
//! pairs ─ read_search ─► SearchRequest ─ search ─┬─ store::find ──► matches, the next place
//!                                                ├─ store::count ─► total, where it is asked for
//!                                                └─ include ──────► what comes with the matches
//! ```

mod compartment;
mod include;

use std::time::Instant as Clock;

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::search::{self, SearchRequest, TypeRequest};
use crate::store::{self, Criteria, Found, Hit, Place, Search, TypeSearch, Version};

use super::Gateway;

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

/// Search parameters that every resource in the store answers, and their kinds.
const COMMON: [(&str, &str); 2] = [("_id", "token"), ("_lastUpdated", "date")];

impl Gateway {
    /// The names and kinds of the parameters by which resources of the type, which is in the store, can be searched.
    pub fn stored_parameters(&self, rtype: &str) -> Vec<(&'static str, &'static str)> {
        let defined = self.definitions.search_parameters(rtype);
        let identifier = defined.iter().any(|parameter| parameter.code == "identifier");
        COMMON.into_iter().chain(identifier.then_some(("identifier", "token"))).collect()
    }

    /// A search's own pairs, read for the types.
    pub fn read_search(&self, types: &[ResourceType], pairs: &[(String, String)]) -> Result<SearchRequest> {
        let mut request = SearchRequest::default();
        for rtype in types {
            let parsed = search::parse_query(rtype, &self.names(rtype), pairs)?;
            let conditions = parsed.criteria.conditions;
            request.types.push(TypeRequest { rtype: rtype.clone(), conditions, sort: Vec::new() });
            (request.applied, request.ignored) = (parsed.applied, parsed.ignored);
        }
        Ok(request)
    }

    /// The criteria of a conditional interaction on the type.
    pub(super) fn criteria(&self, rtype: &ResourceType, query: &str) -> Result<Criteria> {
        search::criteria_of(rtype, &self.names(rtype), query)
    }

    fn names(&self, rtype: &ResourceType) -> Vec<&'static str> {
        self.stored_parameters(rtype.as_str()).into_iter().map(|(name, _)| name).collect()
    }

    /// The types that searches over the whole system look at, in the order of their answers.
    pub fn searched_types(&self) -> Vec<ResourceType> {
        let searchable = |served: &&crate::profile::ServedType| {
            served.allows(crate::profile::Interaction::SearchType) && !self.is_definition(&served.name)
        };
        let served = self.definitions.served_types().iter().filter(searchable);
        served.map(|served| ResourceType::known(&served.name)).collect()
    }

    /// The current, not deleted resources that match, and what comes with them.
    pub async fn search(&self, _caller: &Caller, request: &SearchRequest, wish: &PageWish) -> Result<SearchPage> {
        let started = Clock::now();
        let answered = self.answer_search(request, wish).await;
        let (millis, limit) = (started.elapsed().as_millis(), self.limits.slow_search.as_millis());
        if limit > 0 && millis >= limit {
            // The shape alone: values may tell of patients.
            let types: Vec<&str> = request.types.iter().map(|one| one.rtype.as_str()).collect();
            let names: Vec<&str> = request.applied.iter().map(|(name, _)| name.as_str()).collect();
            let rows = answered.as_ref().map_or(0, |page| page.matches.len() + page.included.len());
            let (types, parameters) = (types.join(","), names.join("&"));
            tracing::warn!(types, parameters, rows, millis, "slow search");
        }
        answered
    }

    async fn answer_search(&self, request: &SearchRequest, wish: &PageWish) -> Result<SearchPage> {
        let mut told = Vec::new();
        let count = wish.left.map_or(wish.count, |left| left.min(wish.count));
        let found = match count {
            0 => Found::default(),
            _ => self.find(request, wish, count).await?,
        };
        if found.cut {
            told.push(cut_short());
        }
        let left_out = wish.left.is_some_and(|left| left <= found.hits.len());
        let next = found.next.filter(|_| !left_out);
        // A first page that is the last one has been counted already.
        let whole = count > 0 && wish.after.is_none() && next.is_none() && !found.cut && !left_out;
        let total = match wish.total {
            TotalWish::No if count > 0 => None,
            _ if whole => i64::try_from(found.hits.len()).ok(),
            TotalWish::Unsaid if count > 0 => None,
            wish => Some(self.total(request, wish).await?),
        };
        let included = include::include(self, &request.includes, &found.hits, &mut told).await?;
        Ok(SearchPage { matches: found.hits, included, total, next, told })
    }

    async fn find(&self, request: &SearchRequest, wish: &PageWish, count: usize) -> Result<Found> {
        if let [one] = request.types.as_slice()
            && self.is_definition(one.rtype.as_str())
        {
            return Ok(self.find_definitions(one, wish.after.as_ref(), count));
        }
        let one = |one: &TypeRequest| TypeSearch { criteria: criteria(one), sort: one.sort.clone() };
        let search = Search {
            types: request.types.iter().map(one).collect(),
            after: wish.after.clone(),
            count,
            near: request.near.map(|near| (near.circle, near.param, near.inherited)),
        };
        Ok(store::find(&self.database, &search, &self.limits.search, self.now()).await?)
    }

    async fn total(&self, request: &SearchRequest, wish: TotalWish) -> Result<i64> {
        if let [one] = request.types.as_slice()
            && self.is_definition(one.rtype.as_str())
        {
            return Ok(self.count_definitions(one));
        }
        let types: Vec<Criteria> = request.types.iter().map(criteria).collect();
        let estimate = wish == TotalWish::Estimate;
        let count = store::count(&self.database, &types, &self.limits.search, estimate, self.now()).await?;
        Ok(count.value)
    }
}

fn criteria(one: &TypeRequest) -> Criteria {
    Criteria { rtype: one.rtype.clone(), conditions: one.conditions.clone() }
}

fn cut_short() -> Issue {
    Issue::warning(
        IssueCode::TooCostly,
        "このページは、調べる量の上限に達したため短くなっています。続きは next リンクにあります。",
        "This page is shorter than asked for: the limit of what a page may look at was reached. The rest is behind the \
         next link.",
    )
}

impl Gateway {
    /// The type of a search over the whole system that `_type` names.
    pub fn searched_type(&self, name: &str) -> Result<ResourceType> {
        let found = self.searched_types().into_iter().find(|rtype| rtype.as_str() == name);
        found.ok_or_else(|| {
            Error::bad_parameter(
                "_type",
                "_type には、このサーバーに保存されるリソース型をカンマ区切りで指定してください。型は /metadata にあります。",
                "_type lists resource types that this server stores, separated by commas. See /metadata for them.",
            )
        })
    }
}

impl Gateway {
    /// The key with which the places of pages to come are sealed: the same for every gateway of the database.
    pub async fn cursor_key(&self) -> Result<[u8; 32]> {
        let generate = async || {
            let (left, right) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
            let mut key = [0; 32];
            key[..16].copy_from_slice(left.as_bytes());
            key[16..].copy_from_slice(right.as_bytes());
            key
        };
        Ok(*self.cursor_key.get_or_init(generate).await)
    }
}
