//! Wards, their beds, and the counts that follow from the beds.
//!
//! A bed's status is a function of the seed and the tick of the heartbeat: every bed goes through its own round of
//! occupied, being cleaned, free. So a ward's counts at any tick follow without remembering earlier ones.

use chrono::{DateTime, Utc};

use super::build::minutes;
use super::codes::{
    ACUTE, ACUTE_GENERAL, ADVANCED_ACUTE, ANY, CAPABILITIES, CHRONIC, CLINIC_BEDS, CLOSED, COMPREHENSIVE,
    COMPREHENSIVE_CARE, COMPREHENSIVE_MEDICAL, CONTAMINATED, Code, FEMALE, HOUSEKEEPING, ISOLATED, LONG_TERM_CARE,
    MALE, NEGATIVE_PRESSURE, OCCUPIED, OTHER_WARD, RECOVERY, REHABILITATION_WARD, UNOCCUPIED,
};
use super::dice::{Dice, Topic};
use super::layout::Plan;
use super::names::Gender;

/// Facilities of at most so many beds are clinics with beds (有床診療所), by law.
const CLINIC_BEDS_LIMIT: usize = 19;
/// How long a report of a bed may be relied on.
const VALID_MINUTES: i64 = 15;

/// One ward as the plan has it.
pub struct Ward {
    pub facility: usize,
    pub index: usize,
    pub function: &'static Code,
    pub fee: &'static Code,
    pub capabilities: Vec<&'static Code>,
    pub beds: Vec<Bed>,
}

/// One bed: what it is, and its round of states.
pub struct Bed {
    pub sex: &'static Code,
    pub isolation: bool,
    /// Kept for an accepted admission.
    pub held: bool,
    round: Round,
    reported_seconds_ago: i64,
}

enum Round {
    Always(&'static Code),
    /// Ticks of a whole round, of its occupied part, and where in it the bed stands at tick 0.
    Turning {
        length: u64,
        occupied: u64,
        start: u64,
    },
}

/// Beds of one sex and isolation, counted.
pub struct Slice {
    pub sex: &'static Code,
    pub isolation: bool,
    pub occupied: usize,
    pub reserved: usize,
    pub blocked: usize,
    pub available: usize,
    /// The oldest report among the staffed beds.
    pub as_of: DateTime<Utc>,
}

impl Slice {
    pub fn staffed(&self) -> usize {
        self.occupied + self.reserved + self.blocked + self.available
    }

    pub fn valid_until(&self) -> DateTime<Utc> {
        self.as_of + minutes(VALID_MINUTES)
    }
}

/// Whether the facility reports by hand, now and then: the region needs one whose counts are out of date.
pub fn is_silent(facility: usize) -> bool {
    facility % 20 == 18
}

pub fn is_clinic_with_beds(plan: &Plan, facility: usize) -> bool {
    plan.beds_of(facility) <= CLINIC_BEDS_LIMIT
}

impl Ward {
    pub fn of(plan: &Plan, facility: usize, index: usize) -> Self {
        let number = plan.ward_number(facility, index);
        let mut dice = Dice::new(plan.seed, Topic::Ward, number as u64);
        let (function, fee) = function_of(plan, facility, index);
        let size = plan.beds_of_ward(facility, index);
        let held = plan.ward_keeps_a_bed(number).then(|| held_bed(size));
        let mut capabilities = capabilities(&mut dice, function);
        let beds =
            (0..size).map(|bed| Bed::draw(&mut dice, bed, size, function, held == Some(bed))).collect::<Vec<_>>();
        if beds.iter().any(|bed| bed.isolation) && dice.percent(40) {
            capabilities.push(&NEGATIVE_PRESSURE);
        }
        Ward { facility, index, function, fee, capabilities, beds }
    }

    /// The sex whom the bed kept for an admission suits.
    pub fn held_for(&self) -> Option<Gender> {
        self.beds.iter().find(|bed| bed.held).map(|bed| if bed.sex == &MALE { Gender::Male } else { Gender::Female })
    }

    pub fn held_bed(&self) -> Option<usize> {
        self.beds.iter().position(|bed| bed.held)
    }

