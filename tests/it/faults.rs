//! What a gateway goes through: kill -9, SIGTERM, a full disk, a database that vanishes, slow clients.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kakehashi::store::{Database, Sql};
use serde_json::{Value, json};

use crate::app::location;
use crate::program::{PostgresServer, Served, eventually, is_root, run};

const CLIENTS: usize = 64;

/// Each client puts its own resource, with a growing number in it, until the server is gone or `stop` is set. Answers the
/// last number that was acknowledged, and every status.
async fn put_load(served: &Served, stop: &AtomicBool, seen: &std::sync::Mutex<Vec<u16>>) -> Vec<u64> {
    let client = |id: usize| async move {
        let id = format!("c{id}");
        let mut acknowledged = 0;
        for number in 1.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let answer = served.put(&format!("Location/{id}"), &location(&id, &number.to_string())).await;
            let Some((status, _)) = answer else { break };
            seen.lock().unwrap().push(status);
            if status < 300 {
                acknowledged = number;
            }
        }
        acknowledged
    };
    join_all((0..CLIENTS).map(client)).await
}

/// Nothing acknowledged is lost, at most the one write under way was added, and every version is there.
async fn check_kept(served: &Served, acknowledged: &[u64]) {
    let mut total = 0;
    for (client, acknowledged) in acknowledged.iter().enumerate() {
        let Some((status, body)) = served.get(&format!("Location/c{client}")).await else { panic!("no answer") };
        if status == 404 && *acknowledged == 0 {
            continue;
        }
        let number: u64 = body["name"].as_str().unwrap_or("0").parse().unwrap();
        assert!(number == *acknowledged || number == acknowledged + 1, "c{client}: {number} for {acknowledged}");
        let version: u64 = body["meta"]["versionId"].as_str().unwrap().parse().unwrap();
        let (_, history) = served.get(&format!("Location/c{client}/_history?_summary=count")).await.unwrap();
        assert_eq!(history["total"], version);
        total += acknowledged;
    }
    assert!(total > CLIENTS as u64, "the load was one: {total} writes");
}

