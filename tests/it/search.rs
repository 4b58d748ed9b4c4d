//! search of a type: `_id`, `_lastUpdated`, `identifier`, paging, totals, strict and lenient handling.

use std::collections::BTreeSet;

use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::{changed, identified, types_with, with_id};

both!(
    search_answers_matches_with_full_urls_and_a_self_link,
    search_sees_what_was_written_at_once,
    id_takes_a_list,
    identifier_takes_the_four_forms_of_a_token,
    commas_are_alternatives_repetitions_narrow_and_escapes_are_undone,
    identifiers_of_any_length_are_found,
    last_updated_takes_prefixes_and_any_precision,
    next_links_lead_through_everything_once,
    paging_neither_skips_nor_repeats_while_others_write,
    totals_count_matches_and_can_be_left_out,
    an_unknown_parameter_is_told_and_left_out_of_the_self_link,
    strict_handling_refuses_unknown_parameters,
    unsupported_modifiers_are_refused,
    a_search_by_post_is_the_search_by_get,
    format_in_the_body_of_a_search_is_honoured,
    identifier_is_known_where_the_type_has_it,
    definitions_are_found_by_id_and_url,
);

/// The ids of the matches.
fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let matches = entries.filter(|entry| entry["search"]["mode"] == "match");
    matches.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

fn link<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
    let links = bundle["link"].as_array().into_iter().flatten();
    links.into_iter().find(|link| link["relation"] == relation).map(|link| link["url"].as_str().unwrap())
}

async fn found(app: &TestApp, query: &str) -> Vec<String> {
    ids(&app.get(&format!("Location?{query}")).await.expect(200))
}

async fn place(app: &TestApp, id: &str, system: Option<&str>, value: &str) {
    let mut body = location(id, "北棟");
    body["identifier"] = json!([{"value": value}]);
    if let Some(system) = system {
        body["identifier"][0]["system"] = json!(system);
    }
    app.put(&format!("Location/{id}"), &body).await.expect(201);
}

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
        ("identifier=1", vec!["n1", "s1", "t1"]),
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
    for (id, length) in [("a", 400), ("b", 600), ("c", 6_000)] {
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

/// Follows next links; the pages' ids.
async fn pages(app: &TestApp, query: &str, between: impl AsyncFn(usize)) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), query.to_owned());
    loop {
        let bundle = app.get(&path).await.expect(200);
        pages.push(ids(&bundle));
        let Some(next) = link(&bundle, "next") else { return pages };
        path = next.strip_prefix(&app.base).unwrap().trim_start_matches('/').to_owned();
        between(pages.len()).await;
        assert!(pages.len() < 100, "paging ends");
    }
}

async fn next_links_lead_through_everything_once(app: &TestApp) {
    for n in 0..25 {
        place(app, &format!("p{n:02}"), Some("urn:s"), "same").await;
    }
    place(app, "other", Some("urn:s"), "different").await;
    let expected: BTreeSet<String> = (0..25).map(|n| format!("p{n:02}")).collect();
    for count in [1, 7, 24, 25, 26] {
        let pages = pages(app, &format!("Location?identifier=urn:s|same&_count={count}"), async |_| ()).await;
        assert!(pages.iter().all(|page| page.len() <= count), "{count}: {pages:?}");
        assert_eq!(pages.len(), 25_usize.div_ceil(count), "no empty page at the end");
        let all: Vec<String> = pages.concat();
        assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (25, expected.clone()));
    }
    let first = app.get("Location?identifier=urn:s|same&_count=10&_elements=name").await.expect(200);
    assert_eq!(first["total"], 25, "the total is not the page's");
    assert!(link(&first, "self").unwrap().contains("_count=10"));
}

async fn paging_neither_skips_nor_repeats_while_others_write(app: &TestApp) {
    for n in 0..12 {
        app.put(&format!("Location/p{n:02}"), &location(&format!("p{n:02}"), "x")).await.expect(201);
    }
    let between = async |page: usize| {
        let (behind, ahead) = (format!("a{page}"), format!("p{:02}", 11 - page));
        app.put(&format!("Location/{behind}"), &location(&behind, "new")).await.expect(201);
        app.put(&format!("Location/{ahead}"), &changed(&location(&ahead, "x"), "en")).await.expect(200);
    };
    let all = pages(app, "Location?_count=4", between).await.concat();
    assert_eq!(all, (0..12).map(|n| format!("p{n:02}")).collect::<Vec<_>>());
}

async fn totals_count_matches_and_can_be_left_out(app: &TestApp) {
    for id in ["a", "b", "c"] {
        app.put(&format!("Location/{id}"), &location(id, "x")).await.expect(201);
    }
    for query in ["_summary=count", "_count=0", "_summary=count&_total=none"] {
        let bundle = app.get(&format!("Location?{query}")).await.expect(200);
        assert_eq!((&bundle["total"], bundle.get("entry")), (&json!(3), None), "{query}");
        assert_eq!(link(&bundle, "next"), None);
    }
    for (total, expected) in [("accurate", json!(3)), ("estimate", json!(3)), ("none", Value::Null)] {
        let bundle = app.get(&format!("Location?_count=1&_total={total}")).await.expect(200);
        assert_eq!((&bundle["total"], ids(&bundle).len()), (&expected, 1), "{total}");
    }
    app.get("Location?_total=some").await.expect_refusal(400);
    for bad in ["-1", "x", "1.5", ""] {
        app.get(&format!("Location?_count={bad}")).await.expect_refusal(400);
    }
    assert_eq!(found(app, "_count=1000000").await.len(), 3);
}

