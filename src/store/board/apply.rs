//! A batch's steps and reports, applied to the boards they touch.

use std::collections::BTreeMap;

use crate::fhir::id::ResourceKey;

use super::super::change::{Method, Refusal};
use super::super::derived::{Bed, Projection, Source, Task, Ward};
use super::policy::BoardPolicy;
use super::ward::{BedState, Hold, Reported, Slice, WardState};

/// What a unit tells of wards at once, besides its steps.
#[derive(Clone, Debug)]
pub struct BoardReport {
    /// Whom the audit row names: the facility or ward that is reported.
    pub of: ResourceKey,
    pub wards: Vec<WardReport>,
}

/// What is true of a ward.
#[derive(Clone, Debug)]
pub struct WardReport {
    /// Logical id.
    pub ward: String,
    /// The board that the report was planned on; another one: [`super::super::UnitError::Moved`].
    pub expected: Option<i64>,
    /// Logical ids of the beds that are as they are stored; `None`: all of them, and the ward's counts.
    pub beds: Option<Vec<String>>,
    pub as_of: i64,
    pub source: Source,
}

/// One step's part in the boards.
pub(in super::super) struct Touch<'a> {
    /// The resource's logical id.
    pub id: &'a str,
    pub before: &'a Projection,
    pub after: &'a Projection,
    pub method: Method,
    pub source: Source,
    /// Whether the content is what is stored, but for when it was so.
    pub unchanged: bool,
    /// See [`super::super::Unit::as_given`].
    pub as_given: bool,
    /// See [`super::super::Unit::is_report`].
    pub is_report: bool,
    /// The moment of the write.
    pub now: i64,
}

/// The wards that a batch touches.
pub(in super::super) struct Boards<'a> {
    pub wards: BTreeMap<String, WardState>,
    /// The ward of each hold's task, and of each location that tasks name.
    pub hold_wards: BTreeMap<String, String>,
    pub place_wards: BTreeMap<String, Place>,
    /// For whom a referral asks, by its logical id.
    pub needs: BTreeMap<String, (Option<String>, Option<bool>)>,
    policy: &'a BoardPolicy,
    undo: Undo,
}

/// How to undo one unit's part.
#[derive(Default)]
struct Undo {
    /// The wards as they were, without their beds; `None`: there was none.
    wards: BTreeMap<String, Option<WardState>>,
    /// Ward, bed, and what stood there; in the order of the changes.
    beds: Vec<(String, String, Option<BedState>)>,
}

/// Where a location lies that a task names.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Place {
    pub ward: String,
    pub is_bed: bool,
}

