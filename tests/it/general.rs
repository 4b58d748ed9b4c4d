//! What holds for every request: content negotiation, forms of the answer, compression, errors that say no more than they
//! should.

use std::io::{Read, Write};

use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, location};
use crate::both;
use crate::builders::{minimal, types_with};

both!(
    metadata_is_a_capability_statement_of_r4,
    every_answer_is_fhir_json_in_utf8,
    format_overrides_accept,
    json_is_answered_to_whoever_accepts_it,
    xml_and_other_forms_are_406,
    a_body_that_is_not_json_is_415,
    an_unknown_type_or_path_is_404,
    malformed_json_is_400,
    pretty_is_for_people,
    answers_are_packed_for_whoever_accepts_gzip,
    packed_bodies_are_unpacked_within_the_limit,
    messages_come_in_the_language_that_is_asked_for,
    japanese_survives_byte_for_byte,
    hostile_requests_are_refused_without_a_5xx,
    request_ids_are_taken_over_or_made,
);

async fn metadata_is_a_capability_statement_of_r4(app: &TestApp) {
    let statement = app.get("metadata").await.expect(200);
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["rest"][0]["mode"], "server");
    assert!(statement["format"].as_array().unwrap().contains(&json!("application/fhir+json")));
    assert_eq!(statement["implementation"]["url"], app.base.as_str());
}

async fn every_answer_is_fhir_json_in_utf8(app: &TestApp) {
    for path in ["metadata", "Location", "Location/none", "Nothing", "StructureDefinition/kh-bed", "_history"] {
        assert_eq!(app.get(path).await.header("content-type"), "application/fhir+json; charset=utf-8", "{path}");
    }
    let nowhere = app.client.get(app.base.replace("/fhir", "/elsewhere")).send().await.unwrap();
    assert_eq!(nowhere.status(), 404);
    assert_eq!(nowhere.headers()["content-type"], "application/fhir+json; charset=utf-8");
}

async fn asked(app: &TestApp, path: &str, accept: &str) -> Answer {
    app.request("GET", path).header("Accept", accept).send().await
}

async fn format_overrides_accept(app: &TestApp) {
    for format in ["json", "application/json", "application/fhir%2Bjson", "application/fhir+json", "text/json"] {
        asked(app, &format!("metadata?_format={format}"), "application/fhir+xml").await.expect(200);
        asked(app, &format!("Location?_format={format}"), "text/html").await.expect(200);
    }
    for format in ["xml", "application/fhir%2Bxml", "text/turtle", "ttl", "html", "pdf"] {
        asked(app, &format!("metadata?_format={format}"), "application/fhir+json").await.expect_refusal(406);
    }
}

async fn json_is_answered_to_whoever_accepts_it(app: &TestApp) {
    for accept in [
        "*/*",
        "application/*",
        "application/json",
        "application/fhir+json",
        "APPLICATION/FHIR+JSON",
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+xml, application/fhir+json;q=0.5",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "application/json;q=0, */*",
        "application/*;q=0, application/fhir+json",
        "application/fhir+json; fhirVersion=3.0;q=0, */*",
    ] {
        asked(app, "metadata", accept).await.expect(200);
    }
}

async fn xml_and_other_forms_are_406(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    for accept in [
        "application/fhir+xml",
        "application/xml",
        "text/html",
        "image/png",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json;q=0",
        "application/fhir+json;q=0, */*",
        "application/*;q=0, */*;q=0.5",
        "*/*;q=0",
    ] {
        for path in ["metadata", "Location/a", "Location"] {
            let refused = asked(app, path, accept).await.expect_refusal(406);
            assert_eq!(refused["issue"][0]["code"], "not-supported", "{accept}");
        }
    }
}

async fn a_body_that_is_not_json_is_415(app: &TestApp) {
    let xml = "<Location xmlns=\"http://hl7.org/fhir\"><name value=\"x\"/></Location>";
    for media in
        ["application/fhir+xml", "application/xml", "text/plain", "application/fhir+json; charset=shift_jis", "x", ""]
    {
        for (method, path) in [("POST", "Location"), ("PUT", "Location/a"), ("PATCH", "Location/a"), ("POST", "")] {
            app.request(method, path).raw(media, xml).send().await.expect_refusal(415);
        }
    }
    app.request("POST", "Location").send().await.expect_refusal(415);
    for media in ["application/json", "application/fhir+json;charset=UTF-8", "application/fhir+json; fhirVersion=4.0"] {
        app.request("POST", "Location").raw(media, minimal("Location").to_string()).send().await.expect(201);
    }
}

