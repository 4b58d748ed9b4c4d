//! Coded values: bindings of each strength, codes against their system, displays, systems that are not at hand.

use super::*;

const BEDS: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";
const PHYSICAL: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";
const MARITAL: &str = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus";

/// Findings of a Location with the given member: severity, expression, key.
fn location(definitions: &Definitions, member: &str) -> Vec<(Severity, String, String)> {
    found(definitions, &format!(r#"{{"resourceType":"Location","status":"active",{member}}}"#))
}

fn only(severity: Severity, expression: &str, key: &str) -> Vec<(Severity, String, String)> {
    vec![(severity, expression.to_owned(), key.to_owned())]
}

#[test]
fn a_code_that_its_system_does_not_have_is_an_error_wherever_it_stands() {
    use Severity::Error;
    let definitions = base();
    let coding = |system: &str, code: &str| format!(r#"{{"system":"{system}","code":"{code}"}}"#);
    let (bed, physical) = (coding(BEDS, "ZZ"), coding(PHYSICAL, "zz"));
    for (member, expression) in [
        (format!(r#""operationalStatus":{bed}"#), "Location.operationalStatus.code"),
        (format!(r#""physicalType":{{"coding":[{physical}]}}"#), "Location.physicalType.coding[0].code"),
        (format!(r#""meta":{{"tag":[{bed}]}}"#), "Location.meta.tag[0].code"),
        (
            format!(r#""type":[{{"coding":[{}]}}]"#, coding("urn:ietf:bcp:47", "日本")),
            "Location.type[0].coding[0].code",
        ),
        (
            format!(r#""type":[{{"coding":[{}]}}]"#, coding("urn:iso:std:iso:3166", "XX")),
            "Location.type[0].coding[0].code",
        ),
    ] {
        let errors = location(&definitions, &member).into_iter().filter(|(severity, _, _)| *severity == Error);
        assert_eq!(errors.collect::<Vec<_>>(), only(Error, expression, "code-system"), "{member}");
    }
    assert_eq!(location(&definitions, &format!(r#""operationalStatus":{}"#, coding(BEDS, "O"))), []);
    let unit = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1,"system":"SYSTEM","code":"ZZ"}}"#;
    assert_eq!(
        errors(&definitions, &unit.replace("SYSTEM", BEDS)),
        one("Observation.value.ofType(Quantity).code", "code-system")
    );
    assert_eq!(errors(&definitions, &unit.replace("SYSTEM", "http://unitsofmeasure.org")), []);
}

#[test]
fn the_strength_of_a_binding_decides_how_bad_it_is() {
    use Severity::{Information, Warning};
    let definitions = base();
    let other = r#"{"system":"http://hl7.org/fhir/location-status","code":"active"}"#;
    let concept = format!(r#"{{"coding":[{other}]}}"#);
    assert_eq!(
        location(&definitions, &format!(r#""operationalStatus":{other}"#)),
        only(Information, "Location.operationalStatus", "binding")
    );
    assert_eq!(location(&definitions, &format!(r#""physicalType":{concept}"#)), [], "an example binding");
    let patient =
        |status: &str| found(&definitions, &format!(r#"{{"resourceType":"Patient","maritalStatus":{status}}}"#));
    assert_eq!(patient(&concept), only(Warning, "Patient.maritalStatus", "binding"));
    assert_eq!(patient(r#"{"text":"既婚"}"#), [], "text where no code fits");
    let condition =
        format!(r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/1"}},"clinicalStatus":{concept}}}"#);
    assert_eq!(errors(&definitions, &condition), one("Condition.clinicalStatus", "binding"));
}

#[test]
fn one_fault_is_told_once() {
    let definitions = base();
    let unknown =
        r#"{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"actve"}]}"#;
    let condition =
        format!(r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/1"}},"clinicalStatus":{unknown}}}"#);
    assert_eq!(errors(&definitions, &condition), one("Condition.clinicalStatus", "binding"));
    let patient =
        format!(r#"{{"resourceType":"Patient","maritalStatus":{{"coding":[{{"system":"{MARITAL}","code":"Q"}}]}}}}"#);
    assert_eq!(
        found(&definitions, &patient),
        only(Severity::Error, "Patient.maritalStatus.coding[0].code", "code-system")
    );
}

#[test]
fn a_right_code_of_the_wrong_system_is_told_its_system() {
    let definitions = base();
    for system in ["", r#""system":"http://a/b","#] {
        let condition = format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/1"}},"clinicalStatus":{{"coding":[{{{system}"code":"active"}}]}}}}"#
        );
        let issues = definitions.validate(&json(&condition));
        let binding = issues.iter().find(|issue| issue.is_error()).unwrap();
        assert!(
            binding.en.contains("the system of 'active' is http://terminology.hl7.org/CodeSystem/condition-clinical"),
            "{}",
            binding.en
        );
    }
}

#[test]
fn a_display_of_another_concept_is_a_warning() {
    let definitions = base();
    let bed = |display: &str| {
        location(
            &definitions,
            &format!(r#""operationalStatus":{{"system":"{BEDS}","code":"O","display":"{display}"}}"#),
        )
    };
    assert_eq!(bed("Unoccupied"), only(Severity::Warning, "Location.operationalStatus.display", "display"));
    for right in ["Occupied", "occupied", "使用中"] {
        assert_eq!(bed(right), [], "{right}: R4 has English only, so a Japanese display is not judged");
    }
}

#[test]
fn a_system_that_is_not_at_hand_is_told_once() {
    use Severity::Warning;
    let definitions = base();
    let coding = |system: &str| {
        format!(r#"{{"coding":[{{"system":"{system}","code":"1"}},{{"system":"{system}","code":"2"}}]}}"#)
    };
    let types = |system: &str| {
        location(&definitions, &format!(r#""physicalType":{0},"extension":[],"alias":["x"]"#, coding(system)))
    };
    let told = |system: &str| types(system).into_iter().filter(|(_, _, key)| key == "known").collect::<Vec<_>>();
    for system in ["http://snomed.info/sct", "http://hl7.org/fhir/ValueSet/location-status"] {
        assert_eq!(told(system), only(Warning, "Location.physicalType.coding[0].system", "known"), "{system}");
    }
    let place = "Location.physicalType.coding[0].system";
    let relative = location(&definitions, r#""physicalType":{"coding":[{"system":"no-uri","code":"1"}]}"#);
    assert_eq!(relative, only(Severity::Error, place, "absolute"), "a system that is no address");
    assert_eq!(
        location(&definitions, r#""physicalType":{"coding":[{"code":"bd"}]}"#),
        only(Warning, "Location.physicalType.coding[0]", "present"),
        "a code without a system"
    );
}

#[test]
fn the_wrong_case_is_an_error_where_the_system_minds() {
    use Severity::{Error, Warning};
    let definitions = base();
    let bed = location(&definitions, &format!(r#""operationalStatus":{{"system":"{BEDS}","code":"o"}}"#));
    assert_eq!(
        bed,
        only(Warning, "Location.operationalStatus.code", "case"),
        "v2 tables do not say whether case matters"
    );
    let place =
        location(&definitions, &format!(r#""physicalType":{{"coding":[{{"system":"{PHYSICAL}","code":"BD"}}]}}"#));
    assert_eq!(place, only(Error, "Location.physicalType.coding[0].code", "code-system"));
}

#[test]
fn findings_show_what_is_allowed_and_what_was_meant() {
    let definitions = base();
    let issues = definitions.validate(&json(r#"{"resourceType":"Location","status":"actve"}"#));
    let [issue] = issues.as_slice() else { panic!("{issues:?}") };
    assert!(issue.en.ends_with("Did you mean 'active'? Allowed: active, suspended, inactive."), "{}", issue.en);
    assert!(
        issue.ja.contains("「active」ではありませんか。 使えるコード: active, suspended, inactive。"),
        "{}",
        issue.ja
    );
    let many = definitions.validate(&json(r#"{"resourceType":"Patient","communication":[{"language":{"text":"x"}}],"contact":[{"gender":"f","name":{"use":"x"}}]}"#));
    assert!(many.iter().all(|issue| issue.en.len() < 600 && issue.ja.len() < 900), "{many:?}");
}