async fn kill_under_load(url: &str) {
    let served = Served::start(url, &[]);
    let (stop, seen) = (AtomicBool::new(false), std::sync::Mutex::default());
    let killing = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        served.signal("KILL");
    };
    let (acknowledged, ()) = tokio::join!(put_load(&served, &stop, &seen), killing);
    assert!(seen.into_inner().unwrap().iter().all(|status| *status < 300));
    drop(served);
    let again = Served::start(url, &[]);
    check_kept(&again, &acknowledged).await;
    assert_eq!(again.put("Location/after", &location("after", "1")).await.unwrap().0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load_loses_no_acknowledged_write_on_sqlite() {
    #[derive(diesel::QueryableByName)]
    struct Check {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/k.db", folder.path().display());
    kill_under_load(&url).await;
    let mut connection = Database::open(&url).await.unwrap().writer().await.unwrap();
    let checks: Vec<Check> = connection.load(Sql::new("PRAGMA integrity_check")).await.unwrap();
    assert_eq!(checks[0].integrity_check, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load_loses_no_acknowledged_write_on_postgres() {
    if let Some(url) = crate::app::postgres_database().await {
        kill_under_load(&url).await;
    }
}

/// A PUT of `Location/half` whose body has only begun.
fn begin_put(served: &Served) -> (TcpStream, String) {
    let body = location("half", "北棟").to_string();
    let mut stream = TcpStream::connect(served.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (length, begun) = (body.len(), &body[..10]);
    write!(stream, "PUT /fhir/Location/half HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/fhir+json\r\nContent-Length: {length}\r\n\r\n{begun}").unwrap();
    let rest = body[10..].to_owned();
    (stream, rest)
}

/// What the server sends until it closes, and how long that took.
fn read_all(mut stream: TcpStream) -> (String, Duration) {
    let (started, mut bytes) = (Instant::now(), Vec::new());
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert!(error.kind() == std::io::ErrorKind::ConnectionReset, "{error}");
    }
    (String::from_utf8_lossy(&bytes).into_owned(), started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_what_was_accepted_and_takes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/k.db", folder.path().display());
    let served = Served::start(&url, &[]);
    let (mut stream, rest) = begin_put(&served);
    tokio::time::sleep(Duration::from_millis(200)).await;
    served.signal("TERM");
    let address = served.address();
    assert!(
        eventually(Duration::from_secs(5), || async { TcpStream::connect(&address).is_err() }).await,
        "it still listens"
    );
    stream.write_all(rest.as_bytes()).unwrap();
    let (answer, _) = read_all(stream);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(served.ended(Duration::from_secs(10)), 0);
    let again = Served::start(&url, &[]);
    assert_eq!(again.get("Location/half").await.unwrap().0, 200);
}

/// A small file system of its own, taken away at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "kakehashi-test"]).arg(folder.path());
        let mounted = is_root() && mount.status().is_ok_and(|status| status.success());
        mounted.then_some(SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(done.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_answers_503_and_service_resumes_when_there_is_space() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: a small file system cannot be mounted here");
        return;
    };
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 8 << 20]).unwrap();
    let url = format!("sqlite://{}/k.db", disk.0.path().display());
    let served = Served::start(&url, &[("write_deadline_seconds", "1")]);
    let big = |number: usize| {
        let mut body = location(&format!("l{number}"), "1");
        body["description"] = json!("あ".repeat(60_000));
        body
    };
    let mut acknowledged = 0;
    let refused = loop {
        let answer = served.put(&format!("Location/l{acknowledged}"), &big(acknowledged)).await.unwrap();
        if answer.0 != 201 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 200, "the disk never filled");
    };
    assert_eq!((refused.0, &refused.1["issue"][0]["code"]), (503, &json!("transient")), "{refused:?}");
    assert!(acknowledged > 5);
    assert_eq!(served.get("Location/l0").await.unwrap().0, 200, "reads go on");
    assert_eq!(served.get(&format!("Location/l{acknowledged}")).await.unwrap().0, 404, "nothing of it was written");
    std::fs::remove_file(&ballast).unwrap();
    let path = format!("Location/l{acknowledged}");
    let resumed =
        eventually(Duration::from_secs(10), || async { served.put(&path, &big(acknowledged)).await.unwrap().0 == 201 });
    assert!(resumed.await);
    let (_, found) = served.get("Location?_summary=count").await.unwrap();
    assert_eq!(found["total"], acknowledged + 1);
    drop(served);
    let again = Served::start(&url, &[]);
    assert_eq!(again.get("Location?_summary=count").await.unwrap().1["total"], acknowledged + 1);
    drop(again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vanished_postgres_answers_503_and_service_resumes_by_itself() {
    let Some(database) = PostgresServer::start() else { return };
    let served = Served::start(&database.url(), &[("write_deadline_seconds", "2")]);
    let (stop, seen) = (AtomicBool::new(false), std::sync::Mutex::<Vec<u16>>::default());
    let breaking = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        tokio::task::block_in_place(|| database.down());
        assert_eq!(served.health("healthz").await, 200);
        assert_eq!(served.health("readyz").await, 503);
        let read = served.client.get(served.url("Location/c0")).send().await.unwrap();
        assert_eq!(read.status().as_u16(), 503);
        assert!(read.headers().contains_key("retry-after"));
        let outcome: Value = serde_json::from_str(&read.text().await.unwrap()).unwrap();
        assert_eq!(
            (&outcome["resourceType"], &outcome["issue"][0]["code"]),
            (&json!("OperationOutcome"), &json!("transient"))
        );
        let written = served.put("Location/lost", &location("lost", "1")).await.unwrap();
        assert_eq!(written.0, 503);
        tokio::task::block_in_place(|| database.up());
        let ready = eventually(Duration::from_secs(20), || async { served.health("readyz").await == 200 });
        assert!(ready.await, "it does not come back by itself");
        let resumed = eventually(Duration::from_secs(20), || async {
            served.put("Location/after", &location("after", "1")).await.is_some_and(|(status, _)| status < 300)
        });
        assert!(resumed.await);
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (acknowledged, ()) = tokio::join!(put_load(&served, &stop, &seen), breaking);
    let statuses = seen.into_inner().unwrap();
    assert!(statuses.iter().all(|status| [200, 201, 503].contains(status)), "{statuses:?}");
    for (client, acknowledged) in acknowledged.iter().enumerate() {
        let (_, body) = served.get(&format!("Location/c{client}")).await.unwrap();
        let number: u64 = body["name"].as_str().unwrap_or("0").parse().unwrap();
        // A write whose answer was 503 in doubt may stand; the numbers after it were acknowledged later.
        assert!(number >= *acknowledged, "c{client}: {number} for {acknowledged}");
        let (_, history) = served.get(&format!("Location/c{client}/_history?_summary=count")).await.unwrap();
        assert_eq!(history["total"].to_string(), body["meta"]["versionId"].as_str().unwrap());
    }
    assert_eq!(served.get("Location/lost").await.unwrap().0, 404, "503 said that nothing was written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_hurt_nobody_and_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(&format!("sqlite://{}/k.db", folder.path().display()), &[("body_timeout_seconds", "2")]);
    let connect = || {
        let stream = TcpStream::connect(served.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    };
    let mut slow = Vec::new();
    for begun in ["", "PRI * HT", "PRI * HTTP/2.0\r\n\r\n", "GET /fhir/metadata HTTP/1.1\r\nHost: x\r\n"] {
        for _ in 0..20 {
            let mut stream = connect();
            stream.write_all(begun.as_bytes()).unwrap();
            slow.push((begun, stream));
        }
    }
    // A body that dribbles is cut by its own limit, and told so.
    let (mut dribbling, _) = begin_put(&served);
    let drip = dribbling.try_clone().unwrap();
    let dripping = std::thread::spawn(move || {
        let mut drip = drip;
        while drip.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let started = Instant::now();
    for number in 0..50 {
        let id = format!("l{number}");
        assert_eq!(served.put(&format!("Location/{id}"), &location(&id, "1")).await.unwrap().0, 201);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let mut answer = vec![0; 12];
    dribbling.read_exact(&mut answer).unwrap();
    assert_eq!(answer, b"HTTP/1.1 400");
    drop(dribbling);
    dripping.join().unwrap();
    assert_eq!(served.get("Location/half").await.unwrap().0, 404);
    tokio::task::block_in_place(|| {
        for (begun, stream) in slow {
            read_all(stream);
            assert!(started.elapsed() < Duration::from_secs(25), "{begun:?} was not cut");
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_and_a_database_without_migrations_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/k.db", folder.path().display());
    let served = Served::start(&url, &[]);
    assert_eq!((served.health("healthz").await, served.health("readyz").await), (200, 200));
    let mut connection = Database::open(&url).await.unwrap().writer().await.unwrap();
    connection.run("DELETE FROM __diesel_schema_migrations").await.unwrap();
    assert_eq!((served.health("healthz").await, served.health("readyz").await), (200, 503));
    drop(served);
    assert_eq!(run(&["migrate", "--database-url", "postgres://nobody@127.0.0.1:1/none"]).status.code(), Some(2));
}
