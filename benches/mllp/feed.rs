//! Senders that cost little: one message outstanding on each connection.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::region::BEDS;

/// When the next message of a connection is due.
#[derive(Clone, Copy)]
pub enum Pace {
    AsFastAsAnswered,
    /// Over all connections.
    PerSecond(f64),
}

/// What a round came to. Times are from the moment a message was due to its acknowledgement.
pub struct Load {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Sends for a while; every message is accepted, or the benchmark ends.
pub async fn load(address: &str, clients: usize, time: Duration, pace: Pace, round: usize) -> Load {
    let started = Instant::now();
    let tasks = (0..clients)
        .map(|client| tokio::spawn(send(address.to_owned(), (client, clients), started, time, pace, round)));
    let mut times = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await.expect("a client"));
    }
    let elapsed = started.elapsed().as_secs_f64();
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    Load { per_second: times.len() as f64 / elapsed, p50: at(50), p99: at(99) }
}

async fn send(
    address: String,
    (client, clients): (usize, usize),
    started: Instant,
    time: Duration,
    pace: Pace,
    round: usize,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (own, mut times, mut answer) = (BEDS / clients, Vec::new(), Vec::new());
    for n in 0_u32.. {
        let due = match pace {
            Pace::AsFastAsAnswered => started.elapsed(),
            Pace::PerSecond(rate) => {
                // Each connection begins at its own moment.
                Duration::from_secs_f64((f64::from(n) + client as f64 / clients as f64) * clients as f64 / rate)
            }
        };
        if due > time {
            break;
        }
        tokio::time::sleep_until((started + due).into()).await;
        let turn = n as usize;
        let bed = client * own + turn % own;
        // Every message changes its bed, whatever the round before left there.
        let statuses = if round.is_multiple_of(2) { ["O", "H"] } else { ["U", "K"] };
        let status = statuses[turn / own % 2];
        stream.write_all(message(bed, status, &format!("{client}-{n}")).as_bytes()).await.expect("sent");
        answer.clear();
        while !answer.ends_with(b"\x1c\r") {
            let read = stream.read_buf(&mut answer).await.expect("an answer");
            assert!(read > 0, "the connection was closed");
        }
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains("MSA|AA|") && !text.contains("ERR|"), "{text}");
        times.push(started.elapsed() - due);
    }
    times
}

fn message(bed: usize, status: &str, control_id: &str) -> String {
    let now = chrono::Utc::now();
    // Control ids differ from run to run: what was applied before would cost nothing.
    let (time, run) = (now.format("%Y%m%d%H%M%S%.3f+0000"), now.timestamp_micros());
    format!(
        "\x0bMSH|^~\\&|HIS|HOSP|KAKEHASHI|REGION|{time}||ADT^A20^ADT_A20|{control_id}-{run}|P|2.5.1\rEVN|A20|{time}\r\
         NPU|W^201^{bed}^HOSP|{status}\r\x1c\r"
    )
}
