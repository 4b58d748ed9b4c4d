//! Requests at a steady rate whatever becomes of them, each from a thread that sleeps until it is due: a runtime's timers
//! would add a millisecond of their own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 16;

/// Middle and 99th percentile of one question, from the moment at which a request was due.
pub struct Latency {
    pub p50: Duration,
    pub p99: Duration,
}

/// Sends `rate` requests a second of so many questions in turn; `request` makes the bytes of a question's n-th.
pub fn steady(
    address: &str,
    time: Duration,
    (rate, questions): (u64, usize),
    request: impl Fn(usize, usize) -> Vec<u8> + Sync,
) -> Vec<Latency> {
    let (next, started) = (AtomicU64::new(0), Instant::now());
    let one = || {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); questions];
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let due = started + Duration::from_micros(n * 1_000_000 / rate);
            if due > started + time {
                return times;
            }
            let number = usize::try_from(n).expect("a number");
            let question = number % questions;
            let request = request(question, number / questions);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            exchange(&mut stream, &request);
            times[question].push(due.elapsed());
        }
    };
    let mut all: Vec<Vec<Duration>> = vec![Vec::new(); questions];
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(one)).collect();
        for thread in threads {
            for (all, own) in all.iter_mut().zip(thread.join().expect("a client")) {
                all.extend(own);
            }
        }
    });
    all.into_iter().map(latency).collect()
}

fn latency(mut times: Vec<Duration>) -> Latency {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    Latency { p50: at(50), p99: at(99) }
}

/// Sends a request and reads the whole answer.
fn exchange(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).expect("sent");
    let (mut answer, mut piece) = (Vec::with_capacity(32 << 10), [0; 32 << 10]);
    loop {
        let read = stream.read(&mut piece).expect("an answer");
        assert!(read > 0, "the server hung up");
        answer.extend_from_slice(&piece[..read]);
        let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head]).expect("headers");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        if answer.len() >= head + 4 + length {
            assert!(text.starts_with("HTTP/1.1 200"), "a question was refused: {text}");
            return;
        }
    }
}