impl<'a> Boards<'a> {
    pub fn new(policy: &'a BoardPolicy) -> Boards<'a> {
        Boards {
            wards: BTreeMap::new(),
            hold_wards: BTreeMap::new(),
            place_wards: BTreeMap::new(),
            needs: BTreeMap::new(),
            policy,
            undo: Undo::default(),
        }
    }

    /// The wards, and the facilities of which they are or were part, by logical id.
    pub fn places(&self) -> impl Iterator<Item = &String> {
        self.wards.iter().flat_map(|(id, state)| {
            [Some(id), state.belonging.0.as_ref(), state.stored.belonging.0.as_ref()].into_iter().flatten()
        })
    }

    pub fn begin_unit(&mut self) {
        self.undo = Undo::default();
    }

    pub fn roll_back(&mut self) {
        let Undo { wards, beds } = std::mem::take(&mut self.undo);
        for (ward, id, old) in beds.into_iter().rev() {
            let Some(state) = self.wards.get_mut(&ward) else { continue };
            match old {
                Some(old) => drop(state.beds.insert(id, old)),
                None => drop(state.beds.remove(&id)),
            }
        }
        for (id, old) in wards {
            match (old, self.wards.get_mut(&id)) {
                (Some(old), Some(state)) => {
                    let beds = std::mem::take(&mut state.beds);
                    *state = WardState { beds, ..old };
                }
                _ => drop(self.wards.remove(&id)),
            }
        }
    }

    /// Whether every board is the one that the report was planned on.
    pub fn stand(&self, report: &BoardReport) -> bool {
        report.wards.iter().all(|ward| {
            let Some(expected) = ward.expected else { return true };
            self.wards.get(&ward.ward).is_some_and(|state| state.changes() == expected)
        })
    }

    /// Applies what a unit reports besides its steps.
    pub fn report(&mut self, report: &BoardReport) {
        for ward in &report.wards {
            let new = self.reported(&ward.ward, ward.as_of, ward.source);
            let state = self.state(&ward.ward);
            state.derive();
            let Some(beds) = &ward.beds else {
                state.report_all(new);
                continue;
            };
            let news = |id: &&String| state.beds.get(*id).is_some_and(|bed| state.is_news(bed, new));
            let told: Vec<String> = beds.iter().filter(news).cloned().collect();
            for id in told {
                let Some(bed) = self.state(&ward.ward).beds.get(&id).cloned() else { continue };
                self.put_bed(&ward.ward, &id, Some(BedState { reported: Some(new), ..bed }));
            }
        }
    }

    /// Puts a bed on a board, or takes it away, so that [`Self::roll_back`] knows how to undo it.
    fn put_bed(&mut self, ward: &str, id: &str, bed: Option<BedState>) {
        let state = self.state(ward);
        state.touched();
        let old = match bed {
            Some(bed) => {
                state.told.insert(id.to_owned());
                state.beds.insert(id.to_owned(), bed)
            }
            None => {
                state.told.remove(id);
                state.beds.remove(id)
            }
        };
        self.undo.beds.push((ward.to_owned(), id.to_owned(), old));
    }

    /// Applies a step.
    pub fn touch(&mut self, touch: &Touch<'_>) -> Result<(), Refusal> {
        if let (Projection::Bed(_), _) | (_, Projection::Bed(_)) = (touch.before, touch.after) {
            self.bed(touch)?;
        }
        match (touch.before, touch.after) {
            (_, Projection::Ward(ward)) => self.ward(touch, ward)?,
            // Its rows go with it; beds that are still part of it have no board.
            (Projection::Ward(_), _) => self.state(touch.id).is_ward = false,
            _ => {}
        }
        match (touch.before, touch.after) {
            (_, Projection::Task(task)) => self.task(touch, Some(task)),
            (Projection::Task(_), _) => self.task(touch, None),
            _ => Ok(()),
        }
    }

    fn bed(&mut self, touch: &Touch<'_>) -> Result<(), Refusal> {
        let ward_of = |projection: &Projection| match projection {
            Projection::Bed(bed) => bed.ward_id.clone(),
            _ => None,
        };
        let (from, to) = (ward_of(touch.before), ward_of(touch.after));
        let old = from.as_ref().and_then(|from| {
            let state = self.state(from);
            let old = state.beds.get(touch.id).cloned();
            old.map(|old| (state.effective(&old), old))
        });
        let (Projection::Bed(bed), Some(to)) = (touch.after, to) else {
            from.iter().for_each(|from| self.leave(from, touch.id));
            return Ok(());
        };
        let known = old.as_ref().and_then(|(known, _)| *known);
        let changed = old.as_ref().is_none_or(|(_, old)| old.standing != bed.standing) || !same_status(touch);
        let reported = match moment_of(bed.as_of, known, changed, touch, self.policy.ahead)? {
            Some(as_of) => Some(self.reported(&to, as_of, touch.source)),
            // Left as fresh as it was, also in another ward.
            None => known,
        };
        if from.as_ref() != Some(&to)
            && let Some(from) = &from
        {
            self.leave(from, touch.id);
        }
        let state = self.state(&to);
        let new = BedState {
            key: old.as_ref().and_then(|(_, old)| old.key),
            standing: bed.standing,
            sex: bed.admittable_sex.clone(),
            isolation: bed.isolation,
            reported,
        };
        let is_here = |hold: &Hold| hold.bed_id.as_deref() == Some(touch.id);
        if bed.operational_status.as_deref() == Some("O") && state.holds.iter().any(is_here) {
            // The patient has come.
            state.holds.retain(|hold| !is_here(hold));
            state.touched();
        }
        if reported != known || state.beds.get(touch.id) != Some(&new) {
            self.put_bed(&to, touch.id, Some(new));
        }
        Ok(())
    }

    fn leave(&mut self, ward: &str, bed: &str) {
        if self.state(ward).beds.contains_key(bed) {
            self.put_bed(ward, bed, None);
            let state = self.state(ward);
            if state.beds.is_empty() {
                // What was derived goes with the beds; counts are posted anew.
                state.slices.clear();
            }
        }
    }

    /// A ward that is written: its counts, and what its beds inherit.
    fn ward(&mut self, touch: &Touch<'_>, ward: &Ward) -> Result<(), Refusal> {
        let (policy, facility) = (self.policy, ward.facility_id.clone());
        let validity = |source| policy.validity(touch.id, facility.as_deref(), source);
        let state = self.state(touch.id);
        state.derive();
        if !ward.vacancies.is_empty() && !state.beds.is_empty() {
            return Err(Refusal::CountsAreDerived);
        }
        let mut posted: Vec<Slice> = ward.vacancies.iter().map(|vacancy| Slice::posted(vacancy, validity)).collect();
        for slice in &mut posted {
            if let Some(asked) = slice.as_of.filter(|asked| *asked > touch.now + policy.ahead && !touch.as_given) {
                return Err(Refusal::InFuture { asked, now: touch.now });
            }
            let same = |old: &&Slice| (&old.sex, old.isolation) == (&slice.sex, slice.isolation);
            let Some(old) = state.slices.iter().find(same) else { continue };
            let (known, asked) = (state.moment_of(old), slice.as_of);
            if known > asked {
                if touch.unchanged && is_resent(touch, ward) {
                    return Ok(());
                }
                return Err(Refusal::Overtaken { stored: known.unwrap_or(0) });
            }
            if known == asked && !touch.unchanged && !slice.counts_as(&old.without_holds()) {
                // Read, changed and written back with the moment that was laid over it: made now.
                slice.as_of = Some(touch.now);
                slice.newest = touch.now;
                slice.valid_until = touch.now.saturating_add(validity(slice.source.unwrap_or_default()));
            }
        }
        (state.is_ward, state.belonging) = (true, (facility, ward.bed_function.clone()));
        state.sex.clone_from(&ward.admittable_sex);
        if state.beds.is_empty() {
            state.slices = posted;
        }
        state.touched();
        Ok(())
    }

    /// A task's hold: taken when it is accepted, kept while it runs, given up when it ends.
    fn task(&mut self, touch: &Touch<'_>, task: Option<&Task>) -> Result<(), Refusal> {
        let place = task.and_then(|task| task.location.as_deref()?.strip_prefix("Location/"));
        let place = place.and_then(|id| self.place_wards.get(id).map(|place| (id.to_owned(), place.clone())));
        let standing = self.hold_wards.get(touch.id).and_then(|ward| {
            let held = self.wards.get(ward)?.holds.iter().find(|hold| hold.task_id == touch.id)?;
            Some((ward.clone(), held.clone()))
        });
        let status = task.and_then(|task| task.status.as_deref()).unwrap_or_default();
        let wanted = place.filter(|(_, place)| match status {
            "accepted" => true,
            // The patient is on the way or in: a certain bed is kept until it is reported occupied.
            "in-progress" | "on-hold" => place.is_bed && standing.is_some(),
            _ => false,
        });
        let until = task.and_then(|task| task.hold_until);
        let (Some((id, place)), Some(task)) = (wanted, task) else {
            if let Some((ward, hold)) = standing {
                self.release(&ward, &hold.task_id);
            }
            return Ok(());
        };
        let bed_id = place.is_bed.then(|| id.clone());
        let is_same = |ward: &str, hold: &Hold| ward == place.ward && hold.bed_id == bed_id;
        let was_accepted =
            matches!(touch.before, Projection::Task(before) if before.status.as_deref() == Some("accepted"));
        let (since, old_until) = match &standing {
            Some((ward, hold)) if is_same(ward, hold) => (hold.since, Some(hold.until)),
            // It ran out, or ended with the patient's coming: an edit of the task does not take it again.
            None if was_accepted && same_place(touch) => return Ok(()),
            _ => (touch.now, None),
        };
        let until = until.or(old_until).unwrap_or(touch.now + self.policy.hold);
        let latest = touch.now + self.policy.longest_hold;
        if until > latest && old_until != Some(until) && !touch.as_given {
            return Err(Refusal::HoldTooLong { latest });
        }
        if let Some((ward, hold)) = &standing {
            self.release(ward, &hold.task_id);
        }
        if until <= touch.now {
            return Ok(());
        }
        let need = task.focus.as_deref().and_then(|focus| focus.strip_prefix("ServiceRequest/"));
        let (sex, isolation) = need.and_then(|id| self.needs.get(id).cloned()).unwrap_or_default();
        let hold = Hold { task_id: touch.id.to_owned(), bed_id, sex, isolation, since, until };
        let state = self.state(&place.ward);
        state.derive();
        if !state.has_room_for(&hold) {
            return match hold.bed_id {
                _ if touch.as_given => Ok(()),
                Some(_) => Err(Refusal::BedTaken { place: id }),
                None => Err(Refusal::NoBedLeft { place: id }),
            };
        }
        state.holds.push(hold);
        state.touched();
        self.hold_wards.insert(touch.id.to_owned(), place.ward);
        Ok(())
    }

    fn release(&mut self, ward: &str, task_id: &str) {
        let state = self.state(ward);
        state.holds.retain(|hold| hold.task_id != task_id);
        state.touched();
    }

    /// The ward, which [`Self::roll_back`] knows how to restore.
    fn state(&mut self, id: &str) -> &mut WardState {
        if !self.undo.wards.contains_key(id) {
            self.undo.wards.insert(id.to_owned(), self.wards.get(id).map(WardState::without_beds));
        }
        self.wards.entry(id.to_owned()).or_default()
    }

    fn reported(&self, ward: &str, as_of: i64, source: Source) -> Reported {
        let facility = self.wards.get(ward).and_then(|state| state.belonging.0.as_deref());
        let validity = self.policy.validity(ward, facility, source);
        Reported { as_of, valid_until: as_of.saturating_add(validity), source }
    }
}

fn same_status(touch: &Touch<'_>) -> bool {
    let status = |projection: &Projection| match projection {
        Projection::Bed(Bed { operational_status, .. }) => operational_status.clone(),
        _ => None,
    };
    status(touch.before) == status(touch.after)
}

fn same_place(touch: &Touch<'_>) -> bool {
    let place = |projection: &Projection| match projection {
        Projection::Task(task) => task.location.clone(),
        _ => None,
    };
    place(touch.before) == place(touch.after)
}

/// Whether the ward's text is, moments included, what is stored: a retry.
fn is_resent(touch: &Touch<'_>, ward: &Ward) -> bool {
    matches!(touch.before, Projection::Ward(before) if before.vacancies == ward.vacancies)
}

/// Which moment a written bed's status is of; `None`: it stays as fresh as it was. DOMAIN §3.
fn moment_of(
    asked: Option<i64>,
    known: Option<Reported>,
    changed: bool,
    touch: &Touch<'_>,
    ahead: i64,
) -> Result<Option<i64>, Refusal> {
    let Some(asked) = asked else {
        // A write without a moment is made now; a patch says something of the status only where it changes it.
        return Ok((touch.method != Method::Patch || changed).then_some(touch.now));
    };
    if asked > touch.now + ahead && !touch.as_given {
        return Err(Refusal::InFuture { asked, now: touch.now });
    }
    match known {
        // Read, changed and written back with the moment that was laid over it.
        Some(known) if known.as_of == asked && !touch.is_report => Ok(changed.then_some(touch.now)),
        Some(known) if known.as_of > asked => {
            let resent = matches!(touch.before, Projection::Bed(before) if before.as_of == Some(asked));
            if touch.unchanged && resent { Ok(None) } else { Err(Refusal::Overtaken { stored: known.as_of }) }
        }
        _ => Ok(Some(asked)),
    }
}
