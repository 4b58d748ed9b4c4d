//! References inside a transaction: the Bundle's own names, conditional references, versions, narrative.

use serde_json::{Value, json};

use crate::app::{Answer, TestApp, identified, location};
use crate::both;

both!(
    urn_references_are_rewritten_circular_ones_too,
    references_by_the_bundles_own_urls_are_rewritten,
    narrative_links_and_uris_are_rewritten_and_texts_are_not,
    version_specific_references_stay_version_specific,
    references_to_others_are_left_alone,
    a_conditional_reference_becomes_the_one_match,
    a_conditional_reference_finds_what_the_transaction_creates,
    a_conditional_reference_without_one_match_undoes_all,
    a_conditional_reference_does_not_find_what_the_transaction_deletes,
    references_to_what_if_none_exist_found_lead_there,
);

const A: &str = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a";
const B: &str = "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059";
const X: &str = "https://example.org/places|x";

async fn transact(app: &TestApp, entries: Value) -> Answer {
    app.post("", &json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})).await
}

/// A POST of a Location that is part of `part_of`.
fn post(full_url: &str, value: &str, part_of: &str) -> Value {
    let mut body = identified(value);
    if !part_of.is_empty() {
        body["partOf"] = json!({"reference": part_of});
    }
    json!({"fullUrl": full_url, "resource": body, "request": {"method": "POST", "url": "Location"}})
}

/// What stands after the transaction, entry by entry.
async fn stored(app: &TestApp, entries: Value) -> Vec<Value> {
    let answer = transact(app, entries).await.expect(200);
    let mut found = Vec::new();
    for entry in answer["entry"].as_array().unwrap() {
        let place = entry["response"]["location"].as_str().unwrap();
        found.push(app.get(place.strip_prefix(&format!("{}/", app.base)).unwrap()).await.expect(200));
    }
    found
}

fn own(resource: &Value) -> Value {
    json!(format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap()))
}

async fn urn_references_are_rewritten_circular_ones_too(app: &TestApp) {
    let found = stored(app, json!([post(A, "a", B), post(B, "b", A)])).await;
    assert_eq!(found[0]["partOf"]["reference"], own(&found[1]));
    assert_eq!(found[1]["partOf"]["reference"], own(&found[0]));
}

async fn references_by_the_bundles_own_urls_are_rewritten(app: &TestApp) {
    let remote = |id: &str| format!("http://elsewhere.example/fhir/Location/{id}");
    let found = stored(
        app,
        json!([
            post(&remote("1"), "a", ""),
            post(&remote("2"), "b", "Location/1"),
            post(&remote("3"), "c", &remote("1"))
        ]),
    )
    .await;
    assert_eq!(found[1]["partOf"]["reference"], own(&found[0]), "relative to the entry's own server");
    assert_eq!(found[2]["partOf"]["reference"], own(&found[0]));
}

async fn narrative_links_and_uris_are_rewritten_and_texts_are_not(app: &TestApp) {
    let mut entry = post(B, "b", "");
    entry["resource"]["text"] = json!({"status": "generated",
        "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{A}\">棟</a> {A}</div>")});
    entry["resource"]["description"] = json!(A);
    entry["resource"]["identifier"][0] = json!({"system": "urn:ietf:rfc:3986", "value": A});
    entry["resource"]["extension"] = json!([
        {"url": "https://example.org/uri", "valueUri": A}, {"url": "https://example.org/canonical", "valueCanonical": A}]);
    let found = stored(app, json!([post(A, "a", ""), entry])).await;
    let (first, second) = (own(&found[0]), &found[1]);
    let div = second["text"]["div"].as_str().unwrap();
    assert!(div.contains(&format!("href=\"{}\"", first.as_str().unwrap())) && div.contains(&format!(" {A}<")), "{div}");
    assert_eq!(second["extension"][0]["valueUri"], first);
    assert_eq!(second["extension"][1]["valueCanonical"], A, "canonicals are no links (R4 http.html#trules)");
    assert_eq!((&second["description"], &second["identifier"][0]["value"]), (&json!(A), &json!(A)));
}

