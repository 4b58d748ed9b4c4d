//! `Location/$vacancies`: held against a brute-force reading of the same resources, over random cities and questions.

use std::collections::BTreeSet;

use chrono::{Duration, Utc};
use kakehashi::fhir::json::{Limits, parse};
use serde_json::{Value, json};

use super::city::{CANONICAL, bed, build, coded, extension, facility, ward};
use crate::app::{TestApp, definitions};
use crate::both;
use crate::search_oracle::random::Random;

both!(
    random_questions_find_what_a_reader_of_the_resources_finds,
    what_is_acknowledged_is_seen,
    pages_hold_each_ward_once_whatever_changes,
    the_answer_is_a_valid_searchset,
    a_question_that_cannot_be_read_is_refused,
);

pub const URL: &str = "Location/$vacancies";
const FUNCTIONS: [&str; 3] = ["acute", "comprehensive", "chronic"];
const FEES: [&str; 2] = ["acute-general", "long-term-care"];
const SEXES: [&str; 3] = ["male", "female", "any"];
const CAPABILITIES: [&str; 3] = ["oxygen", "ventilator", "dialysis"];
const SPECIALTIES: [&str; 2] = ["01", "05"];
const CENTRE: (f64, f64) = (34.78, 135.47);

fn pick<'a>(dice: &mut Random, of: &[&'a str]) -> &'a str {
    of[dice.below(of.len())]
}

/// Degrees around the centre: about eleven kilometres each way.
fn aside(dice: &mut Random) -> f64 {
    f64::from(i32::try_from(dice.between(-1_000, 1_000)).unwrap()) / 10_000.0
}

/// A count of free beds, reported `age` minutes ago and believed for an hour.
fn slice(sex: &str, isolation: bool, available: i64, age: i64) -> Value {
    let moment = |minutes: i64| (Utc::now() + Duration::minutes(minutes)).to_rfc3339();
    let sex = json!({"system": format!("{CANONICAL}/CodeSystem/admittable-sex"), "code": sex});
    json!({"url": format!("{CANONICAL}/StructureDefinition/bed-vacancy"), "extension": [
        {"url": "sex", "valueCoding": sex}, {"url": "isolation", "valueBoolean": isolation},
        {"url": "staffed", "valueUnsignedInt": 20}, {"url": "available", "valueUnsignedInt": available},
        {"url": "asOf", "valueInstant": moment(-age)}, {"url": "validUntil", "valueInstant": moment(60 - age)},
        {"url": "source", "valueCode": "manual"}
    ]})
}

/// What the reader knows of a ward: the resource itself, and where its facility is.
struct Known {
    ward: Value,
    city: &'static str,
    municipality: Option<&'static str>,
    position: (f64, f64),
    facility_status: &'static str,
    specialties: BTreeSet<&'static str>,
    slices: Vec<(String, bool, i64, i64)>,
}

fn service(id: &str, at: &str, specialty: &str, active: bool) -> Value {
    json!({"resourceType": "HealthcareService", "id": id, "active": active, "name": "受入れ",
        "providedBy": {"reference": "Organization/someone"},
        "type": [{"coding": [{"system": format!("{CANONICAL}/CodeSystem/service-type"), "code": "acceptance"}]}],
        "specialty": [{"coding": [{"system": "http://jami.jp/SS-MIX2/CodeSystem/ClinicalDepartment", "code": specialty}]}],
        "location": [{"reference": format!("Location/{at}")}]})
}

