//! `kakehashi validate`: what the gateway would say of files, without a server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::exchange::check_text;
use crate::fhir::outcome::{Issue, Language};

use super::{Common, failed, load_definitions};

#[derive(Args)]
pub struct ValidateArgs {
    /// Files with one resource each
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Language of the findings
    #[arg(long, value_enum, default_value_t = Lang::En)]
    lang: Lang,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lang {
    Ja,
    En,
}

pub fn run(common: &Common, args: &ValidateArgs) -> Result<ExitCode, ExitCode> {
    let config = common.config(Vec::new())?;
    let definitions = load_definitions(&config)?;
    let language = if args.lang == Lang::Ja { Language::Ja } else { Language::En };
    let (mut invalid, mut unreadable) = (false, false);
    for file in &args.files {
        let name = file.display().to_string();
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                failed(&format!("{name}: {error}"));
                unreadable = true;
                continue;
            }
        };
        let issues = check_text(&definitions, &bytes, config.limits.depth);
        let errors = issues.iter().filter(|issue| issue.is_error()).count();
        invalid |= errors > 0;
        println!("{name}: {}", if errors > 0 { "invalid" } else { "valid" });
        issues.iter().for_each(|issue| println!("  {}", line(issue, language)));
    }
    Ok(match (unreadable, invalid) {
        (true, _) => ExitCode::from(2),
        (false, true) => ExitCode::from(1),
        (false, false) => ExitCode::SUCCESS,
    })
}

fn line(issue: &Issue, language: Language) -> String {
    let text = if language == Language::Ja { &issue.ja } else { &issue.en };
    let place = issue.expression.as_deref().unwrap_or("-");
    let rule = issue.rule.as_ref().map(|rule| format!(" [{rule}]")).unwrap_or_default();
    format!("{} {place}: {text}{rule}", issue.severity.code())
}
