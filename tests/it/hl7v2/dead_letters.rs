//! Messages that could not be applied: kept, listed, mended, replayed.

use kakehashi::intake::hl7v2::Senders;
use serde_json::{Value, json};

use super::feed::{Feed, a20, ago, city, message, pv1, senders, statuses};
use crate::app::TestApp;
use crate::beds::city::bed;
use crate::both;

both!(
    a_refused_message_waits_until_it_is_mended_and_replayed,
    a_message_that_is_sent_again_is_one_letter,
    a_replay_that_fails_still_waits_and_says_why,
    a_replay_never_overwrites_what_is_newer,
    what_cannot_be_mended_is_not_kept,
    questions_about_letters_are_judged,
);

/// The letters of an answer, each as name and value.
fn letters(answer: &Value) -> Vec<Value> {
    let value =
        |part: &Value| part.as_object().unwrap().iter().find(|(name, _)| name.starts_with("value")).unwrap().1.clone();
    let letter = |letter: &Value| {
        let parts = letter["part"].as_array().unwrap();
        Value::Object(parts.iter().map(|part| (part["name"].as_str().unwrap().to_owned(), value(part))).collect())
    };
    answer["parameter"].as_array().into_iter().flatten().map(letter).collect()
}

async fn waiting(app: &TestApp) -> Vec<Value> {
    letters(&app.get("$hl7-dead-letters").await.expect(200))
}

async fn replay(app: &TestApp, id: &Value) -> Value {
    let body = json!({"resourceType": "Parameters", "parameter": [{"name": "id", "valueId": id}]});
    letters(&app.post("$hl7-replay", &body).await.expect(200)).remove(0)
}

async fn a_refused_message_waits_until_it_is_mended_and_replayed(app: &TestApp) {
    city(app, &["O", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    // A place without a rule, a bed that is not there yet, a sender that is not known, a status without a meaning.
    for text in [
        message("A02", "1", &ago(40), "PV1|1|I|W^1^b1|||2W^1^b0"),
        a20("b2", "U", "2", &ago(30)),
        a20("b1", "O", "3", &ago(20)).replace("|HIS|H|", "|NEW|N|"),
        a20("b1", "DIRTY", "4", &ago(10)),
    ] {
        assert_eq!(feed.send(text).await.codes(), "AE");
    }
    let kept = waiting(app).await;
    let told: Vec<String> = kept.iter().map(|letter| format!("{} {}", letter["control-id"], letter["place"])).collect();
    assert_eq!(kept.len(), 4, "{told:?}");
    for expected in ["\"1\" \"PV1-6\"", "\"2\" \"NPU-1\"", "\"3\" \"MSH-4\"", "\"4\" \"NPU-2\""] {
        assert!(told.iter().any(|found| found == expected), "{expected}: {told:?}");
    }

    app.put("Location/b2", &bed("b2", "w", "O", Some("2020-01-01T00:00:00Z"))).await.expect(201);
    let mended = senders("bed_status = { DIRTY = \"K\" }")
        + "[[sender.location]]\npoint_of_care = \"2W\"\nid = \"{bed}\"\n\
           [[sender]]\nname = \"new\"\nfacility = \"N\"\n[[sender.location]]\nid = \"{bed}\"\n";
    app.site.renew_senders(Senders::parse(&mended).unwrap());
    for number in ["1", "2", "3", "4"] {
        let letter = kept.iter().find(|letter| letter["control-id"] == number).unwrap();
        assert_eq!(replay(app, &letter["id"]).await["applied"], true, "{letter}");
    }
    assert_eq!(statuses(app, 3).await, "H K U");
    assert!(waiting(app).await.is_empty());
    let applied = letters(&app.get("$hl7-dead-letters?state=applied").await.expect(200));
    assert_eq!(applied.len(), 4);
}

async fn a_message_that_is_sent_again_is_one_letter(app: &TestApp) {
    city(app, &["O"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let text = a20("nowhere", "U", "1", &ago(9));
    for _ in 0..3 {
        assert_eq!(feed.send(&text).await.codes(), "AE");
    }
    let kept = waiting(app).await;
    assert_eq!((kept.len(), &kept[0]["times"], &kept[0]["sender"]), (1, &json!(3), &json!("hosp")));
}

async fn a_replay_that_fails_still_waits_and_says_why(app: &TestApp) {
    city(app, &["O"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(message("A20", "1", &ago(9), "NPU|X^1^b9|U")).await.codes(), "AE");
    let kept = waiting(app).await.remove(0);
    let rule = "[[sender.location]]\npoint_of_care = \"X\"\nid = \"{bed}\"\n";
    app.site.renew_senders(Senders::parse(&(senders("") + rule)).unwrap());
    let replayed = replay(app, &kept["id"]).await;
    assert_eq!(replayed["applied"], false);
    let now = waiting(app).await.remove(0);
    assert_eq!((&now["times"], &now["reason"]), (&json!(1), &replayed["note"]));
    assert_ne!(now["reason"], kept["reason"], "there is a rule now, but no bed");
}

async fn a_replay_never_overwrites_what_is_newer(app: &TestApp) {
    city(app, &["U", "U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    assert_eq!(feed.send(message("A01", "1", &ago(30), &pv1("b0", "")).replace("W^", "X^")).await.codes(), "AE");
    assert_eq!(feed.send(a20("b0", "K", "2", &ago(10))).await.codes(), "AA");
    let rule = "[[sender.location]]\npoint_of_care = \"X\"\nid = \"{bed}\"\n";
    app.site.renew_senders(Senders::parse(&(senders("") + rule)).unwrap());
    let id = waiting(app).await[0]["id"].clone();
    let replayed = replay(app, &id).await;
    assert_eq!((&replayed["applied"], statuses(app, 2).await.as_str()), (&json!(true), "K U"));
    assert!(waiting(app).await.is_empty());
}

async fn what_cannot_be_mended_is_not_kept(app: &TestApp) {
    city(app, &["U"]).await;
    let feed = Feed::start(app, &senders("")).await;
    for text in [
        message("A08", "1", &ago(1), ""),
        a20("b0", "", "2", &ago(1)),
        a20("b0", "O", "3", &ago(1)).replace("|P|2.5", "|P|1.0"),
        "no message".to_owned(),
    ] {
        assert_ne!(feed.send(text).await.codes(), "AA");
    }
    assert!(waiting(app).await.is_empty());
}

async fn questions_about_letters_are_judged(app: &TestApp) {
    app.get("$hl7-dead-letters?state=lost").await.expect_refusal(400);
    app.get("$hl7-dead-letters?colour=red").await.expect_refusal(400);
    app.get("$hl7-replay?id=1").await.expect_refusal(405);
    app.post("$hl7-replay", &json!({"resourceType": "Parameters"})).await.expect_refusal(400);
    let unknown = json!({"resourceType": "Parameters", "parameter": [{"name": "id", "valueId": "0123456789abcdef"}]});
    app.post("$hl7-replay", &unknown).await.expect_refusal(404);
}
