//! One parameter, its modifier and its value. R4 `search.html#modifiers`.

use crate::error::Result;
use crate::fhir::id::ResourceId;
use crate::fhir::outcome::IssueCode;
use crate::profile::SearchKind;
use crate::search::parameters::Parameter;
use crate::search::value::escape::{split, unescape};
use crate::search::value::reference::Reference;
use crate::search::value::string::Manner;
use crate::search::value::{date, near, quantity, reference, string, token, uri, vacancy};
use crate::store::{
    Condition, Indexed, Inherited, Patterns, QuantityPattern, ReferencePattern, Table, TokenPattern, parameter_id,
};

use super::cost::too_many;
use super::{ALTERNATIVES, HIERARCHIES, Reader, VALUE, refusal};

impl Reader<'_> {
    pub(super) fn condition(
        &self,
        whole: &str,
        rtype: &str,
        parameter: &Parameter,
        modifier: Option<&str>,
        value: &str,
    ) -> Result<Condition> {
        if modifier == Some("missing") && parameter.kind != SearchKind::Composite {
            return missing(whole, present(parameter), value);
        }
        let values = self.alternatives(whole, value)?;
        let values = values.as_slice();
        match (parameter.kind, modifier) {
            (SearchKind::String, _) => strings(whole, parameter, modifier, values),
            (SearchKind::Token, _) => self.token(whole, rtype, parameter, modifier, values),
            (SearchKind::Reference, _) => self.references(whole, rtype, parameter, modifier, values),
            (SearchKind::Uri, _) => uris(whole, parameter, modifier, values),
            (SearchKind::Composite, None) => self.composite(whole, rtype, parameter, values),
            (SearchKind::Composite, Some(modifier)) => Err(refusal::modifier(whole, modifier, &[])),
            (_, Some(modifier)) => Err(refusal::modifier(whole, modifier, &["missing"])),
            (SearchKind::Date, None) => self.dates(whole, parameter, values),
            (SearchKind::Number, None) => numbers(whole, parameter, values),
            (SearchKind::Quantity, None) => quantities(whole, rtype, parameter, values),
            (SearchKind::Special, None) => positions(whole, parameter, values),
        }
    }

    /// The alternatives of a value, still escaped.
    pub(super) fn alternatives<'v>(&self, whole: &str, value: &'v str) -> Result<Vec<&'v str>> {
        let values = split(value, ',');
        if values.len() > ALTERNATIVES {
            return Err(too_many(whole));
        }
        if values.iter().any(|value| value.is_empty()) {
            return Err(refusal::value(
                whole,
                "コンマの間に値がありません。",
                "a value is missing between its commas.",
            ));
        }
        if values.iter().any(|value| value.len() > VALUE) {
            return Err(refusal::value(
                whole,
                &format!("値は {VALUE} バイトまでです。"),
                &format!("it is longer than {VALUE} bytes."),
            ));
        }
        Ok(values)
    }

    pub(super) fn id(&self, whole: &str, modifier: Option<&str>, value: &str) -> Result<Condition> {
        if modifier == Some("missing") {
            return missing(whole, Condition::Not(Box::new(none())), value);
        }
        let ids = self.alternatives(whole, value)?.into_iter().map(unescape);
        // What is no id is none of a resource.
        let ids: Vec<String> = ids.filter(|id| ResourceId::parse(id).is_some()).collect();
        let found = if ids.is_empty() { none() } else { Condition::Id(ids) };
        match modifier {
            None => Ok(found),
            Some("not") => Ok(Condition::Not(Box::new(found))),
            Some(modifier) => Err(refusal::modifier(whole, modifier, &["not", "missing"])),
        }
    }

    pub(super) fn last_updated(&self, whole: &str, modifier: Option<&str>, value: &str) -> Result<Condition> {
        match modifier {
            Some("missing") => return missing(whole, Condition::Not(Box::new(none())), value),
            Some(modifier) => return Err(refusal::modifier(whole, modifier, &["missing"])),
            None => {}
        }
        let values = self.alternatives(whole, value)?;
        let spans = each(&values, |value| date::spans(whole, &unescape(value), self.scope.now))?;
        Ok(Condition::LastUpdated(spans))
    }

    fn dates(&self, whole: &str, parameter: &Parameter, values: &[&str]) -> Result<Condition> {
        let patterns = each(values, |value| date::patterns(whole, &unescape(value), self.scope.now))?;
        Ok(match parameter.table {
            Table::AsOf => indexed(0, parameter.inherited, Patterns::AsOf(patterns)),
            _ => of(parameter, Patterns::Dates(patterns)),
        })
    }

    fn token(
        &self,
        whole: &str,
        rtype: &str,
        parameter: &Parameter,
        modifier: Option<&str>,
        values: &[&str],
    ) -> Result<Condition> {
        let tokens = |patterns: Vec<TokenPattern>| of(parameter, Patterns::Tokens(patterns));
        let part = |name: &str| parameter_id(rtype, &format!("{}:{name}", parameter.code));
        let implied = &self.implied(rtype, parameter);
        Ok(match modifier {
            None => tokens(self.codes(whole, values, implied)?),
            Some("not") => not(tokens(self.codes(whole, values, implied)?)),
            Some("text") => {
                let patterns = all(values, |value| string::pattern(whole, value, Manner::StartsWith))?;
                indexed(part("text"), parameter.inherited, Patterns::Strings(patterns))
            }
            Some("of-type") => {
                let patterns = all(values, |value| token::of_type(whole, value))?;
                indexed(part("of-type"), parameter.inherited, Patterns::Tokens(patterns))
            }
            Some("in") => tokens(self.in_sets(whole, values, implied)?),
            Some("not-in") => not(tokens(self.in_sets(whole, values, implied)?)),
            Some("below") => tokens(self.related(whole, values, implied, true)?),
            Some("above") => tokens(self.related(whole, values, implied, false)?),
            Some(modifier) => {
                let possible = ["missing", "not", "text", "in", "not-in", "above", "below", "of-type"];
                return Err(refusal::modifier(whole, modifier, &possible));
            }
        })
    }

    fn references(
        &self,
        whole: &str,
        rtype: &str,
        parameter: &Parameter,
        modifier: Option<&str>,
        values: &[&str],
    ) -> Result<Condition> {
        let base = self.scope.base;
        let patterns = match modifier {
            Some("identifier") => {
                let param = parameter_id(rtype, &format!("{}:identifier", parameter.code));
                let patterns = all(values, |value| token::pattern(whole, value))?;
                return Ok(indexed(param, parameter.inherited, Patterns::Tokens(patterns)));
            }
            Some("above") => self.climbed(whole, parameter, values, false)?,
            Some("below") => self.climbed(whole, parameter, values, true)?,
            Some(modifier) if !modifier.starts_with(|first: char| first.is_ascii_uppercase()) => {
                return Err(refusal::modifier(
                    whole,
                    modifier,
                    &["missing", "identifier", "above", "below", "Patient"],
                ));
            }
            Some(target) => {
                let target = self.target(whole, parameter, target)?;
                each(values, |value| {
                    let reference = of_type(whole, reference::read(whole, value, base)?, target)?;
                    Ok(reference::patterns(reference, &[target], base))
                })?
            }
            None => {
                let types = self.local_types(parameter);
                each(values, |value| Ok(reference::patterns(reference::read(whole, value, base)?, &types, base)))?
            }
        };
        Ok(of(parameter, Patterns::References(patterns)))
    }

    /// `:above` and `:below`: along the hierarchy of the type that is pointed to.
    fn climbed(
        &self,
        whole: &str,
        parameter: &Parameter,
        values: &[&str],
        below: bool,
    ) -> Result<Vec<ReferencePattern>> {
        let local = self.local_types(parameter);
        let hierarchies: Vec<_> = HIERARCHIES.into_iter().filter(|(rtype, _)| local.contains(rtype)).collect();
        if hierarchies.is_empty() {
            return Err(refusal::modifier(whole, if below { "below" } else { "above" }, &["missing", "identifier"]));
        }
        each(values, |value| {
            let (only, id) = match reference::read(whole, value, self.scope.base)? {
                Reference::Id(id) => (None, id),
                Reference::Local { rtype, id, version: None } => (Some(rtype), id),
                _ => {
                    return Err(refusal::value(
                        whole,
                        "上下関係は、このサーバーのリソースでたどります。例: Location/123",
                        "a hierarchy is followed from a resource of this server, such as Location/123.",
                    ));
                }
            };
            let asked = hierarchies.iter().filter(|(rtype, _)| only.as_deref().is_none_or(|only| only == *rtype));
            asked
                .map(|(rtype, upwards)| {
                    let parent = self.reference(whole, rtype, upwards)?.id;
                    let (rtype, id) = ((*rtype).to_owned(), id.clone());
                    Ok(match below {
                        true => ReferencePattern::Below { rtype, id, parent },
                        false => ReferencePattern::Above { rtype, id, parent },
                    })
                })
                .collect()
        })
    }
}

