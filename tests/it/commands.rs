//! The commands of the program: what they say, how they end, what they leave behind.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use encoding_rs::SHIFT_JIS;
use serde_json::{Value, json};

use crate::app::{identified, location, postgres_database};
use crate::beds::city::{bed, bed_number, facility, ward};
use crate::program::{Served, kakehashi, run, text};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fhir-profiles/examples");

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}/k.db", folder.display())
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn an_address_that_others_reach_is_refused_unless_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(&["serve", "--listen", "0.0.0.0:0", "--database-url", &sqlite(folder.path())]);
    assert_eq!(code(&refused), 2);
    assert!(text(&refused.stderr).contains("--insecure-open"), "{}", text(&refused.stderr));
    assert!(!folder.path().join("k.db").exists(), "nothing was touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insecure_open_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("insecure_open", "true")];
    let served = Served::start(&sqlite(folder.path()), &settings);
    assert_eq!(served.get("metadata").await.unwrap().0, 200);
}

#[test]
fn all_wrong_settings_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "k.toml", "colour = \"red\"\nmax_json_depth = 1\n");
    let output = kakehashi(&["serve", "--config", &file])
        .env("KAKEHASHI_LISTEN", "0.0.0.0:80")
        .env("KAKEHASHI_DATABASE_URL", "mysql://user:secret@db/x")
        .env("KAKEHASHI_GROUP_COMMIT", "many")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    let told = text(&output.stderr);
    for name in ["colour", "max_json_depth", "listen", "database_url", "group_commit"] {
        assert!(told.contains(name), "{name} in {told}");
    }
    assert!(!told.contains("secret"), "{told}");
    assert_eq!(code(&run(&["serve", "--config", "/nowhere/k.toml"])), 2);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
    let file = write(folder.path(), "k.toml", format!("database_url = \"{}\"\n", url("file")));
    let made = |name: &str| folder.path().join(format!("{name}.db")).exists();
    assert_eq!(code(&kakehashi(&["migrate", "--config", &file]).output().unwrap()), 0);
    assert!(made("file"));
    let environment =
        kakehashi(&["migrate", "--config", &file]).env("KAKEHASHI_DATABASE_URL", url("environment")).output();
    assert!(environment.unwrap().status.success() && made("environment"));
    let flag =
        kakehashi(&["migrate", "--database-url", &url("flag")]).env("KAKEHASHI_DATABASE_URL", url("other")).output();
    assert!(flag.unwrap().status.success() && made("flag") && !made("other"));
}

#[test]
fn migrate_tells_what_it_did_and_then_that_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let all = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite")).unwrap().count();
    let first = run(&["migrate", "--database-url", &sqlite(folder.path())]);
    assert_eq!((code(&first), text(&first.stdout).lines().count()), (0, all), "{}", text(&first.stdout));
    let second = run(&["migrate", "--database-url", &sqlite(folder.path())]);
    assert_eq!((code(&second), text(&second.stdout).as_str()), (0, "The schema is up to date.\n"));
    let away = run(&["migrate", "--database-url", "postgres://nobody@127.0.0.1:1/none"]);
    assert_eq!(code(&away), 2);
}

#[test]
fn validate_ends_with_0_1_or_2() {
    let folder = tempfile::tempdir().unwrap();
    let valid = format!("{EXAMPLES}/kh-bed--bed-3e-301-1.json");
    let invalid =
        write(folder.path(), "invalid.json", json!({"resourceType": "Location", "status": "zzz"}).to_string());
    let broken = write(folder.path(), "broken.json", "{\"resourceType\": ");
    let good = run(&["validate", &valid]);
    assert_eq!(code(&good), 0, "{}", text(&good.stdout));
    assert!(text(&good.stdout).contains(": valid"));
    let bad = run(&["validate", &valid, &invalid]);
    assert_eq!(code(&bad), 1);
    assert!(text(&bad.stdout).contains("Location.status"), "{}", text(&bad.stdout));
    assert_eq!(code(&run(&["validate", &broken])), 1, "what does not parse is invalid");
    assert_eq!(code(&run(&["validate", &invalid, "/nowhere/x.json"])), 2);
    assert_eq!(code(&run(&["validate", &valid, "--profiles", "/nowhere"])), 2);
}

