//! The valid examples of the profiles, each with one change at a time, at every place and depth. What breaks a rule for
//! sure (`expectation.rs`) must be refused, with an error at the broken element, or at its parent where it is missing.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use kakehashi::exchange::check_text;
use kakehashi::fhir::outcome::Issue;
use serde_json::{Value, json};

use crate::app::definitions;
use crate::contract::{Contract, OURS, json_files};
use crate::expectation::{Breach, breaches};

/// Mutants tried of one example: of a longer list, every second or third, and so on.
const MOST: usize = 300;

/// Names the file that the mutants are written to, with our verdicts, to have another validator judge them
/// (`conformance/local-profiles.md`).
const MUTANTS_FILE: &str = "KAKEHASHI_TEST_MUTANTS";

/// A changed example: what was done, and where.
struct Mutant {
    name: String,
    resource: Value,
}

/// Every value of a resource that lies in an object or array: its pointer, in document order.
fn places(node: &Value, pointer: &str, found: &mut Vec<String>) {
    let mut below = |name: String, value: &Value| {
        let pointer = format!("{pointer}/{name}");
        found.push(pointer.clone());
        places(value, &pointer, found);
    };
    match node {
        Value::Object(members) => members.iter().for_each(|(name, value)| below(name.clone(), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| below(at.to_string(), value)),
        _ => {}
    }
}

fn mutants(example: &Value) -> Vec<Mutant> {
    let mut pointers = Vec::new();
    places(example, "", &mut pointers);
    pointers.iter().filter(|pointer| *pointer != "/resourceType").flat_map(|pointer| at(example, pointer)).collect()
}

/// All changes at one place.
fn at(example: &Value, pointer: &str) -> Vec<Mutant> {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let value = example.pointer(pointer).unwrap();
    let mut made = Vec::new();
    let mut make = |operator: &str, change: &dyn Fn(&mut Value)| {
        let mut resource = example.clone();
        change(&mut resource);
        if resource != *example {
            made.push(Mutant { name: format!("{operator} {pointer}"), resource });
        }
    };
    let target = |resource: &mut Value, change: &dyn Fn(&mut Value)| change(resource.pointer_mut(pointer).unwrap());
    make("drop", &|resource| remove(resource.pointer_mut(parent).unwrap(), name));
    make("duplicate", &|resource| duplicate(resource.pointer_mut(parent).unwrap(), name));
    for other in retyped(value) {
        make(&format!("retype to {}", kind(&other)), &|resource| target(resource, &|place| *place = other.clone()));
    }
    for other in recoded(name, value) {
        make("recode", &|resource| target(resource, &|place| *place = other.clone()));
    }
    if example.pointer(parent).unwrap().is_object() {
        for renamed in [format!("{name}s"), format!("_{name}"), "value".to_owned(), "text".to_owned()] {
            make(&format!("rename to {renamed}"), &|resource| {
                rename(resource.pointer_mut(parent).unwrap(), name, &renamed)
            });
        }
        if let Some((above, _)) = parent.rsplit_once('/') {
            make("misplace", &|resource| misplace(resource, parent, above, name));
        }
    }
    if value.is_object() {
        make("add unknown member", &|resource| target(resource, &|place| place["remark"] = json!("x")));
        make("add implicit rules", &|resource| target(resource, &|place| place["implicitRules"] = json!("urn:x:y")));
    }
    made
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn remove(parent: &mut Value, name: &str) {
    match parent {
        Value::Object(members) => {
            members.remove(name);
        }
        Value::Array(items) => {
            items.remove(name.parse().unwrap());
        }
        _ => {}
    }
}

/// Another of the same beside it; what cannot repeat becomes an array of two.
fn duplicate(parent: &mut Value, name: &str) {
    match parent {
        Value::Object(members) => {
            if let Some(value) = members.get_mut(name).filter(|value| !value.is_array()) {
                *value = json!([value.clone(), value.clone()]);
            }
        }
        Value::Array(items) => {
            let at: usize = name.parse().unwrap();
            items.insert(at, items[at].clone());
        }
        _ => {}
    }
}

fn rename(parent: &mut Value, name: &str, renamed: &str) {
    let members = parent.as_object_mut().unwrap();
    if !members.contains_key(renamed) {
        let value = members.remove(name).unwrap();
        members.insert(renamed.to_owned(), value);
    }
}

/// The member stands one object further up.
fn misplace(resource: &mut Value, parent: &str, above: &str, name: &str) {
    let above = if resource.pointer(above).unwrap().is_array() { above.rsplit_once('/').unwrap().0 } else { above };
    if resource.pointer(above).unwrap().get(name).is_none() {
        let value = resource.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        resource.pointer_mut(above).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    }
}

/// Values of other JSON types.
fn retyped(value: &Value) -> Vec<Value> {
    match value {
        Value::String(_) => vec![json!(7), json!({"value": "x"}), json!(true), json!("")],
        Value::Number(_) => vec![json!("7"), json!(-1), json!(1.5), json!(true)],
        Value::Bool(_) => vec![json!("true"), json!(1)],
        Value::Array(items) => vec![items.first().cloned().unwrap_or_default(), json!([]), json!("x")],
        Value::Object(_) => vec![json!("x"), json!({}), json!([value.clone()])],
        Value::Null => Vec::new(),
    }
}

/// Other values of the same type, where the name tells that they matter.
fn recoded(name: &str, value: &Value) -> Vec<Value> {
    let Some(text) = value.as_str() else { return Vec::new() };
    match name {
        "reference" => ["Patient/other", "Location/other", "Organization/other", "Group/other", "Task/other"]
            .map(Value::from)
            .to_vec(),
        "system" | "url" => vec![json!("https://example.org/other"), json!(format!("{text}x")), json!("a b")],
        "code" | "status" | "intent" | "mode" | "priority" | "use" | "gender" | "type" | "valueCode" | "method" => {
            vec![json!("no-such-code"), json!(text.to_uppercase()), json!("active"), json!(format!("{text} "))]
        }
        _ if text.len() >= 10 && text.starts_with("20") => {
            vec![json!(text.replacen("20", "2O", 1)), json!(&text[..10]), json!("2026-13-40")]
        }
        _ => vec![json!("x")],
    }
}

/// Whether an error stands where the breach is: at the element or inside it.
fn is_told(breach: &Breach, errors: &[&Issue]) -> bool {
    let inside = format!("{}/", breach.pointer);
    let mut pointers = errors.iter().filter_map(|issue| issue.pointer.as_deref());
    pointers.any(|pointer| pointer == breach.pointer || pointer.starts_with(&inside))
}

/// What one mutant came to.
enum Verdict {
    /// No rule is broken for sure; whether it was refused.
    Open(bool),
    /// Refused, with an error at the place of every breach.
    Told,
    /// Refused, but some breach has no error at its place.
    Elsewhere,
    Passed,
}

fn judge(contract: &Contract, mutant: &Mutant) -> (Verdict, BTreeSet<Breach>, Vec<Issue>) {
    let expected = breaches(contract, &mutant.resource, None);
    let issues = check_text(&definitions(), mutant.resource.to_string().as_bytes(), 64);
    let errors: Vec<&Issue> = issues.iter().filter(|issue| issue.is_error()).collect();
    // What breaks the rules of JSON itself is refused before any profile is looked at (R4 `json.html`).
    let told = |breach: &Breach| is_told(breach, &errors);
    let unread = errors.iter().any(|issue| issue.rule.as_deref() == Some("json.html"));
    let all_told = expected.iter().all(told) || (unread && expected.iter().any(told));
    let verdict = match (expected.is_empty(), errors.is_empty()) {
        (true, none) => Verdict::Open(!none),
        (false, true) => Verdict::Passed,
        (false, false) if all_told => Verdict::Told,
        (false, false) => Verdict::Elsewhere,
    };
    (verdict, expected, issues)
}

/// The valid examples that declare one of our profiles.
fn examples() -> impl Iterator<Item = (String, Value)> {
    let ours = |resource: &Value| resource["meta"]["profile"][0].as_str().is_some_and(|url| url.starts_with(OURS));
    json_files("examples").into_iter().filter(move |(_, resource)| ours(resource))
}

#[test]
fn valid_examples_break_nothing() {
    let contract = Contract::read();
    for (name, resource) in json_files("examples") {
        let found = breaches(&contract, &resource, None);
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}

/// What came of the mutants of one example.
#[derive(Default)]
struct Tally {
    made: usize,
    told: usize,
    open: usize,
    /// Refused, though no breach is known: an invariant, a form, JSON itself.
    open_refused: usize,
    wrong: Vec<String>,
    /// The mutants with our verdicts, where they are asked for.
    rows: Vec<String>,
}

fn tally(contract: &Contract, file: &str, example: &Value) -> Tally {
    let mut tally = Tally::default();
    let mutants = mutants(example);
    let step = mutants.len().div_ceil(MOST);
    for mutant in mutants.iter().step_by(step) {
        let (verdict, expected, issues) = judge(contract, mutant);
        let mut wrong = |what: &str| {
            tally.wrong.push(format!("{what}: {file} {}: {expected:?}, told {:?}", mutant.name, pointers(&issues)));
        };
        match verdict {
            Verdict::Told => tally.told += 1,
            Verdict::Open(refused) => {
                tally.open += 1;
                tally.open_refused += usize::from(refused);
            }
            Verdict::Elsewhere => wrong("refused elsewhere"),
            Verdict::Passed => wrong("not refused"),
        }
        if std::env::var_os(MUTANTS_FILE).is_some() {
            let valid = !issues.iter().any(Issue::is_error);
            let name = format!("{file} {}", mutant.name);
            tally.rows.push(json!({"id": name, "text": mutant.resource.to_string(), "ours": valid}).to_string());
        }
        tally.made += 1;
    }
    tally
}

#[test]
fn what_breaks_a_rule_is_refused_at_its_place() {
    let contract = Contract::read();
    let examples: Vec<(String, Value)> = examples().collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((file, example)) = examples.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(tally(&contract, file, example));
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (made, open, told) = (sum(|tally| tally.made), sum(|tally| tally.open), sum(|tally| tally.told));
    let fewest = tallies.iter().map(|tally| tally.made).min().unwrap_or_default();
    println!("{made} mutants of {} examples, at least {fewest} of one", tallies.len());
    println!("{} break a rule for sure; {told} of them are refused at its place", made - open);
    println!("{} of the other {open} are refused, too", sum(|tally| tally.open_refused));
    if let Some(path) = std::env::var_os(MUTANTS_FILE) {
        let rows: Vec<&str> = tallies.iter().flat_map(|tally| &tally.rows).map(String::as_str).collect();
        std::fs::write(path, rows.join("\n")).unwrap();
    }
    let wrong: Vec<&String> = tallies.iter().flat_map(|tally| &tally.wrong).collect();
    assert!(fewest >= 100 && made > 10_000);
    assert!(
        wrong.is_empty(),
        "{} wrong: {:#?}",
        wrong.len(),
        &wrong.iter().step_by(wrong.len().div_ceil(80)).collect::<Vec<_>>()
    );
}

fn pointers(issues: &[Issue]) -> Vec<String> {
    let place =
        |issue: &Issue| format!("{} {}", issue.pointer.as_deref().unwrap_or("-"), issue.rule.as_deref().unwrap_or("-"));
    issues.iter().filter(|issue| issue.is_error()).map(place).collect()
}
