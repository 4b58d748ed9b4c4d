//! What a resource breaks, told from the differentials and R4's facts in the most literal way: a second opinion to hold
//! the program's validation against. It knows presence and number, types, forms of the plainest primitives, fixed and
//! pattern values, required bindings whose codes can be listed, slices, targets of references. It knows no invariants:
//! what it finds is wrong for sure, but what it passes need not be right.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::contract::{Base, Contract, OURS, Place, elements, typed};

/// A broken rule: the element, as a JSON pointer, and what is wrong there. What is missing is told at its parent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    pub pointer: String,
    pub what: String,
}

/// An element of a definition: its address and the element's id.
type Said = (String, String);

pub struct Expectation<'c> {
    contract: &'c Contract,
    breaches: BTreeSet<Breach>,
}

/// The breaches of a resource that is held to `profile`, to what it declares and to R4.
pub fn breaches(contract: &Contract, resource: &Value, profile: Option<&str>) -> BTreeSet<Breach> {
    let mut expectation = Expectation { contract, breaches: BTreeSet::new() };
    expectation.resource(resource, "", profile);
    expectation.breaches
}

impl<'c> Expectation<'c> {
    fn note(&mut self, pointer: &str, what: impl Into<String>) {
        self.breaches.insert(Breach { pointer: pointer.to_owned(), what: what.into() });
    }

    fn resource(&mut self, resource: &Value, pointer: &str, profile: Option<&str>) {
        let Some(members) = resource.as_object() else { return self.note(pointer, "no resource") };
        let type_name = members.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        if !self.contract.r4.is_resource(type_name) {
            return self.note(pointer, "no resource type");
        }
        let declared = resource["meta"]["profile"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut said = Vec::new();
        for url in declared.filter(|url| url.starts_with(OURS)).chain(profile) {
            self.held_to(url, type_name, &mut said);
        }
        self.object(members, pointer, &Place::of_type(type_name), &said);
    }

    /// The definition and those of ours that it builds on.
    fn held_to(&self, url: &str, type_name: &str, said: &mut Vec<Said>) {
        let mut next = Some(url);
        while let Some((url, structure)) = next.and_then(|url| Some((url, self.contract.structures.get(url)?))) {
            if structure["type"] == type_name && said.iter().all(|(held, _)| held != url) {
                said.push((url.to_owned(), type_name.to_owned()));
            }
            next = structure["baseDefinition"].as_str();
        }
    }

    fn object(&mut self, members: &Map<String, Value>, pointer: &str, place: &Place, said: &[Said]) {
        if members.is_empty() {
            return self.note(pointer, "an empty object");
        }
        let Some(known) = self.contract.r4.elements(place) else { return };
        let mut found: BTreeMap<&str, Vec<(&str, Option<String>)>> = BTreeMap::new();
        for key in members.keys().filter(|key| *key != "resourceType") {
            match element_of(known, key.trim_start_matches('_')) {
                Some((name, chosen)) if self.may_stand(key, &known[name], chosen.as_deref()) => {
                    found.entry(name).or_default().push((key, chosen));
                }
                _ => self.note(&format!("{pointer}/{key}"), "an unknown element"),
            }
        }
        for (name, base) in known {
            let keys = found.remove(name.as_str()).unwrap_or_default();
            self.element(members, pointer, (name, base), &keys, said);
        }
    }

    /// Only primitives have something beside them, under `_` and their name (R4 `json.html#primitive`).
    fn may_stand(&self, key: &str, base: &Base, chosen: Option<&str>) -> bool {
        let type_name = chosen.or(base.types.first().map(String::as_str));
        !key.starts_with('_') || type_name.is_some_and(|name| self.contract.r4.is_primitive(name))
    }

    /// One element of an object, by whatever keys it stands there.
    fn element(
        &mut self,
        members: &Map<String, Value>,
        pointer: &str,
        (name, base): (&String, &Base),
        keys: &[(&str, Option<String>)],
        said: &[Said],
    ) {
        let mut names: Vec<&str> = keys.iter().map(|(key, _)| key.trim_start_matches('_')).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > 1 {
            return self.note(pointer, format!("{name} twice"));
        }
        let below: Vec<Said> = said.iter().map(|(url, id)| (url.clone(), format!("{id}.{name}"))).collect();
        let Some(key) = names.first() else {
            if base.min > 0 || below.iter().any(|said| self.min(said) > 0) {
                self.note(pointer, format!("{name} is missing"));
            }
            return;
        };
        let chosen = keys.iter().find_map(|(_, chosen)| chosen.as_deref()).or(base.types.first().map(String::as_str));
        let here = format!("{pointer}/{key}");
        let value = members.get(*key);
        if value.is_some_and(|value| value.is_array() != base.max.is_none()) {
            return self.note(&here, "an array, or none, in the wrong place");
        }
        let items: Vec<(String, Option<&Value>)> = match value {
            Some(Value::Array(items)) if items.is_empty() => return self.note(&here, "an empty array"),
            Some(Value::Array(items)) => {
                items.iter().enumerate().map(|(at, item)| (format!("{here}/{at}"), Some(item))).collect()
            }
            value => vec![(here.clone(), value)],
        };
        if let Some(sibling) = members.get(&format!("_{key}")) {
            self.sibling(sibling, &format!("{pointer}/_{key}"), base);
        }
        for definition in &below {
            self.defined(definition, &here, &items, chosen);
        }
        for (item_pointer, item) in &items {
            let mut said = below.clone();
            said.extend(below.iter().flat_map(|definition| self.slices_of(definition, item.unwrap_or(&Value::Null))));
            if let Some(item) = item {
                self.value(item, item_pointer, base, chosen.unwrap_or_default(), &said);
            }
        }
    }

    fn sibling(&mut self, sibling: &Value, pointer: &str, base: &Base) {
        match sibling.as_object() {
            Some(members) => self.object(members, pointer, &Place::of_type("Element"), &[]),
            None if base.max.is_some() => self.note(pointer, "no object beside a primitive"),
            None => {}
        }
    }

    fn said(&self, (url, id): &Said) -> Option<&'c Value> {
        self.contract.differential(url, id)
    }

