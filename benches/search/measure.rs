//! Filling a region and asking it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kakehashi::access::Caller;
use kakehashi::clock::SystemClock;
use kakehashi::definitions::load as load_definitions;
use kakehashi::exchange::{Gateway, Policy, RequestLimits};
use kakehashi::profile::Settings;
use kakehashi::store::{Database, Sql, WriterSettings, migrate};
use tokio::sync::mpsc;

use super::Plan;
use super::client::{Connection, get, load};
use super::gateway::Process;
use super::questions::QUESTIONS;
use super::region::Region;

/// Requests a second over all questions, and connections that send them.
const STEADY: u64 = 500;
const CLIENTS: usize = 16;

/// Resources that one transaction brings when a region is filled.
const TOGETHER: usize = 400;

pub async fn sqlite(plan: &Plan) {
    let own = tempfile::tempdir().expect("a folder");
    let folder = plan.folder.clone().unwrap_or_else(|| own.path().to_owned());
    for beds in &plan.beds {
        let path = folder.join(format!("region-{beds}.db"));
        let url = format!("sqlite://{}", path.display());
        if !path.exists() {
            fill(&url, Region { beds: *beds }).await;
        }
        let megabytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len()) >> 20;
        println!("SQLite, {beds} beds, file of {} MB", megabytes(&path));
        ask(plan, &url, Region { beds: *beds }).await;
    }
}

pub async fn postgres(plan: &Plan) {
    let Ok(server) = std::env::var("KAKEHASHI_TEST_POSTGRES") else {
        println!("PostgreSQL: none is named by KAKEHASHI_TEST_POSTGRES");
        return;
    };
    for beds in &plan.beds {
        let admin = Database::open(&server).await.expect("the server");
        let mut connection = admin.writer().await.expect("a connection");
        connection.run(&format!("CREATE DATABASE region_{beds}")).await.expect("a database");
        let url = server.rsplit_once('/').map(|(host, _)| format!("{host}/region_{beds}")).expect("a database's name");
        fill(&url, Region { beds: *beds }).await;
        let mut connection = Database::open(&url).await.expect("it").writer().await.expect("a connection");
        connection.execute(Sql::new("SET statement_timeout = 0")).await.expect("time");
        connection.run("VACUUM ANALYZE").await.expect("statistics");
        println!("PostgreSQL, {beds} beds");
        ask(plan, &url, Region { beds: *beds }).await;
    }
}

/// Brings the region in as `kakehashi import` does, unchecked.
async fn fill(url: &str, region: Region) {
    let started = Instant::now();
    let database = Database::open(url).await.expect("a database");
    migrate(&database, url).await.expect("its tables");
    let definitions = Arc::new(load_definitions(None, Settings::default()).expect("definitions").0);
    let limits = RequestLimits { entries: TOGETHER, ..RequestLimits::default() };
    let writing = WriterSettings { deadline: Duration::from_secs(600), ..WriterSettings::default() };
    let policy = Policy { usual: "off".parse().expect("a policy"), ..Policy::default() };
    let gateway = Gateway::start(definitions, database, Arc::new(SystemClock), limits, writing).expect("a gateway");
    let gateway = gateway.with_policy(policy);
    let (send, receive) = mpsc::channel::<String>(8);
    let receive = Arc::new(tokio::sync::Mutex::new(receive));
    let mut workers = Vec::new();
    for _ in 0..4 {
        let (gateway, receive) = (gateway.clone(), Arc::clone(&receive));
        workers.push(tokio::spawn(async move {
            loop {
                let next = receive.lock().await.recv().await;
                let Some(bundle) = next else { break };
                gateway.import(&Caller::local("bench"), bundle.as_bytes()).await.expect("taken in");
            }
        }));
    }
    let (mut entries, mut count) = (Vec::new(), 0);
    for resource in region.resources() {
        entries.push(format!(r#"{{"resource":{resource}}}"#));
        count += 1;
        if entries.len() == TOGETHER {
            send.send(bundle(&mut entries)).await.expect("a worker");
        }
    }
    send.send(bundle(&mut entries)).await.expect("a worker");
    drop(send);
    for worker in workers {
        worker.await.expect("a worker");
    }
    gateway.close().await;
    println!("{count} resources taken in, {:.0}/s", count as f64 / started.elapsed().as_secs_f64());
}

fn bundle(entries: &mut Vec<String>) -> String {
    let text = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","));
    entries.clear();
    text
}

