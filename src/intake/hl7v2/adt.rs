//! What an event says of beds. `docs/hl7v2.md` has the table, `fhir-profiles/ConceptMap` the same for programs.

use crate::exchange::BedStatus;

use super::location::{Location, value};
use super::message::{Body, Header, field};
use super::refusal::{ErrorCode, Place, Refusal};
use super::sender::Sender;

const BED_LOCATION: Place = Place::field("NPU", 1);
const BED_STATUS: Place = Place::field("NPU", 2);
const ASSIGNED: Place = Place::field("PV1", 3);
const PRIOR: Place = Place::field("PV1", 6);
const ASSIGNED_STATUS: Place = Place::field("PV1", 40);

/// The events that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Admit,
    Transfer,
    Discharge,
    CancelAdmit,
    CancelTransfer,
    CancelDischarge,
    BedStatus,
}

/// One bed's part in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Where the message says it.
    pub place: Place,
    pub location: Location,
    pub becomes: Becomes,
}

/// What becomes of a bed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    Status(BedStatus),
    /// What it was before the patient came.
    AsBefore,
}

impl Event {
    pub const ALL: [(&str, Event); 7] = [
        ("A01", Event::Admit),
        ("A02", Event::Transfer),
        ("A03", Event::Discharge),
        ("A11", Event::CancelAdmit),
        ("A12", Event::CancelTransfer),
        ("A13", Event::CancelDischarge),
        ("A20", Event::BedStatus),
    ];

    /// The event of a code of table 0003.
    pub fn of(code: &str) -> Option<Event> {
        Event::ALL.iter().find(|(known, _)| *known == code).map(|(_, event)| *event)
    }

    /// What becomes of the bed of PV1-3 where the message does not say; `None` for A20, which has none.
    fn of_assigned(self, sender: &Sender) -> Option<Becomes> {
        match self {
            Event::Admit | Event::Transfer | Event::CancelTransfer | Event::CancelDischarge => {
                Some(Becomes::Status(BedStatus::Occupied))
            }
            Event::Discharge => Some(Becomes::Status(sender.vacated)),
            Event::CancelAdmit => Some(Becomes::AsBefore),
            Event::BedStatus => None,
        }
    }

    /// And of the bed of PV1-6, for events that move a patient from one to the other.
    fn of_prior(self, sender: &Sender) -> Option<Becomes> {
        match self {
            Event::Transfer => Some(Becomes::Status(sender.vacated)),
            Event::CancelTransfer => Some(Becomes::AsBefore),
            _ => None,
        }
    }
}

/// The beds that the message speaks of, each once.
pub fn movements(event: Event, header: &Header, body: &Body, sender: &Sender) -> Result<Vec<Movement>, Refusal> {
    let reading = Reading { header, body, sender };
    let Some(assigned) = event.of_assigned(sender) else { return Ok(vec![reading.bed_status()?]) };
    let mut movements = vec![reading.movement(ASSIGNED, assigned)?];
    if let Some(prior) = event.of_prior(sender) {
        let left = reading.movement(PRIOR, prior)?;
        if left.location != movements[0].location {
            movements.push(left);
        }
    }
    Ok(movements)
}

struct Reading<'a> {
    header: &'a Header,
    body: &'a Body,
    sender: &'a Sender,
}

impl Reading<'_> {
    /// From 2.7 on a place carries its own status (PL.5); before, PV1-40 has that of the assigned bed.
    fn status_is_in_the_place(&self) -> bool {
        self.header.version() >= (2, 7)
    }

    fn location(&self, place: Place) -> Result<Location, Refusal> {
        Location::read(field(self.body, place)).ok_or_else(|| Refusal::missing(place))
    }

    fn movement(&self, place: Place, usual: Becomes) -> Result<Movement, Refusal> {
        let location = self.location(place)?;
        let said = if self.status_is_in_the_place() {
            self.location_status(place, &location)?
        } else if place == ASSIGNED {
            self.table_0116(ASSIGNED_STATUS)?
        } else {
            None
        };
        let becomes = match (said, usual) {
            // A bed that a patient takes is not free, whatever was not yet updated there.
            (Some(BedStatus::Unoccupied), Becomes::Status(BedStatus::Occupied)) | (None, _) => usual,
            (Some(said), _) => Becomes::Status(said),
        };
        Ok(Movement { place, location, becomes })
    }

    fn bed_status(&self) -> Result<Movement, Refusal> {
        let location = self.location(BED_LOCATION)?;
        let said = match self.table_0116(BED_STATUS)? {
            None if self.status_is_in_the_place() => self.location_status(BED_LOCATION, &location)?,
            said => said,
        };
        let status = said.ok_or_else(|| Refusal::missing(BED_STATUS))?;
        Ok(Movement { place: BED_LOCATION, location, becomes: Becomes::Status(status) })
    }

    fn table_0116(&self, place: Place) -> Result<Option<BedStatus>, Refusal> {
        let code = field(self.body, place).map(|field| value(&field, 1)).unwrap_or_default();
        if code.is_empty() {
            return Ok(None);
        }
        let status = self.sender.bed_status.get(&code).copied().or_else(|| BedStatus::from_code(&code));
        status.map(Some).ok_or_else(|| unknown_status(place, &code, "bed_status"))
    }

    /// A sender without a map of its own puts codes of table 0116 there.
    fn location_status(&self, place: Place, location: &Location) -> Result<Option<BedStatus>, Refusal> {
        let (code, map) = (&location.status, &self.sender.location_status);
        if code.is_empty() {
            return Ok(None);
        }
        let status = if map.is_empty() { BedStatus::from_code(code) } else { map.get(code).copied() };
        status.map(Some).ok_or_else(|| unknown_status(place.component(5), code, "location_status"))
    }
}

