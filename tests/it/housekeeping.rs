//! The outbox: what is past its keeping time goes, what is not stays, writes go on meanwhile.

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use kakehashi::clock::SystemClock;
use kakehashi::store::{Connection, KeepingDays, Sql, keep_house, sweep_outbox};

use crate::app::{TestApp, location};
use crate::both;
use crate::program::eventually;

const DAYS: KeepingDays = KeepingDays { outbox: 7, dead_letters: 30 };

both!(
    the_outbox_loses_what_is_past_its_keeping_time_and_nothing_else,
    housekeeping_begins_at_once_and_disturbs_no_writer,
    several_gateways_keep_house_at_a_time,
);

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

async fn writer(app: &TestApp) -> Connection {
    app.gateway.database.writer().await.unwrap()
}

async fn outbox(app: &TestApp) -> Vec<i64> {
    let places: Vec<Place> = writer(app).await.load(Sql::new("SELECT seq FROM outbox ORDER BY seq")).await.unwrap();
    places.into_iter().map(|place| place.seq).collect()
}

/// Rows in time order before those of the gateway: row `-n` is put in at `1000 - n`.
async fn old_rows(app: &TestApp, count: i64) {
    let text = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) \
         INSERT INTO outbox (seq, key, at) SELECT 0 - n, 1, 100000 - n FROM n";
    writer(app).await.execute(Sql::new(text).bind(count)).await.unwrap();
}

async fn sweep(app: &TestApp, before: i64) -> u64 {
    sweep_outbox(&app.gateway.database, before).await.unwrap()
}

async fn the_outbox_loses_what_is_past_its_keeping_time_and_nothing_else(app: &TestApp) {
    assert_eq!(sweep(app, 100_000).await, 0, "an empty outbox");
    app.put("Location/a", &location("a", "1")).await.expect(201);
    app.put("Location/a", &location("a", "2")).await.expect(200);
    let fresh = outbox(app).await;
    assert_eq!(fresh.len(), 2);
    old_rows(app, 12_345).await;
    assert_eq!(sweep(app, 1).await, 0, "nothing is that old");
    assert_eq!(sweep(app, 100_000 - 12_340).await, 5);
    assert_eq!(outbox(app).await.first(), Some(&-12_340), "a row of the moment itself stays");
    assert_eq!(sweep(app, 100_000).await, 12_340, "more than one chunk");
    assert_eq!(outbox(app).await, fresh);
    assert_eq!(app.get("Location/a/_history?_summary=count").await.expect(200)["total"], 2, "the log keeps all");
}

async fn housekeeping_begins_at_once_and_disturbs_no_writer(app: &TestApp) {
    old_rows(app, 30_000).await;
    let house = tokio::spawn(keep_house(app.gateway.database.clone(), Arc::new(SystemClock), DAYS));
    let mut written = 0;
    while written < 40 || outbox(app).await.first().is_some_and(|seq| *seq < 0) {
        written += 1;
        assert!(written < 3000, "the old rows are still there");
        app.put(&format!("Location/w{written}"), &location(&format!("w{written}"), "1")).await.expect(201);
    }
    assert_eq!(outbox(app).await.len(), written, "all of this week's rows");
    house.abort();
}

async fn several_gateways_keep_house_at_a_time(app: &TestApp) {
    app.put("Location/a", &location("a", "1")).await.expect(201);
    old_rows(app, 20_000).await;
    let (a, b, c) = tokio::join!(sweep(app, 100_000), sweep(app, 100_000), sweep(app, 100_000));
    let all = eventually(Duration::from_secs(5), || async {
        sweep(app, 100_000).await;
        outbox(app).await.len() == 1
    });
    assert!(all.await, "{a} {b} {c}");
    assert!(a + b + c <= 20_000, "no row is counted twice: {a} {b} {c}");
}
