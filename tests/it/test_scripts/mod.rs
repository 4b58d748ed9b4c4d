//! Published R4 TestScripts, run over HTTP: those of Crucible's TestScript engine and the R4 base suite of mock.health.
//! `conformance/test-scripts.toml` names every assert that comes out otherwise, with the reason; an assert that it does not
//! list, and one that holds after all, fail this test. `conformance/test-scripts.md` shows the results.

mod assert;
mod run;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::app::{TestApp, shared_data};
use crate::both;
use crate::differences::assert_listed;

use run::{Outcome, Run};

both!(published_scripts_pass_but_for_asserts_that_are_listed);

/// A script under its short name.
struct Script {
    name: String,
    folder: PathBuf,
    content: Value,
}

/// `None`, and a word about it, where a folder is not there.
fn scripts() -> Option<Vec<Script>> {
    let crucible = shared_data("testscripts-crucible/TestScripts")?;
    let base = shared_data("testscripts-mock-health/conformance/testscripts/fhir-r4-base")?;
    let folders = [
        ("crucible", crucible),
        ("MUST", base.join("MUST")),
        ("SHOULD", base.join("SHOULD")),
        ("MAY", base.join("MAY")),
    ];
    let scripts_of = |(suite, folder): &(&str, PathBuf)| {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
        files.sort();
        let script = |path: PathBuf| {
            let stem = path.file_stem().unwrap().to_string_lossy().replace("_testscript", "");
            let content = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            Script { name: format!("{suite}/{stem}"), folder: folder.clone(), content }
        };
        files.into_iter().map(script).collect::<Vec<_>>()
    };
    Some(folders.iter().flat_map(scripts_of).collect())
}

async fn published_scripts_pass_but_for_asserts_that_are_listed(app: &TestApp) {
    let Some(scripts) = scripts() else { return };
    assert_eq!(scripts.len(), 28);
    let (mut failed, mut rows) = (Vec::new(), Vec::new());
    for script in &scripts {
        let outcomes = Run::new(app, &script.folder, &script.content).await.all(&script.content).await;
        let of_script: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.fault.is_some()).collect();
        for outcome in &of_script {
            println!("{}/{}: {}", script.name, outcome.name, outcome.fault.as_deref().unwrap_or_default());
        }
        rows.push(format!("| {} | {} | {} |", script.name, outcomes.len() - of_script.len(), outcomes.len()));
        failed.extend(of_script.iter().map(|outcome| format!("{}/{}", script.name, outcome.name)));
    }
    assert_listed("test-scripts.toml", failed.iter());
    let table =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/test-scripts.md")).unwrap();
    let shown: Vec<&str> = table.lines().filter(|line| line.contains('/') && line.starts_with("| ")).collect();
    assert_eq!(shown, rows, "conformance/test-scripts.md shows other results");
}