async fn an_unknown_type_or_path_is_404(app: &TestApp) {
    for path in [
        "Nothing",
        "Nothing/1",
        "Nothing/1/_history/1",
        "location/1",
        "Observation/1",
        "Location/1/2/3",
        "Location/$nothing",
    ] {
        let refused = app.get(path).await.expect_refusal(404);
        assert!(matches!(refused["issue"][0]["code"].as_str(), Some("not-supported" | "not-found")), "{path}");
    }
    app.post("Nothing", &json!({"resourceType": "Nothing"})).await.expect_refusal(404);
    app.put("Nothing/1", &json!({"resourceType": "Nothing", "id": "1"})).await.expect_refusal(404);
    app.delete("Nothing/1").await.expect_refusal(404);
}

async fn malformed_json_is_400(app: &TestApp) {
    for rtype in types_with(Interaction::Create) {
        for text in ["", "{", "nonsense", "{\"resourceType\":\"", "[]x", "{\"a\":01}", "{'a':1}", "{\"a\":1,}"] {
            let refused = app.request("POST", &rtype).text(text).send().await.expect_refusal(400);
            assert_eq!(refused["issue"][0]["code"], "structure", "{rtype}: {text}");
        }
    }
    for text in ["null", "1", "\"x\"", "[]", "{}"] {
        app.request("POST", "Location").text(text).send().await.expect_refusal(400);
        app.request("POST", "").text(text).send().await.expect_refusal(400);
    }
}

async fn pretty_is_for_people(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    for path in ["Location/a", "Location?_id=a", "Location/a/_history", "metadata", "StructureDefinition/kh-bed"] {
        let mark = if path.contains('?') { '&' } else { '?' };
        let (plain, pretty) = (app.get(path).await, app.get(&format!("{path}{mark}_pretty=true")).await);
        assert_eq!(plain.json(), pretty.json(), "{path}");
        assert!(pretty.text.contains("\n  \"resourceType\"") || pretty.text.contains("\n  \"id\""), "{}", pretty.text);
        let no = app.get(&format!("{path}{mark}_pretty=false")).await;
        assert_eq!(no.text, plain.text, "{path}");
    }
}

