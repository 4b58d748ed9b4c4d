//! Who sends, and how what it sends is to be read: a TOML file, since every hospital's system names its beds otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::FixedOffset;
use figment::Figment;
use figment::providers::{Format, Toml};
use serde::Deserialize;

use crate::exchange::{BedName, BedStatus};
use crate::fhir::id::ResourceId;

use super::charset::Charset;
use super::location_map::{LocationRule, RuleText};
use super::timestamp;

/// All senders that are known.
#[derive(Clone, Debug, Default)]
pub struct Senders(Vec<Sender>);

/// One sending system.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Names it in logs, audit rows and dead letters.
    pub name: String,
    /// MSH-3.1 and MSH-4.1; empty: any.
    pub application: String,
    pub facility: String,
    /// SHA-256 of the client certificate with which it must come.
    pub certificate: Option<[u8; 32]>,
    /// What a bed becomes that a patient has left.
    pub vacated: BedStatus,
    /// Of its codes what table 0116 has: NPU-2 and PV1-40 by the first, PL.5 by the second.
    pub bed_status: BTreeMap<String, BedStatus>,
    pub location_status: BTreeMap<String, BedStatus>,
    /// Beds, wards and facilities that it feeds with every change: each of its messages says that all else still holds.
    pub feeds: Vec<BedName>,
    /// Where its times are, unless they say.
    pub zone: FixedOffset,
    /// Its character set where MSH-18 is empty.
    pub charset: Charset,
    /// Events that it sends and that say nothing of beds: acknowledged and left aside.
    pub ignored: Vec<String>,
    /// Whether its MSH-10 begin anew every day.
    pub daily_control_ids: bool,
    /// MSH-11 that it sends in earnest.
    pub processing: Vec<String>,
    pub rules: Vec<LocationRule>,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sender: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    application: String,
    #[serde(default)]
    facility: String,
    certificate: Option<String>,
    #[serde(default = "housekeeping")]
    vacated: String,
    #[serde(default)]
    bed_status: BTreeMap<String, String>,
    #[serde(default)]
    location_status: BTreeMap<String, String>,
    #[serde(default)]
    feeds: Vec<String>,
    #[serde(default = "japan")]
    time_zone: String,
    #[serde(default = "ascii")]
    charset: String,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    daily_control_ids: bool,
    #[serde(default = "production")]
    processing: Vec<String>,
    #[serde(default)]
    location: Vec<RuleText>,
}

fn housekeeping() -> String {
    "H".into()
}

fn japan() -> String {
    "+09:00".into()
}

fn ascii() -> String {
    "ASCII".into()
}

fn production() -> Vec<String> {
    vec!["P".into()]
}

