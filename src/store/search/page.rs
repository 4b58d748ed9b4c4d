//! One statement for one part of a page: so many rows of the driver, those of them that match, and their texts.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double, Nullable, Text};

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;

use super::super::change::Version;
use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::Sql;
use super::condition::Shape;
use super::criteria::{Circle, Inherited, SortBy, SortKey, Table, metres_of_chord};
use super::find::{Hit, SortValue};
use super::inherit::origin;
use super::predicate::chord;
use super::prepared::prepared;
use super::sort::{ValueKind, order, units_of_chord};

/// What is asked in one go.
pub(super) struct Part<'a> {
    pub shape: &'a Shape,
    pub rtype: &'a ResourceType,
    /// `SELECT … AS key`, bounded.
    pub rows: Sql,
    /// What must hold of `d.key`.
    pub rest: Sql,
    pub sort: &'a [SortKey],
    /// What must hold of `s.key` and the sort values `s.k0` …
    pub behind: Sql,
    pub near: Option<(Circle, i64, Inherited)>,
    /// From where, and by which parameter, `d.chord` is the distance.
    pub carried: Option<(Circle, i64)>,
    pub count: usize,
    /// It looks at few rows: on SQLite it runs on this thread.
    pub short: bool,
}

/// What became of it.
#[derive(Default)]
pub(super) struct Answered {
    pub hits: Vec<Ranked>,
    /// Rows of the driver that were looked at, and the greatest key among them.
    pub examined: i64,
    pub last: Option<i64>,
}

/// A match with what places it.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    pub key: i64,
    pub values: Vec<SortValue>,
    pub hit: Hit,
}

#[derive(QueryableByName)]
struct PlainRow {
    #[diesel(sql_type = BigInt)]
    examined: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    key: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    rid: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    version: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    at: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    chord: Option<f64>,
}

/// The sort values of a row, each in the column of its kind: at most [`MOST_KEYS`].
#[derive(QueryableByName)]
struct SortedRow {
    #[diesel(embed)]
    plain: PlainRow,
    #[diesel(sql_type = Nullable<BigInt>)]
    i0: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    d0: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t0: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    i1: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    d1: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t1: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    i2: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    d2: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t2: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    i3: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    d3: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t3: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    i4: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    d4: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    t4: Option<String>,
}

/// Sort keys of a search, at most.
pub const MOST_KEYS: usize = 5;

