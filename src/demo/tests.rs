//! What the generator promises, checked on the resources it gives.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{Plan, bed_reports, heartbeat, region};
use crate::fhir::json::{Json, check_fhir_rules, to_compact};

const EXTENSION: &str = "https://kakehashi.example/fhir/StructureDefinition/";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

/// A region small enough to be made many times, with every story in it.
fn small() -> Plan {
    Plan { facilities: 20, beds: 600, wards: 40, clinics: 20, patients: 80, referrals: 400, ..Plan::default() }
}

fn key(resource: &Json) -> String {
    format!("{}/{}", resource.get_str("resourceType").unwrap(), resource.get_str("id").unwrap())
}

fn counts(resources: impl Iterator<Item = Json>) -> BTreeMap<String, usize> {
    resources.fold(BTreeMap::new(), |mut counts, resource| {
        let kind = match (resource.get_str("resourceType"), resource.pointer("/physicalType/coding/0/code")) {
            (Some("Location"), Some(Json::String(code))) => format!("Location {code}"),
            (kind, _) => kind.unwrap().to_owned(),
        };
        *counts.entry(kind).or_default() += 1;
        counts
    })
}

#[test]
fn the_demo_region_has_what_the_plan_says() {
    let counts = counts(region(&Plan::default(), now()));
    assert_eq!(counts["Location bd"], 4_000);
    assert_eq!(counts["Location wa"], 100);
    assert_eq!(counts["Location si"], 170);
    assert_eq!(counts["Location area"], 7);
    assert_eq!(counts["Organization"], 5 + 20 + 150 + 30 + 40 + 40 + 10);
    assert_eq!(counts["HealthcareService"], 170);
    assert_eq!(counts["CareTeam"], 3_008);
    assert_eq!(counts["Patient"], 3_000);
    assert_eq!(counts["Consent"], 3_000);
    assert_eq!(counts["ServiceRequest"], 600);
    assert_eq!(counts["Practitioner"], counts["PractitionerRole"]);
}

#[test]
fn the_same_seed_gives_the_same_region_and_another_one_another() {
    let texts = |plan: Plan| region(&plan, now()).map(|resource| to_compact(&resource)).collect::<Vec<_>>();
    assert_eq!(texts(small()), texts(small()));
    assert_ne!(texts(small()), texts(Plan { seed: 7, ..small() }));
    let beats = |seed| heartbeat(&Plan { seed, ..small() }, now(), 3).iter().map(to_compact).collect::<Vec<_>>();
    assert_eq!(beats(1), beats(1));
    assert_ne!(beats(1), beats(2));
}

#[test]
fn whatever_is_referred_to_stands_before() {
    let mut seen = HashSet::new();
    for resource in region(&small(), now()) {
        for reference in references(&resource) {
            assert!(seen.contains(&reference), "{} refers to {reference}, which has not come yet", key(&resource));
        }
        assert!(seen.insert(key(&resource)), "{} comes twice", key(&resource));
    }
}

