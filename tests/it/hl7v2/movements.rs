//! What events do to beds.

use super::feed::{Feed, a20, ago, city, message, pv1, senders, statuses, version, versioned};
use crate::app::TestApp;
use crate::both;

both!(
    a20_sets_the_status_that_npu_2_gives,
    admission_transfer_and_discharge_move_beds,
    a_vacated_bed_is_free_where_the_sender_says_so,
    a_transfer_is_applied_whole_or_not_at_all,
    versions_2_3_to_2_9_are_read_and_no_others,
    a_senders_location_status_has_its_map,
    a_place_that_is_no_bed_moves_none,
    events_of_no_concern_are_left_aside_where_the_sender_lists_them,
    an_acknowledged_status_is_visible_at_once,
    nothing_of_a_patient_is_stored,
);

async fn a20_sets_the_status_that_npu_2_gives(app: &TestApp) {
    city(app, &["O", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for (number, status) in ["K", "I", "C", "H", "U", "O"].iter().enumerate() {
        let answer = feed.send(a20("b0", status, &format!("s{number}"), &ago(100 - number as i64))).await;
        assert_eq!(answer.codes(), "AA", "{answer:?}");
        assert_eq!(statuses(app, 2).await, format!("{status} U"));
    }
}

async fn admission_transfer_and_discharge_move_beds(app: &TestApp) {
    city(app, &["U", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let steps =
        [("A01", "b0", "", "O U"), ("A02", "b1", "b0", "H O"), ("A03", "b1", "", "H H"), ("A13", "b1", "", "H O")];
    for (seconds, (event, assigned, prior, after)) in (0..9).rev().zip(steps) {
        let answer = feed.send(message(event, event, &ago(seconds), &pv1(assigned, prior))).await;
        assert_eq!((answer.codes().as_str(), statuses(app, 2).await.as_str()), ("AA", after), "{event}");
    }
}

async fn a_vacated_bed_is_free_where_the_sender_says_so(app: &TestApp) {
    city(app, &["O"]).await;
    let feed = Feed::start(app, &senders("vacated = \"U\"")).await;
    assert_eq!(feed.send(message("A03", "1", &ago(1), &pv1("b0", ""))).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "U");
}

async fn a_transfer_is_applied_whole_or_not_at_all(app: &TestApp) {
    city(app, &["O", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for (assigned, prior, place) in
        [("b1", "nowhere", "PV1-6 204 E"), ("nowhere", "b0", "PV1-3 204 E"), ("b1", "", "PV1-6 101 E")]
    {
        let answer = feed.send(message("A02", place, &ago(1), &pv1(assigned, prior))).await;
        assert_eq!((answer.codes().as_str(), answer.error().as_str()), ("AE", place));
        assert_eq!(statuses(app, 2).await, "O U");
    }
    let commit = feed.send(message("A02", "good", &ago(1), &pv1("b1", "b0"))).await;
    assert_eq!(commit.codes(), "AA");
    let (left, taken) = (app.get("Location/b0").await.expect(200), app.get("Location/b1").await.expect(200));
    assert_eq!(left["meta"]["lastUpdated"], taken["meta"]["lastUpdated"], "one transaction");
}

async fn versions_2_3_to_2_9_are_read_and_no_others(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let versions = ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2", "2.9"];
    for (number, name) in versions.iter().enumerate() {
        let status = if number % 2 == 0 { "O" } else { "H" };
        let answer =
            feed.send(versioned(name, "A20", name, &ago(50 - number as i64), &format!("NPU|W^1^b0|{status}"))).await;
        assert_eq!((answer.codes().as_str(), statuses(app, 1).await.as_str()), ("AA", status), "{name}");
    }
    for name in ["2.2", "2.10", "3.0", ""] {
        assert_eq!(feed.send(versioned(name, "A20", "x", &ago(1), "NPU|W^1^b0|U")).await.codes(), "AR", "{name}");
    }
}

async fn a_senders_location_status_has_its_map(app: &TestApp) {
    city(app, &["O"]).await;
    let feed = Feed::start(app, &senders("location_status = { CLEAN = \"U\", DIRTY = \"K\" }")).await;
    let discharge = |id: &str, status: &str| versioned("2.8", "A03", id, &ago(1), &format!("PV1|1|I|W^1^b0^^{status}"));
    assert_eq!(feed.send(discharge("1", "DIRTY")).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "K");
    let unknown = feed.send(discharge("2", "SHINY")).await;
    assert_eq!((unknown.codes().as_str(), unknown.error().as_str()), ("AE", "PV1-3 103 E"));
}

async fn a_place_that_is_no_bed_moves_none(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(message("A01", "1", &ago(9), "PV1|1|E|ER^^")).await.codes(), "AA");
    assert_eq!(feed.send(message("A02", "2", &ago(8), "PV1|1|I|W^1^b0|||ER^^")).await.codes(), "AA");
    assert_eq!(statuses(app, 1).await, "O");
}

async fn events_of_no_concern_are_left_aside_where_the_sender_lists_them(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("ignore = [\"A08\"]")).await;
    assert_eq!(feed.send(message("A08", "1", &ago(1), &pv1("b0", ""))).await.codes(), "AA");
    let unlisted = feed.send(message("A04", "2", &ago(1), &pv1("b0", ""))).await;
    assert_eq!((unlisted.codes().as_str(), unlisted.error().as_str()), ("AR", "MSH-9 201 E"));
    assert_eq!(version(app, "b0").await, "1");
}

async fn an_acknowledged_status_is_visible_at_once(app: &TestApp) {
    city(app, &["O"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for (number, status) in ["U", "O", "U", "O", "U"].iter().enumerate() {
        assert_eq!(feed.send(a20("b0", status, &format!("{number}"), &ago(20 - number as i64))).await.codes(), "AA");
        let found = app.get(&format!("Location?_id=b0&operational-status={status}")).await.expect(200);
        assert_eq!(found["total"], 1, "{found}");
    }
}

async fn nothing_of_a_patient_is_stored(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(message("A01", "1", &ago(1), &pv1("b0", ""))).await.codes(), "AA");
    assert_eq!(feed.send(message("A01", "2", &ago(1), &pv1("nowhere", ""))).await.codes(), "AE");
    let history = app.get("_history").await.text;
    let letters = app.get("$hl7-dead-letters").await.text;
    assert!(letters.contains("nowhere"), "{letters}");
    for word in ["YAMADA", "HANAKO", "19500101", "12345"] {
        assert!(!history.contains(word) && !letters.contains(word), "{word}");
    }
}
