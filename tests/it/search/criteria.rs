//! `_id`, `_lastUpdated`, `identifier`: what matches is found, at once and by every form.

use kakehashi::profile::Interaction;
use serde_json::json;

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::{identified, types_with, with_id};

use super::{found, link, place};

both!(
    search_answers_matches_with_full_urls_and_a_self_link,
    search_sees_what_was_written_at_once,
    id_takes_a_list,
    identifier_takes_the_four_forms_of_a_token,
    commas_are_alternatives_repetitions_narrow_and_escapes_are_undone,
    identifiers_of_any_length_are_found,
    last_updated_takes_prefixes_and_any_precision,
    identifier_is_known_where_the_type_has_it,
    unsupported_modifiers_are_refused,
    parameters_that_are_not_offered_are_refused,
);

async fn search_answers_matches_with_full_urls_and_a_self_link(app: &TestApp) {
    for rtype in types_with(Interaction::Update) {
        let put = app.put(&format!("{rtype}/a"), &with_id(&rtype, "a")).await.expect(201);
        app.put(&format!("{rtype}/b"), &with_id(&rtype, "b")).await.expect(201);
        let bundle = app.get(&format!("{rtype}?_id=a")).await.expect(200);
        assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("searchset")));
        assert_eq!(bundle["total"], 1);
        assert_eq!(link(&bundle, "self"), Some(format!("{}/{rtype}?_id=a", app.base).as_str()));
        assert_eq!(
            bundle["entry"],
            json!([
                {"fullUrl": format!("{}/{rtype}/a", app.base), "resource": put, "search": {"mode": "match"}}
            ])
        );
        let none = app.get(&format!("{rtype}?_id=none")).await.expect(200);
        assert_eq!((&none["total"], none.get("entry")), (&json!(0), None), "an empty array would be no FHIR");
    }
}

async fn search_sees_what_was_written_at_once(app: &TestApp) {
    let parameters = app.get("metadata").await.expect(200);
    for resource in parameters["rest"][0]["resource"].as_array().unwrap() {
        let rtype = resource["type"].as_str().unwrap();
        let writes = types_with(Interaction::Update).iter().any(|known| known == rtype);
        let has = resource["searchParam"].as_array().unwrap().iter().any(|param| param["name"] == "identifier");
        if !writes || !has {
            continue;
        }
        let count = async |value: &str| {
            let found = app.get(&format!("{rtype}?identifier=https://example.org/ids|{value}")).await;
            found.expect(200)["total"].as_i64().unwrap()
        };
        let mut body = identified(rtype, "one");
        body["id"] = json!("a");
        app.put(&format!("{rtype}/a"), &body).await.expect(201);
        assert_eq!((count("one").await, count("two").await), (1, 0), "{rtype}");
        body["identifier"] = identified(rtype, "two")["identifier"].clone();
        app.put(&format!("{rtype}/a"), &body).await.expect(200);
        assert_eq!((count("one").await, count("two").await), (0, 1), "the old version is not found: {rtype}");
        app.delete(&format!("{rtype}/a")).await.expect(204);
        assert_eq!(count("two").await, 0, "{rtype}");
    }
}

async fn id_takes_a_list(app: &TestApp) {
    for id in ["a", "b", "c"] {
        app.put(&format!("Location/{id}"), &location(id, "x")).await.expect(201);
    }
    for (query, expected) in [
        ("_id=a,c", vec!["a", "c"]),
        ("_id=a,none", vec!["a"]),
        ("_id=a&_id=a,b", vec!["a"]),
        ("_id=a&_id=b", vec![]),
        ("_id=A", vec![]),
        ("", vec!["a", "b", "c"]),
    ] {
        assert_eq!(found(app, query).await, expected, "{query}");
    }
}

async fn identifier_takes_the_four_forms_of_a_token(app: &TestApp) {
    place(app, "s1", Some("urn:s"), "1").await;
    place(app, "s2", Some("urn:s"), "2").await;
    place(app, "t1", Some("urn:t"), "1").await;
    place(app, "n1", None, "1").await;
    for (query, expected) in [
        ("identifier=1", vec!["s1", "t1", "n1"]),
        ("identifier=urn:s|1", vec!["s1"]),
        ("identifier=urn:s|", vec!["s1", "s2"]),
        ("identifier=|1", vec!["n1"]),
        ("identifier=urn:x|1", vec![]),
        ("identifier=urn%3As%7C1", vec!["s1"]),
    ] {
        assert_eq!(found(app, query).await, expected, "{query}");
    }
}

async fn commas_are_alternatives_repetitions_narrow_and_escapes_are_undone(app: &TestApp) {
    place(app, "a", Some("urn:s"), "1").await;
    place(app, "b", Some("urn:s"), "2").await;
    place(app, "c", Some("urn:s"), "1,2").await;
    place(app, "d", Some("urn:s"), "1|2\\").await;
    for (query, expected) in [
        ("identifier=urn:s|1,urn:s|2", vec!["a", "b"]),
        ("identifier=urn:s|&identifier=1,2", vec!["a", "b"]),
        ("identifier=1&identifier=2", vec![]),
        ("identifier=1%5C,2", vec!["c"]),
        ("identifier=1%5C|2%5C%5C", vec!["d"]),
        ("_id=a&identifier=1", vec!["a"]),
        ("_id=a&identifier=2", vec![]),
    ] {
        assert_eq!(found(app, query).await, expected, "{query}");
    }
}

