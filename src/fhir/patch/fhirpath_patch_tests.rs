//! Behaviour of FHIRPath Patch.

use super::fhirpath_patch::{Unknown, apply};
use super::{PatchErrorKind, Reason};
use crate::fhir::json::{Json, Limits, parse, to_compact};

fn json(text: &str) -> Json {
    parse(text.as_bytes(), Limits::default()).unwrap()
}

fn operation(kind: &str, path: &str, more: &str) -> String {
    let path = path.replace('"', "\\\"");
    format!(
        r#"{{"name":"operation","part":[{{"name":"type","valueCode":"{kind}"}},{{"name":"path","valueString":"{path}"}}{more}]}}"#
    )
}

fn applied(document: &str, operations: &[String]) -> Result<String, super::PatchError> {
    let mut document = json(document);
    let before = document.clone();
    let parameters = format!(r#"{{"resourceType":"Parameters","parameter":[{}]}}"#, operations.join(","));
    let result = apply(&mut document, &json(&parameters), &Unknown);
    if result.is_err() {
        assert_eq!(document, before, "a refused patch leaves no trace");
    }
    result.map(|()| to_compact(&document))
}

#[test]
fn elements_are_added_by_name_type_and_cardinality() {
    let name =
        |name: &str, value: &str| format!(r#",{{"name":"name","valueString":"{name}"}},{{"name":"value",{value}}}"#);
    let patient = r#"{"resourceType":"Patient"}"#;
    for (path, more, expected) in [
        ("Patient", name("birthDate", r#""valueDate":"1930""#), r#"{"resourceType":"Patient","birthDate":"1930"}"#),
        (
            "Patient",
            name("identifier", r#""valueIdentifier":{"value":"1"}"#),
            r#"{"resourceType":"Patient","identifier":[{"value":"1"}]}"#,
        ),
        ("Patient", name("deceased", r#""valueBoolean":true"#), r#"{"resourceType":"Patient","deceasedBoolean":true}"#),
        (
            "Patient",
            name(
                "contact",
                r#""part":[{"name":"name","valueHumanName":{"text":"x"}},{"name":"telecom","valueContactPoint":{"value":"1"}}]"#,
            ),
            r#"{"resourceType":"Patient","contact":[{"name":{"text":"x"},"telecom":[{"value":"1"}]}]}"#,
        ),
        (
            "Patient",
            name("contained", r#""resource":{"resourceType":"Organization","id":"o"}"#),
            r#"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}"#,
        ),
    ] {
        assert_eq!(applied(patient, &[operation("add", path, &more)]).unwrap(), expected);
    }
}

#[test]
fn siblings_stay_beside_their_values() {
    let document = r#"{"resourceType":"Patient","name":[{"given":["a","b"],"_given":[null,{"id":"i"}]}]}"#;
    let value = |value: &str| format!(r#",{{"name":"value",{value}}}"#);
    let insert = operation(
        "insert",
        "Patient.name.given",
        &format!(r#",{{"name":"index","valueInteger":0}}{}"#, value(r#""valueString":"c""#)),
    );
    assert_eq!(
        applied(document, &[insert]).unwrap(),
        r#"{"resourceType":"Patient","name":[{"given":["c","a","b"],"_given":[null,null,{"id":"i"}]}]}"#
    );
    let moved = operation(
        "move",
        "Patient.name.given",
        r#",{"name":"source","valueInteger":1},{"name":"destination","valueInteger":0}"#,
    );
    assert_eq!(
        applied(document, &[moved]).unwrap(),
        r#"{"resourceType":"Patient","name":[{"given":["b","a"],"_given":[{"id":"i"},null]}]}"#
    );
    let deleted = operation("delete", "Patient.name.given[1]", "");
    assert_eq!(applied(document, &[deleted]).unwrap(), r#"{"resourceType":"Patient","name":[{"given":["a"]}]}"#);
    let replaced = operation("replace", "Patient.name.given[1]", &value(r#""valueString":"z""#));
    assert_eq!(applied(document, &[replaced]).unwrap(), r#"{"resourceType":"Patient","name":[{"given":["a","z"]}]}"#);
    let extension = r#",{"name":"name","valueString":"extension"},{"name":"value","valueExtension":{"url":"u"}}"#;
    assert_eq!(
        applied(
            r#"{"resourceType":"Patient","birthDate":"1930"}"#,
            &[operation("add", "Patient.birthDate", extension)]
        )
        .unwrap(),
        r#"{"resourceType":"Patient","birthDate":"1930","_birthDate":{"extension":[{"url":"u"}]}}"#
    );
}

#[test]
fn a_replaced_choice_changes_its_key_in_place() {
    let document = r#"{"resourceType":"Observation","valueString":"x","note":[]}"#;
    let value = r#",{"name":"value","valueQuantity":{"value":1.50}}"#;
    assert_eq!(
        applied(document, &[operation("replace", "Observation.value", value)]).unwrap(),
        r#"{"resourceType":"Observation","valueQuantity":{"value":1.50},"note":[]}"#
    );
    let document = r#"{"resourceType":"ServiceRequest","reasonCode":[{"text":"x"}]}"#;
    let value = r#",{"name":"value","valueCodeableConcept":{"text":"y"}}"#;
    assert_eq!(
        applied(document, &[operation("replace", "ServiceRequest.reasonCode", value)]).unwrap(),
        r#"{"resourceType":"ServiceRequest","reasonCode":[{"text":"y"}]}"#
    );
}

#[test]
fn a_delete_without_a_match_changes_nothing_and_one_with_several_is_refused() {
    let document = r#"{"resourceType":"Patient","name":[{"family":"a"},{"family":"b"}]}"#;
    assert_eq!(applied(document, &[operation("delete", "Patient.birthDate", "")]).unwrap(), document);
    let error = applied(document, &[operation("delete", "Patient.name", "")]).unwrap_err();
    assert_eq!((error.kind(), error.reason), (PatchErrorKind::Inapplicable, Reason::SeveralMatches));
    assert_eq!(
        applied(document, &[operation("delete", "Patient.name[0].family", "")]).unwrap(),
        r#"{"resourceType":"Patient","name":[{"family":"b"}]}"#
    );
}

#[test]
fn refusals_name_the_operation() {
    let document = r#"{"resourceType":"Patient","birthDate":"1930","active":true}"#;
    let value = r#",{"name":"value","valueDate":"1931"}"#;
    let added = format!(r#",{{"name":"name","valueString":"birthDate"}}{value}"#);
    for (kind, path, more, reason) in [
        ("add", "Patient", added.as_str(), Reason::AlreadyThere),
        ("add", "Patient.contact", added.as_str(), Reason::NoSuchTarget),
        ("add", "Patient", value, Reason::MissingPart("name")),
        ("replace", "Patient.gender", value, Reason::NoSuchTarget),
        ("replace", "Patient", value, Reason::IsRoot),
        ("replace", "Patient.birthDate", "", Reason::MissingPart("value")),
        ("replace", "Patient.(", value, Reason::InvalidPath),
        ("delete", "1 + 1", "", Reason::InvalidPath),
        ("delete", "Patient", "", Reason::IsRoot),
        ("insert", "Patient.birthDate", &format!(r#",{{"name":"index","valueInteger":0}}{value}"#), Reason::NotAList),
        ("burn", "Patient", "", Reason::UnknownOperation),
        ("delete", "Patient", r#",{"name":"colour"}"#, Reason::UnknownPart),
    ] {
        let good = operation("delete", "Patient.active", "");
        let error = applied(document, &[good, operation(kind, path, more)]).unwrap_err();
        assert_eq!((error.reason, error.operation), (reason, Some(1)), "{kind} {path}");
        assert_eq!(error.to_issue().pointer.as_deref(), Some("/parameter/1"));
    }
}
