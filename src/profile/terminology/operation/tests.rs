//! The operations on small definitions and on R4's own.

use serde_json::{Value, json};

use super::{CodingAsked, ExpandRequest, LookupRequest, Refusal, TranslateRequest, ValidateCodeRequest, ValueSetRef};
use crate::fhir::json::Json;
use crate::fhir::outcome::Language;
use crate::profile::tests::pack;
use crate::profile::{Definitions, Settings, SourceFile};

const WARDS: &str = "https://example.org/wards";
const V2_BED: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";

fn definitions() -> Definitions {
    let file = |kind: &str, id: &str, mut resource: Value| {
        resource["resourceType"] = json!(kind);
        resource["id"] = json!(id);
        SourceFile { path: format!("{kind}/{id}.json"), text: resource.to_string() }
    };
    let wards = json!({
        "url": WARDS, "version": "2", "name": "Wards", "content": "complete", "language": "en",
        "concept": [
            {"code": "care", "display": "Care", "definition": "Any care.", "concept": [
                {"code": "sub", "display": "Sub-acute", "designation": [{"language": "ja", "value": "亜急性期"}],
                 "property": [{"code": "beds", "valueInteger": 20}]},
                {"code": "long", "display": "Long-term"}]},
            {"code": "old", "display": "Old", "property": [{"code": "inactive", "valueBoolean": true}]},
        ]
    });
    let map = json!({
        "url": "https://example.org/map", "version": "1",
        "sourceUri": "https://example.org/from", "targetUri": "https://example.org/to",
        "group": [{"source": WARDS, "target": V2_BED, "element": [
            {"code": "care", "target": [{"code": "O", "equivalence": "wider"}]},
            {"code": "sub", "target": [{"code": "O", "equivalence": "equivalent"}, {"equivalence": "unmatched", "comment": "no"}]},
            {"code": "long", "target": [{"code": "C", "equivalence": "narrower", "dependsOn": [{"property": "p", "value": "v"}]}]}],
            "unmapped": {"mode": "fixed", "code": "K"}}]
    });
    let all = json!({"url": "https://example.org/all", "compose": {"include": [{"system": WARDS}]}});
    let files = [file("CodeSystem", "wards", wards), file("ConceptMap", "map", map), file("ValueSet", "all", all)];
    Definitions::load(pack(), &files, Settings::default()).unwrap()
}

fn serde(json: &Json) -> Value {
    json.to_serde()
}

/// The values of the parameters of a name.
fn values<'a>(parameters: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = parameters["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == name);
    all.map(|one| {
        one.as_object().unwrap().iter().find(|(key, _)| *key == "part" || key.starts_with("value")).unwrap().1
    })
    .collect()
}

#[test]
fn lookup_tells_all_that_is_known() {
    let definitions = definitions();
    let request =
        LookupRequest { system: WARDS, code: "sub", display_language: Some("ja"), ..LookupRequest::default() };
    let found = definitions.lookup(&request).unwrap();
    assert_eq!(
        (found.name.as_str(), found.version.as_deref(), found.display.as_str()),
        ("Wards", Some("2"), "亜急性期")
    );
    let told: Vec<(&str, &Value)> = found.properties.iter().map(|one| (one.code.as_str(), &one.value)).collect();
    assert_eq!(told, [("parent", &json!("care")), ("beds", &json!(20))]);
    let answer = serde(&found.to_parameters());
    assert_eq!(values(&answer, "designation").len(), 1);
    let only = LookupRequest { code: "care", properties: vec!["definition", "child"], ..request.clone() };
    let told: Vec<String> = definitions.lookup(&only).unwrap().properties.into_iter().map(|one| one.code).collect();
    assert_eq!(told, ["definition", "child", "child"]);
    let of_r4 = LookupRequest { system: V2_BED, code: "O", ..LookupRequest::default() };
    assert_eq!(definitions.lookup(&of_r4).unwrap().display, "Occupied");
}

#[test]
fn lookup_says_why_there_is_no_answer() {
    let definitions = definitions();
    let ask = |system, code, version| {
        definitions.lookup(&LookupRequest { system, code, version, ..LookupRequest::default() })
    };
    let near = Some("long".to_owned());
    assert_eq!(ask(WARDS, "lomg", None), Err(Refusal::UnknownCode { system: WARDS.into(), code: "lomg".into(), near }));
    assert_eq!(ask("http://snomed.info/sct", "1", None), Err(Refusal::UnknownSystem("http://snomed.info/sct".into())));
    assert_eq!(
        ask(WARDS, "sub", Some("1")),
        Err(Refusal::UnknownVersion { url: WARDS.into(), at_hand: Some("2".into()) })
    );
    assert!(ask(WARDS, "sub", Some("2")).is_ok() && ask("https://example.org/wards|2", "sub", None).is_ok());
    assert!(matches!(
        ask("http://terminology.hl7.org/CodeSystem/service-type", "zzz", None),
        Err(Refusal::Undecidable(_))
    ));
}

