//! Codes by value set and by hierarchy: `:in`, `:not-in`, `:above`, `:below`. R4 `search.html#token`.

use crate::error::{Error, Result};
use crate::fhir::id::ResourceId;
use crate::profile::operation::{ExpandRequest, Refusal, ValueSetRef};
use crate::search::value::escape::unescape;
use crate::search::value::token::{self, Token};
use crate::store::TokenPattern;

use super::{Reader, refusal};

impl Reader<'_> {
    /// The codes of value sets, each named by its canonical address or as a resource of this server.
    pub(super) fn in_sets(&self, whole: &str, values: &[&str]) -> Result<Vec<TokenPattern>> {
        let mut found = Vec::new();
        for value in values {
            let canonical = self.canonical(&unescape(value));
            let definitions = self.scope.definitions;
            let expansion = definitions
                .expand(&ValueSetRef::Url(&canonical), &ExpandRequest::default())
                .map_err(|refusal| undecided(whole, &refusal))?;
            // A code without a system, such as a status, has the system of its value set by implication.
            for member in expansion.codes {
                found.push(token::exact(&member.system, &member.code));
                found.push(token::exact("", &member.code));
            }
        }
        Ok(found)
    }

    fn canonical(&self, named: &str) -> String {
        let base = self.scope.base;
        let below_base = named.strip_prefix(base).filter(|_| !base.is_empty()).and_then(|rest| rest.strip_prefix('/'));
        let id = below_base.unwrap_or(named).strip_prefix("ValueSet/").and_then(ResourceId::parse);
        let of_id = id.and_then(|id| {
            let mut known = self.scope.definitions.conformance_resources().iter();
            known.find(|known| known.resource_type == "ValueSet" && known.id == id.as_str())?.url.clone()
        });
        of_id.unwrap_or_else(|| named.to_owned())
    }

    /// The codes that a code stands above or below, and itself.
    pub(super) fn related(&self, whole: &str, values: &[&str], below: bool) -> Result<Vec<TokenPattern>> {
        let mut found = Vec::new();
        for value in values {
            let Token { system: Some(system), code: Some(code) } = token::read(whole, value)? else {
                return Err(refusal::value(
                    whole,
                    "上下関係はコード体系ごとに決まります。「system|コード」の形で書いてください。",
                    "a hierarchy is that of a code system. Write system|code.",
                ));
            };
            let definitions = self.scope.definitions;
            let codes = definitions.related_codes(&system, &code, below).map_err(|why| undecided(whole, &why))?;
            for code in codes {
                found.push(token::exact(&system, &code));
            }
        }
        Ok(found)
    }
}

/// The terminology's own words, on the parameter.
fn undecided(whole: &str, why: &Refusal) -> Error {
    let name = refusal::shown(whole);
    Error::bad_request(why.issue().on(format!("http.name:{name}")))
}
