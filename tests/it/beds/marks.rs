//! The log by which gateways notice that wards have changed.

use kakehashi::store::{WriterSettings, sweep_marks};

use super::city::{bed, build, ward};
use super::vacancies::{URL, matches, part};
use crate::app::TestApp;
use crate::both;

both!(whoever_looked_before_the_marks_were_swept_reads_all_anew);

async fn whoever_looked_before_the_marks_were_swept_reads_all_anew(app: &TestApp) {
    build(app, &["U", "U", "O"]).await;
    let free = async || {
        let bundle = app.get(URL).await.expect(200);
        matches(&bundle).iter().map(|entry| part(entry, "available").as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(free().await, [2]);
    let other = TestApp::on(&app.database_url, WriterSettings::default()).await;
    other.put("Location/b2", &bed("b2", "w", "U", None)).await.expect(200);
    other.put("Location/v", &ward("v", "f")).await.expect(201);
    for number in 0..3 {
        other.put(&format!("Location/c{number}"), &bed(&format!("c{number}"), "v", "U", None)).await.expect(201);
    }
    sweep_marks(&app.gateway.database, 0).await.unwrap();
    let mut found = free().await;
    found.sort_unstable();
    assert_eq!(found, [3, 3], "the other gateway's beds, though their marks are gone");
    for id in ["c0", "c1", "c2", "v"] {
        other.delete(&format!("Location/{id}")).await.expect(204);
    }
    sweep_marks(&app.gateway.database, 0).await.unwrap();
    assert_eq!(free().await, [3], "and the ward that is gone");
    other.put("Location/b2", &bed("b2", "w", "O", None)).await.expect(200);
    assert_eq!(free().await, [2], "marks go on");
}
