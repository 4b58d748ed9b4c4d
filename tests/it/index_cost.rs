//! What a write costs in the search index: rows that are touched, counted by the database itself.

use kakehashi::store::Connection;

use crate::app::{TestApp, number};
use crate::beds::city::{bed, build};
use crate::both;

both!(a_change_of_status_touches_two_rows_of_the_index);

const TABLES: [&str; 6] =
    ["index_token", "index_reference", "index_date", "index_quantity", "index_string", "index_position"];

/// Has the database note every row that is inserted, updated or deleted, even where nothing of it changes.
async fn watch(connection: &mut Connection) {
    connection.run("CREATE TABLE touched (what TEXT)").await.unwrap();
    if !connection.is_sqlite() {
        let function = "CREATE FUNCTION note_touched() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO touched VALUES (TG_TABLE_NAME || TG_OP); RETURN NULL; END $$";
        connection.run(function).await.unwrap();
    }
    for (number, table) in TABLES.iter().enumerate() {
        for event in ["INSERT", "UPDATE", "DELETE"] {
            let head = format!("CREATE TRIGGER watch_{number}_{event} AFTER {event} ON {table}");
            let trigger = match connection.is_sqlite() {
                true => format!("{head} BEGIN INSERT INTO touched VALUES ('{table} {event}'); END"),
                false => format!("{head} FOR EACH ROW EXECUTE FUNCTION note_touched()"),
            };
            connection.run(&trigger).await.unwrap();
        }
    }
}

/// How many rows were touched since the last look.
async fn touched(connection: &mut Connection) -> i64 {
    let found = number(connection, "SELECT count(*) AS value FROM touched").await;
    connection.run("DELETE FROM touched").await.unwrap();
    found
}

async fn a_change_of_status_touches_two_rows_of_the_index(app: &TestApp) {
    build(app, &["U", "O"]).await;
    let mut connection = app.gateway.database.writer().await.unwrap();
    watch(&mut connection).await;
    app.put("Location/b0", &bed("b0", "w", "O", None)).await.expect(200);
    assert_eq!(touched(&mut connection).await, 2, "the old status goes, the new one comes");
    app.put("Location/b0", &bed("b0", "w", "O", None)).await.expect(200);
    assert_eq!(touched(&mut connection).await, 0, "nothing has changed");
    app.request("POST", "Location/f/$bed-status").send().await.expect(200);
    assert_eq!(touched(&mut connection).await, 0, "everything is as fresh as this");
    app.put("Location/b9", &bed("b9", "w", "O", None)).await.expect(201);
    assert!(touched(&mut connection).await > 2, "the database does count");
}
