//! `/metadata` says what is true: what it lists works for every type, and nothing else does.

use kakehashi::fhir::json::{Limits, parse};
use kakehashi::fhir::outcome::Severity;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, definitions};
use crate::both;
use crate::builders::{changed, identified, minimal, with_id};

both!(
    the_statement_itself_is_valid,
    every_listed_interaction_works_and_every_other_is_405,
    conditional_interactions_work_where_they_are_listed,
    every_listed_search_parameter_is_known,
    every_parameter_of_the_whole_system_is_known,
    read_only_types_answer_their_definitions,
    system_interactions_are_those_listed,
    a_method_that_a_path_does_not_have_is_405_with_allow,
);

async fn resources(app: &TestApp) -> Vec<Value> {
    app.get("metadata").await.expect(200)["rest"][0]["resource"].as_array().unwrap().clone()
}

fn name(resource: &Value) -> &str {
    resource["type"].as_str().unwrap()
}

fn lists(resource: &Value, code: &str) -> bool {
    resource["interaction"].as_array().unwrap().iter().any(|interaction| interaction["code"] == code)
}

async fn the_statement_itself_is_valid(app: &TestApp) {
    let text = app.get("metadata").await.text;
    let tree = parse(text.as_bytes(), Limits::default()).unwrap();
    let issues = definitions().validate(&tree);
    let errors: Vec<_> = issues.iter().filter(|issue| issue.severity <= Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

const INTERACTIONS: [&str; 9] =
    ["create", "update", "read", "vread", "history-instance", "history-type", "search-type", "patch", "delete"];

/// Tries one interaction on a type; whether it is offered, by what came back.
async fn attempt(app: &TestApp, rtype: &str, interaction: &str) -> Answer {
    let patch = json!([{"op": "add", "path": "/language", "value": "fr"}]).to_string();
    let patch_media = "application/json-patch+json";
    let body = |id: &str| {
        if id.is_empty() { json!({"resourceType": rtype}) } else { json!({"resourceType": rtype, "id": id}) }
    };
    match interaction {
        "create" => app.post(rtype, &body("")).await,
        "update" => app.put(&format!("{rtype}/a"), &body("a")).await,
        "read" => app.get(&format!("{rtype}/a")).await,
        "vread" => app.get(&format!("{rtype}/a/_history/1")).await,
        "history-instance" => app.get(&format!("{rtype}/a/_history")).await,
        "history-type" => app.get(&format!("{rtype}/_history")).await,
        "search-type" => app.get(rtype).await,
        "patch" => app.request("PATCH", &format!("{rtype}/a")).raw(patch_media, patch).send().await,
        "delete" => app.delete(&format!("{rtype}/a")).await,
        other => panic!("{other} is listed, and no test knows how to ask for it"),
    }
}

async fn every_listed_interaction_works_and_every_other_is_405(app: &TestApp) {
    for resource in resources(app).await {
        let rtype = name(&resource);
        for listed in resource["interaction"].as_array().unwrap() {
            assert!(INTERACTIONS.iter().any(|known| listed["code"] == *known), "{listed}");
        }
        if lists(&resource, "update") {
            app.put(&format!("{rtype}/a"), &with_id(rtype, "a")).await.expect(201);
        }
        for interaction in INTERACTIONS {
            let answer = attempt(app, rtype, interaction).await;
            if !lists(&resource, interaction) {
                assert!(!answer.header("allow").split(", ").any(|allowed| allowed == method(interaction)), "{rtype}");
                answer.expect_refusal(405);
                continue;
            }
            let writes = matches!(interaction, "create" | "update");
            let nothing_to_read = !lists(&resource, "update") && answer.status == 404;
            assert!(
                answer.status < 300 || writes && answer.status == 422 || nothing_to_read,
                "{rtype} {interaction}: {}",
                answer.text
            );
        }
    }
}

fn method(interaction: &str) -> &'static str {
    match interaction {
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        "delete" => "DELETE",
        _ => "GET",
    }
}

async fn conditional_interactions_work_where_they_are_listed(app: &TestApp) {
    for resource in resources(app).await {
        let rtype = name(&resource);
        let updates = lists(&resource, "update");
        assert_eq!(resource["conditionalUpdate"], updates, "{rtype}");
        assert_eq!(resource["updateCreate"], updates, "{rtype}");
        assert_eq!(resource["conditionalCreate"], lists(&resource, "create"), "{rtype}");
        assert_eq!(resource["conditionalDelete"], if lists(&resource, "delete") { "single" } else { "not-supported" });
        assert_eq!(resource["readHistory"], lists(&resource, "vread"));
        if lists(&resource, "create") {
            let create = app.request("POST", rtype).header("If-None-Exist", "_id=none").json(&minimal(rtype));
            create.send().await.expect(201);
        }
        if !updates {
            continue;
        }
        let query = format!("{rtype}?_id=c");
        app.put(&query, &with_id(rtype, "c")).await.expect(201);
        app.put(&query, &changed(&minimal(rtype), "en")).await.expect(200);
        assert_eq!(resource["conditionalRead"], "full-support");
        let read = app.request("GET", &format!("{rtype}/c")).header("If-None-Match", "W/\"2\"").send().await;
        assert_eq!(read.status, 304);
        app.delete(&query).await.expect(204);
        app.get(&format!("{rtype}/c")).await.expect_refusal(410);
    }
}

/// A value that a parameter of the kind can have.
fn sample(kind: &str, name: &str) -> &'static str {
    match (kind, name) {
        ("date", _) => "ge2026",
        ("number" | "quantity", _) => "1",
        ("special", "near") => "34.78|135.47|10|km",
        ("composite", "vacancy") => "female$ge1",
        _ => "x",
    }
}

