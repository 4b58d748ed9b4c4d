//! The measurements, each against its bare counterpart.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Plan;
use super::bare::{self, BEDS};
use super::client::{Load, get, load, put};
use super::gateway::Process;
use super::log::bytes_a_request;
use super::region::{bed, build};

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn write_request(clients: usize) -> impl Fn(usize, u64) -> Vec<u8> + Send + Sync + 'static {
    // Each client has beds of its own and changes the status of each every time it comes round.
    let own = (BEDS / clients).max(1);
    move |client, n| {
        let number = (client * own + usize::try_from(n).unwrap_or(0) % own) % BEDS;
        let status = if (n / own as u64).is_multiple_of(2) { 'O' } else { 'U' };
        put(&format!("/fhir/Location/bed-{number}"), &bed(number, status))
    }
}

async fn fill(address: &str) {
    build(address, BEDS).await;
    let per_client = BEDS / 50;
    let request = move |client: usize, n: u64| {
        let number = client * per_client + usize::try_from(n).unwrap_or(0) % per_client;
        put(&format!("/fhir/Location/bed-{number}"), &bed(number, 'H'))
    };
    // Long enough that every client has gone round all its beds at least once.
    load(address, 50, Duration::from_secs(6), request).await;
}

async fn write_load(plan: &Plan, address: &str) -> Load {
    load(address, plan.clients, Duration::from_secs(plan.seconds), write_request(plan.clients)).await
}

/// Bed-status PUTs on SQLite, against a bare loop that writes the same rows with the same grouping, and against the same
/// gateway that validates nothing.
pub async fn writes(plan: &Plan) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.db");
    let url = format!("sqlite://{}", path.display());
    let gateway = Process::start(&url, &[]).await;
    fill(&gateway.address).await;
    drop(gateway);
    let (mut own, mut bare, mut slow) = (Vec::new(), Vec::new(), Duration::ZERO);
    let mut unchecked = Vec::new();
    for _ in 0..plan.rounds {
        let gateway = Process::start(&url, &[]).await;
        let figures = write_load(plan, &gateway.address).await;
        own.push(figures.per_second);
        slow = slow.max(figures.p99);
        drop(gateway);
        let gateway = Process::start(&url, &[("validation", "off")]).await;
        unchecked.push(write_load(plan, &gateway.address).await.per_second);
        drop(gateway);
        let (path, seconds, group) = (path.clone(), plan.seconds, plan.clients.min(64));
        let figure = tokio::task::spawn_blocking(move || bare::write_rows(&path, group, Duration::from_secs(seconds)));
        bare.push(figure.await.expect("the bare loop"));
    }
    let (own, bare, unchecked) = (middle(own), middle(bare), middle(unchecked));
    println!("SQLite, {} clients, bed status by PUT: {own:.0}/s (p99 {slow:?} at worst)", plan.clients);
    println!(
        "  bare loop, same rows, {} a commit: {bare:.0}/s; ratio {:.0} %",
        plan.clients.min(64),
        own / bare * 100.0
    );
    println!("  without validation: {unchecked:.0}/s; with it {:.0} % of that", own / unchecked * 100.0);
    let log = bytes_a_request(&url, plan.clients, write_request(plan.clients)).await;
    println!("  write-ahead log: {log:.0} bytes an update, {} clients", plan.clients);
}

/// Bed-status PUTs on PostgreSQL, with group commit and without.
pub async fn postgres(plan: &Plan) {
    let Ok(server) = std::env::var("KAKEHASHI_TEST_POSTGRES") else {
        println!("PostgreSQL: skipped, KAKEHASHI_TEST_POSTGRES names no server");
        return;
    };
    let (mut grouped, mut single) = (Vec::new(), Vec::new());
    let filled = Process::start(&server, &[]).await;
    fill(&filled.address).await;
    drop(filled);
    for _ in 0..plan.rounds {
        let gateway = Process::start(&server, &[]).await;
        grouped.push(write_load(plan, &gateway.address).await.per_second);
        drop(gateway);
        // Grouping switched off: one transaction a write, on as many writers as there are clients waiting.
        let gateway = Process::start(&server, &[("group_commit", "1")]).await;
        single.push(write_load(plan, &gateway.address).await.per_second);
    }
    let (grouped, single) = (middle(grouped), middle(single));
    println!("PostgreSQL, {} clients, bed status by PUT: {grouped:.0}/s", plan.clients);
    println!("  grouping switched off: {single:.0}/s; ratio {:.1}", grouped / single);
}

