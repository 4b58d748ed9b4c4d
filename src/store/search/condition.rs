//! Conditions as SQL, in two forms: whether one resource matches ([`Shape::probe`]), and which resources match
//! ([`Shape::set`]).
//!
//! A probe is a scalar subquery that starts from the resource's key, never a join: planners leave it where it stands, so
//! that it costs a look into an index for each candidate whatever the statistics say.

use std::collections::HashMap;

use crate::fhir::instant::Instant;

use super::super::sql::{Sql, Value};
use super::criteria::{Condition, Criteria, Indexed, Inherited, Patterns, Span, Table};
use super::inherit::{heirs, may_be_bed, origin};
use super::predicate::join;

/// What the SQL of one search needs to know.
pub(super) struct Shape {
    /// Milliseconds since 1970: what is judged at the moment of the question.
    pub now: i64,
    /// Rows up to which a condition is taken as a whole.
    pub whole: i64,
    /// Log positions of the moments that the criteria name.
    pub positions: HashMap<Instant, i64>,
}

impl Condition {
    /// A rank by what it costs to ask it of one resource: the cheap ones are asked first.
    pub(super) fn cost(&self) -> u8 {
        match self {
            Condition::Id(_) | Condition::LastUpdated(_) => 0,
            Condition::Indexed(Indexed { inherited: Inherited::No, any_of, .. }) => match any_of {
                Patterns::Vacancies(_) | Patterns::AsOf(_) => 1,
                _ => 0,
            },
            Condition::Indexed(_) | Condition::Present { .. } => 1,
            Condition::Not(inner) => inner.cost(),
            Condition::AnyOf(alternatives) => alternatives.iter().map(Condition::cost).max().unwrap_or(0),
            Condition::RefersTo { .. } | Condition::ReferredBy { .. } => 2,
        }
    }
}

impl Table {
    /// Its name; the moments of beds and wards have no single one.
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Token => "index_token",
            Table::Reference => "index_reference",
            Table::Date => "index_date",
            Table::Quantity => "index_quantity",
            Table::String => "index_string",
            Table::Position => "index_position",
            Table::Vacancy | Table::AsOf => "ward_count",
        }
    }
}

fn with(text: String, values: impl IntoIterator<Item = Value>) -> Sql {
    Sql::new("").then(&text, values)
}

/// `(SELECT 1 …tail LIMIT 1) IS NOT NULL`.
fn some(tail: Sql) -> Sql {
    Sql::new("(SELECT 1").append(tail).then(" LIMIT 1) IS NOT NULL", [])
}

