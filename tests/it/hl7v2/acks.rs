//! How messages are answered.

use super::feed::{Feed, a20, ago, city, message, senders, statuses, versioned};
use crate::app::TestApp;
use crate::both;

both!(
    original_mode_has_one_answer,
    enhanced_mode_has_those_that_are_asked_for,
    refusals_name_segment_field_and_reason,
    early_versions_have_err_1,
    what_cannot_be_processed_is_rejected,
    an_answer_is_not_answered,
);

fn conditions(message: &str, accept: &str, application: &str) -> String {
    let (header, rest) = message.split_once('\r').unwrap();
    format!("{header}|||{accept}|{application}\r{rest}")
}

async fn original_mode_has_one_answer(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let answer = feed.send(a20("b0", "O", "77", &ago(1))).await;
    assert_eq!(answer.0.len(), 1);
    let header: Vec<&str> = answer.0[0][0].split('|').collect();
    assert_eq!((&header[2..6], header[8], header[11]), (&["K", "R", "HIS", "H"][..], "ACK^A20^ACK", "2.5"));
    assert_eq!(answer.0[0][1], "MSA|AA|77");
}

async fn enhanced_mode_has_those_that_are_asked_for(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for (number, (accept, application, good, bad)) in
        [("AL", "AL", "CA AA", "CA AE"), ("AL", "NE", "CA", "CA"), ("NE", "AL", "AA", "AE")].iter().enumerate()
    {
        let time = ago(50 - number as i64);
        let message = a20("b0", if number % 2 == 0 { "O" } else { "H" }, &format!("g{number}"), &time);
        assert_eq!(feed.send(conditions(&message, accept, application)).await.codes(), *good);
        assert_eq!(statuses(app, 1).await, if number % 2 == 0 { "O" } else { "H" }, "committed before CA");
        let message = a20("nowhere", "O", &format!("b{number}"), &time);
        assert_eq!(feed.send(conditions(&message, accept, application)).await.codes(), *bad);
    }
    let rejected = conditions(&message("A04", "r", &ago(1), ""), "AL", "ER");
    let mut client = feed.connect().await;
    let answers = client.send(rejected.as_bytes(), std::time::Duration::from_millis(500)).await.unwrap();
    assert_eq!(super::feed::Answered::of(answers).codes(), "CR");
}

async fn refusals_name_segment_field_and_reason(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for (text, expected) in [
        (a20("nowhere", "O", "1", &ago(1)), "AE NPU-1 204 E"),
        (message("A20", "2", &ago(1), "NPU|X^1^b0|O"), "AE NPU-1 204 E"),
        (a20("b0", "Z", "3", &ago(1)), "AE NPU-2 103 E"),
        (a20("b0", "", "4", &ago(1)), "AE NPU-2 101 E"),
        (message("A20", "5", &ago(1), ""), "AE NPU-1 101 E"),
        (message("A01", "6", &ago(1), "PV1|1|I"), "AE PV1-3 101 E"),
        (a20("b0", "O", "7", "20260101"), "AE EVN-2 102 E"),
        (a20("b0", "O", "", &ago(1)), "AE MSH-10 101 E"),
        (a20("b0", "O", "8", &ago(1)).replace("|HIS|H|", "|HIS|J|"), "AE MSH-4 204 E"),
    ] {
        let answer = feed.send(&text).await;
        assert_eq!(format!("{} {}", answer.codes(), answer.error()), expected, "{text}");
        let err = answer.0[0].iter().find(|line| line.starts_with("ERR")).unwrap();
        assert!(err.split('|').nth(8).is_some_and(|reason| !reason.is_empty()), "{err}");
    }
    assert_eq!(statuses(app, 1).await, "U");
}

async fn early_versions_have_err_1(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let answer = feed.send(versioned("2.3.1", "A20", "1", &ago(1), "NPU|W^1^b0|Z")).await;
    assert!(answer.0[0][1].starts_with("MSA|AE|1|"), "{answer:?}");
    assert_eq!(answer.0[0][2], "ERR|NPU^1^2^103&Table value not found&HL70357");
}

async fn what_cannot_be_processed_is_rejected(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for (from, to, expected) in [
        ("ADT^A20", "ORU^R01", "AR MSH-9 200 E"),
        ("ADT^A20", "ADT^A08", "AR MSH-9 201 E"),
        ("|P|2.5", "|T|2.5", "AR MSH-11 202 E"),
        ("|P|2.5", "|P|2.10", "AR MSH-12 203 E"),
    ] {
        let answer = feed.send(a20("b0", "O", "1", &ago(1)).replace(from, to)).await;
        let (codes, error) = (answer.codes(), answer.error());
        assert_eq!(format!("{codes} {error}"), expected);
    }
    assert_eq!(statuses(app, 1).await, "U");
}

async fn an_answer_is_not_answered(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let mut client = feed.connect().await;
    let ack = b"MSH|^~\\&|HIS|H|K|R|20260101||ACK|1|P|2.5\rMSA|AA|9\r";
    let answers = client.send(ack, std::time::Duration::from_millis(300)).await.unwrap();
    assert!(answers.is_empty());
    let answers =
        client.send(a20("b0", "O", "2", &ago(1)).as_bytes(), std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!(super::feed::Answered::of(answers).codes(), "AA");
}
