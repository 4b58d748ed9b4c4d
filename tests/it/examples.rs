//! Published FHIR content: the official R4 examples of the served types, and a real service directory's Bundle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use crate::app::{TestApp, definitions, official_examples, shared_data};
use crate::both;

both!(official_examples_are_read_back_as_they_were_sent, a_service_directorys_bundle_is_taken_in_whole,);

/// Examples that are refused, each with the status and the element that is at fault. Whatever else is refused, and
/// whatever is not refused any more, fails the test.
const REFUSED: [(&str, u16, &str); 9] = [
    // A part that the extension's definition does not have.
    ("diagnosticreport-hla-genetics-results-example.json", 422, "Bundle.entry[0].resource.extension[1].extension[1]"),
    // The system is urn:ietf:rfc:3986, and the value is no URI.
    ("json-edge-cases.json", 422, "Patient.contained[1].identifier[0].value"),
    ("organization-example-good-health-care.json", 422, "Organization.identifier[0].value"),
    // A canonical that is neither an absolute URI nor a fragment.
    ("measure-cms146-example.json", 422, "Measure.library[0]"),
    ("measure-composite-example.json", 422, "Measure.relatedArtifact[0].resource"),
    ("measure-exclusive-breastfeeding.json", 422, "Measure.library[0]"),
    ("measure-predecessor-example.json", 422, "Measure.library[0]"),
    // A fullUrl that is a RESTful URL and does not end with the resource's type and id.
    ("message-request-link.json", 422, "Bundle.entry[2].fullUrl"),
    ("message-response-link.json", 422, "Bundle.entry[3].fullUrl"),
];

/// The examples of types that clients may write.
fn examples() -> Option<BTreeMap<String, String>> {
    let mut found = official_examples()?;
    found.retain(|_, text| {
        let rtype = serde_json::from_str::<Value>(text).unwrap()["resourceType"].as_str().map(str::to_owned);
        rtype.is_some_and(|rtype| is_written(&rtype))
    });
    Some(found)
}

fn is_written(rtype: &str) -> bool {
    use kakehashi::profile::Interaction;
    definitions().served_types().iter().any(|served| served.name == rtype && served.allows(Interaction::Create))
}

async fn official_examples_are_read_back_as_they_were_sent(app: &TestApp) {
    let Some(examples) = examples() else { return };
    let (mut kept, mut refused) = (0, Vec::new());
    for (name, text) in &examples {
        match send(app, text).await {
            Ok(()) => kept += 1,
            Err((status, issues)) => refused.push((name.as_str(), status, issues)),
        }
    }
    println!("{kept} of {} examples kept; refused:", examples.len());
    refused.iter().for_each(|(name, status, issues)| println!("  {name}: {status} {issues}"));
    let told: BTreeSet<_> = refused.iter().map(|(name, status, _)| (*name, *status)).collect();
    let known: BTreeSet<_> = REFUSED.iter().map(|(name, status, _)| (*name, *status)).collect();
    assert_eq!(told, known);
    for (name, _, reason) in REFUSED {
        let issues = refused.iter().find(|(refused, _, _)| *refused == name).map(|(_, _, issues)| issues.as_str());
        assert!(issues.is_some_and(|issues| issues.contains(reason)), "{name}: {issues:?}");
    }
    assert_eq!(kept + REFUSED.len(), examples.len());
}

/// Stores an example and reads it back; or its refusal: status, expressions and rules.
async fn send(app: &TestApp, text: &str) -> Result<(), (u16, String)> {
    let sent: Value = serde_json::from_str(text).unwrap();
    let rtype = sent["resourceType"].as_str().unwrap();
    // What clients may create but not change gets an id from the server.
    let id = sent["id"].as_str().filter(|_| rtype != "Provenance");
    let request = match id {
        Some(id) => app.request("PUT", &format!("{rtype}/{id}")),
        None => app.request("POST", rtype),
    };
    let answer = request.text(text).send().await;
    if answer.status != 201 {
        let outcome = answer.json();
        let describe = |issue: &Value| format!("{} {}", issue["expression"][0], issue["details"]["text"]);
        let issues = outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] != "warning");
        return Err((answer.status, issues.map(describe).collect::<Vec<_>>().join("; ")));
    }
    let stored = answer.json();
    let read = app.get(&format!("{rtype}/{}", stored["id"].as_str().unwrap())).await;
    assert_eq!(read.status, 200, "{}", read.text);
    let plain = text.trim_start_matches('\u{feff}').trim();
    let given = id.unwrap_or_else(|| stored["id"].as_str().unwrap());
    assert_eq!(without_meta(&with_id(&read.text, given)), without_meta(&with_id(plain, given)));
    assert_eq!(clients_meta(&serde_json::from_str(&read.text).unwrap()), clients_meta(&sent));
    Ok(())
}