fn references(node: &Json) -> Vec<String> {
    match node {
        Json::Object(object) => object
            .iter()
            .flat_map(|(key, value)| match (key, value) {
                ("reference", Json::String(target)) => vec![target.clone()],
                _ => references(value),
            })
            .collect(),
        Json::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn positions_lie_in_the_city() {
    let within = |node: Option<&Json>, low: f64, high: f64| {
        let degrees: f64 = node.unwrap().as_number().unwrap().as_str().parse().unwrap();
        assert!((low..high).contains(&degrees), "{degrees}");
    };
    for position in region(&small(), now()).filter_map(|it| it.get("position").cloned()) {
        within(position.get("latitude"), 34.75, 34.83);
        within(position.get("longitude"), 135.44, 135.51);
    }
}

#[test]
fn every_resource_keeps_the_rules_of_fhir_json_and_of_ids() {
    for resource in region(&small(), now()) {
        assert_eq!(check_fhir_rules(&resource), [], "{}", key(&resource));
        let id = resource.get_str("id").unwrap();
        let fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && id.len() <= 64;
        assert!(fits, "{id} is not a FHIR id");
    }
}

#[test]
fn a_large_region_streams() {
    let plan = Plan { patients: 0, clinics: 0, pharmacies: 0, ..Plan::scaled(540, 100_000) };
    let beds = region(&plan, now()).filter(|resource| resource.get("operationalStatus").is_some()).count();
    assert_eq!(beds, 100_000);
}

#[test]
fn the_stream_starts_at_once_even_for_a_country() {
    let mut country = region(&Plan::scaled(8_122, 1_500_000), now());
    assert!(country.by_ref().take(500).count() == 500);
}

#[test]
fn a_plan_of_nothing_still_makes_a_region() {
    let nothing = Plan { facilities: 0, beds: 0, wards: 0, clinics: 0, patients: 0, ..Plan::default() };
    let counts = counts(region(&nothing, now()));
    assert_eq!((counts["Location bd"], counts["Location wa"]), (1, 1));
    assert!(!counts.contains_key("ServiceRequest"), "without patients there is no one to ask for");
}

/// Occupied, reserved, blocked, available by sex and isolation.
type Slices = BTreeMap<(String, bool), [i64; 4]>;

/// Resources as a gateway would hold them: the last one said.
#[derive(Default)]
struct Held(HashMap<String, Json>);

impl Held {
    fn take(&mut self, resources: impl IntoIterator<Item = Json>) {
        self.0.extend(resources.into_iter().map(|resource| (key(&resource), resource)));
    }

    fn located(&self, code: &str) -> impl Iterator<Item = &Json> {
        self.0.values().filter(move |it| it.pointer("/physicalType/coding/0/code") == Some(&Json::from(code)))
    }

    /// The places that accepted tasks keep, by bed or ward.
    fn kept(&self) -> Vec<&str> {
        let accepted = self.0.values().filter(|it| it.get_str("resourceType") == Some("Task"));
        let accepted =
            accepted.filter(|it| it.get_str("status") == Some("accepted") && it.get("businessStatus").is_none());
        accepted.filter_map(|task| task.pointer("/location/reference")?.as_str()).collect()
    }

    /// The counts of DOMAIN §3, from the beds.
    fn counted(&self, ward: &str) -> Slices {
        let kept = self.kept();
        let mut slices = Slices::new();
        let beds = self.located("bd").filter(|bed| bed.pointer("/partOf/reference") == Some(&Json::from(ward)));
        for bed in beds {
            let sex = extension(bed, "admittable-sex").unwrap().pointer("/valueCoding/code").unwrap();
            let isolation = extension(bed, "isolation").unwrap().get("valueBoolean").unwrap();
            let slice = (sex.as_str().unwrap().to_owned(), isolation.as_bool().unwrap());
            let at = match bed.pointer("/operationalStatus/code").unwrap().as_str().unwrap() {
                "O" => Some(0),
                "U" if kept.contains(&key(bed).as_str()) => Some(1),
                "U" => Some(3),
                "C" => None,
                _ => Some(2),
            };
            let counts = slices.entry(slice).or_default();
            at.into_iter().for_each(|at| counts[at] += 1);
        }
        slices
    }

    fn stated(ward: &Json) -> Slices {
        let vacancies =
            ward.items("extension").iter().filter(|it| it.get_str("url") == Some(&format!("{EXTENSION}bed-vacancy")));
        vacancies
            .map(|vacancy| {
                let part = |name| vacancy.items("extension").iter().find(|it| it.get_str("url") == Some(name)).unwrap();
                let number = |name| part(name).get("valueUnsignedInt").unwrap().as_number().unwrap().as_i64().unwrap();
                let sex = part("sex").pointer("/valueCoding/code").unwrap().as_str().unwrap().to_owned();
                let counts = ["occupied", "reserved", "blocked", "available"].map(number);
                assert_eq!(counts.iter().sum::<i64>(), number("staffed"));
                ((sex, part("isolation").get("valueBoolean").unwrap().as_bool().unwrap()), counts)
            })
            .collect()
    }

    fn assert_wards_count_their_beds(&self) {
        let kept_wards = self.kept();
        for ward in self.located("wa") {
            let (mut counted, stated) = (self.counted(&key(ward)), Self::stated(ward));
            if kept_wards.contains(&key(ward).as_str()) {
                // A held ward keeps a bed of the patient's sex: take it from where the ward says so.
                let slice = stated.iter().find(|(_, counts)| counts[1] == 1).unwrap().0;
                let counts = counted.get_mut(slice).unwrap();
                (counts[1], counts[3]) = (1, counts[3] - 1);
            }
            assert_eq!(counted, stated, "{}", key(ward));
        }
    }
}

fn extension<'a>(resource: &'a Json, name: &str) -> Option<&'a Json> {
    resource.items("extension").iter().find(|it| it.get_str("url") == Some(&format!("{EXTENSION}{name}")))
}

