//! The condition from which a search starts.

use std::pin::Pin;

use super::super::connection::Connection;
use super::super::derived::parameter_id;
use super::super::error::StoreError;
use super::super::resource::Number;
use super::super::sql::Sql;
use super::condition::Shape;
use super::criteria::{Condition, Criteria, Indexed, Inherited, Patterns, ReferencePattern, Table, TokenPattern};
use super::predicate::join;
use super::prepared::prepared;

/// What is walked, always in the order of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// The condition of that index, by an index that is in the order of keys.
    Ordered(usize),
    /// The condition of that index, as a whole, sorted: at most [`Shape::whole`] rows.
    Set(usize),
    /// Every resource of the type.
    Type,
}

impl Driver {
    /// The likeliest to be selective, where that can be told without asking the database.
    pub fn likely(criteria: &Criteria) -> Option<Driver> {
        let identifier = parameter_id(criteria.rtype.as_str(), "identifier");
        let rank = |condition: &Condition| match condition {
            Condition::Id(_) => Some(0),
            _ if legs(condition).is_none() => None,
            Condition::Indexed(indexed) if indexed.param == identifier => Some(1),
            Condition::Indexed(indexed) if indexed.any_of.table() == Table::Reference => Some(2),
            _ => Some(3),
        };
        let ranked = criteria.conditions.iter().enumerate().filter_map(|(at, condition)| Some((rank(condition)?, at)));
        ranked.min().map(|(rank, at)| if rank == 0 { Driver::Set(at) } else { Driver::Ordered(at) })
    }

    /// `SELECT … AS key`, ascending, behind `after`, at most `limit`.
    pub fn rows(self, shape: &Shape, criteria: &Criteria, after: i64, limit: i64) -> Sql {
        let end = format!(" ORDER BY key LIMIT {limit}");
        match self {
            Driver::Ordered(at) => {
                let legs = legs(&criteria.conditions[at]).unwrap_or_default();
                let legs: Vec<Sql> = legs
                    .into_iter()
                    .map(|leg| leg.then(" AND t.key > ?", [after.into()]).then(&end.replace("key", "t.key"), []))
                    .collect();
                if legs.len() == 1 {
                    return legs.into_iter().next().unwrap_or_else(|| Sql::new(""));
                }
                let mut all = Sql::new("SELECT key FROM (");
                for (index, leg) in legs.into_iter().enumerate() {
                    let text = if index > 0 { " UNION SELECT key FROM (" } else { "SELECT key FROM (" };
                    all = all.then(text, []).append(leg).then(&format!(") l{index}"), []);
                }
                all.then(") u", []).then(&end, [])
            }
            Driver::Set(at) => {
                let set = shape.set(criteria, &criteria.conditions[at]).unwrap_or_else(|| Sql::new("SELECT 0 AS key"));
                Sql::new("SELECT DISTINCT s.key AS key FROM (")
                    .append(set)
                    .then(") s WHERE s.key > ?", [after.into()])
                    .then(&end, [])
            }
            Driver::Type => Sql::new("SELECT r.key AS key FROM resource r WHERE r.rtype = ? AND r.key > ?")
                .bind(criteria.rtype.as_str())
                .bind(after)
                .then(&end, []),
        }
    }

    /// What is left to be asked of each resource that the driver meets.
    pub fn rest(self, shape: &Shape, criteria: &Criteria, k: &str) -> Sql {
        let driving = match self {
            Driver::Ordered(at) | Driver::Set(at) => Some(at),
            Driver::Type => None,
        };
        let conditions = criteria.conditions.iter().enumerate();
        // A version in the log may be an old one, so what drives by the log is asked once more.
        let asked = |(at, condition): &(usize, &Condition)| {
            Some(*at) != driving || matches!(condition, Condition::LastUpdated(_) | Condition::AnyOf(_))
        };
        let mut asked: Vec<&Condition> = conditions.filter(asked).map(|(_, condition)| condition).collect();
        asked.sort_by_key(|condition| condition.cost());
        let mut parts = vec![shape.probe_all(asked, k)];
        if self.may_meet_deleted(criteria) {
            let text = format!("(SELECT 1 FROM resource r WHERE r.key = {k} AND NOT r.deleted) IS NOT NULL");
            parts.push(Sql::new("").then(&text, []));
        }
        join(parts, " AND ", "1 = 1")
    }

    /// Index rows are those of current resources; the log and the table of resources hold deleted ones.
    fn may_meet_deleted(self, criteria: &Criteria) -> bool {
        match self {
            Driver::Type => true,
            Driver::Ordered(_) => false,
            Driver::Set(at) => {
                matches!(criteria.conditions[at], Condition::LastUpdated(_) | Condition::AnyOf(_))
            }
        }
    }
}