    /// The counts at a tick, one slice a sex and isolation, as DOMAIN §3 derives them from the beds.
    pub fn slices(&self, tick: u64, reported: impl Fn(&Bed) -> DateTime<Utc>) -> Vec<Slice> {
        let mut slices: Vec<Slice> = Vec::new();
        for bed in &self.beds {
            let (status, as_of) = (bed.status(tick), reported(bed));
            let at = slices.iter().position(|slice| slice.sex == bed.sex && slice.isolation == bed.isolation);
            let at = at.unwrap_or_else(|| {
                let (sex, isolation) = (bed.sex, bed.isolation);
                slices.push(Slice { sex, isolation, occupied: 0, reserved: 0, blocked: 0, available: 0, as_of });
                slices.len() - 1
            });
            slices[at].add(status, bed.held, as_of);
        }
        slices
    }
}

impl Slice {
    fn add(&mut self, status: &Code, held: bool, as_of: DateTime<Utc>) {
        if status == &CLOSED {
            return;
        }
        // Until a staffed bed has counted, `as_of` is a closed one's.
        self.as_of = if self.staffed() == 0 { as_of } else { self.as_of.min(as_of) };
        if status == &OCCUPIED {
            self.occupied += 1;
        } else if status != &UNOCCUPIED {
            self.blocked += 1;
        } else if held {
            self.reserved += 1;
        } else {
            self.available += 1;
        }
    }
}

impl Bed {
    fn draw(dice: &mut Dice, bed: usize, of: usize, function: &Code, held: bool) -> Self {
        // A tenth of the beds are single rooms; the others lie in rooms of four for one sex.
        let isolation = !held && of > 4 && bed < of.div_ceil(10);
        let sex = match (isolation, bed / 4 % 2) {
            (true, _) => &ANY,
            (false, 0) => &FEMALE,
            (false, _) => &MALE,
        };
        let drawn = Round::draw(dice, isolation, function);
        let reported_seconds_ago = dice.between(5, 110);
        let round = if held { Round::Always(&UNOCCUPIED) } else { drawn };
        Bed { sex, isolation, held, round, reported_seconds_ago }
    }

    pub fn status(&self, tick: u64) -> &'static Code {
        match self.round {
            Round::Always(status) => status,
            Round::Turning { length, occupied, start } => {
                const CLEANING: u64 = 3;
                let at = (start + tick) % length;
                if at < occupied {
                    &OCCUPIED
                } else if at < occupied + CLEANING {
                    &HOUSEKEEPING
                } else {
                    &UNOCCUPIED
                }
            }
        }
    }

    /// When the region's first report of the bed was made.
    pub fn first_report(&self, facility: usize, now: DateTime<Utc>) -> DateTime<Utc> {
        let hours_late = if is_silent(facility) { 26 } else { 0 };
        now - chrono::TimeDelta::seconds(self.reported_seconds_ago) - minutes(hours_late * 60)
    }
}

impl Round {
    fn draw(dice: &mut Dice, isolation: bool, function: &Code) -> Self {
        let lot = dice.below(1_000);
        let length = dice.between(180, 420);
        let share = if function == &CHRONIC { dice.between(88, 97) } else { dice.between(76, 94) };
        let start = dice.between(0, length - 1);
        match lot {
            0..30 => Round::Always(&CLOSED),
            30..38 => Round::Always(&CONTAMINATED),
            38..42 => Round::Always(&ISOLATED),
            42..100 if isolation => Round::Always(&ISOLATED),
            _ => Round::Turning {
                length: length.unsigned_abs(),
                occupied: (length * share / 100).unsigned_abs(),
                start: start.unsigned_abs(),
            },
        }
    }
}

/// The bed of a ward that an admission keeps: the last of the second room, where the ward is large enough.
fn held_bed(size: usize) -> usize {
    size.saturating_sub(1).min(7)
}

/// Function and fee: large hospitals are mostly acute, small ones comprehensive or chronic.
fn function_of(plan: &Plan, facility: usize, index: usize) -> (&'static Code, &'static Code) {
    if is_clinic_with_beds(plan, facility) {
        return (&COMPREHENSIVE, &CLINIC_BEDS);
    }
    let wards = [
        (&ACUTE, &ACUTE_GENERAL),
        (&COMPREHENSIVE, &COMPREHENSIVE_CARE),
        (&ADVANCED_ACUTE, &OTHER_WARD),
        (&ACUTE, &ACUTE_GENERAL),
        (&COMPREHENSIVE, &COMPREHENSIVE_MEDICAL),
        (&RECOVERY, &REHABILITATION_WARD),
        (&CHRONIC, &LONG_TERM_CARE),
    ];
    match plan.beds_of(facility) {
        400.. => wards[index % 5],
        150..400 => wards[[0, 1, 3, 4, 5][index % 5]],
        _ => wards[[1, 6, 5, 4][(index + facility) % 4]],
    }
}

fn capabilities(dice: &mut Dice, function: &Code) -> Vec<&'static Code> {
    let first = if function == &RECOVERY { 30 } else { 75 };
    CAPABILITIES
        .iter()
        .enumerate()
        .filter(|(at, _)| dice.percent(if *at < 3 { first } else { 45 }))
        .map(|(_, it)| it)
        .collect()
}
