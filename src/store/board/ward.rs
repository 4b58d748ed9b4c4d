//! What a ward's beds, holds and posted counts come to: the counts of its board. DOMAIN §3; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::super::derived::{Source, Standing, Vacancy};
use super::series::Belonging;

/// When something was reported, and until when that is believed. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Reported {
    pub as_of: i64,
    pub valid_until: i64,
    pub source: Source,
}

/// A bed as its ward's board sees it.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct BedState {
    /// `None` until it has a row.
    pub key: Option<i64>,
    pub standing: Option<Standing>,
    pub sex: Option<String>,
    pub isolation: Option<bool>,
    /// The bed's own last report.
    pub reported: Option<Reported>,
}

/// A bed kept for an accepted admission.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Hold {
    pub task_id: String,
    /// `None`: any bed of the ward.
    pub bed_id: Option<String>,
    pub sex: Option<String>,
    pub isolation: Option<bool>,
    pub since: i64,
    pub until: i64,
}

/// Beds of one sex and isolation, counted; with holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Slice {
    pub sex: Option<String>,
    pub isolation: Option<bool>,
    pub staffed: Option<i64>,
    pub occupied: Option<i64>,
    pub reserved: Option<i64>,
    pub blocked: Option<i64>,
    pub available: Option<i64>,
    /// The oldest report in it; `None` where one of its beds was never reported.
    pub as_of: Option<i64>,
    /// The earliest end of belief.
    pub valid_until: i64,
    /// `None`: derived from beds.
    pub source: Option<Source>,
    /// Of `reserved`, those that holds keep.
    pub held: i64,
    pub newest: i64,
}

/// A ward with all that its counts are made of.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct WardState {
    /// Whether there is such a ward: beds may name one that has not come yet.
    pub is_ward: bool,
    /// `None` until it has a row.
    pub key: Option<i64>,
    pub belonging: Belonging,
    /// Where a bed does not say.
    pub sex: Option<String>,
    /// Changes of the board since it was loaded, all but reports of all of it at once.
    pub new_changes: i64,
    /// The last report of all of it at once.
    pub report: Option<Reported>,
    pub beds: BTreeMap<String, BedState>,
    pub holds: Vec<Hold>,
    /// As stored, or as posted in this batch; of a ward with beds, as last derived.
    pub slices: Vec<Slice>,
    /// What the database has of it.
    pub stored: Stored,
    /// Beds whose own reports are to be written.
    pub told: BTreeSet<String>,
    /// The counts are not made of the beds and holds that are there now.
    pub stale: bool,
    /// When the newest row of the series begins; 0: there is none.
    pub series_at: i64,
}

/// A board as it was loaded, without its beds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Stored {
    /// `None` where there is no row.
    pub changes: Option<i64>,
    pub report: Option<Reported>,
    pub holds: Vec<Hold>,
    pub slices: Vec<Slice>,
    /// The slices' rows do not stand in the places 0, 1, 2 …
    pub misplaced: bool,
    pub belonging: Belonging,
    pub series_at: i64,
}

impl WardState {
    /// The number by which readers notice changes.
    pub fn changes(&self) -> i64 {
        self.stored.changes.unwrap_or(0) + self.new_changes
    }

    /// Something of it has changed: whoever planned on the board is told, and its counts are made anew.
    pub fn touched(&mut self) {
        self.new_changes += 1;
        self.stale = true;
    }

    /// A bed's report that counts: its own, or a later one of the whole ward.
    pub fn effective(&self, bed: &BedState) -> Option<Reported> {
        let covering = self.report.filter(|report| bed.reported.is_none_or(|own| report.as_of >= own.as_of));
        covering.or(bed.reported)
    }

    /// A report of everything at once. Beds that were reported later keep that; where there are such, the counts are as old
    /// as the oldest of both.
    pub fn report_all(&mut self, new: Reported) {
        if self.report.is_some_and(|report| report.as_of >= new.as_of) {
            return;
        }
        self.report = Some(new);
        self.stale |= self.slices.iter().any(|slice| slice.newest > new.as_of);
    }

