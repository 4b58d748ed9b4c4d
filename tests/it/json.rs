//! JSON fidelity: what is read back is what was sent, byte for byte, plus `id` and `meta`; what is not FHIR JSON is refused.

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::both;

both!(
    the_text_that_came_is_the_text_that_is_kept,
    decimals_keep_their_form_in_every_answer,
    numbers_that_differ_in_form_alone_are_different_content,
    sibling_extensions_survive,
    an_empty_member_is_refused_where_it_stands,
    null_may_only_hold_a_place,
    duplicate_keys_are_refused_at_every_depth,
    nesting_and_size_are_bounded,
    a_byte_order_mark_is_passed_over,
    bytes_that_are_not_utf8_are_refused,
);

/// What is stored of `members` in a Group, whose values can be Quantities.
async fn kept(app: &TestApp, id: &str, members: &str) -> String {
    let sent = format!("{{\"resourceType\":\"Group\",\"id\":\"{id}\",{members}}}");
    let answer = app.request("PUT", &format!("Group/{id}")).text(&sent).send().await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    let (head, rest) = answer.text.split_once("\"meta\":{").unwrap();
    let (_, rest) = rest.split_once("},").unwrap();
    let stored = format!("{head}{rest}");
    assert_eq!(app.get(&format!("Group/{id}")).await.text, answer.text);
    stored
}

fn group(value: &str) -> String {
    format!(
        "\"type\":\"person\",\"actual\":true,\"characteristic\":[{{\"code\":{{\"text\":\"年齢\"}},\
         \"valueQuantity\":{{\"value\":{value}}},\"exclude\":false}}]"
    )
}

async fn the_text_that_came_is_the_text_that_is_kept(app: &TestApp) {
    for (id, members) in [
        ("order", "\"name\":\"z\",\"type\":\"person\",\"actual\":true,\"active\":false,\"language\":\"ja\""),
        ("space", "\n\t\"type\" : \"person\" ,\r\n  \"actual\":true,   \"name\"\n:\n\"a  b\""),
        ("escape", "\"type\":\"person\",\"actual\":true,\"name\":\"\\u5317\\/\\\"\\\\\\t\\ud83c\\udfe5\""),
        ("sibling", "\"type\":\"person\",\"actual\":true,\"_name\":{\"id\":\"n\"},\"name\":\"x\""),
    ] {
        let stored = kept(app, id, members).await;
        assert_eq!(stored, format!("{{\"resourceType\":\"Group\",\"id\":\"{id}\",{members}}}"), "{id}");
    }
}

const DECIMALS: [&str; 12] = [
    "1.10",
    "1.50",
    "0.0",
    "-0.5",
    "1e-9",
    "1E+2",
    "1.0e-3",
    "100",
    "0.1000000000000000055511151231257827",
    "123456789012345678901234567890.123456789",
    "3.00",
    "-1.0E-7",
];

async fn decimals_keep_their_form_in_every_answer(app: &TestApp) {
    for (number, decimal) in DECIMALS.into_iter().enumerate() {
        let id = format!("d{number}");
        let stored = kept(app, &id, &group(decimal)).await;
        let wanted = format!("\"value\":{decimal}}}");
        assert!(stored.contains(&wanted), "{stored}");
        for path in [
            format!("Group/{id}"),
            format!("Group/{id}?_elements=characteristic"),
            format!("Group/{id}?_summary=data"),
            format!("Group/{id}/_history/1"),
            format!("Group/{id}/_history"),
            format!("Group?_id={id}"),
        ] {
            let text = app.get(&path).await.text;
            assert!(text.contains(&wanted), "{path}: {text}");
        }
        let pretty = app.get(&format!("Group/{id}?_pretty=true")).await.text;
        assert!(pretty.contains(&format!("\"value\": {decimal}\n")), "{pretty}");
    }
}

async fn numbers_that_differ_in_form_alone_are_different_content(app: &TestApp) {
    kept(app, "a", &group("1.5")).await;
    kept(app, "a", &group("1.50")).await;
    let read = app.get("Group/a").await;
    assert!(read.text.contains("\"value\":1.50}") && read.header("etag") == "W/\"2\"", "{}", read.text);
    kept(app, "a", &group("1.50")).await;
    assert_eq!(app.get("Group/a").await.header("etag"), "W/\"2\"");
}

async fn sibling_extensions_survive(app: &TestApp) {
    let patient = json!({
        "resourceType": "Patient", "id": "a", "active": true,
        "name": [{
            "given": ["太郎", null, "T"],
            "_given": [null, {"extension": [{"url": "https://example.org/e", "valueCode": "x"}]}, {"id": "g"}]
        }],
        "birthDate": "1940-02",
        "_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1940-02-03T04:05:06Z"}]},
        "_gender": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
    });
    app.put("Patient/a", &patient).await.expect(201);
    let mut read = app.get("Patient/a").await.expect(200);
    read.as_object_mut().unwrap().remove("meta");
    assert_eq!(read, patient);
}

async fn refused_at(app: &TestApp, text: &str, status: u16) -> Value {
    let refused = app.request("POST", "Patient").text(text).send().await.expect_refusal(status);
    refused["issue"][0].clone()
}