/// A reference narrowed to a type.
fn of_type(whole: &str, reference: Reference, target: &str) -> Result<Reference> {
    match reference {
        Reference::Local { rtype, .. } if rtype != target => Err(refusal::value(
            whole,
            &format!("修飾子の型 {target} と値の型が違います。"),
            &format!("it is not of the type {target} that the modifier names."),
        )),
        other => Ok(other),
    }
}

fn strings(whole: &str, parameter: &Parameter, modifier: Option<&str>, values: &[&str]) -> Result<Condition> {
    let manner = match modifier {
        None => Manner::StartsWith,
        Some("contains") => Manner::Contains,
        Some("exact") => Manner::Exact,
        Some(modifier) => return Err(refusal::modifier(whole, modifier, &["missing", "exact", "contains"])),
    };
    Ok(of(parameter, Patterns::Strings(all(values, |value| string::pattern(whole, value, manner))?)))
}

fn uris(whole: &str, parameter: &Parameter, modifier: Option<&str>, values: &[&str]) -> Result<Condition> {
    let patterns = match modifier {
        None => values.iter().map(|value| uri::pattern(value)).collect(),
        Some("below") => all(values, |value| uri::below(whole, value))?,
        Some("above") => each(values, |value| uri::above(whole, value))?,
        Some(modifier) => return Err(refusal::modifier(whole, modifier, &["missing", "above", "below"])),
    };
    Ok(of(parameter, Patterns::Tokens(patterns)))
}

