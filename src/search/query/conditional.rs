//! Criteria of conditional interactions: what a resource is by itself. R4 `http.html#ccreate`, `http.html#cond-update`.

use crate::error::{Error, Result};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::store::Criteria;

use super::name::Name;
use super::{Reader, Scope, pairs, refusal};

/// Parameters that say how to answer and not what is meant.
const ASIDE: [&str; 2] = ["_format", "_pretty"];

/// Reads the query of a conditional interaction on `rtype`: every parameter must be known and decided by the resource's
/// own content, so that the writer can hold what is being written to it, and there must be one.
pub fn read_criteria(scope: &Scope<'_>, rtype: &ResourceType, query: &str) -> Result<Criteria> {
    let mut pairs = pairs::split_query(query);
    pairs.retain(|(name, _)| !ASIDE.contains(&name.as_str()));
    super::bounded(&pairs)?;
    let reader = Reader::new(scope);
    let conditions = pairs.iter().map(|(name, value)| {
        let read = Name::read(name)?;
        super::refuse_non_feature(name, read.code())?;
        if !reader.knows(rtype.as_str(), &read) {
            return Err(not_known(rtype, name));
        }
        super::check_value(name, value)?;
        let condition = reader.named(name, rtype.as_str(), &read, value, 0)?;
        if condition.is_own() { Ok(condition) } else { Err(not_own(name)) }
    });
    let conditions = conditions.collect::<Result<Vec<_>>>()?;
    if conditions.is_empty() {
        return Err(Error::bad_request(Issue::error(
            IssueCode::Required,
            "条件付き操作には検索条件が要ります。例: identifier=system|value",
            "A conditional interaction needs criteria, such as identifier=system|value.",
        )));
    }
    Ok(Criteria { rtype: rtype.clone(), conditions })
}

fn not_known(rtype: &ResourceType, name: &str) -> Error {
    refusal::name(
        name,
        IssueCode::NotSupported,
        &format!("{rtype} の条件付き操作では使えません。{rtype} の検索条件だけを指定してください。"),
        &format!(
            "it cannot be used in a conditional interaction on {rtype}, which takes search criteria of {rtype} alone."
        ),
    )
}

fn not_own(name: &str) -> Error {
    refusal::name(
        name,
        IssueCode::NotSupported,
        "ほかのリソースを見ないと決まらない条件(連鎖、_has、near、上位から受け継ぐ値、階層)は、条件付き操作では使えません。",
        "a conditional interaction cannot use criteria that other resources decide: chains, _has, near, inherited values, hierarchies.",
    )
}
