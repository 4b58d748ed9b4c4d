//! What one answer is made of is read from one state of the database.

use kakehashi::fhir::id::ResourceType;
use kakehashi::fhir::instant::Instant;
use kakehashi::store::{Connection, Criteria, Search, SearchLimits, TypeSearch, find};

use crate::app::{TestApp, location};
use crate::both;

both!(a_snapshot_stays_as_it_was_until_it_is_dropped);

/// How many Locations there are for this connection.
async fn locations(connection: &mut Connection) -> usize {
    let criteria = Criteria { rtype: ResourceType::known("Location"), conditions: Vec::new() };
    let types = vec![TypeSearch { criteria, sort: Vec::new() }];
    let search = Search { types, after: None, count: 10, near: None };
    find(connection, &search, &SearchLimits::default(), Instant(0)).await.unwrap().hits.len()
}

async fn a_snapshot_stays_as_it_was_until_it_is_dropped(app: &TestApp) {
    let database = &app.gateway.database;
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let mut snapshot = database.snapshot().await.unwrap();
    assert_eq!(locations(&mut snapshot).await, 1);
    app.put("Location/b", &location("b", "南棟")).await.expect(201);
    assert_eq!(locations(&mut snapshot).await, 1);
    drop(snapshot);
    // The connection comes back without its transaction, whoever has it next.
    let mut readers = Vec::new();
    for _ in 0..4 {
        readers.push(database.reader().await.unwrap());
    }
    for reader in &mut readers {
        assert_eq!(locations(reader).await, 2);
    }
}
