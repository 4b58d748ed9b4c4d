//! The nearest first, in circles that grow by what was found.
//!
//! What lies within a smaller circle comes before whatever does not, so a page costs what is near and not what the whole
//! circle holds. A distance is worked out once, where the position is read, and goes along to what inherits it.

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::super::resource::Number;
use super::super::sql::Sql;
use super::criteria::{Circle, Condition, Criteria, Indexed, Inherited, Patterns, SortBy, SortKey, Table};
use super::driver::Driver;
use super::find::SortValue;
use super::inherit::{heirs, may_be_bed};
use super::page::{Answered, Part};
use super::predicate::{chord, position};
use super::prepared::prepared;
use super::sort::{behind, metres_of_value, units_of_chord};
use super::sorted::Sorted;
use super::unsorted::{Budget, Walked};

/// Positions that are looked at in one go: of facilities, and where beds inherit them.
const FEW: i64 = 256;
const FEW_OF_BEDS: i64 = 8;
/// Positions up to which a circle's are counted.
const COUNTED: i64 = 1_000;

/// The condition by whose centre is sorted first, upwards.
struct Nearest {
    at: usize,
    circle: Circle,
    param: i64,
    inherited: Inherited,
}

impl Nearest {
    fn of(criteria: &Criteria, sort: &[SortKey]) -> Option<Nearest> {
        let Some(SortKey { by: SortBy::Distance { centre, param: its, .. }, descending: false }) = sort.first() else {
            return None;
        };
        let one = |(at, condition): (usize, &Condition)| {
            let Condition::Indexed(Indexed { param, inherited, any_of: Patterns::Positions(circles) }) = condition
            else {
                return None;
            };
            let [circle] = circles.as_slice() else { return None };
            let nearest = Nearest { at, circle: *circle, param: *param, inherited: *inherited };
            (param == its && circle.is_around(centre)).then_some(nearest)
        };
        criteria.conditions.iter().enumerate().find_map(one)
    }

    /// `SELECT … AS key, … AS chord`: what lies within so many metres, each once, from a distance in the units of sort
    /// values on.
    fn rows(&self, beds: bool, metres: f64, from: i64, limit: i64) -> Sql {
        let circle = Circle { metres, ..self.circle };
        let own = Sql::new("SELECT t.key AS key, ")
            .append(chord(&circle, "t"))
            .then(&format!(" AS chord FROM index_position t WHERE t.param = {} AND ", self.param), [])
            .append(position(&circle, "t"));
        let all = heirs(own, ", o.chord AS chord", Table::Position, self.param, self.inherited, beds);
        Sql::new("SELECT h.key AS key, min(h.chord) AS chord FROM (")
            .append(all)
            .then(") h GROUP BY h.key HAVING ", [])
            .append(units_of_chord(Sql::new("min(h.chord)")))
            .then(&format!(" >= ? LIMIT {limit}"), [from.into()])
    }

    /// The first circle: the whole one, or one that holds few positions.
    async fn begin(&self, connection: &mut Connection, few: i64) -> Result<f64, StoreError> {
        let mut metres = self.circle.metres;
        loop {
            let head = format!(
                "SELECT count(*) AS value FROM (SELECT 1 AS one FROM index_position t WHERE t.param = {} AND ",
                self.param
            );
            let sql = Sql::new(head).append(position(&Circle { metres, ..self.circle }, "t"));
            let sql = prepared(sql.then(&format!(" LIMIT {COUNTED}) c"), []));
            let rows: Vec<Number> = connection.load(sql).await?;
            let found = rows.first().map_or(0, |row| row.value);
            if found <= few {
                return Ok(metres);
            }
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let share = few as f64 / found as f64;
            metres *= share.sqrt();
            if found < COUNTED {
                return Ok(metres);
            }
        }
    }
}

/// By what to grow a circle in which so many of the wanted matches were found: their number grows with the square.
fn growth(found: usize, wanted: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let missing = wanted as f64 / found.max(1) as f64;
    (2.0 * missing).sqrt().clamp(1.5, 4.0)
}

impl Sorted<'_> {
    /// `None` where there is no such order, or too much in the circles.
    pub(super) async fn by_circles(
        &self,
        connection: &mut Connection,
        budget: &mut Budget,
    ) -> Result<Option<Walked>, StoreError> {
        let Some(nearest) = Nearest::of(self.criteria, self.sort) else { return Ok(None) };
        let from = match self.after.and_then(|place| place.values.first()) {
            Some(SortValue::Int(value)) => *value,
            Some(_) => return Ok(None),
            None => 0,
        };
        let beds = nearest.inherited != Inherited::No && may_be_bed(self.criteria);
        let begin = nearest.begin(connection, if beds { FEW_OF_BEDS } else { FEW }).await?;
        let mut metres = begin.max(metres_of_value(from) * 1.25).min(nearest.circle.metres);
        // A circle of few facilities is looked through faster than the runtime would move its other work elsewhere.
        let mut short = !beds && metres <= begin;
        loop {
            let rows = nearest.rows(beds, metres, from, self.shape.whole + 1);
            let answered = self.within(connection, &nearest, rows, short).await?;
            short = false;
            budget.examined += answered.examined;
            if answered.examined > self.shape.whole {
                return Ok(None);
            }
            if answered.hits.len() >= self.wanted || metres >= nearest.circle.metres {
                return Ok(Some(self.walked(answered.hits)));
            }
            metres = (metres * growth(answered.hits.len(), self.wanted)).min(nearest.circle.metres);
        }
    }

    async fn within(
        &self,
        connection: &mut Connection,
        nearest: &Nearest,
        rows: Sql,
        short: bool,
    ) -> Result<Answered, StoreError> {
        let part = Part {
            shape: self.shape,
            rtype: &self.criteria.rtype,
            rows,
            rest: Driver::Set(nearest.at).rest(self.shape, self.criteria, "d.key"),
            sort: self.sort,
            behind: self.after.map_or_else(|| Sql::new("1 = 1"), |place| behind(self.sort, place, "s")),
            near: self.near,
            carried: Some((nearest.circle, nearest.param)),
            count: self.wanted,
            short,
        };
        part.run(connection).await
    }
}

#[cfg(test)]
mod tests {
    use super::growth;

    #[test]
    fn circles_grow_by_what_was_found() {
        assert!((growth(0, 21) - 4.0).abs() < f64::EPSILON);
        assert!((growth(20, 21) - 1.5).abs() < f64::EPSILON);
        assert!(growth(5, 21) > 2.0 && growth(5, 21) < 4.0);
    }
}
