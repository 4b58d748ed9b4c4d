//! Line and column of findings in the body that was sent.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both;

both!(a_refusal_tells_line_and_column, places_in_a_transaction_are_those_of_its_body, a_patch_has_no_lines);

/// Line and column of the issue at `expression`.
fn place(outcome: &Value, expression: &str) -> (i64, i64) {
    let issues = outcome["issue"].as_array().unwrap();
    let issue = issues.iter().find(|issue| issue["expression"][0] == expression).unwrap_or_else(|| panic!("{outcome}"));
    let part = |name: &str| {
        let url = format!("http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-{name}");
        let found = issue["extension"].as_array().unwrap().iter().find(|extension| extension["url"] == url.as_str());
        found.and_then(|extension| extension["valueInteger"].as_i64()).unwrap_or_else(|| panic!("{issue}"))
    };
    (part("line"), part("col"))
}

async fn a_refusal_tells_line_and_column(app: &TestApp) {
    let body = "{\n  \"resourceType\": \"Location\",\n  \"name\": \"北棟\", \"status\": \"zzz\",\n  \"nmae\": 1\n}";
    let outcome = app.request("POST", "Location").text(body).send().await.expect(422);
    assert_eq!(place(&outcome, "Location.status"), (3, 27));
    assert_eq!(place(&outcome, "Location.nmae"), (4, 11));
    // What the JSON rules refuse, and what is no JSON.
    let empty = "{\"resourceType\": \"Location\",\n \"alias\": []}";
    let outcome = app.request("POST", "Location").text(empty).send().await.expect_refusal(400);
    assert_eq!(place(&outcome, "Location.alias"), (2, 11));
    let broken = app.request("POST", "Location").text("{\n \"a\": tru }").send().await.expect_refusal(400);
    assert_eq!(place(&broken, ".a"), (2, 7), "{broken}");
}

async fn places_in_a_transaction_are_those_of_its_body(app: &TestApp) {
    let entry = |status: &str| {
        json!({
            "resource": {"resourceType": "Location", "status": status},
            "request": {"method": "POST", "url": "Location"}
        })
    };
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry("active"), entry("zzz")]});
    let body = serde_json::to_string_pretty(&bundle).unwrap();
    let line = body.lines().position(|line| line.contains("zzz")).unwrap();
    let column = body.lines().nth(line).unwrap().find("\"zzz\"").unwrap();
    let outcome = app.request("POST", "").text(&body).send().await.expect(422);
    let found = place(&outcome, "Bundle.entry[1].resource.status");
    assert_eq!(found, (i64::try_from(line + 1).unwrap(), i64::try_from(column + 1).unwrap()));
}

async fn a_patch_has_no_lines(app: &TestApp) {
    app.put("Location/a", &json!({"resourceType": "Location", "id": "a", "status": "active"})).await.expect(201);
    let patch = json!([{"op": "replace", "path": "/status", "value": "zzz"}]).to_string();
    let answer = app.request("PATCH", "Location/a").raw("application/json-patch+json", patch).send().await;
    assert!(!answer.expect(422).to_string().contains("operationoutcome-issue-line"));
}
