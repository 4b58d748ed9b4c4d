//! SIGHUP: definitions are read again while the program serves, all of them or none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use kakehashi::definitions::built_in;
use kakehashi::profile::{Definitions, Settings};
use serde_json::{Value, json};

use crate::app::{TestApp, definitions, location};
use crate::both;
use crate::program::{Served, eventually, kakehashi, text};

both!(a_request_keeps_to_the_definitions_with_which_it_began, what_is_renewed_is_in_force_everywhere);

const PATIENCE: Duration = Duration::from_secs(30);

/// A profile by which a Location with the alias `named` has a description.
fn profile(path: &str) -> Value {
    json!({
        "resourceType": "StructureDefinition", "id": "named-place", "url": "https://example.org/named-place",
        "name": "NamedPlace", "status": "active", "fhirVersion": "4.0.1", "kind": "resource", "abstract": false,
        "type": "Location", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Location",
        "derivation": "constraint", "differential": {"element": [{"id": path, "path": path, "min": 1}]}
    })
}

const RULE: &str = "\n[[rule]]\ntype = \"Location\"\nwhen = \"alias.where($this = 'named').exists()\"\n\
                    profile = \"https://example.org/named-place\"\n";

fn named() -> Value {
    json!({"resourceType": "Location", "name": "北棟", "alias": ["named"]})
}

/// The built-in definitions with the profile.
fn stricter() -> Arc<Definitions> {
    let mut files = built_in();
    let rules = files.iter_mut().find(|file| file.path == "profile-rules.toml").unwrap();
    rules.text.push_str(RULE);
    files.push(kakehashi::profile::SourceFile {
        path: "StructureDefinition/named-place.json".into(),
        text: profile("Location.description").to_string(),
    });
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    Arc::new(Definitions::load(pack, &files, Settings::default()).unwrap())
}

async fn what_is_renewed_is_in_force_everywhere(app: &TestApp) {
    app.post("Location", &named()).await.expect(201);
    app.get("StructureDefinition/named-place").await.expect_refusal(404);
    app.site.renew(stricter());
    app.post("Location", &named()).await.expect_refusal(422);
    assert_eq!(app.post("$validate", &named()).await.expect(200)["issue"][0]["severity"], "error");
    app.get("StructureDefinition/named-place").await.expect(200);
    app.put("Location/a", &location("a", "南棟")).await.expect(201);
    app.site.renew(definitions());
    app.post("Location", &named()).await.expect(201);
    assert_eq!(app.get("Location/a").await.expect(200)["name"], "南棟", "data and writers are the same");
}

async fn a_request_keeps_to_the_definitions_with_which_it_began(app: &TestApp) {
    let (lenient, strict) = (definitions(), stricter());
    let entry = json!({"request": {"method": "POST", "url": "Location"}, "resource": named()});
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": vec![entry; 60]});
    let done = AtomicBool::new(false);
    let swapping = async {
        let mut swaps = 0;
        while !done.load(Ordering::Relaxed) {
            app.site.renew(Arc::clone(if swaps % 2 == 0 { &strict } else { &lenient }));
            swaps += 1;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        swaps
    };
    let asking = async {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..40 {
            let answered = app.post("", &batch).await.expect(200);
            let entries = answered["entry"].as_array().unwrap().iter();
            let statuses: std::collections::BTreeSet<String> =
                entries.map(|entry| entry["response"]["status"].as_str().unwrap().to_owned()).collect();
            assert_eq!(statuses.len(), 1, "one batch, two verdicts: {statuses:?}");
            seen.extend(statuses);
        }
        done.store(true, Ordering::Relaxed);
        seen
    };
    let (swaps, seen) = tokio::join!(swapping, asking);
    assert!(swaps > 10 && seen.len() == 2, "{swaps} {seen:?}");
}

/// A copy of the folder of definitions.
fn copy_profiles(to: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap();
            if path.is_file() {
                std::fs::copy(&path, to.join(name)).unwrap();
            } else if name != "examples" && name != "r4" {
                copy(&path, &to.join(name));
            }
        }
    }
    let folder = to.join("profiles");
    copy(Path::new("fhir-profiles"), &folder);
    folder
}

struct Running {
    served: Served,
    folder: tempfile::TempDir,
    profiles: PathBuf,
}