async fn an_unknown_parameter_is_told_and_left_out_of_the_self_link(app: &TestApp) {
    app.put("Location/a", &location("a", "x")).await.expect(201);
    for rtype in types_with(Interaction::SearchType) {
        let lenient = app.request("GET", &format!("{rtype}?_id=a&nothing=1&no%22thing:exact=2"));
        let bundle = lenient.header("Prefer", "handling=lenient").send().await.expect(200);
        assert_eq!(link(&bundle, "self"), Some(format!("{}/{rtype}?_id=a", app.base).as_str()));
        let entries = bundle["entry"].as_array().unwrap();
        let outcome = entries.last().unwrap();
        assert_eq!(outcome["search"]["mode"], "outcome", "{rtype}");
        assert_eq!(outcome.get("fullUrl"), None);
        let issues = outcome["resource"]["issue"].as_array().unwrap();
        assert_eq!(issues.len(), 2, "{rtype}");
        assert_eq!(
            (&issues[0]["severity"], &issues[0]["expression"][0]),
            (&json!("warning"), &json!("http.name:nothing"))
        );
        assert_eq!(bundle["total"], i32::from(rtype == "Location"), "outcomes are no matches: {rtype}");
    }
}

async fn strict_handling_refuses_unknown_parameters(app: &TestApp) {
    for rtype in types_with(Interaction::SearchType) {
        let strict =
            |query: &str| app.request("GET", &format!("{rtype}?{query}")).header("Prefer", "handling=strict").send();
        let refused = strict("_id=a&nothing=1").await.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], "http.name:nothing", "{rtype}");
        strict("_id=a&_count=1&_format=json&_summary=data&_total=accurate").await.expect(200);
    }
}

async fn unsupported_modifiers_are_refused(app: &TestApp) {
    for rtype in types_with(Interaction::SearchType) {
        for query in ["_id:not=a", "_id:missing=true", "_id:=a"] {
            app.get(&format!("{rtype}?{query}")).await.expect_refusal(400);
        }
    }
    for query in ["identifier:of-type=a", "identifier:text=a", "_lastUpdated:missing=false", "identifier=", "_id="] {
        app.get(&format!("Location?{query}")).await.expect_refusal(400);
    }
    app.get("StructureDefinition?url:below=x").await.expect_refusal(400);
}

async fn a_search_by_post_is_the_search_by_get(app: &TestApp) {
    place(app, "a", Some("urn:s"), "病 床+1").await;
    place(app, "b", Some("urn:s"), "2").await;
    let form = "application/x-www-form-urlencoded";
    let post =
        async |path: &str, body: &'static str| app.request("POST", path).raw(form, body).send().await.expect(200);
    let got = app.get("Location?identifier=urn:s|%E7%97%85%20%E5%BA%8A%2B1").await.expect(200);
    assert_eq!(ids(&got), ["a"]);
    assert_eq!(post("Location/_search", "identifier=urn%3As%7C%E7%97%85+%E5%BA%8A%2B1").await, got);
    let merged = post("Location/_search?identifier=urn:s|", "_id=b&_count=1").await;
    assert_eq!(ids(&merged), ["b"], "the URL's parameters and the body's count together");
    let bare = app.request("POST", "Location/_search").send().await.expect(200);
    assert_eq!(bare["total"], 2);
    let counted = post("Location/_search", "_summary=count").await;
    assert_eq!((&counted["total"], counted.get("entry")), (&json!(2), None), "result parameters in the body hold, too");
    let parts = post("Location/_search", "_elements=name&_id=b").await;
    assert_eq!(parts["entry"][0]["resource"].get("identifier"), None);
    app.request("POST", "Location/_search").raw("application/fhir+json", "{}").send().await.expect_refusal(415);
    app.request("POST", "Location/_search").raw(form, "_id:not=a").send().await.expect_refusal(400);
    let definitions = post("StructureDefinition/_search", "_id=kh-bed").await;
    assert_eq!(ids(&definitions), ["kh-bed"]);
}

async fn format_in_the_body_of_a_search_is_honoured(app: &TestApp) {
    let post = async |accept: &str, path: &str, body: &'static str| {
        let request = app.request("POST", path).header("Accept", accept);
        request.raw("application/x-www-form-urlencoded", body).send().await
    };
    post("text/html", "Location/_search", "_id=a&_format=json").await.expect(200);
    post("*/*", "Location/_search", "_id=a&_format=xml").await.expect_refusal(406);
    post("text/html", "Location/_search", "_id=a").await.expect_refusal(406);
    post("*/*", "Location/_search?_format=json", "_format=xml").await.expect(200);
    let plain = app.request("POST", "Location/_search").header("Accept", "text/html").raw("text/plain", "_format=json");
    plain.send().await.expect_refusal(406);
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

async fn definitions_are_found_by_id_and_url(app: &TestApp) {
    let url = "https://kakehashi.example/fhir/StructureDefinition/kh-bed";
    for query in ["_id=kh-bed".to_owned(), format!("url={url}"), format!("_id=kh-bed,kh-ward&url={url}")] {
        let bundle = app.get(&format!("StructureDefinition?{query}")).await.expect(200);
        assert_eq!(ids(&bundle), ["kh-bed"], "{query}");
        let read = app.get("StructureDefinition/kh-bed").await.expect(200);
        assert_eq!(bundle["entry"][0]["resource"], read);
        assert_eq!(bundle["entry"][0]["fullUrl"], format!("{}/StructureDefinition/kh-bed", app.base));
    }
    let all = ids(&app.get("StructureDefinition").await.expect(200));
    assert!(all.len() > 20);
    let paged = pages(app, "StructureDefinition?_count=7", async |_| ()).await;
    assert!(paged.iter().all(|page| page.len() <= 7));
    assert_eq!(paged.concat(), all);
    assert_eq!(app.get("StructureDefinition?_summary=count").await.expect(200)["total"], all.len());
}
