//! What comes out otherwise than in a published suite: listed with its reason in `conformance/`, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    differs: Vec<Differs>,
}

/// Rows or tests that differ for one reason.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Differs {
    #[serde(alias = "rows", alias = "tests")]
    names: Vec<String>,
    why: String,
}

/// Fails unless `found` is just what `conformance/{file}` lists, each with a reason.
#[track_caller]
pub fn assert_listed<'f>(file: &str, found: impl Iterator<Item = &'f String>) {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join(file);
    let listed: Listed = Figment::from(Toml::file_exact(list)).extract().unwrap();
    assert!(listed.differs.iter().all(|group| !group.why.is_empty()));
    let known: BTreeSet<&String> = listed.differs.iter().flat_map(|group| &group.names).collect();
    assert_eq!(found.collect::<BTreeSet<_>>(), known, "conformance/{file} lists other differences");
}
