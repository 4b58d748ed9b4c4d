//! Senders that break off, send rubbish, never end, or come in crowds. Whatever they do, the next one is served.

use std::time::{Duration, Instant};

use kakehashi::intake::hl7v2::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::feed::{Answered, Feed, LIMITS, a20, ago, city, senders, statuses};
use crate::app::TestApp;
use crate::both;

both!(
    a_sender_that_breaks_off_leaves_nothing,
    rubbish_ends_the_connection,
    a_message_that_never_ends_ends_the_connection,
    messages_in_one_piece_are_answered_one_by_one,
    ten_thousand_connections_are_turned_away,
    a_stopped_listener_finishes_what_is_in_hand,
);

/// What comes until the other side closes, and how long that took.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, Duration) {
    let (mut bytes, began) = (Vec::new(), Instant::now());
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await;
    // It is closed in time; a reset is an end, too.
    let _read = read.unwrap();
    (bytes, began.elapsed())
}

async fn is_served(app: &TestApp, feed: &Feed, status: &str) {
    assert_eq!(feed.send(a20("b0", status, &uuid::Uuid::new_v4().simple().to_string(), &ago(0))).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, status);
}

async fn a_sender_that_breaks_off_leaves_nothing(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let whole = format!("\x0b{}\x1c\r", a20("b0", "O", "1", &ago(1)));
    for cut in [1, 20, whole.len() - 3] {
        feed.raw().await.write_all(&whole.as_bytes()[..cut]).await.unwrap();
    }
    assert_eq!(statuses(app, 1).await, "U");
    is_served(app, &feed, "K").await;
}

async fn rubbish_ends_the_connection(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let mut stream = feed.raw().await;
    stream.write_all(&[b'G'; 5000]).await.unwrap();
    assert!(rest(&mut stream).await.0.is_empty());
    // Framed, but no message; and too long a one.
    let answer = feed.send("GET / HTTP/1.1").await;
    assert_eq!((answer.codes().as_str(), answer.error().as_str()), ("AR", "MSH- 100 E"));
    let mut stream = feed.raw().await;
    let long = [&b"\x0bMSH|^~\\&|"[..], &vec![b'x'; LIMITS.message + 1]].concat();
    let _sent = stream.write_all(&long).await;
    assert!(rest(&mut stream).await.0.is_empty());
    is_served(app, &feed, "K").await;
}

async fn a_message_that_never_ends_ends_the_connection(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let mut stream = feed.raw().await;
    stream.write_all(b"\x0bMSH|^~\\&|HIS").await.unwrap();
    let (mut drip, mut told) = (stream.into_split(), Vec::new());
    // It goes on drop by drop: that gives it no more time.
    let dripping = async {
        while drip.1.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        tokio::join!(dripping, drip.0.read_to_end(&mut told)).1
    });
    // Closed in time.
    let _ended = ended.await.unwrap();
    assert!(told.is_empty());
    is_served(app, &feed, "K").await;
}

async fn messages_in_one_piece_are_answered_one_by_one(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let mut stream = feed.raw().await;
    let framed = |number: i64| {
        format!("\x0b{}\x1c\r", a20("b0", ["O", "K", "H"][number as usize], &number.to_string(), &ago(9 - number)))
    };
    let all: String = (0..3).map(framed).collect();
    stream.write_all(all.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let text = String::from_utf8(rest(&mut stream).await.0).unwrap();
    let answered: Vec<&str> = text.split("MSA|").skip(1).map(|rest| rest.split('\r').next().unwrap()).collect();
    assert_eq!(answered, ["AA|0", "AA|1", "AA|2"]);
    assert_eq!(statuses(app, 1).await, "H");
}

async fn ten_thousand_connections_are_turned_away(app: &TestApp) {
    city(app, &["U"]).await;
    let limits = Limits { connections: 40, ..LIMITS };
    let feed = Feed::limited(app, &senders(""), limits).await;
    // All come from one address, which has a quarter.
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut client = feed.connect().await;
        let answers = client.send(b"MSH|^~\\&|HIS|H|||||ADT^A20||P|2.5\r", Duration::from_secs(5)).await.unwrap();
        assert_eq!(Answered::of(answers).codes(), "AE");
        open.push(client);
    }
    for _ in 0..100 {
        let crowd = futures_util::future::join_all((0..100).map(|_| feed.raw())).await;
        for mut turned_away in crowd {
            assert!(rest(&mut turned_away).await.0.is_empty());
        }
    }
    open.truncate(5);
    for attempt in 0.. {
        let mut client = feed.connect().await;
        let message = a20("b0", "K", "1", &ago(0));
        match client.send(message.as_bytes(), Duration::from_secs(5)).await {
            Ok(answers) if !answers.is_empty() => break,
            _ => assert!(attempt < 100, "places are given back"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(statuses(app, 1).await, "K");
}

async fn a_stopped_listener_finishes_what_is_in_hand(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let mut idle = feed.raw().await;
    let mut busy = feed.raw().await;
    let framed = format!("\x0b{}\x1c\r", a20("b0", "O", "1", &ago(1)));
    let (first, second) = framed.split_at(30);
    busy.write_all(first.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(feed.stop());
    busy.write_all(second.as_bytes()).await.unwrap();
    let answer = String::from_utf8(rest(&mut busy).await.0).unwrap();
    assert!(answer.contains("MSA|AA|1"), "{answer}");
    assert!(rest(&mut idle).await.0.is_empty());
    stopping.await.unwrap();
    assert_eq!(statuses(app, 1).await, "O");
}
