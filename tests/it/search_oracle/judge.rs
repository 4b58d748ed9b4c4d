//! Whether a resource matches a criterion, by the words of R4 `search.html` and nothing of the server.

use std::f64::consts::PI;

use kakehashi::fhir::json::Json;
use kakehashi::profile::SearchKind;

use super::board::{moments, vacancies};
use super::number::{Decimal, Quantity, Span};
use super::text::{folded, split, unescaped};
use super::time::{self, Range};
use super::world::{Element, Parameter, Resource, World};

pub const REGION: &str = "https://kakehashi.example/fhir";

/// What `:above` and `:below` follow, and of which types.
const HIERARCHIES: [&str; 2] = ["Location", "Organization"];
const UPWARDS: &str = "partof";

const PREFIXES: [&str; 9] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];

/// A code with what it belongs to; no system is the empty one.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    pub system: String,
    pub code: String,
}

/// Where a reference leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Local { rtype: String, id: String, version: Option<String>, by_url: bool },
    Elsewhere { url: String, version: Option<String> },
}

impl World {
    /// `name=value` as it stands in a query, decoded.
    pub fn matches(&self, resource: &Resource, name: &str, value: &str, now: i64) -> bool {
        if let Some(rest) = name.strip_prefix("_has:") {
            let parts: Vec<&str> = rest.splitn(3, ':').collect();
            let source = |source: &&Resource| {
                self.points_at(source, parts[1], resource) && self.matches(source, parts[2], value, now)
            };
            return self.of(parts[0]).filter(source).count() > 0;
        }
        if let Some((head, rest)) = name.split_once('.') {
            let (code, only) = head.split_once(':').map_or((head, None), |(code, only)| (code, Some(only)));
            let target = |target: &&Resource| {
                only.is_none_or(|only| only == target.rtype)
                    && self.knows(&target.rtype, rest)
                    && self.points_at(resource, code, target)
            };
            return self.resources.iter().filter(target).any(|target| self.matches(target, rest, value, now));
        }
        let (code, modifier) = name.split_once(':').map_or((name, ""), |(code, modifier)| (code, modifier));
        match modifier {
            "missing" => (value == "true") != self.is_there(resource, code, now),
            "not" => !self.plain(resource, code, "", value, now),
            _ => self.plain(resource, code, modifier, value, now),
        }
    }

    fn knows(&self, rtype: &str, name: &str) -> bool {
        let code = name.split(['.', ':']).next().unwrap_or_default();
        ["_has", "_id", "_lastUpdated"].contains(&code) || self.parameter(rtype, code).is_some()
    }

    /// What has any element under the parameter; of laid-over counts, one that is believed still.
    fn is_there(&self, resource: &Resource, code: &str, now: i64) -> bool {
        match code {
            "_id" | "_lastUpdated" => true,
            "available" => !vacancies(resource, now).is_empty(),
            "as-of" => !moments(resource).is_empty(),
            _ => !self.elements(resource, code).is_empty(),
        }
    }

    fn points_at(&self, source: &Resource, code: &str, target: &Resource) -> bool {
        self.targets(source, code).iter().any(|found| match found {
            // The server joins by references as they are written: one by its own url is found, and not followed.
            Target::Local { rtype, id, by_url, .. } => !by_url && *rtype == target.rtype && *id == target.id,
            Target::Elsewhere { .. } => false,
        })
    }

    pub fn targets(&self, resource: &Resource, code: &str) -> Vec<Target> {
        let text = |element: &Element| match &element.json {
            Json::String(text) => Some(text.clone()),
            json => json.get_str("reference").map(str::to_owned),
        };
        let found = self.elements(resource, code).iter().filter_map(text);
        found.filter(|text| !text.starts_with('#')).map(|text| self.target(&text)).collect()
    }

