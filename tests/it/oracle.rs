//! Verdicts on a corpus of resources with one change each, judged by HL7's validator and reviewed
//! (`../shared/data/oracle`; its `INDEX.md` says how). What rests on code systems that are not at hand is passed over.
//! `conformance/oracle.toml` names every remaining difference with its reason; a difference that it does not list, and
//! one that is none any more, fail the test.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use kakehashi::definitions::built_in;
use kakehashi::exchange::check_text;
use kakehashi::fhir::json::{Json, Limits, parse, to_compact};
use kakehashi::fhir::patch::json_patch;
use kakehashi::profile::{Definitions, Settings};

use crate::app::shared_data;
use crate::differences::assert_listed;

const DEPTH: usize = 64;

/// The types that the gateway is about, which must do as well by themselves.
const MAIN: [&str; 5] = ["Location", "HealthcareService", "ServiceRequest", "CareTeam", "Task"];

fn lines(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| parse(line.as_bytes(), Limits::default()).unwrap()).collect()
}

/// A seed's resource: in the line itself, or in a file beside the corpus.
fn seed_text(seed: &Json, root: &Path) -> String {
    match seed.get("resource") {
        Some(resource) => to_compact(resource),
        None => std::fs::read_to_string(root.join(seed.get_str("source").unwrap())).unwrap(),
    }
}

fn mutant_text(mutant: &Json, seeds: &HashMap<String, String>) -> String {
    if let Some(text) = mutant.get_str("text") {
        return text.to_owned();
    }
    let mut tree = parse(seeds[mutant.get_str("seed").unwrap()].as_bytes(), Limits::default()).unwrap();
    json_patch::apply(&mut tree, mutant.get("patch").unwrap()).unwrap();
    to_compact(&tree)
}

/// An expression without the marks of choices (`value.ofType(Quantity)`, `value[x]`).
fn plain(expression: &str) -> String {
    let expression = expression.replace("[x]", "");
    let mut parts = expression.split(".ofType(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// Whether one of our errors stands at an element that the oracle names, or below it; `None` where it names none.
fn at_the_element(mutant: &Json, found: &[String]) -> Option<bool> {
    let errors =
        mutant.items("issues").iter().filter(|issue| matches!(issue.get_str("severity"), Some("error" | "fatal")));
    let places: Vec<String> = errors.filter_map(|issue| issue.get_str("location").map(plain)).collect();
    let below = |ours: &str, place: &str| {
        // Where there is no type to name, the oracle writes `$`.
        place == "$" || ours.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let hit = |ours: &String| places.iter().any(|place| below(&plain(ours), place));
    (!places.is_empty()).then(|| found.iter().any(hit))
}

/// Verdicts that were compared, those that differ, and how many valid resources were refused.
#[derive(Default)]
struct Tally {
    judged: usize,
    valid: usize,
    alarms: usize,
    wrong: BTreeSet<String>,
    caught: usize,
    placed: usize,
    by_type: BTreeMap<String, (usize, usize)>,
}

impl Tally {
    fn add(&mut self, mutant: &Json, rtype: &str, expect: bool, found: &[String]) {
        self.judged += 1;
        self.valid += usize::from(expect);
        let valid = found.is_empty();
        self.alarms += usize::from(expect && !valid);
        let of_type = self.by_type.entry(rtype.to_owned()).or_default();
        of_type.1 += 1;
        of_type.0 += usize::from(valid == expect);
        let id = mutant.get_str("id").unwrap();
        if valid != expect {
            println!("{id}: expected {expect}, found {found:?}");
            self.wrong.insert(id.to_owned());
        } else if !valid && let Some(placed) = at_the_element(mutant, found) {
            self.caught += 1;
            self.placed += usize::from(placed);
            if !placed {
                let places: Vec<_> = mutant.items("issues").iter().map(|issue| issue.get_str("location")).collect();
                println!("{id}: at {found:?}, the oracle at {places:?}");
            }
        }
    }

    fn report(&self) {
        let agree = self.judged - self.wrong.len();
        println!(
            "{agree} of {} verdicts agree; {} false alarms on {} valid ones",
            self.judged, self.alarms, self.valid
        );
        println!("{} of {} that are caught have an issue at the oracle's element or below", self.placed, self.caught);
        println!("by type: {:?}", self.by_type);
    }
}

#[test]
fn verdicts_agree_with_the_reviewed_oracle() {
    let Some(folder) = shared_data("oracle") else { return };
    let root = folder.join("../../..");
    let settings = Settings { refuse_unknown_profiles: true, ..Settings::default() };
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    let definitions = Definitions::load(pack, &built_in(), settings).unwrap();
    let seeds: HashMap<String, String> = lines(&folder.join("seeds.ndjson"))
        .iter()
        .map(|seed| (seed.get_str("id").unwrap().to_owned(), seed_text(seed, &root)))
        .collect();
    let mut tally = Tally::default();
    for mutant in lines(&folder.join("mutants.ndjson")) {
        let Some(expect) = mutant.get("expect").and_then(Json::as_bool) else { continue };
        let unsettled = mutant.get("tx").and_then(Json::as_bool) == Some(true)
            || mutant.get_str("needs").is_some_and(|needs| needs != "code-systems");
        let text = mutant_text(&mutant, &seeds);
        // U+0000 is refused here and accepted there: PostgreSQL cannot hold it (ARCHITECTURE.md, "Decisions").
        if unsettled || text.contains("\\u0000") {
            continue;
        }
        let seed = parse(seeds[mutant.get_str("seed").unwrap()].as_bytes(), Limits::default()).unwrap();
        let issues = check_text(&definitions, text.as_bytes(), DEPTH);
        let errors = issues.iter().filter(|issue| issue.is_error());
        let found: Vec<String> = errors.map(|issue| issue.expression.clone().unwrap_or_default()).collect();
        tally.add(&mutant, seed.get_str("resourceType").unwrap(), expect, &found);
    }
    tally.report();
    let (judged, wrong) = (tally.judged, &tally.wrong);
    assert_listed("oracle.toml", wrong.iter());
    assert!(judged > 1_500, "only {judged} rows of the corpus were judged");
    assert!(wrong.len() * 100 <= judged * 2, "{} of {judged} verdicts differ: {wrong:?}", wrong.len());
    assert!(tally.alarms * 200 <= tally.valid, "{} false alarms on {} valid resources", tally.alarms, tally.valid);
    assert!(tally.placed * 100 >= tally.caught * 95, "{} of {} at the element", tally.placed, tally.caught);
    let main = MAIN.iter().filter_map(|rtype| tally.by_type.get(*rtype));
    let (agree, of) = main.fold((0, 0), |(agree, of), (more, all)| (agree + more, of + all));
    assert!(of > 300 && agree * 100 >= of * 98, "{agree} of {of} rows on the main types agree");
}