/// PostgreSQL's indexes take no long texts; these are random enough not to be compressed.
async fn identifiers_of_any_length_are_found(app: &TestApp) {
    let mut digits = (0..).map(|n: u64| n.wrapping_mul(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58);
    let mut text = |length| {
        digits
            .by_ref()
            .take(length)
            .map(|n| char::from(b'0' + n as u8 % 64))
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
    };
    for (id, length) in [("a", 400), ("b", 600), ("c", 4_000)] {
        let value = text(length);
        place(app, id, Some("urn:s"), &value).await;
        assert_eq!(found(app, &format!("identifier=urn:s|{value}")).await, [id]);
        assert_eq!(found(app, &format!("identifier=urn:s|{}", &value[1..])).await.len(), 0);
    }
    place(app, "d", Some(&format!("urn:{}", text(100_000))), &text(100_000)).await;
}

async fn last_updated_takes_prefixes_and_any_precision(app: &TestApp) {
    let put = app.put("Location/a", &location("a", "x")).await.expect(201);
    let moment = put["meta"]["lastUpdated"].as_str().unwrap();
    let (day, second) = (&moment[..10], format!("{}Z", &moment[..19]));
    for (value, matches) in [
        (moment, true),
        (&*second, true),
        (day, true),
        (&moment[..7], true),
        (&moment[..4], true),
        (&format!("eq{day}"), true),
        (&format!("ne{day}"), false),
        (&format!("ge{moment}"), true),
        (&format!("le{moment}"), true),
        (&format!("gt{moment}"), false),
        (&format!("lt{moment}"), false),
        (&format!("sa{day}"), false),
        (&format!("eb{day}"), false),
        ("gt2020", true),
        ("lt2020-01-01", false),
        ("sa2020-01-01T00:00:00%2B09:00", true),
        ("2001-01", false),
    ] {
        let expected: &[&str] = if matches { &["a"] } else { &[] };
        assert_eq!(found(app, &format!("_lastUpdated={value}")).await, expected, "{value}");
    }
    assert_eq!(found(app, "_lastUpdated=gt2020&_lastUpdated=lt2021").await.len(), 0);
    for bad in ["x", "xx2020", "2020-13", "2020-02-30", "ge", "2020-01-01T25:00:00Z"] {
        let refused = app.get(&format!("Location?_lastUpdated={bad}")).await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], "http.name:_lastUpdated", "{bad}");
    }
}

async fn identifier_is_known_where_the_type_has_it(app: &TestApp) {
    let known = |rtype: &str| !matches!(rtype, "Binary" | "Provenance");
    for rtype in types_with(Interaction::Create) {
        let strict = app.request("GET", &format!("{rtype}?identifier=x")).header("Prefer", "handling=strict");
        let strict = strict.send().await;
        let lenient = app.get(&format!("{rtype}?identifier=x")).await.expect(200);
        let create = app.request("POST", &rtype).header("If-None-Exist", "identifier=x");
        let create = create.json(&crate::builders::minimal(&rtype)).send().await;
        if known(&rtype) {
            assert_eq!(strict.expect(200).get("entry"), None, "{rtype}");
            create.expect(201);
            continue;
        }
        assert_eq!(strict.expect_refusal(400)["issue"][0]["expression"][0], "http.name:identifier", "{rtype}");
        assert_eq!(lenient["entry"][0]["search"]["mode"], "outcome", "{rtype}");
        assert_eq!(link(&lenient, "self"), Some(format!("{}/{rtype}", app.base).as_str()));
        create.expect_refusal(400);
    }
}

async fn unsupported_modifiers_are_refused(app: &TestApp) {
    for rtype in types_with(Interaction::SearchType) {
        for query in ["_id:exact=a", "_id:of-type=true", "_id:=a"] {
            app.get(&format!("{rtype}?{query}")).await.expect_refusal(400);
        }
    }
    for query in [
        "identifier:of-type=a",
        "identifier:contains=a",
        "_lastUpdated:exact=2026",
        "name:text=a",
        "identifier=",
        "_id=",
    ] {
        app.get(&format!("Location?{query}")).await.expect_refusal(400);
    }
    app.get("StructureDefinition?url:contains=x").await.expect_refusal(400);
}

/// R4 lets a server ignore them; the answer would not be what was asked for.
async fn parameters_that_are_not_offered_are_refused(app: &TestApp) {
    for name in ["_filter", "_text", "_content", "_list", "_query", "_contained"] {
        let refused = app.get(&format!("Location?{name}=x")).await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["code"], "not-supported", "{name}");
    }
}
