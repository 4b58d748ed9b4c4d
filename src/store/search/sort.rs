//! Sort keys as SQL: the value of each, the order, and what comes after a place.

use std::cmp::Ordering;

use super::super::sql::{Sql, Value};
use super::condition::Shape;
use super::criteria::{SortBy, SortKey, Table, metres_of_chord};
use super::find::{Place, SortValue};
use super::inherit::origin;
use super::predicate::chord;

/// Which of the three kinds of value a sort key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Int,
    Double,
    Text,
}

/// Distances are sorted, and remembered in cursors, as whole numbers: the square of the chord in units of 2^-60, which is
/// finer than a millimetre from a metre on, and survives every conversion.
const CHORD_UNITS: f64 = (1_u64 << 60) as f64;

/// The sort value of a squared chord.
pub(super) fn units_of_chord(chord: Sql) -> Sql {
    Sql::new("CAST((").append(chord).then(" * ?) AS BIGINT)", [CHORD_UNITS.into()])
}

/// The distance that a sort value stands for.
pub(super) fn metres_of_value(value: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a distance is not told to the last bit")]
    let chord = value as f64 / CHORD_UNITS;
    metres_of_chord(chord)
}

impl SortKey {
    /// Whether every resource has a value.
    pub(super) fn is_always_there(&self) -> bool {
        matches!(self.by, SortBy::Id | SortBy::LastUpdated)
    }

    pub(super) fn kind(&self) -> ValueKind {
        match &self.by {
            SortBy::Id => ValueKind::Text,
            SortBy::LastUpdated | SortBy::Distance { .. } => ValueKind::Int,
            SortBy::Indexed { table, .. } => match table {
                Table::Token | Table::Reference | Table::String => ValueKind::Text,
                Table::Date | Table::Vacancy | Table::AsOf | Table::Position => ValueKind::Int,
                Table::Quantity => ValueKind::Double,
            },
        }
    }

    fn word(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    /// The value for the resource whose key is `k`.
    pub(super) fn value(&self, shape: &Shape, k: &str) -> Sql {
        let with = |text: String, values: Vec<Value>| Sql::new("").then(&text, values);
        match &self.by {
            SortBy::Id => with(format!("(SELECT r.rid FROM resource r WHERE r.key = {k})"), Vec::new()),
            SortBy::LastUpdated => with(format!("(SELECT r.seq FROM resource r WHERE r.key = {k})"), Vec::new()),
            SortBy::Distance { centre, param, inherited } => {
                let origin = origin(Table::Position, *param, *inherited, k);
                let least = Sql::new("min(").append(chord(centre, "t")).then(")", []);
                let tail = format!(" FROM index_position t WHERE t.key = {origin} AND t.param = {param})");
                Sql::new("(SELECT ").append(units_of_chord(least)).then(&tail, [])
            }
            SortBy::Indexed { table: Table::Vacancy, .. } => {
                let pick = if self.descending { "max" } else { "min" };
                let text = format!(
                    "(SELECT {pick}(t.available) FROM ward_count t WHERE t.key = {k} \
                     AND t.valid_until > ?)"
                );
                with(text, vec![shape.now.into()])
            }
            SortBy::Indexed { table: Table::AsOf, .. } => {
                let pick = if self.descending { "max" } else { "min" };
                let text = format!(
                    "coalesce((SELECT t.as_of FROM bed_count t WHERE t.key = {k}), \
                     (SELECT {pick}(t.as_of) FROM ward_count t WHERE t.key = {k}), \
                     (SELECT t.as_of FROM facility_count t WHERE t.key = {k}))"
                );
                with(text, Vec::new())
            }
            SortBy::Indexed { table, param, inherited } => {
                let origin = origin(*table, *param, *inherited, k);
                let (pick, column) = (if self.descending { "max" } else { "min" }, self.column(*table));
                let name = table.name();
                with(
                    format!("(SELECT {pick}({column}) FROM {name} t WHERE t.key = {origin} AND t.param = {param})"),
                    Vec::new(),
                )
            }
        }
    }

    /// Of a range the low end is sorted upwards and the high one downwards.
    pub(super) fn column(&self, table: Table) -> &'static str {
        match table {
            Table::Token => "t.code",
            Table::Reference => "t.target_id",
            Table::String => "substr(t.folded, 1, 100)",
            Table::Date | Table::Quantity if self.descending => "t.high",
            Table::Date | Table::Quantity => "t.low",
            Table::Position => "t.band",
            Table::Vacancy => "t.available",
            Table::AsOf => "t.as_of",
        }
    }
}

