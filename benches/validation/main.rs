//! Validation by itself, on one core: `cargo bench --bench validation -- [NAME…]`
//!
//! How long all definitions take to load and the memory that they hold; then, for each example of a profile, microseconds
//! a resource (the least over many batches, as the machine is noisy), parsing left aside, and those of its index rows,
//! which every write makes besides; and for the invariants of bed-vacancy, the longest there are here, microseconds each
//! on one slice of a ward. A NAME is a part of a file's name, such as `kh-ward`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and it prints figures"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kakehashi::definitions::built_in;
use kakehashi::fhir::fhirpath::{Context, Expression, Verdict};
use kakehashi::fhir::json::{Json, Limits, parse};
use kakehashi::fhir::outcome::Issue;
use kakehashi::profile::{Definitions, Settings};
use kakehashi::search::Parameters;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PACK: &[u8] = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
const BATCHES: usize = 40;
const BATCH: Duration = Duration::from_millis(10);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let files = built_in();
    let before = resident_kilobytes();
    let definitions = load(&files);
    let held = resident_kilobytes().saturating_sub(before);
    let mut loads: Vec<Duration> = (0..5).map(|_| timed(|| drop(black_box(load(&files))))).collect();
    loads.sort();
    println!("definitions: loaded in {:.0?} (middle of 5), {:.1} MB resident", loads[2], held as f64 / 1024.0);
    for (key, micros) in invariants() {
        println!("{micros:8.1} µs  invariant {key}");
    }
    let parameters = Parameters::compile(&definitions);
    for (name, resource, bytes) in examples() {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part)) {
            continue;
        }
        let micros = least_micros(&definitions, &resource);
        let rtype = resource.get_str("resourceType").unwrap_or_default();
        let rows = least(|| parameters.derive(rtype, black_box(&resource)));
        println!("{micros:8.1} µs  {rows:8.1} µs rows  {bytes:6} bytes  {name}");
    }
}

fn load(files: &[kakehashi::profile::SourceFile]) -> Definitions {
    Definitions::load(PACK, files, Settings::default()).expect("definitions")
}

/// The valid examples, in the form in which they travel: without white space.
fn examples() -> Vec<(String, Json, usize)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/examples");
    let entries = std::fs::read_dir(folder).expect("examples");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read(&path).expect("a file");
        let resource = parse(&text, Limits::default()).expect("JSON");
        let bytes = kakehashi::fhir::json::to_compact(&resource).len();
        (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), resource, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// The invariants of bed-vacancy on the first slice of an example ward.
fn invariants() -> Vec<(String, f64)> {
    let read = |path: &str| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles").join(path);
        parse(&std::fs::read(path).expect("a file"), Limits::default()).expect("JSON")
    };
    let definition = read("StructureDefinition/bed-vacancy.json");
    let ward = read("examples/kh-ward--ward-shirasagi-3e.json");
    let is_vacancy = |extension: &&Json| extension.get_str("url").is_some_and(|url| url.ends_with("/bed-vacancy"));
    let vacancy = ward.items("extension").iter().find(is_vacancy).expect("a slice");
    let root = definition.get("differential").and_then(|part| part.items("element").first()).expect("its root");
    let measure = |constraint: &Json| {
        let text = constraint.get_str("expression").expect("an expression");
        let expression = Expression::compile(text).expect("FHIRPath");
        let verdict = || expression.verdict(&Context::new(black_box(vacancy)));
        assert_eq!(verdict(), Ok(Verdict::Holds), "the example breaks it");
        (constraint.get_str("key").unwrap_or_default().to_owned(), least(verdict))
    };
    root.items("constraint").iter().map(measure).collect()
}

fn least_micros(definitions: &Definitions, resource: &Json) -> f64 {
    let validate = || definitions.validate(black_box(resource));
    assert!(!validate().iter().any(Issue::is_error), "the example is invalid");
    least(validate)
}

/// The least time of one run, over many batches of runs, in microseconds.
fn least<T>(run: impl Fn() -> T) -> f64 {
    let once = timed(|| drop(black_box(run())));
    let runs = u32::try_from(BATCH.as_nanos() / once.as_nanos().max(1)).unwrap_or(u32::MAX).max(1);
    let batch = || (0..runs).for_each(|_| drop(black_box(run())));
    let least = (0..BATCHES).map(|_| timed(batch)).min().unwrap_or_default();
    least.as_secs_f64() * 1e6 / f64::from(runs)
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// `VmRSS` of this process; 0 where there is no /proc.
fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default()
}
