//! Facilities with beds as resources: Organization, site, contacts, acceptance service, wards and beds.

use chrono::{DateTime, Utc};

use super::build::{
    coding, concept, concept_also, count, extension, flag, identifier, kh, list, moment, named_reference, object, part,
    phone, reference, resource,
};
use super::codes::{
    ACCEPTANCE, ACUTE_GENERAL, ADMISSION_DESK, ANY, AT_CLINIC, AT_CLINIC_WITH_BEDS, AT_HOSPITAL, BED, CLINIC_WITH_BEDS,
    CLOSED, Code, FACILITY, HOSPITAL, INTERNAL_MEDICINE, PHYSICAL_BED, PHYSICAL_WARD, SITE, SPECIALIST, SURGERY,
    V3_HOSPITAL, V3_HOSPITAL_UNIT, V3_OUTPATIENT, WARD,
};
use super::layout::Plan;
use super::organizations::{INSTITUTION, Office, Post, institution_code, number_of};
use super::partners::{flower_name, person};
use super::places::{Place, Resident};
use super::wards::{Bed, Slice, Ward, is_clinic_with_beds};
use crate::fhir::json::{Json, Object};

pub fn hospital_id(facility: usize) -> String {
    format!("hosp-{:02}", facility + 1)
}

pub fn ward_id(facility: usize, ward: usize) -> String {
    format!("{}-w{:02}", hospital_id(facility), ward + 1)
}

pub fn bed_id(facility: usize, ward: usize, bed: usize) -> String {
    format!("{}-b{:02}", ward_id(facility, ward), bed + 1)
}

pub fn acceptance_id(facility: usize) -> String {
    format!("{}-acceptance", hospital_id(facility))
}

/// The admission desk's PractitionerRole.
pub fn desk_id(facility: usize) -> String {
    format!("{}-desk", hospital_id(facility))
}

pub fn hospital_code(facility: usize) -> String {
    institution_code(1, 0, facility)
}

pub fn hospital_name(plan: &Plan, facility: usize) -> String {
    let kind = match plan.beds_of(facility) {
        0..=19 => "医院",
        20..=199 => "病院",
        200..=399 => "総合病院",
        _ => "医療センター",
    };
    format!("とよのはし{}{kind}", flower_name(facility))
}

/// One facility with all that belongs to it; its wards and beds come as they are asked for.
pub fn hospital(plan: Plan, facility: usize, now: DateTime<Utc>) -> impl Iterator<Item = Json> {
    let wards = (0..plan.wards_of(facility)).flat_map(move |index| {
        let ward = Ward::of(&plan, facility, index);
        let first_report = |bed: &Bed| bed.first_report(facility, now);
        let slices = ward.slices(0, first_report);
        let beds = ward.beds.iter().enumerate();
        let beds = beds.map(|(number, bed)| bed_json(&ward, number, bed.status(0), first_report(bed)));
        std::iter::once(ward_json(&ward, &slices)).chain(beds).collect::<Vec<_>>()
    });
    head(&plan, facility).into_iter().chain(wards)
}

fn head(plan: &Plan, facility: usize) -> Vec<Json> {
    let (id, name) = (hospital_id(facility), hospital_name(plan, facility));
    let place = Place::of(plan, Resident::Facility, facility);
    let (kind, location) = if is_clinic_with_beds(plan, facility) {
        (&CLINIC_WITH_BEDS, &AT_CLINIC_WITH_BEDS)
    } else {
        (&HOSPITAL, &AT_HOSPITAL)
    };
    let identifier = identifier(INSTITUTION, hospital_code(facility));
    let organization =
        Office { id: &id, identifier, kind, name: &name, place: &place, phone: number_of(5_000 + facility) };
    let mut resources = vec![organization.to_json(), site(&id, hospital_code(facility), &name, location, &place)];
    let posts = [("dr1", &SPECIALIST, true), ("desk", &ADMISSION_DESK, false)];
    for (at, (suffix, role, is_doctor)) in posts.into_iter().enumerate() {
        let post = Post {
            id: &format!("{id}-{suffix}"),
            organization: &id,
            location: Some(&id),
            role,
            specialty: is_doctor.then_some(&INTERNAL_MEDICINE),
            registration: is_doctor.then_some(facility),
            number: person(2, facility * posts.len() + at),
            phone: number_of(5_000 + facility),
        };
        resources.extend(post.to_json(plan));
    }
    resources.push(acceptance(plan, facility, &name));
    resources
}

/// The facility's site, for hospitals and clinics alike.
pub fn site(id: &str, code: String, name: &str, role: &Code, place: &Place) -> Json {
    let known = if role == &AT_CLINIC { &V3_OUTPATIENT } else { &V3_HOSPITAL };
    let mut site = resource("Location", id, "kh-facility");
    site.insert("identifier", list![identifier(INSTITUTION, code)]);
    site.insert("status", "active");
    site.insert("name", name);
    site.insert("mode", "instance");
    site.insert("type", list![concept(&FACILITY), concept_also(role, known)]);
    site.insert("address", place.address("work"));
    site.insert("physicalType", concept(&SITE));
    site.insert("position", place.position());
    site.insert("managingOrganization", named_reference(format!("Organization/{id}"), name));
    site.into()
}

