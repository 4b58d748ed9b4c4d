//! Hostile content over HTTP: bounded in time, answered cleanly, whatever it holds. Sizes are those that the limits let in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::{TestApp, definitions};
use crate::both;

both!(
    hostile_content_is_judged_in_bounded_time,
    hostile_writes_are_taken_or_refused_in_bounded_time,
    what_is_left_out_is_counted,
    no_number_of_warnings_hides_an_error,
    nesting_beyond_the_limit_is_413,
);

/// Content and a name for it. All of it is FHIR JSON within the limits of size and depth.
fn contents() -> Vec<(&'static str, String)> {
    let many = |count: usize, item: &dyn Fn(usize) -> Value| (0..count).map(item).collect::<Vec<_>>();
    let patient = |member: &str, value: Value| {
        let mut patient = json!({"resourceType": "Patient"});
        patient[member] = value;
        patient.to_string()
    };
    let mebi = "a".repeat(1 << 20);
    let nested = |depth: usize, open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let div = |text: &str| json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>")});
    let local = |id: usize| json!({"resourceType": "Organization", "id": format!("o{id}"), "name": "x"});
    let mut found = vec![
        ("100,000 short strings", patient("name", json!([{"given": many(100_000, &|_| json!("x"))}]))),
        ("60,000 valid identifiers", patient("identifier", json!(many(60_000, &|n| json!({"system": "urn:x", "value": n.to_string()}))))),
        ("60,000 wrong identifiers", patient("identifier", json!(many(60_000, &|_| json!({"colour": 1}))))),
        ("60,000 numbers for objects", patient("identifier", json!(many(60_000, &|n| json!(n))))),
        ("60,000 extensions", patient("extension", json!(many(60_000, &|_| json!({"url": "urn:x", "valueCode": "x"}))))),
        ("40,000 profiles that are unknown", patient("meta", json!({"profile": many(40_000, &|n| json!(format!("urn:x:{n}")))}))),
        ("40,000 times one profile", json!({"resourceType": "Location", "meta": {"profile": many(40_000, &|_| json!("https://kakehashi.example/fhir/StructureDefinition/kh-bed"))}}).to_string()),
        ("a name of 1 MiB", patient("name", json!([{"family": mebi}]))),
        ("a code of 1 MiB", patient("gender", json!(mebi))),
        ("a uri of 1 MiB", patient("implicitRules", json!(format!("http://{mebi}")))),
        ("a date of 1 MiB", patient("birthDate", json!("1".repeat(1 << 20)))),
        ("base64 of 1 MiB, nearly", json!({"resourceType": "Binary", "contentType": "text/plain", "data": format!("{} !", "AAAA ".repeat(200_000))}).to_string()),
        ("markdown of 1 MiB", json!({"resourceType": "Measure", "status": "active", "description": mebi}).to_string()),
        ("a decimal of 1 MiB", format!("{{\"resourceType\":\"Location\",\"position\":{{\"latitude\":0.{},\"longitude\":1}}}}", "1".repeat(1 << 20))),
        ("narrative of 1 MiB", patient("text", div(&"x ".repeat(1 << 19)))),
        ("narrative of 100,000 elements", patient("text", div(&"<b>x</b>".repeat(100_000)))),
        ("narrative 50,000 deep", patient("text", div(&nested(50_000, "<div>", "x", "</div>")))),
        ("narrative of 1 MiB of brackets", patient("text", div(&"<".repeat(1 << 20)))),
        ("narrative of 100,000 entities", patient("text", div(&"&amp;&x;".repeat(100_000)))),
        ("narrative of 50,000 attributes", patient("text", div(&format!("<p {}>x</p>", "a=\"b\" ".repeat(50_000))))),
        ("10,000 contained, none used", patient("contained", json!(many(10_000, &local)))),
        ("extensions 28 deep", format!("{{\"resourceType\":\"Patient\",\"extension\":{}}}", nested(28, "[{\"url\":\"urn:x\",\"extension\":", "[{\"url\":\"urn:y\",\"valueCode\":\"z\"}]", "}]"))),
        ("100,000 unknown members", {
            let members: Vec<String> = (0..100_000).map(|n| format!("\"m{n}\":{n}")).collect();
            format!("{{\"resourceType\":\"Patient\",{}}}", members.join(","))
        }),
        ("contained in contained", format!("{{\"resourceType\":\"Patient\",\"contained\":{}}}", nested(28, "[{\"resourceType\":\"Patient\",\"id\":\"a\",\"contained\":", "[{\"resourceType\":\"Patient\",\"id\":\"a\"}]", "}]"))),
    ];
    let circle = |n: usize| json!({"resourceType": "Organization", "id": format!("o{n}"), "partOf": {"reference": format!("#o{}", (n + 1) % 5_000)}});
    found.push(("5,000 contained in a circle", json!({"resourceType": "Patient", "managingOrganization": {"reference": "#o0"}, "contained": many(5_000, &circle)}).to_string()));
    let linked = |n: usize| {
        json!({
            "fullUrl": format!("urn:uuid:00000000-0000-4000-8000-{n:012}"),
            "resource": {"resourceType": "Patient", "link": [{"type": "seealso", "other": {"reference": format!("urn:uuid:00000000-0000-4000-8000-{:012}", (n + 1) % 10_000)}}]}
        })
    };
    found.push((
        "a Bundle of 10,000 that refer to each other",
        json!({"resourceType": "Bundle", "type": "collection", "entry": many(10_000, &linked)}).to_string(),
    ));
    found.push(("a Bundle of 40,000 empty entries", json!({"resourceType": "Bundle", "type": "collection", "entry": many(40_000, &|_| json!({"fullUrl": "urn:x"}))}).to_string()));
    found.push(("Bundles in Bundles", {
        let inner = "{\"resourceType\":\"Bundle\",\"type\":\"collection\"}";
        nested(15, "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{\"resource\":", inner, "}]}")
    }));
    found.push(("30,000 errors of many kinds", json!({"resourceType": "Task", "status": "x", "intent": 1, "input": many(30_000, &|n| json!({"type": n, "valueDate": "x"}))}).to_string()));
    found.push(("20,000 codings without a system", json!({"resourceType": "Location", "type": [{"coding": many(20_000, &|n| json!({"code": format!("c{n}"), "display": "x"}))}]}).to_string()));
    found.push(("20,000 codings of a known system", json!({"resourceType": "Location", "physicalType": {"coding": many(20_000, &|n| json!({"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": format!("c{n}")}))}}).to_string()));
    found
}