    fn min(&self, said: &Said) -> u64 {
        self.said(said).and_then(|element| element["min"].as_u64()).unwrap_or(0)
    }

    /// Number, slices and choice of type, as one definition has them.
    fn defined(&mut self, said: &Said, here: &str, items: &[(String, Option<&Value>)], chosen: Option<&str>) {
        let Some(element) = self.said(said) else { return };
        let parent = here.rsplit_once('/').map_or("", |(parent, _)| parent);
        let count = u64::try_from(items.len()).unwrap();
        if element["max"].as_str().and_then(|max| max.parse().ok()).is_some_and(|max: u64| count > max) {
            self.note(here, "too many");
        }
        if count < element["min"].as_u64().unwrap_or(0) {
            self.note(parent, "too few");
        }
        let types: Vec<&str> =
            element["type"].as_array().into_iter().flatten().filter_map(|t| t["code"].as_str()).collect();
        if said.1.ends_with("[x]") && !types.is_empty() && !chosen.is_some_and(|chosen| types.contains(&chosen)) {
            self.note(here, "a type that the profile leaves out");
        }
        let slices: Vec<Said> = self.slices(said);
        let mut in_slices = BTreeSet::new();
        for slice in &slices {
            let matching: Vec<&String> = items
                .iter()
                .filter(|(_, item)| item.is_some_and(|item| self.is_in(slice, said, item)))
                .map(|(pointer, _)| pointer)
                .collect();
            in_slices.extend(matching.iter().map(|pointer| (*pointer).clone()));
            let count = u64::try_from(matching.len()).unwrap();
            let asked = self.said(slice).unwrap();
            if asked["max"].as_str().and_then(|max| max.parse().ok()).is_some_and(|max: u64| count > max) {
                self.note(here, format!("too many of {}", slice.1));
            }
            if count < asked["min"].as_u64().unwrap_or(0) {
                self.note(parent, format!("too few of {}", slice.1));
            }
        }
        if element["slicing"]["rules"] == "closed" {
            items
                .iter()
                .filter(|(pointer, _)| !in_slices.contains(pointer))
                .for_each(|(pointer, _)| self.note(pointer, "in no slice"));
        }
    }

    fn slices(&self, (url, id): &Said) -> Vec<Said> {
        let structure = &self.contract.structures[url];
        let is_slice = |element: &&Value| {
            element["id"].as_str().unwrap().rsplit_once(':').is_some_and(|(of, name)| of == id && !name.contains('.'))
        };
        elements(structure)
            .filter(is_slice)
            .map(|element| (url.clone(), element["id"].as_str().unwrap().to_owned()))
            .collect()
    }

