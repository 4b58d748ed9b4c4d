//! Messages that come twice, late, or from a clock that is wrong.

use super::feed::{Feed, a20, ago, city, message, pv1, senders, statuses, version};
use crate::app::TestApp;
use crate::both;

both!(
    a_control_id_is_applied_once,
    a_batch_that_is_sent_twice_changes_nothing,
    senders_have_control_ids_of_their_own,
    a_message_that_was_overtaken_changes_nothing_and_need_not_be_sent_again,
    of_a_transfer_the_bed_that_was_not_overtaken_is_still_told,
    two_gateways_apply_a_control_id_once,
    messages_of_one_second_are_applied_as_they_come,
    a_clock_that_is_ahead_is_refused_past_a_tolerance,
    a_message_of_an_event_driven_sender_keeps_all_else_fresh,
);

async fn a_control_id_is_applied_once(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(a20("b0", "O", "same", &ago(9))).await.codes(), "AA");
    let again = feed.send(a20("b0", "K", "same", &ago(8))).await;
    assert_eq!((again.codes().as_str(), again.error().as_str()), ("AA", "MSH-10 0 I"));
    assert_eq!((statuses(app, 1).await.as_str(), version(app, "b0").await.as_str()), ("O", "2"));
}

async fn a_batch_that_is_sent_twice_changes_nothing(app: &TestApp) {
    city(app, &["U", "U", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let batch = [
        a20("b0", "O", "1", &ago(30)),
        message("A02", "2", &ago(29), &pv1("b1", "b0")),
        a20("b0", "U", "3", &ago(28)),
        message("A01", "4", &ago(27), &pv1("b2", "")),
    ];
    for round in 0..2 {
        for message in &batch {
            assert_eq!(feed.send(message).await.codes(), "AA", "round {round}");
        }
        assert_eq!(statuses(app, 3).await, "U O O", "round {round}");
        assert_eq!(version(app, "b0").await, "4", "round {round}");
    }
}

async fn senders_have_control_ids_of_their_own(app: &TestApp) {
    city(app, &["U"]).await;
    let other = "[[sender]]\nname = \"other\"\nfacility = \"J\"\ndaily_control_ids = true\n\
                 [[sender.location]]\nid = \"b0\"\n";
    let feed = Feed::start(app, &format!("{}{other}", senders(""))).await;
    let of_other = |message: String| message.replace("|HIS|H|", "|HIS|J|");
    assert_eq!(feed.send(a20("b0", "O", "1", &ago(9))).await.codes(), "AA");
    assert_eq!(feed.send(of_other(a20("b0", "K", "1", &ago(8)))).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "K");
    // Its numbers begin anew each day.
    let of_yesterday = of_other(a20("b0", "H", "1", &ago(7))).replacen(&ago(7), "20200101000000", 1);
    assert_eq!(feed.send(of_yesterday).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "H");
}

async fn a_message_that_was_overtaken_changes_nothing_and_need_not_be_sent_again(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(a20("b0", "K", "2", &ago(10))).await.codes(), "AA");
    let late = feed.send(a20("b0", "O", "1", &ago(20))).await;
    assert_eq!((late.codes().as_str(), late.error().as_str()), ("AA", "NPU-1 0 I"));
    assert_eq!(statuses(app, 1).await, "K");
    let letters = app.get("$hl7-dead-letters").await.expect(200);
    assert!(letters.get("parameter").is_none(), "{letters}");
}

async fn of_a_transfer_the_bed_that_was_not_overtaken_is_still_told(app: &TestApp) {
    city(app, &["O", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    // The bed that was left is clean before the transfer is heard of.
    assert_eq!(feed.send(a20("b0", "U", "2", &ago(10))).await.codes(), "AA");
    let late = feed.send(message("A02", "1", &ago(20), &pv1("b1", "b0"))).await;
    assert_eq!((late.codes().as_str(), late.error().as_str()), ("AA", "PV1-6 0 I"));
    assert_eq!(statuses(app, 2).await, "U O");
    let again = feed.send(message("A02", "1", &ago(20), &pv1("b1", "b0"))).await;
    assert_eq!(again.error(), "MSH-10 0 I");
}

async fn two_gateways_apply_a_control_id_once(app: &TestApp) {
    city(app, &["U"]).await;
    let other = app.beside("enforce", "").await;
    let feeds = [Feed::start(app, &senders("")).await, Feed::start(&other, &senders("")).await];
    let time = ago(9);
    let sending =
        (0..16).map(|number| feeds[number % 2].send(a20("b0", ["O", "K", "H", "C"][number / 4], "same", &time)));
    let answers = futures_util::future::join_all(sending).await;
    assert!(answers.iter().all(|answer| answer.codes() == "AA"), "{answers:?}");
    let applied = answers.iter().filter(|answer| answer.error().is_empty()).count();
    assert_eq!((applied, version(app, "b0").await.as_str()), (1, "2"));
}

async fn messages_of_one_second_are_applied_as_they_come(app: &TestApp) {
    city(app, &["U", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    // Recorded some time ago, since the sender's clock is behind, or the network slow.
    let time = ago(30);
    for (number, status) in ["O", "H", "K", "U", "O"].iter().enumerate() {
        let answer = feed.send(a20("b0", status, &number.to_string(), &time)).await;
        assert_eq!((answer.codes().as_str(), answer.error().as_str()), ("AA", ""), "{number}");
        assert_eq!(statuses(app, 2).await, format!("{status} U"), "{number}");
    }
    let next = feed.send(a20("b0", "H", "next", &ago(29))).await;
    assert_eq!((next.error().as_str(), statuses(app, 2).await.as_str()), ("", "H U"));
}

async fn a_clock_that_is_ahead_is_refused_past_a_tolerance(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let refused = feed.send(a20("b0", "O", "1", &ago(-3600))).await;
    assert_eq!((refused.codes().as_str(), refused.error().as_str()), ("AE", "EVN-2 102 E"));
    assert_eq!(statuses(app, 1).await, "U");
    assert_eq!(feed.send(a20("b0", "O", "2", &ago(-60))).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "O");
}

async fn a_message_of_an_event_driven_sender_keeps_all_else_fresh(app: &TestApp) {
    city(app, &["U", "U"]).await;
    let feed = Feed::start(app, &senders("feeds = [\"w\"]\nignore = [\"A08\"]")).await;
    let as_of = async |bed: &str| {
        let bed = app.get(&format!("Location/{bed}")).await.expect(200);
        let extensions = bed["extension"].as_array().unwrap();
        let found = extensions.iter().find(|extension| extension["url"].as_str().unwrap().ends_with("/as-of")).unwrap();
        chrono::DateTime::parse_from_rfc3339(found["valueInstant"].as_str().unwrap()).unwrap().timestamp()
    };
    let age = async |bed: &str| chrono::Utc::now().timestamp() - as_of(bed).await;
    assert!(age("b1").await >= 3600);
    assert_eq!(feed.send(a20("b0", "O", "1", &ago(5))).await.codes(), "AA");
    // As of a minute before the message.
    assert!((0..30).contains(&age("b0").await) && (60..90).contains(&age("b1").await), "{}", age("b1").await);
    assert_eq!(version(app, "b1").await, "1", "that makes no version");
    assert_eq!(feed.send(message("A08", "2", &ago(-30), &pv1("b0", ""))).await.codes(), "AA");
    assert!((30..60).contains(&age("b1").await), "{}", age("b1").await);
    // What comes late is still heard of.
    assert_eq!(feed.send(a20("b1", "K", "3", &ago(20))).await.error(), "");
    assert_eq!(statuses(app, 2).await, "O K");
}
