//! The command line.

mod demo;
mod files;
mod hl7;
mod import;
mod import_csv;
mod profiles;
mod reindex;
mod reload;
mod report;
mod sarif;
mod serve;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, LogFormat};
use crate::definitions;
use crate::exchange::Gateway;
use crate::profile::Definitions;
use crate::store::{self, Database};
use crate::telemetry;

const AFTER: &str = "Try it:
  kakehashi serve --demo                      a region with 4,000 beds, on http://127.0.0.1:8080/fhir
  kakehashi validate bed.json examples/       what would the gateway say?
  kakehashi import bundles/ --database-url postgres://kakehashi@db/kakehashi

Every flag can be given as an environment variable (--database-url as KAKEHASHI_DATABASE_URL) and in a TOML file
(database_url = \"…\"), named by --config or KAKEHASHI_CONFIG. Flags win over the environment, that over the file.";

/// FHIR R4 gateway for a region's beds, home-care referrals and care teams.
#[derive(Parser)]
#[command(name = "kakehashi", version, after_help = AFTER, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Subcommand)]
enum Command {
    /// Serve FHIR over HTTP; creates and migrates the database first.
    Serve(serve::ServeArgs),
    /// Bring the database's schema up to date and end.
    Migrate,
    /// Check resources against base R4 and the region's profiles; exits 0 (valid), 1 (errors found), 2 (cannot read).
    Validate(validate::ValidateArgs),
    /// Look at the loaded profiles, and make files of them.
    Profiles(profiles::ProfilesArgs),
    /// Take in resources, Bundles, NDJSON and CSV files; can be cut off and run again.
    Import(import::ImportArgs),
    /// Make every derived table anew from the version log, while gateways go on serving.
    Reindex,
    /// HL7 v2: send messages for trying out, look after those that could not be applied.
    Hl7(hl7::Hl7Args),
    /// Write a synthetic region as NDJSON.
    Demo(demo::DemoArgs),
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// TOML file with settings
    #[arg(long, global = true, value_name = "FILE", env = "KAKEHASHI_CONFIG")]
    config: Option<PathBuf>,
    /// sqlite://PATH or postgres://… [default: sqlite://kakehashi.db]
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Folder of definitions [default: ./fhir-profiles, else those built in]
    #[arg(long, global = true, value_name = "DIR")]
    profiles: Option<PathBuf>,
    /// TOML file of the HL7 v2 senders, with their beds
    #[arg(long, global = true, value_name = "FILE")]
    mllp_senders: Option<PathBuf>,
    /// Log filter [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// Log lines for people or for machines [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

impl Common {
    fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = Vec::new();
        flags.extend(self.database_url.clone().map(|value| ("database_url", value)));
        flags.extend(self.profiles.as_ref().map(|value| ("profiles", value.display().to_string())));
        flags.extend(self.mllp_senders.as_ref().map(|value| ("mllp_senders", value.display().to_string())));
        flags.extend(self.log.clone().map(|value| ("log", value)));
        let format = |format| if format == LogFormat::Json { "json" } else { "text" };
        flags.extend(self.log_format.map(|value| ("log_format", format(value).to_owned())));
        flags
    }

    /// Reads the settings and starts logging; tells every problem.
    fn config(&self, more: Vec<(&'static str, String)>) -> Result<Config, ExitCode> {
        let mut flags = self.flags();
        flags.extend(more);
        match Config::load(self.config.as_deref(), &flags) {
            Ok(config) => {
                telemetry::start(&config.log, config.log_format);
                Ok(config)
            }
            Err(errors) => {
                errors.iter().for_each(|error| eprintln!("kakehashi: {}", error.0));
                Err(ExitCode::from(2))
            }
        }
    }
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    runtime.block_on(async {
        let done = match cli.command {
            Command::Serve(args) => serve::run(&cli.common, args).await,
            Command::Migrate => migrate(&cli.common).await,
            Command::Validate(args) => validate::run(&cli.common, &args),
            Command::Profiles(args) => profiles::run(&cli.common, args),
            Command::Import(args) => import::run(&cli.common, args).await,
            Command::Reindex => reindex::run(&cli.common).await,
            Command::Hl7(args) => hl7::run(&cli.common, args).await,
            Command::Demo(args) => demo::run(args),
        };
        done.unwrap_or_else(|code| code)
    })
}

/// Says what went wrong; exit code 2.
fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("kakehashi: {error}");
    ExitCode::from(2)
}

async fn migrate(common: &Common) -> Result<ExitCode, ExitCode> {
    let config = common.config(Vec::new())?;
    let database = open(&config).await?;
    let done = store::migrate(&database, &config.database_url).await.map_err(|error| failed(&error))?;
    match done.as_slice() {
        [] => println!("The schema is up to date."),
        names => names.iter().for_each(|name| println!("migrated {name}")),
    }
    Ok(ExitCode::SUCCESS)
}

fn load_definitions(config: &Config) -> Result<Definitions, ExitCode> {
    match definitions::load(config.profiles.as_deref(), config.strictness) {
        Ok((definitions, source)) => {
            tracing::debug!(source, "definitions loaded");
            Ok(definitions)
        }
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("kakehashi: {error}"));
            Err(ExitCode::from(2))
        }
    }
}

async fn open(config: &Config) -> Result<Database, ExitCode> {
    Database::open(&config.database_url).await.map_err(|error| failed(&error))
}

async fn open_migrated(config: &Config) -> Result<Database, ExitCode> {
    let database = open(config).await?;
    store::migrate(&database, &config.database_url).await.map_err(|error| failed(&error))?;
    Ok(database)
}

/// Tells the administrator of search parameters that are refused.
async fn warn_of_missing(gateway: &Gateway) {
    const NAMED: usize = 10;
    let Ok(whole) = gateway.whole().await else { return };
    let missing: Vec<String> = whole.missing().map(|made| format!("{}.{}", made.rtype, made.code)).collect();
    if !missing.is_empty() {
        let (parameters, named) = (missing.len(), missing[..missing.len().min(NAMED)].join(", "));
        tracing::warn!(parameters, named, "search parameters are refused until `kakehashi reindex` is done");
    }
}

/// A progress bar on standard error, where that is a terminal.
fn progress(total: u64, what: &'static str) -> indicatif::ProgressBar {
    let style =
        indicatif::ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {msg} ({per_sec}, {eta} left)");
    let bar = indicatif::ProgressBar::new(total).with_message(what);
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}