    fn target(&self, text: &str) -> Target {
        let below = text.strip_prefix(&self.base).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
        let by_url = below.len() < text.len();
        let parts: Vec<&str> = below.split('/').collect();
        let is_type = |part: &str| part.starts_with(|letter: char| letter.is_ascii_uppercase()) && !part.contains(':');
        match parts.as_slice() {
            [rtype, id] if is_type(rtype) => {
                Target::Local { rtype: (*rtype).to_owned(), id: (*id).to_owned(), version: None, by_url }
            }
            [rtype, id, "_history", version] if is_type(rtype) => Target::Local {
                rtype: (*rtype).to_owned(),
                id: (*id).to_owned(),
                version: Some((*version).to_owned()),
                by_url,
            },
            _ => {
                let cut = text.split_once('|').or_else(|| text.split_once("/_history/"));
                let (url, version) = cut.map_or((text, None), |(url, version)| (url, Some(version.to_owned())));
                Target::Elsewhere { url: url.to_owned(), version }
            }
        }
    }

    /// One of the alternatives of `value` holds.
    fn plain(&self, resource: &Resource, code: &str, modifier: &str, value: &str, now: i64) -> bool {
        split(value, ',').iter().any(|value| self.one(resource, code, modifier, value, now))
    }

    fn one(&self, resource: &Resource, code: &str, modifier: &str, value: &str, now: i64) -> bool {
        let whole = unescaped(value);
        match code {
            "_id" => return resource.id == whole,
            "_lastUpdated" => {
                let (prefix, asked) = prefixed(&whole);
                let moment = Range { low: resource.updated, high: resource.updated + 1 };
                return time::holds(prefix, moment, time::range(asked).unwrap(), now);
            }
            "available" => {
                let fits = |(_, count): &(Option<String>, Decimal)| is_number(Span::point(*count), &whole);
                return vacancies(resource, now).iter().any(fits);
            }
            "vacancy" => {
                let parts = split(value, '$');
                let asked = Asked::read(&parts[0]);
                let fits = |(sex, count): &(Option<String>, Decimal)| {
                    let system = format!("{REGION}/CodeSystem/admittable-sex");
                    let sex = sex.clone().map(|code| Coded { system, code });
                    sex.is_some_and(|sex| asked.holds(&sex)) && is_number(Span::point(*count), &unescaped(&parts[1]))
                };
                return vacancies(resource, now).iter().any(fits);
            }
            "as-of" => {
                let (prefix, asked) = prefixed(&whole);
                let asked = time::range(asked).unwrap();
                let fits = |at: &i64| time::holds(prefix, Range { low: *at, high: at + 1 }, asked, now);
                return moments(resource).iter().any(fits);
            }
            _ => {}
        }
        let parameter = self.parameter(&resource.rtype, code).unwrap();
        match parameter.kind {
            SearchKind::Composite => {
                let asked = split(value, '$');
                let fits = |pair: &Vec<Vec<Element>>| {
                    parameter.parts.iter().zip(pair).zip(&asked).all(|((part, found), asked)| {
                        let part = self.parameter(&resource.rtype, &part.code).unwrap();
                        found.iter().any(|element| self.fits(resource, part, "", element, asked, now))
                    })
                };
                self.pairs(resource, parameter).iter().any(fits)
            }
            SearchKind::Reference if ["above", "below"].contains(&modifier) => {
                self.targets(resource, code).iter().any(|found| self.climbs(found, &whole, modifier == "below"))
            }
            _ => {
                let elements = self.elements(resource, code);
                elements.iter().any(|element| self.fits(resource, parameter, modifier, element, value, now))
            }
        }
    }

