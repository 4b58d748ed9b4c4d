//! Validation is enforced, warns or is off, for all types or single ones, on every way in.

use kakehashi::access::Caller;
use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, location};
use crate::both;
use crate::builders::{minimal, types_with, with_id};
use crate::program::{run, text};

both!(
    what_is_enforced_is_refused_on_every_way_in,
    what_only_warns_is_written_and_told_on_every_way_in,
    what_is_off_is_written_without_a_look,
    a_type_has_its_own_policy,
    warnings_of_a_write_are_told_to_whoever_prefers_an_outcome,
    validate_in_a_mode_follows_the_policy,
    what_the_gateway_itself_relies_on_holds_whatever_the_policy,
    odd_shapes_let_in_break_nothing,
);

/// Legal JSON of FHIR that R4 refuses.
fn wrong(id: &str) -> Value {
    json!({"resourceType": "Location", "id": id, "status": "nowhere", "colour": "red"})
}

/// Sends the wrong content every way that there is; `a` and `b` stand already.
async fn every_way(app: &TestApp) -> Vec<(&'static str, Answer)> {
    let create = app.request("POST", "Location").header("prefer", "return=OperationOutcome").json(&wrong("x")).send();
    let update = app.request("PUT", "Location/a").header("prefer", "return=OperationOutcome").json(&wrong("a")).send();
    let conditional =
        app.request("PUT", "Location?_id=c").header("prefer", "return=OperationOutcome").json(&wrong("c")).send();
    let patch = json!([{"op": "replace", "path": "/status", "value": "nowhere"}]).to_string();
    let patch = app
        .request("PATCH", "Location/b")
        .header("prefer", "return=OperationOutcome")
        .raw("application/json-patch+json", patch)
        .send();
    let bundle = |kind: &str, id: &str| {
        let entry = json!({"request": {"method": "PUT", "url": format!("Location/{id}")}, "resource": wrong(id)});
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
        app.request("POST", "").header("prefer", "return=OperationOutcome").json(&bundle).send()
    };
    vec![
        ("create", create.await),
        ("update", update.await),
        ("conditional update", conditional.await),
        ("patch", patch.await),
        ("batch", bundle("batch", "d").await),
        ("transaction", bundle("transaction", "e").await),
    ]
}

async fn stand(app: &TestApp) {
    for id in ["a", "b"] {
        app.put(&format!("Location/{id}"), &location(id, "北棟")).await.expect(201);
    }
}

/// The OperationOutcome of an answer or of its one entry.
fn outcome(answer: &Answer) -> Value {
    let body = answer.json();
    if body["resourceType"] == "Bundle" { body["entry"][0]["response"]["outcome"].clone() } else { body }
}

fn severities(outcome: &Value) -> Vec<String> {
    outcome["issue"].as_array().unwrap().iter().map(|issue| issue["severity"].as_str().unwrap().to_owned()).collect()
}

async fn what_is_enforced_is_refused_on_every_way_in(app: &TestApp) {
    stand(app).await;
    for (way, answer) in every_way(app).await {
        let status = answer.json()["entry"][0]["response"]["status"].as_str().unwrap_or("").to_owned();
        assert!(answer.status == 422 || status.starts_with("422"), "{way}: {}", answer.text);
        assert_eq!(severities(&outcome(&answer))[0], "error", "{way}");
    }
    let imported = app.gateway.import(&Caller::local("test"), wrong("f").to_string().as_bytes()).await;
    assert_eq!(imported.unwrap_err().kind.status(), 422);
    assert_eq!(app.get("Location?_summary=count").await.expect(200)["total"], 2);
}

async fn what_only_warns_is_written_and_told_on_every_way_in(app: &TestApp) {
    stand(app).await;
    let lenient = app.beside("warn", "").await;
    for (way, answer) in every_way(&lenient).await {
        assert!(matches!(answer.status, 200 | 201), "{way}: {}", answer.text);
        let told = outcome(&answer);
        let severities = severities(&told);
        assert_eq!(severities[0], "information", "{way}: what was done comes first");
        assert!(severities.len() > 1 && severities[1..].iter().all(|severity| severity == "warning"), "{way}: {told}");
        assert!(told.to_string().contains("Location.status"), "{way}: {told}");
    }
    let imported = lenient.gateway.import(&Caller::local("test"), wrong("f").to_string().as_bytes()).await;
    assert_eq!(imported.unwrap().created, 1);
    for id in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(lenient.get(&format!("Location/{id}")).await.expect(200)["status"], "nowhere", "{id}");
    }
    // Without the wish, the answer is the resource.
    assert_eq!(lenient.put("Location/g", &wrong("g")).await.expect(201)["colour"], "red");
}

