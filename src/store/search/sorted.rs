//! Matches in the order of sort keys.
//!
//! Few matches are found as a whole and sorted by the database. Where they are many, a search by one key walks the index
//! of that key instead, in its order; by several keys it is refused. The nearest first are looked for in growing circles.

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::Sql;
use super::condition::Shape;
use super::criteria::{Circle, Condition, Criteria, Inherited, SortBy, SortKey};
use super::driver::{Driver, smallest};
use super::find::{Place, SortValue};
use super::page::{Answered, Part, Ranked};
use super::scan::{Scan, is_scannable};
use super::sort::behind;
use super::unsorted::{Budget, Stop, Walked};

/// Rows that are looked at before it is asked whether another driver would be better.
const FIRST_LOOK: i64 = 1_024;
/// Rows of a sort key's index that the first statement looks at, and that later ones do.
const FIRST_SCAN: i64 = 64;
const LOOK: i64 = 4_096;

/// One type's part of a sorted search.
pub(super) struct Sorted<'a> {
    pub shape: &'a Shape,
    pub criteria: &'a Criteria,
    pub sort: &'a [SortKey],
    pub near: Option<(Circle, i64, Inherited)>,
    pub after: Option<&'a Place>,
    pub wanted: usize,
}

impl Sorted<'_> {
    pub async fn walk(&self, connection: &mut Connection, budget: &mut Budget) -> Result<Walked, StoreError> {
        if let Some(walked) = self.by_circles(connection, budget).await? {
            return Ok(walked);
        }
        if let Some(key) = self.in_order() {
            return self.by_index(connection, key, budget).await;
        }
        let first_look = FIRST_LOOK.min(self.shape.whole + 1);
        if let Some(driver) = Driver::likely(self.criteria) {
            let answered = self.whole(connection, self.criteria, driver, first_look).await?;
            budget.examined += answered.examined;
            if answered.examined < first_look {
                return Ok(self.walked(answered.hits));
            }
        }
        if let Some((_, driver)) = smallest(connection, self.shape, self.criteria).await? {
            let answered = self.whole(connection, self.criteria, driver, self.shape.whole + 1).await?;
            budget.examined += answered.examined;
            return Ok(self.walked(answered.hits));
        }
        let all = self.whole(connection, self.criteria, Driver::Type, first_look).await?;
        if all.examined < first_look {
            return Ok(self.walked(all.hits));
        }
        match self.sort {
            [key] if is_scannable(key) => self.by_index(connection, key, budget).await,
            _ => Err(StoreError::TooCostly("the matches are too many to be sorted by these keys".into())),
        }
    }

    pub(super) fn walked(&self, hits: Vec<Ranked>) -> Walked {
        let stopped = (hits.len() >= self.wanted).then_some(Stop::Full);
        Walked { hits, stopped }
    }

    /// The one sort key, if nothing could drive the search better than its index: there is no condition, or only one on
    /// what is sorted by.
    fn in_order(&self) -> Option<&SortKey> {
        let [key] = self.sort else { return None };
        let of_key = |condition: &Condition| matches!((condition, &key.by), (Condition::LastUpdated(spans), SortBy::LastUpdated) if spans.len() == 1);
        (is_scannable(key) && self.criteria.conditions.iter().all(of_key)).then_some(key)
    }

    /// All rows of the driver, sorted by the database.
    async fn whole(
        &self,
        connection: &mut Connection,
        criteria: &Criteria,
        driver: Driver,
        limit: i64,
    ) -> Result<Answered, StoreError> {
        let part = Part {
            shape: self.shape,
            rtype: &criteria.rtype,
            rows: driver.rows(self.shape, criteria, i64::MIN, limit),
            rest: driver.rest(self.shape, criteria, "d.key"),
            sort: self.sort,
            behind: self.after.map_or_else(|| Sql::new("1 = 1"), |place| behind(self.sort, place, "s")),
            near: self.near,
            carried: None,
            count: self.wanted,
            short: limit <= FIRST_LOOK,
        };
        part.run(connection).await
    }

    /// Walks the index of the one sort key, then the resources without a value.
    async fn by_index(
        &self,
        connection: &mut Connection,
        key: &SortKey,
        budget: &mut Budget,
    ) -> Result<Walked, StoreError> {
        let mut walked = Walked { hits: Vec::new(), stopped: None };
        let mut place = self.after.cloned().unwrap_or_else(|| Place::start(self.sort));
        let mut look = i64::try_from(self.wanted).map_or(LOOK, |wanted| (2 * wanted).clamp(FIRST_SCAN, LOOK));
        loop {
            let scan = Scan { shape: self.shape, criteria: self.criteria, key, place: &place };
            let part = Part {
                shape: self.shape,
                rtype: &self.criteria.rtype,
                rows: scan.rows(look),
                rest: scan.rest(),
                sort: self.sort,
                behind: Sql::new("1 = 1"),
                near: self.near,
                carried: None,
                count: self.wanted - walked.hits.len(),
                short: look <= FIRST_SCAN,
            };
            let answered = part.run(connection).await?;
            budget.examined += answered.examined;
            walked.hits.extend(answered.hits);
            if walked.hits.len() >= self.wanted {
                walked.stopped = Some(Stop::Full);
                return Ok(walked);
            }
            place = match (answered.examined < look, scan.is_of_missing()) {
                (true, true) => return Ok(walked),
                (true, false) if key.is_always_there() => return Ok(walked),
                (true, false) => Place { values: vec![SortValue::Missing], ..Place::start(self.sort) },
                (false, _) => scan.end(connection, look).await?,
            };
            if budget.is_spent() {
                walked.stopped = Some(Stop::Place(place));
                return Ok(walked);
            }
            look = (look * 4).min(LOOK);
        }
    }
}
