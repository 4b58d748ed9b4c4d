//! Findings as SARIF 2.1.0, which code hosts show beside the lines of a change.
//! `docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html`.

use std::collections::BTreeMap;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::fhir::outcome::{Issue, Language, Severity};

use super::validate::Judged;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What a path in a URI may hold as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The one run of a log.
#[derive(Default)]
pub struct Log {
    rules: BTreeMap<String, usize>,
    results: Vec<Value>,
}

impl Log {
    pub fn add(&mut self, judged: &Judged, language: Language) {
        for issue in &judged.issues {
            let rule = rule_id(issue);
            let next = self.rules.len();
            let index = *self.rules.entry(rule.clone()).or_insert(next);
            let expression = issue.expression.as_deref().filter(|text| !text.is_empty());
            let text = issue.text(language);
            let text = expression.map_or_else(|| text.to_owned(), |expression| format!("{expression}: {text}"));
            self.results.push(json!({
                "ruleId": rule,
                "ruleIndex": index,
                "level": level(issue.severity),
                "message": { "text": text },
                "locations": [location(judged, issue)],
            }));
        }
    }

    pub fn finish(self) -> Value {
        let mut rules: Vec<(String, usize)> = self.rules.into_iter().collect();
        rules.sort_by_key(|(_, index)| *index);
        let rules = rules.into_iter().map(|(id, _)| json!({ "id": id, "shortDescription": { "text": describe(&id) } }));
        let driver = json!({
            "name": "kakehashi",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.collect::<Vec<_>>(),
        });
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": self.results }],
        })
    }
}

/// The broken rule `profile|element|constraint`; where there is none, the kind of issue.
fn rule_id(issue: &Issue) -> String {
    issue.rule.clone().unwrap_or_else(|| issue.code.code().to_owned())
}

fn describe(rule: &str) -> String {
    match rule.split('|').collect::<Vec<_>>().as_slice() {
        [profile, element, key] => format!("{key} of {element} in {profile}"),
        _ => rule.to_owned(),
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Information => "note",
    }
}

fn location(judged: &Judged, issue: &Issue) -> Value {
    let (line, column) = match issue.place {
        Some(place) => (place.line, place.column),
        None => (judged.item.line.unwrap_or(1), 1),
    };
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&judged.item.file) },
            "region": { "startLine": line, "startColumn": column },
        },
    });
    if let Some(expression) = issue.expression.as_deref().filter(|text| !text.is_empty()) {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": expression }]);
    }
    location
}

/// Relative as the path is, so that a code host finds the file in its own copy.
fn uri(file: &str) -> String {
    let path = utf8_percent_encode(file, PATH).to_string();
    match file {
        "-" => "stdin".to_owned(),
        _ if Path::new(file).is_absolute() => format!("file://{path}"),
        _ => path.strip_prefix("./").unwrap_or(&path).to_owned(),
    }
}