async fn random_city(app: &TestApp, dice: &mut Random) -> Vec<Known> {
    let organization = json!({"resourceType": "Organization", "id": "someone", "name": "架空病院"});
    app.put("Organization/someone", &organization).await.expect(201);
    let mut known = Vec::new();
    for number in 0..5 {
        let id = format!("f{number}");
        let position = (CENTRE.0 + aside(dice), CENTRE.1 + aside(dice));
        let mut site = facility(&id, position.0, position.1);
        let (city, code) = [("豊中市", "272035"), ("池田市", "272043")][number % 2];
        site["address"]["city"] = json!(city);
        let municipality = (number < 4).then_some(code);
        if let Some(code) = municipality {
            site["address"]["extension"] = json!([extension("municipality", ("valueCode", json!(code)))]);
        }
        let facility_status = if number == 3 { "suspended" } else { "active" };
        site["status"] = json!(facility_status);
        app.put(&format!("Location/{id}"), &site).await.expect(201);
        let specialty = SPECIALTIES[number % 2];
        let active = number != 2;
        app.put(&format!("HealthcareService/s{number}"), &service(&format!("s{number}"), &id, specialty, active))
            .await
            .expect(201);
        for place in 0..4 {
            let ward_id = format!("{id}w{place}");
            let mut one = ward(&ward_id, &id);
            let sex = pick(dice, &SEXES);
            let mut extensions = vec![
                coded("bed-function", pick(dice, &FUNCTIONS)),
                coded("admission-fee", pick(dice, &FEES)),
                coded("admittable-sex", sex),
            ];
            let can = CAPABILITIES.iter().filter(|_| dice.chance(60));
            extensions.extend(can.map(|capability| coded("capability", capability)));
            let mut slices = Vec::new();
            for sex in SEXES {
                for isolation in [false, true] {
                    if dice.chance(30) {
                        // An hour and more ago is too long.
                        let (free, age) = (dice.between(0, 3), *dice.pick(&[5, 20, 40, 70]));
                        extensions.push(slice(sex, isolation, free, age));
                        slices.push((sex.to_owned(), isolation, free, age));
                    }
                }
            }
            one["extension"] = json!(extensions);
            if dice.chance(10) {
                one["status"] = json!("inactive");
            }
            let mut specialties: BTreeSet<&str> = if active { [specialty].into() } else { BTreeSet::new() };
            if place == 3 {
                specialties.insert("19");
                app.put(&format!("Location/{ward_id}"), &one).await.expect(201);
                let own = service(&format!("s{ward_id}"), &ward_id, "19", true);
                app.put(&format!("HealthcareService/s{ward_id}"), &own).await.expect(201);
            } else {
                app.put(&format!("Location/{ward_id}"), &one).await.expect(201);
            }
            known.push(Known { ward: one, city, municipality, position, facility_status, specialties, slices });
        }
    }
    known
}

#[derive(Debug, Default)]
struct Question {
    area: Option<&'static str>,
    radius: Option<f64>,
    functions: Vec<&'static str>,
    fee: Option<&'static str>,
    specialty: Option<&'static str>,
    sex: Option<&'static str>,
    isolation: Option<bool>,
    capabilities: Vec<&'static str>,
    minimum: Option<i64>,
    max_age: Option<i64>,
    stale: bool,
}

impl Question {
    fn draw(dice: &mut Random) -> Question {
        let mut some = |percent: usize| dice.chance(percent);
        let which = [some(30), some(40), some(40), some(20), some(30), some(50), some(30), some(30), some(30)];
        let [area, near, function, fee, specialty, sex, isolation, capability, minimum] = which;
        let (age, stale) = (some(30), some(40));
        Question {
            area: area.then(|| pick(dice, &["272035", "272043", "豊中市"])),
            radius: near.then(|| f64::from(i32::try_from(dice.between(2, 13)).unwrap())),
            functions: if function { vec![pick(dice, &FUNCTIONS), pick(dice, &FUNCTIONS)] } else { Vec::new() },
            fee: fee.then(|| pick(dice, &FEES)),
            specialty: specialty.then(|| pick(dice, &["01", "05", "19"])),
            sex: sex.then(|| pick(dice, &SEXES)),
            isolation: isolation.then(|| dice.chance(50)),
            capabilities: if capability {
                vec![pick(dice, &CAPABILITIES), pick(dice, &CAPABILITIES)]
            } else {
                Vec::new()
            },
            minimum: minimum.then(|| dice.between(0, 4)),
            max_age: age.then(|| *dice.pick(&[10, 30, 50])),
            stale,
        }
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let mut add = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        add("area", self.area.map(str::to_owned));
        add("near", self.radius.map(|radius| format!("{}|{}|{radius}|km", CENTRE.0, CENTRE.1)));
        add("function", Some(self.functions.join(",")).filter(|text| !text.is_empty()));
        add("fee", self.fee.map(str::to_owned));
        add("specialty", self.specialty.map(str::to_owned));
        add("sex", self.sex.map(str::to_owned));
        add("isolation", self.isolation.map(|isolation| isolation.to_string()));
        self.capabilities.iter().for_each(|capability| add("capability", Some((*capability).to_owned())));
        add("minimum", self.minimum.map(|minimum| minimum.to_string()));
        add("max-age", self.max_age.map(|age| age.to_string()));
        add("stale", self.stale.then(|| "true".to_owned()));
        pairs
    }

