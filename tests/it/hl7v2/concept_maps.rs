//! The published maps say what the program does.

use super::feed::{Feed, ago, city, message, pv1, senders, statuses};
use crate::app::TestApp;
use crate::both;

both!(events_do_what_the_maps_say);

/// The code to which the map leads from an event, by `$translate`.
async fn mapped(app: &TestApp, map: &str, event: &str) -> Option<String> {
    let source = "http://terminology.hl7.org/CodeSystem/v2-0003";
    let answer = app.get(&format!("ConceptMap/{map}/$translate?system={source}&code={event}")).await.expect(200);
    let found = answer["parameter"].as_array()?.iter().find(|parameter| parameter["name"] == "match")?;
    let concept = found["part"].as_array()?.iter().find(|part| part["name"] == "concept")?;
    concept["valueCoding"]["code"].as_str().map(str::to_owned)
}

async fn events_do_what_the_maps_say(app: &TestApp) {
    let events = ["A01", "A02", "A03", "A11", "A12", "A13"];
    city(app, &["O", "O"]).await;
    let feed = Feed::start(app, &senders("")).await;
    let mut seconds = (0..100).rev();
    let mut next = || ago(seconds.next().unwrap());
    for event in events {
        let assigned = mapped(app, "v2-event-to-assigned-bed-status", event).await.unwrap();
        let prior = mapped(app, "v2-event-to-prior-bed-status", event).await;
        let answer = feed.send(message(event, event, &next(), &pv1("b0", "b1"))).await;
        assert_eq!(answer.codes(), "AA", "{event}");
        let found = statuses(app, 2).await;
        let expected = format!("{assigned} {}", prior.as_deref().unwrap_or("O"));
        assert_eq!(found, expected, "{event}");
        for bed in ["b0", "b1"] {
            for (step, status) in ["U", "O"].iter().enumerate() {
                let text = super::feed::a20(bed, status, &format!("{event}{bed}{step}"), &next());
                assert_eq!(feed.send(text).await.codes(), "AA");
            }
        }
    }
}
