//! `kakehashi hl7`: HL7 v2 from the command line.

mod letters;
mod listen;
mod send;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Common;

pub use listen::{Listening, senders};

#[derive(Args)]
pub struct Hl7Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send the messages of files by MLLP and print the acknowledgements; exits 0 if all are accepted.
    Send(send::SendArgs),
    /// Messages that could not be applied: list them, replay them once what is wrong is mended.
    #[command(subcommand)]
    DeadLetters(letters::LettersCommand),
}

pub async fn run(common: &Common, args: Hl7Args) -> Result<ExitCode, ExitCode> {
    match args.command {
        Command::Send(args) => send::run(args).await,
        Command::DeadLetters(command) => letters::run(common, command).await,
    }
}