impl Shape {
    /// All conditions hold of the resource whose key is the expression `k`.
    pub fn probe_all<'a>(&self, conditions: impl IntoIterator<Item = &'a Condition>, k: &str) -> Sql {
        self.probe_deep(conditions, k, 0)
    }

    pub fn probe_deep<'a>(&self, conditions: impl IntoIterator<Item = &'a Condition>, k: &str, depth: usize) -> Sql {
        join(conditions.into_iter().map(|condition| self.probe(condition, k, depth)).collect(), " AND ", "1 = 1")
    }

    /// `depth`: joins around it, which have the aliases of smaller numbers.
    fn probe(&self, condition: &Condition, k: &str, depth: usize) -> Sql {
        match condition {
            Condition::Id(ids) => {
                let marks = vec!["?"; ids.len()].join(", ");
                let values = ids.iter().map(|id| Value::from(id.as_str()));
                with(format!("(SELECT r.rid FROM resource r WHERE r.key = {k}) IN ({marks})"), values)
            }
            Condition::LastUpdated(spans) => {
                some(with(format!(" FROM resource r WHERE r.key = {k} AND "), []).append(self.within(spans, "r.seq")))
            }
            Condition::Indexed(indexed) => self.probe_indexed(indexed, k),
            Condition::Present { table, param, inherited } => self.probe_present(*table, *param, *inherited, k),
            Condition::Not(inner) => Sql::new("NOT (").append(self.probe(inner, k, depth)).then(")", []),
            Condition::AnyOf(alternatives) => {
                join(alternatives.iter().map(|condition| self.probe(condition, k, depth)).collect(), " OR ", "1 = 0")
            }
            Condition::RefersTo { param, target } => {
                let (f, x) = (format!("f{depth}"), format!("x{depth}"));
                let text = format!(
                    " FROM index_reference {f} JOIN resource {x} ON {x}.rtype = {f}.target_type AND {x}.rid = {f}.target_id \
                     WHERE {f}.key = {k} AND {f}.param = {param} AND {f}.target_type = ? AND NOT {x}.deleted AND "
                );
                let inner = self.probe_deep(&target.conditions, &format!("{x}.key"), depth + 1);
                some(with(text, [target.rtype.as_str().into()]).append(inner))
            }
            Condition::ReferredBy { param, source } => {
                let (f, x) = (format!("f{depth}"), format!("x{depth}"));
                let text = format!(
                    " FROM resource {x} JOIN index_reference {f} ON {f}.target_id = {x}.rid AND {f}.target_type = {x}.rtype \
                     WHERE {x}.key = {k} AND {f}.param = {param} AND "
                );
                some(with(text, []).append(self.probe_deep(&source.conditions, &format!("{f}.key"), depth + 1)))
            }
        }
    }

    fn probe_indexed(&self, indexed: &Indexed, k: &str) -> Sql {
        let Indexed { param, inherited, any_of } = indexed;
        let table = any_of.table();
        match any_of {
            Patterns::Vacancies(_) => {
                some(with(format!(" FROM ward_count t WHERE t.key = {k} AND "), []).append(any_of.any("t", self.now)))
            }
            Patterns::AsOf(_) => {
                let from = |table: &str| {
                    let tail = with(format!(" FROM {table} t WHERE t.key = {k} AND t.as_of IS NOT NULL AND "), []);
                    some(tail.append(any_of.any("t", self.now)))
                };
                join(["bed_count", "ward_count", "facility_count"].map(from).into(), " OR ", "1 = 0")
            }
            _ => {
                let origin = origin(table, *param, *inherited, k);
                let tail = format!(" FROM {} t WHERE t.key = {origin} AND t.param = {param} AND ", table.name());
                some(with(tail, []).append(any_of.any("t", self.now)))
            }
        }
    }

    fn probe_present(&self, table: Table, param: i64, inherited: Inherited, k: &str) -> Sql {
        match table {
            Table::Vacancy => some(with(
                format!(
                    " FROM ward_count t WHERE t.key = {k} AND t.available IS NOT NULL \
                     AND t.valid_until > ?"
                ),
                [self.now.into()],
            )),
            Table::AsOf => with(
                format!(
                    "((SELECT 1 FROM bed_count t WHERE t.key = {k} AND t.as_of IS NOT NULL) IS NOT NULL OR \
                     (SELECT 1 FROM ward_count t WHERE t.key = {k} AND t.as_of IS NOT NULL LIMIT 1) IS NOT NULL OR \
                     (SELECT 1 FROM facility_count t WHERE t.key = {k} AND t.as_of IS NOT NULL) IS NOT NULL)"
                ),
                [],
            ),
            _ => {
                let origin = origin(table, param, inherited, k);
                some(with(format!(" FROM {} t WHERE t.key = {origin} AND t.param = {param}", table.name()), []))
            }
        }
    }

    /// The place in the log lies within one of the spans.
    pub fn within(&self, spans: &[Span], seq: &str) -> Sql {
        let one = |span: &Span| {
            let edge = |moment: Option<Instant>, sign: &str| {
                let position = moment.and_then(|moment| self.positions.get(&moment).copied())?;
                Some(with(format!("{seq} {sign} ?"), [position.into()]))
            };
            join([edge(span.from, ">="), edge(span.until, "<")].into_iter().flatten().collect(), " AND ", "1 = 1")
        };
        join(spans.iter().map(one).collect(), " OR ", "1 = 0")
    }

    /// `SELECT … AS key` over the resources of the criteria that fit the condition, in no order, perhaps with repetitions;
    /// `None` where only a look at each resource tells.
    pub fn set(&self, criteria: &Criteria, condition: &Condition) -> Option<Sql> {
        let rtype = criteria.rtype.as_str();
        match condition {
            Condition::Id(ids) => {
                let marks = vec!["?"; ids.len()].join(", ");
                let text =
                    format!("SELECT r.key FROM resource r WHERE r.rtype = ? AND r.rid IN ({marks}) AND NOT r.deleted");
                Some(with(text, std::iter::once(rtype.into()).chain(ids.iter().map(|id| Value::from(id.as_str())))))
            }
            Condition::LastUpdated(spans) => Some(
                Sql::new("SELECT v.key FROM resource_version v WHERE v.rtype = ? AND ")
                    .bind(rtype)
                    .append(self.within(spans, "v.seq")),
            ),
            Condition::Indexed(indexed) => self.set_indexed(indexed, may_be_bed(criteria)),
            Condition::AnyOf(alternatives) => {
                let sets: Option<Vec<Sql>> =
                    alternatives.iter().map(|alternative| self.set(criteria, alternative)).collect();
                union(sets?)
            }
            Condition::RefersTo { param, target } => {
                let inner = self.inner_set(target)?;
                let head = format!(
                    "SELECT f.key FROM index_reference f WHERE f.param = {param} AND f.target_type = ? AND f.target_id IN \
                     (SELECT x.rid FROM resource x WHERE NOT x.deleted AND x.key IN ("
                );
                Some(with(head, [target.rtype.as_str().into()]).append(inner).then("))", []))
            }
            Condition::ReferredBy { param, source } => {
                let inner = self.inner_set(source)?;
                let head = format!(
                    "SELECT x.key FROM resource x WHERE x.rtype = ? AND NOT x.deleted AND x.rid IN \
                     (SELECT f.target_id FROM index_reference f WHERE f.param = {param} AND f.target_type = ? AND f.key IN ("
                );
                Some(with(head, [rtype.into(), rtype.into()]).append(inner).then("))", []))
            }
            Condition::Present { .. } | Condition::Not(_) => None,
        }
    }

    /// All that match inner criteria: the first condition that can be a set is one, the others are asked of each. The set of
    /// a time holds what had a version then; whether that is the current one is asked, too.
    fn inner_set(&self, criteria: &Criteria) -> Option<Sql> {
        let at = criteria.conditions.iter().position(|condition| self.set(criteria, condition).is_some())?;
        let set = self.set(criteria, criteria.conditions.get(at)?)?;
        let all = criteria.conditions.iter().enumerate();
        let rest = all.filter(|(index, rest)| *index != at || matches!(rest, Condition::LastUpdated(_)));
        let rest: Vec<&Condition> = rest.map(|(_, rest)| rest).collect();
        if rest.is_empty() {
            return Some(set);
        }
        Some(Sql::new("SELECT i.key FROM (").append(set).then(") i WHERE ", []).append(self.probe_all(rest, "i.key")))
    }

    fn set_indexed(&self, indexed: &Indexed, beds: bool) -> Option<Sql> {
        let Indexed { param, inherited, any_of } = indexed;
        let table = any_of.table();
        let parameter = match any_of {
            Patterns::AsOf(_) => return None,
            Patterns::Vacancies(_) => String::new(),
            _ => format!("t.param = {param} AND "),
        };
        let head = format!("SELECT t.key FROM {} t WHERE {parameter}", table.name());
        let alternatives = any_of.alternatives("t", self.now).into_iter();
        let own = union(alternatives.map(|one| with(head.clone(), []).append(one)).collect())?;
        match inherited {
            Inherited::No => Some(own),
            _ => {
                let all = heirs(own, "", table, *param, *inherited, beds);
                Some(Sql::new("SELECT h.key FROM (").append(all).then(") h", []))
            }
        }
    }
}

fn union(sets: Vec<Sql>) -> Option<Sql> {
    let mut sets = sets.into_iter();
    let Some(first) = sets.next() else { return Some(Sql::new("SELECT r.key FROM resource r WHERE 1 = 0")) };
    Some(sets.fold(first, |sql, set| sql.then(" UNION ALL ", []).append(set)))
}