impl Part<'_> {
    pub async fn run(self, connection: &mut Connection) -> Result<Answered, StoreError> {
        let (rtype, sort, short) = (self.rtype.clone(), self.sort, self.short);
        let sql = prepared(self.sql());
        let mut answered = Answered::default();
        if sort.is_empty() {
            let rows: Vec<PlainRow> = connection.load_as(short, sql).await?;
            rows.into_iter().for_each(|row| answered.add(row, Vec::new(), &rtype));
        } else {
            let rows: Vec<SortedRow> = connection.load_as(short, sql).await?;
            for mut row in rows {
                let values = sort.iter().enumerate().map(|(at, key)| row.value(at, key.kind())).collect();
                answered.add(row.plain, values, &rtype);
            }
        }
        Ok(answered)
    }

    fn sql(self) -> Sql {
        // Sort values are computed once, and not wherever they are named.
        let kept = match self.sort.is_empty() {
            true => "), s AS (SELECT d.key AS key",
            false => "), s AS MATERIALIZED (SELECT d.key AS key",
        };
        let values: Vec<Sql> = self.sort.iter().map(|key| self.value(key)).collect();
        let near = self.metres();
        let mut sql = Sql::new("WITH d AS MATERIALIZED (").append(self.rows).then(kept, []);
        if self.carried.is_some() {
            sql = sql.then(", d.chord AS chord", []);
        }
        for (at, value) in values.into_iter().enumerate() {
            sql = sql.then(", ", []).append(value).then(&format!(" AS k{at}"), []);
        }
        let by = order(self.sort, "s");
        sql = sql.then(" FROM d WHERE ", []).append(self.rest);
        sql = sql.then("), m AS (SELECT s.* FROM s WHERE ", []).append(self.behind);
        let text = format!(
            " ORDER BY {by} LIMIT {}) SELECT e.examined AS examined, e.last AS last, m.key AS key, r.rid AS rid, \
             r.version AS version, v.at AS at, v.body AS body, ",
            self.count
        );
        sql = sql.then(&text, []);
        sql = sql.append(near);
        if !self.sort.is_empty() {
            sql = sql.then(&columns(self.sort), []);
        }
        let by = order(self.sort, "m");
        sql.then(
            &format!(
                " FROM (SELECT count(*) AS examined, max(key) AS last FROM d) e LEFT JOIN m ON 1 = 1 \
                 LEFT JOIN resource r ON r.key = m.key LEFT JOIN resource_version v ON v.seq = r.seq ORDER BY {by}"
            ),
            [],
        )
    }

    /// The value of a sort key for `d`.
    fn value(&self, key: &SortKey) -> Sql {
        match &key.by {
            SortBy::Distance { centre, param, .. } if self.carries(centre, *param) => {
                units_of_chord(Sql::new("d.chord"))
            }
            _ => key.value(self.shape, "d.key"),
        }
    }

    /// `… AS chord`: the distance of a match.
    fn metres(&self) -> Sql {
        match &self.near {
            Some((circle, param, _)) if self.carries(circle, *param) => Sql::new("m.chord AS chord"),
            Some((circle, param, inherited)) => {
                let origin = origin(Table::Position, *param, *inherited, "m.key");
                let tail = format!(") FROM index_position t WHERE t.key = {origin} AND t.param = {param}) AS chord");
                Sql::new("(SELECT min(").append(chord(circle, "t")).then(&tail, [])
            }
            None => Sql::new("CAST(NULL AS DOUBLE PRECISION) AS chord"),
        }
    }

    fn carries(&self, centre: &Circle, param: i64) -> bool {
        self.carried.is_some_and(|(circle, its)| its == param && circle.is_around(centre))
    }
}

fn columns(sort: &[SortKey]) -> String {
    let mut text = String::new();
    for at in 0..MOST_KEYS {
        let kind = sort.get(at).map(SortKey::kind);
        for (letter, its, null) in [
            ("i", ValueKind::Int, "CAST(NULL AS BIGINT)"),
            ("d", ValueKind::Double, "CAST(NULL AS DOUBLE PRECISION)"),
            ("t", ValueKind::Text, "CAST(NULL AS TEXT)"),
        ] {
            let value = if kind == Some(its) { format!("m.k{at}") } else { null.to_owned() };
            text.push_str(&format!(", {value} AS {letter}{at}"));
        }
    }
    text
}

impl SortedRow {
    fn value(&mut self, at: usize, kind: ValueKind) -> SortValue {
        let (int, double, text) = match at {
            0 => (self.i0, self.d0, self.t0.take()),
            1 => (self.i1, self.d1, self.t1.take()),
            2 => (self.i2, self.d2, self.t2.take()),
            3 => (self.i3, self.d3, self.t3.take()),
            _ => (self.i4, self.d4, self.t4.take()),
        };
        let value = match kind {
            ValueKind::Int => int.map(SortValue::Int),
            ValueKind::Double => double.map(|value| SortValue::Double(value.to_bits())),
            ValueKind::Text => text.map(SortValue::Text),
        };
        value.unwrap_or(SortValue::Missing)
    }
}

impl Answered {
    fn add(&mut self, row: PlainRow, values: Vec<SortValue>, rtype: &ResourceType) {
        (self.examined, self.last) = (row.examined, row.last);
        let (Some(key), Some(rid), Some(version), Some(at), Some(body)) =
            (row.key, row.rid.as_deref().and_then(ResourceId::parse), row.version, row.at, row.body)
        else {
            return;
        };
        let version =
            Version { key: ResourceKey { rtype: rtype.clone(), id: rid }, version, at: Instant(at), body: Some(body) };
        self.hits.push(Ranked { key, values, hit: Hit { version, metres: row.chord.map(metres_of_chord) } });
    }
}
