//! kill -9 in the middle of snapshots: all rows of a request or none, and a retry repairs. Holds outlive it, too.

use std::time::Duration;

use serde_json::{Value, json};

use super::bed_status::{bed as row, parameters};
use super::city::{bed, facility, ward};
use crate::program::Served;

const BEDS: usize = 40;

async fn build(served: &Served) {
    let organization = json!({"resourceType": "Organization", "id": "someone", "name": "架空病院"});
    assert_eq!(served.put("Organization/someone", &organization).await.unwrap().0, 201);
    assert_eq!(served.put("Location/f", &facility("f", 34.78, 135.47)).await.unwrap().0, 201);
    assert_eq!(served.put("Location/w", &ward("w", "f")).await.unwrap().0, 201);
    for number in 0..BEDS {
        let id = format!("b{number}");
        assert_eq!(served.put(&format!("Location/{id}"), &bed(&id, "w", "U", None)).await.unwrap().0, 201);
    }
}

fn snapshot(status: &str) -> Value {
    parameters((0..BEDS).map(|number| row(&format!("b{number}"), status)).collect())
}

/// Turns all beds over and over; answers what the last acknowledged snapshot said.
async fn turn(served: &Served) -> &'static str {
    let mut last = "U";
    for status in ["O", "H", "U"].into_iter().cycle() {
        match served.post("Location/f/$bed-status", &snapshot(status)).await {
            Some((200, _)) => last = status,
            Some((status, body)) => panic!("{status}: {body}"),
            None => break,
        }
    }
    last
}

async fn statuses(served: &Served) -> Vec<String> {
    let mut found = Vec::new();
    for number in 0..BEDS {
        let (_, bed) = served.get(&format!("Location/b{number}")).await.unwrap();
        found.push(bed["operationalStatus"]["code"].as_str().unwrap().to_owned());
    }
    found
}

async fn kill_among_snapshots(url: &str) {
    let served = Served::start(url, &[]);
    build(&served).await;
    let killing = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        served.signal("KILL");
    };
    let (last, ()) = tokio::join!(turn(&served), killing);
    drop(served);
    let again = Served::start(url, &[]);
    let found = statuses(&again).await;
    assert!(found.iter().all(|status| *status == found[0]), "one snapshot, whole: {found:?}");
    let next = match last {
        "O" => "H",
        "H" => "U",
        _ => "O",
    };
    assert!(found[0] == last || found[0] == next, "{} after {last} was acknowledged", found[0]);
    let (status, answer) = again.post("Location/f/$bed-status", &snapshot(next)).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    assert!(statuses(&again).await.iter().all(|status| status == next));
    let (_, counted) = again.get("Location/w").await.unwrap();
    assert!(counted.to_string().contains("\"source\"") && counted.to_string().contains("derived"), "{counted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_whole_or_not_there_after_kill_9_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    kill_among_snapshots(&format!("sqlite://{}/k.db", folder.path().display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_whole_or_not_there_after_kill_9_on_postgres() {
    if let Some(url) = crate::app::postgres_database().await {
        kill_among_snapshots(&url).await;
    }
}
