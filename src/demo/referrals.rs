//! Requests of every category in every state, as ServiceRequests; their offers are in [`super::offers`].

use chrono::{DateTime, TimeDelta, Utc};

use super::build::{
    coding, concept, days, extension, flag, identifier, kh, list, minutes, moment, object, part, period, reference,
    resource,
};
use super::clinics::{clinic_code, doctor_id, group_id};
use super::codes::{
    ADMISSION, CAPABILITIES, COMPREHENSIVE, COVER, Code, DIAGNOSES, DISCHARGE_HOME, FEMALE, HOME_VISIT, MALE,
    VISITING_NURSING, code,
};
use super::dice::{Dice, Topic};
use super::hospitals::{desk_id, hospital_code};
use super::layout::{Plan, specialist_clinic};
use super::names::Gender;
use super::offers::offers;
use super::patients::Patient;
use super::stories::{Story, hold_of, told};
use super::wards::Ward;
use crate::fhir::json::{Json, Object};

const PLACER: Code = code("http://terminology.hl7.org/CodeSystem/v2-0203", "PLAC", "Placer Identifier", "依頼者側番号");

/// One request with all that its offers need to know.
pub struct Referral {
    pub number: usize,
    pub category: &'static Code,
    pub story: &'static Story,
    pub patient: Patient,
    /// Who asks: a PractitionerRole.
    pub requester: String,
    pub requester_code: String,
    pub authored: DateTime<Utc>,
    pub answer_by: DateTime<Utc>,
    /// When the candidate whose answer decides gave it, if it has.
    pub answered: DateTime<Utc>,
    /// The ward that keeps a bed.
    pub held: Option<Ward>,
    pub hold: Option<usize>,
    pub diagnosis: &'static Code,
    /// For what is drawn later.
    pub seed: u64,
}

pub fn request_id(number: usize) -> String {
    format!("sr-{:06}", number + 1)
}

/// The request, then its offers.
pub fn referral(plan: &Plan, number: usize, now: DateTime<Utc>) -> impl Iterator<Item = Json> + use<> {
    let referral = Referral::of(plan, number, now);
    let tasks = offers(plan, &referral, now);
    std::iter::once(referral.request(plan)).chain(tasks)
}

impl Referral {
    fn of(plan: &Plan, number: usize, now: DateTime<Utc>) -> Self {
        let mut dice = Dice::new(plan.seed, Topic::Referral, number as u64);
        let (category, story) = told(number);
        let hold = hold_of(number);
        let held = hold.and_then(|hold| plan.ward_of_hold(hold)).map(|ward| {
            let (facility, index) = plan.ward_at(ward);
            Ward::of(plan, facility, index)
        });
        let patient = suitable_patient(plan, &mut dice, held.as_ref().and_then(Ward::held_for));
        let unit = unit_of(category);
        let age = TimeDelta::seconds(dice.between(story.age.0 * 60, story.age.1 * 60)) * unit;
        let authored = now - age.min(days(400));
        let answer_by = authored + minutes(story.window) * unit;
        let hospital = dice.below(plan.facilities);
        let (requester, requester_code) = requester(plan, &mut dice, category, &patient, hospital);
        let diagnosis = dice.pick(&DIAGNOSES);
        let answered = authored + (answer_by.min(now) - authored) * 2 / 3;
        let seed = dice.below(1 << 31) as u64;
        Referral {
            number,
            category,
            story,
            patient,
            requester,
            requester_code,
            authored,
            answer_by,
            answered,
            held,
            hold,
            diagnosis,
            seed,
        }
    }

