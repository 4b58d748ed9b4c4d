//! Two gateways on one PostgreSQL: a reader of the log misses nothing that commits late, and races have one winner.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use futures_util::future::join_all;
use kakehashi::store::{Database, Sql, WriterSettings};
use serde_json::{Value, json};

use crate::app::{TestApp, identified, location, postgres_database};
use crate::program::PostgresServer;

#[derive(QueryableByName)]
struct Stamp {
    #[diesel(sql_type = BigInt)]
    tx: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = BigInt)]
    first_seq: i64,
    #[diesel(sql_type = BigInt)]
    first_key: i64,
}

async fn two_gateways() -> Option<(TestApp, TestApp)> {
    let url = postgres_database().await?;
    let first = TestApp::on(&url, WriterSettings::default()).await;
    Some((first, TestApp::on(&url, WriterSettings::default()).await))
}

/// A third gateway that is slow: draws its stamp, writes `Location/late`, and commits only after a while.
async fn write_late(url: &str, stamped: tokio::sync::oneshot::Sender<()>, wait: Duration) {
    let mut connection = Database::open(url).await.unwrap().writer().await.unwrap();
    connection.begin().await.unwrap();
    let stamps: Vec<Stamp> =
        connection.load(Sql::new("SELECT tx, at, first_seq, first_key FROM kakehashi_stamp(1, 1)")).await.unwrap();
    let Stamp { tx, at, first_seq: seq, first_key: key } = stamps[0];
    let body = json!({"resourceType": "Location", "id": "late", "meta": {"versionId": "1"}}).to_string();
    let resource = format!("INSERT INTO resource VALUES ({key}, 'Location', 'late', 1, {seq}, false)");
    let version =
        format!("INSERT INTO resource_version VALUES ({seq}, {key}, 'Location', 1, 'PUT', {at}, {tx}, '{body}')");
    connection.execute(Sql::new(resource)).await.unwrap();
    connection.execute(Sql::new(version)).await.unwrap();
    stamped.send(()).unwrap();
    tokio::time::sleep(wait).await;
    connection.commit().await.unwrap();
}

/// What a poller that asks for everything since the newest it has seen has learned.
#[derive(Default)]
struct Poller {
    since: Option<String>,
    seen: BTreeSet<String>,
}

impl Poller {
    fn learn(&mut self, moment: &str, version: String) {
        self.seen.insert(version);
        if self.since.as_deref().is_none_or(|since| since < moment) {
            self.since = Some(moment.to_owned());
        }
    }

    async fn poll(&mut self, app: &TestApp) {
        let since = self.since.as_ref().map(|since| format!("&_since={since}")).unwrap_or_default();
        let bundle = app.get(&format!("Location/_history?_count=1000{since}")).await.expect(200);
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let moment = entry["response"]["lastModified"].as_str().unwrap();
            let tag = entry["response"]["etag"].as_str().unwrap();
            let id = entry["fullUrl"].as_str().unwrap().rsplit('/').next().unwrap();
            self.learn(moment, format!("{id} {tag}"));
        }
    }
}

