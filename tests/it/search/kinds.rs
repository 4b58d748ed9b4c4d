//! Every kind of parameter over HTTP, with its modifiers and prefixes. R4 `search.html#ptypes`.

use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::with_id;

use super::{a_case, ids};

both!(
    strings_are_found_whatever_their_case_accents_and_width,
    tokens_take_their_modifiers,
    dates_take_every_prefix,
    references_take_every_form,
    hierarchies_are_climbed,
    quantities_have_the_precision_that_they_are_written_with,
    uris_are_precise,
    absent_values_can_be_asked_for,
    chains_and_their_reverse_are_followed,
    results_are_sorted_by_many_keys_and_what_has_none_comes_last,
);

async fn put(app: &TestApp, rtype: &str, id: &str, more: Value) {
    let mut body = with_id(rtype, id);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let status = app.put(&format!("{rtype}/{id}"), &body).await;
    assert!(matches!(status.status, 200 | 201), "{}", status.text);
}

async fn finds(app: &TestApp, query: &str, expected: &[&str]) {
    assert_eq!(ids(&app.get(query).await.expect(200)), expected, "{query}");
}

async fn strings_are_found_whatever_their_case_accents_and_width(app: &TestApp) {
    let names = [
        ("garcia", json!([{"family": "García", "given": ["José"]}])),
        ("sato", json!([{"family": "佐藤", "given": ["太郎"]}, {"family": "サトウ", "given": ["タロウ"]}])),
        ("half", json!([{"family": "ｻﾄｳ"}])),
        ("wide", json!([{"text": "ＡＢＣ Ｓｍｉｔｈ"}])),
    ];
    for (id, name) in names {
        put(app, "Patient", id, json!({"name": name})).await;
    }
    for (query, expected) in [
        ("name=garcia", vec!["garcia"]),
        ("name=JOS%C3%89", vec!["garcia"]),
        ("family=garc", vec!["garcia"]),
        ("family=arc", vec![]),
        ("family:contains=ARC", vec!["garcia"]),
        ("family:exact=Garc%C3%ADa", vec!["garcia"]),
        ("family:exact=garcia", vec![]),
        ("name=佐藤", vec!["sato"]),
        ("name=さとう", vec!["sato", "half"]),
        ("name=ｻﾄｳ", vec!["sato", "half"]),
        ("name:exact=ｻﾄｳ", vec!["half"]),
        ("name=abc", vec!["wide"]),
        ("name=garcia,abc", vec!["garcia", "wide"]),
        ("name=garcia&name=jose", vec!["garcia"]),
        ("name:missing=true", vec![]),
    ] {
        finds(app, &format!("Patient?{query}"), &expected).await;
    }
}

async fn tokens_take_their_modifiers(app: &TestApp) {
    let kind = |code: &str, text: &str| json!({"coding": [{"system": "urn:kinds", "code": code}], "text": text});
    put(
        app,
        "Location",
        "a",
        json!({"status": "active", "type": [kind("x", "外来")], "meta": {"tag": [{"system": "urn:t", "code": "1"}]}}),
    )
    .await;
    put(app, "Location", "b", json!({"type": [kind("y", "病棟")], "status": "suspended"})).await;
    let passport = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PPN"}]});
    put(app, "Location", "c", json!({"identifier": [{"type": passport, "system": "urn:i", "value": "7"}]})).await;
    for (query, expected) in [
        ("type=x", vec!["a"]),
        ("type=urn:kinds|", vec!["a", "b"]),
        ("type=|x", vec![]),
        ("type:not=x", vec!["b", "c"]),
        ("type:not=x,y", vec!["c"]),
        ("type:text=外", vec!["a"]),
        ("type=x,y&status=suspended", vec!["b"]),
        ("status:not=active", vec!["b", "c"]),
        ("status:missing=true", vec!["c"]),
        ("status:in=http://hl7.org/fhir/ValueSet/location-status", vec!["a", "b"]),
        ("status:not-in=http://hl7.org/fhir/ValueSet/location-status", vec!["c"]),
        ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|PPN|7", vec!["c"]),
        ("identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|PPN|8", vec![]),
        ("_tag=urn:t|1", vec!["a"]),
        ("_tag:not=1", vec!["b", "c"]),
    ] {
        finds(app, &format!("Location?{query}"), &expected).await;
    }
}