    fn request(&self, plan: &Plan) -> Json {
        let is_admission = self.category == &ADMISSION;
        let profile = if is_admission { "kh-admission-referral" } else { "kh-referral" };
        let mut request = resource("ServiceRequest", &request_id(self.number), profile);
        if is_admission {
            request.insert("extension", list![self.needs()]);
        }
        let mut placer = object! { "type" => concept(&PLACER) };
        placer.insert("system", kh!("IdSystem/placer-order"));
        placer.insert("value", format!("{}-{:06}", self.requester_code, self.number + 1));
        request.insert("identifier", list![placer]);
        request.insert("status", self.story.request);
        request.insert("intent", "order");
        request.insert("category", list![concept(self.category)]);
        request.insert("priority", if is_admission || self.category == &COVER { "urgent" } else { "routine" });
        request.insert("subject", self.patient.reference());
        self.occurrence(&mut request);
        request.insert("authoredOn", moment(self.authored));
        request.insert("requester", reference(format!("PractitionerRole/{}", self.requester)));
        if self.category == &COVER {
            let group = group_id(plan.doctor_group_of(self.patient.clinic));
            request.insert("performer", list![reference(format!("CareTeam/{group}"))]);
        }
        request.insert("reasonCode", list![concept(self.diagnosis)]);
        request.into()
    }

    /// When the service is wanted: an admission soon, an absence for days, nursing for the months of an order.
    fn occurrence(&self, request: &mut Object) {
        let (start, end) = self.wanted();
        if self.category == &ADMISSION {
            request.insert("occurrenceDateTime", moment(start));
        } else {
            request.insert("occurrencePeriod", period(start, Some(end)));
        }
    }

    /// When fulfilment is sought.
    pub fn wanted(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let start = self.answer_by + minutes(30) * unit_of(self.category);
        let length = match self.category {
            category if category == &ADMISSION => 14,
            category if category == &COVER => 2,
            category if category == &VISITING_NURSING => 180,
            _ => 90,
        };
        (start, start + days(length))
    }

    /// What the bed must offer: what the ward that keeps one has, else what a sub-acute patient needs.
    fn needs(&self) -> Object {
        let mut dice = Dice::new(self.seed, Topic::Needs, self.number as u64);
        let function = self.held.as_ref().map_or(&COMPREHENSIVE, |ward| ward.function);
        let sex = if self.patient.gender == Gender::Male { &MALE } else { &FEMALE };
        let mut parts = vec![
            part("bed-function", "valueCoding", coding(function)).into(),
            part("sex", "valueCoding", coding(sex)).into(),
            part("isolation", "valueBoolean", flag(self.held.is_none() && dice.percent(12))).into(),
        ];
        let wanted = match &self.held {
            Some(ward) => ward.capabilities.first().copied(),
            None => dice.percent(60).then(|| dice.pick(&CAPABILITIES)),
        };
        parts.extend(wanted.map(|capability| Json::from(part("capability", "valueCoding", coding(capability)))));
        object! { "url" => kh!("StructureDefinition/admission-needs"), "extension" => parts }
    }
}

/// A patient; where a bed is kept, one whom it suits.
fn suitable_patient(plan: &Plan, dice: &mut Dice, wanted: Option<Gender>) -> Patient {
    let first = dice.below(plan.patients);
    let candidates = (0..plan.patients.min(50)).map(|step| Patient::of(plan, (first + step) % plan.patients));
    let mut suitable = candidates.filter(|patient| wanted.is_none_or(|gender| patient.gender == gender));
    suitable.next().unwrap_or_else(|| Patient::of(plan, first))
}

fn requester(plan: &Plan, dice: &mut Dice, category: &Code, patient: &Patient, hospital: usize) -> (String, String) {
    if category == &DISCHARGE_HOME {
        return (desk_id(hospital), hospital_code(hospital));
    }
    let clinic =
        if category == &HOME_VISIT { specialist_clinic(dice.below(plan.specialist_clinics())) } else { patient.clinic };
    (doctor_id(clinic), clinic_code(clinic))
}

/// How long a story's minute lasts: as told for what is urgent, an hour for the rest.
fn unit_of(category: &Code) -> i32 {
    if category == &ADMISSION || category == &COVER { 1 } else { 60 }
}

/// An extension with a moment.
pub fn until(name: &str, at: DateTime<Utc>) -> Object {
    extension(name, "valueDateTime", moment(at))
}

/// The number that a request's offers share.
pub fn group_identifier(number: usize) -> Object {
    identifier(kh!("IdSystem/offer-group"), request_id(number))
}