#[test]
fn wards_count_their_beds_from_the_first_tick_to_the_last() {
    let mut held = Held::default();
    held.take(region(&small(), now()));
    assert!(held.kept().iter().any(|place| place.contains("-b")), "some beds are kept");
    assert!(held.kept().iter().any(|place| !place.contains("-b")), "some wards are kept");
    held.assert_wards_count_their_beds();
    for tick in 1..30 {
        held.take(heartbeat(&small(), now(), tick));
    }
    held.assert_wards_count_their_beds();
    held.take(bed_reports(&small(), now(), 400));
    held.take(heartbeat(&small(), now(), 400));
    held.assert_wards_count_their_beds();
}

#[test]
fn a_tick_changes_a_few_beds_and_leaves_the_silent_facility_alone() {
    let plan = Plan::default();
    let tick = counts(heartbeat(&plan, now(), 1).into_iter());
    assert!((10..150).contains(&tick["Location bd"]), "{tick:?}");
    assert!((95..100).contains(&tick["Location wa"]), "{tick:?}");
    assert!((3_900..4_000).contains(&bed_reports(&plan, now(), 1).count()));
}

#[test]
fn the_statuses_of_beds_are_plausible() {
    let beds = region(&Plan::default(), now()).filter_map(|it| it.pointer("/operationalStatus/code").cloned());
    let mut shares = BTreeMap::<String, usize>::new();
    beds.for_each(|status| *shares.entry(status.as_str().unwrap().to_owned()).or_default() += 1);
    assert!((3_000..3_500).contains(&shares["O"]), "{shares:?}");
    assert!((300..800).contains(&shares["U"]), "{shares:?}");
    assert_eq!(shares.keys().map(String::as_str).collect::<Vec<_>>(), ["C", "H", "I", "K", "O", "U"]);
}

#[test]
fn requests_of_every_category_are_in_every_state() {
    let mut requests = BTreeSet::new();
    let mut tasks = BTreeSet::new();
    for resource in region(&Plan::default(), now()) {
        let status = resource.get_str("status").unwrap_or_default().to_owned();
        match resource.get_str("resourceType") {
            Some("ServiceRequest") => {
                let category = resource.pointer("/category/0/coding/0/code").unwrap().as_str().unwrap();
                requests.insert((category.to_owned(), status));
            }
            Some("Task") => {
                let reason = resource.pointer("/statusReason/coding/0/code").and_then(Json::as_str).unwrap_or_default();
                let why = matches!(status.as_str(), "rejected" | "cancelled" | "failed");
                assert_eq!(why, !reason.is_empty(), "{} says why, if and only if it must", key(&resource));
                tasks.insert(status);
            }
            _ => {}
        }
    }
    assert_eq!(requests.len(), 9 * 6, "nine categories in six states: {requests:?}");
    let expected =
        ["accepted", "cancelled", "completed", "draft", "entered-in-error", "failed", "in-progress", "on-hold"];
    assert!(expected.iter().all(|status| tasks.contains(*status)), "{tasks:?}");
    assert!(["received", "rejected", "requested"].iter().all(|status| tasks.contains(*status)), "{tasks:?}");
}

#[test]
fn times_of_tasks_follow_each_other() {
    let time = |node: Option<&Json>| DateTime::parse_from_rfc3339(node.unwrap().as_str().unwrap()).unwrap();
    let mut unanswered = 0;
    for task in region(&Plan::default(), now()).filter(|it| it.get_str("resourceType") == Some("Task")) {
        let (written, changed) = (time(task.get("authoredOn")), time(task.get("lastModified")));
        assert!(written <= changed && changed <= now(), "{}", key(&task));
        let answer_by = time(extension(&task, "answer-by").unwrap().get("valueDateTime"));
        if matches!(task.get_str("status"), Some("requested" | "received")) {
            assert!(answer_by > now(), "{} can still be answered", key(&task));
            unanswered += 1;
        }
        let hold = extension(&task, "hold-until").map(|hold| time(hold.get("valueDateTime")) > now());
        assert_ne!(hold, Some(task.get("businessStatus").is_some()), "{} stands or has run out", key(&task));
    }
    assert!(unanswered > 50);
}