async fn what_is_off_is_written_without_a_look(app: &TestApp) {
    stand(app).await;
    let open = app.beside("off", "").await;
    for (way, answer) in every_way(&open).await {
        assert!(matches!(answer.status, 200 | 201), "{way}: {}", answer.text);
        assert_eq!(severities(&outcome(&answer)), ["information"], "{way}");
    }
    let imported = open.gateway.import(&Caller::local("test"), wrong("f").to_string().as_bytes()).await;
    assert_eq!(imported.unwrap().created, 1);
    // FHIR's JSON, the type and the id hold all the same.
    open.request("POST", "Location").text(r#"{"resourceType":"Location","name":""}"#).send().await.expect_refusal(400);
    open.put("Location/a", &wrong("b")).await.expect_refusal(400);
    open.post("Location", &json!({"resourceType": "Patient"})).await.expect_refusal(400);
    open.post("Nothing", &json!({"resourceType": "Nothing"})).await.expect_refusal(404);
}

async fn a_type_has_its_own_policy(app: &TestApp) {
    let mixed = app.beside("enforce", "Location=off,Patient=warn").await;
    let statement = mixed.get("metadata").await.expect(200);
    let told = |rtype: &str| {
        let types = statement["rest"][0]["resource"].as_array().unwrap().iter();
        types.filter(|one| one["type"] == rtype).all(|one| one["documentation"].is_string())
    };
    assert!(told("Location") && told("Patient") && !told("Organization"), "/metadata says what is not enforced");
    mixed.post("Location", &wrong("x")).await.expect(201);
    let patient = json!({"resourceType": "Patient", "gender": "?"});
    mixed.post("Patient", &patient).await.expect(201);
    mixed.post("Organization", &json!({"resourceType": "Organization", "name": 5})).await.expect_refusal(422);
    // In one transaction, too, each by its own.
    let entry = |resource: Value| {
        let rtype = resource["resourceType"].as_str().unwrap().to_owned();
        json!({"request": {"method": "POST", "url": rtype}, "resource": resource})
    };
    let bundle = |entries: Vec<Value>| json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    mixed.post("", &bundle(vec![entry(wrong("x")), entry(patient.clone())])).await.expect(200);
    let organization = json!({"resourceType": "Organization", "name": 5});
    let refused = mixed.post("", &bundle(vec![entry(wrong("x")), entry(organization)])).await.expect_refusal(422);
    assert!(refused["issue"][0]["expression"][0].as_str().unwrap().starts_with("Bundle.entry[1]"), "{refused}");
}

async fn warnings_of_a_write_are_told_to_whoever_prefers_an_outcome(app: &TestApp) {
    let mut place = location("a", "北棟");
    place["meta"] = json!({"profile": ["https://example.org/unknown"]});
    let prefer = |method: &str, path: &str| app.request(method, path).header("prefer", "return=OperationOutcome");
    let told = prefer("PUT", "Location/a").json(&place).send().await.expect(201);
    assert_eq!(severities(&told), ["information", "warning"], "{told}");
    assert_eq!(told["issue"][1]["expression"][0], "Location.meta.profile[0]");
    let again = prefer("PUT", "Location/a").json(&place).send().await.expect(200);
    assert_eq!(severities(&again), ["information", "warning"], "the same content, the same findings");
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "POST", "url": "Location"}, "resource": place},
        {"request": {"method": "POST", "url": "Location"}, "resource": location("x", "南棟")},
    ]});
    let answered = prefer("POST", "").json(&bundle).send().await.expect(200);
    assert_eq!(severities(&answered["entry"][0]["response"]["outcome"]), ["information", "warning"]);
    assert_eq!(severities(&answered["entry"][1]["response"]["outcome"]), ["information"]);
}

async fn validate_in_a_mode_follows_the_policy(app: &TestApp) {
    let lenient = app.beside("warn", "Patient=off").await;
    let told = lenient.post("Location/$validate", &wrong("a")).await.expect(200);
    assert_eq!(severities(&told)[0], "error", "by itself it is wrong");
    let told = lenient.post("Location/$validate?mode=create", &wrong("a")).await.expect(200);
    assert!(severities(&told).iter().all(|severity| severity == "warning"), "a create would be taken: {told}");
    let patient = json!({"resourceType": "Patient", "id": "a", "gender": "?"});
    let told = lenient.post("Patient/a/$validate?mode=update", &patient).await.expect(200);
    assert_eq!(severities(&told), ["information"]);
}

