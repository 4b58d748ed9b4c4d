//! A value set as defined: which codes it includes and excludes, or the expansion it carries. R4 `valueset.html#compose`.

use std::collections::HashMap;

use serde_json::Value;

use super::code_set::Entry;
use super::code_system::Designation;

/// A ValueSet, as far as its codes are concerned.
#[derive(Clone, Default)]
pub struct ValueSet {
    pub url: String,
    pub version: Option<String>,
    pub name: Option<String>,
    pub title: Option<String>,
    pub include: Vec<Rule>,
    pub exclude: Vec<Rule>,
    /// `compose.inactive` is false: codes out of use are not in the set.
    pub active_only: bool,
    pub expansion: Option<Expansion>,
}

/// One `include` or `exclude`.
#[derive(Clone, Default)]
pub struct Rule {
    pub system: Option<String>,
    pub version: Option<String>,
    pub concepts: Vec<Entry>,
    pub filters: Vec<Filter>,
    /// All of these must have the code.
    pub value_sets: Vec<String>,
}

#[derive(Clone)]
pub struct Filter {
    pub property: String,
    pub operator: String,
    pub value: String,
}

/// An expansion that came with the definition, by system.
#[derive(Clone, Default)]
pub struct Expansion {
    pub systems: Vec<(Option<String>, Vec<Entry>)>,
    /// Whether these are all codes of the set.
    pub complete: bool,
}

/// Levels of `contains` that are followed.
const DEPTH: usize = 32;

impl ValueSet {
    /// Reads a ValueSet resource.
    pub fn from_resource(resource: &Value) -> ValueSet {
        let text = |key: &str| resource[key].as_str().map(str::to_owned);
        let rules = |key: &str| items(&resource["compose"][key]).iter().map(Rule::read).collect();
        ValueSet {
            url: text("url").unwrap_or_default(),
            version: text("version"),
            name: text("name"),
            title: text("title"),
            include: rules("include"),
            exclude: rules("exclude"),
            active_only: resource["compose"]["inactive"] == false,
            expansion: resource.get("expansion").map(Expansion::read),
        }
    }

    /// Reads the pack's form: `codes` and `[property, op, value]` triples.
    pub fn from_facts(url: &str, facts: &Value) -> ValueSet {
        let rules = |key: &str| items(&facts[key]).iter().map(Rule::from_facts).collect();
        let version = url.starts_with("http://hl7.org/fhir/").then(|| "4.0.1".to_owned());
        ValueSet {
            url: url.to_owned(),
            version,
            include: rules("include"),
            exclude: rules("exclude"),
            ..ValueSet::default()
        }
    }
}

impl Rule {
    fn read(source: &Value) -> Rule {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let filter = |source: &Value| Filter {
            property: text(source, "property"),
            operator: text(source, "op"),
            value: text(source, "value"),
        };
        Rule {
            system: source["system"].as_str().map(str::to_owned),
            version: source["version"].as_str().map(str::to_owned),
            concepts: items(&source["concept"]).iter().map(entry).collect(),
            filters: items(&source["filter"]).iter().map(filter).collect(),
            value_sets: strings(&source["valueSet"]),
        }
    }

    fn from_facts(source: &Value) -> Rule {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let code = |code: String| Entry { code: code.into(), ..Entry::default() };
        let filter =
            |triple: &Value| Filter { property: text(&triple[0]), operator: text(&triple[1]), value: text(&triple[2]) };
        Rule {
            system: source["system"].as_str().map(str::to_owned),
            version: None,
            concepts: strings(&source["codes"]).into_iter().map(code).collect(),
            filters: items(&source["filters"]).iter().map(filter).collect(),
            value_sets: strings(&source["valueSet"]),
        }
    }
}

impl Expansion {
    fn read(source: &Value) -> Expansion {
        let mut expansion = Expansion::default();
        let mut count = 0;
        expansion.take(&source["contains"], 0, &mut HashMap::new(), &mut count);
        let all = source["total"].as_u64().is_none_or(|total| total <= count);
        let whole = items(&source["extension"]).is_empty() && items(&source["parameter"]).iter().all(harmless);
        expansion.complete = all && whole && source["offset"].as_u64().unwrap_or(0) == 0;
        expansion
    }

    /// `places` tells where in `systems` each has its codes.
    fn take<'s>(
        &mut self,
        contains: &'s Value,
        depth: usize,
        places: &mut HashMap<Option<&'s str>, usize>,
        count: &mut u64,
    ) {
        for source in items(contains).iter().filter(|_| depth < DEPTH) {
            *count += 1;
            // A heading has no code or cannot be chosen.
            if source["code"].is_string() && source["abstract"] != true {
                let system = source["system"].as_str();
                let at = *places.entry(system).or_insert(self.systems.len());
                match self.systems.get_mut(at) {
                    Some((_, entries)) => entries.push(entry(source)),
                    None => self.systems.push((system.map(str::to_owned), vec![entry(source)])),
                }
            }
            self.take(&source["contains"], depth + 1, places, count);
        }
    }
}

/// Parameters of an expansion that narrow it to less than the set.
fn harmless(parameter: &Value) -> bool {
    let narrowing = matches!(parameter["name"].as_str(), Some("filter" | "count" | "activeOnly" | "limitedExpansion"));
    !narrowing || parameter["valueBoolean"] == false
}

fn entry(source: &Value) -> Entry {
    Entry {
        code: source["code"].as_str().unwrap_or_default().into(),
        display: source["display"].as_str().map(Into::into),
        designations: items(&source["designation"]).iter().map(Designation::read).collect(),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Canonical addresses without their version, or codes.
fn strings(value: &Value) -> Vec<String> {
    items(value).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