async fn total(url: &str, path: &str) -> Value {
    let served = Served::start(url, &[]);
    served.get(&format!("{path}?_summary=count")).await.unwrap().1["total"].clone()
}

/// A resource, a transaction that breaks in its second entry, one that does not, and lines of which two are bad.
fn import_folder(folder: &Path) -> String {
    let files = folder.join("files");
    std::fs::create_dir(&files).unwrap();
    let transaction =
        |entries: Value| json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string();
    let post = |value: &str| json!({"resource": identified(value), "request": {"method": "POST", "url": "Location"}});
    let invalid = json!({"resource": {"resourceType": "Location", "status": "zzz"}, "request": {"method": "POST", "url": "Location"}});
    write(&files, "1-single.json", location("single", "1").to_string());
    write(&files, "2-half.json", transaction(json!([post("half"), invalid])));
    write(&files, "3-whole.json", transaction(json!([post("whole 1"), post("whole 2")])));
    let mut lines = format!("{}\n\n{}\n", location("line", "1"), identified("no id"));
    lines.push_str("{\"resourceType\":\"Location\",\"status\":\"zzz\"}\n");
    let mut lines = lines.into_bytes();
    lines.extend_from_slice(b"{\"resourceType\":\"Location\",\"name\":\"\xff\"}\n");
    lines.extend_from_slice(format!("{}\n", location("last", "1")).as_bytes());
    write(&files, "4-lines.ndjson", lines);
    write(&files, "ignored.txt", "not for import");
    files.display().to_string()
}