/// The newest versions by the log alone, without the guard: what a careless reader would poll.
async fn poll_carelessly(poller: &mut Poller, url: &str) {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        at: i64,
        #[diesel(sql_type = diesel::sql_types::Text)]
        rid: String,
    }
    let since: i64 = poller.since.as_ref().map_or(0, |since| since.parse().unwrap());
    let mut connection = Database::open(url).await.unwrap().reader().await.unwrap();
    let text =
        "SELECT v.at, r.rid FROM resource_version v JOIN resource r ON r.key = v.key WHERE v.at >= ? ORDER BY v.seq";
    let rows: Vec<Row> = connection.load(Sql::new(text).bind(since)).await.unwrap();
    for row in rows {
        poller.learn(&format!("{:015}", row.at), row.rid);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_of_history_never_misses_a_version_that_commits_late() {
    // A server of its own: an open transaction makes the histories of all its databases wait.
    let Some(server) = PostgresServer::start() else { return };
    let url = server.url();
    let first = TestApp::on(&url, WriterSettings::default()).await;
    let second = TestApp::on(&url, WriterSettings::default()).await;
    let (stamped, on_stamp) = tokio::sync::oneshot::channel();
    let late = tokio::spawn({
        let url = url.clone();
        async move { write_late(&url, stamped, Duration::from_secs(4)).await }
    });
    on_stamp.await.unwrap();
    let (mut careful, mut careless) = (Poller::default(), Poller::default());
    for number in 0..10_u32 {
        // Later than the slow transaction's stamp, committed before it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let app = if number.is_multiple_of(2) { &first } else { &second };
        app.put(&format!("Location/l{number}"), &location(&format!("l{number}"), "1")).await.expect(201);
        careful.poll(&second).await;
        poll_carelessly(&mut careless, &url).await;
    }
    assert!(!late.is_finished(), "the slow transaction was still open all the while");
    assert_eq!(first.get("Location/l9").await.expect(200)["id"], "l9", "reads do not wait");
    late.await.unwrap();
    careful.poll(&second).await;
    poll_carelessly(&mut careless, &url).await;
    assert!(careful.seen.contains("late W/\"1\""), "{:?}", careful.seen);
    assert_eq!(careful.seen.len(), 11, "{:?}", careful.seen);
    assert_eq!(careless.seen.len(), 10, "without the guard it is missed: the test can fail");
}

/// Conditional creates of one batch are decided one after another in one transaction, which must draw one stamp alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pollers_miss_nothing_of_grouped_conditional_creates() {
    let Some((first, second)) = two_gateways().await else { return };
    let create = |n: usize| {
        let app = if n.is_multiple_of(2) { &first } else { &second };
        let criteria = format!("identifier=https://example.org/places|c{n}");
        async move {
            app.request("POST", "Location")
                .header("If-None-Exist", &criteria)
                .json(&identified(&format!("c{n}")))
                .send()
                .await
        }
    };
    let mut poller = Poller::default();
    let all = async {
        for round in 0..5 {
            let answers = join_all((0..60).map(|n| create(round * 60 + n))).await;
            assert!(answers.iter().all(|answer| answer.status == 201));
        }
    };
    tokio::pin!(all);
    loop {
        tokio::select! {
            () = &mut all => break,
            () = poller.poll(&second) => {}
        }
    }
    for _ in 0..50 {
        poller.poll(&second).await;
        if poller.seen.len() == 300 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(poller.seen.len(), 300);
    assert!(disorder(&first.database_url).await.is_empty(), "positions and transactions have one order");
}

/// Log positions whose transaction id or moment is less than that of a position before.
async fn disorder(url: &str) -> Vec<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        seq: i64,
    }
    const TEXT: &str = "SELECT seq FROM (SELECT seq, tx, at, lag(tx) OVER (ORDER BY seq) AS tx_before, \
         lag(at) OVER (ORDER BY seq) AS at_before FROM resource_version) v WHERE tx < tx_before OR at < at_before";
    let mut connection = Database::open(url).await.unwrap().reader().await.unwrap();
    let rows: Vec<Row> = connection.load(Sql::new(TEXT)).await.unwrap();
    rows.into_iter().map(|row| row.seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_match_over_two_gateways_has_one_winner() {
    let Some((first, second)) = two_gateways().await else { return };
    first.put("Location/a", &location("a", "0")).await.expect(201);
    for round in 1..=5 {
        let update = |n: usize| {
            let app = if n.is_multiple_of(2) { &first } else { &second };
            let request = app.request("PUT", "Location/a").header("If-Match", &format!("W/\"{round}\""));
            async move { request.json(&location("a", &format!("{round}.{n}"))).send().await.status }
        };
        let statuses = join_all((0..20).map(update)).await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 19, "{statuses:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditional_creates_over_two_gateways_make_one_resource() {
    let Some((first, second)) = two_gateways().await else { return };
    for round in 0..5 {
        let name = format!("x{round}");
        let words = [format!("identifier=https://example.org/places|{name}"), format!("identifier={name}")];
        let create = |n: usize| {
            let app = if n.is_multiple_of(2) { &first } else { &second };
            let request = app.request("POST", "Location").header("If-None-Exist", &words[(n / 2) % 2]);
            let body = identified(&name);
            async move { request.json(&body).send().await }
        };
        let answers = join_all((0..20).map(create)).await;
        let created = answers.iter().filter(|answer| answer.status == 201).count();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!((created, statuses.iter().filter(|status| **status == 200).count()), (1, 19), "{statuses:?}");
        let ids: BTreeSet<String> = answers.iter().map(|answer| answer.json()["id"].to_string()).collect();
        assert_eq!(ids.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_puts_over_two_gateways_all_make_a_version() {
    let Some((first, second)) = two_gateways().await else { return };
    let update = |n: usize| {
        let app = if n.is_multiple_of(2) { &first } else { &second };
        async move {
            app.put(&format!("Location/l{}", n % 3), &location(&format!("l{}", n % 3), &n.to_string())).await.status
        }
    };
    let statuses = join_all((0..90).map(update)).await;
    assert!(statuses.iter().all(|status| *status == 200 || *status == 201), "{statuses:?}");
    let versions: Vec<Value> = join_all((0..3).map(|n| {
        let second = &second;
        async move { second.get(&format!("Location/l{n}")).await.expect(200)["meta"]["versionId"].clone() }
    }))
    .await;
    assert_eq!(versions, ["30", "30", "30"]);
    assert!(disorder(&first.database_url).await.is_empty());
}
