//! Random queries over the official examples, the region's examples and random resources: what the server finds, and in
//! which order, is what brute force over the same resources finds with FHIRPath and the words of R4 `search.html`.
//!
//! `KAKEHASHI_TEST_SEED` and `KAKEHASHI_TEST_ROUNDS` make other and longer runs. Not judged here: codes by value set and
//! code hierarchy (`:in`, `:not-in`, `:above`, `:below` of tokens), and the order by references.

mod board;
mod elements;
mod judge;
mod number;
mod order;
mod queries;
pub mod random;
mod resources;
mod text;
mod time;
mod world;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::app::{TestApp, official_examples};
use crate::both;
use queries::{Asker, Listed, Query};
use random::Random;
use resources::Maker;
use world::World;

both!(random_queries_find_what_brute_force_finds);

const SEED: u64 = 5;

/// Queries in a usual run.
const ROUNDS: usize = 1_500;

/// Random resources of each type.
const EACH: usize = 12;

/// Official examples of each type, at most.
const EXAMPLES: usize = 12;

/// Failures that are told.
const TOLD: usize = 30;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

async fn random_queries_find_what_brute_force_finds(app: &TestApp) {
    let seed = setting("KAKEHASHI_TEST_SEED").unwrap_or(SEED);
    let rounds = setting("KAKEHASHI_TEST_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).unwrap());
    let mut random = Random::new(seed);
    let listed = listed(app).await;
    // What is asked is the search, not whether examples of R4 are valid here.
    let app = app.beside("off", "").await;
    let world = filled(&app, &listed, &mut random).await;
    let (mut found, mut failures) = (0, Vec::new());
    for round in 0..rounds {
        let query = Asker { random: &mut random, world: &world, listed: &listed }.query();
        let checked = check(&app, &world, &query).await;
        match checked {
            Ok(matches) => found += usize::from(matches > 0),
            Err(_) => failures.push(format!("round {round}: {}", shrunk(&app, &world, query).await)),
        }
        if failures.len() == TOLD {
            break;
        }
    }
    println!("seed {seed}: {rounds} queries over {} resources, {found} with matches", world.resources.len());
    assert!(failures.is_empty(), "seed {seed}: {}", failures.join("\n"));
    assert!(found > rounds / 3, "{found} of {rounds} queries find something");
}

/// The parameters that the CapabilityStatement lists, of every type.
async fn listed(app: &TestApp) -> Listed {
    let statement = app.get("metadata").await.expect(200);
    let strings = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = statement["rest"][0]["resource"].as_array().unwrap().iter();
    let of = |resource: &Value| {
        let codes = resource["searchParam"].as_array().into_iter().flatten().map(|one| strings(&one["name"]));
        let codes = codes.filter(|code| !["_id", "_lastUpdated"].contains(&code.as_str()));
        (strings(&resource["type"]), codes.collect::<Vec<_>>())
    };
    let definitional = [
        "StructureDefinition",
        "ValueSet",
        "CodeSystem",
        "ConceptMap",
        "NamingSystem",
        "SearchParameter",
        "OperationDefinition",
        "CapabilityStatement",
        "AuditEvent",
        "MeasureReport",
        "Binary",
    ];
    resources.map(of).filter(|(rtype, codes)| !definitional.contains(&rtype.as_str()) && !codes.is_empty()).collect()
}

/// Puts all resources into the store and into memory; some are changed after, and some deleted.
async fn filled(app: &TestApp, listed: &Listed, random: &mut Random) -> World {
    let types: Vec<String> = listed.keys().cloned().collect();
    let mut world = World::new(&app.base, &types);
    for text in examples(&types) {
        put(app, &mut world, &serde_json::from_str(&text).unwrap()).await;
    }
    for number in 0..EACH {
        for rtype in &types {
            let made = Maker { random, base: &app.base }.resource(rtype, &format!("g{number}"));
            if let Some(resource) = made {
                put(app, &mut world, &resource).await;
            }
        }
    }
    for rtype in &types {
        let (again, gone) = (format!("g{}", random.below(EACH)), format!("g{}", random.below(EACH)));
        if world.get(rtype, &again).is_some() {
            let changed = Maker { random, base: &app.base }.resource(rtype, &again).unwrap();
            put(app, &mut world, &changed).await;
            // What others refer to stays.
            if app.delete(&format!("{rtype}/{gone}")).await.status == 204 {
                world.remove(rtype, &gone);
            }
        }
    }
    read_again(app, &mut world).await;
    world
}

/// A type that takes no updates gets an id of the server's.
async fn put(app: &TestApp, world: &mut World, resource: &Value) {
    let rtype = resource["resourceType"].as_str().unwrap();
    let path = format!("{rtype}/{}", resource["id"].as_str().unwrap());
    let answer = app.put(&path, resource).await;
    let answer = if answer.status == 405 { app.post(rtype, resource).await } else { answer };
    if rtype == "Location" && [409, 422].contains(&answer.status) {
        // A report older than what is stored or of a time to come, or counts of a ward that has beds.
        let reasons = ["より新しい報告", "病床の状態から計算", "は未来です"];
        assert!(reasons.iter().any(|reason| answer.text.contains(reason)), "{}", answer.text);
        return;
    }
    assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text);
    world.put(&answer.text);
}

