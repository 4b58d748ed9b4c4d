//! What has changed since a moment, and what others see as soon as a write is answered.

use std::time::Duration;

use futures_util::future::join_all;

use super::matches;
use super::region::{bed, beds, cases, put, team, wards};
use crate::app::TestApp;
use crate::both;
use crate::search::{keys, under_base};

both!(whatever_changed_since_a_moment_is_found, writers_find_what_they_wrote_while_others_write);

async fn last_updated(app: &TestApp, key: &str) -> String {
    app.get(key).await.expect(200)["meta"]["lastUpdated"].as_str().unwrap().to_owned()
}

async fn whatever_changed_since_a_moment_is_found(app: &TestApp) {
    wards(app).await;
    beds(app).await;
    cases(app).await;
    put(app, &bed("h1-w1-b2", "H")).await;
    let since = last_updated(app, "Location/h1-w1-b2").await;
    // Moments are told apart by the millisecond.
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(matches(app, &format!("Location?_lastUpdated=gt{since}")).await.is_empty());
    assert_eq!(matches(app, &format!("Location?_lastUpdated=ge{since}")).await, ["h1-w1-b2"]);
    put(app, &bed("h1-w1-b5", "U")).await;
    put(app, &team("c2", "inactive", Some("p2"), &["PractitionerRole/r2"])).await;
    app.delete("Location/h1-w1-b4").await.expect(204);
    put(app, &bed("h1-w2-b2", "U")).await;
    assert_eq!(matches(app, &format!("Location?_lastUpdated=gt{since}")).await, ["h1-w1-b5", "h1-w2-b2"]);
    let free = format!("Location?_lastUpdated=gt{since}&partof=Location/h1-w1&operational-status=U");
    assert_eq!(matches(app, &free).await, ["h1-w1-b5"]);
    let mut everywhere = keys(&super::whole(app, &format!("?_lastUpdated=gt{since}")).await, "match");
    everywhere.sort();
    assert_eq!(everywhere, ["CareTeam/c2", "Location/h1-w1-b5", "Location/h1-w2-b2"]);
    let some = keys(&super::whole(app, &format!("?_type=CareTeam,Task&_lastUpdated=gt{since}")).await, "match");
    assert_eq!(some, ["CareTeam/c2"]);
    // Page by page, at system level.
    let mut path = format!("?_lastUpdated=gt{since}&_count=1");
    let mut paged = Vec::new();
    loop {
        let bundle = app.get(&path).await.expect(200);
        paged.extend(keys(&bundle, "match"));
        let Some(next) = crate::search::link(&bundle, "next") else { break };
        path = under_base(app, next);
        assert!(paged.len() < 10);
    }
    paged.sort();
    assert_eq!(paged, everywhere);
}

/// Each writer changes its own bed, and asks as soon as it is answered, at the same gateway and at another one.
async fn writers_find_what_they_wrote_while_others_write(app: &TestApp) {
    wards(app).await;
    let other = app.beside("enforce", "").await;
    let writer = |number: usize| {
        let other = &other;
        async move {
            let id = format!("h1-w1-b{number}");
            for round in 0..8 {
                let status = if round % 2 == 0 { "U" } else { "O" };
                put(app, &bed(&id, status)).await;
                let asked = if round % 4 < 2 { app } else { other };
                let free = matches(asked, "Location?partof=Location/h1-w1&operational-status=U&_count=100").await;
                assert_eq!(free.contains(&id), status == "U", "{id} in round {round}: {free:?}");
                let acute = format!("Location?_id={id}&bed-function=acute&operational-status={status}");
                assert_eq!(matches(asked, &acute).await, [id.as_str()], "round {round}");
            }
        }
    };
    join_all((0..8).map(writer)).await;
    assert!(matches(app, "Location?partof=Location/h1-w1&operational-status=U").await.is_empty());
}
