//! A gateway for a test, on its own database and port, and a client that talks to it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kakehashi::clock::{Clock, SystemClock};
use kakehashi::definitions::built_in;
use kakehashi::exchange::{Gateway, Policy, RequestLimits};
use kakehashi::http::{App, Site, router, serve};
use kakehashi::profile::{Definitions, Settings};
use kakehashi::store::{Connection, Database, SearchLimits, Sql, WriterSettings, migrate};
use serde_json::{Value, json};

/// Runs each test on both databases: `both!(name, …)` makes `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(&$crate::app::TestApp::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(app) = $crate::app::TestApp::postgres().await {
                    super::$name(&app).await;
                }
            }
        }
    )+ };
}

/// A gateway that listens on a port of its own.
pub struct TestApp {
    /// The FHIR base, without `/` at its end.
    pub base: String,
    /// `sqlite://…` or `postgres://…`.
    pub database_url: String,
    /// As it was started.
    pub gateway: Arc<Gateway>,
    /// As it stands.
    pub site: Site,
    pub client: reqwest::Client,
    _folder: Option<tempfile::TempDir>,
}

/// An answer with its body read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The answer's JSON, once its status is as expected.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// A refusal: the status, and an OperationOutcome with an error in both languages.
    #[track_caller]
    pub fn expect_refusal(self, status: u16) -> Value {
        let outcome = self.expect(status);
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        let issue = &outcome["issue"][0];
        assert!(issue["severity"] == "error" || issue["severity"] == "fatal", "{outcome}");
        assert!(!issue["details"]["text"].as_str().unwrap_or_default().is_empty(), "{outcome}");
        let translation = &issue["details"]["_text"]["extension"][0]["extension"][1]["valueString"];
        assert!(!translation.as_str().unwrap_or_default().is_empty(), "{outcome}");
        outcome
    }
}

impl TestApp {
    pub async fn sqlite() -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        TestApp { _folder: Some(folder), ..TestApp::on(&url, WriterSettings::default()).await }
    }

    /// `None`, and a word about it, where no server is named.
    pub async fn postgres() -> Option<TestApp> {
        let url = postgres_database().await?;
        Some(TestApp::on(&url, WriterSettings::default()).await)
    }

    /// A gateway on a database that may exist already.
    pub async fn on(url: &str, writing: WriterSettings) -> TestApp {
        TestApp::with(url, writing, definitions()).await
    }

    /// A gateway with definitions of its own.
    pub async fn with(url: &str, writing: WriterSettings, definitions: Arc<Definitions>) -> TestApp {
        TestApp::with_policy(url, writing, definitions, Policy::default()).await
    }

    /// Another gateway on this one's database, with a validation policy of its own.
    pub async fn beside(&self, validation: &str, by_type: &str) -> TestApp {
        let policy = Policy { usual: validation.parse().unwrap(), by_type: by_type.parse().unwrap() };
        TestApp::with_policy(&self.database_url, WriterSettings::default(), definitions(), policy).await
    }

    /// Another gateway on this one's database, whose searches may cost less.
    pub async fn limited(&self, search: SearchLimits) -> TestApp {
        let limits = RequestLimits { search, ..RequestLimits::default() };
        let policy = Policy::default();
        TestApp::with_limits(&self.database_url, WriterSettings::default(), definitions(), policy, limits).await
    }

    /// Another gateway on this one's database, by another clock.
    pub async fn at(&self, clock: Arc<dyn Clock>) -> TestApp {
        let limits = RequestLimits { body: 4 << 20, ..RequestLimits::default() };
        let (writing, policy) = (WriterSettings::default(), Policy::default());
        TestApp::with_clock(&self.database_url, writing, definitions(), policy, limits, clock).await
    }

    async fn with_policy(url: &str, writing: WriterSettings, definitions: Arc<Definitions>, policy: Policy) -> TestApp {
        let limits = RequestLimits { body: 4 << 20, ..RequestLimits::default() };
        TestApp::with_limits(url, writing, definitions, policy, limits).await
    }

    async fn with_limits(
        url: &str,
        writing: WriterSettings,
        definitions: Arc<Definitions>,
        policy: Policy,
        limits: RequestLimits,
    ) -> TestApp {
        TestApp::with_clock(url, writing, definitions, policy, limits, Arc::new(SystemClock)).await
    }

    async fn with_clock(
        url: &str,
        writing: WriterSettings,
        definitions: Arc<Definitions>,
        policy: Policy,
        limits: RequestLimits,
        clock: Arc<dyn Clock>,
    ) -> TestApp {
        let database = Database::open(url).await.unwrap();
        migrate(&database, url).await.unwrap();
        let gateway = Gateway::start(definitions, database, clock, limits, writing).unwrap();
        let gateway = Arc::new(gateway.with_policy(policy));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/fhir", listener.local_addr().unwrap());
        let site = Site::new(App::new(Arc::clone(&gateway), None, Duration::from_secs(5)));
        tokio::spawn(serve(listener, router(site.clone()), std::future::pending()));
        TestApp { base, database_url: url.to_owned(), gateway, site, client: reqwest::Client::new(), _folder: None }
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let separator = if path.starts_with('?') || path.is_empty() { "" } else { "/" };
        Request(self.client.request(method, format!("{}{separator}{path}", self.base)))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send().await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path).json(body).send().await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send().await
    }
}

