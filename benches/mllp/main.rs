//! A20 messages by MLLP against a bare loop that writes the same rows with the same grouping, in one run on one machine:
//!
//! `cargo bench --bench mllp -- [sqlite] [postgres] [--seconds N] [--clients N] [--rounds N]`
//!
//! Nothing named: both; `postgres` needs a server (`FSYNC=on tests/with-postgres cargo bench …`). The gateway is a process of
//! its own; each connection has one message outstanding and counts it when its acknowledgement has come. The bare loop
//! puts as many messages into a commit as the gateway did. Each figure is the middle one of several rounds in which the gateway
//! and its bare loop take turns.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and it prints figures"
)]

mod bare;
mod feed;
mod gateway;
mod region;

use std::process::ExitCode;
use std::time::Duration;

use feed::Pace;
use gateway::Process;

struct Plan {
    seconds: u64,
    clients: usize,
    rounds: usize,
    wanted: Vec<String>,
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> Plan {
        let mut plan = Plan { seconds: 5, clients: 64, rounds: 3, wanted: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut number = |fallback: usize| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(fallback);
            match argument.as_str() {
                "--seconds" => plan.seconds = number(5) as u64,
                "--clients" => plan.clients = number(64),
                "--rounds" => plan.rounds = number(3),
                "--bench" => {}
                other => plan.wanted.push(other.to_owned()),
            }
        }
        plan
    }

    fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == name)
    }
}

fn main() -> ExitCode {
    let plan = Plan::read(std::env::args().skip(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        if plan.wants("sqlite") {
            let url = format!("sqlite://{}", folder.path().join("bench.db").display());
            measure(&plan, "SQLite", &url, folder.path()).await;
        }
        if plan.wants("postgres") {
            match std::env::var("KAKEHASHI_TEST_POSTGRES") {
                Ok(url) => measure(&plan, "PostgreSQL", &url, folder.path()).await,
                Err(_) => println!("PostgreSQL: skipped, KAKEHASHI_TEST_POSTGRES names no server"),
            }
        }
    });
    ExitCode::SUCCESS
}

async fn measure(plan: &Plan, name: &str, url: &str, folder: &std::path::Path) {
    region::fill(url, folder);
    let time = Duration::from_secs(plan.seconds);
    let (mut own, mut bare, mut half) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let gateway = Process::start(url, folder).await;
        let began = chrono::Utc::now().timestamp_millis();
        let full = feed::load(&gateway.mllp, plan.clients, time, Pace::AsFastAsAnswered, round * 2).await;
        let group = bare::grouping(url, began).await;
        let pace = Pace::PerSecond(full.per_second / 2.0);
        let paced = feed::load(&gateway.mllp, plan.clients, time, pace, round * 2 + 1).await;
        own.push(full.per_second);
        half.push(paced.p99);
        println!(
            "  round {round}: {:.0}/s, {group} a commit, p99 {:?}; at {:.0}/s: p50 {:?}, p99 {:?}",
            full.per_second, full.p99, paced.per_second, paced.p50, paced.p99
        );
        drop(gateway);
        bare.push(bare::write_rows(url, group, time).await);
    }
    own.sort_by(f64::total_cmp);
    bare.sort_by(f64::total_cmp);
    half.sort();
    let (own, bare) = (own[own.len() / 2], bare[bare.len() / 2]);
    println!("{name}, {} connections, A20 acknowledged after commit: {own:.0}/s", plan.clients);
    println!("  bare loop, same rows, as many a commit: {bare:.0}/s; ratio {:.0} %", own / bare * 100.0);
    println!(
        "  p99 of an acknowledgement at half that load: {:?} (middle), {:?} (worst)",
        half[half.len() / 2],
        half[half.len() - 1]
    );
}