/// The direction in which keys break ties: that of the first sort key.
pub(super) fn ties_descend(sort: &[SortKey]) -> bool {
    sort.first().is_some_and(|key| key.descending)
}

/// `k0 IS NULL, k0 ASC, … key ASC`: without a value last.
pub(super) fn order(sort: &[SortKey], alias: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (index, key) in sort.iter().enumerate() {
        parts.push(format!("{alias}.k{index} IS NULL"));
        parts.push(format!("{alias}.k{index} {}", key.word()));
    }
    parts.push(format!("{alias}.key {}", if ties_descend(sort) { "DESC" } else { "ASC" }));
    parts.join(", ")
}

/// Rows of `alias` behind the place.
pub(super) fn behind(sort: &[SortKey], place: &Place, alias: &str) -> Sql {
    let mut sql = Sql::new("(");
    for (at, key) in sort.iter().enumerate() {
        sql = equals(sql, place, at, alias);
        sql = further(sql, key, place.values.get(at), at, alias).then(" OR ", []);
    }
    let sign = if ties_descend(sort) { "<" } else { ">" };
    equals(sql, place, sort.len(), alias).then(&format!("{alias}.key {sign} ?)"), [place.key.into()])
}

/// The key before all others in the order of ties, and the one behind all others.
pub(super) fn ends_of_keys(sort: &[SortKey]) -> (i64, i64) {
    if ties_descend(sort) { (i64::MAX, i64::MIN) } else { (i64::MIN, i64::MAX) }
}

/// What comes first where two matches are compared by their values, without keys.
pub(super) fn compare(sort: &[SortKey], left: &[SortValue], right: &[SortValue]) -> Ordering {
    let each = sort.iter().zip(left.iter().zip(right)).map(|(key, (left, right))| {
        let (missing_left, missing_right) = (*left == SortValue::Missing, *right == SortValue::Missing);
        let order = match (left, right) {
            (SortValue::Int(left), SortValue::Int(right)) => left.cmp(right),
            (SortValue::Double(left), SortValue::Double(right)) => {
                f64::from_bits(*left).total_cmp(&f64::from_bits(*right))
            }
            (SortValue::Text(left), SortValue::Text(right)) => left.cmp(right),
            _ => return missing_left.cmp(&missing_right),
        };
        if key.descending { order.reverse() } else { order }
    });
    each.fold(Ordering::Equal, Ordering::then)
}

fn equals(mut sql: Sql, place: &Place, until: usize, alias: &str) -> Sql {
    for (at, value) in place.values.iter().take(until).enumerate() {
        sql = match bind(value) {
            Some(value) => sql.then(&format!("{alias}.k{at} = ? AND "), [value]),
            None => sql.then(&format!("{alias}.k{at} IS NULL AND "), []),
        };
    }
    sql
}

fn further(sql: Sql, key: &SortKey, value: Option<&SortValue>, at: usize, alias: &str) -> Sql {
    let sign = if key.descending { "<" } else { ">" };
    match value.and_then(bind) {
        Some(value) => sql.then(&format!("({alias}.k{at} {sign} ? OR {alias}.k{at} IS NULL)"), [value]),
        None => sql.then("1 = 0", []),
    }
}

pub(super) fn bind(value: &SortValue) -> Option<Value> {
    match value {
        SortValue::Missing => None,
        SortValue::Int(value) => Some(Value::Int(*value)),
        SortValue::Double(bits) => Some(Value::Double(f64::from_bits(*bits))),
        SortValue::Text(value) => Some(Value::Text(value.clone())),
    }
}