    /// Whether the match says what each of the question's codes met.
    fn is_explained_by(&self, entry: &Value) -> bool {
        let told = matched(entry);
        let says = |input: &str, any_of: &[&str]| {
            let told: Vec<&str> = told.iter().filter_map(|one| one.strip_prefix(input)?.strip_prefix('=')).collect();
            any_of.is_empty() == told.is_empty() && told.iter().all(|value| any_of.contains(value))
        };
        let own: Vec<&str> = self.area.map(|area| vec![area]).unwrap_or_default();
        let sexes: Vec<&str> = self.sex.map(|sex| vec![sex, "any"]).unwrap_or_default();
        let free = part(entry, "available").as_i64().is_some_and(|free| free > 0);
        says("area", &own)
            && says("function", &self.functions)
            && says("fee", &self.fee.map(|fee| vec![fee]).unwrap_or_default())
            && says("capability", &self.capabilities)
            && (self.specialty.is_some() == told.iter().any(|one| one.starts_with("specialty=Location/")))
            && (!free || says("sex", &sexes))
    }

    /// The number of free beds that suit; `Some(None)`: it suits, and nobody knows.
    fn judge(&self, known: &Known) -> Option<Option<i64>> {
        let has = |name: &str, code: &str| {
            let url = format!("{CANONICAL}/StructureDefinition/{name}");
            let own = known.ward["extension"].as_array().unwrap();
            own.iter().any(|extension| extension["url"] == url.as_str() && extension["valueCoding"]["code"] == code)
        };
        let in_area = |area: &str| known.municipality == Some(area) || known.city == area;
        let suits = known.ward["status"] == "active"
            && known.facility_status == "active"
            && self.area.is_none_or(in_area)
            && self.radius.is_none_or(|radius| kilometres(known.position) <= radius)
            && (self.functions.is_empty() || self.functions.iter().any(|code| has("bed-function", code)))
            && self.fee.is_none_or(|fee| has("admission-fee", fee))
            && self.specialty.is_none_or(|specialty| known.specialties.contains(specialty))
            && self.capabilities.iter().all(|capability| has("capability", capability));
        if !suits {
            return None;
        }
        let (mut free, mut is_known, mut is_unknown) = (0, false, false);
        for (sex, isolation, available, age) in &known.slices {
            let for_patient = self.sex.is_none_or(|wanted| sex == "any" || sex == wanted);
            if !for_patient || self.isolation.is_some_and(|wanted| wanted != *isolation) {
                continue;
            }
            if *age < 60 && self.max_age.is_none_or(|most| *age <= most) {
                (free, is_known) = (free + available, true);
            } else {
                is_unknown = true;
            }
        }
        if is_known && free >= self.minimum.unwrap_or(1) {
            return Some(Some(free));
        }
        let whom = |sex: &str| has("admittable-sex", sex);
        let silent = known.slices.is_empty() && self.sex.is_none_or(|wanted| whom("any") || whom(wanted));
        (self.stale && (is_unknown || silent)).then_some(None)
    }
}

