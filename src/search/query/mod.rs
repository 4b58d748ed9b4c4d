//! A query read into what the store is asked: names and modifiers, values by kind, chains, `_has`, sorting, includes.
//! R4 `search.html`.
//!
//! ```text
//! pairs ─► criterion (name ► chain, has) ► condition (modifier ► value::…) ─► Condition ─┐
//!      └─► sort, include ────────────────────────────────────────────────────────────────┴► SearchRequest
//! ```
//!
//! A parameter that a searched type does not have is passed over and told ([`SearchRequest::ignored`]); whoever asked
//! strictly is refused by the caller. Everything else that cannot be done as asked is refused here.
//!
//! Non-features, refused plainly because they would change the answer: `_text`, `_content`, `_list`, `_filter`, `_query`,
//! `_contained`, `_containedType`, `_score`; composites of more than two parts, or without a token; `:above` and `:below`
//! of references other than those of `HIERARCHIES`.

mod chain;
mod coded;
mod composite;
mod condition;
mod conditional;
mod cost;
mod include;
mod name;
mod pairs;
pub mod refusal;
mod sort;

#[cfg(test)]
mod tests;

use std::cell::Cell;

use crate::error::Result;
use crate::fhir::id::ResourceType;
use crate::fhir::instant::Instant;
use crate::fhir::outcome::IssueCode;
use crate::profile::Definitions;
use crate::search::parameters::{Parameter, Parameters};
use crate::search::request::{Ignored, Near, SearchRequest, TypeRequest};
use crate::store::{Condition, Indexed, Patterns};

pub use conditional::read_criteria;
pub use pairs::split_query;

use name::Name;

/// Parameters of one search.
const PARAMETERS: usize = 100;

/// Alternatives that a search may have in all, each once for every type that it is asked of.
const ALTERNATIVES: usize = 2_000;

/// Alternatives of one parameter, but for `_id`: SQLite joins no more.
const PATTERNS: usize = 500;

/// References that are followed one after the other.
const CHAIN: usize = 6;

/// Bytes of one alternative.
const VALUE: usize = 4_096;

/// References that lead upwards in a hierarchy of their own type.
const HIERARCHIES: [(&str, &str); 2] = [("Location", "partof"), ("Organization", "partof")];

/// Parameters that are not served (see above).
pub const NON_FEATURES: [&str; 7] = ["_text", "_content", "_list", "_filter", "_query", "_contained", "_containedType"];

/// What a query is read against.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The types that are searched, in the order of the results.
    pub types: &'a [ResourceType],
    pub parameters: &'a Parameters,
    /// Terminology for `:in`, `:not-in`, `:above` and `:below`, and the types that are served.
    pub definitions: &'a Definitions,
    /// This server's own address, without a slash at its end, or empty: urls below it are its resources.
    pub base: &'a str,
    pub now: Instant,
    /// Refuses a parameter whose index is not whole.
    pub whole: &'a (dyn Fn(&Parameter) -> Result<()> + Sync),
}

/// Reads the parameters of a search. Result parameters (`_count` …) are the caller's and must be taken out before.
pub fn read(scope: &Scope<'_>, pairs: &[(String, String)]) -> Result<SearchRequest> {
    Reader::new(scope).search(pairs)
}

/// Reads one query; counts what it costs.
struct Reader<'a> {
    scope: &'a Scope<'a>,
    /// Alternatives that may still come.
    left: Cell<usize>,
}

impl<'a> Reader<'a> {
    fn new(scope: &'a Scope<'a>) -> Reader<'a> {
        Reader { scope, left: Cell::new(ALTERNATIVES) }
    }

    fn search(&self, pairs: &[(String, String)]) -> Result<SearchRequest> {
        bounded(pairs)?;
        let types = self.scope.types.iter();
        let types = types.map(|rtype| TypeRequest { rtype: rtype.clone(), conditions: Vec::new(), sort: Vec::new() });
        let mut request = SearchRequest { types: types.collect(), ..SearchRequest::default() };
        let mut sort = Vec::new();
        for (name, value) in pairs {
            match name.split(':').next().unwrap_or_default() {
                "_sort" => sort.push((name.as_str(), value.as_str())),
                "_include" | "_revinclude" => {
                    let include = self.include(name, value)?;
                    if !request.includes.contains(&include) {
                        request.includes.push(include);
                    }
                }
                _ if !self.criterion(&mut request, name, value)? => {
                    request.ignored.push(Ignored { name: name.clone() });
                    continue;
                }
                _ => {}
            }
            request.applied.push((name.clone(), value.clone()));
        }
        self.sort(&mut request, &sort)?;
        Ok(request)
    }

    /// Adds what a parameter asks of each type; `false` where one of the types does not have it.
    fn criterion(&self, request: &mut SearchRequest, name: &str, value: &str) -> Result<bool> {
        let read = Name::read(name)?;
        refuse_non_feature(name, read.code())?;
        if !request.types.iter().all(|searched| self.knows(searched.rtype.as_str(), &read)) {
            return Ok(false);
        }
        check_value(name, value)?;
        for searched in &mut request.types {
            let condition = self.named(name, searched.rtype.as_str(), &read, value, 0)?;
            if request.near.is_none() {
                request.near = circle_of(&condition);
            }
            searched.conditions.push(condition);
        }
        Ok(true)
    }
}

fn bounded(pairs: &[(String, String)]) -> Result<()> {
    match pairs.get(PARAMETERS) {
        Some((name, _)) => Err(refusal::too_costly(
            name,
            &format!("検索パラメータが {PARAMETERS} を超えます。"),
            &format!("a search has at most {PARAMETERS} parameters."),
        )),
        None => Ok(()),
    }
}

fn refuse_non_feature(whole: &str, code: &str) -> Result<()> {
    match NON_FEATURES.contains(&code) {
        true => Err(refusal::name(
            whole,
            IssueCode::NotSupported,
            "このサーバーでは使えません。無視すると結果が変わるため、受け付けません。",
            "it is not supported here, and leaving it out would change the answer. Search without it.",
        )),
        false => Ok(()),
    }
}

fn check_value(name: &str, value: &str) -> Result<()> {
    if value.is_empty() {
        return Err(refusal::value(name, "値が空です。", "it is empty."));
    }
    // No FHIR string has this character, and PostgreSQL takes no text with it.
    if value.contains('\0') {
        return Err(refusal::value(name, "使えない文字があります。", "it holds a character that no value has."));
    }
    Ok(())
}

fn circle_of(condition: &Condition) -> Option<Near> {
    match condition {
        Condition::Indexed(Indexed { param, inherited, any_of: Patterns::Positions(circles) }) => {
            Some(Near { circle: *circles.first()?, param: *param, inherited: *inherited })
        }
        _ => None,
    }
}
