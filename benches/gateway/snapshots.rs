//! Whole sites reported at once by `$bed-status`: 200 beds, of which one in twenty has changed, or none.

use std::time::Duration;

use super::Plan;
use super::client::{load, post, put};
use super::gateway::Process;
use super::log::bytes_a_request;
use super::region::{BEDS_OF_SITE, WARDS_OF_SITE, bed, bed_number, build};

const SITES: usize = 96;
const CLIENTS: usize = 8;

/// Snapshots on a database; what the write-ahead log costs is told where it is SQLite's.
pub async fn snapshots(plan: &Plan, name: &str, url: &str) {
    let gateway = Process::start(url, &[]).await;
    build(&gateway.address, SITES * BEDS_OF_SITE).await;
    let beds = SITES * BEDS_OF_SITE / 48;
    let fill = move |client: usize, n: u64| {
        let number = client * beds + n as usize % beds;
        put(&format!("/fhir/Location/bed-{number}"), &bed(number, 'U'))
    };
    load(&gateway.address, 48, Duration::from_secs(12), fill).await;
    let mut rates = Vec::new();
    for changing in [true, false] {
        for lines in [true, false] {
            let request = move |client: usize, n: u64| snapshot(client, n, changing, lines);
            let time = Duration::from_secs(plan.seconds);
            let figures = load(&gateway.address, CLIENTS, time, request).await;
            rates.push((changing, lines, figures));
        }
    }
    for (changing, lines, figures) in rates {
        println!(
            "{name}, {CLIENTS} clients, snapshots of {BEDS_OF_SITE} beds ({}, {}): {:.0} bed rows/s (p99 {:?})",
            if changing { "5 % changed" } else { "nothing changed" },
            if lines { "NDJSON" } else { "Parameters" },
            figures.per_second * BEDS_OF_SITE as f64,
            figures.p99
        );
    }
    if url.starts_with("sqlite:") {
        drop(gateway);
        let bytes = bytes_a_request(url, CLIENTS, |client, n| snapshot(client, n, false, true)).await;
        println!("  nothing changed: {:.0} bytes of write-ahead log a ward", bytes / WARDS_OF_SITE as f64);
    }
}

/// The n-th snapshot of a client. It goes round its own sites; each round another twentieth of the beds has changed.
fn snapshot(client: usize, n: u64, changing: bool, lines: bool) -> Vec<u8> {
    let own = SITES / CLIENTS;
    let (site, round) = (client * own + n as usize % own, n as usize / own + 1);
    let status = |bed: usize| {
        let turns = if changing { (round + 19 - bed % 20) / 20 } else { 0 };
        if turns % 2 == 0 { "U" } else { "O" }
    };
    let beds = (0..BEDS_OF_SITE).map(|bed| (bed_number(site * BEDS_OF_SITE + bed), status(bed)));
    let path = format!("/fhir/Location/site-{site}/$bed-status");
    if lines {
        let lines = beds.map(|(number, status)| format!("{{\"identifier\":\"{number}\",\"status\":\"{status}\"}}\n"));
        return post(&path, "application/x-ndjson", &lines.collect::<String>());
    }
    let rows = beds.map(|(number, status)| {
        format!(
            r#"{{"name":"bed","part":[{{"name":"identifier","valueIdentifier":{{"system":"https://kakehashi.example/fhir/IdSystem/bed","value":"{number}"}}}},{{"name":"status","valueCode":"{status}"}}]}}"#
        )
    });
    let rows = rows.collect::<Vec<_>>().join(",");
    post(&path, "application/fhir+json", &format!(r#"{{"resourceType":"Parameters","parameter":[{rows}]}}"#))
}
