//! A region asked: latency at a steady rate, throughput, and that of the same statements run bare.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kakehashi::store::{Database, Sql};

use super::client::{get, load};
use super::fill::{fill, gateway};
use super::gateway::Process;
use super::questions::{QUESTIONS, Question};
use super::region::Region;
use super::steady::steady;
use super::{Plan, bare, size, vacancies};

const CLIENTS: usize = 16;
/// Requests a second over all questions.
const STEADY: u64 = 500;

pub async fn sqlite(plan: &Plan) {
    let own = tempfile::tempdir().expect("a folder");
    let folder = plan.folder.clone().unwrap_or_else(|| own.path().to_owned());
    for (name, region) in regions(plan) {
        let path = folder.join(format!("{name}.db"));
        let url = format!("sqlite://{}", path.display());
        if !path.exists() {
            fill(&url, region).await;
        }
        let megabytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len()) >> 20;
        println!("SQLite, {} beds, file of {} MB", region.beds(), megabytes(&path));
        ask(plan, &url, region).await;
    }
}

pub async fn postgres(plan: &Plan) {
    let Ok(server) = std::env::var("KAKEHASHI_TEST_POSTGRES") else {
        println!("PostgreSQL: none is named by KAKEHASHI_TEST_POSTGRES");
        return;
    };
    for (name, region) in regions(plan) {
        let admin = Database::open(&server).await.expect("the server");
        let mut connection = admin.writer().await.expect("a connection");
        let url = server.rsplit_once('/').map(|(host, _)| format!("{host}/{name}")).expect("a database's name");
        // One that is there was filled by a run before.
        if connection.run(&format!("CREATE DATABASE {name}")).await.is_ok() {
            fill(&url, region).await;
            let mut connection = Database::open(&url).await.expect("it").writer().await.expect("a connection");
            connection.execute(Sql::new("SET statement_timeout = 0")).await.expect("time");
            connection.run("VACUUM ANALYZE").await.expect("statistics");
        }
        println!("PostgreSQL, {} beds", region.beds());
        ask(plan, &url, region).await;
    }
}

/// What is asked, with the names of their databases.
fn regions(plan: &Plan) -> Vec<(String, Region)> {
    if plan.vacancies {
        let last =
            plan.beds.last().copied().map(|beds| (format!("hospitals_{beds}"), Region::of_large_hospitals(beds)));
        return last.into_iter().collect();
    }
    plan.beds.iter().map(|beds| (format!("region_{beds}"), Region::of(*beds))).collect()
}

async fn ask(plan: &Plan, url: &str, region: Region) {
    if plan.sizes {
        size::tell(url).await;
    }
    if plan.seconds == 0 {
        return;
    }
    if plan.vacancies {
        vacancies::measure(url, region, Duration::from_secs(plan.seconds * 4)).await;
        return;
    }
    let process = Process::start(url, &[]).await;
    let since = since(&process.address).await;
    let own = gateway(Database::open(url).await.expect("a database")).await;
    let moment = since.clone();
    let request = move |question: usize, n: usize| get(&path(region, question, n, &moment));
    let request = Arc::new(request);
    check_that_something_is_found(&process.address, region, &since).await;
    // Warm: what a server that runs has in memory.
    for question in 0..QUESTIONS.len() {
        let request = Arc::clone(&request);
        load(&process.address, CLIENTS, Duration::from_secs(1), move |client, n| {
            request(question, client * 7_919 + usize::try_from(n).unwrap_or(0))
        })
        .await;
    }
    let steady = steady(&process.address, Duration::from_secs(plan.seconds * 4), (STEADY, QUESTIONS.len()), &*request);
    for (question, times) in steady.into_iter().enumerate() {
        let (request, time) = (Arc::clone(&request), Duration::from_secs(plan.seconds));
        let busy = load(&process.address, CLIENTS, time, move |client, n| {
            request(question, client * 104_729 + usize::try_from(n).unwrap_or(0))
        })
        .await;
        let statements = bare::statements(&own, region, question, &since).await;
        let each = statements.iter().map(Vec::len).sum::<usize>() / statements.len();
        let bare = bare::run(&own.database, CLIENTS, time, statements).await;
        println!(
            "  {}: at {STEADY}/s over all p50 {:.2} ms, p99 {:.2} ms; {CLIENTS} clients {:.0}/s, {:.0} % of {bare:.0}/s \
             bare ({each} statements)",
            QUESTIONS[question].name,
            times.p50.as_secs_f64() * 1e3,
            times.p99.as_secs_f64() * 1e3,
            busy.per_second,
            100.0 * busy.per_second / bare,
        );
    }
    println!("  resident: {:.0} MB", process.resident());
    own.close().await;
}

/// What finds nothing costs nothing, and would be no measure.
async fn check_that_something_is_found(address: &str, region: Region, since: &str) {
    const ASKED: usize = 32;
    for (question, Question { name, .. }) in QUESTIONS.iter().enumerate() {
        let mut found = 0;
        for n in 0..ASKED {
            let url = format!("http://{address}{}", path(region, question, n, since));
            let answer = reqwest::get(url).await.expect("an answer").text().await.expect("a text");
            found += usize::from(answer.contains(r#""mode":"match""#));
        }
        assert!(found >= ASKED / 8, "{name}: {found} of {ASKED} answers found anything");
    }
}

/// The n-th asking of a question, as it stands in a request.
fn path(region: Region, question: usize, n: usize, since: &str) -> String {
    let query = (QUESTIONS[question].query)(region, n).replace("{since}", since);
    format!("/fhir/{}", query.replace('|', "%7C"))
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