/// Debug builds on a busy machine need two seconds for the worst of these. What grows with the square of its size needs
/// minutes.
const BOUND: Duration = Duration::from_secs(30);

#[track_caller]
fn check_outcome(name: &str, outcome: &Value) {
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{name}");
    let issues = outcome["issue"].as_array().unwrap();
    assert!((1..=202).contains(&issues.len()), "{name}: {} findings", issues.len());
    assert!(issues.iter().all(|issue| issue["details"]["text"].is_string()), "{name}");
    assert!(outcome.to_string().len() < 1 << 20, "{name}: an answer longer than it need be");
}

async fn hostile_content_is_judged_in_bounded_time(app: &TestApp) {
    for (name, text) in contents() {
        let started = Instant::now();
        let answer = app.request("POST", "$validate").text(&text).send().await;
        let took = started.elapsed();
        println!("{:>6} KB {took:>8.0?} {name}", text.len() / 1024);
        assert!(took < BOUND, "{name}: {took:?}");
        check_outcome(name, &answer.expect(200));
    }
}

async fn hostile_writes_are_taken_or_refused_in_bounded_time(app: &TestApp) {
    for (name, text) in contents() {
        let rtype = serde_json::from_str::<Value>(&text).unwrap()["resourceType"].as_str().unwrap().to_owned();
        let started = Instant::now();
        let answer = app.request("POST", &rtype).header("prefer", "return=OperationOutcome").text(&text).send().await;
        let took = started.elapsed();
        println!("{:>6} KB {took:>8.0?} {} {name}", text.len() / 1024, answer.status);
        assert!(took < BOUND, "{name}: {took:?}");
        assert!(
            matches!(answer.status, 201 | 422),
            "{name}: {} {}",
            answer.status,
            &answer.text[..400.min(answer.text.len())]
        );
        check_outcome(name, &answer.json());
    }
}

async fn what_is_left_out_is_counted(app: &TestApp) {
    let patient = json!({"resourceType": "Patient", "identifier": vec![json!({"colour": 1}); 1_000]});
    let outcome = app.post("Patient/$validate", &patient).await.expect(200);
    let issues = outcome["issue"].as_array().unwrap();
    assert_eq!(issues.len(), 201);
    let english = |issue: &Value| issue["details"]["_text"].to_string();
    let counts: Vec<String> = issues.iter().map(english).filter(|text| text.contains("more findings")).collect();
    assert_eq!(counts.len(), 1);
    assert!(counts[0].contains("800 more findings"), "{}", counts[0]);
    // FHIR's rules of JSON, alone and wrapped.
    let empty = json!({"resourceType": "Patient", "identifier": vec![json!({}); 1_000]});
    let wrapped = json!({"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": empty}]});
    for body in [empty.clone(), wrapped] {
        let outcome = app.post("$validate", &body).await.expect(200);
        assert_eq!(outcome["issue"].as_array().unwrap().len(), 101);
        assert!(outcome["issue"][100].to_string().contains("900 more findings"), "{}", outcome["issue"][100]);
    }
    app.post("Patient", &empty).await.expect_refusal(400);
}

