//! Random changes to examples, expressions and definitions: nothing panics, all is bounded in time, findings point at
//! what is there, and a second look finds the same. The changes are drawn from a seed, so that a failure can be had again:
//! `KAKEHASHI_TEST_FUZZ_SEED` sets the first, `KAKEHASHI_TEST_FUZZ_SECONDS` how long each test goes on (a second in CI).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use kakehashi::exchange::check_text;
use kakehashi::fhir::fhirpath::{Context, Expression};
use kakehashi::fhir::json::{Json, Limits, parse};
use kakehashi::profile::{Definitions, Settings, SourceFile};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::app::definitions;

const DEPTH: usize = 64;

/// One run may take so long, without optimisation and beside others.
const LIMIT: Duration = Duration::from_secs(10);

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Runs `one` with a new seed each time until the time is over; a panic tells its seed.
fn repeat(one: impl Fn(&mut Random)) {
    let first = number("KAKEHASHI_TEST_FUZZ_SEED", 1);
    let end = Instant::now() + Duration::from_secs(number("KAKEHASHI_TEST_FUZZ_SECONDS", 1));
    let mut runs = 0;
    while Instant::now() < end {
        let seed = first + runs;
        let start = Instant::now();
        let run = catch_unwind(AssertUnwindSafe(|| one(&mut Random(ChaCha8Rng::seed_from_u64(seed)))));
        assert!(run.is_ok(), "with KAKEHASHI_TEST_FUZZ_SEED={seed}");
        assert!(start.elapsed() < LIMIT, "seed {seed} took {:?}", start.elapsed());
        runs += 1;
    }
    println!("{runs} runs, from seed {first}");
}

struct Random(ChaCha8Rng);

impl Random {
    /// A number below `end`; 0 where there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64()).unwrap_or(usize::MAX).checked_rem(end).unwrap_or(0)
    }

    fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }
}

/// The JSON files below a folder of `fhir-profiles/`.
fn files(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Values that stand where others are expected.
fn odd(random: &mut Random) -> Value {
    let long = "x".repeat(random.below(3_000));
    let nested = (0..random.below(80)).fold(json!(1), |inner, _| json!([inner]));
    let options = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("#"),
        json!("#a"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!({"id": "a"}),
        json!({"reference": "#"}),
        json!({"url": "x"}),
        json!("urn:uuid:"),
        json!("2026-02-30"),
        json!("T"),
        json!("\u{0}"),
        json!("山\u{202e}"),
        json!("<div"),
        json!({"resourceType": "Bundle", "type": "document", "entry": [{}]}),
        json!({"resourceType": "Patient"}),
        json!("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1"),
        json!(long),
        nested,
    ];
    random.pick(&options).clone()
}

/// Every place in a value, as pointers.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            places(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), into)
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), into));
        }
        _ => {}
    }
}

/// A few changes to the tree: odd values, members moved, copied, renamed or taken away.
fn shake(random: &mut Random, value: &mut Value) {
    for _ in 0..=random.below(4) {
        let mut pointers = Vec::new();
        places(value, "", &mut pointers);
        let from = random.pick(&pointers).clone();
        let copied = value.pointer(&from).cloned().unwrap_or_default();
        let to = random.pick(&pointers).clone();
        let oddity = odd(random);
        let Some(target) = value.pointer_mut(&to) else { continue };
        match (random.below(6), target) {
            (0, target) => *target = oddity,
            (1, target) => *target = copied,
            (2, Value::Object(members)) => {
                let name = members.keys().nth(random.below(members.len())).cloned();
                name.and_then(|name| members.remove(&name));
            }
            (3, Value::Object(members)) => {
                let name = members.keys().nth(random.below(members.len())).cloned().unwrap_or_default();
                let taken = members.remove(&name).unwrap_or_default();
                members.insert(format!("_{name}"), taken);
            }
            (4, Value::Object(members)) => {
                members.insert(
                    (*random.pick(&["extension", "contained", "value", "id", "_id", "", "a/b~c"])).into(),
                    copied,
                );
            }
            (_, Value::Array(items)) => {
                let times = random.below(20);
                items.extend(std::iter::repeat_n(copied, times));
            }
            (_, target) => *target = json!([oddity]),
        }
    }
}