fn unknown_status(place: Place, code: &str, setting: &str) -> Refusal {
    let code: String = code.chars().take(20).collect();
    Refusal::error(
        ErrorCode::TableValueNotFound,
        place,
        format!("{place} の状態コード {code:?} は登録されていません。表0116のコードにするか、送信元設定の {setting} に加えてください。"),
        format!("{place} has the status {code:?}, which is not known. Use table 0116, or add it to the sender's {setting}."),
    )
    .mendable()
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::super::sender::Senders;
    use super::*;

    const SENDER: &str = "[[sender]]\nname = \"a\"\nfacility = \"H\"\n";

    fn read(settings: &str, version: &str, event: &str, segments: &str) -> Result<Vec<String>, Refusal> {
        let senders = Senders::parse(&format!("{SENDER}{settings}")).unwrap();
        let text = format!("MSH|^~\\&|HIS|H|K|K|20260401||ADT^{event}|1|P|{version}\rEVN||202604011800\r{segments}\r");
        let message = Message::open(text.as_bytes(), &senders).unwrap();
        let body = message.body().unwrap();
        let found = movements(Event::of(event).unwrap(), &message.header, &body, message.sender.unwrap())?;
        let told = |movement: &Movement| {
            let becomes = match movement.becomes {
                Becomes::Status(status) => status.code(),
                Becomes::AsBefore => "before",
            };
            format!("{} {becomes}", movement.location.bed)
        };
        Ok(found.iter().map(told).collect())
    }

    fn pv1(assigned: &str, prior: &str, status: &str) -> String {
        format!("PV1||I|{assigned}|||{prior}{}{status}", "|".repeat(34))
    }

    #[test]
    fn each_event_moves_its_beds() {
        let beds = pv1("W^1^new", "W^1^old", "");
        for (event, expected) in [
            ("A01", &["new O"][..]),
            ("A02", &["new O", "old H"]),
            ("A03", &["new H"]),
            ("A11", &["new before"]),
            ("A12", &["new O", "old before"]),
            ("A13", &["new O"]),
        ] {
            assert_eq!(read("", "2.5", event, &beds).unwrap(), expected, "{event}");
        }
        assert_eq!(read("vacated = \"U\"\n", "2.5", "A03", &beds).unwrap(), ["new U"]);
        assert_eq!(read("", "2.5", "A20", "NPU|W^1^new|K").unwrap(), ["new K"]);
    }

    #[test]
    fn pv1_40_counts_until_2_6_and_pl_5_from_2_7_on() {
        let (old, new) = (pv1("W^1^b", "", "K"), pv1("W^1^b^^K", "", ""));
        assert_eq!(read("", "2.3", "A03", &old).unwrap(), ["b K"]);
        assert_eq!(read("", "2.6", "A03", &old).unwrap(), ["b K"]);
        assert_eq!(read("", "2.7", "A03", &old).unwrap(), ["b H"]);
        assert_eq!(read("", "2.7.1", "A03", &new).unwrap(), ["b K"]);
        assert_eq!(read("", "2.6", "A03", &new).unwrap(), ["b H"]);
        assert_eq!(read("", "2.9", "A02", &pv1("W^1^b^^I", "W^1^c^^U", "")).unwrap(), ["b I", "c U"]);
        assert_eq!(read("", "2.8", "A20", "NPU|W^1^b^^C").unwrap(), ["b C"]);
    }

    #[test]
    fn a_bed_that_a_patient_takes_is_never_free() {
        assert_eq!(read("", "2.5", "A01", &pv1("W^1^b", "", "U")).unwrap(), ["b O"]);
        assert_eq!(read("", "2.5", "A01", &pv1("W^1^b", "", "I")).unwrap(), ["b I"]);
    }

    #[test]
    fn a_senders_own_codes_have_their_map() {
        let maps = "bed_status = { \"空\" = \"U\" }\nlocation_status = { A = \"U\", D = \"H\" }\n";
        let senders = |version, segments: &str| read(maps, version, "A20", segments);
        assert_eq!(senders("2.7", "NPU|W^1^b^^D").unwrap(), ["b H"]);
        let unknown = senders("2.7", "NPU|W^1^b^^U").unwrap_err();
        assert_eq!((unknown.place.to_string().as_str(), unknown.mendable), ("NPU-1.5", true));
        let unknown = senders("2.5", "NPU|W^1^b|X").unwrap_err();
        assert_eq!((unknown.place.to_string().as_str(), unknown.code), ("NPU-2", ErrorCode::TableValueNotFound));
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |event, segments: &str| read("", "2.5", event, segments).unwrap_err().place.to_string();
        assert_eq!(missing("A20", ""), "NPU-1");
        assert_eq!(missing("A20", "NPU|W^1^b"), "NPU-2");
        assert_eq!(missing("A01", "PV1||I"), "PV1-3");
        assert_eq!(missing("A02", &pv1("W^1^b", "", "")), "PV1-6");
    }

    #[test]
    fn a_transfer_within_one_bed_is_one_movement() {
        assert_eq!(read("", "2.5", "A02", &pv1("W^1^b", "W^1^b", "")).unwrap(), ["b O"]);
    }
}
