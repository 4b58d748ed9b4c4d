//! The official R4 examples (`../shared/data/hl7-r4-examples`, `r4-core/examples`), of every type: what is refused stands
//! in `conformance/official-examples.toml`, with the element at fault, the reason, and whether HL7's Java validator
//! refuses it, too. Whatever else is refused, and whatever is not refused any more, fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};
use kakehashi::exchange::check_text_as;
use kakehashi::profile::Validation;

use crate::app::{definitions, official_examples};

const DEPTH: usize = 64;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    refused: Vec<Refused>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    file: String,
    element: String,
    /// Whether the Java validator refuses the file, too.
    java: bool,
    why: String,
}

#[test]
fn official_examples_are_refused_only_for_reasons_that_are_written_down() {
    let Some(examples) = official_examples() else { return };
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/official-examples.toml");
    let listed: Listed = Figment::from(Toml::file_exact(list)).extract().unwrap();
    let how = Validation { base_only: true, ..Validation::default() };
    let mut refused = BTreeMap::new();
    for (name, text) in &examples {
        let issues = check_text_as(&definitions(), text.as_bytes(), DEPTH, &how);
        let errors = issues.iter().filter(|issue| issue.is_error());
        let told: Vec<(String, String)> =
            errors.map(|issue| (issue.expression.clone().unwrap_or_default(), issue.en.clone())).collect();
        if !told.is_empty() {
            println!("{name}: {told:?}");
            refused.insert(name.as_str(), told);
        }
    }
    println!("{} of {} examples are refused", refused.len(), examples.len());
    assert!(examples.len() > 300, "{}", examples.len());
    let told: BTreeSet<&str> = refused.keys().copied().collect();
    let known: BTreeSet<&str> = listed.refused.iter().map(|row| row.file.as_str()).collect();
    assert_eq!(told, known, "conformance/official-examples.toml lists other files");
    for row in &listed.refused {
        let found = refused[row.file.as_str()].iter().any(|(element, _)| *element == row.element);
        assert!(found && !row.why.is_empty(), "{}: {:?}", row.file, refused[row.file.as_str()]);
    }
    let alone: Vec<&str> = listed.refused.iter().filter(|row| !row.java).map(|row| row.file.as_str()).collect();
    assert!(alone.is_empty(), "false alarms, which the Java validator does not raise: {alone:?}");
}
