//! Searches over HTTP, on both databases.

mod control;
mod criteria;
mod definitions;
mod paging;
mod system;

use serde_json::{Value, json};

use crate::app::{TestApp, location};

/// The ids of the matches.
pub fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let matches = entries.filter(|entry| entry["search"]["mode"] == "match");
    matches.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

pub fn link<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
    let links = bundle["link"].as_array().into_iter().flatten();
    links.into_iter().find(|link| link["relation"] == relation).map(|link| link["url"].as_str().unwrap())
}

pub async fn found(app: &TestApp, query: &str) -> Vec<String> {
    ids(&app.get(&format!("Location?{query}")).await.expect(200))
}

pub async fn place(app: &TestApp, id: &str, system: Option<&str>, value: &str) {
    let mut body = location(id, "北棟");
    body["identifier"] = json!([{"value": value}]);
    if let Some(system) = system {
        body["identifier"][0]["system"] = json!(system);
    }
    app.put(&format!("Location/{id}"), &body).await.expect(201);
}

/// Follows next links; the pages' ids.
pub async fn pages(app: &TestApp, query: &str, between: impl AsyncFn(usize)) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), query.to_owned());
    loop {
        let bundle = app.get(&path).await.expect(200);
        pages.push(ids(&bundle));
        let Some(next) = link(&bundle, "next") else { return pages };
        path = under_base(app, next);
        between(pages.len()).await;
        assert!(pages.len() < 100, "paging ends");
    }
}

/// A link as a path to ask for.
pub fn under_base(app: &TestApp, link: &str) -> String {
    link.strip_prefix(&app.base).unwrap().trim_start_matches('/').to_owned()
}
