//! Clinics without beds: home-care doctors, specialists who lend support, and the groups in which they stand in for
//! each other.

use super::build::{
    coding, concept, day_period, days, extension, flag, identifier, list, named_reference, object, phone, reference,
    resource,
};
use super::codes::{
    AT_CLINIC, ATTENDING, CAPACITIES, CLINIC, Code, DOCTOR_GROUP, HOME_CARE, INTERNAL_MEDICINE, SPECIALIST,
    SPECIALTIES, SUPPORT_SERVICE,
};
use super::dice::{Dice, Topic};
use super::hospitals::site;
use super::layout::{Plan, does_home_care};
use super::organizations::{INSTITUTION, Office, Post, institution_code, number_of};
use super::partners::{flower_name, person};
use super::places::{AREAS, Place, Resident, area_id};
use crate::fhir::json::{Json, Object};
use chrono::{DateTime, Utc};

pub fn clinic_id(clinic: usize) -> String {
    format!("clinic-{:03}", clinic + 1)
}

/// The PractitionerRole of the clinic's doctor.
pub fn doctor_id(clinic: usize) -> String {
    format!("{}-dr1", clinic_id(clinic))
}

/// The clinic's HealthcareService: home care, or support by its specialty.
pub fn service_id(clinic: usize) -> String {
    let suffix = if does_home_care(clinic) { "home-care" } else { "support" };
    format!("{}-{suffix}", clinic_id(clinic))
}

pub fn group_id(group: usize) -> String {
    format!("group-{:02}", group + 1)
}

pub fn clinic_code(clinic: usize) -> String {
    institution_code(1, 2, clinic)
}

pub fn clinic_name(clinic: usize) -> String {
    let specialty = if does_home_care(clinic) { "在宅" } else { specialty_of(clinic).ja };
    format!("とよのはし{}{specialty}クリニック", flower_name(clinic))
}

fn specialty_of(clinic: usize) -> &'static Code {
    if does_home_care(clinic) { &INTERNAL_MEDICINE } else { &SPECIALTIES[clinic / 2 % SPECIALTIES.len()] }
}

/// One clinic: organization, site, doctor, service.
pub fn clinic(plan: &Plan, clinic: usize) -> impl Iterator<Item = Json> + use<> {
    let (id, name) = (clinic_id(clinic), clinic_name(clinic));
    let place = Place::of(plan, Resident::Clinic, clinic);
    let telephone = number_of(6_000 + clinic);
    let office = Office {
        id: &id,
        identifier: identifier(INSTITUTION, clinic_code(clinic)),
        kind: &CLINIC,
        name: &name,
        place: &place,
        phone: telephone.clone(),
    };
    let post = Post {
        id: &doctor_id(clinic),
        organization: &id,
        location: Some(&id),
        role: if does_home_care(clinic) { &ATTENDING } else { &SPECIALIST },
        specialty: Some(specialty_of(clinic)),
        registration: Some(200_000 + clinic),
        number: person(3, clinic),
        phone: telephone.clone(),
    };
    let [practitioner, role] = post.to_json(plan);
    let service = service(plan, clinic, &name, &place, telephone);
    [office.to_json(), site(&id, clinic_code(clinic), &name, &AT_CLINIC, &place), practitioner, role, service]
        .into_iter()
}

fn service(plan: &Plan, clinic: usize, name: &str, place: &Place, telephone: String) -> Json {
    let mut dice = Dice::new(plan.seed, Topic::Clinic, clinic as u64);
    let at_home = does_home_care(clinic);
    let mut service = if at_home {
        resource("HealthcareService", &service_id(clinic), "kh-home-care-service")
    } else {
        super::build::plain_resource("HealthcareService", &service_id(clinic))
    };
    let capacity = &CAPACITIES[[0, 0, 0, 1, 2, 3][dice.below(6)]];
    service.insert("extension", list![extension("capacity-status", "valueCoding", coding(capacity))]);
    service.insert("active", flag(true));
    service.insert("providedBy", named_reference(format!("Organization/{}", clinic_id(clinic)), name));
    service.insert("type", list![concept(if at_home { &HOME_CARE } else { &SUPPORT_SERVICE })]);
    service.insert("specialty", list![concept(specialty_of(clinic))]);
    service.insert("location", list![reference(format!("Location/{}", clinic_id(clinic)))]);
    service.insert("name", format!("{name} {}", if at_home { "訪問診療" } else { "在宅患者への他科支援" }));
    service.insert("telecom", list![phone(telephone)]);
    let areas = [place.area(), (place.area() + 1 + dice.below(AREAS.len() - 1)) % AREAS.len()];
    let covered = areas.map(|area| reference(format!("Location/{}", area_id(area))).into());
    service.insert("coverageArea", covered.to_vec());
    service.insert("availableTime", hours(&mut dice));
    service.into()
}

fn hours(dice: &mut Dice) -> Json {
    let weekdays: Object = object! {
        "daysOfWeek" => list!["mon", "tue", "wed", "thu", "fri"],
        "availableStartTime" => *dice.pick(&["08:30:00", "09:00:00", "13:00:00"]),
        "availableEndTime" => *dice.pick(&["17:00:00", "18:00:00", "19:30:00"]),
    };
    if dice.percent(60) {
        return list![weekdays];
    }
    let saturday = object! {
        "daysOfWeek" => list!["sat"], "availableStartTime" => "09:00:00", "availableEndTime" => "12:30:00",
    };
    list![weekdays, saturday]
}

/// A group of home-care doctors: a CareTeam without a patient.
pub fn doctor_group(plan: &Plan, group: usize, now: DateTime<Utc>) -> Json {
    let mut team = resource("CareTeam", &group_id(group), "kh-doctor-group");
    team.insert("identifier", list![identifier(super::build::kh!("IdSystem/doctor-group"), group_id(group))]);
    team.insert("status", "active");
    team.insert("category", list![concept(&DOCTOR_GROUP)]);
    team.insert("name", format!("とよのはし在宅医グループ {}", flower_name(group)));
    team.insert("period", day_period(now - days(900), None));
    let members = plan.clinics_of_group(group).map(|clinic| {
        let member = named_reference(format!("PractitionerRole/{}", doctor_id(clinic)), &clinic_name(clinic));
        object! { "role" => list![concept(&ATTENDING)], "member" => member }.into()
    });
    team.insert("participant", members.collect::<Vec<Json>>());
    team.insert("managingOrganization", list![reference("Organization/medical-association")]);
    team.into()
}
