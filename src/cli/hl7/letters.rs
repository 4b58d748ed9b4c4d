//! `kakehashi hl7 dead-letters`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use crate::cli::serve::start_gateway;
use crate::cli::{Common, failed, open_migrated};
use crate::config::Config;
use crate::error::Error;
use crate::exchange::Gateway;
use crate::fhir::instant::Instant;
use crate::intake::hl7v2::{Desk, Senders, discard, find, replay};
use crate::store::{self, DeadLetter, LetterState};

#[derive(Subcommand)]
pub enum LettersCommand {
    /// One line a message: id, last time, how often, sender, event, place, reason.
    List {
        /// waiting, applied or discarded
        #[arg(long, default_value = "waiting", value_parser = state)]
        state: LetterState,
        /// Only those of a sender
        #[arg(long, value_name = "NAME")]
        sender: Option<String>,
        /// Lines, at most
        #[arg(long, value_name = "NUMBER", default_value_t = 100)]
        count: u32,
    },
    /// A message as it is kept, without what is said of patients.
    Show {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Take messages in again by the senders' file as it is now.
    Replay {
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// All that wait
        #[arg(long)]
        all: bool,
    },
    /// Leave messages aside for good.
    Discard {
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

/// Messages that one replay of all takes, at most.
const ALL: i64 = 100_000;

fn state(text: &str) -> Result<LetterState, String> {
    LetterState::parse(text).ok_or_else(|| "waiting, applied or discarded".into())
}

pub async fn run(common: &Common, command: LettersCommand) -> Result<ExitCode, ExitCode> {
    let config = common.config(Vec::new())?;
    match command {
        LettersCommand::List { state, sender, count } => {
            let database = open_migrated(&config).await?;
            let letters = store::letters(&database, state, sender.as_deref(), i64::from(count)).await;
            letters.map_err(|error| failed(&error))?.iter().for_each(print_line);
            Ok(ExitCode::SUCCESS)
        }
        LettersCommand::Show { id } => {
            let database = open_migrated(&config).await?;
            let letter = find(&database, &id).await.map_err(|error| told(&error))?;
            print_line(&letter);
            letter.message.split('\r').for_each(|segment| println!("{segment}"));
            Ok(ExitCode::SUCCESS)
        }
        LettersCommand::Replay { ids, all } => replay_them(&config, ids, all).await,
        LettersCommand::Discard { ids } => {
            let database = open_migrated(&config).await?;
            for id in &ids {
                discard(&database, id).await.map_err(|error| told(&error))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn replay_them(config: &Config, mut ids: Vec<String>, all: bool) -> Result<ExitCode, ExitCode> {
    let senders = match &config.mllp.senders {
        Some(path) => super::listen::senders(path)?,
        None => return Err(failed(&"mllp_senders names no file of senders")),
    };
    let gateway = start_gateway(config).await?;
    if all {
        let waiting = store::letters(&gateway.database, LetterState::Waiting, None, ALL).await;
        // The oldest first.
        ids = waiting.map_err(|error| failed(&error))?.into_iter().rev().map(|letter| letter.id).collect();
    }
    let done = in_order(&gateway, senders, &ids).await;
    gateway.close().await;
    let applied = done?;
    println!("{applied} applied, {} still wait.", ids.len() - applied);
    Ok(if applied == ids.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn in_order(gateway: &Gateway, senders: Senders, ids: &[String]) -> Result<usize, ExitCode> {
    let desk = Desk { gateway: Arc::new(gateway.clone()), senders: Arc::new(senders) };
    let mut applied = 0;
    for id in ids {
        let replayed = replay(&desk, id).await.map_err(|error| told(&error))?;
        let (outcome, note) = (if replayed.applied { "applied" } else { "refused" }, replayed.note);
        println!("{id} {outcome} {}", note.map(|(_, en)| en).unwrap_or_default());
        applied += usize::from(replayed.applied);
    }
    Ok(applied)
}

fn print_line(letter: &DeadLetter) {
    let DeadLetter { id, sender, control_id, event, place, reason_en, times, last_at, .. } = letter;
    println!("{id} {} {times}x {sender} {event} {control_id} {place}: {reason_en}", Instant(*last_at).to_fhir());
}

fn told(error: &Error) -> ExitCode {
    failed(&error.issues.first().map(|issue| issue.en.as_str()).unwrap_or_default())
}
