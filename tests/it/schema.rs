//! The two schemas are one: same tables, columns, order, nullability, equivalent types, names of migrations.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Text};
use kakehashi::store::{Connection, Database, Sql, is_current, migrate};

use crate::app::postgres_database;

#[derive(QueryableByName, Debug)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    required: bool,
}

/// Tables with their columns in order: name, kind, whether a value must be there.
type Schema = BTreeMap<String, Vec<(String, &'static str, bool)>>;

/// One name for what the databases call differently.
fn kind(declared: &str) -> &'static str {
    match declared.to_lowercase().as_str() {
        "integer" | "bigint" => "integer",
        "text" => "text",
        "boolean" => "boolean",
        "double" | "double precision" => "double",
        "blob" | "bytea" => "bytes",
        other => panic!("an unforeseen type: {other}"),
    }
}

async fn schema(connection: &mut Connection) -> Schema {
    const SQLITE: &str = "SELECT m.name AS table_name, c.name AS column_name, c.type AS kind, c.\"notnull\" AS required \
         FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' \
         AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY m.name, c.cid";
    const POSTGRES: &str = "SELECT table_name::text, column_name::text, data_type::text AS kind, \
         is_nullable = 'NO' AS required FROM information_schema.columns WHERE table_schema = 'public' \
         AND table_name NOT IN (SELECT table_name FROM information_schema.views) AND table_name NOT LIKE '\\_\\_%' ORDER BY table_name, ordinal_position";
    let text = if connection.is_sqlite() { SQLITE } else { POSTGRES };
    let rows: Vec<ColumnRow> = connection.load(Sql::new(text)).await.unwrap();
    let mut found = Schema::new();
    for row in rows {
        found.entry(row.table_name).or_default().push((row.column_name, kind(&row.kind), row.required));
    }
    found
}

async fn open_migrated(url: &str) -> Connection {
    let database = Database::open(url).await.unwrap();
    migrate(&database, url).await.unwrap();
    database.writer().await.unwrap()
}

fn migrations(side: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(side);
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schemas_of_both_databases_agree() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = schema(&mut open_migrated(&format!("sqlite://{}/s.db", folder.path().display())).await).await;
    assert!(sqlite.len() >= 14 && sqlite["resource"].len() == 6, "{sqlite:?}");
    let Some(url) = postgres_database().await else { return };
    let postgres = schema(&mut open_migrated(&url).await).await;
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
    for (table, columns) in &sqlite {
        assert_eq!(columns, &postgres[table], "{table}");
    }
}

#[test]
fn migrations_have_the_same_names_on_both_sides_and_lead_both_ways() {
    let sqlite = migrations("sqlite");
    assert_eq!(sqlite, migrations("postgres"));
    for (side, name) in ["sqlite", "postgres"].iter().flat_map(|side| sqlite.iter().map(move |name| (side, name))) {
        for direction in ["up.sql", "down.sql"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(side).join(name).join(direction);
            assert!(std::fs::metadata(&file).unwrap().len() > 0, "{}", file.display());
        }
    }
}

/// Runs every down script, newest first, then looks whether nothing is left, then migrates again.
async fn down_and_up(url: &str, side: &str) {
    let database = Database::open(url).await.unwrap();
    assert_eq!(migrate(&database, url).await.unwrap().len(), migrations(side).len());
    assert!(migrate(&database, url).await.unwrap().is_empty(), "a second run has nothing to do");
    assert!(is_current(&database).await.unwrap());
    let mut connection = database.writer().await.unwrap();
    let before = schema(&mut connection).await;
    for name in migrations(side).iter().rev() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(side).join(name).join("down.sql");
        connection.run(&std::fs::read_to_string(file).unwrap()).await.unwrap();
    }
    assert!(schema(&mut connection).await.is_empty(), "{:?}", schema(&mut connection).await);
    connection.run("DELETE FROM __diesel_schema_migrations").await.unwrap();
    assert!(!is_current(&database).await.unwrap());
    migrate(&database, url).await.unwrap();
    assert_eq!(schema(&mut connection).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn down_then_up_leads_back_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    down_and_up(&format!("sqlite://{}/s.db", folder.path().display()), "sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn down_then_up_leads_back_on_postgres() {
    if let Some(url) = postgres_database().await {
        down_and_up(&url, "postgres").await;
    }
}
