//! What the gateway is measured against: the same rows written with nothing around, the same bytes served by axum alone.

use std::path::Path;
use std::time::{Duration, Instant};

use kakehashi::store::parameter_id;
use rusqlite::{Connection, params};

use super::region::{BEDS_OF_WARD, bed};

/// A ward's counts as its series keeps them.
const COUNTS: &str = r#"[{"sex":"any","isolation":false,"staffed":50,"occupied":25,"reserved":0,"blocked":0,"available":25,"asOf":"2026-11-28T00:00:00.000Z","source":"derived"}]"#;

/// Beds that the writing benchmarks update.
pub const BEDS: usize = 4_000;

/// Updates beds in a database that a gateway has filled, `group` to a commit, with the same rows, indexes and durability
/// as the gateway; answers the updates per second.
pub fn write_rows(path: &Path, group: usize, time: Duration) -> f64 {
    let mut connection = Connection::open(path).expect("the database");
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192; PRAGMA mmap_size=1073741824;",
        )
        .expect("pragmas");
    let max = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let mut seq = max("SELECT max(seq) FROM resource_version");
    let chain = format!("bare-{seq}");
    let (started, mut done) = (Instant::now(), 0_usize);
    while started.elapsed() < time {
        let transaction = connection.transaction().expect("a transaction");
        // One bed of each client, as the gateway's clients send them.
        let (own, round) = (BEDS / group, done / group);
        for client in 0..group {
            seq += 1;
            let status = if (round / own).is_multiple_of(2) { 'O' } else { 'U' };
            update(&transaction, (client * own + round % own) % BEDS, seq, &chain, status);
        }
        transaction.commit().expect("a commit");
        done += group;
    }
    done as f64 / started.elapsed().as_secs_f64()
}

fn update(connection: &Connection, number: usize, seq: i64, chain: &str, status: char) {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).expect("a statement").execute(values).expect("a row");
    };
    let id = format!("bed-{number}");
    let (key, version): (i64, i64) = connection
        .prepare_cached("SELECT r.key, r.version FROM resource r JOIN resource_version v ON v.seq = r.seq WHERE r.rtype = 'Location' AND r.rid = ?")
        .expect("a statement")
        .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("the bed");
    let body = bed(number, status);
    let ward = format!("ward-{}", number / BEDS_OF_WARD);
    let code = status.to_string();
    run(
        "UPDATE resource SET version = ?, seq = ?, deleted = 0 WHERE key = ? AND version = ?",
        &[&(version + 1), &seq, &key, &version],
    );
    run(
        "INSERT INTO resource_version (seq, key, rtype, version, method, at, tx, body) VALUES (?, ?, 'Location', ?, 'PUT', ?, 0, ?)",
        &[&seq, &key, &(version + 1), &seq, &body],
    );
    run("INSERT INTO outbox (seq, key, at) VALUES (?, ?, ?)", &[&seq, &key, &seq]);
    run(
        "UPDATE index_token SET code = ? WHERE key = ? AND param = ? AND code IN ('H', 'O', 'U')",
        &[&code, &key, &parameter_id("Location", "operational-status")],
    );
    run(
        "UPDATE bed SET operational_status = ?, as_of = ?, valid_until = ?, source = 'feed' WHERE key = ?",
        &[&code, &seq, &seq, &key],
    );
    run("UPDATE ward_board SET changes = changes + 1 WHERE key = (SELECT key FROM ward WHERE id = ?)", &[&ward]);
    run(
        "UPDATE ward_vacancy SET occupied = ?, available = ?, as_of = ?, valid_until = ?, newest = ? \
         WHERE key = (SELECT key FROM ward WHERE id = ?)",
        &[&(seq % 50), &(seq % 50), &seq, &seq, &seq, &ward],
    );
    run(
        "INSERT INTO bed_status_event (seq, key, ward_id, operational_status, as_of, at) VALUES (?, ?, ?, ?, ?, ?)",
        &[&seq, &key, &ward, &code, &seq, &seq],
    );
    run(
        "INSERT INTO ward_occupancy (key, at, facility_id, bed_function, staffed, occupied, reserved, blocked, available, counts) \
         VALUES ((SELECT key FROM ward WHERE id = ?), ?, 'facility-0', 'acute', 50, ?, 0, 0, ?, ?)",
        &[&ward, &seq, &(seq % 50), &(50 - seq % 50), &COUNTS],
    );
    let hash = [7_u8; 32];
    run(
        "INSERT INTO audit_event (chain, position, at, request_id, agent, action, rtype, rid, version, hash) VALUES (?, ?, ?, '00000000-0000-0000-0000-000000000000', 'local', 'update', 'Location', ?, ?, ?)",
        &[&chain, &seq, &seq, &id, &(version + 1), &hash.as_slice()],
    );
}

/// Serves one text under every path, in a process of its own; the address is printed.
pub fn serve_axum(file: String) {
    let text = std::fs::read_to_string(file).expect("the text");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let handler = move || {
            let text = text.clone();
            async move { ([("content-type", "application/fhir+json; charset=utf-8")], text) }
        };
        let router = axum::Router::new().fallback(handler);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("http://{}/", listener.local_addr().expect("its address"));
        axum::serve(listener, router).await.expect("served");
    });
}
