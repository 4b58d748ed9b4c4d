//! Hostile input is bounded in time: resources that are huge, deep or repetitive, and profiles that go in circles or ask
//! for too much. The limits are generous, since tests run without optimisation and beside each other.

use std::time::Duration;

use kakehashi::exchange::check_text_as;
use kakehashi::fhir::outcome::Issue;
use kakehashi::profile::{Definitions, LoadError, Settings, SourceFile, Validation};
use serde_json::{Value, json};

use crate::app::definitions;

const LIMIT: Duration = Duration::from_secs(20);

/// Findings that one validation may tell, with a last word that counts the rest.
const TOLD: usize = 201;

fn within<T>(what: &str, f: impl FnOnce() -> T) -> T {
    let start = on_processor();
    let answer = f();
    let taken = on_processor() - start;
    assert!(taken < LIMIT, "{what} took {taken:?}");
    answer
}

/// For how long this thread has had a processor: what other tests take meanwhile is not counted.
fn on_processor() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split_whitespace().next().unwrap().parse().unwrap())
}

fn findings(what: &str, text: &str) -> Vec<Issue> {
    let issues = within(what, || check_text_as(&definitions(), text.as_bytes(), 64, &Validation::default()));
    assert!(issues.len() <= TOLD, "{what}: {} findings", issues.len());
    issues
}

fn narrative(inside: &str) -> Value {
    json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inside}</div>")})
}

#[test]
fn large_resources_are_judged_in_time() {
    let many = |count: usize, item: Value| Value::from(vec![item; count]);
    let links: String = (0..20_000).map(|at| format!("<a name=\"n{at}\" href=\"#m{at}\">x</a>")).collect();
    let numbered = |at: usize| json!({"id": format!("m{at}"), "value": "x"});
    let identifiers: Vec<Value> = (0..20_000).map(numbered).collect();
    for (what, resource) in [
        ("wrong items", json!({"resourceType": "Location", "alias": many(200_000, json!(1))})),
        ("unknown elements", {
            let members = (0..50_000).map(|at| (format!("x{at}"), json!("y")));
            let mut object: serde_json::Map<String, Value> = members.collect();
            object.insert("resourceType".into(), json!("Location"));
            Value::Object(object)
        }),
        ("null in arrays", {
            let members = (0..50_000).map(|at| (format!("x{at}"), json!([null])));
            let mut object: serde_json::Map<String, Value> = members.collect();
            object.insert("resourceType".into(), json!("Location"));
            Value::Object(object)
        }),
        ("nothing, often", json!({"resourceType": "Location", "alias": many(200_000, json!({}))})),
        ("a long string", json!({"resourceType": "Location", "name": "あ".repeat(3_000_000)})),
        ("a long code", json!({"resourceType": "Location", "status": " ".repeat(3_000_000)})),
        ("a long date", json!({"resourceType": "Patient", "birthDate": "9".repeat(3_000_000)})),
        ("a long narrative", json!({"resourceType": "Location", "text": narrative(&"<b>".repeat(300_000))})),
        ("entities", json!({"resourceType": "Location", "text": narrative(&"&amp;".repeat(300_000))})),
        ("links", json!({"resourceType": "Location", "text": narrative(&links), "identifier": identifiers})),
        (
            "equal ids",
            json!({"resourceType": "Location", "identifier": many(50_000, json!({"id": "a", "value": "x"}))}),
        ),
        (
            "extensions",
            json!({"resourceType": "Location", "extension": many(30_000, json!({"url": "http://a/b", "valueCode": "x"}))}),
        ),
    ] {
        findings(what, &resource.to_string());
    }
}

