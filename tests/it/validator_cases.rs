//! Verdicts on the R4 cases of HL7's validator tests (`../shared/data/fhir-test-cases/validator`) agree with those of
//! its Java validator. `conformance/validator-cases.toml` names what is left out and what differs, each with its reason;
//! it cannot go stale: a difference that it does not list, and one that is none any more, fail the test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};
use kakehashi::exchange::check_text_as;
use kakehashi::fhir::json::to_compact;
use kakehashi::profile::{Definitions, Settings, SourceFile, Validation};
use serde_json::Value;

use crate::app::{definitions, shared_data};
use crate::fhir_xml;

const DEPTH: usize = 64;

/// Why a case may be left out.
const GROUNDS: [&str; 4] = ["external code system", "option", "package", "version"];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    excluded: Vec<Excluded>,
    differs: Vec<Differs>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Excluded {
    case: String,
    ground: String,
    why: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Differs {
    case: String,
    why: String,
}

/// One verdict to compare: a case by itself, or against the profile that it names.
struct Row {
    name: String,
    tier: char,
    file: String,
    definitions: Vec<String>,
    profile: Option<String>,
    /// Errors that the Java validator finds; `None` where the data have no answer of it.
    errors: Option<usize>,
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The errors in a published outcome: in the manifest itself, or in a file that it names.
fn errors(folder: &Path, outcome: &Value) -> Option<usize> {
    if let Some(count) = outcome["errorCount"].as_u64() {
        return usize::try_from(count).ok();
    }
    let text = std::fs::read_to_string(folder.join("outcomes").join(outcome.as_str()?)).ok()?;
    let outcome: Value = serde_json::from_str(&text).unwrap();
    // An outcome without issues is one without errors.
    let is_error = |issue: &&Value| matches!(issue["severity"].as_str(), Some("error" | "fatal"));
    Some(outcome["issue"].as_array().into_iter().flatten().filter(is_error).count())
}

fn rows(folder: &Path) -> Vec<Row> {
    let read =
        |name: &str| -> Value { serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap() };
    let (manifest, summary) = (read("manifest-subset.json"), read("expected-summary.json"));
    let summary = summary.as_array().unwrap();
    let tiers: BTreeMap<&str, char> = summary
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["tier"].as_str().unwrap().chars().next().unwrap()))
        .collect();
    let mut rows = Vec::new();
    for case in manifest["test-cases"].as_array().unwrap() {
        let (name, file) = (case["name"].as_str().unwrap(), case["file"].as_str().unwrap());
        let Some(tier) = tiers.get(name).filter(|_| file.ends_with(".json")) else { continue };
        let mut loaded = [strings(&case["supporting"]), strings(&case["profiles"])].concat();
        rows.push(Row {
            name: name.to_owned(),
            tier: *tier,
            file: file.to_owned(),
            definitions: loaded.clone(),
            profile: None,
            errors: errors(folder, &case["java"]),
        });
        let Some(source) = case["profile"]["source"].as_str() else { continue };
        loaded.extend(strings(&case["profile"]["supporting"]));
        loaded.push(source.to_owned());
        rows.push(Row {
            name: format!("{name} (profile)"),
            tier: *tier,
            file: file.to_owned(),
            definitions: loaded,
            profile: Some(source.to_owned()),
            errors: errors(folder, &case["profile"]["java"]),
        });
    }
    rows
}

/// A definition of the suite as JSON text.
fn definition(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    if name.ends_with(".xml") { to_compact(&fhir_xml::to_json(&definitions(), &text)) } else { text }
}

/// Our errors, each in words; those of loading where a definition is refused.
fn judge(folder: &Path, row: &Row) -> Vec<String> {
    let texts: BTreeMap<&String, String> =
        row.definitions.iter().map(|name| (name, definition(folder, name))).collect();
    let source = |(at, (_, text)): (usize, (&&String, &String))| {
        let mut resource: Value = serde_json::from_str(text).unwrap();
        // A file of ours is named after its id; some of these have none.
        resource["id"] = Value::from(format!("d{at}"));
        let path = format!("{}/d{at}.json", resource["resourceType"].as_str().unwrap());
        SourceFile { path, text: resource.to_string() }
    };
    let files: Vec<SourceFile> = texts.iter().enumerate().map(source).collect();
    // That validator is run with extensions that it does not know as errors, and profiles as warnings.
    let settings = Settings { refuse_unknown_extensions: true, ..Settings::default() };
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    let loaded = match Definitions::load(pack, &files, settings) {
        Ok(loaded) => loaded,
        Err(problems) => return problems.iter().map(|problem| format!("refused at load: {problem}")).collect(),
    };
    let text = std::fs::read(folder.join(&row.file)).unwrap();
    let url = |name: &String| serde_json::from_str::<Value>(&texts[name]).unwrap()["url"].as_str().unwrap().to_owned();
    let how = Validation { profiles: row.profile.iter().map(url).collect(), base_only: true, ..Validation::default() };
    let issues = check_text_as(&loaded, &text, DEPTH, &how);
    let errors = issues.iter().filter(|issue| issue.is_error());
    errors.map(|issue| format!("{} {}", issue.expression.as_deref().unwrap_or_default(), issue.en)).collect()
}

#[test]
fn verdicts_agree_with_hl7s_validator() {
    let Some(folder) = shared_data("fhir-test-cases/validator") else { return };
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/validator-cases.toml");
    let listed: Listed = Figment::from(Toml::file_exact(list)).extract().unwrap();
    let all = rows(&folder);
    let names: BTreeSet<&str> = all.iter().map(|row| row.name.as_str()).collect();
    let mut excluded = BTreeMap::new();
    for left_out in &listed.excluded {
        assert!(names.contains(left_out.case.as_str()), "no such case: {}", left_out.case);
        assert!(GROUNDS.contains(&left_out.ground.as_str()) && !left_out.why.is_empty(), "{}", left_out.case);
        excluded.insert(left_out.case.as_str(), left_out.ground.as_str());
    }
    let (mut judged, mut advisory) = (0, (0, 0));
    let (mut differs, mut grounds) = (BTreeMap::new(), BTreeMap::<&str, usize>::new());
    for row in &all {
        let Some(expected) = row.errors else {
            *grounds.entry("no verdict").or_default() += 1;
            continue;
        };
        if let Some(ground) = excluded.get(row.name.as_str()) {
            *grounds.entry(ground).or_default() += 1;
            continue;
        }
        let found = judge(&folder, row);
        let agrees = found.is_empty() == (expected == 0);
        if row.tier == 'C' {
            advisory = (advisory.0 + usize::from(agrees), advisory.1 + 1);
            continue;
        }
        judged += 1;
        if !agrees {
            println!("{}: {expected} errors expected, found {found:?}", row.name);
            differs.insert(row.name.as_str(), found);
        }
    }
    println!(
        "{} of {judged} verdicts agree; left out: {grounds:?}; advisory (R5 by default): {} of {}",
        judged - differs.len(),
        advisory.0,
        advisory.1
    );
    let known: BTreeSet<&str> = listed.differs.iter().map(|row| row.case.as_str()).collect();
    assert!(listed.differs.iter().all(|row| !row.why.is_empty()));
    let told: BTreeSet<&str> = differs.keys().copied().collect();
    assert_eq!(told, known, "conformance/validator-cases.toml lists other differences: {differs:?}");
    assert!(judged >= 75, "only {judged} verdicts were compared");
    assert!(differs.len() * 100 <= judged * 4, "{} of {judged} verdicts differ", differs.len());
}