async fn version_specific_references_stay_version_specific(app: &TestApp) {
    app.put("Location/standing", &location("standing", "1")).await.expect(201);
    let update = |name: &str| {
        json!({"fullUrl": format!("{}/Location/standing", app.base), "resource": location("standing", name),
            "request": {"method": "PUT", "url": "Location/standing"}})
    };
    let created = post(A, "a", "");
    let (to_new, to_updated) =
        (post(B, "b", &format!("{A}/_history/7")), post("urn:uuid:c", "c", "Location/standing/_history/1"));
    let mut to_updated = to_updated;
    to_updated["fullUrl"] = json!(format!("{}/Location/xyz", app.base));
    let found = stored(app, json!([created, to_new, to_updated.clone(), update("2")])).await;
    assert_eq!(found[1]["partOf"]["reference"], format!("{}/_history/1", own(&found[0]).as_str().unwrap()));
    assert_eq!(found[2]["partOf"]["reference"], "Location/standing/_history/2", "the version that this makes");
    // No new version, no new number.
    let again = stored(app, json!([to_updated, update("2")])).await;
    assert_eq!(again[0]["partOf"]["reference"], "Location/standing/_history/2");
}

async fn references_to_others_are_left_alone(app: &TestApp) {
    for reference in ["Location/elsewhere", "http://other.example/fhir/Location/1", "Location/elsewhere/_history/3"] {
        let found = stored(app, json!([post(A, "a", reference)])).await;
        assert_eq!(found[0]["partOf"]["reference"], reference);
    }
}

async fn a_conditional_reference_becomes_the_one_match(app: &TestApp) {
    let standing = app.post("Location", &identified("x")).await.expect(201);
    let found = stored(app, json!([post(A, "a", &format!("Location?identifier={X}"))])).await;
    assert_eq!(found[0]["partOf"]["reference"], own(&standing));
}

async fn a_conditional_reference_finds_what_the_transaction_creates(app: &TestApp) {
    let reference = format!("Location?identifier={X}");
    let found = stored(app, json!([post(A, "a", &reference), post(B, "x", "")])).await;
    assert_eq!(found[0]["partOf"]["reference"], own(&found[1]));
    // One that stands and one that comes make two.
    transact(app, json!([post(A, "a", &reference), post(B, "x", "")])).await.expect_refusal(412);
}

async fn a_conditional_reference_without_one_match_undoes_all(app: &TestApp) {
    let reference = format!("Location?identifier={X}");
    let entries = || json!([post(B, "b", ""), post(A, "a", &reference)]);
    let outcome = transact(app, entries()).await.expect_refusal(412);
    assert!(
        outcome["issue"][0]["expression"][0].as_str().unwrap_or_default().starts_with("Bundle.entry[1]"),
        "{outcome}"
    );
    app.post("Location", &identified("x")).await.expect(201);
    app.post("Location", &identified("x")).await.expect(201);
    let outcome = transact(app, entries()).await.expect_refusal(412);
    assert_eq!(outcome["issue"][0]["code"], "multiple-matches");
    transact(app, json!([post(A, "a", "Location?colour=red")])).await.expect_refusal(400);
    transact(app, json!([post(A, "a", "Nonsense?identifier=1")])).await.expect_refusal(400);
    assert_eq!(app.get("Location?_summary=count").await.expect(200)["total"], 2);
}

async fn a_conditional_reference_does_not_find_what_the_transaction_deletes(app: &TestApp) {
    let old = app.post("Location", &identified("x")).await.expect(201)["id"].as_str().unwrap().to_owned();
    let delete = json!({"request": {"method": "DELETE", "url": format!("Location/{old}")}});
    let reference = format!("Location?identifier={X}");
    transact(app, json!([post(A, "a", &reference), delete.clone()])).await.expect_refusal(412);
    app.get(&format!("Location/{old}")).await.expect(200);
    let answer = transact(app, json!([post(A, "a", &reference), post(B, "x", ""), delete])).await.expect(200);
    assert_eq!(answer["entry"].as_array().unwrap().len(), 3);
}

async fn references_to_what_if_none_exist_found_lead_there(app: &TestApp) {
    let standing = app.post("Location", &identified("x")).await.expect(201);
    let mut found = post(A, "x", "");
    found["request"]["ifNoneExist"] = json!(format!("identifier={X}"));
    let stored = stored(app, json!([found, post(B, "b", A)])).await;
    assert_eq!(stored[0], standing);
    assert_eq!(stored[1]["partOf"]["reference"], own(&standing));
}
