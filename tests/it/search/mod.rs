//! Searches over HTTP, on both databases.

mod compartment;
mod control;
mod criteria;
mod definitions;
mod include;
mod kinds;
mod near;
mod paging;
mod region;
mod snapshot;
mod system;

use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::builders::with_id;

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

/// `Type/id` of the entries of a mode, in order.
pub fn keys(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten().filter(|entry| entry["search"]["mode"] == mode);
    let key = |entry: &Value| {
        format!("{}/{}", entry["resource"]["resourceType"].as_str().unwrap(), entry["resource"]["id"].as_str().unwrap())
    };
    entries.map(key).collect()
}

/// A case with all that refers to one another: `p` is cared for, `d` is the doctor, `h` the hospital.
pub async fn a_case(app: &TestApp) {
    let put = async |rtype: &str, id: &str, more: Value| {
        let mut body = with_id(rtype, id);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.put(&format!("{rtype}/{id}"), &body).await.expect(201);
    };
    let to = |target: &str| json!({"reference": target});
    for patient in ["p", "q"] {
        put("Patient", patient, json!({})).await;
    }
    put("Practitioner", "d", json!({})).await;
    put("Organization", "h", json!({})).await;
    for (id, subject) in [("s1", "Patient/p"), ("s2", "Patient/p"), ("s3", "Patient/q")] {
        put("ServiceRequest", id, json!({"subject": to(subject), "requester": to("Practitioner/d")})).await;
    }
    put("ServiceRequest", "s4", json!({"subject": to("Patient/q"), "performer": [to("Patient/p")]})).await;
    for (id, focus) in [("t1", "ServiceRequest/s1"), ("t2", "ServiceRequest/s1"), ("t3", "ServiceRequest/s3")] {
        put("Task", id, json!({"focus": to(focus), "owner": to("Organization/h")})).await;
    }
    let members = json!([{"member": to("Practitioner/d")}]);
    put("CareTeam", "c", json!({"subject": to("Patient/p"), "participant": members})).await;
}

/// A link as a path to ask for.
pub fn under_base(app: &TestApp, link: &str) -> String {
    link.strip_prefix(&app.base).unwrap().trim_start_matches('/').to_owned()
}
