//! The index of a sort key, walked in its order: for matches that are too many to be sorted as a whole.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double, Nullable, Text};

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::{Sql, Value};
use super::condition::Shape;
use super::criteria::{Condition, Criteria, Inherited, SortBy, SortKey, Span, Table};
use super::driver::Driver;
use super::find::{Place, SortValue};
use super::predicate::join;
use super::sort::{ValueKind, bind};

/// Whether there is an index in the order of the key.
pub(super) fn is_scannable(key: &SortKey) -> bool {
    match &key.by {
        SortBy::Id | SortBy::LastUpdated => true,
        SortBy::Distance { .. } => false,
        SortBy::Indexed { table, inherited, .. } => {
            *inherited == Inherited::No && matches!(table, Table::Token | Table::Date | Table::Quantity | Table::String)
        }
    }
}

/// The walk from a place on.
pub(super) struct Scan<'a> {
    pub shape: &'a Shape,
    pub criteria: &'a Criteria,
    pub key: &'a SortKey,
    pub place: &'a Place,
}

#[derive(QueryableByName)]
struct End {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    i0: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    d0: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t0: Option<String>,
}

impl Scan<'_> {
    /// Whether the walk has come to the resources without a value.
    pub fn is_of_missing(&self) -> bool {
        self.place.values.first() == Some(&SortValue::Missing)
    }

    /// `SELECT … AS key, … AS k0`, in order, behind the place.
    pub fn rows(&self, limit: i64) -> Sql {
        let (sign, word) = if self.key.descending { ("<", "DESC") } else { (">", "ASC") };
        let rtype = self.criteria.rtype.as_str();
        if self.is_of_missing() {
            let text = format!(
                "SELECT r.key AS key, 0 AS k0 FROM resource r WHERE r.rtype = ? AND r.key {sign} ? \
                 ORDER BY r.key {word} LIMIT {limit}"
            );
            return Sql::new(text).bind(rtype).bind(self.place.key);
        }
        let (head, column, key, values) = self.source(rtype);
        // Names and places in the log come once each; values of an index come again, even for the same resource.
        let unique = self.key.is_always_there();
        let distinct = if unique { "" } else { "DISTINCT " };
        let mut sql = Sql::new(format!("SELECT {distinct}{key} AS key, {column} AS k0 {head}")).then("", values);
        if let Some(span) = self.span() {
            sql = sql.then(" AND ", []).append(self.shape.within(span, column));
        }
        if let Some(value) = self.place.values.first().and_then(bind) {
            sql = match unique {
                true => sql.then(&format!(" AND {column} {sign} ?"), [value]),
                false => sql.then(&format!(" AND ({column}, {key}) {sign} (?, ?)"), [value, self.place.key.into()]),
            };
        }
        let ties = if unique { String::new() } else { format!(", {key} {word}") };
        sql.then(&format!(" ORDER BY {column} {word}{ties} LIMIT {limit}"), [])
    }

    /// The part of the log to which the criteria narrow a walk along it.
    fn span(&self) -> Option<&[Span]> {
        fn span(condition: &Condition) -> Option<&[Span]> {
            match condition {
                Condition::LastUpdated(spans) if spans.len() == 1 => Some(spans.as_slice()),
                _ => None,
            }
        }
        matches!(self.key.by, SortBy::LastUpdated).then(|| self.criteria.conditions.iter().find_map(span))?
    }

    /// The table with its first conditions, the column of the value, that of the resource's key, values.
    fn source(&self, rtype: &str) -> (String, &'static str, &'static str, Vec<Value>) {
        match &self.key.by {
            SortBy::Id => ("FROM resource r WHERE r.rtype = ?".into(), "r.rid", "r.key", vec![rtype.into()]),
            SortBy::LastUpdated => {
                ("FROM resource_version v WHERE v.rtype = ?".into(), "v.seq", "v.key", vec![rtype.into()])
            }
            SortBy::Indexed { table, param, .. } => {
                let head = format!("FROM {} t WHERE t.param = {param}", table.name());
                (head, self.key.column(*table), "t.key", Vec::new())
            }
            SortBy::Distance { .. } => ("FROM resource r WHERE 1 = 0".into(), "r.seq", "r.key", Vec::new()),
        }
    }

    /// What must hold of `d.key`: the criteria, and that the row is the resource's first in this order.
    pub fn rest(&self) -> Sql {
        let own = self.key.value(self.shape, "d.key");
        let first = if self.is_of_missing() { own.then(" IS NULL", []) } else { Sql::new("d.k0 = ").append(own) };
        join(vec![first, Driver::Type.rest(self.shape, self.criteria, "d.key")], " AND ", "1 = 1")
    }

    /// The place of the last row of [`Self::rows`].
    pub async fn end(&self, connection: &mut Connection, limit: i64) -> Result<Place, StoreError> {
        let kind = if self.is_of_missing() { None } else { Some(self.key.kind()) };
        let column = |its: ValueKind, null: &str| {
            if kind == Some(its) { "w.k0".to_owned() } else { format!("CAST(NULL AS {null})") }
        };
        let text = format!(
            "SELECT w.key AS key, {} AS i0, {} AS d0, {} AS t0 FROM (",
            column(ValueKind::Int, "BIGINT"),
            column(ValueKind::Double, "DOUBLE PRECISION"),
            column(ValueKind::Text, "TEXT"),
        );
        let word = if self.key.descending { "ASC" } else { "DESC" };
        let tail = format!(") w ORDER BY w.k0 {word}, w.key {word} LIMIT 1");
        let rows: Vec<End> =
            connection.load_many(Sql::new(text).append(self.rows(limit)).then(&tail, []).passing()).await?;
        let end = rows.into_iter().next().ok_or_else(|| StoreError::Internal("a walk without an end".into()))?;
        let value = end.i0.map(SortValue::Int).or(end.t0.map(SortValue::Text));
        let value = value.or(end.d0.map(|value| SortValue::Double(value.to_bits())));
        Ok(Place { at: 0, values: vec![value.unwrap_or(SortValue::Missing)], key: end.key })
    }
}
