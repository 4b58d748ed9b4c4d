//! `kakehashi demo`: a synthetic region as NDJSON, one resource a line, streamed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::demo::{Plan, region};
use crate::fhir::json::to_compact;

use super::failed;

#[derive(Args)]
pub struct DemoArgs {
    /// The same seed makes the same region
    #[arg(long, value_name = "NUMBER", default_value_t = Plan::default().seed)]
    seed: u64,
    /// Hospitals and clinics with beds
    #[arg(long, value_name = "NUMBER", default_value_t = Plan::default().facilities)]
    facilities: usize,
    /// Beds in all of them
    #[arg(long, value_name = "NUMBER", default_value_t = Plan::default().beds)]
    beds: usize,
    /// Where to write; standard output if not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: DemoArgs) -> Result<ExitCode, ExitCode> {
    let usual = Plan::default();
    let sized = (args.facilities, args.beds) != (usual.facilities, usual.beds);
    let plan = if sized { Plan::scaled(args.facilities, args.beds) } else { usual };
    let plan = Plan { seed: args.seed, ..plan };
    let out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(File::create(path).map_err(|error| failed(&format!("{}: {error}", path.display())))?),
        None => Box::new(std::io::stdout()),
    };
    let mut out = BufWriter::new(out);
    for resource in region(&plan, chrono::Utc::now()) {
        writeln!(out, "{}", to_compact(&resource)).map_err(|error| failed(&error))?;
    }
    out.flush().map_err(|error| failed(&error))?;
    Ok(ExitCode::SUCCESS)
}