#[test]
fn a_code_is_judged_with_its_display() {
    let definitions = definitions();
    let ask = |code, display| {
        let codings = vec![CodingAsked { system: Some(WARDS), code, display, ..CodingAsked::default() }];
        definitions.validate_code(&ValidateCodeRequest { codings, ..ValidateCodeRequest::default() }).unwrap()
    };
    assert!(ask("sub", None).result && ask("sub", Some("亜急性期")).result && ask("sub", Some("sub-acute")).result);
    let wrong = ask("sub", Some("Acute"));
    assert_eq!((wrong.result, wrong.display.as_deref()), (false, Some("Sub-acute")));
    let absent = serde(&ask("nub", None).to_parameters(Language::Ja));
    assert_eq!(values(&absent, "result"), [&json!(false)]);
    assert!(values(&absent, "message")[0].as_str().unwrap().contains("ありません"));
    assert!(absent.to_string().contains("is not in the code system"), "{absent}");
}

#[test]
fn a_code_is_judged_against_a_value_set() {
    let definitions = definitions();
    let ask = |codings: Vec<CodingAsked<'_>>| {
        let set = ValueSetRef::Url("https://example.org/all");
        definitions.validate_code_in(&set, &ValidateCodeRequest { codings, ..ValidateCodeRequest::default() }).unwrap()
    };
    let coding = |system, code| CodingAsked { system: Some(system), code, ..CodingAsked::default() };
    assert!(ask(vec![coding(WARDS, "sub")]).result);
    assert!(!ask(vec![coding(V2_BED, "O")]).result);
    assert!(ask(vec![coding(V2_BED, "O"), coding(WARDS, "old")]).result, "one of a concept's codings is enough");
    let plain = ask(vec![CodingAsked { code: "long", ..CodingAsked::default() }]);
    assert_eq!(
        (plain.result, plain.system.as_deref(), plain.display.as_deref()),
        (true, Some(WARDS), Some("Long-term"))
    );
    let unknown = ValueSetRef::Url("https://example.org/none");
    let request = ValidateCodeRequest { codings: vec![coding(WARDS, "sub")], ..ValidateCodeRequest::default() };
    assert_eq!(
        definitions.validate_code_in(&unknown, &request),
        Err(Refusal::UnknownValueSet("https://example.org/none".into()))
    );
    let in_version = |version| {
        let codings = vec![CodingAsked { version: Some(version), ..coding(WARDS, "sub") }];
        let request = ValidateCodeRequest { codings, ..ValidateCodeRequest::default() };
        definitions.validate_code_in(&ValueSetRef::Url("https://example.org/all"), &request)
    };
    assert!(in_version("2").unwrap().result);
    assert_eq!(in_version("1"), Err(Refusal::UnknownVersion { url: WARDS.into(), at_hand: Some("2".into()) }));
}

#[test]
fn expansions_are_filtered_and_paged() {
    let definitions = definitions();
    let expand = |request: ExpandRequest<'_>| {
        let page = definitions.expand(&ValueSetRef::Url("https://example.org/all"), &request).unwrap();
        (page.total, page.codes.iter().map(|code| code.code.clone()).collect::<Vec<_>>().join(" "))
    };
    let all = ExpandRequest::default();
    assert_eq!(expand(all.clone()), (4, "care sub long old".into()));
    assert_eq!(expand(ExpandRequest { active_only: true, ..all.clone() }), (3, "care sub long".into()));
    assert_eq!(expand(ExpandRequest { filter: Some("亜急"), ..all.clone() }), (1, "sub".into()));
    assert_eq!(expand(ExpandRequest { filter: Some("LONG"), ..all.clone() }), (1, "long".into()));
    assert_eq!(expand(ExpandRequest { count: Some(2), offset: 1, ..all.clone() }), (4, "sub long".into()));
    assert_eq!(expand(ExpandRequest { count: Some(0), ..all.clone() }), (4, String::new()));
    assert_eq!(expand(ExpandRequest { offset: 9, count: Some(2), ..all }), (4, String::new()));
}

