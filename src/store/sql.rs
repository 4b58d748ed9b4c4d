//! Statements for both databases: one text with `?` for each value, run by diesel as a cached prepared statement.
//!
//! diesel's own `sql_query` is never cached, and its query builder needs a type for each backend; [`Sql`] is the small
//! fragment between. What differs between the dialects is written as set-based [`Rows`] here, and nowhere else.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Double, Nullable, Text, Untyped};
use diesel::sqlite::Sqlite;

/// A value for a `?`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(i64),
    Double(f64),
    Text(String),
    Bool(bool),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}

/// A statement with its values, in the order of its `?`s.
#[derive(Clone, Debug)]
pub struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
    /// Not kept prepared: one of too many texts.
    passing: bool,
}

impl Sql {
    /// `text` holds a `?` for each value and no other question mark.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Sql { text: text.into(), values: Vec::new(), passing: false }
    }

    /// The text, with `?` for each value.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same, prepared for this time only: connections keep what they prepare for ever.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.passing = true;
        self
    }

    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Appends more text and its values.
    #[must_use]
    pub fn then(mut self, text: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.text.to_mut().push_str(text);
        self.values.extend(values);
        self
    }

    /// Appends another statement's text and values.
    #[must_use]
    pub fn append(self, other: Sql) -> Self {
        self.then(&other.text, other.values)
    }
}

