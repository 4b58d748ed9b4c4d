//! The README's searches, as they stand there, find something in the demo region.

use std::path::Path;

use futures_util::future::join_all;
use kakehashi::access::Caller;
use kakehashi::demo::{Plan, region};
use kakehashi::fhir::json::{Json, to_compact};

use crate::app::TestApp;
use crate::both;
use crate::search::keys;

both!(the_searches_of_the_readme_find_something_in_the_demo_region);

/// The demo region without what no example asks for: most beds, and the later patients' teams and consents.
fn is_loaded(resource: &Json) -> bool {
    let id = resource.get_str("id").unwrap_or_default();
    match resource.get_str("resourceType") {
        Some("Location") => {
            !id.contains("-b") || ["hosp-01", "hosp-02", "hosp-03"].iter().any(|hospital| id.starts_with(hospital))
        }
        Some("Consent") => false,
        Some("Patient" | "CareTeam") => !id.starts_with("pt-") && !id.starts_with("ct-") || id[3..] < *"0021",
        _ => true,
    }
}

async fn load_demo(app: &TestApp) {
    let caller = Caller::local("demo");
    let all: Vec<Json> = region(&Plan::default(), chrono::Utc::now()).filter(is_loaded).collect();
    for some in all.chunks(100) {
        let texts: Vec<String> = some.iter().map(to_compact).collect();
        let loaded = join_all(texts.iter().map(|text| app.gateway.import(&caller, text.as_bytes()))).await;
        loaded.into_iter().for_each(|one| assert!(one.is_ok(), "{one:?}"));
    }
}

/// The paths and queries that the section's commands ask for.
fn searches() -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n### Searches\n").unwrap();
    let (_, commands) = section.split_once("```sh\n").unwrap();
    let (commands, _) = commands.split_once("```").unwrap();
    let commands = commands.replace("\\\n", " ");
    commands.lines().filter_map(|line| line.strip_prefix("curl ")).map(search).collect()
}

/// What `curl` makes of its arguments: an address, and with `-G` the data behind it.
fn search(arguments: &str) -> String {
    let words: Vec<&str> = arguments.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let mut address = String::new();
    let mut data = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word {
            "-G" => {}
            "-d" | "--data-urlencode" => data.push(words.next().unwrap()),
            word => address = word.strip_prefix("$FHIR").unwrap().trim_start_matches('/').replace("\\$", "$"),
        }
    }
    if data.is_empty() { address } else { format!("{address}?{}", data.join("&")) }
}

async fn the_searches_of_the_readme_find_something_in_the_demo_region(app: &TestApp) {
    load_demo(app).await;
    let searches = searches();
    assert_eq!(searches.len(), 11, "{searches:?}");
    for query in searches {
        let bundle = app.request("GET", &query).header("prefer", "handling=strict").send().await.expect(200);
        assert!(!keys(&bundle, "match").is_empty(), "{query} finds nothing");
        // An operation tells its totals there.
        assert!(query.contains("/$") || keys(&bundle, "outcome").is_empty(), "{query}: {bundle}");
        for wanted in ["_include", "_revinclude"] {
            assert!(!query.contains(wanted) || !keys(&bundle, "include").is_empty(), "{query} brings nothing along");
        }
    }
}
