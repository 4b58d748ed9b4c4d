//! Composites: parts that hold of one element at once. R4 `search.html#combining`, `search.html#composite`.
//!
//! One part, a token, is folded into the number of the rows' parameter, so that the other part's rows are found by the
//! index of their own kind: `code$n:system|code` and, for any system, `code$n:code`.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::fhir::outcome::IssueCode;
use crate::profile::SearchKind;
use crate::search::parameters::{Component, Parameter};
use crate::search::value::escape::{split, unescape};
use crate::search::value::string::Manner;
use crate::search::value::token::Token;
use crate::search::value::{date, quantity, reference, string, token, uri, vacancy};
use crate::store::{Condition, Patterns, QuantityPattern, Table, parameter_id};

use super::coded::{Implied, is_implied};
use super::condition::{any_of, indexed, none};
use super::{Reader, refusal};

impl Reader<'_> {
    pub(super) fn composite(
        &self,
        whole: &str,
        rtype: &str,
        parameter: &Parameter,
        values: &[&str],
    ) -> Result<Condition> {
        let [first, second] = parameter.components.as_slice() else { return Err(unsupported(whole)) };
        let pair = |value| match split(value, '$').as_slice() {
            [left, right] if !left.is_empty() && !right.is_empty() => Ok((*left, *right)),
            _ => Err(wrong_parts(whole, parameter)),
        };
        if parameter.table == Table::Vacancy {
            return vacancies(whole, parameter, values, pair);
        }
        let at = match (first.kind, second.kind) {
            (SearchKind::Token, _) => 0,
            (_, SearchKind::Token) => 1,
            _ => return Err(unsupported(whole)),
        };
        let (token, other) = if at == 0 { (first, second) } else { (second, first) };
        let implied = self.implied_of(rtype, token);
        let mut found: BTreeMap<i64, Patterns> = BTreeMap::new();
        for value in values {
            let (left, right) = pair(value)?;
            let (folded, rest) = if at == 0 { (left, right) } else { (right, left) };
            let parts = folded_parts(whole, folded, &implied)?;
            let (patterns, in_seconds) = match other.kind {
                SearchKind::Quantity => {
                    let asked = quantity::quantity(whole, rest)?;
                    (Patterns::Quantities(asked.patterns), asked.in_seconds)
                }
                _ => (self.part(whole, rtype, other, rest)?, false),
            };
            let seconds = if in_seconds { "s" } else { "" };
            for part in parts {
                let param = parameter_id(rtype, &format!("{}${at}{seconds}:{part}", parameter.code));
                match found.get_mut(&param) {
                    Some(known) => join(known, patterns.clone()),
                    None => drop(found.insert(param, patterns.clone())),
                }
            }
        }
        Ok(any_of(found.into_iter().map(|(param, patterns)| indexed(param, parameter.inherited, patterns))))
    }

    /// The part whose rows are compared, where it is no quantity.
    fn part(&self, whole: &str, rtype: &str, component: &Component, raw: &str) -> Result<Patterns> {
        let now = self.scope.now;
        Ok(match component.kind {
            SearchKind::Token => Patterns::Tokens(self.codes(whole, &[raw], &self.implied_of(rtype, component))?),
            SearchKind::Uri => Patterns::Tokens(vec![uri::pattern(raw)]),
            SearchKind::String => Patterns::Strings(vec![string::pattern(whole, raw, Manner::StartsWith)?]),
            SearchKind::Date => Patterns::Dates(date::patterns(whole, &unescape(raw), now)?),
            SearchKind::Number => {
                let one = |bounds| QuantityPattern { bounds, unit: None };
                Patterns::Quantities(quantity::number(whole, &unescape(raw))?.into_iter().map(one).collect())
            }
            SearchKind::Reference => {
                let types = match self.scope.parameters.find(rtype, &component.code) {
                    Some(parameter) => self.local_types(parameter),
                    None => Vec::new(),
                };
                let read = reference::read(whole, raw, self.scope.base)?;
                Patterns::References(reference::patterns(read, &types, self.scope.base))
            }
            SearchKind::Quantity | SearchKind::Composite | SearchKind::Special => return Err(unsupported(whole)),
        })
    }

    fn implied_of(&self, rtype: &str, component: &Component) -> Implied {
        self.implied(rtype, self.scope.parameters.find(rtype, &component.code)?)
    }
}

fn vacancies<'v>(
    whole: &str,
    parameter: &Parameter,
    values: &[&'v str],
    pair: impl Fn(&'v str) -> Result<(&'v str, &'v str)>,
) -> Result<Condition> {
    let mut patterns = Vec::new();
    for value in values {
        let (sex, count) = pair(value)?;
        patterns.extend(vacancy::of_sex(whole, sex, &unescape(count))?);
    }
    Ok(match patterns.is_empty() {
        true => none(),
        false => indexed(0, parameter.inherited, Patterns::Vacancies(patterns)),
    })
}

/// The words by which rows may know the folded part: a code whose system is implied stands there without one.
fn folded_parts(whole: &str, raw: &str, implied: &Implied) -> Result<Vec<String>> {
    match token::read(whole, raw)? {
        Token { system: None, code: Some(code) } => Ok(vec![code]),
        Token { system: Some(system), code: Some(code) } => {
            let without = is_implied(implied, &system).then(|| format!("|{code}"));
            Ok([format!("{system}|{code}")].into_iter().chain(without).collect())
        }
        Token { code: None, .. } => Err(refusal::value(
            whole,
            "組合せの値では、system だけでなくコードも指定してください。",
            "in a composite a system alone is not enough. Give the code, too.",
        )),
    }
}

/// Alternatives for the same rows.
fn join(known: &mut Patterns, more: Patterns) {
    match (known, more) {
        (Patterns::Tokens(known), Patterns::Tokens(more)) => known.extend(more),
        (Patterns::References(known), Patterns::References(more)) => known.extend(more),
        (Patterns::Dates(known), Patterns::Dates(more)) => known.extend(more),
        (Patterns::Quantities(known), Patterns::Quantities(more)) => known.extend(more),
        (Patterns::Strings(known), Patterns::Strings(more)) => known.extend(more),
        // Parts of one composite are of one kind.
        _ => {}
    }
}

fn unsupported(whole: &str) -> Error {
    refusal::name(
        whole,
        IssueCode::NotSupported,
        "組合せは、コードを含む二つの部分のものだけ使えます。部分を別々のパラメータで指定してください。",
        "composites have two parts here, one of them a code. Ask for the parts by their own parameters.",
    )
}

fn wrong_parts(whole: &str, parameter: &Parameter) -> Error {
    let form = parameter.components.iter().map(|part| part.code.as_str()).collect::<Vec<_>>().join("$");
    refusal::value(
        whole,
        &format!("「{form}」の形で書いてください。値の中の $ は \\$ と書きます。"),
        &format!("it is written {form}; a $ within a value is written \\$."),
    )
}