/// Each alternative as `SELECT DISTINCT … WHERE …` over an index that is in the order of keys once the values are equal;
/// `None` where an alternative is a range.
fn legs(condition: &Condition) -> Option<Vec<Sql>> {
    let Condition::Indexed(Indexed { param, inherited: Inherited::No, any_of }) = condition else { return None };
    match any_of {
        Patterns::Tokens(patterns) => {
            let one = |pattern: &TokenPattern| {
                let head =
                    format!("SELECT DISTINCT t.key AS key FROM index_token t WHERE t.param = {param} AND t.code = ?");
                match pattern {
                    TokenPattern::Code(code) => Some(Sql::new(head).bind(code.as_str())),
                    TokenPattern::Exact { system, code } => {
                        Some(Sql::new(head).bind(code.as_str()).then(" AND t.system = ?", [(*system).into()]))
                    }
                    TokenPattern::System(_) | TokenPattern::Below(_) => None,
                }
            };
            patterns.iter().map(one).collect::<Option<Vec<_>>>().filter(|legs| !legs.is_empty())
        }
        Patterns::References(patterns) => {
            let one = |pattern: &ReferencePattern| {
                let ReferencePattern::To { rtype, id, version } = pattern else { return None };
                let text = format!(
                    "SELECT DISTINCT t.key AS key FROM index_reference t WHERE t.target_id = ? AND t.target_type = ? \
                     AND t.param = {param}"
                );
                let leg = Sql::new(text).bind(id.as_str()).bind(rtype.as_str());
                Some(match version {
                    Some(version) => leg.then(" AND t.version = ?", [version.as_str().into()]),
                    None => leg,
                })
            };
            patterns.iter().map(one).collect::<Option<Vec<_>>>().filter(|legs| !legs.is_empty())
        }
        _ => None,
    }
}

/// The smallest of the conditions, by count up to a bound: what drives a search that its first guess did not fill.
pub(super) async fn smallest(
    connection: &mut Connection,
    shape: &Shape,
    criteria: &Criteria,
) -> Result<Option<(i64, Driver)>, StoreError> {
    let mut best: Option<(i64, Driver)> = None;
    for at in 0..criteria.conditions.len() {
        let limit = best.map_or(shape.whole, |(least, _)| least - 1);
        if limit < 0 {
            break;
        }
        if let Some(count) = count_up_to(connection, shape, criteria, &criteria.conditions[at], limit).await? {
            best = Some((count, Driver::Set(at)));
        }
    }
    Ok(best)
}

/// The number of a condition's rows, if it is a set of at most `bound`. The set of a chain is made from the inner set as a
/// whole, which must be small itself.
fn count_up_to<'a>(
    connection: &'a mut Connection,
    shape: &'a Shape,
    criteria: &'a Criteria,
    condition: &'a Condition,
    bound: i64,
) -> Pin<Box<dyn Future<Output = Result<Option<i64>, StoreError>> + Send + 'a>> {
    Box::pin(async move {
        let Some(set) = shape.set(criteria, condition) else { return Ok(None) };
        for (criteria, inner) in inner_sets(shape, criteria, condition) {
            if count_up_to(connection, shape, criteria, inner, shape.whole).await?.is_none() {
                return Ok(None);
            }
        }
        let head = Sql::new("SELECT count(*) AS value FROM (SELECT 1 AS one FROM (");
        let sql = head.append(set).then(&format!(") s LIMIT {}) c", shape.whole + 1), []);
        let sql = prepared(sql);
        let rows: Vec<Number> = connection.load_many(sql).await?;
        Ok(rows.first().map(|row| row.value).filter(|count| *count <= bound))
    })
}

/// The sets from which the condition's own is made.
fn inner_sets<'a>(
    shape: &Shape,
    criteria: &'a Criteria,
    condition: &'a Condition,
) -> Vec<(&'a Criteria, &'a Condition)> {
    let first = |inner: &'a Criteria| {
        let settable = inner.conditions.iter().find(|condition| shape.set(inner, condition).is_some());
        settable.map(|condition| (inner, condition)).into_iter().collect()
    };
    match condition {
        Condition::RefersTo { target, .. } => first(target),
        Condition::ReferredBy { source, .. } => first(source),
        Condition::AnyOf(alternatives) => alternatives.iter().map(|alternative| (criteria, alternative)).collect(),
        _ => Vec::new(),
    }
}