    fn fits(
        &self,
        resource: &Resource,
        parameter: &Parameter,
        modifier: &str,
        element: &Element,
        value: &str,
        now: i64,
    ) -> bool {
        let whole = unescaped(value);
        let (prefix, bare) = prefixed(&whole);
        match (parameter.kind, modifier) {
            (SearchKind::String, _) => strings(element).iter().any(|found| is_string(found, &whole, modifier)),
            (SearchKind::Token, "text") => labels(element).iter().any(|found| is_string(found, &whole, "")),
            (SearchKind::Token, "of-type") => {
                let parts: Vec<String> = split(value, '|').iter().map(|part| unescaped(part)).collect();
                of_types(element).iter().any(|found| *found == [parts[0].clone(), parts[1].clone(), parts[2].clone()])
            }
            (SearchKind::Token, _) => tokens(element).iter().any(|found| Asked::read(value).holds(found)),
            (SearchKind::Reference, "identifier") => {
                let logical = element.json.get("identifier").cloned();
                let logical = logical.map(|json| Element { json, type_name: "Identifier".to_owned() });
                logical.is_some_and(|logical| tokens(&logical).iter().any(|found| Asked::read(value).holds(found)))
            }
            (SearchKind::Reference, only) => {
                let text = element.json.as_str().or_else(|| element.json.get_str("reference"));
                let found = text.filter(|text| !text.starts_with('#')).map(|text| self.target(text));
                found.is_some_and(|found| self.is_reference(&found, &whole, only, parameter))
            }
            (SearchKind::Uri, _) => element.json.as_str().is_some_and(|found| is_uri(found, &whole, modifier)),
            (SearchKind::Date, _) => {
                dates(element).is_some_and(|found| time::holds(prefix, found, time::range(bare).unwrap(), now))
            }
            (SearchKind::Number, _) => quantity(&element.json).is_some_and(|found| is_number(found.span, &whole)),
            (SearchKind::Quantity, _) => quantity(&element.json).is_some_and(|found| {
                let parts: Vec<String> = split(value, '|').iter().map(|part| unescaped(part)).collect();
                let (prefix, number) = prefixed(&parts[0]);
                let unit = parts.get(2).map(|code| (parts[1].as_str(), code.as_str()));
                found.holds(prefix, Decimal::read(number).unwrap(), unit)
            }),
            (SearchKind::Special, _) => {
                position(&element.json).is_some_and(|found| metres(found, centre(value)) <= radius(value))
            }
            (SearchKind::Composite, _) => panic!("{} within {}", parameter.code, resource.rtype),
        }
    }

    fn is_reference(&self, found: &Target, asked: &str, only: &str, parameter: &Parameter) -> bool {
        let is_id =
            !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        if is_id {
            return match found {
                Target::Local { rtype, id, .. } => {
                    let possible = parameter.targets.is_empty() || parameter.targets.contains(rtype);
                    let possible = possible && self.served.contains(rtype);
                    id == asked && if only.is_empty() { possible } else { rtype == only }
                }
                Target::Elsewhere { .. } => false,
            };
        }
        match (found, self.target(asked)) {
            (Target::Local { rtype, id, version, .. }, Target::Local { rtype: to, id: of, version: at, .. }) => {
                *rtype == to && *id == of && at.is_none_or(|at| version.as_ref() == Some(&at))
            }
            (Target::Elsewhere { url, version }, Target::Elsewhere { url: to, version: at }) => {
                *url == to && at.is_none_or(|at| version.as_ref() == Some(&at))
            }
            _ => false,
        }
    }

    /// Whether a reference leads to the place or organization that is asked, or to one below (or above) it.
    fn climbs(&self, found: &Target, asked: &str, below: bool) -> bool {
        let Target::Local { rtype, id, by_url: false, .. } = found else { return false };
        if !HIERARCHIES.contains(&rtype.as_str()) {
            return false;
        }
        let asked_id = match self.target(asked) {
            Target::Local { rtype: to, id, .. } if to == *rtype => id,
            Target::Local { .. } => return false,
            Target::Elsewhere { url, .. } => url,
        };
        // What is not here has no place in a hierarchy.
        if self.get(rtype, &asked_id).is_none() {
            return false;
        }
        let (from, to) = if below { (id.clone(), asked_id) } else { (asked_id, id.clone()) };
        self.reaches(rtype, &from, &to, &mut Vec::new())
    }

    fn reaches(&self, rtype: &str, from: &str, to: &str, seen: &mut Vec<String>) -> bool {
        if from == to {
            return true;
        }
        if seen.iter().any(|known| known == from) {
            return false;
        }
        seen.push(from.to_owned());
        let above = self.get(rtype, from).map(|resource| self.targets(resource, UPWARDS)).unwrap_or_default();
        above.iter().any(|above| match above {
            Target::Local { rtype: kind, id, by_url, .. } => {
                !by_url && kind == rtype && self.reaches(rtype, id, to, seen)
            }
            Target::Elsewhere { .. } => false,
        })
    }
}