    /// Whether a report says something later of the bed.
    pub fn is_news(&self, bed: &BedState, new: Reported) -> bool {
        self.effective(bed).is_none_or(|known| known.as_of < new.as_of)
    }

    /// The moment of a count that is believed now: its own, or that of a later report of the whole ward.
    pub fn moment_of(&self, slice: &Slice) -> Option<i64> {
        slice.freshness(self.report).0
    }

    /// Makes the counts anew where they are stale. Wards without beds keep theirs, but for the holds.
    pub fn derive(&mut self) {
        if !self.stale {
            return;
        }
        let mut slices = if self.beds.is_empty() { self.posted() } else { self.counted() };
        for hold in &self.holds {
            self.reserve(&mut slices, hold);
        }
        (self.slices, self.stale) = (slices, false);
    }

    /// The same without its beds.
    pub fn without_beds(&self) -> WardState {
        let Self { is_ward, key, belonging, sex, new_changes, report, holds, slices, .. } = self;
        let Self { stored, told, stale, series_at, .. } = self;
        WardState {
            is_ward: *is_ward,
            key: *key,
            belonging: belonging.clone(),
            sex: sex.clone(),
            new_changes: *new_changes,
            report: *report,
            beds: BTreeMap::new(),
            holds: holds.clone(),
            slices: slices.clone(),
            stored: stored.clone(),
            told: told.clone(),
            stale: *stale,
            series_at: *series_at,
        }
    }

    /// Once it is written: what is there is what is stored.
    pub fn settle(&mut self, number_of: impl Fn(&str) -> Option<i64>) {
        for id in std::mem::take(&mut self.told) {
            if let Some(bed) = self.beds.get_mut(&id) {
                bed.key = bed.key.or_else(|| number_of(&id));
            }
        }
        self.stored = Stored {
            changes: Some(self.changes()),
            report: self.report,
            holds: self.holds.clone(),
            slices: self.slices.clone(),
            misplaced: false,
            belonging: self.belonging.clone(),
            series_at: self.series_at,
        };
        self.new_changes = 0;
    }

    /// Whether `hold` can be had besides those that stand.
    pub fn has_room_for(&self, hold: &Hold) -> bool {
        let free = |slice: &Slice| slice.available.is_some_and(|available| available > 0);
        match &hold.bed_id {
            Some(id) => {
                let taken = self.holds.iter().any(|other| other.bed_id.as_ref() == Some(id));
                let bed = self.beds.get(id).filter(|bed| bed.standing == Some(Standing::Available));
                // A hold of any bed of the ward may have the last one.
                !taken && bed.is_some_and(|bed| self.slices.iter().any(|slice| self.is_in(bed, slice) && free(slice)))
            }
            None => self.slices.iter().any(free),
        }
    }

    /// What the posted counts were without holds.
    fn posted(&self) -> Vec<Slice> {
        self.slices.iter().filter(|slice| slice.source.is_some()).map(Slice::without_holds).collect()
    }

    fn is_in(&self, bed: &BedState, slice: &Slice) -> bool {
        slice.sex.as_ref() == bed.sex.as_ref().or(self.sex.as_ref())
            && slice.isolation == Some(bed.isolation.unwrap_or(false))
    }