impl QueryId for Sql {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Sql {
    type SqlType = Untyped;
}

impl<Conn> diesel::RunQueryDsl<Conn> for Sql {}

impl QueryFragment<Sqlite> for Sql {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if self.passing {
            out.unsafe_to_cache_prepared();
        }
        let mut texts = self.text.split('?');
        out.push_sql(texts.next().unwrap_or_default());
        for (text, value) in texts.zip(&self.values) {
            match value {
                Value::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Value::Double(value) => out.push_bind_param::<Double, _>(value)?,
                Value::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Value::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
                Value::Ints(_) | Value::Texts(_) => return Err(no_arrays()),
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

impl QueryFragment<Pg> for Sql {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if self.passing {
            out.unsafe_to_cache_prepared();
        }
        let mut texts = self.text.split('?');
        out.push_sql(texts.next().unwrap_or_default());
        for (text, value) in texts.zip(&self.values) {
            match value {
                Value::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Value::Double(value) => out.push_bind_param::<Double, _>(value)?,
                Value::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Value::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
                Value::Ints(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
                Value::Texts(values) => out.push_bind_param::<Array<Text>, _>(values)?,
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

fn no_arrays() -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError("SQLite has no arrays: use Rows".into())
}

/// One column of a set of rows.
#[derive(Clone, Debug)]
pub enum Column {
    Ints(Vec<i64>),
    MaybeInts(Vec<Option<i64>>),
    Texts(Vec<String>),
    MaybeTexts(Vec<Option<String>>),
    Bools(Vec<bool>),
    MaybeBools(Vec<Option<bool>>),
    MaybeDoubles(Vec<Option<f64>>),
    Bytes(Vec<Vec<u8>>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Column::Ints(values) => values.len(),
            Column::MaybeInts(values) => values.len(),
            Column::Texts(values) => values.len(),
            Column::MaybeTexts(values) => values.len(),
            Column::Bools(values) => values.len(),
            Column::MaybeBools(values) => values.len(),
            Column::MaybeDoubles(values) => values.len(),
            Column::Bytes(values) => values.len(),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Column::Ints(_) | Column::MaybeInts(_) => "bigint[]",
            Column::Texts(_) | Column::MaybeTexts(_) => "text[]",
            Column::Bools(_) | Column::MaybeBools(_) => "boolean[]",
            Column::MaybeDoubles(_) => "double precision[]",
            Column::Bytes(_) => "bytea[]",
        }
    }
}

/// One statement over many rows: on PostgreSQL a single statement over `unnest`, on SQLite a prepared one run row by row.
#[derive(Clone, Debug)]
pub struct Rows {
    pub columns: Vec<(&'static str, Column)>,
    pub action: RowAction,
}

/// What is done with each row.
#[derive(Clone, Debug)]
pub enum RowAction {
    /// Inserts into the table; the suffix is an `ON CONFLICT` clause or empty.
    Insert { table: &'static str, suffix: &'static str },
    /// Inserts, or sets the columns after the first `fixed` where there is a row with the first column's value.
    Upsert { table: &'static str, fixed: usize },
    /// Deletes the rows of the table that equal in every column.
    Delete { table: &'static str },
    /// Sets the columns after the first `keyed` where the first `keyed` ones are equal; the very first is named in
    /// the table, the others may name it under the alias given before a `:` (`expected:version`).
    Update { table: &'static str, keyed: usize },
}

impl Rows {
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The PostgreSQL statement; its values are the columns as arrays, in order.
    pub(super) fn postgres_text(&self) -> String {
        let arrays = self.columns.iter().map(|(_, column)| format!("?::{}", column.postgres_type()));
        let arrays = arrays.collect::<Vec<_>>().join(", ");
        let names = join(&self.columns, ", ", |name| name.to_owned());
        match &self.action {
            RowAction::Insert { table, suffix } => {
                format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) {suffix}")
            }
            RowAction::Upsert { table, fixed } => {
                let overwrite = self.overwrite(*fixed);
                format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) {overwrite}")
            }
            RowAction::Delete { table } => {
                let equal = join(&self.columns, " AND ", |name| format!("t.{name} = u.{name}"));
                format!("DELETE FROM {table} t USING unnest({arrays}) AS u ({names}) WHERE {equal}")
            }
            RowAction::Update { table, keyed } => {
                let (keys, values) = self.columns.split_at(*keyed);
                let aliases = join(&self.columns, ", ", |name| alias(name).to_owned());
                let set = join(values, ", ", |name| format!("{name} = u.{name}"));
                let equal = join(keys, " AND ", |name| format!("t.{} = u.{}", column(name), alias(name)));
                format!("UPDATE {table} t SET {set} FROM unnest({arrays}) AS u ({aliases}) WHERE {equal}")
            }
        }
    }

    /// The SQLite statement for one row.
    pub(super) fn sqlite_text(&self) -> String {
        let names = join(&self.columns, ", ", |name| name.to_owned());
        match &self.action {
            RowAction::Insert { table, suffix } => {
                let values = join(&self.columns, ", ", |_| "?".to_owned());
                format!("INSERT INTO {table} ({names}) VALUES ({values}) {suffix}")
            }
            RowAction::Upsert { table, fixed } => {
                let values = join(&self.columns, ", ", |_| "?".to_owned());
                format!("INSERT INTO {table} ({names}) VALUES ({values}) {}", self.overwrite(*fixed))
            }
            RowAction::Delete { table } => {
                let equal = join(&self.columns, " AND ", |name| format!("{name} = ?"));
                format!("DELETE FROM {table} WHERE {equal}")
            }
            RowAction::Update { table, keyed } => {
                let (keys, values) = self.columns.split_at(*keyed);
                let set = join(values, ", ", |name| format!("{name} = ?"));
                let equal = join(keys, " AND ", |name| format!("{} = ?", column(name)));
                format!("UPDATE {table} SET {set} WHERE {equal}")
            }
        }
    }

    fn overwrite(&self, fixed: usize) -> String {
        let set = join(&self.columns[fixed..], ", ", |name| format!("{name} = excluded.{name}"));
        let key = join(&self.columns[..1], "", str::to_owned);
        format!("ON CONFLICT ({key}) DO UPDATE SET {set}")
    }

    /// The columns in the order of the SQLite statement's values.
    fn sqlite_order(&self) -> impl Iterator<Item = &Column> {
        let keyed = if let RowAction::Update { keyed, .. } = self.action { keyed } else { 0 };
        let (keys, values) = self.columns.split_at(keyed);
        values.iter().chain(keys).map(|(_, column)| column)
    }
}

fn join(columns: &[(&'static str, Column)], separator: &str, each: impl Fn(&str) -> String) -> String {
    columns.iter().map(|(name, _)| each(name)).collect::<Vec<_>>().join(separator)
}

/// `expected:version` is the array `expected` compared with the table's column `version`.
fn alias(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

fn column(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// All rows at once, for PostgreSQL.
pub(super) struct RowSet<'a> {
    pub text: &'a str,
    pub rows: &'a Rows,
}

/// One row, for SQLite.
pub(super) struct Row<'a> {
    /// The statement's text, cut at its `?`s.
    pub texts: &'a [&'a str],
    pub rows: &'a Rows,
    pub at: usize,
}

impl QueryId for RowSet<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryId for Row<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Conn> diesel::RunQueryDsl<Conn> for Row<'_> {}

impl QueryFragment<Pg> for RowSet<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut texts = self.text.split('?');
        out.push_sql(texts.next().unwrap_or_default());
        for (text, (_, column)) in texts.zip(&self.rows.columns) {
            match column {
                Column::Ints(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
                Column::MaybeInts(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
                Column::Texts(values) => out.push_bind_param::<Array<Text>, _>(values)?,
                Column::MaybeTexts(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
                Column::Bools(values) => out.push_bind_param::<Array<Bool>, _>(values)?,
                Column::MaybeBools(values) => out.push_bind_param::<Array<Nullable<Bool>>, _>(values)?,
                Column::MaybeDoubles(values) => out.push_bind_param::<Array<Nullable<Double>>, _>(values)?,
                Column::Bytes(values) => out.push_bind_param::<Array<Binary>, _>(values)?,
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

impl QueryFragment<Sqlite> for Row<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let (first, texts) = self.texts.split_first().unwrap_or((&"", &[]));
        out.push_sql(first);
        for (text, column) in texts.iter().zip(self.rows.sqlite_order()) {
            match column {
                Column::Ints(values) => out.push_bind_param::<BigInt, _>(&values[self.at])?,
                Column::MaybeInts(values) => out.push_bind_param::<Nullable<BigInt>, _>(&values[self.at])?,
                Column::Texts(values) => out.push_bind_param::<Text, _>(&values[self.at])?,
                Column::MaybeTexts(values) => out.push_bind_param::<Nullable<Text>, _>(&values[self.at])?,
                Column::Bools(values) => out.push_bind_param::<Bool, _>(&values[self.at])?,
                Column::MaybeBools(values) => out.push_bind_param::<Nullable<Bool>, _>(&values[self.at])?,
                Column::MaybeDoubles(values) => out.push_bind_param::<Nullable<Double>, _>(&values[self.at])?,
                Column::Bytes(values) => out.push_bind_param::<Binary, _>(&values[self.at])?,
            }
            out.push_sql(text);
        }
        Ok(())
    }
}