/// `meta` without what the server writes.
fn clients_meta(resource: &Value) -> Map<String, Value> {
    let mut meta = resource["meta"].as_object().cloned().unwrap_or_default();
    meta.retain(|name, _| !matches!(name.as_str(), "versionId" | "lastUpdated"));
    meta
}

/// The text without its `meta`; whitespace and all other members stay. One comma goes with it.
fn without_meta(text: &str) -> String {
    match top_member(text, "meta") {
        None => text.to_owned(),
        Some((start, _, end)) => {
            let before = text[..start].trim_end();
            match before.strip_suffix(',') {
                Some(before) => format!("{before}{}", &text[end..]),
                None => format!("{before}{}", text[end..].trim_start().strip_prefix(',').unwrap_or(&text[end..])),
            }
        }
    }
}

/// The text with `id` in place of its own, or behind `resourceType`.
fn with_id(text: &str, id: &str) -> String {
    match top_member(text, "id") {
        Some((_, value, end)) => format!("{}\"{id}\"{}", &text[..value], &text[end..]),
        None => {
            let (_, _, end) = top_member(text, "resourceType").unwrap();
            format!("{},\"id\":\"{id}\"{}", &text[..end], &text[end..])
        }
    }
}

/// Where a member of the outermost object starts, its value starts, and its value ends. Written apart from the program's
/// own scanner, which is what it checks.
fn top_member(text: &str, name: &str) -> Option<(usize, usize, usize)> {
    let (mut depth, mut string, mut escaped) = (0, None, false);
    let (mut key, mut value): (Option<(usize, String)>, Option<usize>) = (None, None);
    for (at, letter) in text.char_indices() {
        if let Some(start) = string {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    string = None;
                    if depth == 1 && key.is_none() {
                        key = Some((start, text[start + 1..at].to_owned()));
                    }
                }
                _ => {}
            }
            continue;
        }
        if depth == 1 && key.is_some() && value.is_none() && letter != ':' && !letter.is_whitespace() {
            value = Some(at);
        }
        let ends = depth == 1 && matches!(letter, ',' | '}');
        if let (true, Some((start, found)), Some(from)) = (ends, &key, value) {
            if found == name {
                return Some((*start, from, from + text[from..at].trim_end().len()));
            }
            (key, value) = (None, None);
        }
        match letter {
            '"' => string = Some(at),
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[test]
fn texts_are_compared_around_meta() {
    let text = "{\n \"resourceType\": \"A\",\n \"meta\": {\"a\": \"},{\"},\n \"id\": \"x\", \"n\": [1.50] }";
    assert_eq!(without_meta(text), "{\n \"resourceType\": \"A\",\n \"id\": \"x\", \"n\": [1.50] }");
    assert_eq!(without_meta("{\"meta\":{},\"id\":\"x\"}"), "{\"id\":\"x\"}");
    assert_eq!(with_id("{\"id\" : \"x\"}", "y"), "{\"id\" : \"y\"}");
}

/// The Bundle as it was published has faults: ids that are numbers, entries without `fullUrl`, shapes of another
/// version. So it is
/// refused whole; with its faults mended it is taken in whole, and its entries refer to each other.
async fn a_service_directorys_bundle_is_taken_in_whole(app: &TestApp) {
    let Some(path) = shared_data("fhir-test-cases/r4/r4-caredove-bundle.json") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let refusal = app.request("POST", "").text(&text).send().await.expect_refusal(400);
    assert_eq!(refusal["issue"][0]["expression"][0], "Bundle.entry[9].resource.resourceType", "{refusal}");
    assert_eq!(app.get("_history?_count=0").await.expect(200)["total"], 0, "nothing of it was stored");

    let bundle = mended(serde_json::from_str(&text).unwrap());
    let answer = app.post("", &bundle).await.expect(200);
    let entries = answer["entry"].as_array().unwrap();
    assert_eq!(entries.len(), bundle["entry"].as_array().unwrap().len());
    let place = |index: usize| {
        let location = entries[index]["response"]["location"].as_str().unwrap();
        let path = location.strip_prefix(&app.base).unwrap().trim_start_matches('/');
        path.split_once("/_history").unwrap().0.to_owned()
    };
    let (request, patient, sender, document, task) = (place(0), place(1), place(2), place(9), place(11));
    let stored = app.get(&request).await.expect(200);
    assert_eq!(stored["subject"]["reference"], patient);
    assert_eq!(stored["requester"]["reference"], sender);
    assert_eq!(stored["supportingInfo"][0]["reference"], document);
    assert_eq!(stored["performer"][0]["reference"], "https://www.caredove.com/FHIR3/HealthcareService/8654");
    assert_eq!(app.get(&task).await.expect(200)["basedOn"][0]["reference"], request);
    let role = app.get(&sender).await.expect(200);
    let referred = [&role["practitioner"], &role["organization"], &role["location"][0]];
    assert_eq!(referred.map(|reference| reference["reference"].clone()), [place(3), place(4), place(5)]);
}

fn mended(mut bundle: Value) -> Value {
    for entry in bundle["entry"].as_array_mut().unwrap() {
        let resource = entry["resource"].as_object_mut().unwrap();
        let (rtype, id) = (resource["resourceType"].as_str().unwrap().to_owned(), resource["id"].to_string());
        // An empty div is no narrative (txt-2).
        resource.remove("text");
        resource.remove("businessStatus ");
        resource.insert("id".into(), Value::from(id.clone()));
        for name in ["performer", "basedOn"] {
            if let Some(reference) = resource.remove(name) {
                resource.insert(name.into(), Value::from(vec![reference]));
            }
        }
        if rtype == "Patient" {
            // A required binding needs the code's system.
            resource["communication"][0]["language"]["coding"][0]["system"] = Value::from("urn:ietf:bcp:47");
        }
        if rtype == "DocumentReference" {
            resource.remove("created");
            resource.insert("content".into(), serde_json::json!([{"attachment": {"title": "Referral"}}]));
        }
        entry["request"]["url"] = Value::from(rtype.as_str());
        entry["fullUrl"] = Value::from(format!("https://www.caredove.com/FHIR3/{rtype}/{id}"));
    }
    bundle
}

/// What the README sends fits the profiles and the demo region that it is sent to.
#[test]
fn files_ready_to_send_fit_the_demo_region() {
    use kakehashi::demo::{Plan, region};
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let (mut named, mut identifiers) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if path.extension().is_some_and(|ending| ending == "ndjson") {
            // Rows of $bed-status: beds by their identifiers.
            let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            identifiers.extend(rows.map(|row| row["identifier"].as_str().unwrap().to_owned()));
            continue;
        }
        let errors = kakehashi::exchange::check_text(&definitions(), text.as_bytes(), 64);
        let errors: Vec<_> = errors.iter().filter(|issue| issue.is_error()).map(|issue| &issue.en).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        references(&serde_json::from_str(&text).unwrap(), &mut named);
        let resource: Value = serde_json::from_str(&text).unwrap();
        if resource["resourceType"] == "Location" {
            identifiers.insert(resource["identifier"][0]["value"].as_str().unwrap().to_owned());
        }
    }
    for resource in region(&Plan::default(), chrono::Utc::now()) {
        let key = format!("{}/{}", resource.get_str("resourceType").unwrap(), resource.get_str("id").unwrap());
        named.remove(&key);
        let values = resource.items("identifier").iter().filter_map(|identifier| identifier.get_str("value"));
        values.for_each(|value| {
            identifiers.remove(value);
        });
    }
    assert!(named.is_empty(), "not in the demo region: {named:?}");
    assert!(identifiers.is_empty(), "not in the demo region: {identifiers:?}");
}

/// Every literal `Type/id` that the content refers to.
fn references(node: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(members) => {
            let literal = members.get("reference").and_then(Value::as_str).filter(|text| !text.starts_with("urn:"));
            found.extend(literal.map(str::to_owned));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
