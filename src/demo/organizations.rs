//! Organizations and the people who act for them: one builder for every kind.

use super::build::{coding, concept, identifier, kh, list, named_reference, object, phone, reference, resource};
use super::codes::Code;
use super::dice::{Dice, Topic};
use super::layout::Plan;
use super::names::{Gender, Name};
use super::places::Place;
use crate::fhir::json::{Json, Object};

pub const INSTITUTION: &str = "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no";
pub const CARE_PROVIDER: &str = kh!("IdSystem/care-manager-office");
pub const BODY: &str = kh!("IdSystem/organization");
const DOCTOR: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/medicalRegistrationNumber";

/// The ten digits of an institution in Osaka (27): category 1 medical, 4 pharmacy, 6 visiting nursing. Each kind has
/// its own block of numbers from nine million up, which are not given out.
pub fn institution_code(category: u8, block: usize, number: usize) -> String {
    format!("27{category}{}", 9_000_000 + block * 100_000 + number % 500_000 + 1)
}

/// One organization.
pub struct Office<'a> {
    pub id: &'a str,
    pub identifier: Object,
    pub kind: &'a Code,
    pub name: &'a str,
    pub place: &'a Place,
    pub phone: String,
}

impl Office<'_> {
    pub fn to_json(&self) -> Json {
        let mut organization = resource("Organization", self.id, "kh-organization");
        organization.insert("identifier", list![self.identifier.clone()]);
        organization.insert("active", Json::Bool(true));
        organization.insert("type", list![concept(self.kind)]);
        organization.insert("name", self.name);
        organization.insert("telecom", list![phone(self.phone.as_str())]);
        organization.insert("address", list![self.place.address("work")]);
        organization.into()
    }
}

/// A telephone number that no one has: exchange 0000 of Osaka's area code.
pub fn number_of(extension: usize) -> String {
    format!("06-0000-{:04}", extension % 10_000)
}

/// A post in an organization, and the person who holds it.
pub struct Post<'a> {
    /// Of both the Practitioner and the PractitionerRole.
    pub id: &'a str,
    pub organization: &'a str,
    pub location: Option<&'a str>,
    pub role: &'a Code,
    pub specialty: Option<&'a Code>,
    /// A doctor's registration number; others have none.
    pub registration: Option<usize>,
    /// Which person: unique in the region.
    pub number: u64,
    pub phone: String,
}

impl Post<'_> {
    pub fn to_json(&self, plan: &Plan) -> [Json; 2] {
        let mut dice = Dice::new(plan.seed, Topic::Person, self.number);
        let gender = if dice.percent(45) { Gender::Female } else { Gender::Male };
        let name = Name::draw(&mut dice, gender);
        [self.practitioner(gender, &name), self.practitioner_role(&name)]
    }

    fn practitioner(&self, gender: Gender, name: &Name) -> Json {
        let mut practitioner = resource("Practitioner", self.id, "kh-practitioner");
        if let Some(number) = self.registration {
            let number = 9_000_000 + number % 1_000_000;
            practitioner.insert("identifier", list![identifier(DOCTOR, number.to_string())]);
        }
        practitioner.insert("active", Json::Bool(true));
        practitioner.insert("name", name.to_json());
        practitioner.insert("gender", gender.code());
        practitioner.into()
    }

    fn practitioner_role(&self, name: &Name) -> Json {
        let mut role = resource("PractitionerRole", self.id, "kh-practitioner-role");
        role.insert("active", Json::Bool(true));
        role.insert("practitioner", named_reference(format!("Practitioner/{}", self.id), &name.text()));
        role.insert("organization", reference(format!("Organization/{}", self.organization)));
        role.insert("code", list![concept(self.role)]);
        if let Some(specialty) = self.specialty {
            role.insert("specialty", list![object! { "coding" => list![coding(specialty)] }]);
        }
        if let Some(location) = self.location {
            role.insert("location", list![reference(format!("Location/{location}"))]);
        }
        role.insert("telecom", list![phone(self.phone.as_str())]);
        role.into()
    }
}
