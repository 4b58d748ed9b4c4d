//! Random queries over the parameters that the server lists, mostly with values that some resource has.

use std::collections::BTreeMap;

use kakehashi::fhir::json::Json;
use kakehashi::profile::SearchKind;

use super::judge::{Target, centre, dates, labels, metres, of_types, position, quantity, radius, strings, tokens};
use super::random::Random;
use super::text::escaped;
use super::world::{Element, Parameter, World};

/// Characters of a text that are asked for, at most: more than an index holds of it, less than a query may have.
const LONGEST: usize = 300;

const PREFIXES: [&str; 12] = ["", "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];

/// The codes that are listed for each type.
pub type Listed = BTreeMap<String, Vec<String>>;

#[derive(Clone, Debug)]
pub struct Query {
    pub rtype: String,
    pub criteria: Vec<(String, String)>,
    /// Code, and whether it descends.
    pub sort: Vec<(String, bool)>,
    pub count: usize,
}

pub struct Asker<'a> {
    pub random: &'a mut Random,
    pub world: &'a World,
    pub listed: &'a Listed,
}

impl Asker<'_> {
    pub fn query(&mut self) -> Query {
        let types: Vec<&String> = self.listed.keys().collect();
        let rtype = (*self.random.pick(&types)).clone();
        let number = *self.random.pick(&[1, 1, 1, 2, 2, 3]);
        let criteria: Vec<_> = (0..number).map(|_| self.criterion(&rtype, 0)).collect();
        let sort = if self.random.chance(50) { self.sort(&rtype, &criteria) } else { Vec::new() };
        Query { rtype, criteria, sort, count: *self.random.pick(&[1, 2, 3, 7, 20, 100, 100]) }
    }

    fn criterion(&mut self, rtype: &str, depth: usize) -> (String, String) {
        if depth < 3 {
            let joined = match self.random.below(if depth == 0 { 7 } else { 4 }) {
                0 => self.chain(rtype, depth),
                1 => self.has(rtype, depth),
                _ => None,
            };
            if let Some(joined) = joined {
                return joined;
            }
        }
        if self.random.chance(6) {
            return self.of_every_type(rtype);
        }
        let mut code = self.random.pick(&self.listed[rtype]).clone();
        for _ in 0..4 {
            if self.samples(rtype, &code).is_empty() {
                code = self.random.pick(&self.listed[rtype]).clone();
            }
        }
        self.plain(rtype, &code)
    }

    fn of_every_type(&mut self, rtype: &str) -> (String, String) {
        let all: Vec<(String, i64)> = self.world.of(rtype).map(|found| (found.id.clone(), found.updated)).collect();
        if all.is_empty() || self.random.chance(50) {
            let ids: Vec<String> = all.into_iter().map(|(id, _)| id).chain(["none".to_owned()]).collect();
            let asked = [self.random.pick(&ids).clone(), self.random.pick(&ids).clone()].join(",");
            return ("_id".to_owned(), asked);
        }
        let moment = kakehashi::fhir::instant::Instant(self.random.pick(&all).1).to_fhir();
        let prefix = self.random.word(&["", "ge", "gt", "lt", "le", "ne", "sa", "eb"]);
        ("_lastUpdated".to_owned(), format!("{prefix}{moment}"))
    }

    fn references(&self, rtype: &str) -> Vec<&Parameter> {
        let known = |code: &String| self.world.parameter(rtype, code).filter(|one| one.kind == SearchKind::Reference);
        self.listed[rtype].iter().filter_map(known).collect()
    }

    fn chain(&mut self, rtype: &str, depth: usize) -> Option<(String, String)> {
        let world = self.world;
        let leading: Vec<(String, String)> = self
            .references(rtype)
            .iter()
            .flat_map(|parameter| {
                let local =
                    |target: &&Target| matches!(target, Target::Local { rtype, .. } if self.listed.contains_key(rtype));
                let all = world.of(rtype).flat_map(|resource| world.targets(resource, &parameter.code));
                let all: Vec<Target> = all.collect();
                let to = |target: &Target| match target {
                    Target::Local { rtype, .. } if parameter.targets.contains(rtype) => {
                        Some((parameter.code.clone(), rtype.clone()))
                    }
                    _ => None,
                };
                all.iter().filter(local).filter_map(to).collect::<Vec<_>>()
            })
            .collect();
        if leading.is_empty() {
            return None;
        }
        let (code, target) = self.random.pick(&leading).clone();
        let (rest, value) = self.criterion(&target, depth + 1);
        let untyped = self.random.chance(25)
            && !rest.starts_with("_has")
            && self.is_same_everywhere(rtype, &code, &target, &rest);
        Some((if untyped { format!("{code}.{rest}") } else { format!("{code}:{target}.{rest}") }, value))
    }

    /// A chain that names no type asks all types that the reference may have: what is a fit value for one must be for all.
    fn is_same_everywhere(&self, rtype: &str, code: &str, target: &str, rest: &str) -> bool {
        let plain = rest.split([':', '.']).next().unwrap_or_default();
        let kind = |rtype: &str| self.world.parameter(rtype, plain).map(|parameter| parameter.kind);
        let targets = &self.world.parameter(rtype, code).unwrap().targets;
        !rest.contains('.')
            && targets.iter().all(|other| kind(other).is_none() || kind(other) == kind(target))
            && !rest.contains(':')
    }

    fn has(&mut self, rtype: &str, depth: usize) -> Option<(String, String)> {
        let mut sources: Vec<(String, String)> = Vec::new();
        for source in self.listed.keys() {
            let pointing = self.references(source).into_iter().filter(|parameter| {
                parameter.targets.iter().any(|target| target == rtype)
                    && self.world.of(source).any(|resource| !self.world.targets(resource, &parameter.code).is_empty())
            });
            sources.extend(pointing.map(|parameter| (source.clone(), parameter.code.clone())));
        }
        if sources.is_empty() {
            return None;
        }
        let (source, code) = self.random.pick(&sources).clone();
        let (rest, value) = self.criterion(&source, depth + 1);
        Some((format!("_has:{source}:{code}:{rest}"), value))
    }

    fn samples(&self, rtype: &str, code: &str) -> Vec<Element> {
        self.world.of(rtype).flat_map(|resource| self.world.elements(resource, code)).cloned().collect()
    }

    fn plain(&mut self, rtype: &str, code: &str) -> (String, String) {
        let parameter = self.world.parameter(rtype, code).unwrap();
        if self.random.chance(8) && parameter.kind != SearchKind::Composite {
            return (format!("{code}:missing"), self.random.word(&["true", "false"]));
        }
        let samples = self.samples(rtype, code);
        let modifier = self.modifier(rtype, parameter, &samples);
        let number = *self.random.pick(&[1, 1, 1, 2, 3]);
        let values: Vec<String> = (0..number).map(|_| self.value(rtype, parameter, &modifier, &samples)).collect();
        let name = if modifier.is_empty() { code.to_owned() } else { format!("{code}:{modifier}") };
        (name, values.join(","))
    }

    fn modifier(&mut self, rtype: &str, parameter: &Parameter, samples: &[Element]) -> String {
        let possible: Vec<&str> = match parameter.kind {
            SearchKind::String => vec!["", "", "exact", "contains"],
            SearchKind::Token => {
                let mut possible = vec!["", "", "", "not"];
                if samples.iter().any(|element| !labels(element).is_empty()) {
                    possible.push("text");
                }
                if samples.iter().any(|element| !of_types(element).is_empty()) {
                    possible.push("of-type");
                }
                possible
            }
            SearchKind::Reference => {
                let mut possible = vec!["", "", "", "type"];
                if samples.iter().any(|element| element.json.get("identifier").is_some()) {
                    possible.push("identifier");
                }
                let climbing =
                    ["Location", "Organization"].iter().any(|kind| parameter.targets.contains(&(*kind).to_owned()));
                if climbing && rtype != "Measure" {
                    possible.extend(["below", "above"]);
                }
                possible
            }
            SearchKind::Uri => vec!["", "", "below", "above"],
            _ => vec![""],
        };
        let modifier = self.random.word(&possible);
        let served: Vec<&String> = parameter.targets.iter().filter(|kind| self.listed.contains_key(*kind)).collect();
        match modifier.as_str() {
            "type" if served.is_empty() => String::new(),
            "type" => (*self.random.pick(&served)).clone(),
            _ => modifier,
        }
    }

    fn value(&mut self, rtype: &str, parameter: &Parameter, modifier: &str, samples: &[Element]) -> String {
        let element = if samples.is_empty() { None } else { Some(self.random.pick(samples).clone()) };
        match parameter.code.as_str() {
            "vacancy" => {
                let sex = self.random.word(&[
                    "male",
                    "female",
                    "any",
                    "https://kakehashi.example/fhir/CodeSystem/admittable-sex|any",
                    "urn:x|any",
                ]);
                return format!("{sex}${}", self.count());
            }
            "available" => return self.count(),
            _ => {}
        }
        match parameter.kind {
            SearchKind::String => self.string(element.as_ref().map(strings).unwrap_or_default()),
            SearchKind::Token if modifier == "text" => self.string(samples.iter().flat_map(labels).collect()),
            SearchKind::Token if modifier == "of-type" => {
                let all: Vec<[String; 3]> = samples.iter().flat_map(of_types).collect();
                self.random.pick(&all).iter().map(|part| escaped(part)).collect::<Vec<_>>().join("|")
            }
            SearchKind::Token => self.token(element.as_ref()),
            SearchKind::Reference if modifier == "identifier" => {
                let all = samples.iter().filter_map(|element| element.json.get("identifier").cloned());
                let all: Vec<Json> = all.collect();
                let json = self.random.pick(&all).clone();
                self.token(Some(&Element { json, type_name: "Identifier".to_owned() }))
            }
            SearchKind::Reference => self.reference(rtype, parameter, modifier),
            SearchKind::Uri => self.uri(element.as_ref(), modifier),
            SearchKind::Date => self.date(element.as_ref()),
            SearchKind::Number => self.count(),
            SearchKind::Quantity => self.quantity(element.as_ref()),
            SearchKind::Special => self.near(samples),
            SearchKind::Composite => self.composite(rtype, parameter),
        }
    }

    fn count(&mut self) -> String {
        let number = self.random.word(&["0", "1", "2", "3", "1.5", "2.0", "1e0"]);
        format!("{}{number}", self.random.word(&PREFIXES))
    }

    fn string(&mut self, texts: Vec<String>) -> String {
        let text = if texts.is_empty() || self.random.chance(10) {
            self.random.text()
        } else {
            self.random.pick(&texts).clone()
        };
        let letters: Vec<char> = text.chars().take(LONGEST).collect();
        let from = if self.random.chance(20) { self.random.below(letters.len()) } else { 0 };
        let until =
            if self.random.chance(50) { letters.len() } else { from + 1 + self.random.below(letters.len() - from) };
        let part: String = letters[from..until].iter().collect();
        let part = match self.random.below(6) {
            0 => part.to_uppercase(),
            1 => part
                .chars()
                .map(|letter| {
                    if ('ぁ'..='ゖ').contains(&letter) {
                        char::from_u32(u32::from(letter) + 0x60).unwrap()
                    } else {
                        letter
                    }
                })
                .collect(),
            _ => part,
        };
        if super::text::folded(&part).is_empty() { "a".to_owned() } else { escaped(&part) }
    }

    fn token(&mut self, element: Option<&Element>) -> String {
        let found = element.map(tokens).unwrap_or_default();
        let (system, code) = match found.is_empty() || self.random.chance(10) {
            true => (self.random.word(&super::elements::SYSTEMS), self.random.word(&super::elements::CODES)),
            false => {
                let coded = self.random.pick(&found).clone();
                (coded.system, coded.code)
            }
        };
        let (system, code) = (escaped(&system), escaped(&code));
        match self.random.below(8) {
            0..=2 => code,
            3..=4 => format!("{system}|{code}"),
            5 => format!("|{code}"),
            6 if !system.is_empty() => format!("{system}|"),
            _ => code.to_uppercase(),
        }
    }

    fn reference(&mut self, rtype: &str, parameter: &Parameter, modifier: &str) -> String {
        let all: Vec<Target> =
            self.world.of(rtype).flat_map(|resource| self.world.targets(resource, &parameter.code)).collect();
        let climbing = ["above", "below"].contains(&modifier);
        let target = if all.is_empty() { None } else { Some(self.random.pick(&all).clone()) };
        match target {
            Some(Target::Local { rtype, id, version, .. }) => {
                if climbing && !["Location", "Organization"].contains(&rtype.as_str()) {
                    return "g1".to_owned();
                }
                let only_id = !modifier.is_empty() && modifier != rtype && !climbing;
                match self.random.below(6) {
                    _ if only_id => id,
                    0 | 1 => id,
                    2 if !climbing => format!("{}/{rtype}/{id}", self.world.base),
                    3 if !climbing => {
                        format!("{rtype}/{id}/_history/{}", version.unwrap_or_else(|| "1".to_owned()))
                    }
                    _ => format!("{rtype}/{id}"),
                }
            }
            Some(Target::Elsewhere { url, version }) if modifier.is_empty() => match version {
                Some(version) if !url.contains("/_history/") && self.random.chance(50) => {
                    escaped(&format!("{url}|{version}"))
                }
                _ => escaped(&url),
            },
            _ => "g1".to_owned(),
        }
    }

    fn uri(&mut self, element: Option<&Element>, modifier: &str) -> String {
        let found = element.and_then(|element| element.json.as_str()).unwrap_or("http://example.org/x").to_owned();
        if modifier.is_empty() {
            return if self.random.chance(10) { found.to_uppercase() } else { escaped(&found) };
        }
        let found = if found.contains("://") { found } else { "http://example.org/m".to_owned() };
        let host = found.find("://").unwrap() + 3;
        match (modifier, self.random.below(3)) {
            ("above", 0) => format!("{}/more", found.trim_end_matches('/')),
            ("below", 0) => match found[host..].rfind('/') {
                Some(at) => found[..host + at].to_owned(),
                None => found,
            },
            _ => found,
        }
    }

    fn date(&mut self, element: Option<&Element>) -> String {
        let prefix = self.random.word(&PREFIXES);
        let range = element.and_then(dates);
        let ends = range.map(|range| [range.low, range.high]).into_iter().flatten();
        let ends: Vec<i64> = ends.filter(|end| (-2_000_000_000_000..4_000_000_000_000).contains(end)).collect();
        let moment = match ends.is_empty() || self.random.chance(15) {
            true => self.random.date_time(),
            false => {
                let shift = *self.random.pick(&[0, 0, 0, -1, 1, 86_400_000, -86_400_000]);
                kakehashi::fhir::instant::Instant(self.random.pick(&ends) + shift).to_fhir()
            }
        };
        let cut = *self.random.pick(&[4, 7, 10, 10, 16, 19, 23]);
        let text = match moment.get(..cut) {
            Some(text) if cut > 10 && moment.ends_with('Z') => format!("{text}Z"),
            Some(text) if cut <= 10 => text.to_owned(),
            _ => moment,
        };
        format!("{prefix}{text}")
    }

    fn quantity(&mut self, element: Option<&Element>) -> String {
        let prefix = self.random.word(&PREFIXES);
        let number = |json: &Json| Some(json.get("value")?.as_number()?.as_str().to_owned());
        let own = element.and_then(|element| {
            let json = &element.json;
            number(json).or_else(|| number(json.get("low")?)).or_else(|| number(json.get("high")?))
        });
        let number = match own {
            Some(own) if self.random.chance(70) => own,
            _ => self.random.decimal(),
        };
        let unit = element.and_then(|element| quantity(&element.json));
        let (system, code) = unit.map(|found| (found.system, found.code)).unwrap_or_default();
        let other = self.random.word(&["a", "mo", "d", "h", "min", "s", "years"]);
        match self.random.below(5) {
            0 => format!("{prefix}{number}"),
            1 => format!("{prefix}{number}||{}", if code.is_empty() { &other } else { &code }),
            2 if !code.is_empty() => format!("{prefix}{number}|{system}|{code}"),
            _ => format!("{prefix}{number}|http://unitsofmeasure.org|{other}"),
        }
    }

    /// A circle that no position lies on the rim of.
    fn near(&mut self, samples: &[Element]) -> String {
        let all: Vec<(f64, f64)> = samples.iter().filter_map(|element| position(&element.json)).collect();
        loop {
            let centre_json = match all.is_empty() || self.random.chance(40) {
                true => self.random.position(),
                false => {
                    let found = self.random.pick(&all);
                    serde_json::json!({"latitude": found.0, "longitude": found.1})
                }
            };
            let distance = self.random.word(&[
                "",
                "|1",
                "|12.5|km",
                "|30000|m",
                "|7|[mi_i]",
                "|40|[nmi_i]",
                "|300",
                "|2500|km",
                "|12000|km",
                "|0",
            ]);
            let value = format!("{}|{}{distance}", centre_json["latitude"], centre_json["longitude"]);
            let (from, radius) = (centre(&value), radius(&value));
            let rim = |to: &(f64, f64)| (metres(from, *to) - radius).abs() < 0.1 + radius * 1e-6;
            if radius == 0.0 || !all.iter().any(rim) {
                return value;
            }
        }
    }

    fn composite(&mut self, rtype: &str, parameter: &Parameter) -> String {
        let world = self.world;
        let all: Vec<Vec<Vec<Element>>> =
            world.of(rtype).flat_map(|resource| world.pairs(resource, parameter)).collect();
        let pair = if all.is_empty() { None } else { Some(self.random.pick(&all).clone()) };
        let other = if all.is_empty() { None } else { Some(self.random.pick(&all).clone()) };
        let values = parameter.parts.iter().enumerate().map(|(at, part)| {
            let from = if self.random.chance(20) { &other } else { &pair };
            let samples = from.as_ref().map(|pair| pair[at].clone()).unwrap_or_default();
            let part = world.parameter(rtype, &part.code).unwrap();
            let mut value = self.value(rtype, part, "", &samples);
            // A system alone is too little in a composite.
            while value.ends_with('|') {
                value = self.value(rtype, part, "", &samples);
            }
            value
        });
        values.collect::<Vec<_>>().join("$")
    }

    fn sort(&mut self, rtype: &str, criteria: &[(String, String)]) -> Vec<(String, bool)> {
        let mut keys: Vec<(String, bool)> = Vec::new();
        for _ in 0..*self.random.pick(&[1, 1, 2, 3]) {
            let code = match self.random.below(8) {
                0 => "_id".to_owned(),
                1 => "_lastUpdated".to_owned(),
                2 if criteria.iter().any(|(name, _)| name == "near") => "near".to_owned(),
                _ => self.random.pick(&self.listed[rtype]).clone(),
            };
            let kind = self.world.parameter(rtype, &code).map(|parameter| parameter.kind);
            let is_ordered = match kind {
                Some(SearchKind::Composite | SearchKind::Reference) => false,
                Some(SearchKind::Special) => criteria.iter().any(|(name, _)| name == "near"),
                _ => true,
            };
            if is_ordered && !keys.iter().any(|(known, _)| *known == code) {
                keys.push((code, self.random.chance(40)));
            }
        }
        keys
    }
}
