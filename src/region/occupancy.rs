//! How full wards were: means over time of what their boards showed. No I/O.

use std::collections::BTreeMap;

use crate::store::OccupancyRecord;

/// What is counted: the parts of `bed-vacancy`.
pub const FIGURES: [&str; 5] = ["staffed", "occupied", "reserved", "blocked", "available"];

/// By what wards are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OccupancyBy {
    #[default]
    Function,
    Facility,
    Ward,
}

/// What is asked for. Moments are milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct OccupancyQuery {
    pub from: i64,
    pub until: i64,
    /// Length of an interval; the last one ends with `until`.
    pub interval: i64,
    pub by: OccupancyBy,
    /// Bed functions, as wards had them at the time; any where there are none.
    pub functions: Vec<String>,
    /// The facility, by logical id, of which wards were part.
    pub facility: Option<String>,
}

/// The means of one interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OccupancyMeans {
    /// Wards that had counts at some time.
    pub wards: usize,
    /// Beds, in the order of [`FIGURES`]: of each ward the mean over the time for which the figure is known, summed over the
    /// wards; `None` where it is known of none at any time.
    pub beds: [Option<f64>; 5],
    /// Occupied of staffed bed-time, from 0 to 1, where both are known.
    pub rate: Option<f64>,
    /// Of the time for which the wards had counts, the share for which those were believed; from 0 to 1.
    pub known: f64,
}

/// One interval, in all and by groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OccupancyInterval {
    pub from: i64,
    pub until: i64,
    pub all: OccupancyMeans,
    /// By bed function, or by logical id; `None`: wards that say nothing of it.
    pub groups: BTreeMap<Option<String>, OccupancyMeans>,
}

/// Sums over wards.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    wards: usize,
    means: [Option<f64>; 5],
    /// Bed-milliseconds for which both are known.
    occupied: f64,
    staffed: f64,
    /// Ward-milliseconds.
    known: f64,
    there: f64,
}

/// What one ward adds to one cell: bed-milliseconds and milliseconds for each figure.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    beds: [f64; 5],
    times: [f64; 5],
    both: (f64, f64),
    known: f64,
    there: f64,
}

/// The figures of one question, ward by ward.
#[derive(Debug)]
pub struct Occupancy<'q> {
    query: &'q OccupancyQuery,
    all: Vec<Sum>,
    groups: BTreeMap<(usize, Option<String>), Sum>,
}

impl OccupancyQuery {
    /// How many intervals there are.
    pub fn intervals(&self) -> usize {
        let whole = self.until.saturating_sub(self.from).max(0);
        usize::try_from(whole.div_euclid(self.interval) + i64::from(whole % self.interval != 0)).unwrap_or(usize::MAX)
    }

    fn start(&self, interval: usize) -> i64 {
        self.from + self.interval * i64::try_from(interval).unwrap_or(0)
    }

    fn wants(&self, record: &OccupancyRecord) -> bool {
        let of_function = self.functions.is_empty()
            || record.bed_function.as_ref().is_some_and(|own| self.functions.iter().any(|wanted| wanted == own));
        of_function && (self.facility.is_none() || self.facility == record.facility_id)
    }
}