/// The text judged twice: the same findings, each at a place that is there.
fn judge(definitions: &Definitions, text: &[u8]) {
    let issues = check_text(definitions, text, DEPTH);
    assert_eq!(issues, check_text(definitions, text, DEPTH));
    let Ok(tree) = parse(text, Limits { depth: DEPTH }) else { return };
    for issue in &issues {
        let there = issue.pointer.as_deref().is_none_or(|pointer| tree.pointer(pointer).is_some());
        assert!(there, "{issue:?} points at nothing in {}", String::from_utf8_lossy(text));
        assert!(!issue.ja.is_empty() && !issue.en.is_empty(), "{issue:?}");
    }
}

#[test]
fn shaken_resources_are_judged() {
    let examples = files("examples");
    repeat(|random| {
        let mut resource: Value = serde_json::from_str(random.pick::<String>(&examples)).unwrap();
        shake(random, &mut resource);
        judge(&definitions(), resource.to_string().as_bytes());
    });
}

#[test]
fn torn_texts_are_judged() {
    let examples = files("examples");
    repeat(|random| {
        let mut text = random.pick(&examples).clone().into_bytes();
        for _ in 0..=random.below(4) {
            let at = random.below(text.len());
            let end = at + random.below(text.len() - at);
            let piece = text[at..end].to_vec();
            match random.below(5) {
                0 => text.truncate(at),
                1 => drop(text.drain(at..end)),
                2 => drop(text.splice(at..at, piece)),
                3 => text.insert(at, *random.pick(b"{}[]\":,\\u0\x00\xff<&'-.e")),
                _ => text[at] = text[at].wrapping_add(1),
            }
            if text.is_empty() {
                break;
            }
        }
        judge(&definitions(), &text);
    });
}

/// The invariants of the profiles, cut into words.
fn words() -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for text in files("StructureDefinition") {
        let definition: Value = serde_json::from_str(&text).unwrap();
        for element in definition["differential"]["element"].as_array().unwrap() {
            for constraint in element["constraint"].as_array().into_iter().flatten() {
                let expression = constraint["expression"].as_str().unwrap();
                words.extend(expression.split_inclusive(['.', ' ', '(', ')']).map(str::to_owned));
            }
        }
    }
    let more =
        ["descendants()", "repeat($this)", "'x'", "@2026-01-01", "1 'kg'", "%resource", " | ", " in ", "$this", "[0]"];
    words.extend(more.map(str::to_owned));
    words.extend(
        [".combine(%resource.descendants())", ".aggregate($total + 1, 0)", ".toQuantity()", ".lowBoundary()"]
            .map(str::to_owned),
    );
    words
}

#[test]
fn shuffled_expressions_are_compiled_and_run() {
    let (words, examples) = (words(), files("examples"));
    repeat(|random| {
        let count = random.below(14);
        let text: String = (0..count).map(|_| random.pick(&words).as_str()).collect();
        let Ok(expression) = Expression::compile(&text) else { return };
        let tree: Json = parse(random.pick(&examples).as_bytes(), Limits::default()).unwrap();
        let definitions = definitions();
        let mut context = Context::new(&tree).with_model(definitions.model());
        context.max_steps = 100_000;
        let first = expression.evaluate(&context).map(|items| items.len());
        assert_eq!(first, expression.evaluate(&context).map(|items| items.len()), "{text}");
    });
}

#[test]
fn shaken_definitions_are_loaded_or_refused() {
    let (profiles, examples) = (files("StructureDefinition"), files("examples"));
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    repeat(|random| {
        let mut definition: Value = serde_json::from_str(random.pick::<String>(&profiles)).unwrap();
        shake(random, &mut definition);
        let url = definition["url"].as_str().unwrap_or_default().to_owned();
        let file = SourceFile { path: "StructureDefinition/x.json".into(), text: definition.to_string() };
        if let Ok(loaded) = Definitions::load(pack, &[file], Settings::default()) {
            let mut resource: Value = serde_json::from_str(random.pick::<String>(&examples)).unwrap();
            resource["meta"] = json!({"profile": [url]});
            judge(&loaded, resource.to_string().as_bytes());
        }
    });
}