fn numbers(whole: &str, parameter: &Parameter, values: &[&str]) -> Result<Condition> {
    if parameter.table == Table::Vacancy {
        let patterns = each(values, |value| vacancy::available(whole, &unescape(value)))?;
        return Ok(indexed(0, parameter.inherited, Patterns::Vacancies(patterns)));
    }
    let patterns = each(values, |value| {
        let one = |bounds| QuantityPattern { bounds, unit: None };
        Ok(quantity::number(whole, &unescape(value))?.into_iter().map(one).collect())
    })?;
    Ok(of(parameter, Patterns::Quantities(patterns)))
}

fn quantities(whole: &str, rtype: &str, parameter: &Parameter, values: &[&str]) -> Result<Condition> {
    let read = all(values, |value| quantity::quantity(whole, value))?;
    let (in_seconds, others): (Vec<_>, Vec<_>) = read.into_iter().partition(|quantity| quantity.in_seconds);
    let seconds = parameter_id(rtype, &format!("{}:seconds", parameter.code));
    let parts = [(parameter.id, others), (seconds, in_seconds)].into_iter().filter(|(_, found)| !found.is_empty());
    Ok(any_of(parts.map(|(param, found)| {
        let patterns = found.into_iter().flat_map(|quantity| quantity.patterns).collect();
        indexed(param, parameter.inherited, Patterns::Quantities(patterns))
    })))
}

fn positions(whole: &str, parameter: &Parameter, values: &[&str]) -> Result<Condition> {
    match parameter.table {
        Table::Position => Ok(of(parameter, Patterns::Positions(all(values, |value| near::circle(whole, value))?))),
        _ => Err(refusal::name(
            whole,
            IssueCode::NotSupported,
            "このサーバーでは使えません。",
            "it is not supported here. Search without it.",
        )),
    }
}

/// `:missing=true` or `false`.
fn missing(whole: &str, present: Condition, value: &str) -> Result<Condition> {
    match value {
        "true" => Ok(not(present)),
        "false" => Ok(present),
        _ => Err(refusal::value(whole, ":missing は true か false です。", ":missing is true or false.")),
    }
}

/// What is there may have nothing to be found by; then a row of its own says so.
fn present(parameter: &Parameter) -> Condition {
    let (table, inherited) = (parameter.table, parameter.inherited);
    let laid_over = matches!(table, Table::Vacancy | Table::AsOf);
    let own = Condition::Present { table, param: if laid_over { 0 } else { parameter.id }, inherited };
    match laid_over || inherited != Inherited::No || parameter.kind == SearchKind::Uri {
        true => own,
        false => {
            let bare = Condition::Present { table: Table::Token, param: parameter.bare, inherited };
            Condition::AnyOf(vec![own, bare])
        }
    }
}

fn of(parameter: &Parameter, any_of: Patterns) -> Condition {
    indexed(parameter.id, parameter.inherited, any_of)
}

pub fn indexed(param: i64, inherited: Inherited, any_of: Patterns) -> Condition {
    Condition::Indexed(Indexed { param, inherited, any_of })
}

fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Not(inner) => *inner,
        other => Condition::Not(Box::new(other)),
    }
}

/// Holds of nothing.
pub fn none() -> Condition {
    Condition::AnyOf(Vec::new())
}

pub fn any_of(conditions: impl Iterator<Item = Condition>) -> Condition {
    let mut conditions: Vec<Condition> = conditions.collect();
    match conditions.len() {
        1 => conditions.remove(0),
        _ => Condition::AnyOf(conditions),
    }
}

/// One pattern a value.
pub fn all<T>(values: &[&str], read: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    values.iter().map(|value| read(value)).collect()
}

/// Some patterns a value.
pub fn each<T>(values: &[&str], read: impl Fn(&str) -> Result<Vec<T>>) -> Result<Vec<T>> {
    let found = values.iter().map(|value| read(value)).collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}