impl<'q> Occupancy<'q> {
    pub fn new(query: &'q OccupancyQuery) -> Occupancy<'q> {
        Occupancy { query, all: vec![Sum::default(); query.intervals()], groups: BTreeMap::new() }
    }

    /// Cells that the answer has so far.
    pub fn cells(&self) -> usize {
        self.groups.len()
    }

    /// Adds a ward. Its records are in order, the first one that of the period's beginning where there is one.
    pub fn add(&mut self, ward: &str, records: &[OccupancyRecord]) {
        let mut own: BTreeMap<(usize, Option<String>), Own> = BTreeMap::new();
        for (at, record) in records.iter().enumerate() {
            if !record.has_counts || !self.query.wants(record) {
                continue;
            }
            let group = match self.query.by {
                OccupancyBy::Function => record.bed_function.clone(),
                OccupancyBy::Facility => record.facility_id.clone(),
                OccupancyBy::Ward => Some(ward.to_owned()),
            };
            let until = records.get(at + 1).map_or(i64::MAX, |next| next.at);
            let believed = record.lapses.unwrap_or(i64::MAX).clamp(record.at, until);
            self.spread((record.at, believed), &group, &mut own, &figures(record));
            self.spread((believed, until), &group, &mut own, &[None; 5]);
        }
        let mut in_all: BTreeMap<usize, Own> = BTreeMap::new();
        for ((interval, group), own) in own {
            in_all.entry(interval).or_default().add(&own);
            self.groups.entry((interval, group)).or_default().add(&own);
        }
        for (interval, own) in in_all {
            self.all[interval].add(&own);
        }
    }

    /// Lays a stretch of time, as far as it is asked for, into the intervals.
    fn spread(
        &self,
        (from, until): (i64, i64),
        group: &Option<String>,
        own: &mut BTreeMap<(usize, Option<String>), Own>,
        figures: &[Option<i64>; 5],
    ) {
        let (mut from, until) = (from.max(self.query.from), until.min(self.query.until));
        while from < until {
            let interval = usize::try_from((from - self.query.from) / self.query.interval).unwrap_or(0);
            let end = self.query.start(interval + 1).min(until);
            own.entry((interval, group.clone())).or_default().stay(real(end - from), figures);
            from = end;
        }
    }

    /// The intervals in order.
    pub fn finish(self) -> Vec<OccupancyInterval> {
        let Occupancy { query, all, groups } = self;
        let interval = |(at, sum): (usize, Sum)| OccupancyInterval {
            from: query.start(at),
            until: query.start(at + 1).min(query.until),
            all: sum.means(),
            groups: BTreeMap::new(),
        };
        let mut intervals: Vec<OccupancyInterval> = all.into_iter().enumerate().map(interval).collect();
        for ((interval, group), sum) in groups {
            intervals[interval].groups.insert(group, sum.means());
        }
        intervals
    }
}

fn figures(record: &OccupancyRecord) -> [Option<i64>; 5] {
    [record.staffed, record.occupied, record.reserved, record.blocked, record.available]
}

impl Own {
    fn stay(&mut self, time: f64, figures: &[Option<i64>; 5]) {
        self.there += time;
        if figures.iter().any(Option::is_some) {
            self.known += time;
        }
        for (at, beds) in figures.iter().enumerate() {
            if let Some(beds) = beds {
                self.beds[at] += real(*beds) * time;
                self.times[at] += time;
            }
        }
        if let [Some(staffed), Some(occupied), ..] = figures {
            self.both.0 += real(*occupied) * time;
            self.both.1 += real(*staffed) * time;
        }
    }

    fn add(&mut self, other: &Own) {
        for at in 0..FIGURES.len() {
            self.beds[at] += other.beds[at];
            self.times[at] += other.times[at];
        }
        self.both = (self.both.0 + other.both.0, self.both.1 + other.both.1);
        self.known += other.known;
        self.there += other.there;
    }
}

impl Sum {
    fn add(&mut self, own: &Own) {
        self.wards += 1;
        for at in 0..FIGURES.len() {
            if own.times[at] > 0.0 {
                self.means[at] = Some(self.means[at].unwrap_or(0.0) + own.beds[at] / own.times[at]);
            }
        }
        self.occupied += own.both.0;
        self.staffed += own.both.1;
        self.known += own.known;
        self.there += own.there;
    }