#[test]
fn resources_within_resources_are_judged_in_time() {
    let organization = |at: usize| json!({"resourceType": "Organization", "id": format!("o{at}"), "name": "x"});
    let contained: Vec<Value> = (0..5_000).map(organization).collect();
    findings("contained", &json!({"resourceType": "Location", "contained": contained}).to_string());
    let mut nested = json!({"resourceType": "Location", "id": "x"});
    for _ in 0..25 {
        nested = json!({"resourceType": "Location", "id": "x", "contained": [nested]});
    }
    assert!(findings("contained in contained", &nested.to_string()).iter().any(Issue::is_error));
    let entry = |at: usize| {
        json!({"fullUrl": format!("http://a.b/fhir/Organization/o{at}"), "resource": {
            "resourceType": "Organization", "id": format!("o{at}"), "name": "x",
            "partOf": {"reference": format!("Organization/o{}", at + 1)}}})
    };
    let document: Vec<Value> = (0..5_000).map(entry).collect();
    for kind in ["document", "message", "collection", "searchset", "transaction"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": document});
        findings(kind, &bundle.to_string());
    }
    let same = json!({"fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "resource": {"resourceType": "Composition",
        "author": vec![json!({"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0/_history/7"}); 20]}});
    let bundle = json!({"resourceType": "Bundle", "type": "document", "entry": vec![same; 2_000]});
    findings("one address", &bundle.to_string());
}

fn profile(name: &str, base: &str, rtype: &str, elements: Value) -> SourceFile {
    let definition = json!({
        "resourceType": "StructureDefinition", "id": name, "url": format!("http://a.b/{name}"), "name": name,
        "status": "active", "kind": "resource", "abstract": false, "type": rtype, "derivation": "constraint",
        "baseDefinition": base, "differential": {"element": elements}
    });
    SourceFile { path: format!("StructureDefinition/{name}.json"), text: definition.to_string() }
}

fn load(what: &str, files: &[SourceFile]) -> Result<Definitions, Vec<LoadError>> {
    let pack = include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz");
    within(what, || Definitions::load(pack, files, Settings::default()))
}

fn judged(what: &str, definitions: &Definitions, resource: &Value, profile: &str) -> Vec<Issue> {
    let how = Validation { profiles: vec![format!("http://a.b/{profile}")], ..Validation::default() };
    let issues = within(what, || check_text_as(definitions, resource.to_string().as_bytes(), 64, &how));
    assert!(issues.len() <= TOLD, "{what}: {} findings", issues.len());
    issues
}

#[test]
fn profiles_that_build_on_themselves_are_refused() {
    let root = |name: &str| json!([{"id": "Location", "path": "Location", "short": name}]);
    let own = [profile("a", "http://a.b/a", "Location", root("a"))];
    assert!(load("its own base", &own).is_err());
    let circle = [
        profile("a", "http://a.b/b", "Location", root("a")),
        profile("b", "http://a.b/c", "Location", root("b")),
        profile("c", "http://a.b/a", "Location", root("c")),
    ];
    assert!(load("bases in a circle", &circle).is_err());
    let chain: Vec<SourceFile> = (0..200)
        .map(|at| profile(&format!("p{at}"), &format!("http://a.b/p{}", at + 1), "Location", root("x")))
        .collect();
    assert!(load("a long chain", &chain).is_err());
}

