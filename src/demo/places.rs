//! Areas, addresses and positions: real town names of Toyonaka, invented lots.

use super::build::{concept, degrees, identifier, kh, list, object, plain_resource};
use super::codes::{AREA, COVERAGE_AREA};
use super::dice::{Dice, Topic};
use super::layout::Plan;
use crate::fhir::json::{Json, Object};

/// The city's seven areas of daily life (日常生活圏域), which home-care services name as what they cover.
pub const AREAS: [&str; 7] = ["柴原", "少路", "千里", "中央", "緑地", "服部", "庄内"];

/// Toyonaka's code of local governments.
const MUNICIPALITY: &str = "272035";

struct Town {
    name: &'static str,
    postal_code: &'static str,
    area: usize,
    /// Hundred-thousandths of a degree.
    latitude: i64,
    longitude: i64,
}

const TOWNS: [Town; 14] = [
    town("蛍池中町", "560-0033", 0, 3_479_500, 13_545_000),
    town("刀根山元町", "560-0044", 0, 3_480_000, 13_545_700),
    town("少路", "560-0042", 1, 3_480_600, 13_547_000),
    town("西緑丘", "560-0005", 1, 3_481_000, 13_546_300),
    town("新千里東町", "560-0082", 2, 3_481_000, 13_549_700),
    town("上新田", "560-0085", 2, 3_480_300, 13_549_500),
    town("中桜塚", "560-0881", 3, 3_478_200, 13_547_000),
    town("本町", "560-0021", 3, 3_478_700, 13_546_200),
    town("寺内", "561-0872", 4, 3_477_500, 13_548_600),
    town("城山町", "561-0871", 4, 3_477_200, 13_548_000),
    town("服部元町", "561-0851", 5, 3_476_400, 13_547_500),
    town("曽根東町", "561-0802", 5, 3_477_300, 13_547_100),
    town("庄内西町", "561-0832", 6, 3_475_700, 13_547_000),
    town("大黒町", "561-0835", 6, 3_475_600, 13_546_600),
];

const fn town(name: &'static str, postal_code: &'static str, area: usize, latitude: i64, longitude: i64) -> Town {
    Town { name, postal_code, area, latitude, longitude }
}

/// Who lives or works somewhere; each kind draws its own places.
#[derive(Clone, Copy)]
pub enum Resident {
    Facility,
    Clinic,
    Office,
    Patient,
}

/// Where something is.
pub struct Place {
    town: &'static Town,
    lot: String,
    latitude: i64,
    longitude: i64,
}

impl Place {
    pub fn of(plan: &Plan, resident: Resident, number: usize) -> Self {
        let mut dice = Dice::new(plan.seed, Topic::Place, (number as u64) << 2 | resident as u64);
        let town = dice.pick(&TOWNS);
        Place {
            town,
            // Lots from 900 up: no block of the city has so many.
            lot: format!("{}丁目{}番{}号", dice.between(1, 4), dice.between(900, 998), dice.between(1, 30)),
            latitude: town.latitude + dice.between(-450, 450),
            longitude: town.longitude + dice.between(-450, 450),
        }
    }

    /// Which of [`AREAS`] it lies in.
    pub fn area(&self) -> usize {
        self.town.area
    }

    pub fn address(&self, usage: &str) -> Object {
        let street = format!("{}{}", self.town.name, self.lot);
        let municipality = object! { "url" => kh!("StructureDefinition/municipality"), "valueCode" => MUNICIPALITY };
        object! {
            "extension" => list![municipality],
            "use" => usage,
            "text" => format!("〒{} 大阪府豊中市{street}", self.town.postal_code),
            "line" => list![street],
            "city" => "豊中市",
            "state" => "大阪府",
            "postalCode" => self.town.postal_code,
            "country" => "JP",
        }
    }

    pub fn position(&self) -> Object {
        object! { "longitude" => degrees(self.longitude), "latitude" => degrees(self.latitude) }
    }
}

pub fn area_id(area: usize) -> String {
    format!("area-{}", area % AREAS.len() + 1)
}

/// The areas as Locations, for `HealthcareService.coverageArea`.
pub fn areas() -> impl Iterator<Item = Json> {
    AREAS.iter().enumerate().map(|(number, name)| {
        let mut area = plain_resource("Location", &area_id(number));
        area.insert("identifier", list![identifier(kh!("IdSystem/area"), format!("272035-{}", number + 1))]);
        area.insert("status", "active");
        area.insert("name", format!("豊中市 {name}圏域"));
        area.insert("mode", "instance");
        area.insert("type", list![concept(&COVERAGE_AREA)]);
        area.insert("physicalType", concept(&AREA));
        area.into()
    })
}
