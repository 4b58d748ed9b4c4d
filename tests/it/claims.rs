//! conformance/claims.toml keeps its word: every test that it names exists, and nothing that is expected lacks a claim.

use std::collections::BTreeSet;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};

#[derive(serde::Deserialize)]
struct Claims {
    claim: Vec<Claim>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    id: String,
    statement: String,
    tests: Vec<String>,
}

/// The sections in the order of the checklist.
const SECTIONS: &str = "GCRUPDXHTSOJBV";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn claims() -> Vec<Claim> {
    let file = Toml::file_exact(root().join("conformance/claims.toml"));
    Figment::from(file).extract::<Claims>().unwrap().claim
}

/// Whether `file::name` is a test that runs on both databases, or a plain one.
fn exists(test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else { return false };
    let Ok(source) = std::fs::read_to_string(root().join(format!("tests/it/{file}.rs"))) else { return false };
    let declared = source.contains(&format!("async fn {name}(app: &TestApp)"));
    // A function that `both!` does not list never runs.
    let (_, lists) = source.split_once("both!(").unwrap_or_default();
    let listed = lists.split(");").next().unwrap_or_default().split(',').any(|one| one.trim() == name);
    let plain = source.contains(&format!("]\nfn {name}()")) || source.contains(&format!("]\nasync fn {name}()"));
    declared && listed || plain
}

#[test]
fn every_named_test_exists() {
    for claim in claims() {
        assert!(!claim.tests.is_empty() && !claim.statement.is_empty(), "{} shows nothing", claim.id);
        for test in &claim.tests {
            assert!(exists(test), "{}: there is no test {test}", claim.id);
        }
    }
    assert!(!exists("create::nothing_of_the_kind") && !exists("nothing::at_all"));
}

#[test]
fn every_expected_requirement_has_a_claim() {
    let claimed: BTreeSet<String> = claims().into_iter().map(|claim| claim.id).collect();
    let sections = [
        ("G", 12),
        ("C", 9),
        ("R", 6),
        ("U", 8),
        ("P", 5),
        ("D", 1),
        ("X", 5),
        ("H", 3),
        ("T", 11),
        ("S", 34),
        ("J", 3),
        ("V", 10),
    ];
    for (section, last) in sections {
        for number in 1..=last {
            let id = format!("{section}{number}");
            assert!(claimed.contains(&id), "{id} has no claim");
        }
    }
}

#[test]
fn claims_stand_in_the_order_of_the_checklist_and_once() {
    let place = |claim: &Claim| {
        let (section, number) = claim.id.split_at(1);
        let section = SECTIONS.find(section).unwrap_or_else(|| panic!("{}: no such section", claim.id));
        (section, number.parse::<u32>().unwrap())
    };
    let places: Vec<_> = claims().iter().map(place).collect();
    assert!(places.is_sorted_by(|left, right| left < right), "{places:?}");
}