async fn dates_take_every_prefix(app: &TestApp) {
    for (id, born) in [("y", "1980"), ("m", "1980-05"), ("d", "1980-05-17"), ("o", "1979-12-31")] {
        put(app, "Patient", id, json!({"birthDate": born})).await;
    }
    for (query, expected) in [
        ("1980", vec!["y", "m", "d"]),
        ("1980-05", vec!["m", "d"]),
        ("1980-05-17", vec!["d"]),
        ("ne1980", vec!["o"]),
        ("gt1980-05-17", vec!["y", "m"]),
        ("lt1980", vec!["o"]),
        ("ge1980-05", vec!["y", "m", "d"]),
        ("sa1979", vec!["y", "m", "d"]),
        ("eb1980-05-17", vec!["o"]),
        ("1979,1980-05-17", vec!["d", "o"]),
    ] {
        finds(app, &format!("Patient?birthdate={query}"), &expected).await;
    }
    let period = json!({"start": "2026-04-01T09:00:00+09:00", "end": "2026-04-03T17:00:00+09:00"});
    put(app, "ServiceRequest", "p", json!({"occurrencePeriod": period})).await;
    put(app, "ServiceRequest", "open", json!({"occurrencePeriod": {"start": "2026-04-02"}})).await;
    put(app, "ServiceRequest", "m", json!({"occurrenceDateTime": "2026-04-01T00:30:00+09:00"})).await;
    for (query, expected) in [
        ("2026-04", vec!["p"]),
        ("ge2026-04-01", vec!["p", "open"]),
        ("gt2026-04-03T12:00:00%2B09:00", vec!["p", "open"]),
        ("sa2026-04-01T12:00:00Z", vec!["open"]),
        ("eb2026-04-01", vec!["m"]),
        ("2026-03-31", vec!["m"]),
    ] {
        finds(app, &format!("ServiceRequest?occurrence={query}"), &expected).await;
    }
    for bad in ["x", "2026-13", "zz2026", "2026-04-01T25:00:00Z"] {
        app.get(&format!("Patient?birthdate={bad}")).await.expect_refusal(400);
    }
}

async fn references_take_every_form(app: &TestApp) {
    a_case(app).await;
    let by_number = json!({"subject": {"identifier": {"system": "urn:i", "value": "9"}, "display": "山田"}});
    put(app, "ServiceRequest", "s5", by_number).await;
    let absolute = format!("ServiceRequest?subject={}/Patient/p", app.base);
    for (query, expected) in [
        ("ServiceRequest?subject=Patient/p", vec!["s1", "s2"]),
        ("ServiceRequest?subject=p", vec!["s1", "s2"]),
        ("ServiceRequest?subject:Patient=p", vec!["s1", "s2"]),
        ("ServiceRequest?subject:Location=p", vec![]),
        ("ServiceRequest?patient=p,q", vec!["s1", "s2", "s3", "s4"]),
        (&absolute, vec!["s1", "s2"]),
        ("ServiceRequest?subject=https://elsewhere.example/Patient/p", vec![]),
        ("ServiceRequest?subject:identifier=urn:i|9", vec!["s5"]),
        ("ServiceRequest?subject:identifier=9", vec!["s5"]),
        ("ServiceRequest?subject=Patient/p&requester=Practitioner/none", vec![]),
        ("ServiceRequest?subject:not=Patient/p", vec![]),
    ] {
        let answer = app.get(query).await;
        if query.contains(":not") {
            answer.expect_refusal(400);
            continue;
        }
        assert_eq!(ids(&answer.expect(200)), expected, "{query}");
    }
}

async fn hierarchies_are_climbed(app: &TestApp) {
    for (id, above) in [("site", None), ("ward", Some("site")), ("bed", Some("ward")), ("other", None)] {
        let mut body = location(id, "場所");
        if let Some(above) = above {
            body["partOf"] = json!({"reference": format!("Location/{above}")});
        }
        app.put(&format!("Location/{id}"), &body).await.expect(201);
    }
    for (query, expected) in [
        ("partof=site", vec!["ward"]),
        ("partof:below=site", vec!["ward", "bed"]),
        ("partof:below=ward", vec!["bed"]),
        ("partof:missing=true", vec!["site", "other"]),
    ] {
        finds(app, &format!("Location?{query}"), &expected).await;
    }
}

async fn quantities_have_the_precision_that_they_are_written_with(app: &TestApp) {
    let ucum = "http://unitsofmeasure.org";
    for (id, value, code) in [("half", "50.5", "a"), ("whole", "50", "a"), ("months", "600", "mo")] {
        let number: Value = serde_json::from_str(value).unwrap();
        let age = json!({"value": number, "system": ucum, "code": code});
        put(app, "Condition", id, json!({"onsetAge": age})).await;
    }
    for (query, expected) in [
        (format!("50|{ucum}|a"), vec!["whole", "months"]),
        (format!("50.5|{ucum}|a"), vec!["half"]),
        (format!("gt50|{ucum}|a"), vec!["half"]),
        (format!("le50|{ucum}|a"), vec!["whole", "months"]),
        ("50".to_owned(), vec!["whole"]),
        ("50||a".to_owned(), vec!["whole"]),
        (format!("600|{ucum}|mo"), vec!["whole", "months"]),
        (format!("ap55|{ucum}|a"), vec!["half", "whole", "months"]),
    ] {
        finds(app, &format!("Condition?onset-age={query}"), &expected).await;
    }
    app.get("Condition?onset-age=many").await.expect_refusal(400);
}

