//! The searches that the region lives by: exact answers, and exact again after what they rest on has changed.

mod beds;
mod cases;
mod changes;
mod readme;
pub mod region;

use serde_json::Value;

use crate::app::TestApp;
use crate::search::{ids, keys};

/// The ids of the matches, in the order of the answer.
async fn matches(app: &TestApp, query: &str) -> Vec<String> {
    ids(&whole(app, query).await)
}

/// The answer, once it holds all there is and nothing of the query was left aside.
async fn whole(app: &TestApp, query: &str) -> Value {
    let bundle = app.get(query).await.expect(200);
    assert!(keys(&bundle, "outcome").is_empty(), "{query}: {bundle}");
    assert!(bundle["link"].as_array().unwrap().iter().all(|link| link["relation"] != "next"), "{query}");
    bundle
}

/// What comes with the matches, sorted.
fn included(bundle: &Value) -> Vec<String> {
    let mut found = keys(bundle, "include");
    found.sort();
    found
}
