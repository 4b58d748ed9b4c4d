//! Whole-process benchmarks of the gateway against bare loops, in one run on one machine:
//!
//! `cargo bench --bench gateway -- [writes] [postgres] [snapshots] [reads] [start] [--seconds N] [--clients N]`
//!
//! Nothing named: all of it; `postgres` needs a server (`FSYNC=on tests/with-postgres cargo bench …`). Each figure is the
//! middle one of several rounds in which the gateway and its bare loop take turns.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and it prints figures"
)]

mod bare;
mod client;
mod gateway;
mod log;
mod measure;
mod region;
mod snapshots;

use std::process::ExitCode;

/// What was asked for on the command line.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seconds: u64,
    pub clients: usize,
    pub rounds: usize,
    pub wanted: Vec<String>,
}

impl Plan {
    fn read(arguments: impl Iterator<Item = String>) -> Plan {
        let mut plan = Plan { seconds: 5, clients: 64, rounds: 3, wanted: Vec::new() };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse().ok());
            match argument.as_str() {
                "--seconds" => plan.seconds = number().unwrap_or(plan.seconds as usize) as u64,
                "--clients" => plan.clients = number().unwrap_or(plan.clients),
                "--rounds" => plan.rounds = number().unwrap_or(plan.rounds),
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
    let mut arguments = std::env::args().skip(1).peekable();
    match arguments.peek().map(String::as_str) {
        Some("bare-axum") => {
            bare::serve_axum(arguments.nth(1).unwrap_or_default());
            return ExitCode::SUCCESS;
        }
        Some("read-load") => {
            let mut next = || arguments.next().unwrap_or_default();
            let (_, address, seconds) = (next(), next(), next());
            measure::read_load(&address, seconds.parse().unwrap_or(1));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let plan = Plan::read(arguments);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if plan.wants("writes") {
            measure::writes(&plan).await;
        }
        if plan.wants("postgres") {
            measure::postgres(&plan).await;
        }
        if plan.wants("snapshots") {
            measure::snapshots(&plan).await;
        }
        if plan.wants("reads") {
            measure::reads(&plan).await;
        }
        if plan.wants("start") {
            measure::start(&plan).await;
        }
    });
    ExitCode::SUCCESS
}
