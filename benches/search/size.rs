//! What the index takes: bytes of its tables, with their own indexes, and what of that falls to one resource of a kind.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use kakehashi::store::{Connection, Database, Sql};

const TABLES: [&str; 7] = [
    "index_token",
    "index_reference",
    "index_date",
    "index_quantity",
    "index_string",
    "index_position",
    "ward_vacancy",
];
/// Kinds by the beginning of their ids. All of a kind are alike, so some of them tell of all.
const KINDS: [(&str, &str, &str); 4] = [
    ("bed", "Location", "bed-"),
    ("ward", "Location", "ward-"),
    ("referral", "ServiceRequest", "ref-"),
    ("task", "Task", "task-"),
];
const SOME: i64 = 200;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

async fn number(connection: &mut Connection, sql: Sql) -> f64 {
    let rows: Vec<Number> = connection.load(sql).await.expect("a number");
    #[expect(clippy::cast_precision_loss, reason = "sizes")]
    rows.first().map_or(0.0, |row| row.value as f64)
}

/// Bytes of a table and its indexes.
async fn bytes(connection: &mut Connection, table: &str) -> f64 {
    let sql = if connection.is_sqlite() {
        Sql::new(
            "SELECT coalesce(sum(s.pgsize), 0) AS value FROM dbstat s \
             WHERE s.name IN (SELECT m.name FROM sqlite_schema m WHERE m.tbl_name = ?)",
        )
    } else {
        Sql::new("SELECT pg_total_relation_size(CAST(CAST(? AS text) AS regclass)) AS value")
    };
    number(connection, sql.bind(table)).await
}

pub async fn tell(url: &str) {
    let database = Database::open(url).await.expect("the database");
    let mut connection = database.reader().await.expect("a connection");
    let (mut total, mut of_kind) = (0.0, [(0.0, 0.0); KINDS.len()]);
    for table in TABLES {
        let size = bytes(&mut connection, table).await;
        let rows = number(&mut connection, Sql::new(format!("SELECT count(*) AS value FROM {table}"))).await;
        total += size;
        for ((_, rtype, prefix), (its_rows, its_bytes)) in KINDS.iter().zip(&mut of_kind) {
            let text = format!(
                "SELECT count(*) AS value FROM {table} t WHERE t.key IN (SELECT r.key FROM resource r \
                 WHERE r.rtype = ? AND r.rid >= ? AND r.rid < ? LIMIT {SOME})"
            );
            let sql = Sql::new(text).bind(*rtype).bind(*prefix).bind(format!("{prefix}\u{10FFFF}"));
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let each = number(&mut connection, sql).await / SOME as f64;
            *its_rows += each;
            *its_bytes += each * size / rows.max(1.0);
        }
    }
    let resources = number(&mut connection, Sql::new("SELECT count(*) AS value FROM resource")).await;
    println!("  index: {:.0} MB, {:.0} bytes a resource", total / 1_048_576.0, total / resources);
    for ((name, ..), (rows, bytes)) in KINDS.iter().zip(of_kind) {
        println!("    a {name}: {rows:.1} rows, {bytes:.0} bytes");
    }
}
