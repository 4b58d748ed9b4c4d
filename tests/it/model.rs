//! Random puts, deletions and patches by several writers, against the plainest model of a resource there is.

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::app::{Answer, TestApp, location};

const RESOURCES: usize = 3;
const WRITERS: usize = 4;

/// What a writer does to the resource `on`.
#[derive(Clone, Debug)]
struct Deed {
    on: usize,
    what: What,
    /// Names the version that it is based on: 0 none, 1 the newest, 2 an older one.
    base: u8,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// One of few names, so that the same content comes again.
    Put(u8),
    Patch(u8),
    Delete,
}

fn deed() -> impl Strategy<Value = Deed> {
    let what = prop_oneof![
        4 => (0..3_u8).prop_map(What::Put),
        3 => (0..3_u8).prop_map(What::Patch),
        2 => Just(What::Delete),
    ];
    let base = prop_oneof![4 => Just(0_u8), 2 => Just(1), 1 => Just(2)];
    (0..RESOURCES, what, base).prop_map(|(on, what, base)| Deed { on, what, base })
}

/// All versions, oldest first: the name, or `None` for a deletion.
#[derive(Default)]
struct Model(Vec<Option<String>>);

impl Model {
    fn standing(&self) -> Option<&String> {
        self.0.last().and_then(Option::as_ref)
    }

    /// The status that the deed has to have; the model moves on with it.
    fn expect(&mut self, deed: &Deed) -> u16 {
        let stale = match deed.base {
            0 => false,
            1 => self.standing().is_none(),
            _ => true,
        };
        let name = match deed.what {
            What::Put(name) | What::Patch(name) => Some(format!("n{name}")),
            What::Delete => None,
        };
        match (deed.what, self.standing()) {
            (What::Patch(_), None) => return if self.0.is_empty() { 404 } else { 410 },
            _ if stale => return 412,
            (What::Delete, None) => return 204,
            (_, standing) if standing == name.as_ref() => return 200,
            _ => {}
        }
        let created = self.standing().is_none();
        let status = if name.is_none() { 204 } else { 200 + u16::from(created) };
        self.0.push(name);
        status
    }
}

async fn send(app: &TestApp, deed: &Deed, newest: usize) -> Answer {
    let (id, path) = (format!("r{}", deed.on), format!("Location/r{}", deed.on));
    let based = |method: &str| {
        let request = app.request(method, &path);
        match deed.base {
            0 => request,
            1 => request.header("If-Match", &format!("W/\"{newest}\"")),
            _ => request.header("If-Match", &format!("W/\"{}\"", newest + 7)),
        }
    };
    match deed.what {
        What::Put(name) => based("PUT").json(&location(&id, &format!("n{name}"))).send().await,
        What::Patch(name) => {
            let patch = json!([{"op": "replace", "path": "/name", "value": format!("n{name}")}]);
            based("PATCH").raw("application/json-patch+json", patch.to_string()).send().await
        }
        What::Delete => based("DELETE").send().await,
    }
}

/// One at a time on each resource, several resources at a time: each answer and the read after it are the model's.
async fn work(app: &TestApp, models: &[Mutex<Model>], deeds: &[Deed]) {
    for deed in deeds {
        let mut model = models[deed.on].lock().await;
        let answer = send(app, deed, model.0.len()).await;
        assert_eq!(answer.status, model.expect(deed), "{deed:?}: {}", answer.text);
        check_standing(app, deed.on, &model).await;
    }
}

async fn check_standing(app: &TestApp, resource: usize, model: &Model) {
    let read = app.get(&format!("Location/r{resource}")).await;
    match (model.standing(), model.0.len()) {
        (None, 0) => assert_eq!(read.status, 404),
        (None, _) => assert_eq!(read.status, 410),
        (Some(name), version) => {
            assert_eq!(read.header("etag"), format!("W/\"{version}\""));
            assert_eq!(read.expect(200)["name"], **name);
        }
    }
}

/// Every version as it was, by itself and in the history, newest first.
async fn check_history(app: &TestApp, resource: usize, model: &Model) {
    if model.0.is_empty() {
        return;
    }
    let history = app.get(&format!("Location/r{resource}/_history?_count=1000")).await.expect(200);
    assert_eq!(history["total"], model.0.len());
    let entries = history["entry"].as_array().unwrap();
    assert_eq!(entries.len(), model.0.len());
    for (number, (entry, name)) in entries.iter().rev().zip(&model.0).enumerate() {
        let name = name.as_ref().map_or(Value::Null, |name| json!(name));
        assert_eq!(entry["resource"]["name"], name, "version {}", number + 1);
        assert_eq!(entry["request"]["method"] == "DELETE", name.is_null());
        let read = app.get(&format!("Location/r{resource}/_history/{}", number + 1)).await;
        assert_eq!(read.status, if name.is_null() { 410 } else { 200 });
        if !name.is_null() {
            assert_eq!(read.json(), entry["resource"]);
        }
    }
}

async fn check(deeds: Vec<Vec<Deed>>) {
    let app = TestApp::sqlite().await;
    let models: Vec<Mutex<Model>> = (0..RESOURCES).map(|_| Mutex::default()).collect();
    join_all(deeds.iter().map(|deeds| work(&app, &models, deeds))).await;
    for (resource, model) in models.iter().enumerate() {
        check_history(&app, resource, &*model.lock().await).await;
    }
}

#[test]
fn a_resource_is_what_its_changes_made_of_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // A case is a gateway with its database; a failing one is made smaller no further than some tries go.
    let config = Config { cases: 6, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
    let deeds = proptest::collection::vec(proptest::collection::vec(deed(), 25), WRITERS);
    let ran = TestRunner::new(config).run(&deeds, |deeds| {
        let checked = runtime.block_on(async { tokio::spawn(check(deeds)).await });
        checked.map_err(|error| TestCaseError::fail(error.to_string()))
    });
    ran.unwrap();
}
