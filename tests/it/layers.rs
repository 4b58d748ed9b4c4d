//! What the documents say of the sources: modules depend one way, libraries keep to their modules (ARCHITECTURE.md, "The
//! map"), settings are those of the README.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each module and those it may use. A module stands below all that it uses, so the table itself has no circle.
const LAYERS: [(&str, &[&str]); 16] = [
    ("fhir", &[]),
    ("access", &[]),
    ("clock", &["fhir"]),
    ("store", &["clock", "fhir"]),
    ("profile", &["fhir"]),
    ("error", &["fhir", "store"]),
    ("definitions", &["fhir", "profile"]),
    // Its unit tests read the built-in definitions.
    ("search", &["definitions", "error", "fhir", "profile", "store"]),
    ("region", &["error", "fhir", "profile", "search", "store"]),
    ("exchange", &["access", "clock", "error", "fhir", "profile", "region", "search", "store"]),
    ("intake", &["access", "error", "exchange", "fhir", "store"]),
    ("demo", &["fhir"]),
    ("config", &["exchange", "profile", "store"]),
    ("telemetry", &["config"]),
    ("http", &["access", "error", "exchange", "fhir", "intake", "profile", "search", "store"]),
    (
        "cli",
        &[
            "access",
            "clock",
            "config",
            "definitions",
            "demo",
            "error",
            "exchange",
            "fhir",
            "http",
            "intake",
            "profile",
            "store",
            "telemetry",
        ],
    ),
];

/// Libraries with one home.
const HOMES: [(&str, &str); 7] = [
    ("diesel", "store"),
    ("diesel_async", "store"),
    ("axum", "http"),
    ("hyper_util", "http"),
    ("clap", "cli config"),
    ("hl7kit", "intake"),
    ("encoding_rs", "intake"),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file with the module that it belongs to and its text without comments.
fn files() -> Vec<(String, PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![source()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(source()).unwrap();
                let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                found.push((module, path, code.join("\n")));
            }
        }
    }
    found
}

fn word(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    &text[..end]
}

/// The modules behind every `crate::…` in the code; `crate::{a, b::c}` names several.
fn used(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        if code[..at].ends_with('$')
            || code[..at].ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
        {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(names_of_group(group)),
            None => {
                found.insert(word(rest).to_owned());
            }
        }
    }
    found
}

/// The first segments of the paths in `a, b::{c, d}}…`.
fn names_of_group(group: &str) -> Vec<String> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(word(group[start..at].trim()).to_owned());
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty() && name != "self");
    names
}

#[test]
fn every_module_of_the_library_has_its_layer() {
    let library = std::fs::read_to_string(source().join("lib.rs")).unwrap();
    let modules = library.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let mut modules: Vec<&str> = modules.collect();
    let mut layers: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    modules.sort_unstable();
    layers.sort_unstable();
    assert_eq!(modules, layers);
}

#[test]
fn a_layer_stands_above_all_that_it_uses() {
    for (at, (name, uses)) in LAYERS.iter().enumerate() {
        for used in *uses {
            assert!(LAYERS[..at].iter().any(|(below, _)| below == used), "{name} stands below {used}");
        }
    }
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for (module, path, code) in files() {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else { continue };
        for name in used(&code).iter().filter(|name| **name != module && !allowed.contains(&name.as_str())) {
            wrong.push(format!("{} uses {name}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn libraries_keep_to_their_modules() {
    let mut wrong = Vec::new();
    for (module, path, code) in files() {
        for (library, homes) in HOMES.iter().filter(|(_, homes)| !homes.split(' ').any(|home| home == module)) {
            let starts =
                |at: usize| !code[..at].ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
            if code.match_indices(&format!("{library}::")).any(|(at, _)| starts(at)) {
                wrong.push(format!("{} uses {library}, whose home is {homes}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let names = |code: &str| used(code).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("use crate::store::{self, Version};"), "store");
    assert_eq!(names("use crate::{fhir::{id, json}, store};"), "fhir store");
    assert_eq!(names("let x = crate::search::date_range(y); kakehashi_crate::z"), "search");
}

/// The README's table of settings is `SETTINGS`, word for word.
#[test]
fn the_readme_has_every_setting() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for (name, default, meaning) in kakehashi::config::SETTINGS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let row = format!("| `{name}` | {default} | {meaning} |");
        assert!(readme.contains(&row), "not in the README: {row}");
    }
}
