//! The searches of the region at three sizes, on both databases:
//!
//! `cargo bench --bench search -- [sqlite] [postgres] [--beds 10000,100000,1500000] [--seconds N] [--folder F] [--sizes]`
//!
//! Nothing named: SQLite. PostgreSQL needs a server (`FSYNC=on tests/with-postgres cargo bench --bench search -- postgres`).
//! Each size is a region of its own ([`region`]), filled once; `--folder` keeps SQLite's files for another run, and
//! PostgreSQL's databases are left where they are. For each question: latency at a steady 500 requests a second over all
//! questions (open loop, 16 connections, from the moment a request is due), throughput at 16 clients, and as a share of
//! what the same statements come to when they are run bare. `--sizes` tells what the index takes; `--seconds 0` measures
//! nothing else.
//!
//! `-- vacancies` asks `Location/$vacancies` in their place, over large hospitals with the last of those numbers of beds: at a
//! steady 300 requests a second, alone and while 1,000 bed statuses a second come in.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and it prints figures"
)]

mod bare;
#[path = "../gateway/client.rs"]
#[expect(dead_code, reason = "shared with the other benchmark")]
mod client;
mod fill;
#[path = "../gateway/gateway.rs"]
#[expect(dead_code, reason = "shared with the other benchmark")]
mod gateway;
mod measure;
mod questions;
mod region;
mod size;
mod steady;
mod vacancies;

use std::path::PathBuf;

/// What was asked for on the command line.
pub struct Plan {
    pub seconds: u64,
    pub beds: Vec<usize>,
    pub folder: Option<PathBuf>,
    pub sizes: bool,
    pub vacancies: bool,
    pub wanted: Vec<String>,
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> Plan {
        let beds = vec![10_000, 100_000, 1_500_000];
        let mut plan = Plan { seconds: 5, beds, folder: None, sizes: false, vacancies: false, wanted: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seconds" => {
                    plan.seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(plan.seconds);
                }
                "--beds" => {
                    let sizes = arguments.next().unwrap_or_default();
                    plan.beds = sizes.split(',').filter_map(|size| size.parse().ok()).collect();
                }
                "--folder" => plan.folder = arguments.next().map(PathBuf::from),
                "--sizes" => plan.sizes = true,
                "vacancies" => plan.vacancies = true,
                "--bench" => {}
                other => plan.wanted.push(other.to_owned()),
            }
        }
        plan
    }
}

fn main() {
    let plan = Plan::read(std::env::args().skip(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if plan.wanted.is_empty() || plan.wanted.iter().any(|wanted| wanted == "sqlite") {
            measure::sqlite(&plan).await;
        }
        if plan.wanted.iter().any(|wanted| wanted == "postgres") {
            measure::postgres(&plan).await;
        }
    });
}