/// By the haversine, as nothing else here does.
fn kilometres((latitude, longitude): (f64, f64)) -> f64 {
    let (from, to) = (CENTRE.0.to_radians(), latitude.to_radians());
    let (north, east) = ((to - from) / 2.0, (longitude - CENTRE.1).to_radians() / 2.0);
    let half = north.sin().powi(2) + from.cos() * to.cos() * east.sin().powi(2);
    2.0 * 6_371.008_8 * half.sqrt().asin()
}

fn query(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", value.replace('|', "%7C"))).collect();
    format!("{URL}?{}", pairs.join("&"))
}

pub fn matches(bundle: &Value) -> Vec<&Value> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.filter(|entry| entry["search"]["mode"] == "match").collect()
}

fn ids(bundle: &Value) -> Vec<String> {
    matches(bundle).iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

/// A part of the extension `vacancy-match`.
pub fn part(entry: &Value, name: &str) -> Value {
    let extensions = entry["search"]["extension"].as_array().unwrap();
    let why = extensions.iter().find(|extension| extension["url"].as_str().unwrap().ends_with("/vacancy-match"));
    let parts = why.unwrap()["extension"].as_array().unwrap();
    let found = parts.iter().find(|part| part["url"] == name).and_then(Value::as_object);
    let value = found.and_then(|part| part.iter().find(|(name, _)| name.starts_with("value")));
    value.map_or(Value::Null, |(_, value)| value.clone())
}

fn matched(entry: &Value) -> Vec<String> {
    let extensions = entry["search"]["extension"].as_array().unwrap().iter();
    let parts = extensions.flat_map(|extension| extension["extension"].as_array().into_iter().flatten());
    let told = parts.filter(|part| part["url"] == "matched");
    told.map(|part| part["valueString"].as_str().unwrap().to_owned()).collect()
}

async fn random_questions_find_what_a_reader_of_the_resources_finds(app: &TestApp) {
    let mut dice = Random::new(20_261_128);
    let city = random_city(app, &mut dice).await;
    let mut found_any = 0;
    for number in 0..150 {
        let question = Question::draw(&mut dice);
        let mut pairs = question.pairs();
        let sort = ["suitability", "distance", "freshness"][number % if question.radius.is_some() { 3 } else { 1 }];
        pairs.push(("sort", sort.to_owned()));
        let bundle = if number % 3 == 0 {
            let parameter = |(name, value): &(&str, String)| json!({"name": name, "valueString": value});
            let parameters: Vec<Value> = pairs.iter().map(parameter).collect();
            app.post(URL, &json!({"resourceType": "Parameters", "parameter": parameters})).await.expect(200)
        } else {
            app.get(&query(&pairs)).await.expect(200)
        };
        let mut expected: Vec<(String, Option<i64>)> = city
            .iter()
            .filter_map(|known| Some((known.ward["id"].as_str().unwrap().to_owned(), question.judge(known)?)))
            .collect();
        let mut found: Vec<(String, Option<i64>)> = matches(&bundle)
            .iter()
            .map(|entry| (entry["resource"]["id"].as_str().unwrap().to_owned(), part(entry, "available").as_i64()))
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{question:?}");
        assert_eq!(bundle["total"], expected.len());
        found_any += expected.len();
        let unexplained = matches(&bundle).into_iter().find(|entry| !question.is_explained_by(entry));
        assert!(unexplained.is_none(), "{question:?}: {unexplained:?}");
        in_order(&bundle, sort);
        totals_agree(&bundle);
    }
    assert!(found_any > 150, "questions that find nothing show nothing: {found_any}");
}

fn in_order(bundle: &Value, sort: &str) {
    let value = |entry: &&Value| match sort {
        "suitability" => -entry["search"]["score"].as_f64().unwrap(),
        "distance" => entry["search"]["extension"][0]["valueDistance"]["value"].as_f64().unwrap(),
        _ => {
            let as_of = part(entry, "asOf");
            let moment = as_of.as_str().map(|text| chrono::DateTime::parse_from_rfc3339(text).unwrap());
            -moment.map_or(0.0, |moment| moment.timestamp() as f64)
        }
    };
    let values: Vec<f64> = matches(bundle).iter().map(value).collect();
    assert!(values.is_sorted(), "{sort}: {values:?}");
}

fn totals_agree(bundle: &Value) {
    let entries = bundle["entry"].as_array().unwrap();
    let outcome = entries.iter().find(|entry| entry["search"]["mode"] == "outcome").unwrap();
    for code in FUNCTIONS {
        let has = |entry: &&&Value| entry["resource"]["extension"][0]["valueCoding"]["code"] == code;
        let all = matches(bundle);
        let of_it: Vec<_> = all.iter().filter(has).collect();
        let free: i64 = of_it.iter().filter_map(|entry| part(entry, "available").as_i64()).sum();
        let unknown = of_it.iter().filter(|entry| part(entry, "available").is_null()).count();
        let issues = outcome["resource"]["issue"].as_array().unwrap();
        let issue = issues.iter().find(|issue| issue["details"]["coding"][0]["code"] == code);
        let numbers = format!("wards={} available={free} unknown={unknown}", of_it.len());
        match issue {
            Some(issue) => assert_eq!(issue["diagnostics"], numbers.as_str()),
            None => assert!(of_it.is_empty(), "{code}"),
        }
    }
}

async fn what_is_acknowledged_is_seen(app: &TestApp) {
    build(app, &["O", "O"]).await;
    let free = async || ids(&app.get(URL).await.expect(200));
    assert!(free().await.is_empty());
    app.put("Location/b0", &bed("b0", "w", "U", None)).await.expect(200);
    let bundle = app.get(URL).await.expect(200);
    assert_eq!((ids(&bundle), part(matches(&bundle)[0], "available")), (vec!["w".to_owned()], json!(1)));
    let counts = matches(&bundle)[0]["resource"].to_string();
    assert!(counts.contains("derived"), "the counts of this moment are laid over the ward");
    // A facility that is moved, a ward that goes out of use and comes back, a service: all at once.
    let near = format!("{URL}?near=35.5|135.47|5|km");
    assert!(ids(&app.get(&near).await.expect(200)).is_empty());
    app.put("Location/f", &facility("f", 35.5, 135.47)).await.expect(200);
    assert_eq!(ids(&app.get(&near).await.expect(200)), ["w"]);
    let mut closed = ward("w", "f");
    closed["status"] = json!("inactive");
    app.put("Location/w", &closed).await.expect(200);
    assert!(free().await.is_empty());
    app.put("Location/w", &ward("w", "f")).await.expect(200);
    assert_eq!(free().await, ["w"]);
    // Another gateway on the same database sees the same, and what it writes is seen here.
    let beside = app.beside("enforce", "").await;
    assert_eq!(ids(&beside.get(URL).await.expect(200)), ["w"]);
    beside.put("Location/b0", &bed("b0", "w", "H", None)).await.expect(200);
    assert!(free().await.is_empty());
    beside.put("Location/b1", &bed("b1", "w", "U", None)).await.expect(200);
    assert_eq!(free().await, ["w"]);
    for id in ["b0", "b1", "w"] {
        app.delete(&format!("Location/{id}")).await.expect(204);
    }
    assert!(free().await.is_empty(), "a ward that is gone");
    assert!(ids(&beside.get(&format!("{URL}?stale=true")).await.expect(200)).is_empty());
    app.put("Location/w", &ward("w", "f")).await.expect(201);
    app.put("Location/b1", &bed("b1", "w", "U", None)).await.expect(201);
    assert_eq!(ids(&beside.get(URL).await.expect(200)), ["w"], "and comes back");
}

async fn pages_hold_each_ward_once_whatever_changes(app: &TestApp) {
    build(app, &[]).await;
    let count = |number: i64| {
        let mut one = ward(&format!("p{number}"), "f");
        let own = one["extension"].as_array_mut().unwrap();
        own.push(slice("any", false, 1 + number % 5, number % 50));
        one
    };
    for number in 0..25 {
        app.put(&format!("Location/p{number}"), &count(number)).await.expect(201);
    }
    let (mut seen, mut next) = (Vec::new(), format!("{URL}?_count=4"));
    for page in 0..10 {
        let bundle = app.get(&next).await.expect(200);
        assert_eq!(bundle["total"], 25);
        seen.extend(ids(&bundle));
        // What was on the first page becomes the worst, what is to come the best.
        let (first, fresh) = (seen[0].clone(), slice("any", false, 9, 0));
        let mut better = ward(&first, "f");
        better["extension"].as_array_mut().unwrap().push(fresh);
        app.put(&format!("Location/{first}"), &better).await.expect(200);
        let links = bundle["link"].as_array().unwrap();
        let Some(link) = links.iter().find(|link| link["relation"] == "next") else {
            assert_eq!(page, 6);
            break;
        };
        let url = link["url"].as_str().unwrap();
        assert!(!url.contains("sort"), "sealed: {url}");
        next = url.strip_prefix(&format!("{}/", app.base)).unwrap().to_owned();
    }
    let all: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), all.len()), (25, 25));
    app.get(&format!("{next}&sex=male")).await.expect_refusal(400);
    app.get(&next.replace("_cursor=", "_cursor=x")).await.expect_refusal(400);
}