    fn slices_of(&self, said: &Said, item: &Value) -> Vec<Said> {
        self.slices(said).into_iter().filter(|slice| self.is_in(slice, said, item)).collect()
    }

    /// Whether an item meets what the slice is known by.
    fn is_in(&self, slice: &Said, sliced: &Said, item: &Value) -> bool {
        let slicing = self.said(sliced).unwrap()["slicing"]["discriminator"].as_array().unwrap();
        slicing.iter().all(|discriminator| {
            let path = discriminator["path"].as_str().unwrap();
            let id = if path == "$this" { slice.1.clone() } else { format!("{}.{path}", slice.1) };
            let found = if path == "$this" { Some(item) } else { item.get(path) };
            let by_profile = self.said(slice).and_then(|element| element["type"][0]["profile"][0].as_str());
            let Some(element) = self.said(&(slice.0.clone(), id)) else {
                return path == "url" && found.and_then(Value::as_str) == by_profile;
            };
            if discriminator["type"] == "type" {
                return found.is_some_and(|found| found["resourceType"] == element["type"][0]["code"]);
            }
            match (typed(element, "fixed"), typed(element, "pattern"), found) {
                (Some(fixed), _, Some(found)) => fixed == found,
                (_, Some(pattern), Some(found)) => contains(found, pattern),
                _ => false,
            }
        })
    }

    /// One value: its form, what definitions say of it, and what is below it.
    fn value(&mut self, value: &Value, pointer: &str, base: &Base, type_name: &str, said: &[Said]) {
        if type_name == "Resource" {
            return self.inner_resource(value, pointer, said);
        }
        let primitive = self.contract.r4.is_primitive(type_name) || type_name.contains("System.");
        if primitive == value.is_object() || (primitive && !fits(value, type_name)) {
            return self.note(pointer, format!("no {type_name}"));
        }
        self.bound(value, pointer, base.binding.as_ref());
        self.refers(value, pointer, &base.targets);
        for definition in said {
            self.asked(value, pointer, definition);
        }
        let Some(members) = value.as_object() else { return };
        let mut said = said.to_vec();
        if type_name == "Extension" {
            let url = value["url"].as_str().unwrap_or_default();
            if self.contract.structures.get(url).is_some_and(|structure| structure["type"] == "Extension") {
                said.push((url.to_owned(), "Extension".to_owned()));
            }
        }
        let place = match &base.place {
            Some(place) if base.types.len() < 2 => place.clone(),
            _ => Place::of_type(type_name),
        };
        self.object(members, pointer, &place, &said);
    }

    /// A resource in a Bundle or `contained`: the profile that the definition asks of it, or one of several.
    fn inner_resource(&mut self, value: &Value, pointer: &str, said: &[Said]) {
        let mut asked: Vec<&str> = Vec::new();
        for element in said.iter().filter_map(|definition| self.said(definition)) {
            let types: Vec<&Value> = element["type"].as_array().into_iter().flatten().collect();
            if types.iter().any(|t| t["code"] != value["resourceType"]) {
                return self.note(pointer, "a type that the profile leaves out");
            }
            asked.extend(
                types.iter().flat_map(|t| t["profile"].as_array().into_iter().flatten()).filter_map(Value::as_str),
            );
        }
        let contract = self.contract;
        match asked[..] {
            [] | [_] => self.resource(value, pointer, asked.first().copied()),
            _ => {
                self.resource(value, pointer, None);
                if asked.iter().all(|profile| !breaches(contract, value, Some(profile)).is_empty()) {
                    self.note(pointer, "none of the profiles");
                }
            }
        }
    }

    fn asked(&mut self, value: &Value, pointer: &str, definition: &Said) {
        let Some(element) = self.said(definition) else { return };
        if typed(element, "fixed").is_some_and(|fixed| fixed != value) {
            self.note(pointer, "not the fixed value");
        }
        if typed(element, "pattern").is_some_and(|pattern| !contains(value, pattern)) {
            self.note(pointer, "not the pattern");
        }
        let binding = &element["binding"];
        let named = |name: &str| binding[name].as_str().map(str::to_owned);
        self.bound(value, pointer, named("strength").zip(named("valueSet")).as_ref());
        let types = element["type"].as_array().into_iter().flatten();
        let targets = types.flat_map(|t| t["targetProfile"].as_array().into_iter().flatten()).filter_map(Value::as_str);
        let type_of = |profile: &str| match self.contract.structures.get(profile) {
            Some(structure) => structure["type"].as_str().unwrap().to_owned(),
            None => profile.rsplit('/').next().unwrap().to_owned(),
        };
        let targets: Vec<String> = targets.map(type_of).collect();
        self.refers(value, pointer, &targets);
    }

