//! `Location/$vacancies` over large hospitals, alone and while beds are reported.

use std::time::Duration;

use super::client::{get, load, put};
use super::gateway::Process;
use super::region::{CAPABILITIES, Region};
use super::steady::{Latency, steady};

/// Questions and bed statuses a second.
const ASKED: u64 = 300;
const REPORTED: u64 = 1_000;
const KINDS: usize = 4;
/// Of the region's, those that the code system still has.
const FUNCTIONS: [&str; 3] = ["acute", "recovery", "chronic"];

pub async fn measure(url: &str, region: Region, time: Duration) {
    let process = Process::start(url, &[]).await;
    let address = process.address.clone();
    for kind in 0..KINDS {
        let answer = reqwest::get(format!("http://{address}{}", path(region, kind, 0))).await.expect("an answer");
        assert!(answer.text().await.expect("a text").contains(r#""mode":"match""#), "question {kind} finds something");
    }
    let request = move |kind: usize, n: usize| get(&path(region, kind, n));
    load(&address, 16, Duration::from_secs(1), move |client, n| {
        request(client % KINDS, client * 7_919 + usize::try_from(n).unwrap_or(0))
    })
    .await;
    let alone = steady(&address, time, (ASKED, KINDS), request);
    let (asked, updates) = std::thread::scope(|scope| {
        let updates = scope.spawn(|| steady(&address, time, (REPORTED, 1), |_, n| update(region, n)));
        let asked = steady(&address, time, (ASKED, KINDS), request);
        (asked, updates.join().expect("the reports"))
    });
    let names = ["near, function, sex", "function, capability", "near, minimum, sort by distance", "whole region"];
    for ((name, alone), asked) in names.iter().zip(alone).zip(asked) {
        println!(
            "  $vacancies, {name}: at {ASKED}/s over all {}; with {REPORTED} bed statuses/s {}",
            told(&alone),
            told(&asked)
        );
    }
    println!("  those bed statuses: {}", told(&updates[0]));
    let busy = load(&address, 16, time, move |client, n| {
        request(client % KINDS, client * 104_729 + usize::try_from(n).unwrap_or(0))
    })
    .await;
    println!("  16 clients: {:.0}/s; resident: {:.0} MB", busy.per_second, process.resident());
}

fn told(latency: &Latency) -> String {
    format!("p50 {:.2} ms, p99 {:.2} ms", latency.p50.as_secs_f64() * 1e3, latency.p99.as_secs_f64() * 1e3)
}

fn path(region: Region, kind: usize, n: usize) -> String {
    let (latitude, longitude) = Region::centre(n.wrapping_mul(2_654_435_761) % region.cities());
    let (function, capability) = (FUNCTIONS[n % 3], CAPABILITIES[n / 3 % 4]);
    let query = match kind {
        0 => format!("near={latitude}%7C{longitude}%7C10%7Ckm&function={function}&sex=female"),
        1 => format!("function={function}&capability={capability}"),
        2 => format!("near={latitude}%7C{longitude}%7C20%7Ckm&minimum=3&sort=distance"),
        _ => "sex=male".to_owned(),
    };
    format!("/fhir/Location/$vacancies?{query}&_count=20")
}

/// Every report changes its bed; beds come in an order that has neighbours far apart.
fn update(region: Region, n: usize) -> Vec<u8> {
    let number = n.wrapping_mul(2_654_435_761) % region.beds();
    let status = if number.is_multiple_of(5) { 'O' } else { 'U' };
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let body = region.bed(number, status).replace("2026-11-22T09:00:00+09:00", &now);
    put(&format!("/fhir/Location/bed-{number}"), &body)
}
