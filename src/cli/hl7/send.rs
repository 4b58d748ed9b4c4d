//! `kakehashi hl7 send`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::cli::failed;
use crate::clock::{Clock, SystemClock};
use crate::intake::hl7v2::{Client, Identity, as_new, connector, messages_of, read_answer};

#[derive(Args)]
pub struct SendArgs {
    /// Files of messages, framed or each from its MSH segment on; - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where an MLLP listener is
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2575")]
    to: String,
    /// Speak TLS, and believe certificates that these authorities signed (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["key", "ca"])]
    cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Give each message a control id of its own and the time of now (MSH-7, MSH-10, EVN-2)
    #[arg(long)]
    fresh: bool,
    /// Seconds to wait for the acknowledgements of a message
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    timeout: u64,
}

pub async fn run(args: SendArgs) -> Result<ExitCode, ExitCode> {
    let mut messages = Vec::new();
    for file in &args.files {
        let read = if file.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
        } else {
            std::fs::read(file)
        };
        let bytes = read.map_err(|error| failed(&format!("{}: {error}", file.display())))?;
        messages.extend(messages_of(&bytes));
    }
    if args.fresh {
        let (clock, run) = (SystemClock, uuid::Uuid::new_v4().simple().to_string());
        for (number, message) in messages.iter_mut().enumerate() {
            *message = as_new(message, &format!("{}-{number}", &run[..8]), clock.now());
        }
    }
    if messages.is_empty() {
        return Err(failed(&"there is no message in what was given: no MSH segment"));
    }
    let stream = TcpStream::connect(&args.to).await.map_err(|error| failed(&format!("{}: {error}", args.to)))?;
    let patience = Duration::from_secs(args.timeout);
    let Some(authorities) = &args.ca else { return converse(stream, &messages, patience).await };
    let identity = args.cert.as_deref().zip(args.key.as_deref());
    let identity = identity.map(|(certificate, key)| Identity { certificate, key });
    let connector = connector(authorities, identity).map_err(|error| failed(&error))?;
    let host = args.to.rsplit_once(':').map_or(args.to.as_str(), |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    let stream = connector.connect(name, stream).await.map_err(|error| failed(&error))?;
    converse(stream, &messages, patience).await
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    messages: &[Vec<u8>],
    patience: Duration,
) -> Result<ExitCode, ExitCode> {
    let (mut client, mut refused) = (Client::new(stream), 0);
    for message in messages {
        let answers = client.send(message, patience).await.map_err(|error| failed(&error))?;
        let mut accepted = true;
        for (segments, accepts) in answers.iter().map(|answer| read_answer(answer)) {
            segments.iter().for_each(|segment| println!("{segment}"));
            println!();
            accepted &= accepts;
        }
        refused += usize::from(!accepted);
    }
    println!("{} messages sent, {refused} not accepted.", messages.len());
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