#[test]
fn pages_put_together_are_the_whole() {
    let definitions = definitions();
    let set = ValueSetRef::Url("http://terminology.hl7.org/ValueSet/v3-ServiceDeliveryLocationRoleType");
    let whole = definitions.expand(&set, &ExpandRequest::default()).unwrap();
    assert!(whole.total > 100);
    let mut joined = Vec::new();
    while joined.len() < whole.total {
        let request = ExpandRequest { offset: joined.len(), count: Some(17), ..ExpandRequest::default() };
        joined.extend(definitions.expand(&set, &request).unwrap().codes);
    }
    assert_eq!(joined, whole.codes);
}

#[test]
fn an_expansion_is_a_value_set_in_the_language_asked_for() {
    let definitions = definitions();
    let request =
        ExpandRequest { display_language: Some("ja-JP"), include_designations: true, ..ExpandRequest::default() };
    let page = definitions.expand(&ValueSetRef::Url("https://example.org/all"), &request).unwrap();
    let set = serde(&page.to_value_set(&request, "2026-04-01T00:00:00Z"));
    let sub = &set["expansion"]["contains"][1];
    assert_eq!((&sub["display"], &sub["designation"][0]["language"]), (&json!("亜急性期"), &json!("ja")));
    assert_eq!(set["expansion"]["contains"][0]["display"], "Care", "there is no Japanese for it");
    assert_eq!(set["expansion"]["contains"][3]["inactive"], true);
    let problems: Vec<_> =
        definitions.validate(&Json::from_serde(&set)).into_iter().filter(|issue| issue.is_error()).collect();
    assert_eq!(problems, []);
}

#[test]
fn what_cannot_be_expanded_says_why() {
    let definitions = definitions();
    let inline = |compose: Value| {
        let set = Json::from_serde(&json!({"resourceType": "ValueSet", "compose": compose}));
        definitions.expand(&ValueSetRef::Inline(&set), &ExpandRequest::default()).map(|page| page.total)
    };
    assert_eq!(inline(json!({"include": [{"system": WARDS}, {"system": WARDS, "concept": [{"code": "sub"}]}]})), Ok(4));
    let snomed = inline(json!({"include": [{"system": "http://snomed.info/sct"}]})).unwrap_err();
    assert!(snomed.issue().en.contains("the code system http://snomed.info/sct is not at hand"), "{snomed:?}");
    let many: Vec<Value> = (0..200).map(|_| json!({"system": WARDS})).collect();
    assert_eq!(inline(json!({"include": many})), Err(Refusal::TooCostly(64)));
    let unknown = definitions.expand(&ValueSetRef::Url("v:none"), &ExpandRequest::default());
    assert_eq!(unknown, Err(Refusal::UnknownValueSet("v:none".into())));
}

#[test]
fn codes_are_translated_there_and_back() {
    let definitions = definitions();
    let ask = |request: TranslateRequest<'_>| {
        let found = definitions.translate(&request).unwrap();
        let shown = |one: &super::Match| format!("{} {}", one.equivalence, one.code.as_deref().unwrap_or("-"));
        (found.result, found.matches.iter().map(shown).collect::<Vec<_>>())
    };
    let of = |system, code| TranslateRequest {
        url: Some("https://example.org/map"),
        codings: vec![CodingAsked { system: Some(system), code, ..CodingAsked::default() }],
        ..TranslateRequest::default()
    };
    assert_eq!(ask(of(WARDS, "sub")), (true, vec!["equivalent O".into(), "unmatched -".into()]));
    assert_eq!(ask(of(WARDS, "zzz")), (true, vec!["inexact K".into()]), "unmapped codes have a fixed one");
    assert_eq!(ask(of(WARDS, "long")), (false, vec![]), "it depends on something that was not given");
    let dependencies = vec![super::super::Dependency { property: "p".into(), system: None, value: "v".into() }];
    assert_eq!(ask(TranslateRequest { dependencies, ..of(WARDS, "long") }), (true, vec!["narrower C".into()]));
    let back = TranslateRequest { reverse: true, ..of(V2_BED, "O") };
    assert_eq!(ask(back.clone()), (true, vec!["narrower care".into(), "equivalent sub".into()]));
    assert_eq!(
        ask(TranslateRequest { url: None, target_system: Some(V2_BED), ..of(WARDS, "care") }),
        (true, vec!["wider O".into()])
    );
    let missing = definitions.translate(&TranslateRequest { url: Some("https://example.org/no"), ..back });
    assert_eq!(missing, Err(Refusal::UnknownMap));
    let answer = serde(&definitions.translate(&of(WARDS, "sub")).unwrap().to_parameters(Language::En));
    assert_eq!(values(&answer, "match")[0][1]["valueCoding"]["display"], "Occupied");
    assert_eq!(values(&answer, "match")[1][1]["name"], "source", "a code without a match has no concept");
}
