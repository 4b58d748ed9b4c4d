//! search of a type. R4 `http.html#search`.

use crate::access::Caller;
use crate::error::Result;
use crate::fhir::id::ResourceType;
use crate::search::{self, Parsed};
use crate::store::{self, Criteria, Place, Search, SearchLimits, TypeSearch, Version};

use super::Gateway;

/// A search with its result parameters.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    pub criteria: Criteria,
    /// Resources on the page; 0 asks for the total alone.
    pub count: Option<usize>,
    /// The id after which the page starts.
    pub after: Option<String>,
    /// Whether the total is wanted.
    pub total: bool,
}

/// A page, in the order of ids, so that what is inserted meanwhile makes no page skip or repeat a resource.
#[derive(Clone, Debug)]
pub struct SearchPage {
    pub matches: Vec<Version>,
    pub total: Option<i64>,
    pub next: Option<String>,
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

    /// The query of a search, read for the type.
    pub fn parse_query(&self, rtype: &ResourceType, pairs: &[(String, String)]) -> Result<Parsed> {
        search::parse_query(rtype, &self.names(rtype), pairs)
    }

    /// The criteria of a conditional interaction on the type.
    pub(super) fn criteria(&self, rtype: &ResourceType, query: &str) -> Result<Criteria> {
        search::criteria_of(rtype, &self.names(rtype), query)
    }

    fn names(&self, rtype: &ResourceType) -> Vec<&'static str> {
        self.stored_parameters(rtype.as_str()).into_iter().map(|(name, _)| name).collect()
    }

    /// The current, not deleted resources that match.
    pub async fn search(&self, _caller: &Caller, query: &SearchQuery) -> Result<SearchPage> {
        let count = self.page_size(query.count);
        let (limits, now) = (SearchLimits::default(), self.now());
        let total = match query.total || count == 0 {
            true => {
                let types = std::slice::from_ref(&query.criteria);
                Some(store::count(&self.database, types, &limits, false, now).await?.value)
            }
            false => None,
        };
        if count == 0 {
            return Ok(SearchPage { matches: Vec::new(), total, next: None });
        }
        let after = query.after.as_ref().and_then(|after| after.parse().ok());
        let search = Search {
            types: vec![TypeSearch { criteria: query.criteria.clone(), sort: Vec::new() }],
            after: after.map(|key| Place { at: 0, values: Vec::new(), key }),
            count,
            near: None,
        };
        let found = store::find(&self.database, &search, &limits, now).await?;
        let matches = found.hits.into_iter().map(|hit| hit.version).collect();
        Ok(SearchPage { matches, total, next: found.next.map(|place| place.key.to_string()) })
    }
}
