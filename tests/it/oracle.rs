//! Verdicts on a corpus of resources with one change each, judged by HL7's validator and reviewed
//! (`../shared/data/oracle`; its `INDEX.md` says how). What rests on code systems that are not at hand is passed over.

use std::collections::HashMap;

use kakehashi::definitions::built_in;
use kakehashi::exchange::check_text;
use kakehashi::fhir::json::{Json, Limits, parse, to_compact};
use kakehashi::fhir::outcome::Issue;
use kakehashi::fhir::patch::json_patch;
use kakehashi::profile::{Definitions, Settings};

use crate::app::shared_data;

const DEPTH: usize = 64;

fn lines(path: &std::path::Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| parse(line.as_bytes(), Limits::default()).unwrap()).collect()
}

/// A seed's resource: in the line itself, or in a file beside the corpus.
fn seed_text(seed: &Json, root: &std::path::Path) -> String {
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
    let (mut judged, mut valid, mut alarms, mut wrong) = (0, 0, 0, Vec::new());
    for mutant in lines(&folder.join("mutants.ndjson")) {
        let Some(expect) = mutant.get("expect").and_then(Json::as_bool) else { continue };
        let unsettled = mutant.get("tx").and_then(Json::as_bool) == Some(true)
            || mutant.get("needs").is_some_and(|needs| needs.as_str().is_some());
        let text = mutant_text(&mutant, &seeds);
        // U+0000 is refused here and accepted there: PostgreSQL cannot hold it (ARCHITECTURE.md, "Decisions").
        if unsettled || text.contains("\\u0000") {
            continue;
        }
        let found = !check_text(&definitions, text.as_bytes(), DEPTH).iter().any(Issue::is_error);
        judged += 1;
        valid += usize::from(expect);
        alarms += usize::from(expect && !found);
        if found != expect {
            wrong.push(mutant.get_str("id").unwrap().to_owned());
        }
    }
    println!("{} of {judged} verdicts agree; {alarms} false alarms on {valid} valid ones", judged - wrong.len());
    assert!(judged > 1_500, "only {judged} rows of the corpus were judged");
    assert!(wrong.len() * 100 <= judged * 2, "{} of {judged} verdicts differ: {wrong:?}", wrong.len());
    assert!(alarms * 200 <= valid, "{alarms} false alarms on {valid} valid resources: {wrong:?}");
}
