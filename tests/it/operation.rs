//! Operations in general: which there are, by which methods, at which level, and inside Bundles. R4 `operations.html`.

use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;

both!(
    an_unknown_operation_is_404_at_every_level,
    a_method_that_an_operation_does_not_take_is_405_with_allow,
    every_listed_operation_is_there_and_its_definition_too,
    unreadable_inputs_are_400,
    an_operation_in_a_batch_is_answered_as_alone,
    an_operation_in_a_transaction_is_answered_after_the_commit,
);

async fn an_unknown_operation_is_404_at_every_level(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    for path in ["$nothing", "Location/$nothing", "Location/a/$nothing", "Location/a/_history/1/$validate", "$"] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            app.request(method, path).json(&json!({})).send().await.expect_refusal(404);
        }
    }
    // A type that R4 does not have, and one that this server does not hold instances of.
    app.post("Nothing/$validate", &json!({})).await.expect_refusal(404);
    app.post("Resource/$validate", &json!({})).await.expect_refusal(404);
    app.get("Observation/a/$validate").await.expect_refusal(404);
}

async fn a_method_that_an_operation_does_not_take_is_405_with_allow(app: &TestApp) {
    for (method, path, allow) in [
        ("GET", "$validate", "POST"),
        ("PUT", "Location/$validate", "POST"),
        ("DELETE", "Location/a/$validate", "GET, HEAD, POST"),
        ("OPTIONS", "$validate", "POST"),
    ] {
        let answer = app.request(method, path).json(&json!({})).send().await;
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        answer.expect_refusal(405);
    }
}

fn listed(place: &Value) -> Vec<(String, String)> {
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let all = place["operation"].as_array().into_iter().flatten();
    all.map(|one| (text(one, "name"), text(one, "definition"))).collect()
}

async fn every_listed_operation_is_there_and_its_definition_too(app: &TestApp) {
    let rest = app.get("metadata").await.expect(200)["rest"][0].clone();
    let mut all: Vec<(String, String, String)> = Vec::new();
    all.extend(listed(&rest).into_iter().map(|(name, definition)| (format!("${name}"), name, definition)));
    for resource in rest["resource"].as_array().unwrap() {
        let rtype = resource["type"].as_str().unwrap();
        let mut names: Vec<_> = listed(resource).into_iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), listed(resource).len(), "{rtype}: an operation is listed once");
        all.extend(listed(resource).into_iter().map(|(name, url)| (format!("{rtype}/${name}"), name, url)));
    }
    assert!(all.iter().any(|(path, _, _)| path == "$validate"));
    assert!(all.iter().any(|(path, _, _)| path == "Location/$validate"));
    for (path, name, definition) in all {
        // By any method that nothing takes: only what exists says which it takes.
        let at_type = app.request("DELETE", &path).send().await;
        let (rtype, operation) = path.split_once('/').unwrap_or(("", &path));
        let at_instance = app.request("DELETE", &format!("{rtype}/a/{operation}")).send().await;
        assert!(at_type.status == 405 || at_instance.status == 405, "{path}: {}", at_type.text);
        if definition.starts_with("https://kakehashi.example/") {
            let found = app.get(&format!("OperationDefinition?url={definition}")).await.expect(200);
            assert_eq!(found["entry"][0]["resource"]["code"], name.as_str(), "{definition}");
        }
    }
}

async fn unreadable_inputs_are_400(app: &TestApp) {
    let parameters = |list: Value| json!({"resourceType": "Parameters", "parameter": list});
    let plain = json!({"resourceType": "Basic", "code": {"text": "x"}});
    for (list, place) in [
        (json!({"name": "resource"}), "Parameters.parameter"),
        (json!([{"resource": plain}]), "Parameters.parameter[0]"),
        (json!([{"name": "resource"}]), "Parameters.parameter[0]"),
        (json!([{"name": "resource", "resource": plain, "valueString": "x"}]), "Parameters.parameter[0]"),
        (json!([{"name": "mode", "valueCode": "create", "valueString": "create"}]), "Parameters.parameter[0]"),
        (json!([{"name": "mode", "part": []}]), "Parameters.parameter[0].part"),
        (json!([{"name": "mode", "part": [{"name": "x"}]}]), "Parameters.parameter[0].part[0]"),
        (json!([{"name": "resource", "valueString": "x"}]), "Parameters.parameter[0]"),
        (
            json!([{"name": "resource", "resource": plain}, {"name": "resource", "resource": plain}]),
            "Parameters.parameter[1]",
        ),
        (
            json!([{"name": "resource", "resource": plain}, {"name": "colour", "valueString": "red"}]),
            "Parameters.parameter[1]",
        ),
        (json!([]), "Parameters.parameter"),
    ] {
        let outcome = app.post("$validate", &parameters(list.clone())).await.expect_refusal(400);
        assert_eq!(outcome["issue"][0]["expression"][0], place, "{list}");
    }
    let outcome = app.post("$validate?colour=red", &plain).await.expect_refusal(400);
    assert_eq!(outcome["issue"][0]["expression"][0], "http.name:colour");
    app.request("POST", "$validate").text("{").send().await.expect_refusal(400);
    app.request("POST", "$validate").raw("text/plain", "{}").send().await.expect_refusal(415);
    app.request("POST", "$validate").json(&plain).header("accept", "text/html").send().await.expect_refusal(406);
}

async fn an_operation_in_a_batch_is_answered_as_alone(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let wrong = json!({"resourceType": "Basic"});
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "POST", "url": "Basic/$validate"}, "resource": wrong},
        {"request": {"method": "GET", "url": "Location/a/$validate"}},
        {"request": {"method": "POST", "url": "$nothing"}, "resource": wrong},
        {"request": {"method": "PUT", "url": "Basic/$validate"}, "resource": wrong},
    ]});
    let answered = app.post("", &bundle).await.expect(200);
    let status = |index: usize| answered["entry"][index]["response"]["status"].as_str().unwrap().to_owned();
    assert_eq!((status(0), status(1)), ("200 OK".into(), "200 OK".into()));
    assert!(status(2).starts_with("404") && status(3).starts_with("405"), "{answered}");
    let alone = app.post("Basic/$validate", &wrong).await.expect(200);
    assert_eq!(answered["entry"][0]["resource"], alone, "the result is the entry's resource");
    assert_eq!(answered["entry"][1]["resource"]["issue"][0]["severity"], "information");
}

async fn an_operation_in_a_transaction_is_answered_after_the_commit(app: &TestApp) {
    let bundle = |operation: &str| {
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": "GET", "url": format!("Location/a/{operation}")}},
            {"request": {"method": "POST", "url": format!("Location/{operation}")}, "resource": location("b", "南棟")},
            {"request": {"method": "PUT", "url": "Location/a"}, "resource": location("a", "北棟")},
        ]})
    };
    app.post("", &bundle("$nothing")).await.expect_refusal(404);
    app.get("Location/a").await.expect_refusal(404);
    let answered = app.post("", &bundle("$validate")).await.expect(200);
    for index in [0, 1] {
        assert_eq!(answered["entry"][index]["resource"]["resourceType"], "OperationOutcome", "{answered}");
        assert_eq!(answered["entry"][index]["resource"]["issue"][0]["severity"], "information", "{answered}");
    }
    app.get("Location/b").await.expect_refusal(404);
}
