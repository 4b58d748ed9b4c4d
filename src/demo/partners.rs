//! Those around the doctors: the coordination centre and the professional bodies, visiting-nurse stations,
//! pharmacies, care-manager offices and care homes.

use super::build::{identifier, kh};
use super::codes::{
    ASSOCIATION, CARE_HOME, CARE_MANAGER, CARE_MANAGER_OFFICE, COORDINATOR, COUNCIL, Code, NURSE, NURSE_STATION,
    PHARMACIST, PHARMACY, SUPPORT_CENTRE,
};
use super::layout::Plan;
use super::organizations::{BODY, CARE_PROVIDER, INSTITUTION, Office, Post, institution_code, number_of};
use super::places::{Place, Resident};
use crate::fhir::json::Json;

pub const CENTRE: &str = "centre";

/// The bodies that stand once in a region.
const BODIES: [(&str, &str, &Code); 5] = [
    (CENTRE, "とよのはし在宅医療・介護連携支援センター", &SUPPORT_CENTRE),
    ("medical-association", "とよのはし医師会", &ASSOCIATION),
    ("dental-association", "とよのはし歯科医師会", &ASSOCIATION),
    ("pharmacy-association", "とよのはし薬剤師会", &ASSOCIATION),
    ("council", "とよのはし虹の連絡会", &COUNCIL),
];

const FLOWERS: [&str; 16] = [
    "すみれ",
    "さくら",
    "ひまわり",
    "あおい",
    "もみじ",
    "つばき",
    "あやめ",
    "こすもす",
    "なのはな",
    "たんぽぽ",
    "れんげ",
    "ききょう",
    "すずらん",
    "あじさい",
    "やまぶき",
    "ほたる",
];

/// An invented name that stays different for as many as are asked for.
pub fn flower_name(number: usize) -> String {
    let round = number / FLOWERS.len();
    let flower = FLOWERS[number % FLOWERS.len()];
    if round == 0 { flower.to_owned() } else { format!("{flower}第{}", round + 1) }
}

/// A kind of partner, of which there are many alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partner {
    NurseStation,
    Pharmacy,
    CareManagerOffice,
    CareHome,
}

impl Partner {
    pub fn id(self, number: usize) -> String {
        let prefix = match self {
            Partner::NurseStation => "vns",
            Partner::Pharmacy => "ph",
            Partner::CareManagerOffice => "cm",
            Partner::CareHome => "home",
        };
        format!("{prefix}-{:02}", number + 1)
    }

    /// The PractitionerRole (and Practitioner) that acts for it.
    pub fn post_id(self, number: usize) -> String {
        format!("{}-s1", self.id(number))
    }

    pub fn count(self, plan: &Plan) -> usize {
        match self {
            Partner::NurseStation => plan.nurse_stations,
            Partner::Pharmacy => plan.pharmacies,
            Partner::CareManagerOffice => plan.care_manager_offices,
            Partner::CareHome => plan.care_homes,
        }
    }

    pub fn role(self) -> &'static Code {
        match self {
            Partner::NurseStation => &NURSE,
            Partner::Pharmacy => &PHARMACIST,
            Partner::CareManagerOffice => &CARE_MANAGER,
            Partner::CareHome => &COORDINATOR,
        }
    }

    pub fn name(self, number: usize) -> String {
        let flower = flower_name(number);
        match self {
            Partner::NurseStation => format!("とよのはし{flower}訪問看護ステーション"),
            Partner::Pharmacy => format!("とよのはし{flower}薬局"),
            Partner::CareManagerOffice => format!("とよのはし{flower}ケアプランセンター"),
            Partner::CareHome => format!("とよのはし{flower}の家"),
        }
    }

    fn kind(self) -> &'static Code {
        match self {
            Partner::NurseStation => &NURSE_STATION,
            Partner::Pharmacy => &PHARMACY,
            Partner::CareManagerOffice => &CARE_MANAGER_OFFICE,
            Partner::CareHome => &CARE_HOME,
        }
    }

    /// System and value of its number.
    fn identifier(self, number: usize) -> (&'static str, String) {
        match self {
            Partner::NurseStation => (INSTITUTION, institution_code(6, 0, number)),
            Partner::Pharmacy => (INSTITUTION, institution_code(4, 0, number)),
            Partner::CareManagerOffice => (CARE_PROVIDER, format!("2799{:06}", number + 1)),
            Partner::CareHome => (kh!("IdSystem/care-facility"), format!("2798{:06}", number + 1)),
        }
    }

    /// Different for every office of every kind: keeps their places, people and telephones apart.
    fn office_number(self, number: usize) -> usize {
        (number << 3) | (self as usize + 1)
    }
}

/// The centre with its coordinator, and the associations.
pub fn bodies(plan: Plan) -> impl Iterator<Item = Json> {
    let offices = BODIES.iter().enumerate().map(move |(number, (id, name, kind))| {
        let place = Place::of(&plan, Resident::Office, number << 3);
        let identifier = identifier(BODY, format!("toyonaka-{id}"));
        Office { id, identifier, kind, name, place: &place, phone: number_of(number) }.to_json()
    });
    let coordinator = Post {
        id: coordinator_id(),
        organization: CENTRE,
        location: None,
        role: &COORDINATOR,
        specialty: None,
        registration: None,
        number: person(0, 0),
        phone: number_of(0),
    };
    offices.chain(coordinator.to_json(&plan))
}

pub fn coordinator_id() -> &'static str {
    "centre-coordinator"
}

/// All partners of one kind, each with the person who acts for it.
pub fn partners(plan: Plan, partner: Partner) -> impl Iterator<Item = Json> {
    (0..partner.count(&plan)).flat_map(move |number| {
        let (id, post) = (partner.id(number), partner.post_id(number));
        let office = partner.office_number(number);
        let place = Place::of(&plan, Resident::Office, office);
        let (system, value) = partner.identifier(number);
        let organization = Office {
            id: &id,
            identifier: identifier(system, value),
            kind: partner.kind(),
            name: &partner.name(number),
            place: &place,
            phone: number_of(1_000 + office),
        };
        let post = Post {
            id: &post,
            organization: &id,
            location: None,
            role: partner.role(),
            specialty: None,
            registration: None,
            number: person(1, office),
            phone: number_of(1_000 + office),
        };
        let [practitioner, role] = post.to_json(&plan);
        [organization.to_json(), practitioner, role]
    })
}

/// The number of a person among all people of the region: kinds of employer have blocks of their own.
pub fn person(employer: u64, number: usize) -> u64 {
    (number as u64) << 3 | employer
}
