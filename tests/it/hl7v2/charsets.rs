//! Character sets, as senders in Japan use them.

use encoding_rs::{Encoding, ISO_2022_JP, SHIFT_JIS, UTF_8};

use super::feed::{Feed, ago, city, statuses};
use crate::app::TestApp;
use crate::both;

both!(wards_with_kanji_are_found_in_every_set, bytes_of_another_set_are_refused, a_set_that_is_not_known_is_rejected);

const SENDERS: &str = "[[sender]]\nname = \"hosp\"\nfacility = \"H\"\n\
     [[sender.location]]\npoint_of_care = \"三東ポ病棟\"\nroom = \"３０１\"\nid = \"b0\"\n";

fn kanji(set: &str, encoding: &'static Encoding, status: &str, control_id: &str, time: &str) -> Vec<u8> {
    let text = format!(
        "MSH|^~\\&|病院ポ|H|K|R|{time}||ADT^A20|{control_id}|P|2.5||||||{set}\rEVN||{time}\r\
         PID|1||9||山田^花子\rNPU|三東ポ病棟^３０１^1|{status}\r"
    );
    encoding.encode(&text).0.into_owned()
}

async fn wards_with_kanji_are_found_in_every_set(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, SENDERS).await;
    for (number, (set, encoding, status)) in
        [("UNICODE UTF-8", UTF_8, "O"), ("~ISO IR87", ISO_2022_JP, "H"), ("SHIFT_JIS", SHIFT_JIS, "K")]
            .iter()
            .enumerate()
    {
        let answer = feed.send(kanji(set, encoding, status, &number.to_string(), &ago(9 - number as i64))).await;
        assert_eq!((answer.codes().as_str(), statuses(app, 1).await.as_str()), ("AA", *status), "{set}: {answer:?}");
        let header: Vec<&str> = answer.0[0][0].split('|').collect();
        assert_eq!((header[4], header[17]), ("病院ポ", *set), "the answer is written so, too");
    }
}

async fn bytes_of_another_set_are_refused(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, SENDERS).await;
    for (set, encoding) in [("UNICODE UTF-8", SHIFT_JIS), ("~ISO IR87", UTF_8), ("SHIFT_JIS", UTF_8), ("", ISO_2022_JP)]
    {
        let answer = feed.send(kanji(set, encoding, "O", "1", &ago(1))).await;
        assert_eq!((answer.codes().as_str(), answer.error().as_str()), ("AE", "MSH- 102 E"), "{set}: {answer:?}");
    }
    // Kana by SO and SI, in a field that matters.
    let mut bytes = kanji("~ISO IR87", ISO_2022_JP, "O", "1", &ago(1));
    let at = bytes.windows(4).position(|found| found == b"NPU|").unwrap();
    bytes.splice(at + 4..at + 4, *b"\x0e36\x0f");
    let answer = feed.send(bytes).await;
    assert_eq!((answer.codes().as_str(), answer.error().as_str()), ("AE", "NPU- 102 E"));
    assert_eq!(statuses(app, 1).await, "U");
}

async fn a_set_that_is_not_known_is_rejected(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, SENDERS).await;
    let answer = feed.send(kanji("ISO IR100", UTF_8, "O", "1", &ago(1))).await;
    assert_eq!((answer.codes().as_str(), answer.error().as_str()), ("AR", "MSH-18 103 E"));
}