async fn uris_are_precise(app: &TestApp) {
    for (id, url) in
        [("a", "http://example.org/m/a"), ("ab", "http://example.org/m/a/b"), ("ax", "http://example.org/m/ax")]
    {
        put(app, "Measure", id, json!({"url": url})).await;
    }
    for (query, expected) in [
        ("url=http://example.org/m/a", vec!["a"]),
        ("url=http://example.org/M/a", vec![]),
        ("url:below=http://example.org/m/a", vec!["a", "ab"]),
        ("url:above=http://example.org/m/a/b/c", vec!["a", "ab"]),
        ("url:missing=false", vec!["a", "ab", "ax"]),
    ] {
        finds(app, &format!("Measure?{query}"), &expected).await;
    }
}

async fn absent_values_can_be_asked_for(app: &TestApp) {
    put(app, "Patient", "with", json!({"birthDate": "1980", "gender": "female", "name": [{"family": "A"}]})).await;
    put(app, "Patient", "without", json!({})).await;
    for name in ["birthdate", "gender", "family"] {
        finds(app, &format!("Patient?{name}:missing=true"), &["without"]).await;
        finds(app, &format!("Patient?{name}:missing=false"), &["with"]).await;
        app.get(&format!("Patient?{name}:missing=perhaps")).await.expect_refusal(400);
    }
}

async fn chains_and_their_reverse_are_followed(app: &TestApp) {
    a_case(app).await;
    put(app, "Patient", "p", json!({"name": [{"family": "山田"}]})).await;
    for (query, expected) in [
        ("ServiceRequest?subject:Patient.name=山田", vec!["s1", "s2"]),
        ("ServiceRequest?patient.name=山田&requester:Practitioner._id=d", vec!["s1", "s2"]),
        ("Task?focus:ServiceRequest.subject:Patient.family=山", vec!["t1", "t2"]),
        ("Task?focus:ServiceRequest.subject:Patient.family=川", vec![]),
        ("ServiceRequest?_has:Task:focus:owner=Organization/h", vec!["s1", "s3"]),
        ("ServiceRequest?_has:Task:focus:owner=Organization/none", vec![]),
        ("Patient?_has:ServiceRequest:subject:_has:Task:focus:owner=Organization/h", vec!["p", "q"]),
        ("Patient?_has:CareTeam:subject:participant:Practitioner.active=true", vec!["p"]),
        ("Patient?_has:ServiceRequest:subject:status=active&name=山田", vec!["p"]),
    ] {
        finds(app, query, &expected).await;
    }
    for bad in ["subject:Patient.nothing=x", "subject:Nothing.name=x", "subject.name=x.y&status.name=x", "_has:Task=x"]
    {
        app.get(&format!("ServiceRequest?{bad}")).await.expect_refusal(400);
    }
}

async fn results_are_sorted_by_many_keys_and_what_has_none_comes_last(app: &TestApp) {
    for (id, family, born) in
        [("a", Some("B"), "1980"), ("b", Some("a"), "1990"), ("c", None, "1970"), ("d", Some("b"), "1970")]
    {
        let name = family.map(|family| json!([{"family": family}])).unwrap_or(json!([{"text": "?"}]));
        put(app, "Patient", id, json!({"name": name, "birthDate": born})).await;
    }
    for (sort, expected) in [
        ("family,birthdate", ["b", "d", "a", "c"]),
        ("family,-birthdate", ["b", "a", "d", "c"]),
        ("-family,birthdate", ["d", "a", "b", "c"]),
        ("birthdate,-_id", ["d", "c", "a", "b"]),
        ("-_lastUpdated", ["d", "c", "b", "a"]),
        ("-_id", ["d", "c", "b", "a"]),
    ] {
        finds(app, &format!("Patient?_sort={sort}"), &expected).await;
        let paged = super::pages(app, &format!("Patient?_sort={sort}&_count=1"), async |_| ()).await.concat();
        assert_eq!(paged, expected, "{sort}");
    }
    app.get("Patient?_sort=nothing").await.expect_refusal(400);
}