/// The values of a composite's parts.
fn composite(app: &TestApp, rtype: &str, name: &str) -> String {
    let parameter = app.gateway.parameters.find(rtype, name).unwrap();
    let kind = |part: &kakehashi::search::Component| sample(part.kind.code(), &part.code);
    parameter.components.iter().map(kind).collect::<Vec<_>>().join("$")
}

async fn strict(app: &TestApp, query: &str) -> Answer {
    app.request("GET", query).header("Prefer", "handling=strict").send().await
}

async fn every_listed_search_parameter_is_known(app: &TestApp) {
    for resource in resources(app).await {
        let rtype = name(&resource);
        let listed = resource["searchParam"].as_array().unwrap();
        assert!(listed.iter().any(|param| param["name"] == "_id"), "{rtype}");
        for param in listed {
            let (name, kind) = (param["name"].as_str().unwrap(), param["type"].as_str().unwrap());
            let value = match (kind, name) {
                ("composite", other) if other != "vacancy" => composite(app, rtype, name),
                _ => sample(kind, name).to_owned(),
            };
            strict(app, &format!("{rtype}?{name}={value}")).await.expect(200);
            let sorts = kind != "composite" && kind != "special";
            if sorts {
                strict(app, &format!("{rtype}?{name}:missing=true&_sort=-{name}")).await.expect(200);
            }
        }
        for (parameter, list) in [("_include", "searchInclude"), ("_revinclude", "searchRevInclude")] {
            for listed in resource[list].as_array().into_iter().flatten() {
                strict(app, &format!("{rtype}?{parameter}={}", listed.as_str().unwrap())).await.expect(200);
            }
        }
        let identifier = listed.iter().any(|param| param["name"] == "identifier");
        assert_eq!(strict(app, &format!("{rtype}?identifier=x")).await.status, if identifier { 200 } else { 400 });
        if identifier && lists(&resource, "create") {
            app.post(rtype, &identified(rtype, "1")).await.expect(201);
            assert_eq!(app.get(&format!("{rtype}?identifier=1")).await.expect(200)["total"], 1, "{rtype}");
        }
    }
}

async fn every_parameter_of_the_whole_system_is_known(app: &TestApp) {
    let statement = app.get("metadata").await.expect(200);
    let listed = statement["rest"][0]["searchParam"].as_array().unwrap();
    for wanted in ["_id", "_lastUpdated", "_tag", "_profile", "_security", "_type"] {
        assert!(listed.iter().any(|param| param["name"] == wanted), "{wanted}");
    }
    for param in listed {
        let (name, kind) = (param["name"].as_str().unwrap(), param["type"].as_str().unwrap());
        let value = if name == "_type" { "Patient,Task" } else { sample(kind, name) };
        strict(app, &format!("?{name}={value}")).await.expect(200);
    }
}

async fn read_only_types_answer_their_definitions(app: &TestApp) {
    let read_only = [
        "StructureDefinition",
        "ValueSet",
        "CodeSystem",
        "ConceptMap",
        "SearchParameter",
        "OperationDefinition",
        "CapabilityStatement",
    ];
    for rtype in read_only {
        let found = app.get(rtype).await.expect(200);
        assert_eq!(found["type"], "searchset");
        for entry in found["entry"].as_array().into_iter().flatten() {
            let resource = &entry["resource"];
            assert_eq!(resource["resourceType"], rtype);
            let id = resource["id"].as_str().unwrap();
            assert_eq!(&app.get(&format!("{rtype}/{id}")).await.expect(200), resource);
        }
        app.get(&format!("{rtype}/none")).await.expect_refusal(404);
    }
    let file = std::fs::read_to_string("fhir-profiles/StructureDefinition/kh-bed.json").unwrap();
    assert_eq!(app.get("StructureDefinition/kh-bed").await.text, file, "the file as it stands");
    assert_eq!(app.get("StructureDefinition/kh-bed?_elements=url").await.expect(200).get("differential"), None);
}

async fn system_interactions_are_those_listed(app: &TestApp) {
    let statement = app.get("metadata").await.expect(200);
    let codes: Vec<&str> = statement["rest"][0]["interaction"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["transaction", "batch", "history-system", "search-system"]);
    for kind in ["transaction", "batch"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind});
        assert_eq!(app.post("", &bundle).await.expect(200)["type"], format!("{kind}-response"));
    }
    assert_eq!(app.get("_history").await.expect(200)["type"], "history");
    assert_eq!(app.get("?_type=Location").await.expect(200)["type"], "searchset");
    app.delete("?_type=Location").await.expect_refusal(405);
}

async fn a_method_that_a_path_does_not_have_is_405_with_allow(app: &TestApp) {
    for (method, path, allow) in [
        ("POST", "metadata", "GET, HEAD"),
        ("PUT", "", "GET, HEAD, POST"),
        ("GET", "_search", "POST"),
        ("POST", "_history", "GET, HEAD"),
        ("POST", "Location/a", "GET, HEAD, PUT, PATCH, DELETE"),
        ("PUT", "Location/a/_history/1", "GET, HEAD"),
        ("DELETE", "Location/a/_history", "GET, HEAD"),
        ("GET", "Location/_search", "POST"),
        ("OPTIONS", "Location", "GET, HEAD, POST, PUT, PATCH, DELETE"),
        ("PUT", "StructureDefinition/kh-bed", "GET, HEAD"),
        ("POST", "ValueSet", "GET, HEAD"),
        ("DELETE", "Provenance/a", "GET, HEAD"),
        ("DELETE", "Provenance", "GET, HEAD, POST"),
        ("GET", "StructureDefinition/kh-bed/_history/1", ""),
    ] {
        let answer = app.request(method, path).json(&json!({})).send().await;
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        answer.expect_refusal(405);
    }
}