    fn counted(&self) -> Vec<Slice> {
        let mut slices: BTreeMap<(Option<&String>, bool), Slice> = BTreeMap::new();
        for bed in self.beds.values() {
            let Some(standing) = bed.standing else { continue };
            let (sex, isolation) = (bed.sex.as_ref().or(self.sex.as_ref()), bed.isolation.unwrap_or(false));
            let slice = slices.entry((sex, isolation)).or_insert_with(|| Slice {
                sex: sex.cloned(),
                isolation: Some(isolation),
                staffed: Some(0),
                occupied: Some(0),
                reserved: Some(0),
                blocked: Some(0),
                available: Some(0),
                as_of: Some(i64::MAX),
                valid_until: i64::MAX,
                ..Slice::default()
            });
            let count = match standing {
                Standing::Occupied => &mut slice.occupied,
                Standing::Blocked => &mut slice.blocked,
                Standing::Available => &mut slice.available,
            };
            *count = count.map(|count| count + 1);
            slice.staffed = slice.staffed.map(|count| count + 1);
            let known = self.effective(bed);
            slice.as_of = slice.as_of.zip(known).map(|(oldest, known)| oldest.min(known.as_of));
            slice.valid_until = slice.valid_until.min(known.map_or(0, |known| known.valid_until));
            slice.newest = slice.newest.max(bed.reported.map_or(0, |own| own.as_of));
        }
        slices.into_values().collect()
    }

    /// Takes a held bed from what is available. A bed that is reported as something else is not available anyway.
    fn reserve(&self, slices: &mut [Slice], hold: &Hold) {
        let free = |slice: &Slice| slice.available.is_some_and(|available| available > 0);
        let place = match &hold.bed_id {
            Some(id) => {
                let bed = self.beds.get(id).filter(|bed| bed.standing == Some(Standing::Available));
                bed.and_then(|bed| slices.iter().position(|slice| self.is_in(bed, slice) && free(slice)))
            }
            None => {
                let fit = |slice: &Slice| {
                    let sex = hold.sex.is_none() || slice.sex.is_none() || slice.sex == hold.sex;
                    let any = slice.sex.as_deref() == Some("any");
                    let isolation = slice.isolation.unwrap_or(false) == hold.isolation.unwrap_or(false);
                    (usize::from(!sex) * 2 - usize::from(!sex && any), usize::from(!isolation))
                };
                let open = slices.iter().enumerate().filter(|(_, slice)| free(slice));
                open.min_by_key(|(_, slice)| fit(slice)).map(|(at, _)| at)
            }
        };
        if let Some(slice) = place.and_then(|at| slices.get_mut(at)) {
            slice.available = slice.available.map(|available| available - 1);
            slice.reserved = Some(slice.reserved.unwrap_or(0) + 1);
            slice.held += 1;
        }
    }
}

impl Slice {
    /// A posted count. Without `validUntil` it is believed for `validity` milliseconds.
    pub fn posted(vacancy: &Vacancy, validity: impl Fn(Source) -> i64) -> Slice {
        let source = vacancy.source.unwrap_or_default();
        let as_of = vacancy.as_of.unwrap_or(0);
        Slice {
            sex: vacancy.sex.clone(),
            isolation: vacancy.isolation,
            staffed: vacancy.staffed,
            occupied: vacancy.occupied,
            reserved: vacancy.reserved,
            blocked: vacancy.blocked,
            available: vacancy.available,
            as_of: vacancy.as_of,
            valid_until: vacancy.valid_until.unwrap_or_else(|| as_of.saturating_add(validity(source))),
            source: Some(source),
            held: 0,
            newest: as_of,
        }
    }

    /// When the count was last reported, and until when that is believed: its own, or as a later report of all the ward has
    /// it. The view `ward_count` says the same.
    pub fn freshness(&self, report: Option<Reported>) -> (Option<i64>, i64) {
        let covering = report.filter(|report| report.as_of >= self.newest);
        covering.map_or((self.as_of, self.valid_until), |report| (Some(report.as_of), report.valid_until))
    }

    /// The counts as they were posted.
    pub fn without_holds(&self) -> Slice {
        Slice {
            available: self.available.map(|available| available + self.held),
            reserved: self.reserved.map(|reserved| reserved - self.held),
            held: 0,
            ..self.clone()
        }
    }

    /// Whether the numbers are the same, whenever they were made.
    pub fn counts_as(&self, other: &Slice) -> bool {
        let counts = |slice: &Slice| (slice.staffed, slice.occupied, slice.reserved, slice.blocked, slice.available);
        counts(self) == counts(other)
    }
}
