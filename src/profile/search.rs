//! Search parameters: R4's from the pack, read when a type is asked for, and the region's own.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::Value;

use super::LoadError;
use super::facts::Facts;

/// R4 `valueset-search-param-type.html`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchKind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

impl SearchKind {
    pub fn code(self) -> &'static str {
        match self {
            SearchKind::Number => "number",
            SearchKind::Date => "date",
            SearchKind::String => "string",
            SearchKind::Token => "token",
            SearchKind::Reference => "reference",
            SearchKind::Composite => "composite",
            SearchKind::Quantity => "quantity",
            SearchKind::Uri => "uri",
            SearchKind::Special => "special",
        }
    }
}

/// One search parameter of one type.
#[derive(Clone, Debug, Deserialize)]
pub struct SearchParameter {
    pub code: String,
    #[serde(rename = "type")]
    pub kind: SearchKind,
    /// FHIRPath; `None` for parameters without one, such as `_text`.
    pub expression: Option<String>,
    /// Types that a reference may point to.
    #[serde(default, rename = "target")]
    pub targets: Vec<String>,
    #[serde(default, rename = "component")]
    pub components: Vec<SearchComponent>,
    pub url: String,
}

/// A part of a composite.
#[derive(Clone, Debug, Deserialize)]
pub struct SearchComponent {
    /// The url of the parameter that is meant.
    pub definition: String,
    pub expression: String,
}

pub struct Index {
    facts: Arc<Facts>,
    local: HashMap<String, Vec<SearchParameter>>,
    by_type: HashMap<String, OnceLock<Vec<SearchParameter>>>,
}

impl Index {
    /// Takes the region's SearchParameters; R4's are read later.
    pub fn load(facts: Arc<Facts>, sources: &[(String, Value)]) -> (Index, Vec<LoadError>) {
        let mut local: HashMap<String, Vec<SearchParameter>> = HashMap::new();
        let mut errors = Vec::new();
        for (path, source) in sources {
            let parameter: SearchParameter = match serde_json::from_value(source.clone()) {
                Ok(parameter) => parameter,
                Err(error) => {
                    errors.push(LoadError::new(path, "SearchParameter", error.to_string()));
                    continue;
                }
            };
            for base in source["base"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !facts.contains("type", base) {
                    errors.push(LoadError::new(path, "base", format!("R4 has no type {base}")));
                }
                let known = local.entry(base.to_owned()).or_default();
                // Both would go by one name, in queries and in the index.
                if known.iter().any(|one| one.code == parameter.code) {
                    let reason = format!("another file has a parameter {} of {base} already", parameter.code);
                    errors.push(LoadError::new(path, "code", reason));
                }
                known.push(parameter.clone());
            }
        }
        let by_type = facts.names("type").map(|name| (name.to_owned(), OnceLock::new())).collect();
        (Index { facts, local, by_type }, errors)
    }

    pub fn of_type(&self, resource_type: &str) -> &[SearchParameter] {
        self.by_type
            .get(resource_type)
            .map(|slot| slot.get_or_init(|| self.collect(resource_type)).as_slice())
            .unwrap_or_default()
    }

    fn collect(&self, resource_type: &str) -> Vec<SearchParameter> {
        let mut all: Vec<SearchParameter> = Vec::new();
        for base in ["Resource", "DomainResource", resource_type] {
            let published: Vec<SearchParameter> =
                self.facts.text("search", base).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            let local = self.local.get(base).cloned().unwrap_or_default();
            for parameter in published.into_iter().chain(local) {
                all.retain(|known| known.code != parameter.code);
                all.push(parameter);
            }
        }
        all.sort_by(|left, right| left.code.cmp(&right.code));
        all
    }

    pub fn compartment(&self, name: &str) -> HashMap<String, Vec<String>> {
        self.facts.text("compartment", name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}