async fn ask(plan: &Plan, url: &str, region: Region) {
    let gateway = Process::start(url, &[]).await;
    let since = since(&gateway.address).await;
    let request = move |question: usize, n: usize| {
        let query = (QUESTIONS[question].query)(region, n).replace("{since}", &since);
        get(&format!("/fhir/{}", query.replace('|', "%7C")))
    };
    let request = Arc::new(request);
    // Warm: what a server that runs has in memory.
    for question in 0..QUESTIONS.len() {
        let request = Arc::clone(&request);
        load(&gateway.address, CLIENTS, Duration::from_secs(1), move |client, n| {
            request(question, client * 7_919 + usize::try_from(n).unwrap_or(0))
        })
        .await;
    }
    let steady = steady(&gateway.address, Duration::from_secs(plan.seconds * 2), Arc::clone(&request)).await;
    for (question, times) in steady.into_iter().enumerate() {
        let request = Arc::clone(&request);
        let busy = load(&gateway.address, CLIENTS, Duration::from_secs(plan.seconds), move |client, n| {
            request(question, client * 104_729 + usize::try_from(n).unwrap_or(0))
        })
        .await;
        println!(
            "  {}: at {STEADY}/s over all p50 {:.2} ms, p99 {:.2} ms; {CLIENTS} clients {:.0}/s",
            QUESTIONS[question].name,
            times.0.as_secs_f64() * 1e3,
            times.1.as_secs_f64() * 1e3,
            busy.per_second
        );
    }
    println!("  resident: {:.0} MB", gateway.resident());
}

/// A moment after which little was changed: that of the last resource, as the server tells it.
async fn since(address: &str) -> String {
    let body =
        reqwest::get(format!("http://{address}/fhir/Task?_sort=-_lastUpdated&_count=10")).await.expect("an answer");
    let bundle: serde_json::Value = serde_json::from_str(&body.text().await.expect("a text")).expect("a Bundle");
    let entries = bundle["entry"].as_array().expect("entries");
    let last = entries.last().expect("an entry")["resource"]["meta"]["lastUpdated"].as_str().expect("a moment");
    last.replace('+', "%2B")
}

/// Sends [`STEADY`] requests a second whatever becomes of them; answers p50 and p99 for each question, counted from the
/// moment at which a request was due.
async fn steady(
    address: &str,
    time: Duration,
    request: Arc<impl Fn(usize, usize) -> Vec<u8> + Send + Sync + 'static>,
) -> Vec<(Duration, Duration)> {
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..CLIENTS {
        let (next, request, address) = (Arc::clone(&next), Arc::clone(&request), address.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(&address).await;
            let mut times: Vec<Vec<Duration>> = vec![Vec::new(); QUESTIONS.len()];
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let due = started + Duration::from_micros(n * 1_000_000 / STEADY);
                if due > started + time {
                    return times;
                }
                tokio::time::sleep_until(due.into()).await;
                let number = usize::try_from(n).unwrap_or(0);
                let question = number % QUESTIONS.len();
                let status = connection.exchange(&request(question, number)).await;
                assert!(status < 300, "a question was refused");
                times[question].push(due.elapsed());
            }
        }));
    }
    let mut all: Vec<Vec<Duration>> = vec![Vec::new(); QUESTIONS.len()];
    for task in tasks {
        for (all, own) in all.iter_mut().zip(task.await.expect("a client")) {
            all.extend(own);
        }
    }
    let at = |times: &mut Vec<Duration>, share: usize| {
        times.sort();
        times.get((times.len().max(1) - 1) * share / 100).copied().unwrap_or_default()
    };
    all.iter_mut().map(|times| (at(times, 50), at(times, 99))).collect()
}
