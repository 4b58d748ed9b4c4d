//! Search parameters come into force: refused until every resource has their rows, whoever writes meanwhile.

use std::sync::Arc;

use kakehashi::clock::SystemClock;
use kakehashi::definitions::built_in;
use kakehashi::exchange::{self, Deriver, Gateway, RequestLimits};
use kakehashi::fhir::id::{ResourceId, ResourceKey, ResourceType};
use kakehashi::fhir::json::{Limits, parse};
use kakehashi::fhir::resource::Text;
use kakehashi::profile::{Definitions, Settings, SourceFile};
use kakehashi::search::Parameters;
use kakehashi::store::{
    Action, BoardPolicy, Database, Derive, Derived, Draft, Expect, Manifest, Method, Sql, Step, StoreError, Unit,
    WriterSettings, Writers, secret,
};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, definitions, identified, location};
use crate::both;
use crate::reindex::{derived, fill, reindex, writer};
use crate::search::ids;

both!(
    on_an_empty_store_every_parameter_is_whole,
    a_new_parameter_is_refused_until_it_is_whole,
    a_changed_expression_is_refused_until_it_is_whole,
    a_parameter_that_went_and_comes_back_is_not_whole,
    conditional_interactions_are_refused_like_searches,
    a_reindex_that_is_cut_off_leaves_parameters_refused,
    a_reindex_ends_when_somebody_writes_by_other_definitions,
    a_gateway_that_was_forgotten_makes_no_half_index,
    a_draft_made_by_older_definitions_is_made_anew,
    a_database_from_before_the_index_waits_for_its_first_reindex,
    rows_are_right_when_definitions_change_under_writes,
    a_secret_is_made_once,
);

/// The built-in definitions with a parameter `place-note` of Locations.
fn with_parameter(expression: &str) -> Arc<Definitions> {
    let mut files = built_in();
    let parameter = json!({
        "resourceType": "SearchParameter", "id": "place-note", "url": "https://example.org/SearchParameter/place-note",
        "name": "PlaceNote", "status": "active", "description": "A note.", "code": "place-note", "base": ["Location"],
        "type": "string", "expression": expression
    });
    files.push(SourceFile { path: "SearchParameter/place-note.json".into(), text: parameter.to_string() });
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    Arc::new(Definitions::load(pack, &files, Settings::default()).unwrap())
}

fn by_description() -> Arc<Definitions> {
    static ONCE: std::sync::OnceLock<Arc<Definitions>> = std::sync::OnceLock::new();
    Arc::clone(ONCE.get_or_init(|| with_parameter("Location.description")))
}

fn noted(id: &str, note: &str) -> Value {
    let mut place = location(id, "北棟");
    place["description"] = json!(note);
    place
}

async fn reindex_by(app: &TestApp, definitions: &Definitions) {
    exchange::reindex(definitions, &app.gateway.database, &BoardPolicy::default(), &|_, _, _| {}).await.unwrap();
}

/// 400, naming the parameter and what to do.
#[track_caller]
fn refused(answer: Answer) {
    let outcome = answer.expect_refusal(400);
    let issue = &outcome["issue"][0];
    assert_eq!(issue["code"], "transient", "{outcome}");
    assert!(issue.to_string().contains("kakehashi reindex"), "{outcome}");
}

async fn found(app: &TestApp, query: &str) -> Vec<String> {
    ids(&app.get(query).await.expect(200))
}

/// Whether /metadata lists the parameter of Locations.
async fn is_told(app: &TestApp, code: &str) -> bool {
    let statement = app.get("metadata").await.expect(200);
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let places = resources.iter().find(|resource| resource["type"] == "Location").unwrap();
    places["searchParam"].as_array().unwrap().iter().any(|param| param["name"] == code)
}

async fn on_an_empty_store_every_parameter_is_whole(app: &TestApp) {
    app.site.renew(by_description());
    assert_eq!(found(app, "Location?place-note=x").await, Vec::<String>::new());
    app.put("Location/a", &noted("a", "x")).await.expect(201);
    assert_eq!(found(app, "Location?place-note=x").await, ["a"]);
    let beside = TestApp::with(&app.database_url, WriterSettings::default(), by_description()).await;
    assert_eq!(found(&beside, "Location?place-note=x").await, ["a"]);
}

