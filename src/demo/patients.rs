//! Home-care patients, the teams around them, and what they have consented to.

use chrono::{DateTime, Utc};

use super::build::{
    concept, date, day_period, days, identifier, kh, list, moment, named_reference, object, reference, resource,
};
use super::clinics::{clinic_code, clinic_id, clinic_name, doctor_id};
use super::codes::{ATTENDING, Code, PATIENT_TEAM, code};
use super::dice::{Dice, Topic};
use super::layout::{Plan, home_care_clinic};
use super::names::{Gender, Name};
use super::partners::{CENTRE, Partner};
use super::places::{Place, Resident};
use crate::fhir::json::{Json, Object};

const INSURED: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
const CONSENT_SCOPE: Code = code(
    "http://terminology.hl7.org/CodeSystem/consentscope",
    "patient-privacy",
    "Privacy Consent",
    "個人情報の取扱い",
);
const CONSENT_CATEGORY: Code = code("http://loinc.org", "59284-0", "Consent Document", "情報共有の同意書");

/// Whose patient someone is, and who cares for them.
pub struct Patient {
    pub number: usize,
    pub gender: Gender,
    /// The home-care doctor's clinic.
    pub clinic: usize,
    partners: [(Partner, usize); 3],
    age_days: i64,
    name: Name,
}

pub fn patient_id(number: usize) -> String {
    format!("pt-{:04}", number + 1)
}

impl Patient {
    pub fn of(plan: &Plan, number: usize) -> Self {
        let mut dice = Dice::new(plan.seed, Topic::Patient, number as u64);
        let gender = if dice.percent(60) { Gender::Female } else { Gender::Male };
        let years = if dice.percent(4) { dice.between(1, 17) } else { dice.between(62, 101) };
        let age_days = years * 365 + years / 4 + dice.between(0, 364);
        let clinic = home_care_clinic(dice.below(plan.home_care_clinics()));
        let partners = [Partner::NurseStation, Partner::Pharmacy, Partner::CareManagerOffice]
            .map(|partner| (partner, dice.below(partner.count(plan))));
        Patient { number, gender, clinic, partners, age_days, name: Name::draw(&mut dice, gender) }
    }

    pub fn id(&self) -> String {
        patient_id(self.number)
    }

    pub fn partner(&self, wanted: Partner) -> usize {
        self.partners.iter().find(|(partner, _)| *partner == wanted).map_or(0, |(_, number)| *number)
    }

    /// The person, the team, the consent.
    pub fn to_json(&self, plan: &Plan, now: DateTime<Utc>) -> [Json; 3] {
        let mut dice = Dice::new(plan.seed, Topic::CareTeam, self.number as u64);
        let since = now - days(dice.between(60, 1_400));
        [self.person(plan, now), self.team(&mut dice, since, now), self.consent(&mut dice, since, now)]
    }

    fn person(&self, plan: &Plan, now: DateTime<Utc>) -> Json {
        let mut patient = resource("Patient", &self.id(), "kh-patient");
        // JP Core: the patient number's system is this root followed by the institution's ten digits.
        let chart = format!("urn:oid:1.2.392.100495.20.3.51.1{}", clinic_code(self.clinic));
        let insured = format!("39999999::{:08}:", self.number + 1);
        let identifiers = list![identifier(&chart, format!("{:08}", self.number + 1)), identifier(INSURED, insured)];
        patient.insert("identifier", identifiers);
        patient.insert("active", Json::Bool(true));
        patient.insert("name", self.name.to_json());
        patient.insert("gender", self.gender.code());
        patient.insert("birthDate", date(now - days(self.age_days)));
        patient.insert("address", list![Place::of(plan, Resident::Patient, self.number).address("home")]);
        let doctor = named_reference(format!("PractitionerRole/{}", doctor_id(self.clinic)), &clinic_name(self.clinic));
        patient.insert("generalPractitioner", list![doctor]);
        patient.insert("managingOrganization", self.managed_by());
        patient.into()
    }

    fn team(&self, dice: &mut Dice, since: DateTime<Utc>, now: DateTime<Utc>) -> Json {
        let mut team = resource("CareTeam", &format!("ct-{:04}", self.number + 1), "kh-patient-care-team");
        let number = format!("{}-{:04}", clinic_code(self.clinic), self.number + 1);
        team.insert("identifier", list![identifier(kh!("IdSystem/care-team"), number)]);
        team.insert("status", "active");
        team.insert("category", list![concept(&PATIENT_TEAM)]);
        team.insert("name", format!("{}様 在宅ケアチーム", self.name.family()));
        team.insert("subject", self.reference());
        team.insert("period", day_period(since, None));
        let mut members = vec![member(&ATTENDING, &doctor_id(self.clinic), since, None)];
        for (partner, number) in &self.partners {
            if dice.percent(85) {
                let joined = since + days(dice.between(0, 30));
                let left = dice.percent(7).then(|| now - days(dice.between(1, 29)));
                members.push(member(partner.role(), &partner.post_id(*number), joined, left));
            }
        }
        team.insert("participant", members);
        team.insert("managingOrganization", list![self.managed_by()]);
        team.into()
    }

    /// Most share with the team and the centre; a few have said no.
    fn consent(&self, dice: &mut Dice, since: DateTime<Utc>, now: DateTime<Utc>) -> Json {
        let refused = dice.percent(4);
        let mut consent = resource("Consent", &format!("consent-{:04}", self.number + 1), "kh-consent");
        consent.insert("status", "active");
        consent.insert("scope", concept(&CONSENT_SCOPE));
        consent.insert("category", list![concept(&CONSENT_CATEGORY)]);
        consent.insert("patient", self.reference());
        consent.insert("dateTime", moment(since));
        consent.insert("performer", list![self.reference()]);
        consent.insert("organization", list![self.managed_by()]);
        consent.insert("policy", list![object! { "uri" => kh!("policy/regional-sharing") }]);
        let mut provision = object! {
            "type" => if refused { "deny" } else { "permit" },
            "period" => day_period(since, Some(now + days(365))),
        };
        provision.insert(
            "actor",
            list![
                recipient(format!("CareTeam/ct-{:04}", self.number + 1)),
                recipient(format!("Organization/{CENTRE}"))
            ],
        );
        consent.insert("provision", provision);
        consent.into()
    }

    pub fn reference(&self) -> Object {
        reference(format!("Patient/{}", self.id()))
    }

    fn managed_by(&self) -> Object {
        named_reference(format!("Organization/{}", clinic_id(self.clinic)), &clinic_name(self.clinic))
    }
}

fn member(role: &Code, post: &str, since: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Json {
    object! {
        "role" => list![concept(role)],
        "member" => reference(format!("PractitionerRole/{post}")),
        "period" => day_period(since, until),
    }
    .into()
}

fn recipient(target: String) -> Object {
    const RECIPIENT: Code = code(
        "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
        "IRCP",
        "information recipient",
        "情報を受け取る者",
    );
    object! { "role" => concept(&RECIPIENT), "reference" => reference(target) }
}
