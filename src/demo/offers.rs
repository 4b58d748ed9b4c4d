//! The offers of a request: one Task a candidate, each with its answer.

use chrono::{DateTime, Utc};

use super::build::{concept, minutes, moment, object, period, reference, resource};
use super::clinics::{group_id, service_id};
use super::codes::{
    ADMISSION, CARE_MANAGEMENT, COORDINATION, COVER, Code, DISCHARGE_HOME, HOME_VISIT, HOSPITAL_REFUSALS, LAPSED,
    PHARMACIST_VISIT, REFUSALS, SPECIALTY_SUPPORT, code,
};
use super::dice::{Dice, Topic};
use super::hospitals::{acceptance_id, bed_id, ward_id};
use super::layout::{Plan, home_care_clinic, specialist_clinic};
use super::partners::{Partner, coordinator_id};
use super::referrals::{Referral, group_identifier, request_id, until};
use super::stories::{Outcome, Why};
use crate::fhir::json::{Json, Object};

const FULFILL: Code =
    code("http://hl7.org/fhir/CodeSystem/task-code", "fulfill", "Fulfill the focal request", "依頼の遂行");
/// How long a bed is kept without another word: the policy's default.
const HOLD_MINUTES: i64 = 240;
const MOST_CANDIDATES: usize = 4;

/// Who is asked: the owner, and the facility where it is a hospital.
struct Candidate {
    owner: String,
    facility: Option<usize>,
}

pub fn offers(plan: &Plan, referral: &Referral, now: DateTime<Utc>) -> Vec<Json> {
    let mut dice = Dice::new(referral.seed, Topic::Offers, referral.number as u64);
    let candidates = candidates(plan, referral, &mut dice);
    let tasks = candidates.iter().enumerate();
    tasks.map(|(at, candidate)| offer(plan, referral, candidate, at, now, &mut dice)).collect()
}

fn offer(plan: &Plan, referral: &Referral, to: &Candidate, at: usize, now: DateTime<Utc>, dice: &mut Dice) -> Json {
    let outcome = if at == 0 { referral.story.first } else { referral.story.others };
    let accepted = at == 0 && outcome.status == "accepted";
    let kept = to.facility.filter(|_| accepted).and_then(|facility| kept_place(plan, referral, facility));
    let mut task = resource("Task", &format!("task-{:06}-{}", referral.number + 1, at + 1), "kh-referral-task");
    let mut extensions = vec![until("answer-by", referral.answer_by).into()];
    extensions.extend(kept.as_ref().map(|_| Json::from(until("hold-until", hold_until(referral, now)))));
    task.insert("extension", extensions);
    task.insert("groupIdentifier", group_identifier(referral.number));
    task.insert("status", outcome.status);
    if let Some(reason) = reason(outcome, to, dice) {
        task.insert("statusReason", concept(reason));
    }
    if let Some(business) = referral.story.business.filter(|_| kept.is_some()) {
        task.insert("businessStatus", concept(business));
    }
    task.insert("intent", "order");
    task.insert("priority", if to.facility.is_some() { "urgent" } else { "routine" });
    task.insert("code", concept(&FULFILL));
    task.insert("focus", reference(format!("ServiceRequest/{}", request_id(referral.number))));
    task.insert("for", referral.patient.reference());
    execution(&mut task, referral, outcome);
    let written = referral.authored + minutes(1);
    task.insert("authoredOn", moment(written));
    let changed =
        if matches!(outcome.status, "draft" | "requested") { written } else { last_change(referral, outcome, now) };
    task.insert("lastModified", moment(changed.max(written)));
    task.insert("requester", reference(format!("PractitionerRole/{}", referral.requester)));
    task.insert("owner", reference(to.owner.as_str()));
    if let Some(place) = kept {
        task.insert("location", reference(format!("Location/{place}")));
    }
    let (start, end) = referral.wanted();
    task.insert("restriction", object! { "period" => period(start, Some(end)) });
    task.into()
}

/// Until when the bed is kept: from now on for a hold that stands, in the past for one that has run out.
fn hold_until(referral: &Referral, now: DateTime<Utc>) -> DateTime<Utc> {
    match referral.story.business {
        Some(_) => (referral.answered + minutes(HOLD_MINUTES)).min(now - minutes(20)),
        None => referral.answered + minutes(HOLD_MINUTES),
    }
}