async fn a_new_parameter_is_refused_until_it_is_whole(app: &TestApp) {
    app.put("Location/old", &noted("old", "海の見える棟")).await.expect(201);
    app.site.renew(by_description());
    refused(app.get("Location?place-note=海").await);
    refused(app.get("Location?_sort=place-note").await);
    refused(app.get("Location?partof.place-note=海").await);
    refused(app.get("Location?place-note:missing=true").await);
    assert_eq!(found(app, "Location?name=北棟").await, ["old"], "the others are as they were");
    assert!(!is_told(app, "place-note").await && is_told(app, "name").await);
    app.put("Location/new", &noted("new", "海の近く")).await.expect(201);
    refused(app.get("Location?place-note=海").await);
    reindex_by(app, &by_description()).await;
    assert!(is_told(app, "place-note").await);
    assert_eq!(found(app, "Location?place-note=海").await, ["old", "new"]);
    app.put("Location/old", &noted("old", "山")).await.expect(200);
    assert_eq!(found(app, "Location?place-note=海").await, ["new"]);
}

async fn a_changed_expression_is_refused_until_it_is_whole(app: &TestApp) {
    app.site.renew(by_description());
    app.put("Location/a", &noted("a", "海")).await.expect(201);
    assert_eq!(found(app, "Location?place-note=海").await, ["a"]);
    let by_name = with_parameter("Location.name");
    app.site.renew(Arc::clone(&by_name));
    refused(app.get("Location?place-note=海").await);
    reindex_by(app, &by_name).await;
    assert_eq!(found(app, "Location?place-note=海").await, Vec::<String>::new());
    assert_eq!(found(app, "Location?place-note=北").await, ["a"]);
}

async fn a_parameter_that_went_and_comes_back_is_not_whole(app: &TestApp) {
    app.site.renew(by_description());
    app.put("Location/a", &noted("a", "海")).await.expect(201);
    app.site.renew(definitions());
    app.put("Location/b", &noted("b", "海")).await.expect(201);
    app.site.renew(by_description());
    refused(app.get("Location?place-note=海").await);
    reindex_by(app, &by_description()).await;
    assert_eq!(found(app, "Location?place-note=海").await, ["a", "b"]);
}

async fn conditional_interactions_are_refused_like_searches(app: &TestApp) {
    app.put("Location/a", &noted("a", "海")).await.expect(201);
    app.site.renew(by_description());
    refused(app.put("Location?place-note=海", &noted("a", "海")).await);
    refused(app.delete("Location?place-note=海").await);
    let create =
        app.request("POST", "Location").header("if-none-exist", "place-note=%E6%B5%B7").json(&noted("b", "海"));
    refused(create.send().await);
    reindex_by(app, &by_description()).await;
    app.put("Location?place-note=海", &noted("a", "海辺")).await.expect(200);
}

/// Stores so many plain Locations.
async fn store_many(app: &TestApp, count: usize) {
    let entry = |number: usize| {
        let url = format!("Location/n{number}");
        json!({"request": {"method": "PUT", "url": url}, "resource": noted(&format!("n{number}"), "海")})
    };
    let entries: Vec<Value> = (0..count).map(entry).collect();
    app.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).await.expect(200);
}

async fn a_reindex_that_is_cut_off_leaves_parameters_refused(app: &TestApp) {
    store_many(app, 900).await;
    app.site.renew(by_description());
    let (another_process, definitions) = (Database::open(&app.database_url).await.unwrap(), by_description());
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let tell = |_, done, _| told.send(done).unwrap_or_default();
    let policy = BoardPolicy::default();
    tokio::select! {
        biased;
        done = heard.recv() => assert!(done.is_some_and(|done| done > 0)),
        done = exchange::reindex(&definitions, &another_process, &policy, &tell) => panic!("it was to be cut off: {done:?}"),
    }
    drop(another_process);
    refused(app.get("Location?place-note=海").await);
    reindex_by(app, &by_description()).await;
    assert_eq!(app.get("Location?place-note=海&_total=accurate").await.expect(200)["total"], 900);
}

