//! Matches in the order in which they were created.

use std::time::Instant as Moment;

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::Sql;
use super::condition::Shape;
use super::criteria::{Circle, Criteria, Inherited};
use super::driver::{Driver, smallest};
use super::find::{Place, SearchLimits};
use super::page::{Part, Ranked};

/// Rows of the driver that are looked at before it is asked whether another one would be better.
const FIRST_LOOK: i64 = 256;
/// Rows that one statement looks at: a statement is not interrupted, so that it must be short.
const LOOK: i64 = 8_192;

/// What walking one type came to.
pub(super) struct Walked {
    pub hits: Vec<Ranked>,
    /// Where it stopped without having reached the end: for want of room, or of time.
    pub stopped: Option<Stop>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stop {
    /// There is more than was wanted.
    Full,
    /// A limit was reached; everything up to this place was looked at.
    Place(Place),
}

/// Walks a type from behind `after` until there are `wanted` matches.
pub(super) async fn walk(
    connection: &mut Connection,
    shape: &Shape,
    criteria: &Criteria,
    near: Option<(Circle, i64, Inherited)>,
    after: i64,
    wanted: usize,
    budget: &mut Budget,
) -> Result<Walked, StoreError> {
    let mut walked = Walked { hits: Vec::new(), stopped: None };
    let mut after = after;
    let mut driver = Driver::likely(criteria);
    let mut look = FIRST_LOOK.max(i64::try_from(wanted).unwrap_or(LOOK)).min(LOOK);
    if driver.is_none() {
        driver = Some(best(connection, shape, criteria, Driver::Type).await?);
        look = LOOK;
    }
    loop {
        let chosen = driver.unwrap_or(Driver::Type);
        let limit = if let Driver::Set(_) = chosen { shape.whole + 1 } else { look };
        let part = Part {
            shape,
            rtype: &criteria.rtype,
            rows: chosen.rows(shape, criteria, after, limit),
            rest: chosen.rest(shape, criteria, "d.key"),
            sort: &[],
            behind: Sql::new("1 = 1"),
            near,
            carried: None,
            count: wanted - walked.hits.len(),
            short: limit <= FIRST_LOOK,
        };
        let answered = part.run(connection).await?;
        budget.examined += answered.examined;
        walked.hits.extend(answered.hits);
        if walked.hits.len() >= wanted {
            walked.stopped = Some(Stop::Full);
            return Ok(walked);
        }
        let Some(last) = answered.last.filter(|_| answered.examined >= limit) else { return Ok(walked) };
        after = last;
        if budget.is_spent() {
            walked.stopped = Some(Stop::Place(Place { at: 0, values: Vec::new(), key: after }));
            return Ok(walked);
        }
        if look < LOOK {
            // The first guess has more rows than matches: perhaps another condition has fewer.
            driver = Some(best(connection, shape, criteria, chosen).await?);
        }
        look = LOOK;
    }
}

/// The smallest condition, else what there is.
async fn best(
    connection: &mut Connection,
    shape: &Shape,
    criteria: &Criteria,
    otherwise: Driver,
) -> Result<Driver, StoreError> {
    Ok(smallest(connection, shape, criteria).await?.map_or(otherwise, |(_, driver)| driver))
}

/// What a search may still look at.
pub(super) struct Budget {
    pub examined: i64,
    most: i64,
    until: Moment,
}

impl Budget {
    pub fn new(limits: &SearchLimits) -> Budget {
        let until = Moment::now() + std::time::Duration::from_millis(limits.millis);
        Budget { examined: 0, most: i64::from(limits.examined), until }
    }

    pub fn is_spent(&self) -> bool {
        self.examined >= self.most || Moment::now() >= self.until
    }
}
