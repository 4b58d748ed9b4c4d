//! A place in a hospital, as data type PL says it.

use std::fmt;

use hl7kit::Field;

/// The parts of a PL by which beds are told apart. Empty: not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    pub point_of_care: String,
    pub room: String,
    pub bed: String,
    pub facility: String,
    /// PL.5, table 0306, whose codes each site makes up.
    pub status: String,
    pub building: String,
    pub floor: String,
}

impl Location {
    /// Reads a field of type PL. `None` where it says nothing.
    pub fn read(field: Option<Field<'_>>) -> Option<Location> {
        let field = field?;
        let part = |number: usize| value(&field, number);
        let location = Location {
            point_of_care: part(1),
            room: part(2),
            bed: part(3),
            facility: part(4),
            status: part(5),
            building: part(7),
            floor: part(8),
        };
        let says_nothing = Location { status: String::new(), ..location.clone() } == Location::default();
        (!says_nothing).then_some(location)
    }
}

/// `3E^301^1^HOSP01`: for people.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.point_of_care, &self.room, &self.bed, &self.facility, "", "", &self.building, &self.floor];
        let said = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        f.write_str(&parts[..said].join("^"))
    }
}

/// The first sub-component of a component, without escapes; `""`, which deletes a value, says as little as nothing.
pub fn value(field: &Field<'_>, component: usize) -> String {
    let found = field.component(component).and_then(|found| found.subcomponent(1).map(|part| part.decoded()));
    let text = found.as_deref().unwrap_or_default().trim();
    if text == "\"\"" { String::new() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use hl7kit::Message;

    use super::*;

    fn read(field: &str) -> Option<Location> {
        let message = Message::parse(format!("MSH|^~\\&|A\rNPU|{field}|U\r")).unwrap();
        Location::read(message.segment("NPU").unwrap().field(1))
    }

    #[test]
    fn parts_are_read_without_escapes() {
        let location = read(" 3E\\S\\ ^301^1^HOSP01&1.2.3&ISO^U^^B1^3").unwrap();
        assert_eq!((location.point_of_care.as_str(), location.facility.as_str()), ("3E^", "HOSP01"));
        assert_eq!((location.status.as_str(), location.building.as_str(), location.floor.as_str()), ("U", "B1", "3"));
        assert_eq!(read("3E^301^1").unwrap().to_string(), "3E^301^1");
    }

    #[test]
    fn a_place_that_says_nothing_is_none() {
        for field in ["", "^^^", "\"\"", "^^^^U"] {
            assert_eq!(read(field), None, "{field}");
        }
    }
}