async fn the_answer_is_a_valid_searchset(app: &TestApp) {
    build(app, &["U", "O"]).await;
    app.put("HealthcareService/s", &service("s", "f", "01", true)).await.expect(201);
    app.put("Location/p", &{
        let mut stale = ward("p", "f");
        stale["extension"].as_array_mut().unwrap().push(slice("any", false, 3, 90));
        stale
    })
    .await
    .expect(201);
    let answer = app.get(&format!("{URL}?near=34.78|135.47|5|km&stale=true&max-age=2|h")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let tree = parse(answer.text.as_bytes(), Limits::default()).unwrap();
    let errors: Vec<_> = definitions().validate(&tree).into_iter().filter(|issue| issue.is_error()).collect();
    assert_eq!(errors, []);
    for (from, to) in [
        ("{\"url\":\"known\",\"valueBoolean\":true}", "{\"url\":\"known\",\"valueString\":\"true\"}"),
        (",{\"url\":\"known\",\"valueBoolean\":true}", ""),
        ("{\"url\":\"available\",", "{\"url\":\"other\","),
    ] {
        let broken = answer.text.replacen(from, to, 1);
        assert_ne!(broken, answer.text, "{from}");
        let tree = parse(broken.as_bytes(), Limits::default()).unwrap();
        assert!(definitions().validate(&tree).iter().any(|issue| issue.is_error()), "{from}");
    }
    let bundle = answer.json();
    assert_eq!(ids(&bundle), ["w", "p"], "unknown ones come last");
    assert_eq!(part(matches(&bundle)[1], "known"), false);
    let entries = bundle["entry"].as_array().unwrap();
    let with = |mode: &str| {
        let of_mode = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
        of_mode.map(|entry| entry["resource"]["resourceType"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(with("include"), ["Location", "HealthcareService"]);
    assert_eq!(with("outcome"), ["OperationOutcome"]);
}

async fn a_question_that_cannot_be_read_is_refused(app: &TestApp) {
    for bad in [
        "function=acut",
        "fee=none",
        "sex=woman",
        "capability=oxygen,none",
        "function=http://example.org|acute",
        "near=here",
        "isolation=yes",
        "minimum=-1",
        "max-age=2|weeks",
        "sort=beauty",
        "sort=distance",
        "sex=male&sex=female",
        "colour=red",
        "_count=-1",
    ] {
        app.get(&format!("{URL}?{bad}")).await.expect_refusal(400);
    }
    assert_eq!(app.request("PUT", URL).json(&json!({})).send().await.status, 405);
}