async fn a_reindex_ends_when_somebody_writes_by_other_definitions(app: &TestApp) {
    store_many(app, 900).await;
    let (another_process, definitions) = (Database::open(&app.database_url).await.unwrap(), by_description());
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let tell = |_, done, _| {
        told.send(done).unwrap_or_default();
        // Long enough for the other to have its write in between.
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    let writing = async {
        assert!(heard.recv().await.is_some());
        app.put("Location/late", &noted("late", "海")).await.expect(201);
    };
    let policy = BoardPolicy::default();
    let (done, ()) = tokio::join!(exchange::reindex(&definitions, &another_process, &policy, &tell), writing);
    assert!(matches!(done, Err(StoreError::OtherDefinitions)), "{done:?}");
    app.site.renew(by_description());
    refused(app.get("Location?place-note=海").await);
    reindex_by(app, &by_description()).await;
    assert_eq!(app.get("Location?place-note=海&_total=accurate").await.expect(200)["total"], 901);
}

async fn a_gateway_that_was_forgotten_makes_no_half_index(app: &TestApp) {
    app.put("Location/a", &noted("a", "海")).await.expect(201);
    let renewed = TestApp::with(&app.database_url, WriterSettings::default(), by_description()).await;
    reindex_by(app, &by_description()).await;
    assert_eq!(found(&renewed, "Location?place-note=海").await, ["a"]);
    // This one was not told of the new parameter.
    app.put("Location/b", &noted("b", "海")).await.expect(201);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    refused(renewed.get("Location?place-note=海").await);
    app.site.renew(by_description());
    renewed.put("Location/c", &noted("c", "海")).await.expect(201);
    refused(renewed.get("Location?place-note=海").await);
    reindex_by(app, &by_description()).await;
    for gateway in [app, &renewed] {
        assert_eq!(found(gateway, "Location?place-note=海").await, ["a", "b", "c"]);
    }
}

async fn a_draft_made_by_older_definitions_is_made_anew(app: &TestApp) {
    let parameters = Arc::new(Parameters::compile(&app.gateway.definitions));
    let deriver: Arc<dyn Derive> = Arc::new(Deriver::new(&app.gateway.definitions, &parameters, Arc::default()));
    let clock: Arc<dyn kakehashi::clock::Clock> = Arc::new(SystemClock);
    let writers = Writers::start(&app.gateway.database, deriver, &clock, WriterSettings::default()).unwrap();
    let key = ResourceKey { rtype: ResourceType::known("Location"), id: ResourceId::parse("a").unwrap() };
    let text = identified("x").to_string();
    let tree = parse(text.as_bytes(), Limits { depth: 64 }).unwrap();
    let draft = Draft {
        text: Text::new(&text, &tree, "a"),
        tree,
        derived: Derived::default(),
        manifest: Arc::new(Manifest::default()),
    };
    let action = Action::Put { draft: Arc::new(draft), method: Method::Put };
    let step = Step { key, expect: Expect::New, action };
    writers.apply(Unit { steps: vec![step], ..Unit::default() }).await.unwrap();
    writers.close().await;
    assert_eq!(found(app, "Location?identifier=x").await, ["a"]);
    let before = derived(app).await;
    reindex(app).await;
    assert_eq!(derived(app).await, before);
}

/// Leads the database back to the migration before the index of every kind.
async fn back_to_the_first_index(app: &TestApp) {
    let mut connection = writer(app).await;
    let side = if connection.is_sqlite() { "sqlite" } else { "postgres" };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(side);
    let later = |name: &String| name.as_str() > "0005";
    let folders = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut folders: Vec<String> = folders.filter(later).collect();
    folders.sort();
    connection
        .run(
            "CREATE TABLE kept AS SELECT DISTINCT target_type, target_id, key FROM index_reference \
         WHERE target_type <> ''",
        )
        .await
        .unwrap();
    for name in folders.iter().rev() {
        connection.run(&std::fs::read_to_string(folder.join(name).join("down.sql")).unwrap()).await.unwrap();
    }
    connection.run("INSERT INTO resource_reference SELECT target_type, target_id, key FROM kept").await.unwrap();
    connection.run("DROP TABLE kept").await.unwrap();
    connection.run("DELETE FROM __diesel_schema_migrations WHERE version >= '0005'").await.unwrap();
}

async fn a_database_from_before_the_index_waits_for_its_first_reindex(app: &TestApp) {
    fill(app).await;
    app.put("Location/up", &location("up", "上")).await.expect(201);
    let mut below = location("below", "下");
    below["partOf"] = json!({"reference": "Location/up"});
    app.put("Location/below", &below).await.expect(201);
    let before = derived(app).await;
    back_to_the_first_index(app).await;
    // Migrates.
    let upgraded = TestApp::on(&app.database_url, WriterSettings::default()).await;
    refused(upgraded.get("Location?identifier=x").await);
    refused(upgraded.get("Location?available=ge1").await);
    let create = upgraded.request("POST", "Location").header("if-none-exist", "identifier=x").json(&identified("x"));
    refused(create.send().await);
    refused(upgraded.get("Patient/nobody/ServiceRequest").await);
    assert_eq!(found(&upgraded, "Location?_id=up,below").await, ["up", "below"]);
    assert_ne!(upgraded.get("SearchParameter?code=available").await.expect(200)["entry"], Value::Null);
    upgraded.delete("Location/up").await.expect_refusal(409);
    let whole = upgraded.gateway.whole().await.unwrap();
    assert!(whole.missing().count() > 100);
    reindex(&upgraded).await;
    let after = derived(&upgraded).await;
    let differing: Vec<_> =
        before.iter().chain(&after).filter(|line| !(before.contains(line) && after.contains(line))).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(found(&upgraded, "Location?identifier=https://example.org/places|x").await.len(), 1);
    upgraded.delete("Location/up").await.expect_refusal(409);
}

async fn rows_are_right_when_definitions_change_under_writes(app: &TestApp) {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let writing = async |worker: usize| {
        let mut number = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            number += 1;
            let id = format!("w{worker}-{}", number % 5);
            let status = app.put(&format!("Location/{id}"), &noted(&id, &format!("海{number}"))).await.status;
            assert!(matches!(status, 200 | 201), "{status}");
        }
    };
    let changing = async {
        for round in 0..20 {
            app.site.renew(if round % 2 == 0 { definitions() } else { by_description() });
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        reindex_by(app, &by_description()).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(changing, writing(0), writing(1), writing(2));
    assert_eq!(found(app, "Location?place-note=海").await.len(), 15);
    let during = derived(app).await;
    reindex_by(app, &by_description()).await;
    assert_eq!(derived(app).await, during, "nothing was left to mend");
}

async fn a_secret_is_made_once(app: &TestApp) {
    let (one, other) = (Database::open(&app.database_url).await.unwrap(), &app.gateway.database);
    let (a, b) = tokio::join!(secret::<32>(&one, "test"), secret::<32>(other, "test"));
    let a = a.unwrap();
    assert_eq!(a, b.unwrap());
    assert_eq!(a, secret(&one, "test").await.unwrap());
    assert_ne!(a, secret(&one, "another").await.unwrap());
    assert!(secret::<16>(&one, "test").await.is_err());
    let limits = RequestLimits::default();
    let beside = Gateway::start(definitions(), one, Arc::new(SystemClock), limits, WriterSettings::default()).unwrap();
    assert_eq!(beside.cursor_key().await.unwrap(), app.gateway.cursor_key().await.unwrap());
    let kept = Sql::new("SELECT name AS line FROM secret");
    let names: Vec<crate::reindex::Line> = writer(app).await.load(kept).await.unwrap();
    assert_eq!(names.len(), 3);
}
