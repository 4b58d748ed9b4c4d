//! `kakehashi validate`: files, folders and standard input; text, JSON, NDJSON and SARIF.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::program::{kakehashi, run, text};

const BROKEN: &str = "{\n  \"resourceType\": \"Location\",\n  \"status\": \"zzz\"\n}\n";
const PLAIN: &str = "{\"resourceType\": \"Location\", \"name\": \"北棟\"}";

/// A folder with a good and a bad file, a folder below with lines of which the third is bad, and what is none of these.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("c-below");
    std::fs::create_dir(&below).unwrap();
    std::fs::write(folder.path().join("a.json"), PLAIN).unwrap();
    std::fs::write(folder.path().join("b 1.json"), BROKEN).unwrap();
    let lines = format!("{PLAIN}\n\n{{\"resourceType\": \"Location\", \"status\": \"zzz\"}}\nno JSON\n");
    std::fs::write(below.join("lines.ndjson"), lines).unwrap();
    std::fs::write(folder.path().join("z.txt"), "not looked at").unwrap();
    folder
}

fn validate(folder: &Path, arguments: &[&str]) -> Output {
    let mut all = vec!["validate"];
    all.extend(arguments);
    kakehashi(&all).current_dir(folder).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn text_names_file_line_and_column() {
    let folder = folder();
    let output = validate(folder.path(), &["."]);
    assert_eq!(code(&output), 1);
    let shown = text(&output.stdout);
    let heads: Vec<&str> = shown.lines().filter(|line| !line.starts_with(' ')).collect();
    let lines = "./c-below/lines.ndjson";
    let third = format!("{lines}:3: invalid");
    assert_eq!(
        heads,
        [
            "./a.json: valid",
            "./b 1.json: invalid",
            &format!("{lines}:1: valid"),
            &third,
            &format!("{lines}:4: invalid")
        ]
    );
    assert!(shown.contains("  ./b 1.json:3:13: error Location.status: "), "{shown}");
    assert!(shown.contains(&format!("  {lines}:3:40: error Location.status: ")), "{shown}");
    assert!(shown.contains(&format!("  {lines}:4:1: fatal ")), "{shown}");
    let summary = text(&output.stderr);
    assert_eq!(summary, "5 resources: 2 valid, 3 invalid; 3 errors, 0 warnings.\n");
    let japanese = text(&validate(folder.path(), &["--lang", "ja", "b 1.json"]).stdout);
    assert!(japanese.contains("値セット"), "{japanese}");
}

#[test]
fn json_is_an_array_of_what_ndjson_has_on_its_lines() {
    let folder = folder();
    let lines = validate(folder.path(), &["--format", "ndjson", "."]);
    let lines: Vec<Value> = text(&lines.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let array: Value = serde_json::from_slice(&validate(folder.path(), &["--format", "json", "."]).stdout).unwrap();
    assert_eq!(array, Value::from(lines.clone()));
    let valid: Vec<bool> = lines.iter().map(|line| line["valid"].as_bool().unwrap()).collect();
    assert_eq!(valid, [true, false, true, false, false]);
    assert_eq!((&lines[0]["file"], &lines[0]["line"]), (&json!("./a.json"), &Value::Null));
    assert_eq!((&lines[3]["file"], &lines[3]["line"]), (&json!("./c-below/lines.ndjson"), &json!(3)));
    assert_eq!(lines[0]["outcome"]["issue"][0]["severity"], "information", "an outcome has an issue");
    assert_eq!(lines[1]["outcome"]["issue"][0]["expression"][0], "Location.status");
    let none = tempfile::tempdir().unwrap();
    assert_eq!(text(&validate(none.path(), &["--format", "json", "."]).stdout), "[\n\n]\n");
}

#[test]
fn sarif_places_each_result_under_its_rule() {
    let folder = folder();
    let output = validate(folder.path(), &["--format", "sarif", "."]);
    assert_eq!(code(&output), 1);
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let (rules, results) = (run["tool"]["driver"]["rules"].as_array().unwrap(), run["results"].as_array().unwrap());
    assert_eq!(run["tool"]["driver"]["name"], "kakehashi");
    assert_eq!(results.len(), 3);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(!rules[index]["shortDescription"]["text"].as_str().unwrap().is_empty());
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert_eq!(result["level"], "error");
    }
    let region = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        let number = |name: &str| place["region"][name].as_u64().unwrap();
        (place["artifactLocation"]["uri"].as_str().unwrap().to_owned(), number("startLine"), number("startColumn"))
    };
    assert_eq!(region(&results[0]), ("b%201.json".to_owned(), 3, 13));
    assert_eq!(region(&results[1]), ("c-below/lines.ndjson".to_owned(), 3, 40));
    assert_eq!(region(&results[2]), ("c-below/lines.ndjson".to_owned(), 4, 1));
    assert_eq!(results[0]["ruleId"], results[1]["ruleId"], "one rule, broken twice");
    assert_eq!(rules.len(), 2);
}

#[test]
fn order_is_that_of_names_however_many_judge() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..700).map(|number| format!("{number:03}.json")).collect();
    for (number, name) in names.iter().enumerate().rev() {
        std::fs::write(folder.path().join(name), if number % 3 == 0 { BROKEN } else { PLAIN }).unwrap();
    }
    let output = validate(folder.path(), &["--format", "ndjson", "."]);
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 700);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line["file"], format!("./{}", names[number]));
        assert_eq!(line["valid"], number % 3 != 0, "{line}");
    }
}

fn through_stdin(content: &str) -> Output {
    let mut child = kakehashi(&["validate", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(content.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn standard_input_is_a_resource_or_one_a_line() {
    let one = through_stdin(BROKEN);
    assert_eq!(code(&one), 1);
    assert!(text(&one.stdout).starts_with("-: invalid\n  -:3:13: error"), "{}", text(&one.stdout));
    let two = through_stdin(&format!("{PLAIN}\n{PLAIN}\n"));
    assert_eq!((code(&two), text(&two.stdout)), (0, "-:1: valid\n-:2: valid\n".to_owned()));
    assert_eq!(code(&through_stdin("")), 1);
}

#[test]
fn what_is_held_to_can_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let bed = folder.path().join("bed.json").display().to_string();
    let kind = json!({"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "bd"});
    let content = json!({"resourceType": "Location", "physicalType": {"coding": [kind]}});
    std::fs::write(&bed, content.to_string()).unwrap();
    assert_eq!(code(&run(&["validate", &bed])), 1, "the region's rules find it");
    assert_eq!(code(&run(&["validate", "--base-only", &bed])), 0, "base R4 does not");
    let profile = "https://kakehashi.example/fhir/StructureDefinition/kh-bed";
    let held = run(&["validate", "--base-only", "--profile", profile, &bed]);
    assert_eq!(code(&held), 1);
    assert!(text(&held.stdout).contains("kh-bed|Location"), "{}", text(&held.stdout));
    assert_eq!(code(&run(&["validate", "--profile", "https://example.org/none", &bed])), 1, "an unknown profile");
}

#[test]
fn a_missing_file_is_told_and_the_rest_is_judged() {
    let folder = folder();
    let output = validate(folder.path(), &["nowhere.json", "a.json"]);
    assert_eq!(code(&output), 2);
    assert_eq!(text(&output.stdout), "a.json: valid\n");
    assert!(text(&output.stderr).contains("nowhere.json"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1 that cannot be read"), "{}", text(&output.stderr));
}