/// Beds and wards as they are read: counts and moments are laid over what was put.
async fn read_again(app: &TestApp, world: &mut World) {
    let ids: Vec<String> = world.of("Location").map(|location| location.id.clone()).collect();
    for id in ids {
        let answer = app.get(&format!("Location/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        world.put(&answer.text);
    }
}

/// The region's examples, and official ones of the types.
fn examples(types: &[String]) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/examples");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let own = files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    let own: BTreeMap<String, String> = own.collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (text, is_own) in own
        .into_values()
        .map(|text| (text, true))
        .chain(official_examples().unwrap_or_default().into_values().map(|text| (text, false)))
    {
        let Ok(resource) = serde_json::from_str::<Value>(&text) else { continue };
        let Some(rtype) = resource["resourceType"].as_str().filter(|rtype| types.iter().any(|one| one == rtype)) else {
            continue;
        };
        let count = counts.entry(rtype.to_owned()).or_default();
        if resource["id"].is_string() && (is_own || *count < EXAMPLES) {
            *count += usize::from(!is_own);
            found.push(text);
        }
    }
    found
}

fn path_of(query: &Query) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut pairs: Vec<String> =
        query.criteria.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    if !query.sort.is_empty() {
        let key = |(code, descends): &(String, bool)| format!("{}{code}", if *descends { "-" } else { "" });
        pairs.push(format!("_sort={}", query.sort.iter().map(key).collect::<Vec<_>>().join(",")));
    }
    format!("{}?{}&_count={}", query.rtype, pairs.join("&"), query.count)
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// How many match, or what is wrong.
async fn check(app: &TestApp, world: &World, query: &Query) -> Result<usize, String> {
    let expected = world.answer(query, now());
    let mut found: Vec<String> = Vec::new();
    let mut path = path_of(query);
    loop {
        let answer = app.request("GET", &path).header("prefer", "handling=strict").send().await;
        if answer.status != 200 {
            return Err(format!("{}: {}", answer.status, answer.text.chars().take(600).collect::<String>()));
        }
        let bundle = answer.json();
        let page = crate::search::ids(&bundle);
        if page.len() > query.count {
            return Err(format!("a page of {}", page.len()));
        }
        found.extend(page);
        match crate::search::link(&bundle, "next") {
            Some(next) if found.len() <= expected.len() + query.count => path = crate::search::under_base(app, next),
            Some(_) => return Err(format!("paging goes on behind {}", found.len())),
            None => break,
        }
    }
    let (mut left, mut right) = (expected.clone(), found.clone());
    if !world.knows_order(query) {
        left.sort();
        right.sort();
    }
    match left == right {
        true => Ok(expected.len()),
        false => Err(difference(world, query, &expected, &found)),
    }
}

fn difference(world: &World, query: &Query, expected: &[String], found: &[String]) -> String {
    let missing: Vec<&String> = expected.iter().filter(|id| !found.contains(id)).collect();
    let surplus: Vec<&String> = found.iter().filter(|id| !expected.contains(id)).collect();
    let shown = |id: &String| {
        let text =
            json!({"id": id, "resource": world.get(&query.rtype, id).map(|one| one.json.to_serde())}).to_string();
        text.chars().take(1_200).collect::<String>()
    };
    let first = missing.first().or(surplus.first()).map(|id| shown(id)).unwrap_or_default();
    format!("missing {missing:?}, surplus {surplus:?}\n  expected {expected:?}\n  found    {found:?}\n  {first}")
}

/// The failure with as little of the query as still fails.
async fn shrunk(app: &TestApp, world: &World, query: Query) -> String {
    let mut query = query;
    'smaller: loop {
        for smaller in smaller(&query) {
            if check(app, world, &smaller).await.is_err() {
                query = smaller;
                continue 'smaller;
            }
        }
        let why = check(app, world, &query).await.err().unwrap_or_default();
        return format!("{} {:?} sort {:?} count {}: {why}", query.rtype, query.criteria, query.sort, query.count);
    }
}

fn smaller(query: &Query) -> Vec<Query> {
    let mut all = Vec::new();
    for at in 0..query.criteria.len() {
        let mut less = query.clone();
        less.criteria.remove(at);
        let near = less.criteria.iter().any(|(name, _)| name == "near");
        less.sort.retain(|(code, _)| code != "near" || near);
        all.push(less);
        let values = text::split(&query.criteria[at].1, ',');
        for value in values.iter().filter(|_| values.len() > 1) {
            let mut one = query.clone();
            one.criteria[at].1 = value.clone();
            all.push(one);
        }
    }
    for at in 0..query.sort.len() {
        let mut less = query.clone();
        less.sort.remove(at);
        all.push(less);
    }
    if query.count != 100 {
        all.push(Query { count: 100, ..query.clone() });
    }
    all
}