async fn an_empty_member_is_refused_where_it_stands(app: &TestApp) {
    for (member, place) in [
        ("\"name\":[]", "Patient.name"),
        ("\"name\":[{}]", "Patient.name[0]"),
        ("\"name\":[{\"given\":[]}]", "Patient.name[0].given"),
        ("\"name\":[{\"given\":[\"\"]}]", "Patient.name[0].given[0]"),
        ("\"maritalStatus\":{}", "Patient.maritalStatus"),
        ("\"birthDate\":\"\"", "Patient.birthDate"),
        ("\"_birthDate\":{}", "Patient.birthDate"),
        ("\"extension\":[]", "Patient.extension"),
        ("\"meta\":{}", "Patient.meta"),
        ("\"contained\":[{}]", "Patient.contained[0]"),
    ] {
        let issue = refused_at(app, &format!("{{\"resourceType\":\"Patient\",{member}}}"), 400).await;
        assert_eq!(issue["expression"][0], place, "{member}: {issue}");
    }
}

async fn null_may_only_hold_a_place(app: &TestApp) {
    for member in [
        "\"birthDate\":null",
        "\"name\":null",
        "\"name\":[null]",
        "\"name\":[{\"given\":[null]}]",
        "\"name\":[{\"given\":[\"a\",null]}]",
        "\"name\":[{\"given\":[null],\"_given\":[null]}]",
        "\"name\":[{\"_given\":[null]}]",
        "\"_birthDate\":null",
    ] {
        refused_at(app, &format!("{{\"resourceType\":\"Patient\",{member}}}"), 400).await;
    }
}

async fn duplicate_keys_are_refused_at_every_depth(app: &TestApp) {
    for (members, pointer) in [
        ("\"active\":true,\"active\":true", "/active"),
        ("\"resourceType\":\"Patient\"", "/resourceType"),
        ("\"name\":[{\"family\":\"a\",\"family\":\"b\"}]", "/name/0/family"),
        ("\"name\":[{\"family\":\"a\",\"f\\u0061mily\":\"b\"}]", "/name/0/family"),
        (
            "\"extension\":[{\"url\":\"u\",\"valueQuantity\":{\"value\":1,\"value\":1}}]",
            "/extension/0/valueQuantity/value",
        ),
    ] {
        let issue = refused_at(app, &format!("{{\"resourceType\":\"Patient\",{members}}}"), 400).await;
        assert_eq!(issue["extension"][0]["valueString"], pointer, "{issue}");
    }
}

async fn nesting_and_size_are_bounded(app: &TestApp) {
    let nested = |depth: usize| {
        let (open, close) = ("{\"url\":\"https://example.org/e\",\"extension\":[".repeat(depth), "]}".repeat(depth));
        let innermost = "{\"url\":\"https://example.org/e\",\"valueBoolean\":true}";
        format!("{{\"resourceType\":\"Patient\",\"extension\":[{open}{innermost}{close}]}}")
    };
    let fits = app.request("POST", "Patient").text(&nested(30)).send().await;
    assert_eq!(fits.status, 201, "63 levels: {}", fits.text);
    let issue = refused_at(app, &nested(31), 413).await;
    assert_eq!(issue["code"], "too-long");
    refused_at(app, &"[".repeat(100_000), 413).await;
    refused_at(app, &"{\"a\":".repeat(100_000), 413).await;
    let sized = |bytes: usize| {
        let frame = "{\"resourceType\":\"Patient\",\"active\":true}";
        format!("{frame}{}", " ".repeat(bytes - frame.len()))
    };
    assert_eq!(app.request("POST", "Patient").text(&sized(4 << 20)).send().await.status, 201);
    refused_at(app, &sized((4 << 20) + 1), 413).await;
}

async fn a_byte_order_mark_is_passed_over(app: &TestApp) {
    let put = app
        .request("PUT", "Group/a")
        .text("\u{feff}{\"resourceType\":\"Group\",\"id\":\"a\",\"type\":\"person\",\"actual\":true}");
    assert_eq!(put.send().await.expect(201)["type"], "person");
    assert!(app.get("Group/a").await.text.starts_with('{'));
    refused_at(app, "{\"resourceType\":\"Patient\",\u{feff}\"active\":true}", 400).await;
}

async fn bytes_that_are_not_utf8_are_refused(app: &TestApp) {
    for wrong in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\x96\x6b\x93\x8f", b"\xf5\x80\x80\x80"] {
        let mut body = b"{\"resourceType\":\"Location\",\"name\":\"".to_vec();
        body.extend_from_slice(wrong);
        body.extend_from_slice(b"\"}");
        let answer = app.request("POST", "Location").raw("application/fhir+json", body).send().await;
        assert_eq!(answer.expect_refusal(400)["issue"][0]["code"], "structure");
    }
    for lone in ["\\ud83c", "\\udfe5\\ud83c"] {
        refused_at(app, &format!("{{\"resourceType\":\"Patient\",\"language\":\"{lone}\"}}"), 400).await;
    }
}
