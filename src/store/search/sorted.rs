//! Matches in the order of sort keys.
//!
//! Few matches are found as a whole and sorted by the database. Where they are many, a search by one key walks the index
//! of that key instead, in its order; by several keys it is refused. The nearest first are looked for in growing circles.

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::sql::Sql;
use super::condition::Shape;
use super::criteria::{Circle, Condition, Criteria, Indexed, Inherited, Patterns, SortBy, SortKey};
use super::driver::{Driver, smallest};
use super::find::{Place, SortValue};
use super::page::{Answered, Part, Ranked};
use super::scan::{Scan, is_scannable};
use super::sort::{behind, metres_of_value};
use super::unsorted::{Budget, Stop, Walked};

/// Rows that are looked at before it is asked whether another driver would be better.
const FIRST_LOOK: i64 = 1_024;
/// Rows of a sort key's index that one statement looks at.
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

    fn walked(&self, hits: Vec<Ranked>) -> Walked {
        let stopped = (hits.len() >= self.wanted).then_some(Stop::Full);
        Walked { hits, stopped }
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
            count: self.wanted,
        };
        part.run(connection).await
    }

    /// The nearest first: whatever lies within a smaller circle comes before whatever does not.
    async fn by_circles(&self, connection: &mut Connection, budget: &mut Budget) -> Result<Option<Walked>, StoreError> {
        let Some((at, circle)) = self.circle() else { return Ok(None) };
        let from = match self.after.and_then(|place| place.values.first()) {
            Some(SortValue::Int(value)) => metres_of_value(*value),
            Some(_) => return Ok(None),
            None => 0.0,
        };
        for part in [16.0, 4.0, 2.0, 1.0] {
            let metres = circle.metres / part;
            if metres < from {
                continue;
            }
            let criteria = narrowed(self.criteria, at, metres);
            let answered = self.whole(connection, &criteria, Driver::Set(at), self.shape.whole + 1).await?;
            budget.examined += answered.examined;
            if answered.examined > self.shape.whole {
                return Ok(None);
            }
            if answered.hits.len() >= self.wanted || part <= 1.0 {
                return Ok(Some(self.walked(answered.hits)));
            }
        }
        Ok(None)
    }

    /// The condition by whose centre is sorted first, upwards.
    fn circle(&self) -> Option<(usize, Circle)> {
        let Some(SortKey { by: SortBy::Distance { centre, param, .. }, descending: false }) = self.sort.first() else {
            return None;
        };
        let circle = |condition: &Condition| match condition {
            Condition::Indexed(Indexed { param: its, any_of: Patterns::Positions(circles), .. }) if its == param => {
                let [circle] = circles.as_slice() else { return None };
                let same = circle.latitude == centre.latitude && circle.longitude == centre.longitude;
                same.then_some(*circle)
            }
            _ => None,
        };
        self.criteria.conditions.iter().enumerate().find_map(|(at, condition)| Some((at, circle(condition)?)))
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
        loop {
            let scan = Scan { shape: self.shape, criteria: self.criteria, key, place: &place };
            let part = Part {
                shape: self.shape,
                rtype: &self.criteria.rtype,
                rows: scan.rows(LOOK),
                rest: scan.rest(),
                sort: self.sort,
                behind: Sql::new("1 = 1"),
                near: self.near,
                count: self.wanted - walked.hits.len(),
            };
            let answered = part.run(connection).await?;
            budget.examined += answered.examined;
            walked.hits.extend(answered.hits);
            if walked.hits.len() >= self.wanted {
                walked.stopped = Some(Stop::Full);
                return Ok(walked);
            }
            place = match (answered.examined < LOOK, scan.is_of_missing()) {
                (true, true) => return Ok(walked),
                (true, false) if key.is_always_there() => return Ok(walked),
                (true, false) => Place { values: vec![SortValue::Missing], ..Place::start(self.sort) },
                (false, _) => scan.end(connection, LOOK).await?,
            };
            if budget.is_spent() {
                walked.stopped = Some(Stop::Place(place));
                return Ok(walked);
            }
        }
    }
}

/// The same criteria with a smaller circle.
fn narrowed(criteria: &Criteria, at: usize, metres: f64) -> Criteria {
    let mut criteria = criteria.clone();
    if let Some(Condition::Indexed(Indexed { any_of: Patterns::Positions(circles), .. })) =
        criteria.conditions.get_mut(at)
    {
        circles.iter_mut().for_each(|circle| circle.metres = circle.metres.min(metres));
    }
    criteria
}