    fn means(&self) -> OccupancyMeans {
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        OccupancyMeans {
            wards: self.wards,
            beds: self.means,
            rate: share(self.occupied, self.staffed),
            known: share(self.known, self.there).unwrap_or(0.0),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and beds stay far below 2^53")]
fn real(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn query(by: OccupancyBy) -> OccupancyQuery {
        OccupancyQuery { from: 0, until: 4 * HOUR, interval: 2 * HOUR, by, functions: Vec::new(), facility: None }
    }

    fn record(at: i64, occupied: Option<i64>) -> OccupancyRecord {
        OccupancyRecord {
            key: 1,
            at,
            facility_id: Some("f".to_owned()),
            bed_function: Some("acute".to_owned()),
            staffed: occupied.map(|_| 10),
            occupied,
            reserved: occupied.map(|_| 0),
            blocked: occupied.map(|_| 0),
            available: occupied.map(|occupied| 10 - occupied),
            has_counts: true,
            lapses: None,
        }
    }

    fn told(query: &OccupancyQuery, wards: &[(&str, Vec<OccupancyRecord>)]) -> Vec<OccupancyInterval> {
        let mut occupancy = Occupancy::new(query);
        wards.iter().for_each(|(ward, records)| occupancy.add(ward, records));
        occupancy.finish()
    }

    #[test]
    fn means_are_weighted_by_time() {
        let records = vec![record(-HOUR, Some(4)), record(HOUR, Some(8)), record(3 * HOUR, Some(2))];
        let found = told(&query(OccupancyBy::Ward), &[("w", records)]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].all.beds[1], Some(6.0));
        assert_eq!(found[1].all.beds[1], Some(5.0));
        assert_eq!(found[0].all.rate, Some(0.6));
        assert_eq!(found[0].groups[&Some("w".to_owned())], found[0].all);
    }

    #[test]
    fn what_is_not_known_counts_neither_way() {
        let mut last = record(HOUR, Some(6));
        last.lapses = Some(3 * HOUR);
        let found = told(&query(OccupancyBy::Function), &[("w", vec![record(0, None), last])]);
        assert_eq!((found[0].all.beds[1], found[0].all.known), (Some(6.0), 0.5));
        assert_eq!((found[1].all.beds[1], found[1].all.known), (Some(6.0), 0.5));
    }

    #[test]
    fn wards_are_summed_and_before_their_first_record_they_are_not_there() {
        let found = told(
            &query(OccupancyBy::Function),
            &[("v", vec![record(0, Some(1))]), ("w", vec![record(2 * HOUR, Some(3))])],
        );
        assert_eq!((found[0].all.wards, found[0].all.beds[0], found[0].all.known), (1, Some(10.0), 1.0));
        assert_eq!((found[1].all.wards, found[1].all.beds[0]), (2, Some(20.0)));
        assert_eq!(found[1].all.rate, Some(0.2));
    }

    #[test]
    fn a_ward_counts_where_it_was_then() {
        let mut before = record(0, Some(1));
        before.bed_function = Some("recovery".to_owned());
        let found = told(&query(OccupancyBy::Function), &[("w", vec![before, record(HOUR, Some(5))])]);
        let beds = |function: &str| found[0].groups[&Some(function.to_owned())].beds[1];
        assert_eq!((beds("recovery"), beds("acute"), found[0].all.beds[1]), (Some(1.0), Some(5.0), Some(3.0)));
        assert_eq!(found[0].all.wards, 1);
        let only = OccupancyQuery { functions: vec!["recovery".to_owned()], ..query(OccupancyBy::Function) };
        let mut occupancy = Occupancy::new(&only);
        occupancy.add("w", &[record(0, Some(5))]);
        assert!(occupancy.finish().iter().all(|interval| interval.all.wards == 0));
    }

    #[test]
    fn the_last_interval_ends_with_the_period() {
        let query = OccupancyQuery { until: 5 * HOUR, ..query(OccupancyBy::Ward) };
        let found = told(&query, &[]);
        assert_eq!(found.iter().map(|interval| interval.until).collect::<Vec<_>>(), [2 * HOUR, 4 * HOUR, 5 * HOUR]);
    }
}
