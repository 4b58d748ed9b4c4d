//! Brings a region into a database, as `kakehashi import` does, unchecked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kakehashi::access::Caller;
use kakehashi::clock::SystemClock;
use kakehashi::definitions::load as load_definitions;
use kakehashi::exchange::{BoardPolicy, Gateway, Policy, RequestLimits, Validity};
use kakehashi::profile::Settings;
use kakehashi::store::{Database, WriterSettings, migrate};
use tokio::sync::mpsc;

use super::region::Region;

/// Resources that one transaction brings.
const TOGETHER: usize = 400;
const WORKERS: usize = 4;

/// A gateway in this process, without validation.
pub async fn gateway(database: Database) -> Gateway {
    let definitions = Arc::new(load_definitions(None, Settings::default()).expect("definitions").0);
    let limits = RequestLimits { entries: TOGETHER, ..RequestLimits::default() };
    let writing = WriterSettings { deadline: Duration::from_secs(600), ..WriterSettings::default() };
    let policy = Policy { usual: "off".parse().expect("a policy"), ..Policy::default() };
    let gateway = Gateway::start(definitions, database, Arc::new(SystemClock), limits, writing).expect("a gateway");
    // The beds are of one day for ever: their reports are believed whenever the questions are asked.
    let for_ever = i64::from(u32::MAX) * 1_000;
    let validity = Validity { feed: for_ever, manual: for_ever };
    gateway.with_policy(policy).with_board_policy(BoardPolicy { validity, ..BoardPolicy::default() })
}

pub async fn fill(url: &str, region: Region) {
    let started = Instant::now();
    let database = Database::open(url).await.expect("a database");
    migrate(&database, url).await.expect("its tables");
    let gateway = gateway(database).await;
    let (send, receive) = mpsc::channel::<String>(8);
    let receive = Arc::new(tokio::sync::Mutex::new(receive));
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let (gateway, receive) = (gateway.clone(), Arc::clone(&receive));
        workers.push(tokio::spawn(async move {
            loop {
                let next = receive.lock().await.recv().await;
                let Some(bundle) = next else { break };
                gateway.import(&Caller::local("bench"), bundle.as_bytes()).await.expect("taken in");
            }
        }));
    }
    let (mut entries, mut count) = (Vec::new(), 0);
    for resource in region.resources() {
        entries.push(format!(r#"{{"resource":{resource}}}"#));
        count += 1;
        if entries.len() == TOGETHER {
            send.send(bundle(&mut entries)).await.expect("a worker");
        }
    }
    send.send(bundle(&mut entries)).await.expect("a worker");
    drop(send);
    for worker in workers {
        worker.await.expect("a worker");
    }
    gateway.close().await;
    println!("{count} resources taken in, {:.0}/s", f64::from(count) / started.elapsed().as_secs_f64());
}

fn bundle(entries: &mut Vec<String>) -> String {
    let text = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","));
    entries.clear();
    text
}