/// Snapshots of whole sites on both databases.
pub async fn snapshots(plan: &Plan) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    super::snapshots::snapshots(plan, "SQLite", &url).await;
    if let Ok(server) = std::env::var("KAKEHASHI_TEST_POSTGRES") {
        super::snapshots::snapshots(plan, "PostgreSQL", &server).await;
    }
}

/// Readers of the reading benchmark.
const READERS: usize = 16;

/// Reads by id, against axum that serves the same bytes: each server alone on the first processor, the client on the
/// second, so that what is compared is what a server does, not how the two share.
pub async fn reads(plan: &Plan) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    let filled = Process::start(&url, &[]).await;
    fill(&filled.address).await;
    drop(filled);
    let text = folder.path().join("text.json");
    std::fs::write(&text, bed(1, 'O')).expect("the text");
    let this = std::env::current_exe().expect("this program");
    let gateway = Process::pinned(&url).await;
    let mut axum = Command::new("taskset")
        .args(["-c", "0"])
        .arg(&this)
        .args(["bare-axum", &text.display().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("bare axum");
    let mut line = String::new();
    BufReader::new(axum.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
    let bare_address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let measured = |address: &str| {
        let seconds = plan.seconds.to_string();
        let client =
            Command::new("taskset").args(["-c", "1"]).arg(&this).args(["read-load", address, &seconds]).output();
        let figure = String::from_utf8(client.expect("the client").stdout).expect("a figure");
        figure.trim().parse::<f64>().expect("a figure")
    };
    let (mut own, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        own.push(measured(&gateway.address));
        bare.push(measured(&bare_address));
    }
    axum.kill().expect("killed");
    axum.wait().expect("ended");
    let (own, bare) = (middle(own), middle(bare));
    println!("SQLite, {READERS} clients, one processor for the server, read by id: {own:.0}/s");
    println!("  bare axum, same bytes: {bare:.0}/s; ratio {:.0} %", own / bare * 100.0);
}

/// The client of [`reads`], in a process of its own; prints the reads per second.
pub fn read_load(address: &str, seconds: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let request = |client: usize, n: u64| get(&format!("/fhir/Location/bed-{}", (client * 251 + n as usize) % BEDS));
    println!("{}", runtime.block_on(load(address, READERS, Duration::from_secs(seconds), request)).per_second);
}

/// Start on an existing database of 100,000 resources, and resident memory after reading and writing there.
pub async fn start(plan: &Plan) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("bench.db").display());
    let gateway = Process::start(&url, &[]).await;
    build(&gateway.address, 100_000).await;
    let per_client = 100_000 / 64;
    let request = move |client: usize, n: u64| {
        let number = client * per_client + usize::try_from(n).unwrap_or(0) % per_client;
        put(&format!("/fhir/Location/bed-{number}"), &bed(number, 'U'))
    };
    load(&gateway.address, 64, Duration::from_secs(40), request).await;
    drop(gateway);
    let mut times = Vec::new();
    for _ in 0..plan.rounds.max(3) {
        times.push(Process::start(&url, &[]).await.ready_after.as_secs_f64() * 1000.0);
    }
    let gateway = Process::start(&url, &[]).await;
    let request = |client: usize, n: u64| get(&format!("/fhir/Location/bed-{}", (client * 977 + n as usize) % 90_000));
    load(&gateway.address, 16, Duration::from_secs(plan.seconds), request).await;
    write_load(plan, &gateway.address).await;
    println!("start to ready on 100,000 resources: {:.0} ms", middle(times));
    println!("  resident after reads and writes: {:.0} MB", gateway.resident());
}