/// The bed that is kept, or for every third hold the ward.
fn kept_place(plan: &Plan, referral: &Referral, facility: usize) -> Option<String> {
    let Some(ward) = &referral.held else {
        // The hold has run out: the bed is free again, the task still names the ward.
        return (plan.wards_of(facility) > 0 && referral.story.business.is_some()).then(|| ward_id(facility, 0));
    };
    let bed = ward.held_bed()?;
    match referral.hold {
        Some(hold) if hold % 3 == 2 => Some(ward_id(facility, ward.index)),
        _ => Some(bed_id(facility, ward.index, bed)),
    }
}

fn reason(outcome: Outcome, to: &Candidate, dice: &mut Dice) -> Option<&'static Code> {
    match outcome.why {
        Why::Nothing => None,
        Why::Because(reason) => Some(reason),
        Why::Refused if to.facility.is_some() => Some(dice.pick(&HOSPITAL_REFUSALS)),
        Why::Refused => Some(dice.pick(&REFUSALS)),
    }
}

fn execution(task: &mut Object, referral: &Referral, outcome: Outcome) {
    let start = referral.answered + minutes(40);
    match outcome.status {
        "in-progress" | "on-hold" => task.insert("executionPeriod", period(start, None)),
        "completed" => task.insert("executionPeriod", period(start, Some(finished(referral)))),
        _ => None,
    };
}

/// An hour after the answer was due.
fn finished(referral: &Referral) -> DateTime<Utc> {
    referral.answer_by + minutes(60)
}

fn last_change(referral: &Referral, outcome: Outcome, now: DateTime<Utc>) -> DateTime<Utc> {
    let at = match outcome.status {
        "completed" | "failed" | "on-hold" => finished(referral),
        "in-progress" => referral.answered + minutes(40),
        "cancelled" if outcome.why == Why::Because(&LAPSED) => referral.answer_by,
        _ => referral.answered,
    };
    at.min(now)
}

fn candidates(plan: &Plan, referral: &Referral, dice: &mut Dice) -> Vec<Candidate> {
    let other = |owner: String| Candidate { owner, facility: None };
    let partner = |kind: Partner| other(format!("Organization/{}", kind.id(referral.patient.partner(kind))));
    let service = |clinic: usize| other(format!("HealthcareService/{}", service_id(clinic)));
    match referral.category {
        category if category == &ADMISSION => hospitals(plan, referral, dice),
        category if category == &COVER => {
            vec![other(format!("CareTeam/{}", group_id(plan.doctor_group_of(referral.patient.clinic))))]
        }
        category if category == &SPECIALTY_SUPPORT => {
            several(2, plan.specialist_clinics(), dice).map(|rank| service(specialist_clinic(rank))).collect()
        }
        category if category == &HOME_VISIT => {
            several(3, plan.home_care_clinics(), dice).map(|rank| service(home_care_clinic(rank))).collect()
        }
        category if category == &PHARMACIST_VISIT => vec![partner(Partner::Pharmacy)],
        category if category == &CARE_MANAGEMENT => {
            let office = referral.patient.partner(Partner::CareManagerOffice);
            vec![other(format!("PractitionerRole/{}", Partner::CareManagerOffice.post_id(office)))]
        }
        category if category == &COORDINATION => vec![other(format!("PractitionerRole/{}", coordinator_id()))],
        category if category == &DISCHARGE_HOME => {
            let home = Partner::CareHome.id(dice.below(plan.care_homes));
            match dice.below(3) {
                0 => vec![other(format!("Organization/{home}"))],
                1 => vec![other(format!("CareTeam/{}", group_id(plan.doctor_group_of(referral.patient.clinic))))],
                _ => vec![service(referral.patient.clinic)],
            }
        }
        _ => vec![partner(Partner::NurseStation)],
    }
}

/// Two to four hospitals; the first is the one that keeps a bed, where one does.
fn hospitals(plan: &Plan, referral: &Referral, dice: &mut Dice) -> Vec<Candidate> {
    let wanted = 2 + dice.below(MOST_CANDIDATES - 1);
    let drawn = dice.below(plan.facilities);
    let first = referral.held.as_ref().map_or(drawn, |ward| ward.facility);
    let stride = (plan.facilities / MOST_CANDIDATES).max(1);
    (0..wanted.min(plan.facilities))
        .map(|at| (first + at * stride) % plan.facilities)
        .map(|facility| Candidate {
            owner: format!("HealthcareService/{}", acceptance_id(facility)),
            facility: Some(facility),
        })
        .collect()
}

/// Up to `most` different numbers below `of`.
fn several(most: usize, of: usize, dice: &mut Dice) -> impl Iterator<Item = usize> + use<> {
    let (first, wanted) = (dice.below(of), 1 + dice.below(most));
    (0..wanted.min(of)).map(move |at| (first + at) % of)
}