impl Senders {
    /// Reads the file; tells everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Senders, Vec<String>> {
        let told = |text: &str| format!("{}: {text}", path.display());
        if !path.exists() {
            return Err(vec![told("the file does not exist")]);
        }
        let text = std::fs::read_to_string(path).map_err(|error| vec![told(&error.to_string())])?;
        Senders::parse(&text).map_err(|errors| errors.iter().map(|error| told(error)).collect())
    }

    pub fn parse(text: &str) -> Result<Senders, Vec<String>> {
        let file: Result<File, _> = Figment::from(Toml::string(text)).extract();
        let file = file.map_err(|errors| errors.into_iter().map(|error| error.to_string()).collect::<Vec<_>>())?;
        let (mut senders, mut errors) = (Vec::<Sender>::new(), Vec::new());
        for entry in file.sender {
            let mut reading = Reading { name: entry.name.clone(), errors: Vec::new() };
            let sender = reading.sender(entry);
            if senders.iter().any(|other| other.name == sender.name) {
                reading.wrong("name", "another sender has the same");
            }
            if senders
                .iter()
                .any(|other| (&other.application, &other.facility) == (&sender.application, &sender.facility))
            {
                reading.wrong("application, facility", "another sender has the same");
            }
            errors.append(&mut reading.errors);
            senders.push(sender);
        }
        if errors.is_empty() { Ok(Senders(senders)) } else { Err(errors) }
    }

    /// The sender of a message: one that names both application and facility goes before one that names either.
    pub fn of(&self, application: &str, facility: &str) -> Option<&Sender> {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let named =
            |sender: &&Sender| usize::from(!sender.application.is_empty()) + usize::from(!sender.facility.is_empty());
        let fitting = |sender: &&Sender| fits(&sender.application, application) && fits(&sender.facility, facility);
        // Of equals the first.
        self.0.iter().rev().filter(fitting).max_by_key(named)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An entry on its way, with what is wrong in it.
struct Reading {
    name: String,
    errors: Vec<String>,
}

impl Reading {
    fn wrong(&mut self, setting: &str, what: &str) {
        self.errors.push(format!("sender {:?}: {setting}: {what}", self.name));
    }

    fn sender(&mut self, entry: Entry) -> Sender {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if entry.name.is_empty() || !entry.name.chars().all(plain) {
            self.wrong("name", "letters, digits, - _ and . only");
        }
        if entry.application.is_empty() && entry.facility.is_empty() {
            self.wrong("application, facility", "at least one of them has to be given");
        }
        let feeds = entry.feeds.iter().filter_map(|id| {
            let parsed = ResourceId::parse(id).map(BedName::Id);
            if parsed.is_none() {
                self.wrong("feeds", &format!("{id:?} is no id of a Location"));
            }
            parsed
        });
        let feeds = feeds.collect();
        let rules = entry.location.into_iter().filter_map(|rule| match rule.compile() {
            Ok(rule) => Some(rule),
            Err(what) => {
                self.wrong("location", &what);
                None
            }
        });
        let rules = rules.collect();
        Sender {
            certificate: self.certificate(entry.certificate.as_deref()),
            vacated: self.status("vacated", &entry.vacated),
            bed_status: self.statuses("bed_status", entry.bed_status),
            location_status: self.statuses("location_status", entry.location_status),
            zone: timestamp::offset(&entry.time_zone).unwrap_or_else(|| {
                self.wrong("time_zone", "an offset such as +09:00");
                chrono::Offset::fix(&chrono::Utc)
            }),
            charset: Charset::named(&entry.charset).unwrap_or_else(|| {
                self.wrong("charset", "ASCII, UTF-8, ISO IR87, SHIFT_JIS or EUC-JP");
                Charset::Ascii
            }),
            name: entry.name,
            application: entry.application,
            facility: entry.facility,
            feeds,
            ignored: entry.ignore,
            daily_control_ids: entry.daily_control_ids,
            processing: entry.processing,
            rules,
        }
    }

    fn status(&mut self, setting: &str, code: &str) -> BedStatus {
        BedStatus::from_code(code).unwrap_or_else(|| {
            self.wrong(setting, &format!("{code:?} is no code of table 0116 (C, H, I, K, O, U)"));
            BedStatus::Housekeeping
        })
    }

    fn statuses(&mut self, setting: &str, map: BTreeMap<String, String>) -> BTreeMap<String, BedStatus> {
        map.into_iter().map(|(code, status)| (code, self.status(setting, &status))).collect()
    }

    fn certificate(&mut self, hex: Option<&str>) -> Option<[u8; 32]> {
        let digits = hex?.replace(':', "");
        let byte = |at: usize| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
        let read = bytes.filter(|_| digits.len() == 64).and_then(|bytes| bytes.try_into().ok());
        if read.is_none() {
            self.wrong("certificate", "the SHA-256 of a certificate, 64 hexadecimal digits");
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_defaults_for_all_but_its_names() {
        let senders = Senders::parse("[[sender]]\nname = \"hosp-01\"\nfacility = \"HOSP01\"\n").unwrap();
        let sender = senders.of("ANY", "HOSP01").unwrap();
        assert_eq!((sender.vacated, sender.charset), (BedStatus::Housekeeping, Charset::Ascii));
        assert_eq!(sender.zone.local_minus_utc(), 9 * 3600);
        assert!(senders.of("ANY", "HOSP02").is_none());
    }

    #[test]
    fn the_sender_that_says_more_of_itself_goes_first() {
        let text = "[[sender]]\nname = \"any\"\nfacility = \"H\"\n[[sender]]\nname = \"beds\"\nfacility = \"H\"\napplication = \"BEDS\"\n";
        let senders = Senders::parse(text).unwrap();
        assert_eq!(senders.of("BEDS", "H").unwrap().name, "beds");
        assert_eq!(senders.of("HIS", "H").unwrap().name, "any");
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        let text = "[[sender]]\nname = \"a b\"\nvacated = \"X\"\nfeeds = [\"not an id\"]\ntime_zone = \"JST\"\n\
                    charset = \"ISO IR100\"\ncertificate = \"12\"\n[[sender.location]]\nroom = \"1\"\n";
        let errors = Senders::parse(text).unwrap_err();
        for setting in ["name", "application", "vacated", "feeds", "time_zone", "charset", "certificate", "location"] {
            assert!(errors.iter().any(|error| error.contains(&format!(": {setting}"))), "{setting}: {errors:#?}");
        }
        assert!(Senders::parse("[[sender]]\nname = \"a\"\nfacility = \"H\"\nvacant = \"U\"\n").is_err());
        let twice = "[[sender]]\nname = \"a\"\nfacility = \"H\"\n".repeat(2);
        assert_eq!(Senders::parse(&twice).unwrap_err().len(), 2);
    }
}
