//! `kakehashi import beds.csv`: tables of beds and ward counts, with the report that `$import-beds` gives, as lines.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::access::Caller;
use crate::exchange::Gateway;
use crate::fhir::id::ResourceId;
use crate::fhir::outcome::Issue;
use crate::intake::csv::{self, Charset, Options};

use super::failed;

/// Flags of tables.
#[derive(Args)]
pub struct CsvArgs {
    /// Of .csv files: judge all rows, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Of .csv files: utf-8 or shift_jis [default: found out]
    #[arg(long, value_name = "CHARSET")]
    encoding: Option<String>,
    /// Of .csv files: the id of the facility or ward in which all beds and wards must lie
    #[arg(long, value_name = "ID")]
    within: Option<String>,
}

impl CsvArgs {
    /// Exit code 2 where tables and resources are mixed, or resources come with flags that they do not have.
    pub fn check(&self, has_resources: bool, has_no_tables: bool) -> Result<(), ExitCode> {
        let given = self.dry_run || self.encoding.is_some() || self.within.is_some();
        if has_resources && given {
            return Err(failed(&"--dry-run, --encoding and --within are for .csv files alone"));
        }
        if has_resources && !has_no_tables {
            return Err(failed(&"import .csv files and resources by commands of their own"));
        }
        Ok(())
    }

    fn options(&self) -> Result<Options, ExitCode> {
        let label = self.encoding.as_deref();
        let charset =
            label.map(|label| Charset::of_label(label).ok_or_else(|| failed(&"--encoding: utf-8 or shift_jis")));
        let id = self.within.as_deref();
        let within = id.map(|id| ResourceId::parse(id).ok_or_else(|| failed(&"--within: this is no id")));
        Ok(Options { charset: charset.transpose()?, dry_run: self.dry_run, within: within.transpose()? })
    }
}

pub fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

/// Exit code 0 where all rows were taken, 1 where some or a whole file were not, 2 where a file could not be opened.
pub async fn run(gateway: &Gateway, paths: &[&PathBuf], args: &CsvArgs) -> Result<ExitCode, ExitCode> {
    let (options, caller, mut bad) = (args.options()?, Caller::local("import"), false);
    for path in paths {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| failed(&format!("{name}: {error}")))?;
        match csv::import(gateway, &caller, &bytes, options.clone()).await {
            Ok(taken) => {
                taken.issues.iter().for_each(|issue| eprintln!("{}", line(&name, issue)));
                println!("{name}: {}", taken.summary().en);
                bad |= taken.refused > 0;
            }
            Err(error) => {
                error.issues.iter().for_each(|issue| eprintln!("{}", line(&name, issue)));
                bad = true;
            }
        }
    }
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `file:line:column`, as editors find places.
fn line(name: &str, issue: &Issue) -> String {
    let place = issue.place.map(|place| format!(":{}:{}", place.line, place.column)).unwrap_or_default();
    format!("{name}{place}: {}", issue.en)
}