fn acceptance(plan: &Plan, facility: usize, name: &str) -> Json {
    let ward = Ward::of(plan, facility, 0);
    let mut service = resource("HealthcareService", &acceptance_id(facility), "kh-acceptance-service");
    if !ward.capabilities.is_empty() {
        let offered = ward.capabilities.iter().map(|capability| coded("capability", capability).into());
        service.insert("extension", offered.collect::<Vec<Json>>());
    }
    service.insert("active", flag(true));
    service.insert("providedBy", named_reference(format!("Organization/{}", hospital_id(facility)), name));
    service.insert("type", list![concept(&ACCEPTANCE)]);
    let mut specialties = vec![concept(&INTERNAL_MEDICINE).into()];
    if ward.fee == &ACUTE_GENERAL {
        specialties.push(concept(&SURGERY).into());
    }
    service.insert("specialty", specialties);
    service.insert("location", list![reference(format!("Location/{}", hospital_id(facility)))]);
    service.insert("name", format!("{name} 緊急・サブアキュート受入れ"));
    service.insert("telecom", list![phone(number_of(5_000 + facility))]);
    service.insert(
        "availableTime",
        list![object! {
            "daysOfWeek" => list!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "allDay" => flag(true),
        }],
    );
    service.into()
}

/// A ward with its counts.
pub fn ward_json(ward: &Ward, slices: &[Slice]) -> Json {
    let code = format!("W{:02}", ward.index + 1);
    let mut extensions = vec![coded("bed-function", ward.function).into(), coded("admission-fee", ward.fee).into()];
    extensions.extend(ward.capabilities.iter().map(|capability| Json::from(coded("capability", capability))));
    extensions.push(coded("admittable-sex", &ANY).into());
    extensions.extend(slices.iter().map(vacancy));
    let mut location = resource("Location", &ward_id(ward.facility, ward.index), "kh-ward");
    location.insert("extension", extensions);
    let number = format!("{}-{code}", hospital_code(ward.facility));
    location.insert("identifier", list![identifier(kh!("IdSystem/ward"), number)]);
    location.insert("status", "active");
    let (floor, wing) = (ward.index / 2 + 2, if ward.index.is_multiple_of(2) { "東" } else { "西" });
    location.insert("name", format!("{floor}階{wing}病棟"));
    location.insert("mode", "instance");
    location.insert("type", list![concept_also(&WARD, &V3_HOSPITAL_UNIT)]);
    location.insert("physicalType", concept(&PHYSICAL_WARD));
    belongs_to(&mut location, ward.facility, hospital_id(ward.facility));
    location.into()
}

fn vacancy(slice: &Slice) -> Json {
    let parts = list![
        part("sex", "valueCoding", coding(slice.sex)),
        part("isolation", "valueBoolean", flag(slice.isolation)),
        part("staffed", "valueUnsignedInt", count(slice.staffed())),
        part("occupied", "valueUnsignedInt", count(slice.occupied)),
        part("reserved", "valueUnsignedInt", count(slice.reserved)),
        part("blocked", "valueUnsignedInt", count(slice.blocked)),
        part("available", "valueUnsignedInt", count(slice.available)),
        part("asOf", "valueInstant", moment(slice.as_of)),
        part("validUntil", "valueInstant", moment(slice.valid_until())),
        part("source", "valueCode", "derived"),
    ];
    object! { "url" => kh!("StructureDefinition/bed-vacancy"), "extension" => parts }.into()
}

/// A bed with its status as reported at `as_of`.
pub fn bed_json(ward: &Ward, number: usize, status: &Code, as_of: DateTime<Utc>) -> Json {
    let mut location = resource("Location", &bed_id(ward.facility, ward.index, number), "kh-bed");
    let mut extensions = Vec::new();
    if let Some(bed) = ward.beds.get(number) {
        extensions.push(coded("admittable-sex", bed.sex).into());
        extensions.push(extension("isolation", "valueBoolean", flag(bed.isolation)).into());
    }
    extensions.push(extension("as-of", "valueInstant", moment(as_of)).into());
    location.insert("extension", extensions);
    let label = format!("{}-W{:02}-B{:02}", hospital_code(ward.facility), ward.index + 1, number + 1);
    location.insert("identifier", list![identifier(kh!("IdSystem/bed"), label)]);
    location.insert("status", if status == &CLOSED { "suspended" } else { "active" });
    location.insert("operationalStatus", coding(status));
    location.insert("name", format!("{}{:02}号室 {}床", ward.index / 2 + 2, number / 4 + 1, number % 4 + 1));
    location.insert("mode", "instance");
    location.insert("type", list![concept(&BED)]);
    location.insert("physicalType", concept(&PHYSICAL_BED));
    belongs_to(&mut location, ward.facility, ward_id(ward.facility, ward.index));
    location.into()
}

fn belongs_to(location: &mut Object, facility: usize, parent: String) {
    location.insert("managingOrganization", reference(format!("Organization/{}", hospital_id(facility))));
    location.insert("partOf", reference(format!("Location/{parent}")));
}

fn coded(name: &str, code: &Code) -> Object {
    extension(name, "valueCoding", coding(code))
}