async fn no_number_of_warnings_hides_an_error(app: &TestApp) {
    let extension = json!({"url": "urn:x", "valueCode": "x"});
    let mut patient = json!({"resourceType": "Patient", "extension": vec![extension; 1_000], "gender": "?"});
    let outcome = app.post("Patient/$validate", &patient).await.expect(200);
    assert_eq!(outcome["issue"][0]["severity"], "error");
    assert_eq!(outcome["issue"][0]["expression"][0], "Patient.gender");
    app.post("Patient", &patient).await.expect_refusal(422);
    // Nor do they keep many errors from being told.
    patient["identifier"] = json!(vec![json!({"colour": 1}); 500]);
    let outcome = app.post("Patient/$validate", &patient).await.expect(200);
    let errors = outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error").count();
    assert_eq!(errors, 200);
    check_outcome("mixed", &outcome);
}

async fn nesting_beyond_the_limit_is_413(app: &TestApp) {
    let deep = |depth: usize| {
        format!("{{\"resourceType\":\"Patient\",\"extension\":{}1{}}}", "[".repeat(depth), "]".repeat(depth))
    };
    for depth in [64, 1_000, 1_000_000] {
        let text = deep(depth);
        for path in ["$validate", "Patient/$validate", "Patient"] {
            app.request("POST", path).text(&text).send().await.expect_refusal(413);
        }
        let wrapped = format!(
            "{{\"resourceType\":\"Parameters\",\"parameter\":[{{\"name\":\"resource\",\"resource\":{text}}}]}}"
        );
        app.request("POST", "$validate").text(&wrapped).send().await.expect_refusal(413);
        app.request("PUT", "Patient/a").text(&text).send().await.expect_refusal(413);
    }
    let outcome = app.request("POST", "$validate").text(&deep(62)).send().await.expect(200);
    check_outcome("just within", &outcome);
}

/// The deepest nesting that can be configured, on a stack like those of the runtime's threads.
#[test]
fn the_deepest_nesting_fits_the_stack() {
    let depth = 250;
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth / 2 - 2), close.repeat(depth / 2 - 2))
    };
    let resources = [
        format!(
            "{{\"resourceType\":\"Patient\",\"extension\":{}}}",
            nested("[{\"url\":\"urn:x\",\"extension\":", "[{\"url\":\"urn:y\",\"valueCode\":\"z\"}]", "}]")
        ),
        format!(
            "{{\"resourceType\":\"Questionnaire\",\"status\":\"active\",\"item\":{}}}",
            nested("[{\"linkId\":\"a\",\"type\":\"group\",\"item\":", "[{\"linkId\":\"b\",\"type\":\"string\"}]", "}]")
        ),
        format!(
            "{{\"resourceType\":\"Parameters\",\"parameter\":{}}}",
            nested("[{\"name\":\"a\",\"part\":", "[{\"name\":\"b\",\"valueString\":\"c\"}]", "}]")
        ),
        format!(
            "{{\"resourceType\":\"Patient\",\"contained\":{}}}",
            nested("[{\"resourceType\":\"Patient\",\"contained\":", "[{\"resourceType\":\"Patient\"}]", "}]")
        ),
        format!("{{\"resourceType\":\"Patient\",\"colour\":{}}}", nested("[{\"a\":", "1", "}]")),
    ];
    let judge = move || {
        for text in resources {
            let issues = kakehashi::exchange::check_text(&definitions(), text.as_bytes(), 256);
            assert!(!issues.iter().any(|issue| issue.en.contains("nests too deep")), "within the limit: {issues:?}");
        }
    };
    definitions();
    std::thread::Builder::new().stack_size(2 << 20).spawn(judge).unwrap().join().unwrap();
}

/// One thread answers requests; judging 2 MB in a debug build takes it half a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn others_are_answered_while_a_large_resource_is_judged() {
    let app = TestApp::sqlite().await;
    app.get("metadata").await.expect(200);
    let identifiers: Vec<Value> = (0..60_000).map(|n| json!({"system": "urn:x", "value": n.to_string()})).collect();
    let text = json!({"resourceType": "Patient", "identifier": identifiers}).to_string();
    let judging = app.request("POST", "$validate").text(&text).send();
    let mut judging = std::pin::pin!(judging);
    let (mut answered, mut slowest) = (0, Duration::ZERO);
    loop {
        let started = Instant::now();
        tokio::select! {
            done = &mut judging => {
                done.expect(200);
                break;
            }
            other = app.get("Patient?_count=0") => {
                other.expect(200);
                answered += 1;
                slowest = slowest.max(started.elapsed());
            }
        }
    }
    println!("{answered} others answered meanwhile, the slowest in {slowest:?}");
    assert!(answered >= 20, "{answered}");
}
