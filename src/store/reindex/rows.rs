//! The index rows that are there, read back as what they were made from.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double as DoubleType, Text};

use super::super::connection::Connection;
use super::super::derived::{DateRow, Derived, Double, PositionRow, QuantityRow, Reference, StringRow, Token};
use super::super::error::StoreError;
use super::super::index::band;
use super::super::search::unit_vector;
use super::super::sql::Sql;

/// A resource's rows, without its projection.
#[derive(Default)]
pub(super) struct Found {
    pub rows: Derived,
    /// Rows that stand twice, or whose further columns are wrong: none of them can stay.
    pub unsound: Derived,
}

pub(super) type FoundRows = BTreeMap<i64, Found>;

/// Every index row of the keys behind `after`, up to `last`.
pub(super) async fn rows_of(connection: &mut Connection, after: i64, last: i64) -> Result<FoundRows, StoreError> {
    let mut found = FoundRows::new();
    tokens(connection, after, last, &mut found).await?;
    references(connection, after, last, &mut found).await?;
    dates(connection, after, last, &mut found).await?;
    quantities(connection, after, last, &mut found).await?;
    strings(connection, after, last, &mut found).await?;
    positions(connection, after, last, &mut found).await?;
    Ok(found)
}

/// Reads one index table; `$convert` makes of a row what it was made from, and says whether it is sound.
macro_rules! index_reader {
    ($load:ident -> $set:ident, $table:literal, { $($field:ident: $sql:ty => $rust:ty),+ }, |$raw:ident| $convert:expr) => {
        async fn $load(
            connection: &mut Connection,
            after: i64,
            last: i64,
            found: &mut FoundRows,
        ) -> Result<(), StoreError> {
            #[derive(QueryableByName)]
            struct Raw {
                #[diesel(sql_type = BigInt)]
                key: i64,
                $( #[diesel(sql_type = $sql)] $field: $rust, )+
            }
            const TEXT: &str = concat!(
                "SELECT key", $( ", ", stringify!($field), )+ " FROM ", $table, " WHERE key > ? AND key <= ?"
            );
            let rows: Vec<Raw> = connection.load_many(Sql::new(TEXT).bind(after).bind(last)).await?;
            for $raw in rows {
                let found = found.entry($raw.key).or_default();
                let (row, sound) = $convert;
                if !sound || found.rows.$set.remove(&row) || found.unsound.$set.contains(&row) {
                    found.unsound.$set.insert(row);
                } else {
                    found.rows.$set.insert(row);
                }
            }
            Ok(())
        }
    };
}

index_reader!(tokens -> tokens, "index_token", { param: BigInt => i64, code: Text => String, system: BigInt => i64 },
    |row| (Token { param: row.param, code: row.code, system: row.system }, true));
index_reader!(references -> references, "index_reference",
{ param: BigInt => i64, target_type: Text => String, target_id: Text => String, version: Text => String },
|row| {
    let (target_type, target_id, version) = (row.target_type, row.target_id, row.version);
    (Reference { param: row.param, target_type, target_id, version }, true)
});
index_reader!(dates -> dates, "index_date", { param: BigInt => i64, low: BigInt => i64, high: BigInt => i64 },
    |row| (DateRow { param: row.param, low: row.low, high: row.high }, true));
index_reader!(quantities -> quantities, "index_quantity",
{ param: BigInt => i64, low: DoubleType => f64, high: DoubleType => f64, system: BigInt => i64, code: Text => String,
  unit: Text => String },
|row| {
    let (low, high) = (Double(row.low), Double(row.high));
    (QuantityRow { param: row.param, low, high, system: row.system, code: row.code, unit: row.unit }, true)
});
index_reader!(strings -> strings, "index_string",
    { param: BigInt => i64, folded: Text => String, exact: Text => String },
    |row| (StringRow { param: row.param, folded: row.folded, exact: row.exact }, true));
index_reader!(positions -> positions, "index_position",
{ param: BigInt => i64, latitude: DoubleType => f64, longitude: DoubleType => f64, band: BigInt => i64,
  x: DoubleType => f64, y: DoubleType => f64, z: DoubleType => f64 },
|row| {
    let point: [Double; 3] = unit_vector(row.latitude, row.longitude).map(Double);
    let sound = row.band == band(row.latitude) && [row.x, row.y, row.z].map(Double) == point;
    let (latitude, longitude) = (Double(row.latitude), Double(row.longitude));
    (PositionRow { param: row.param, latitude, longitude }, sound)
});