async fn import_is_whole_counted_and_repeatable(url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let files = import_folder(folder.path());
    let first = run(&["import", &files, "--database-url", url, "--log", "off"]);
    assert_eq!((code(&first), text(&first.stdout).trim()), (1, "6 created, 0 updated, 0 unchanged, 3 items refused."));
    let told = text(&first.stderr);
    for place in
        ["2-half.json: Bundle.entry[1].resource.status", "4-lines.ndjson:4: Location.status", "4-lines.ndjson:5: "]
    {
        assert!(told.contains(place), "{place} in {told}");
    }
    let second = run(&["import", &files, "--database-url", url, "--log", "off"]);
    assert_eq!(
        (code(&second), text(&second.stdout).trim()),
        (1, "0 created, 0 updated, 6 unchanged, 3 items refused.")
    );
    assert_eq!(total(url, "Location").await, 6);
    // The seventh is the Measure that the gateway puts there itself when it starts.
    assert_eq!(total(url, "_history").await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_is_whole_counted_and_repeatable_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    import_is_whole_counted_and_repeatable(&sqlite(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_is_whole_counted_and_repeatable_on_postgres() {
    if let Some(url) = postgres_database().await {
        import_is_whole_counted_and_repeatable(&url).await;
    }
}

/// A ward with two beds as resources, then a table of them in Shift_JIS: judged, then taken in, then taken in again.
#[test]
fn a_table_of_beds_is_imported_and_its_bad_row_told() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let resources = [
        json!({"resourceType": "Organization", "id": "someone", "name": "架空病院"}),
        facility("f", 34.78, 135.47),
        ward("w", "f"),
        bed("b0", "w", "O", Some("2026-01-01T00:00:00Z")),
        bed("b1", "w", "O", Some("2026-01-01T00:00:00Z")),
    ];
    let lines: Vec<String> = resources.iter().map(Value::to_string).collect();
    let region = write(folder.path(), "region.ndjson", lines.join("\n"));
    let first = run(&["import", &region, "--database-url", &url, "--log", "off"]);
    assert_eq!(code(&first), 0, "{}", text(&first.stderr));
    let rows = format!("病床番号,状態\r\n{},空床\r\n{},使用中\r\nない,空床\r\n", bed_number("b0"), bed_number("b1"));
    let table = write(folder.path(), "beds.csv", SHIFT_JIS.encode(&rows).0);
    let import = |more: &[&str]| {
        let fixed = ["import", &table, "--within", "w", "--database-url", &url, "--log", "off"];
        let done = run(&[&fixed[..], more].concat());
        assert_eq!(code(&done), 1, "one row is bad: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains("beds.csv:4:1: "), "{}", text(&done.stderr));
        text(&done.stdout).rsplit_once(".csv: ").unwrap().1.trim().to_owned()
    };
    let dry = import(&["--dry-run"]);
    assert!(dry.contains("nothing was written") && dry.ends_with("1 rows applied, 1 unchanged, 1 refused."), "{dry}");
    assert_eq!(import(&["--encoding", "shift_jis"]), "1 rows applied, 1 unchanged, 1 refused.");
    assert_eq!(import(&[]), "0 rows applied, 2 unchanged, 1 refused.");
    for wrong in [&["--encoding", "latin1"][..], &["--within", "no id"], &[region.as_str()]] {
        let fixed = ["import", &table, "--database-url", &url, "--log", "off"];
        assert_eq!(code(&run(&[&fixed[..], wrong].concat())), 2, "{wrong:?}");
    }
}

#[test]
fn import_ends_with_0_where_nothing_is_refused_and_2_where_a_file_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let file = write(folder.path(), "a.json", location("a", "1").to_string());
    assert_eq!(code(&run(&["import", &file, "--database-url", &url])), 0);
    assert_eq!(code(&run(&["import", "/nowhere/a.json", "--database-url", &url])), 2);
}

/// Resources without ids of their own and pairs that belong together: cut off anywhere, taken up again, each is there once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_killed_can_be_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let (count, pair) = (3_000, |n: usize| {
        let entry = |part: &str| json!({"resource": identified(&format!("{n}{part}")), "request": {"method": "POST", "url": "Location"}});
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry("a"), entry("b")]}).to_string()
    });
    let lines: Vec<String> =
        (0..count).map(|n| if n % 2 == 0 { pair(n) } else { identified(&n.to_string()).to_string() }).collect();
    let file = write(folder.path(), "lines.ndjson", lines.join("\n"));
    let arguments = ["import", &file, "--database-url", &url, "--log", "off"];
    let mut child = kakehashi(&arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
    let begun = crate::program::eventually(Duration::from_secs(20), || async {
        std::fs::metadata(folder.path().join("k.db-wal")).is_ok_and(|wal| wal.len() > 400_000)
    });
    assert!(begun.await);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was cut off");
    let again = run(&arguments);
    let told = text(&again.stdout);
    assert_eq!(code(&again), 0, "{told}");
    let numbers: Vec<usize> = told.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    let whole = count + count / 2;
    assert!(numbers[2] > 0 && numbers[0] + numbers[2] == whole, "{told}");
    assert_eq!(total(&url, "Location").await, whole);
}

#[test]
fn demo_is_the_same_for_the_same_seed() {
    let moments = regex::Regex::new(r"\d{4}-\d{2}-\d{2}(T[0-9:.]+(Z|[+-]\d{2}:\d{2}))?").unwrap();
    let region = |seed: &str| {
        let output = run(&["demo", "--seed", seed, "--facilities", "2", "--beds", "40"]);
        assert_eq!(code(&output), 0);
        // Times are relative to the moment of making.
        moments.replace_all(&text(&output.stdout), "…").into_owned()
    };
    let (first, again, other) = (region("7"), region("7"), region("8"));
    assert!(first == again, "one seed, one region");
    assert!(first != other, "another seed, another region");
    assert!(first.lines().count() > 40);
    for line in first.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["resourceType"].is_string());
    }
}

#[test]
fn demo_writes_what_validates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("region.ndjson").display().to_string();
    assert_eq!(code(&run(&["demo", "--facilities", "2", "--beds", "40", "--out", &file])), 0);
    let imported = run(&["import", &file, "--database-url", &sqlite(folder.path()), "--log", "off"]);
    assert_eq!(code(&imported), 0, "{}", text(&imported.stderr));
    assert!(text(&imported.stdout).ends_with(" 0 items refused.\n"), "{}", text(&imported.stdout));
    let again = run(&["reindex", "--database-url", &sqlite(folder.path()), "--log", "off"]);
    assert_eq!(code(&again), 0);
    assert!(text(&again.stdout).contains("resources indexed anew"));
}