    fn bound(&mut self, value: &Value, pointer: &str, binding: Option<&(String, String)>) {
        let Some((_, set)) = binding.filter(|(strength, _)| strength == "required") else { return };
        let Some(codes) = self.contract.codes(set) else { return };
        let has = |coding: &Value| {
            let (system, code) = (coding["system"].as_str(), coding["code"].as_str());
            codes.iter().any(|(of, known)| Some(of.as_str()) == system && Some(known.as_str()) == code)
        };
        let holds = match value {
            Value::String(text) => codes.iter().any(|(_, code)| code == text),
            Value::Object(members) => match members.get("coding") {
                Some(codings) => codings.as_array().is_none_or(|codings| codings.iter().any(has)),
                None if members.contains_key("text") => false,
                None if ["system", "version", "display"].iter().all(|name| !members.contains_key(*name)) => true,
                None => has(value),
            },
            _ => true,
        };
        if !holds {
            self.note(pointer, "not in the value set");
        }
    }

    /// A literal reference of the form `Type/id` must name one of the types.
    fn refers(&mut self, value: &Value, pointer: &str, targets: &[String]) {
        let literal = value["reference"].as_str().filter(|_| !targets.is_empty());
        let named = literal.and_then(|literal| literal.split_once('/')).map(|(type_name, _)| type_name);
        let Some(named) = named.filter(|name| self.contract.r4.is_resource(name)) else { return };
        if !targets.iter().any(|target| target == named || target == "Resource") {
            self.note(pointer, format!("a reference to {named}"));
        }
    }
}

/// The element that a JSON member belongs to, and the type of a choice.
fn element_of<'k>(known: &'k BTreeMap<String, Base>, key: &str) -> Option<(&'k str, Option<String>)> {
    if let Some((name, _)) = known.get_key_value(key).filter(|_| !key.ends_with("[x]")) {
        return Some((name, None));
    }
    known.iter().find_map(|(name, base)| {
        let suffix = key.strip_prefix(name.strip_suffix("[x]")?)?;
        let is_named = |type_name: &&String| {
            let mut letters = type_name.chars();
            let first = letters.next().unwrap().to_ascii_uppercase();
            format!("{first}{}", letters.as_str()) == suffix
        };
        Some((name.as_str(), Some(base.types.iter().find(is_named)?.clone())))
    })
}

/// Whether a value has the JSON kind of its type and, for times and numbers, their plainest form.
fn fits(value: &Value, type_name: &str) -> bool {
    let text = value.as_str();
    match type_name {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "unsignedInt" => value.is_u64(),
        "positiveInt" => value.as_u64().is_some_and(|number| number > 0),
        "decimal" => value.is_number(),
        "instant" => text.is_some_and(is_instant),
        "dateTime" => text.is_some_and(|text| is_date(text) || is_instant(text)),
        "date" => text.is_some_and(is_date),
        "id" => text.is_some_and(|text| {
            (1..65).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        }),
        "uri" | "url" | "canonical" | "code" => {
            text.is_some_and(|text| !text.is_empty() && (type_name == "code" || !text.contains(' ')))
        }
        _ => text.is_some_and(|text| !text.is_empty()),
    }
}

fn is_instant(text: &str) -> bool {
    text.contains('T') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

/// A year, a month or a day.
fn is_date(text: &str) -> bool {
    let whole = format!(
        "{text}{}",
        match text.len() {
            4 => "-01-01",
            7 => "-01",
            _ => "",
        }
    );
    whole.len() == 10 && chrono::NaiveDate::parse_from_str(&whole, "%Y-%m-%d").is_ok()
}

/// Whether a value has everything that the pattern has (R4 `elementdefinition.html`, pattern\[x\]).
fn contains(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => {
            pattern.iter().all(|(name, wanted)| value.get(name).is_some_and(|found| contains(found, wanted)))
        }
        (Value::Array(value), Value::Array(pattern)) => {
            pattern.iter().all(|wanted| value.iter().any(|found| contains(found, wanted)))
        }
        _ => value == pattern,
    }
}