#[test]
fn profiles_that_ask_for_each_other_end() {
    let extension = |name: &str, other: &str| {
        let base = "http://hl7.org/fhir/StructureDefinition/Extension";
        profile(
            name,
            base,
            "Extension",
            json!([
                {"id": "Extension", "path": "Extension"},
                {"id": "Extension.extension", "path": "Extension.extension",
                    "slicing": {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}},
                {"id": "Extension.extension:o", "path": "Extension.extension", "sliceName": "o", "min": 1,
                    "type": [{"code": "Extension", "profile": [format!("http://a.b/{other}")]}]},
            ]),
        )
    };
    let definitions = load("extensions in a circle", &[extension("e", "f"), extension("f", "e")]).ok();
    if let Some(definitions) = definitions {
        let mut nested = json!({"url": "http://a.b/e", "valueCode": "x"});
        for depth in 0..20 {
            nested = json!({"url": if depth % 2 == 0 { "http://a.b/f" } else { "http://a.b/e" }, "extension": [nested, nested]});
            if nested.to_string().len() > 500_000 {
                break;
            }
        }
        let resource = json!({"resourceType": "Location", "extension": [nested]});
        within("extensions in a circle", || {
            check_text_as(&definitions, resource.to_string().as_bytes(), 64, &Validation::default())
        });
    }
    let part = |name: &str, other: &str| {
        profile(
            name,
            "http://hl7.org/fhir/StructureDefinition/Location",
            "Location",
            json!([
                {"id": "Location", "path": "Location"},
                {"id": "Location.partOf", "path": "Location.partOf",
                    "type": [{"code": "Reference", "targetProfile": [format!("http://a.b/{name}"), format!("http://a.b/{other}")]}]},
            ]),
        )
    };
    let definitions = load("targets in a circle", &[part("a", "b"), part("b", "a")]).unwrap();
    let place = |at: usize| {
        json!({"fullUrl": format!("http://a.b/fhir/Location/l{at}"), "resource": {
        "resourceType": "Location", "id": format!("l{at}"), "name": "x", "meta": {"profile": ["http://a.b/a"]},
        "partOf": {"reference": format!("Location/l{}", (at + 1) % 300)}}})
    };
    let bundle =
        json!({"resourceType": "Bundle", "type": "collection", "entry": (0..300).map(place).collect::<Vec<_>>()});
    within("references in a circle", || {
        check_text_as(&definitions, bundle.to_string().as_bytes(), 64, &Validation::default())
    });
}

#[test]
fn giant_slicings_are_judged_in_time() {
    let mut elements = vec![
        json!({"id": "Location", "path": "Location"}),
        json!({"id": "Location.identifier", "path": "Location.identifier",
            "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "closed"}}),
    ];
    for at in 0..1_000 {
        elements.push(json!({"id": format!("Location.identifier:s{at}"), "path": "Location.identifier", "sliceName": format!("s{at}"), "min": 1, "max": "1"}));
        elements.push(json!({"id": format!("Location.identifier:s{at}.system"), "path": "Location.identifier.system", "fixedUri": format!("http://a.b/{at}")}));
    }
    let base = "http://hl7.org/fhir/StructureDefinition/Location";
    let definitions = load("a thousand slices", &[profile("a", base, "Location", Value::from(elements))]).unwrap();
    let identifiers: Vec<Value> =
        (0..3_000).map(|at| json!({"system": format!("http://a.b/x{at}"), "value": "x"})).collect();
    let resource = json!({"resourceType": "Location", "identifier": identifiers});
    assert!(judged("a thousand slices", &definitions, &resource, "a").iter().any(Issue::is_error));
}

#[test]
fn invariants_that_ask_for_too_much_are_refused_or_stopped() {
    let base = "http://hl7.org/fhir/StructureDefinition/Location";
    let with = |expression: &str| {
        let constraint = json!([{"key": "x-1", "severity": "error", "human": "x", "expression": expression}]);
        [profile("a", base, "Location", json!([{"id": "Location", "path": "Location", "constraint": constraint}]))]
    };
    let resource = json!({"resourceType": "Location", "name": format!("{}!", "a".repeat(200_000)),
        "alias": vec!["x"; 2_000]});
    // Linear in the text, however it is nested.
    for bomb in ["name.matches('^(a+)+$')", "name.matches('^(a|a)*$')", "name.replaceMatches('(a*)*b', 'x').exists()"] {
        let definitions = load(bomb, &with(bomb)).unwrap();
        judged(bomb, &definitions, &resource, "a");
    }
    for refused in ["name.matches('((a{1000}){1000}){1000}')", "name.nosuch()", "name.matches('(')"] {
        assert!(load(refused, &with(refused)).is_err(), "{refused}");
    }
    for long in [
        "alias.select(%resource.alias.select(%resource.alias)).count() > 0",
        "descendants().descendants().descendants().count() > 0",
    ] {
        let definitions = load(long, &with(long)).unwrap();
        let issues = judged(long, &definitions, &resource, "a");
        assert!(issues.iter().any(|issue| issue.rule.as_deref().is_some_and(|rule| rule.ends_with("|x-1"))), "{long}");
    }
}
