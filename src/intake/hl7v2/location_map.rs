//! From a sender's places to beds: rules, of which the first that fits decides.

use serde::Deserialize;

use crate::exchange::BedName;
use crate::fhir::id::ResourceId;

use super::location::Location;

/// A rule as the file has it. A part that is left out fits anything; `*` anything but nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleText {
    point_of_care: Option<String>,
    room: Option<String>,
    bed: Option<String>,
    facility: Option<String>,
    building: Option<String>,
    floor: Option<String>,
    /// `system|value` of the bed's Location; `{room}` and the like stand for the parts.
    identifier: Option<String>,
    /// Or its logical id.
    id: Option<String>,
    /// Or it is no bed: a waiting room, an outpatients' clinic.
    no_bed: bool,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct LocationRule {
    conditions: Vec<(Part, Wanted)>,
    target: Target,
}

/// What a place stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    Bed(BedName),
    NoBed,
}

#[derive(Clone, Debug)]
enum Wanted {
    Something,
    Exactly(String),
}

#[derive(Clone, Debug)]
enum Target {
    Identifier { system: Option<String>, value: Template },
    Id(Template),
    NoBed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    PointOfCare,
    Room,
    Bed,
    Facility,
    Building,
    Floor,
}

/// Text with parts of the place in it.
#[derive(Clone, Debug)]
struct Template(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Part(Part),
}

/// The bed that a place stands for. `None`: no rule fits.
pub fn map(rules: &[LocationRule], location: &Location) -> Option<Mapped> {
    rules.iter().find_map(|rule| rule.map(location))
}

impl Part {
    const NAMED: [(&str, Part); 6] = [
        ("point_of_care", Part::PointOfCare),
        ("room", Part::Room),
        ("bed", Part::Bed),
        ("facility", Part::Facility),
        ("building", Part::Building),
        ("floor", Part::Floor),
    ];

    fn of(self, location: &Location) -> &str {
        match self {
            Part::PointOfCare => &location.point_of_care,
            Part::Room => &location.room,
            Part::Bed => &location.bed,
            Part::Facility => &location.facility,
            Part::Building => &location.building,
            Part::Floor => &location.floor,
        }
    }
}

impl RuleText {
    /// The rule, or what is wrong with it.
    pub fn compile(self) -> Result<LocationRule, String> {
        let given = [
            (Part::PointOfCare, self.point_of_care),
            (Part::Room, self.room),
            (Part::Bed, self.bed),
            (Part::Facility, self.facility),
            (Part::Building, self.building),
            (Part::Floor, self.floor),
        ];
        let conditions = given.into_iter().filter_map(|(part, wanted)| {
            let wanted = wanted?;
            Some((part, if wanted == "*" { Wanted::Something } else { Wanted::Exactly(wanted) }))
        });
        let target = match (self.identifier, self.id, self.no_bed) {
            (Some(identifier), None, false) => {
                let (system, value) = match identifier.split_once('|') {
                    Some((system, value)) => (Some(system.to_owned()), value.to_owned()),
                    None => (None, identifier),
                };
                Target::Identifier { system, value: Template::parse(&value)? }
            }
            (None, Some(id), false) => Target::Id(Template::parse(&id)?),
            (None, None, true) => Target::NoBed,
            _ => return Err("one of identifier, id and no_bed = true".into()),
        };
        Ok(LocationRule { conditions: conditions.collect(), target })
    }
}

impl LocationRule {
    fn map(&self, location: &Location) -> Option<Mapped> {
        let fits = |(part, wanted): &(Part, Wanted)| match wanted {
            Wanted::Something => !part.of(location).is_empty(),
            Wanted::Exactly(wanted) => part.of(location) == wanted,
        };
        if !self.conditions.iter().all(fits) {
            return None;
        }
        match &self.target {
            Target::NoBed => Some(Mapped::NoBed),
            Target::Id(id) => ResourceId::parse(&id.fill(location)?).map(|id| Mapped::Bed(BedName::Id(id))),
            Target::Identifier { system, value } => {
                let value = value.fill(location)?;
                Some(Mapped::Bed(BedName::Identifier { system: system.clone(), value }))
            }
        }
    }
}

impl Template {
    fn parse(text: &str) -> Result<Template, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or("a { without its }")?;
            let part = Part::NAMED.iter().find(|(known, _)| *known == name).map(|(_, part)| *part);
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Part(part.ok_or_else(|| format!("there is no {{{name}}}"))?));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Template(pieces))
    }

    /// `None` where a part is empty: what is left would name another bed, or several.
    fn fill(&self, location: &Location) -> Option<String> {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Part(part) => Some(part.of(location)).filter(|text| !text.is_empty()),
        });
        pieces.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(text: &str) -> LocationRule {
        use figment::providers::{Format, Toml};
        let text: RuleText = figment::Figment::from(Toml::string(text)).extract().unwrap();
        text.compile().unwrap()
    }

    fn place(point_of_care: &str, room: &str, bed: &str) -> Location {
        let text = str::to_owned;
        Location { point_of_care: text(point_of_care), room: text(room), bed: text(bed), ..Location::default() }
    }

    fn identifier(system: &str, value: &str) -> Option<Mapped> {
        Some(Mapped::Bed(BedName::Identifier { system: Some(system.into()), value: value.into() }))
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = [
            rule("point_of_care = 'ER'\nno_bed = true"),
            rule("point_of_care = '3E'\nroom = '301'\nbed = '1'\nid = 'hosp-01-w01-b01'"),
            rule("point_of_care = '*'\nidentifier = 'urn:beds|{point_of_care}-{room}-{bed}'"),
        ];
        assert_eq!(map(&rules, &place("ER", "", "")), Some(Mapped::NoBed));
        let by_id = ResourceId::parse("hosp-01-w01-b01").map(|id| Mapped::Bed(BedName::Id(id)));
        assert_eq!(map(&rules, &place("3E", "301", "1")), by_id);
        assert_eq!(map(&rules, &place("3E", "302", "1")), identifier("urn:beds", "3E-302-1"));
    }

    #[test]
    fn a_place_without_its_bed_is_no_other_bed() {
        let rules = [rule("identifier = 'urn:beds|{point_of_care}-{bed}'")];
        assert_eq!(map(&rules, &place("3E", "301", "")), None);
        assert_eq!(map(&rules, &place("", "301", "1")), None);
    }

    #[test]
    fn a_rule_without_one_target_is_refused() {
        for text in ["room = '1'", "id = 'a'\nno_bed = true", "id = '{ward}'", "identifier = 'urn:beds|{bed'"] {
            use figment::providers::{Format, Toml};
            let read: RuleText = figment::Figment::from(Toml::string(text)).extract().unwrap();
            assert!(read.compile().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn different_places_of_one_form_are_different_beds(
            first in ("[A-Z0-9]{1,4}", "[0-9]{1,3}"), second in ("[A-Z0-9]{1,4}", "[0-9]{1,3}"),
        ) {
            let rules = [rule("identifier = 'urn:beds|{point_of_care}-{bed}'")];
            let beds = [&first, &second].map(|(ward, bed)| map(&rules, &place(ward, "", bed)));
            prop_assert_eq!(first == second, beds[0] == beds[1]);
        }
    }
}
