//! How many match.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable};

use crate::fhir::instant::Instant;

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::resource::Number;
use super::super::sql::Sql;
use super::condition::Shape;
use super::criteria::Criteria;
use super::driver::{Driver, smallest};
use super::find::SearchLimits;
use super::prepared::prepared;
use super::unsorted::Budget;

/// Rows that one statement looks at.
const LOOK: i64 = 65_536;
/// Rows that an estimate looks at.
const SAMPLE: i64 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub value: i64,
    /// Whether all was counted; else it is an estimate.
    pub exact: bool,
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    examined: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
    #[diesel(sql_type = BigInt)]
    matched: i64,
}

/// Counts the matches of all the criteria. An estimate looks at a part of them where they are many. What cannot be counted
/// within the limit of time is refused.
pub async fn count(
    connection: &mut Connection,
    types: &[Criteria],
    limits: &SearchLimits,
    estimate: bool,
    now: Instant,
) -> Result<Count, StoreError> {
    let shape = Shape::new(connection, &types.iter().collect::<Vec<_>>(), limits, now).await?;
    // Counting is bounded by time alone: it brings no rows with it.
    let mut budget = Budget::new(&SearchLimits { examined: u32::MAX, ..*limits });
    let mut total = Count { value: 0, exact: true };
    for criteria in types {
        let one = count_one(connection, &shape, criteria, estimate, &mut budget).await?;
        total = Count { value: total.value + one.value, exact: total.exact && one.exact };
    }
    Ok(total)
}

async fn count_one(
    connection: &mut Connection,
    shape: &Shape,
    criteria: &Criteria,
    estimate: bool,
    budget: &mut Budget,
) -> Result<Count, StoreError> {
    let driver = match smallest(connection, shape, criteria).await? {
        Some((_, driver)) => driver,
        None => Driver::likely(criteria).unwrap_or(Driver::Type),
    };
    let (mut value, mut after) = (0, i64::MIN);
    let limit = if estimate { SAMPLE + 1 } else { LOOK };
    loop {
        let text = "SELECT (SELECT count(*) FROM d) AS examined, (SELECT max(key) FROM d) AS last, count(*) AS matched \
                    FROM d WHERE ";
        let sql = Sql::new("WITH d AS MATERIALIZED (").append(driver.rows(shape, criteria, after, limit));
        let sql = sql.then(") ", []).then(text, []).append(driver.rest(shape, criteria, "d.key"));
        let rows: Vec<Counted> = connection.load_many(prepared(sql)).await?;
        let Some(counted) = rows.into_iter().next() else { return Ok(Count { value, exact: true }) };
        value += counted.matched;
        budget.examined += counted.examined;
        let Some(last) = counted.last.filter(|_| counted.examined >= limit) else {
            return Ok(Count { value, exact: true });
        };
        if estimate {
            let share = share_of_keys(connection, last).await?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "an estimate")]
            let value = (value as f64 / share) as i64;
            return Ok(Count { value, exact: false });
        }
        if budget.is_spent() {
            return Err(StoreError::TooCostly("the matches are too many to be counted in time".into()));
        }
        after = last;
    }
}

/// Which part of all resources has a key up to this one.
async fn share_of_keys(connection: &mut Connection, last: i64) -> Result<f64, StoreError> {
    let end = async |connection: &mut Connection, text: &'static str| -> Result<i64, StoreError> {
        let rows: Vec<Number> = connection.load(Sql::new(text)).await?;
        Ok(rows.first().map_or(0, |row| row.value))
    };
    let first = end(connection, "SELECT coalesce(min(key), 0) AS value FROM resource").await?;
    let newest = end(connection, "SELECT coalesce(max(key), 0) AS value FROM resource").await?;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let share = (last - first + 1) as f64 / (newest - first + 1).max(1) as f64;
    Ok(share.clamp(f64::EPSILON, 1.0))
}