/// What a statement counts: its one column, `value`.
pub async fn number(connection: &mut Connection, sql: &'static str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        value: i64,
    }
    let rows: Vec<Number> = connection.load(Sql::new(sql)).await.unwrap();
    rows[0].value
}

/// A request under construction.
pub struct Request(reqwest::RequestBuilder);

impl Request {
    pub fn header(self, name: &str, value: &str) -> Request {
        Request(self.0.header(name, value))
    }

    /// A FHIR JSON body.
    pub fn json(self, body: &Value) -> Request {
        self.text(&body.to_string())
    }

    /// A FHIR JSON body, as it stands.
    pub fn text(self, body: &str) -> Request {
        Request(self.0.header("content-type", "application/fhir+json").body(body.to_owned()))
    }

    pub fn raw(self, media: &str, body: impl Into<reqwest::Body>) -> Request {
        Request(self.0.header("content-type", media).body(body))
    }

    pub async fn send(self) -> Answer {
        let response = self.0.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }
}

/// The definitions, compiled once for all tests.
pub fn definitions() -> Arc<Definitions> {
    static DEFINITIONS: OnceLock<Arc<Definitions>> = OnceLock::new();
    let load = || {
        let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
        Arc::new(Definitions::load(pack, &built_in(), Settings::default()).unwrap())
    };
    Arc::clone(DEFINITIONS.get_or_init(load))
}

/// A new database on the server that `KAKEHASHI_TEST_POSTGRES` names.
pub async fn postgres_database() -> Option<String> {
    use kakehashi::store::Sql;
    let Ok(server) = std::env::var("KAKEHASHI_TEST_POSTGRES") else {
        println!("skipped: KAKEHASHI_TEST_POSTGRES names no server (tests/with-postgres starts one)");
        return None;
    };
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let database = Database::open(&server).await.unwrap();
    let mut connection = database.writer().await.unwrap();
    connection.execute(Sql::new(format!("CREATE DATABASE {name}"))).await.unwrap();
    let (root, _) = server.rsplit_once('/').unwrap();
    Some(format!("{root}/{name}"))
}

/// A path in the folder of published test data, or `None` and a word about it.
pub fn shared_data(path: &str) -> Option<std::path::PathBuf> {
    let found = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    if !found.exists() {
        println!("skipped: {} is not there", found.display());
        return None;
    }
    Some(found)
}

/// The official R4 examples by file name: the two folders overlap. `None`, and a word about it, where they are not there.
pub fn official_examples() -> Option<BTreeMap<String, String>> {
    let mut folders = vec![shared_data("r4-core/examples")?, shared_data("hl7-r4-examples")?];
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    Some(found)
}

/// A plain Location that no profile rule matches.
pub fn location(id: &str, name: &str) -> Value {
    json!({"resourceType": "Location", "id": id, "status": "active", "name": name})
}

/// A Location with an identifier.
pub fn identified(value: &str) -> Value {
    json!({
        "resourceType": "Location", "name": "北棟",
        "identifier": [{"system": "https://example.org/places", "value": value}]
    })
}
