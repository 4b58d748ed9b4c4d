//! `serve --mllp-listen` and `kakehashi hl7`.

use std::time::Duration;

use kakehashi::intake::hl7v2::Client;
use serde_json::Value;

use super::feed::{Answered, a20, ago, senders};
use crate::beds::city::{bed, facility, ward};
use crate::program::{Served, eventually, run, text};

/// An address on which nobody listens yet.
fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn old_bed(id: &str, status: &str) -> Value {
    bed(id, "w", status, Some("2020-01-01T00:00:00Z"))
}

async fn put(served: &Served, location: &Value) {
    let path = format!("Location/{}", location["id"].as_str().unwrap());
    assert_eq!(served.put(&path, location).await.unwrap().0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_is_tried_out_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let database = format!("sqlite://{}", path("k.db"));
    std::fs::write(path("senders.toml"), senders("")).unwrap();
    let to = free_address();
    let served = Served::start(&database, &[("mllp_listen", &to), ("mllp_senders", &path("senders.toml"))]);
    let organization = serde_json::json!({"resourceType": "Organization", "id": "someone", "name": "架空病院"});
    served.put("Organization/someone", &organization).await.unwrap();
    for place in [facility("f", 34.78, 135.47), ward("w", "f"), old_bed("b0", "U")] {
        put(&served, &place).await;
    }

    let messages = [a20("b0", "O", "1", &ago(2)), a20("b1", "U", "2", &ago(1))].concat();
    std::fs::write(path("feed.hl7"), messages.replace('\r', "\n")).unwrap();
    let output = run(&["hl7", "send", "--to", &to, &path("feed.hl7")]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for line in [
        "MSA|AA|1",
        "MSA|AE|2",
        "ERR||NPU^1^1|204^Unknown key identifier^HL70357|E",
        "2 messages sent, 1 not accepted.",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }

    let listed = text(&run(&["hl7", "dead-letters", "list", "--database-url", &database]).stdout);
    let id = listed.split(' ').next().unwrap().to_owned();
    assert!(listed.lines().count() == 1 && listed.contains(" 1x hosp A20 2 NPU-1: "), "{listed}");
    let shown = text(&run(&["hl7", "dead-letters", "show", &id, "--database-url", &database]).stdout);
    assert!(shown.contains("NPU|W^1^b1|U") && !shown.contains("YAMADA"), "{shown}");

    put(&served, &old_bed("b1", "O")).await;
    let arguments = ["--database-url", &database, "--mllp-senders", &path("senders.toml")];
    let replayed = run(&[&["hl7", "dead-letters", "replay", "--all"][..], &arguments].concat());
    assert!(replayed.status.success() && text(&replayed.stdout).contains("1 applied, 0 still wait."), "{replayed:?}");
    let (_, now) = served.get("Location/b1").await.unwrap();
    assert_eq!(now["operationalStatus"]["code"], "U");
    let again = run(&["hl7", "dead-letters", "discard", "nothing", "--database-url", &database]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_are_read_anew_at_sighup_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let write = |text: &str| std::fs::write(path("senders.toml"), text).unwrap();
    write(&senders(""));
    let to = free_address();
    let settings = [("mllp_listen", to.as_str()), ("mllp_senders", &path("senders.toml"))];
    let served = Served::start(&format!("sqlite://{}", path("k.db")), &settings);
    let place = || a20("b0", "U", &uuid::Uuid::new_v4().simple().to_string(), &ago(0)).replace("NPU|W^", "NPU|LOBBY^");
    let sends = async |code: &str| {
        let mut client = Client::new(tokio::net::TcpStream::connect(&to).await.unwrap());
        let answers = client.send(place().as_bytes(), Duration::from_secs(5)).await.unwrap();
        Answered::of(answers).codes() == code
    };
    assert!(sends("AE").await);
    write("[[sender]]\nname = \"wrong\"\n");
    served.signal("HUP");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(sends("AE").await, "the old senders stay in force");
    write(&(senders("") + "[[sender.location]]\npoint_of_care = \"LOBBY\"\nno_bed = true\n"));
    served.signal("HUP");
    assert!(eventually(Duration::from_secs(10), || sends("AA")).await);
}

#[test]
fn a_file_of_senders_that_is_wrong_is_told_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("senders.toml"), "[[sender]]\nname = \"a\"\nvacated = \"X\"\n").unwrap();
    let database = format!("sqlite://{}", path("k.db"));
    let arguments = ["serve", "--database-url", &database, "--listen", "127.0.0.1:0", "--mllp-listen", "127.0.0.1:0"];
    let refused = run(&[&arguments[..], &["--mllp-senders", &path("senders.toml")]].concat());
    let told = text(&refused.stderr);
    assert!(refused.status.code() == Some(2) && told.contains("vacated") && told.contains("application"), "{told}");
    let missing = text(&run(&arguments).stderr);
    assert!(missing.contains("mllp_senders"), "{missing}");
}

/// The example files of the documentation, as it says, on beds like the demo's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_feed_is_taken_as_documented() {
    let app = crate::app::TestApp::sqlite().await;
    crate::beds::city::build(&app, &[]).await;
    app.put("Location/hosp-01-w01", &ward("hosp-01-w01", "f")).await.expect(201);
    for number in 1..=3 {
        let mut bed = bed(&format!("b{number}"), "hosp-01-w01", "O", Some("2020-01-01T00:00:00Z"));
        bed["identifier"][0]["value"] = format!("2719000001-W01-B0{number}").into();
        app.put(&format!("Location/b{number}"), &bed).await.expect(201);
    }
    let example = |name: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hl7").join(name);
    let feed = super::feed::Feed::start(&app, &std::fs::read_to_string(example("senders.toml")).unwrap()).await;
    let (to, file) = (feed.address.to_string(), example("bed-events.hl7").display().to_string());
    let send = tokio::task::spawn_blocking(move || run(&["hl7", "send", "--fresh", "--to", &to, &file]));
    let told = text(&send.await.unwrap().stdout);
    let codes: Vec<&str> = told.split("MSA|").skip(1).map(|rest| &rest[..2]).collect();
    assert_eq!(codes, ["AA", "CA", "AA", "AE"], "{told}");
    let found = app.get("Location?partof=Location/hosp-01-w01&_sort=_id").await.expect(200);
    let statuses =
        found["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["operationalStatus"]["code"]);
    assert_eq!(statuses.collect::<Vec<_>>(), ["K", "H", "O"]);
}