async fn answers_are_packed_for_whoever_accepts_gzip(app: &TestApp) {
    app.put("Location/a", &location("a", &"北棟".repeat(1000))).await.expect(201);
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let get = async |encoding: &str| {
        let request = client.get(format!("{}/Location/a", app.base)).header("accept-encoding", encoding);
        let response = request.send().await.unwrap();
        (response.headers().clone(), response.bytes().await.unwrap())
    };
    let (plain_headers, plain) = get("identity").await;
    let (headers, packed) = get("gzip").await;
    assert!(!plain_headers.contains_key("content-encoding"));
    assert_eq!(headers["content-encoding"], "gzip");
    assert!(headers["vary"].to_str().unwrap().to_ascii_lowercase().contains("accept-encoding"));
    assert_eq!((&headers["etag"], &headers["content-type"]), (&plain_headers["etag"], &plain_headers["content-type"]));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    assert!(packed.len() < plain.len() / 4);
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn packed_bodies_are_unpacked_within_the_limit(app: &TestApp) {
    let send = async |encoding: &str, body: Vec<u8>| {
        let request = app.request("POST", "Location").header("Content-Encoding", encoding);
        request.raw("application/fhir+json", body).send().await
    };
    let text = location("a", "北棟").to_string().into_bytes();
    assert_eq!(send("gzip", packed(&text)).await.expect(201)["name"], "北棟");
    assert_eq!(send("identity", text.clone()).await.expect(201)["name"], "北棟");
    send("gzip", text.clone()).await.expect_refusal(400);
    send("br", text).await.expect_refusal(415);
    let bomb = packed(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    send("gzip", bomb).await.expect_refusal(413);
}

async fn messages_come_in_the_language_that_is_asked_for(app: &TestApp) {
    let text = async |language: &str| {
        let answer = app.request("GET", "Location/none").header("Accept-Language", language).send().await;
        answer.expect_refusal(404)["issue"][0]["details"]["text"].as_str().unwrap().to_owned()
    };
    assert!(text("ja").await.contains("存在しません"));
    assert!(text("en-GB, ja;q=0.5").await.contains("does not exist"));
    assert!(text("fr").await.contains("存在しません"));
}

/// Characters beyond the basic plane, half-width and combining kana, variants, separators and escapes.
async fn japanese_survives_byte_for_byte(app: &TestApp) {
    let name = "髙橋𠮷野家ｶﾞ・か\u{3099}・が・葛\u{e0100}城・〜～−‐・㈱①・\u{2028}\u{2029}・🏥\\u7530\\/";
    let sent = format!("{{\"resourceType\":\"Location\",\"id\":\"a\",\"name\":\"{name}\"}}");
    let put = app.request("PUT", "Location/a").text(&sent).send().await;
    assert_eq!(put.status, 201, "{}", put.text);
    for path in ["Location/a", "Location/a/_history/1", "Location?_id=a", "Location/a/_history"] {
        let answer = app.get(path).await;
        assert!(answer.text.contains(&format!("\"name\":\"{name}\"")), "{path}: {}", answer.text);
    }
    let japanese =
        json!({"resourceType": "Location", "identifier": [{"system": "https://例え.jp/番号", "value": "病床・𠮷"}]});
    app.post("Location", &japanese).await.expect(201);
    let found = app.get("Location?identifier=https://例え.jp/番号|病床・𠮷").await.expect(200);
    assert_eq!(found["total"], 1);
    assert!(found["link"][0]["url"].as_str().unwrap().is_ascii(), "links are percent-encoded");
}

async fn hostile_requests_are_refused_without_a_5xx(app: &TestApp) {
    app.put("Location/a", &location("a", "北棟")).await.expect(201);
    let long = "x".repeat(7000);
    for path in [
        "Location?identifier=a%00b",
        "Location?_id=a%00b",
        "Location?identifier=%FF%FE",
        "Location?_id='%20OR%201=1--",
        "Location?_id=%",
        "Location?_after=%00",
        "Location?_after='",
        "Location?_count=-1",
        "Location?_count=99999999999999999999",
        "Location?_count=x",
        "Location?_lastUpdated=x",
        "Location?_lastUpdated=9999",
        "Location?_lastUpdated=ge0000",
        "Location?_lastUpdated=ge9999-12-31T23:59:59.999Z",
        "Location?_lastUpdated=ge%E6%98%A5%E6%98%A5",
        "Location?_lastUpdated=2026%E6%98%A5T",
        "Location?_summary=%00",
        "Location?_elements=%00",
        "Location?identifier=|",
        "Location?identifier=%5C",
        "Location?&&=&=x&%3D",
        "Location/a/_history?_before=x",
        "Location/a/_history?_since=x",
        "Location/a/_history?_at=x",
        "Location/a/_history?_count=9223372036854775807",
        "Location/a/_history/%00",
        "%00/%00",
        "%2e%2e/%2e%2e/etc/passwd",
        "Location/..%2f..%2f",
        &format!("Location?identifier={long}"),
        &format!("Location?_id={}", "a,".repeat(3000)),
        &format!("{long}/{long}"),
    ] {
        let answer = app.get(path).await;
        assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text);
        if answer.status >= 400 {
            let outcome = answer.json();
            assert_eq!(outcome["resourceType"], "OperationOutcome", "{path}");
            let text = outcome.to_string();
            for inside in ["SELECT", "diesel", "panicked", "src/", "sqlite", "postgres", "stack"] {
                assert!(!text.contains(inside), "{path}: {text}");
            }
        }
    }
    for value in ["a\u{0}b", &"病".repeat(20_000)] {
        let body = json!({"resourceType": "Location", "identifier": [{"system": value, "value": value}]});
        let answer = app.post("Location", &body).await;
        assert!(answer.status < 500, "{} {}", answer.status, answer.text);
    }
    // Long and hard to compress: more than an index row of PostgreSQL holds.
    let digits = (0..100_000_u64).map(|n| n.wrapping_mul(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58);
    let random: String = digits.map(|n| char::from(b'A' + (n % 26) as u8)).collect();
    for reference in [random.clone(), format!("{random}/x"), format!("Location/{random}")] {
        let body =
            json!({"resourceType": "Task", "status": "draft", "intent": "order", "focus": {"reference": reference}});
        let answer = app.post("Task", &body).await;
        assert!(answer.status < 500, "{} {}", answer.status, answer.text);
    }
    let mut bed: Value =
        serde_json::from_str(include_str!("../../fhir-profiles/examples/kh-bed--bed-3e-301-1.json")).unwrap();
    bed["partOf"] = json!({"reference": format!("Location/{random}")});
    let answer = app.post("Location", &bed).await;
    assert!(answer.status < 500, "{} {}", answer.status, answer.text);
    for method in ["OPTIONS", "TRACE", "CONNECTED", "get"] {
        app.request(method, "Location/a").send().await.expect_refusal(405);
    }
}

async fn request_ids_are_taken_over_or_made(app: &TestApp) {
    let given = app.request("GET", "metadata").header("X-Request-Id", "abc-1").send().await;
    assert_eq!(given.header("x-request-id"), "abc-1");
    let hostile = app.request("GET", "metadata").header("X-Request-Id", "a b<c>").send().await;
    assert!(!hostile.header("x-request-id").is_empty() && hostile.header("x-request-id") != "a b<c>");
}
