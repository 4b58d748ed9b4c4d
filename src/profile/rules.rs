//! `profile-rules.toml`: which profile a resource is held to, by type and FHIRPath condition.

use std::collections::HashMap;

use figment::Figment;
use figment::providers::{Format as _, Toml};
use serde::Deserialize;

use crate::fhir::fhirpath::{Context, Expression, Verdict};
use crate::fhir::json::Json;

use super::LoadError;

#[derive(Default)]
pub struct Rules {
    by_type: HashMap<String, Vec<Rule>>,
}

struct Rule {
    when: Expression,
    profile: String,
}

#[derive(Deserialize)]
struct RulesFile {
    #[serde(default, rename = "rule")]
    rules: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    #[serde(rename = "type")]
    resource_type: String,
    when: String,
    profile: String,
}

/// Steps that one condition may take.
const STEPS: usize = 50_000;

impl Rules {
    /// Reads the file; `known` tells whether a profile is loaded.
    pub fn load(path: &str, text: &str, known: impl Fn(&str) -> bool) -> Result<Rules, Vec<LoadError>> {
        let file: RulesFile = Figment::from(Toml::string(text))
            .extract()
            .map_err(|error| vec![LoadError::new(path, "rule", error.to_string())])?;
        let mut rules = Rules::default();
        let mut errors = Vec::new();
        for (index, rule) in file.rules.into_iter().enumerate() {
            let place = format!("rule[{index}]");
            if !known(&rule.profile) {
                errors.push(LoadError::new(path, &place, format!("the profile {} is not loaded", rule.profile)));
            }
            match Expression::compile(&rule.when) {
                Ok(when) => {
                    rules.by_type.entry(rule.resource_type).or_default().push(Rule { when, profile: rule.profile });
                }
                Err(error) => errors.push(LoadError::new(path, format!("{place}.when"), error.to_string())),
            }
        }
        if errors.is_empty() { Ok(rules) } else { Err(errors) }
    }

    pub fn has(&self, resource_type: &str) -> bool {
        self.by_type.contains_key(resource_type)
    }

    /// The profile of the first rule that holds.
    pub fn select<'a>(&'a self, resource_type: &str, resource: &'a Json) -> Option<&'a str> {
        let rules = self.by_type.get(resource_type)?;
        let mut context = Context::new(resource);
        context.max_steps = STEPS;
        rules.iter().find(|rule| rule.when.verdict(&context) == Ok(Verdict::Holds)).map(|rule| rule.profile.as_str())
    }
}