async fn what_the_gateway_itself_relies_on_holds_whatever_the_policy(app: &TestApp) {
    for policy in ["warn", "off"] {
        let open = app.beside(policy, "").await;
        for (member, value, place) in [
            ("id", json!(5), "Location.id"),
            ("meta", json!("x"), "Location.meta"),
            ("meta", json!([{"tag": []}]), ""),
            ("meta", json!({"tag": "x"}), "Location.meta.tag"),
            ("meta", json!({"profile": {"a": 1}}), "Location.meta.profile"),
        ] {
            let mut resource = location("a", "北棟");
            resource[member] = value;
            let answer = open.post("Location", &resource).await;
            if place.is_empty() {
                // Against FHIR's JSON already.
                answer.expect_refusal(400);
            } else {
                assert_eq!(answer.expect_refusal(422)["issue"][0]["expression"][0], place);
            }
        }
    }
}

/// Values of every shape.
fn shapes() -> Vec<Value> {
    vec![
        json!("x"),
        json!(5),
        json!(true),
        json!(["x", 5, {"reference": {"reference": ["Location/a"]}}]),
        json!({"coding": "x", "reference": 5, "value": {"value": 1}, "system": [1], "div": 5, "url": "x"}),
        json!({"reference": format!("Location/{}", "a".repeat(6_000)), "value": "v".repeat(6_000), "start": "never"}),
        json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": 1}]}]),
        json!([{"identifier": "x", "period": "y", "role": [{"coding": "z"}], "url": 5, "div": ["<a href=\"x\">"]}]),
    ]
}

const MEMBERS: [&str; 16] = [
    "text",
    "contained",
    "extension",
    "identifier",
    "status",
    "physicalType",
    "partOf",
    "operationalStatus",
    "position",
    "participant",
    "category",
    "subject",
    "focus",
    "name",
    "language",
    "entry",
];

/// Whatever is let in is read, found, listed, patched, referred to and deleted again, and computed anew.
async fn odd_shapes_let_in_break_nothing(app: &TestApp) {
    let open = app.beside("off", "").await;
    let mut entries = Vec::new();
    for rtype in types_with(Interaction::Update) {
        for (number, shape) in shapes().into_iter().enumerate() {
            for (at, member) in MEMBERS.iter().enumerate() {
                let id = format!("n{number}-{at}");
                let mut resource = with_id(&rtype, &id);
                resource[*member] = shape.clone();
                let full_url = format!("urn:uuid:00000000-0000-4000-8000-{:012}", entries.len());
                entries.push(json!({
                    "fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": format!("{rtype}/{id}")}
                }));
            }
        }
    }
    for some in entries.chunks(400) {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": some});
        let answer = open.post("", &bundle).await;
        assert_eq!(answer.status, 200, "{}", &answer.text[..answer.text.len().min(800)]);
    }
    for rtype in types_with(Interaction::Update) {
        for query in
            ["_count=1000", "_count=1000&_summary=true", "_count=1000&_elements=identifier,status", "identifier=x"]
        {
            assert_eq!(open.get(&format!("{rtype}?{query}")).await.status, 200, "{rtype} {query}");
        }
        let patch = json!([{"op": "add", "path": "/implicitRules", "value": "x"}]).to_string();
        for number in 0..shapes().len() {
            let path = format!("{rtype}/n{number}-{}", number % MEMBERS.len());
            let patched = open.request("PATCH", &path).raw("application/json-patch+json", patch.clone()).send().await;
            assert_eq!(patched.status, 200, "{path}: {}", patched.text);
            assert_eq!(open.get(&format!("{path}/$validate")).await.status, 200);
            assert_eq!(open.get(&format!("{path}/_history")).await.status, 200);
            let deleted = open.delete(&path).await;
            assert!(matches!(deleted.status, 204 | 409), "{path}: {}", deleted.text);
        }
        open.post(&rtype, &minimal(&rtype)).await.expect(201);
    }
    // In a bed, whose ward is indexed; no compression makes this short.
    let long: String = (0..2_000).map(|number: u32| format!("{:x}-", number.wrapping_mul(2_654_435_761))).collect();
    let mut bed = location("bed", "1");
    bed["physicalType"] = json!({"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "bd"}
    ]});
    bed["partOf"] = json!({"reference": format!("Location/{long}")});
    open.put("Location/bed", &bed).await.expect(201);
    kakehashi::exchange::reindex(
        &open.gateway.definitions,
        &open.gateway.database,
        &kakehashi::store::BoardPolicy::default(),
        &|_, _, _| (),
    )
    .await
    .unwrap();
}

#[test]
fn a_policy_for_what_is_no_type_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("x.db").display());
    let ended = crate::program::kakehashi(&["import", "--database-url", &url, "Cargo.toml"])
        .env("KAKEHASHI_VALIDATION_BY_TYPE", "Locations=off")
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(text(&ended.stderr).contains("Locations"), "{}", text(&ended.stderr));
    assert!(run(&["--version"]).status.success());
}