impl Running {
    fn start() -> Running {
        let folder = tempfile::tempdir().unwrap();
        let profiles = copy_profiles(folder.path());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let settings = [("profiles", profiles.to_str().unwrap())];
        let served = Served::start_as(&url, &settings, |command| {
            command.stderr(log);
        });
        Running { served, folder, profiles }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Writes the files whole, as a careful administrator would.
    fn put(&self, path: &str, text: &str) {
        std::fs::write(self.profiles.join(path), text).unwrap();
    }

    fn add_rule(&self) {
        let rules = std::fs::read_to_string(self.profiles.join("profile-rules.toml")).unwrap();
        self.put("profile-rules.toml", &(rules + RULE));
    }

    async fn status_of_named(&self) -> u16 {
        self.served.post("Location", &named()).await.map_or(0, |(status, _)| status)
    }

    async fn refuses_named(&self) -> bool {
        eventually(PATIENCE, || async { self.status_of_named().await == 422 }).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_is_added_is_enforced_after_sighup_and_told_in_metadata() {
    let running = Running::start();
    assert_eq!(running.status_of_named().await, 201);
    running.put("StructureDefinition/named-place.json", &profile("Location.description").to_string());
    running.add_rule();
    let template = std::fs::read_to_string(running.profiles.join("CapabilityStatement-template.json")).unwrap();
    let mut template: Value = serde_json::from_str(&template).unwrap();
    let types = template["rest"][0]["resource"].as_array_mut().unwrap();
    let place = types.iter_mut().find(|one| one["type"] == "Location").unwrap();
    place["supportedProfile"].as_array_mut().unwrap().push(json!("https://example.org/named-place"));
    running.put("CapabilityStatement-template.json", &template.to_string());
    assert_eq!(running.status_of_named().await, 201, "nothing is read before the signal");
    running.served.signal("HUP");
    assert!(running.refuses_named().await, "{}", running.log());
    let (_, statement) = running.served.get("metadata").await.unwrap();
    assert!(statement.to_string().contains("https://example.org/named-place"));
    let (status, _) = running.served.get("StructureDefinition/named-place").await.unwrap();
    assert_eq!(status, 200);
}

/// The file that `fhir-profiles/README.md` shows.
fn parameter_of_the_page() -> String {
    let page = std::fs::read_to_string("fhir-profiles/README.md").unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("A region's own search parameter")).unwrap();
    section.split("```json\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_parameter_that_is_added_is_in_force_after_sighup_and_reindex() {
    let running = Running::start();
    let mut room = location("r1", "一人部屋");
    room["extension"] = json!([{
        "url": "https://city.example/fhir/StructureDefinition/room-type",
        "valueCoding": {"system": "https://city.example/fhir/CodeSystem/room-type", "code": "single"}
    }]);
    let (status, outcome) = running.served.put("Location/r1", &room).await.unwrap();
    assert_eq!(status, 201, "{outcome}");
    running.put("SearchParameter/room-type.json", &parameter_of_the_page());
    running.served.signal("HUP");
    let ask = async || running.served.get("Location?room-type=single").await.unwrap();
    let refused = async || ask().await.0 == 400;
    assert!(eventually(PATIENCE, refused).await, "{}", running.log());
    let told = async || running.log().contains("search parameters are refused until");
    assert!(eventually(PATIENCE, told).await, "{}", running.log());
    assert!(running.log().contains("Location.room-type"));
    let url = format!("sqlite://{}", running.folder.path().join("test.db").display());
    let profiles = running.profiles.to_str().unwrap();
    let reindex = kakehashi(&["reindex", "--database-url", &url, "--profiles", profiles]).output().unwrap();
    assert!(reindex.status.success(), "{reindex:?}");
    // The location, and the Measure that the gateway brings.
    assert!(text(&reindex.stdout).starts_with("2 resources indexed anew"), "{reindex:?}");
    let (status, found) = ask().await;
    assert_eq!((status, &found["entry"][0]["resource"]["id"]), (200, &json!("r1")), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_profile_is_refused_with_file_element_and_reason_and_the_old_ones_stay() {
    let running = Running::start();
    running.put("StructureDefinition/named-place.json", &profile("Location.description").to_string());
    running.add_rule();
    running.served.signal("HUP");
    assert!(running.refuses_named().await, "{}", running.log());
    // One file is broken, another mended: neither counts.
    running.put("StructureDefinition/named-place.json", &profile("Location.colour").to_string());
    let rules = std::fs::read_to_string(running.profiles.join("profile-rules.toml")).unwrap();
    running.put("profile-rules.toml", rules.strip_suffix(RULE).unwrap());
    running.served.signal("HUP");
    let told = async || running.log().contains("the old definitions stay in force");
    assert!(eventually(PATIENCE, told).await, "{}", running.log());
    let log = running.log();
    let line = log.lines().find(|line| line.contains("a definition is refused")).unwrap();
    assert!(line.contains("named-place") && line.contains("Location.colour") && line.contains("reason"), "{line}");
    assert_eq!(running.status_of_named().await, 422, "the old rule holds");
    // What is no JSON at all, and a folder that is gone.
    running.put("StructureDefinition/named-place.json", "{");
    running.served.signal("HUP");
    let twice = async || running.log().matches("the old definitions stay in force").count() == 2;
    assert!(eventually(PATIENCE, twice).await, "{}", running.log());
    std::fs::rename(&running.profiles, running.folder.path().join("away")).unwrap();
    running.served.signal("HUP");
    let thrice = async || running.log().matches("the old definitions stay in force").count() == 3;
    assert!(eventually(PATIENCE, thrice).await, "{}", running.log());
    assert_eq!(running.status_of_named().await, 422);
    // Mended, it is taken.
    std::fs::rename(running.folder.path().join("away"), &running.profiles).unwrap();
    std::fs::remove_file(running.profiles.join("StructureDefinition/named-place.json")).unwrap();
    running.served.signal("HUP");
    let free = || async { running.status_of_named().await == 201 };
    assert!(eventually(PATIENCE, free).await, "{}", running.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_definitions_are_reloaded() {
    let running = Running::start();
    running.put("StructureDefinition/named-place.json", &profile("Location.description").to_string());
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let asking = async |task: usize| {
        let mut number = 0;
        while !done.load(Ordering::Relaxed) {
            number += 1;
            let id = format!("l{task}-{}", number % 20);
            let mut place = location(&id, "北棟");
            place["description"] = json!(format!("{number}"));
            let (status, outcome) = running.served.put(&format!("Location/{id}"), &place).await.unwrap();
            assert!(matches!(status, 200 | 201), "{outcome}");
            let (status, _) = running.served.get(&format!("Location/{id}")).await.unwrap();
            assert_eq!(status, 200);
            let (status, _) = running.served.post("Location/$validate", &place).await.unwrap();
            assert_eq!(status, 200);
            let (status, _) = running.served.get("metadata").await.unwrap();
            assert_eq!(status, 200);
            asked.fetch_add(4, Ordering::Relaxed);
        }
    };
    let reloading = async {
        for round in 1..=4 {
            running.put(
                "StructureDefinition/named-place.json",
                &profile("Location.description").to_string().replace("NamedPlace", &format!("NamedPlace{round}")),
            );
            running.served.signal("HUP");
            let name = format!("NamedPlace{round}");
            let is_there = || async {
                let found = running.served.get("StructureDefinition/named-place").await;
                found.is_some_and(|(_, definition)| definition["name"] == name.as_str())
            };
            assert!(eventually(PATIENCE, is_there).await, "{}", running.log());
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(reloading, asking(1), asking(2), asking(3));
    assert!(asked.load(Ordering::Relaxed) > 40);
    running.served.signal("TERM");
    assert_eq!(running.served.ended(Duration::from_secs(30)), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_folder_there_is_nothing_to_reload() {
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let served = Served::start_as(&url, &[], |command| {
        command.current_dir(folder.path()).stderr(log);
    });
    served.signal("HUP");
    let told = async || std::fs::read_to_string(folder.path().join("log")).unwrap().contains("nothing to reload");
    assert!(eventually(PATIENCE, told).await);
    let (status, _) = served.get("metadata").await.unwrap();
    assert_eq!(status, 200);
    served.signal("TERM");
    assert_eq!(served.ended(Duration::from_secs(30)), 0);
}
