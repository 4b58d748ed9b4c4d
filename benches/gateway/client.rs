//! A client that costs little, so that the server is what is measured: HTTP/1.1 on kept-alive connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a round came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Requests that were answered.
    pub done: usize,
    pub per_second: f64,
    pub p99: Duration,
}

/// Keeps `clients` connections busy for a while; `request` makes the bytes of a client's n-th request.
pub async fn load(
    address: &str,
    clients: usize,
    time: Duration,
    request: impl Fn(usize, u64) -> Vec<u8> + Send + Sync + 'static,
) -> Load {
    let (request, failed) = (Arc::new(request), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (request, failed, address) = (Arc::clone(&request), Arc::clone(&failed), address.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(&address).await;
            let mut times = Vec::new();
            for n in 0.. {
                if started.elapsed() > time {
                    break;
                }
                let sent = Instant::now();
                if connection.exchange(&request(client, n)).await >= 300 {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                times.push(sent.elapsed());
            }
            times
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a client"));
    }
    let elapsed = started.elapsed().as_secs_f64();
    assert_eq!(failed.load(Ordering::Relaxed), 0, "some requests were refused");
    times.sort();
    Load { done: times.len(), per_second: times.len() as f64 / elapsed, p99: times[(times.len() - 1) * 99 / 100] }
}

/// One kept-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("nodelay");
        Connection { stream, buffer: Vec::with_capacity(16 << 10) }
    }

    /// Sends a request; answers the status once the whole answer is here.
    pub async fn exchange(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.expect("sent");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("an answer");
            assert!(read > 0, "the server hung up");
            if let Some(status) = self.complete() {
                return status;
            }
        }
    }

    fn complete(&self) -> Option<u16> {
        let head = self.buffer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let text = std::str::from_utf8(&self.buffer[..head]).expect("headers");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |value| value.parse().expect("a length"));
        let status = text.get(9..12)?.parse().expect("a status");
        (self.buffer.len() >= head + 4 + length).then_some(status)
    }
}

/// `GET path`
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// `PUT path` with a FHIR body; the answer is to be empty.
pub fn put(path: &str, body: &str) -> Vec<u8> {
    send("PUT", path, "application/fhir+json", body)
}

/// `POST path` with a body.
pub fn post(path: &str, media: &str, body: &str) -> Vec<u8> {
    send("POST", path, media, body)
}

fn send(method: &str, path: &str, media: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\nPrefer: return=minimal\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
