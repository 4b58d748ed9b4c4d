//! How requests go: each story is a state that a request and its offers can be in, told once for every category.

use super::codes::{
    ADMISSION, CARE_MANAGEMENT, CONDITION_CHANGED, COORDINATION, COVER, Code, DISCHARGE_HOME, HOLD_EXPIRED, HOME_VISIT,
    LAPSED, PHARMACIST_VISIT, REVOKED, SIBLING_ACCEPTED, SPECIALTY_SUPPORT, VISITING_NURSING, WITHDRAWN,
};
use super::layout::Plan;

/// The categories in turn; admissions are the most frequent.
pub const CATEGORIES: [&Code; 12] = [
    &ADMISSION,
    &COVER,
    &SPECIALTY_SUPPORT,
    &HOME_VISIT,
    &ADMISSION,
    &VISITING_NURSING,
    &PHARMACIST_VISIT,
    &CARE_MANAGEMENT,
    &ADMISSION,
    &COORDINATION,
    &DISCHARGE_HOME,
    &VISITING_NURSING,
];

/// Why a task is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Nothing,
    Because(&'static Code),
    /// A reason of the candidate's own: drawn from the reject reasons.
    Refused,
}

/// The state of one offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: &'static str,
    pub why: Why,
}

/// The state of a request and of its offers.
#[derive(Debug)]
pub struct Story {
    pub request: &'static str,
    /// The offer that decides the story, and the others.
    pub first: Outcome,
    pub others: Outcome,
    /// Minutes since the request was written, at least and at most; hours for all that is not urgent.
    pub age: (i64, i64),
    /// Minutes (or hours) within which an answer is asked for.
    pub window: i64,
    /// `Task.businessStatus` of the first offer of an admission.
    pub business: Option<&'static Code>,
}

const fn plainly(status: &'static str) -> Outcome {
    Outcome { status, why: Why::Nothing }
}

const fn because(status: &'static str, reason: &'static Code) -> Outcome {
    Outcome { status, why: Why::Because(reason) }
}

const REFUSED: Outcome = Outcome { status: "rejected", why: Why::Refused };
const BEATEN: Outcome = because("cancelled", &SIBLING_ACCEPTED);

const fn story(request: &'static str, first: Outcome, others: Outcome, age: (i64, i64), window: i64) -> Story {
    Story { request, first, others, age, window, business: None }
}

/// Where in [`STORIES`] an admission is accepted and a bed kept for it.
const ACCEPTED: usize = 4;

pub const STORIES: [Story; 16] = [
    story("draft", plainly("draft"), plainly("draft"), (5, 300), 600),
    story("active", plainly("requested"), plainly("requested"), (2, 28), 45),
    story("active", plainly("received"), plainly("requested"), (5, 40), 60),
    story("active", REFUSED, plainly("requested"), (10, 50), 90),
    story("active", plainly("accepted"), BEATEN, (20, 110), 30),
    story("active", plainly("in-progress"), BEATEN, (240, 900), 60),
    story("on-hold", plainly("on-hold"), BEATEN, (600, 1_500), 60),
    story("completed", plainly("completed"), BEATEN, (2_000, 80_000), 60),
    story("completed", plainly("completed"), REFUSED, (2_000, 80_000), 120),
    story("active", REFUSED, REFUSED, (60, 400), 60),
    story("active", because("cancelled", &LAPSED), because("cancelled", &LAPSED), (120, 700), 60),
    story("revoked", because("cancelled", &REVOKED), because("cancelled", &REVOKED), (300, 20_000), 60),
    story("active", because("failed", &CONDITION_CHANGED), BEATEN, (400, 1_500), 60),
    Story { business: Some(&HOLD_EXPIRED), ..story("active", plainly("accepted"), BEATEN, (400, 700), 60) },
    story("active", because("cancelled", &WITHDRAWN), plainly("requested"), (5, 20), 40),
    story("entered-in-error", plainly("entered-in-error"), plainly("entered-in-error"), (300, 3_000), 60),
];

/// Which category and story the `number`-th request has; all pairs come round.
pub fn told(number: usize) -> (&'static Code, &'static Story) {
    (CATEGORIES[number % CATEGORIES.len()], &STORIES[number / CATEGORIES.len() % STORIES.len()])
}

/// For an accepted admission: how many there were before it.
pub fn hold_of(number: usize) -> Option<usize> {
    let (slot, story) = (number % CATEGORIES.len(), number / CATEGORIES.len() % STORIES.len());
    let is_accepted_admission = CATEGORIES[slot] == &ADMISSION && story == ACCEPTED;
    is_accepted_admission.then(|| admissions_before(number))
}

/// How many admissions of the plan are accepted and keep a bed.
pub fn accepted_admissions(plan: &Plan) -> usize {
    admissions_before(plan.referrals)
}

fn admissions_before(number: usize) -> usize {
    let round = CATEGORIES.len() * STORIES.len();
    let rest = (number % round).saturating_sub(ACCEPTED * CATEGORIES.len()).min(CATEGORIES.len());
    let among = |slots: &[&Code]| slots.iter().filter(|category| **category == &ADMISSION).count();
    number / round * among(&CATEGORIES) + among(&CATEGORIES[..rest])
}