/// A token as it is asked.
struct Asked {
    system: Option<String>,
    code: String,
}

impl Asked {
    fn read(value: &str) -> Asked {
        let parts = split(value, '|');
        match parts.as_slice() {
            [system, rest @ ..] if !rest.is_empty() => {
                Asked { system: Some(unescaped(system)), code: unescaped(&rest.join("|")) }
            }
            _ => Asked { system: None, code: unescaped(value) },
        }
    }

    fn holds(&self, found: &Coded) -> bool {
        self.system.as_ref().is_none_or(|system| *system == found.system)
            && (self.code == found.code || self.code.is_empty() && self.system.is_some())
    }
}

pub fn prefixed(value: &str) -> (&str, &str) {
    match value.get(..2).filter(|prefix| PREFIXES.contains(prefix)) {
        Some(prefix) => (prefix, &value[2..]),
        None => ("", value),
    }
}

fn is_number(found: Span, asked: &str) -> bool {
    let (prefix, number) = prefixed(asked);
    found.holds(prefix, Decimal::read(number).unwrap(), (1, 0))
}

fn is_string(found: &str, asked: &str, modifier: &str) -> bool {
    match modifier {
        "exact" => found == asked,
        "contains" => folded(found).contains(&folded(asked)),
        _ => folded(found).starts_with(&folded(asked)),
    }
}

