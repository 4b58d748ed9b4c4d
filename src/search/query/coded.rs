//! Codes by themselves, by value set and by hierarchy: `:in`, `:not-in`, `:above`, `:below`. R4 `search.html#token`.

use crate::error::{Error, Result};
use crate::fhir::id::ResourceId;
use crate::profile::operation::{ExpandRequest, Refusal, ValueSetRef};
use crate::search::extract::branches;
use crate::search::parameters::Parameter;
use crate::search::value::escape::unescape;
use crate::search::value::token::{self, Token};
use crate::store::TokenPattern;

use super::{Reader, refusal};

/// The systems of codes that stand without one; `None` where the parameter finds no such codes.
pub(super) type Implied = Option<Vec<String>>;

impl Reader<'_> {
    /// Codes as they are named.
    pub(super) fn codes(&self, whole: &str, values: &[&str], implied: &Implied) -> Result<Vec<TokenPattern>> {
        let mut found = Vec::with_capacity(values.len());
        for value in values {
            let asked = token::read(whole, value)?;
            if asked.system.as_ref().is_some_and(|system| is_implied(implied, system)) {
                found.push(token::of(Token { system: Some(String::new()), ..asked.clone() }));
            }
            found.push(token::of(asked));
        }
        Ok(found)
    }

    /// What codes without a system imply, where the parameter finds such codes.
    pub(super) fn implied(&self, rtype: &str, parameter: &Parameter) -> Implied {
        let definitions = self.scope.definitions;
        let mut defined = definitions.search_parameters(rtype).iter();
        let expression = defined.find(|one| one.code == parameter.code)?.expression.as_deref()?;
        let of_branch = |branch: &str| definitions.implied_systems(&format!("{rtype}.{branch}"));
        branches(rtype, expression).into_iter().filter_map(of_branch).reduce(|all, more| [all, more].concat())
    }

    /// The codes of value sets, each named by its canonical address or as a resource of this server.
    pub(super) fn in_sets(&self, whole: &str, values: &[&str], implied: &Implied) -> Result<Vec<TokenPattern>> {
        let mut found = Vec::new();
        for value in values {
            let canonical = self.canonical(&unescape(value));
            let definitions = self.scope.definitions;
            let expansion = definitions
                .expand(&ValueSetRef::Url(&canonical), &ExpandRequest::default())
                .map_err(|refusal| undecided(whole, &refusal))?;
            for member in expansion.codes {
                found.push(token::exact(&member.system, &member.code));
                if is_implied(implied, &member.system) {
                    found.push(token::exact("", &member.code));
                }
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
    pub(super) fn related(
        &self,
        whole: &str,
        values: &[&str],
        implied: &Implied,
        below: bool,
    ) -> Result<Vec<TokenPattern>> {
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
                if is_implied(implied, &system) {
                    found.push(token::exact("", &code));
                }
            }
        }
        Ok(found)
    }
}

pub(super) fn is_implied(implied: &Implied, system: &str) -> bool {
    !system.is_empty() && implied.as_ref().is_some_and(|systems| systems.iter().any(|known| known == system))
}

/// The terminology's own words, on the parameter.
fn undecided(whole: &str, why: &Refusal) -> Error {
    let name = refusal::shown(whole);
    Error::bad_request(why.issue().on(format!("http.name:{name}")))
}
