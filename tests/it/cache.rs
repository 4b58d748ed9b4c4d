//! What the embedded database keeps in memory is never older than what anybody was told.
//!
//! The tests run on PostgreSQL, too, which has no cache: what holds for one gateway must hold there as well.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kakehashi::store::{Connection, Database, Sql, WriterSettings};

use crate::app::{TestApp, location};
use crate::beds::city::{bed, build};
use crate::beds::counts::counts;
use crate::both;

both!(
    no_reader_goes_back_in_time,
    whoever_wrote_reads_what_was_written,
    deleted_and_made_again_is_told_as_it_is,
    what_was_not_there_is_found_once_it_is,
    another_gateways_writes_are_seen_soon,
    what_boards_say_is_never_older_than_what_was_seen,
);

const RESOURCES: usize = 3;

/// The newest version of each resource that anybody was told of.
struct Told([AtomicU64; RESOURCES]);

impl Told {
    fn none() -> Told {
        Told(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    fn of(&self, resource: usize) -> u64 {
        self.0[resource].load(Ordering::SeqCst)
    }

    fn tell(&self, resource: usize, version: u64) {
        self.0[resource].fetch_max(version, Ordering::SeqCst);
    }
}

/// The version in the `ETag`.
fn version(etag: &str) -> u64 {
    etag.trim_start_matches("W/").trim_matches('"').parse().unwrap()
}

/// Reads by turns; what was told before a read began is the least that it may answer.
async fn read_on(app: &TestApp, told: &Told, stop: &AtomicBool) -> usize {
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let resource = reads % RESOURCES;
        let least = told.of(resource);
        let answer = app.get(&format!("Location/r{resource}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (found, body) = (version(answer.header("etag")), answer.json());
        assert!(found >= least, "r{resource}: {found} read after {least} was told");
        assert_eq!(body["meta"]["versionId"], found.to_string(), "the text belongs to the version");
        told.tell(resource, found);
        reads += 1;
    }
    reads
}

async fn write_on(app: &TestApp, told: &Told, writer: usize) {
    for number in 0..60 {
        let resource = (writer + number) % RESOURCES;
        let id = format!("r{resource}");
        let answer = app.put(&format!("Location/{id}"), &location(&id, &format!("{writer}-{number}"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        told.tell(resource, version(answer.header("etag")));
    }
}

async fn no_reader_goes_back_in_time(app: &TestApp) {
    for resource in 0..RESOURCES {
        app.put(&format!("Location/r{resource}"), &location(&format!("r{resource}"), "0")).await.expect(201);
    }
    let (told, stop) = (Told::none(), AtomicBool::new(false));
    let writing = async {
        join_all((0..4).map(|writer| write_on(app, &told, writer))).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (reads, ()) = tokio::join!(join_all((0..8).map(|_| read_on(app, &told, &stop))), writing);
    assert!(reads.iter().sum::<usize>() > 100, "{reads:?}");
    for resource in 0..RESOURCES {
        let answer = app.get(&format!("Location/r{resource}")).await;
        assert_eq!(version(answer.header("etag")), 1 + 4 * 60 / RESOURCES as u64);
    }
}

async fn whoever_wrote_reads_what_was_written(app: &TestApp) {
    let worker = |worker: usize| async move {
        let id = format!("own{worker}");
        for number in 0..25 {
            let name = format!("n{number}");
            let written = app.put(&format!("Location/{id}"), &location(&id, &name)).await;
            assert!(written.status < 300, "{}", written.text);
            for _ in 0..2 {
                let read = app.get(&format!("Location/{id}")).await;
                assert_eq!((read.header("etag"), &read.text), (written.header("etag"), &written.text));
            }
        }
    };
    join_all((0..4).map(worker)).await;
}

async fn deleted_and_made_again_is_told_as_it_is(app: &TestApp) {
    for round in 0..10 {
        let status = if round == 0 { 201 } else { 410 };
        let before = app.get("Location/a").await.status;
        assert_eq!(before, if round == 0 { 404 } else { status });
        app.put("Location/a", &location("a", &format!("n{round}"))).await.expect(201);
        for _ in 0..2 {
            let read = app.get("Location/a").await.expect(200);
            assert_eq!(
                (&read["name"], &read["meta"]["versionId"]),
                (&format!("n{round}").into(), &(2 * round + 1).to_string().into())
            );
        }
        app.delete("Location/a").await.expect(204);
        for _ in 0..2 {
            app.get("Location/a").await.expect_refusal(410);
        }
    }
}

async fn what_was_not_there_is_found_once_it_is(app: &TestApp) {
    let worker = |worker: usize| async move {
        for number in 0..20 {
            let id = format!("w{worker}n{number}");
            app.get(&format!("Location/{id}")).await.expect_refusal(404);
            app.put(&format!("Location/{id}"), &location(&id, "1")).await.expect(201);
            assert_eq!(app.get(&format!("Location/{id}")).await.expect(200)["name"], "1");
        }
    };
    join_all((0..3).map(worker)).await;
}

/// Reads until the answer is as wanted, a second at most; answers how long it took.
async fn seen_after(app: &TestApp, path: &str, status: u16, etag: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = app.get(path).await;
        if answer.status == status && (etag.is_empty() || answer.header("etag") == etag) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "{path}: still {} {}", answer.status, answer.header("etag"));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn another_gateways_writes_are_seen_soon(app: &TestApp) {
    let other = TestApp::on(&app.database_url, WriterSettings::default()).await;
    for round in 0..10 {
        let (writing, reading) = if round % 2 == 0 { (&other, app) } else { (app, &other) };
        app.get("Location/a").await;
        other.get("Location/a").await;
        let written = writing.put("Location/a", &location("a", &format!("n{round}"))).await;
        assert!(written.status < 300, "{}", written.text);
        seen_after(reading, "Location/a", 200, written.header("etag")).await;
        // In the reader's cache by now; what it decides on is what stands all the same.
        let next = reading.request("PUT", "Location/a").header("If-Match", written.header("etag"));
        next.json(&location("a", &format!("again {round}"))).send().await.expect(200);
        writing.delete("Location/a").await.expect(204);
        seen_after(reading, "Location/a", 410, "").await;
        reading
            .request("PATCH", "Location/a")
            .raw("application/json-patch+json", "[]")
            .send()
            .await
            .expect_refusal(410);
    }
}

/// Another process holds the write lock nearly all the time, so that the gateway's writer cannot look what it changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_commits_is_seen_while_the_writer_waits_for_its_lock() {
    let app = TestApp::sqlite().await;
    app.put("Location/a", &location("a", "name 0")).await.expect(201);
    app.get("Location/a").await.expect(200);
    let mut other = Database::open(&app.database_url).await.unwrap().writer().await.unwrap();
    other.begin().await.unwrap();
    let waits = location("b", "waits");
    let (waiting, ()) = tokio::join!(app.put("Location/b", &waits), rename_often(&app, &mut other));
    assert_eq!(waiting.expect(201)["name"], "waits");
}

/// Changes the text of `a` behind the gateway's back, in transactions that follow each other at once.
async fn rename_often(app: &TestApp, other: &mut Connection) {
    const RENAME: &str = "UPDATE resource_version SET body = replace(body, ?, ?) WHERE body LIKE '%name %'";
    for round in 1..=4 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let (old, new) = (format!("name {}", round - 1), format!("name {round}"));
        let renamed = other.execute(Sql::new(RENAME).bind(old.as_str()).bind(new.as_str())).await.unwrap();
        assert_eq!(renamed, 1);
        other.commit().await.unwrap();
        other.begin().await.unwrap();
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(app.get("Location/a").await.expect(200)["name"], new.as_str());
    }
    other.commit().await.unwrap();
}

/// Beds are filled one after another while many look: what a write was acknowledged for is seen, and nobody sees a bed empty
/// again that somebody saw taken.
async fn what_boards_say_is_never_older_than_what_was_seen(app: &TestApp) {
    const BEDS: usize = 60;
    build(app, &["U"; BEDS]).await;
    let seen = AtomicI64::new(0);
    let done = AtomicBool::new(false);
    let occupied = async || counts(app).await[0].2[1];
    let look = async || {
        while !done.load(Ordering::SeqCst) {
            let before = seen.load(Ordering::SeqCst);
            let now = occupied().await;
            assert!(now >= before, "{now} after {before}");
            seen.fetch_max(now, Ordering::SeqCst);
        }
    };
    let fill = async || {
        for number in 0..BEDS {
            let id = format!("b{number}");
            app.put(&format!("Location/{id}"), &bed(&id, "w", "O", None)).await.expect(200);
            let acknowledged = i64::try_from(number + 1).unwrap();
            seen.fetch_max(acknowledged, Ordering::SeqCst);
            assert_eq!(occupied().await, acknowledged);
            let read = app.get("Location/b0").await.expect(200);
            assert_eq!(read["operationalStatus"]["code"], "O");
        }
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(fill(), look(), look(), look(), look());
}