fn is_uri(found: &str, asked: &str, modifier: &str) -> bool {
    let plain = found.split_once('|').map_or(found, |(plain, _)| plain);
    let within = |outer: &str, inner: &str| {
        let outer = outer.trim_end_matches('/');
        inner.trim_end_matches('/') == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    [found, plain].into_iter().any(|found| match modifier {
        "below" => within(asked, found),
        "above" => within(found, asked),
        _ => found == asked,
    })
}

/// R4 `search.html#token`: what each type has to offer.
pub fn tokens(element: &Element) -> Vec<Coded> {
    let json = &element.json;
    let coded = |json: &Json, code: &str| {
        let system = json.get_str("system").unwrap_or_default().to_owned();
        json.get_str(code).map(|code| Coded { system, code: code.to_owned() })
    };
    let plain = |code: &str| vec![Coded { system: String::new(), code: code.to_owned() }];
    match (element.type_name.as_str(), json) {
        (_, Json::Bool(flag)) => plain(&flag.to_string()),
        (_, Json::String(text)) => plain(text),
        ("CodeableConcept", _) => json.items("coding").iter().filter_map(|one| coded(one, "code")).collect(),
        ("Coding", _) => coded(json, "code").into_iter().collect(),
        ("Identifier", _) => coded(json, "value").into_iter().collect(),
        ("ContactPoint", _) => json.get_str("value").map(plain).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// What stands in words beside a code.
pub fn labels(element: &Element) -> Vec<String> {
    let json = &element.json;
    let concept = match element.type_name.as_str() {
        "Identifier" => json.get("type"),
        _ => Some(json),
    };
    let Some(concept) = concept else { return Vec::new() };
    let displays = concept.items("coding").iter().filter_map(|coding| coding.get_str("display"));
    let own = match element.type_name.as_str() {
        "Coding" => concept.get_str("display"),
        _ => concept.get_str("text"),
    };
    own.into_iter().chain(displays).map(str::to_owned).collect()
}

/// System and code of an identifier's type, and its value.
pub fn of_types(element: &Element) -> Vec<[String; 3]> {
    let Some(value) = element.json.get_str("value") else { return Vec::new() };
    let codings = element.json.get("type").map(|concept| concept.items("coding")).unwrap_or_default();
    let triple = |coding: &Json| {
        Some([coding.get_str("system")?.to_owned(), coding.get_str("code")?.to_owned(), value.to_owned()])
    };
    codings.iter().filter_map(triple).collect()
}

/// R4 `search.html#string`: the parts of names and addresses.
pub fn strings(element: &Element) -> Vec<String> {
    let parts = match element.type_name.as_str() {
        "HumanName" => ["text", "family", "given", "prefix", "suffix", "", ""],
        "Address" => ["text", "line", "city", "district", "state", "country", "postalCode"],
        _ => return element.json.as_str().map(str::to_owned).into_iter().collect(),
    };
    let part = |name: &&str| match element.json.get(name) {
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        Some(Json::String(text)) => vec![text.clone()],
        _ => Vec::new(),
    };
    parts.iter().flat_map(part).collect()
}

/// The range of a date; of a Timing its outer limits. R4 `search.html#date`.
pub fn dates(element: &Element) -> Option<Range> {
    let period = |json: &Json| {
        let (start, end) = (json.get_str("start"), json.get_str("end"));
        (start.is_some() || end.is_some()).then(|| Range {
            low: start.and_then(time::range).map_or(i64::MIN, |range| range.low),
            high: end.and_then(time::range).map_or(i64::MAX, |range| range.high),
        })
    };
    match (&element.json, element.type_name.as_str()) {
        (Json::String(text), _) => time::range(text),
        (json, "Timing") => {
            let events = json.items("event").iter().filter_map(|event| time::range(event.as_str()?));
            let bounds = json.get("repeat").and_then(|repeat| period(repeat.get("boundsPeriod")?));
            let around =
                |left: Range, right: Range| Range { low: left.low.min(right.low), high: left.high.max(right.high) };
            events.chain(bounds).reduce(around)
        }
        (json, _) => period(json),
    }
}

/// A number, Quantity or Range.
pub fn quantity(json: &Json) -> Option<Quantity> {
    let number = |json: &Json| Decimal::read(json.as_number()?.as_str());
    let with = |span: Span, json: &Json| {
        let own = |name: &str| json.get_str(name).unwrap_or_default().to_owned();
        Quantity { span, system: own("system"), code: own("code"), unit: own("unit") }
    };
    if let Some(value) = number(json) {
        return Some(with(Span::point(value), json));
    }
    if let Some(value) = json.get("value").and_then(number) {
        let span = match json.get_str("comparator") {
            Some("<" | "<=") => Span { low: None, high: Some(value) },
            Some(">" | ">=") => Span { low: Some(value), high: None },
            _ => Span::point(value),
        };
        return Some(with(span, json));
    }
    let (low, high) = (json.get("low"), json.get("high"));
    let end = |end: Option<&Json>| end.and_then(|end| number(end.get("value")?));
    Some(with(Span { low: end(low), high: end(high) }, low.or(high)?))
}

pub fn position(json: &Json) -> Option<(f64, f64)> {
    let degrees = |name: &str| json.get(name)?.as_number()?.as_str().parse::<f64>().ok();
    Some((degrees("latitude")?, degrees("longitude")?))
}

pub fn centre(value: &str) -> (f64, f64) {
    let parts: Vec<f64> = value.split('|').take(2).map(|part| part.parse().unwrap()).collect();
    (parts[0], parts[1])
}

pub fn radius(value: &str) -> f64 {
    let parts: Vec<&str> = value.split('|').collect();
    let distance: f64 = parts.get(2).map_or(10.0, |distance| distance.parse().unwrap());
    match parts.get(3).copied().unwrap_or("km") {
        "m" => distance,
        "km" => distance * 1_000.0,
        "[mi_i]" => distance * 1_609.344,
        "[nmi_i]" => distance * 1_852.0,
        other => panic!("{other}"),
    }
}

/// The way along the globe, by the haversine formula.
pub fn metres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let radians = |degrees: f64| degrees * PI / 180.0;
    let half = |left: f64, right: f64| (radians(right - left) / 2.0).sin().powi(2);
    let a = half(from.0, to.0) + radians(from.0).cos() * radians(to.0).cos() * half(from.1, to.1);
    2.0 * 6_371_008.8 * a.sqrt().min(1.0).asin()
}
