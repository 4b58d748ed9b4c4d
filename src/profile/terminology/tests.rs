//! Value sets from small definitions: who is in, who is out, and what cannot be said.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::code_set::{CodeSet, Gap, Membership};
use super::{Terminology, ValueSet};
use crate::profile::facts::Facts;
use crate::profile::tests::pack;

use Membership::{No, Unknown, Yes};

const WARDS: &str = "https://example.org/wards";
const V2_BED: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";

fn wards() -> Value {
    let concept = |code: &str, beds: u32, more: Value| {
        let mut concept = json!({"code": code, "display": code, "property": [{"code": "beds", "valueInteger": beds}]});
        if !more.is_null() {
            concept["concept"] = more;
        }
        concept
    };
    let mut old = concept("old", 5, Value::Null);
    old["property"] = json!([{"code": "inactive", "valueBoolean": true}]);
    json!({
        "resourceType": "CodeSystem", "url": WARDS, "version": "2", "content": "complete",
        "property": [{"code": "beds", "type": "integer"}],
        "concept": [concept("care", 10, json!([concept("sub", 20, Value::Null), concept("long", 30, Value::Null)])), old]
    })
}

fn terminology() -> Terminology {
    let mut terminology = Terminology::new(Arc::new(Facts::read(pack()).unwrap()));
    terminology.add_code_system(&wards());
    let set = |url: &str, compose: Value| json!({"resourceType": "ValueSet", "url": url, "compose": compose});
    terminology.add_value_set(&set("v:all", json!({"include": [{"system": WARDS}]})));
    terminology.add_value_set(&set(
        "v:two",
        json!({"include": [{"system": WARDS, "concept": [{"code": "sub"}, {"code": "old"}]}]}),
    ));
    terminology.add_value_set(&set("v:snomed", json!({"include": [{"system": "http://snomed.info/sct"}]})));
    terminology.add_value_set(&set("v:a", json!({"include": [{"valueSet": ["v:b"]}]})));
    terminology.add_value_set(&set(
        "v:b",
        json!({"include": [{"valueSet": ["v:a"]}, {"system": WARDS, "concept": [{"code": "sub"}]}]}),
    ));
    terminology
}

fn of(terminology: &Terminology, compose: &Value) -> CodeSet {
    terminology.set_of(&ValueSet::from_resource(&json!({"compose": compose})))
}

/// The members among the four wards, or why they are not known.
fn members(terminology: &Terminology, include: Value) -> Result<Vec<String>, Gap> {
    let set = of(terminology, &json!({"include": [include]}));
    let mut found = Vec::new();
    set.each(&mut |member| {
        found.push(member.code.to_owned());
        true
    })?;
    for code in ["care", "sub", "long", "old"] {
        let expected = Membership::from(found.iter().any(|found| found == code));
        assert_eq!(set.contains(Some(WARDS), code), expected, "{code}");
    }
    Ok(found)
}

#[test]
fn filters_follow_hierarchy_and_properties() {
    let terminology = terminology();
    for (property, operator, value, expected) in [
        ("concept", "is-a", "care", vec!["care", "sub", "long"]),
        ("concept", "descendent-of", "care", vec!["sub", "long"]),
        ("concept", "is-not-a", "care", vec!["old"]),
        ("concept", "generalizes", "sub", vec!["care", "sub"]),
        ("concept", "in", "sub, old", vec!["sub", "old"]),
        ("concept", "not-in", "sub,old", vec!["care", "long"]),
        ("code", "regex", "o.?d", vec!["old"]),
        ("beds", "=", "20", vec!["sub"]),
        ("beds", "in", "20,30", vec!["sub", "long"]),
        ("beds", "exists", "false", vec!["old"]),
        ("inactive", "=", "true", vec!["old"]),
        ("parent", "=", "care", vec!["sub", "long"]),
        ("child", "=", "sub", vec!["care"]),
    ] {
        let filter = json!({"system": WARDS, "filter": [{"property": property, "op": operator, "value": value}]});
        assert_eq!(
            members(&terminology, filter),
            Ok(expected.into_iter().map(str::to_owned).collect()),
            "{property} {operator} {value}"
        );
    }
    let both = json!({"system": WARDS, "filter": [
        {"property": "concept", "op": "is-a", "value": "care"}, {"property": "beds", "op": "not-in", "value": "10"}]});
    assert_eq!(members(&terminology, both), Ok(vec!["sub".to_owned(), "long".to_owned()]));
}

#[test]
fn a_filter_over_what_is_not_known_is_undecided() {
    let terminology = terminology();
    for (property, operator, value) in
        [("colour", "=", "red"), ("concept", "like", "x"), ("code", "regex", "("), ("code", "regex", "(a{1000}){1000}")]
    {
        let compose =
            json!({"include": [{"system": WARDS, "filter": [{"property": property, "op": operator, "value": value}]}]});
        let set = of(&terminology, &compose);
        assert_eq!(set.contains(Some(WARDS), "sub"), Unknown, "{property} {operator}");
        assert_eq!(set.contains(Some(V2_BED), "O"), No, "the system is another in any case");
        assert!(matches!(set.each(&mut |_| true), Err(Gap::Filter { .. })));
    }
}

#[test]
fn systems_and_value_sets_together_are_an_intersection() {
    let terminology = terminology();
    let cut = |include: Value| members(&terminology, include);
    assert_eq!(cut(json!({"valueSet": ["v:all", "v:two"]})), Ok(vec!["sub".to_owned(), "old".to_owned()]));
    assert_eq!(
        cut(json!({"system": WARDS, "concept": [{"code": "sub"}, {"code": "long"}], "valueSet": ["v:two"]})),
        Ok(vec!["sub".to_owned()])
    );
    assert_eq!(cut(json!({"valueSet": ["v:two", "v:all|9"]})), Ok(vec!["sub".to_owned(), "old".to_owned()]));
    let with_unknown = of(&terminology, &json!({"include": [{"system": WARDS, "valueSet": ["v:nowhere"]}]}));
    assert_eq!(with_unknown.contains(Some(WARDS), "sub"), Unknown);
    assert_eq!(with_unknown.contains(Some(WARDS), "none"), No, "the system has no such code, whatever the set says");
}

#[test]
fn what_is_excluded_is_out_and_what_may_be_is_undecided() {
    let terminology = terminology();
    let without = |exclude: Value| of(&terminology, &json!({"include": [{"system": WARDS}], "exclude": [exclude]}));
    let set = without(json!({"system": WARDS, "concept": [{"code": "sub"}]}));
    assert_eq!([set.contains(None, "sub"), set.contains(None, "long"), set.contains(None, "x")], [No, Yes, No]);
    let set = without(json!({"valueSet": ["v:nowhere"]}));
    assert_eq!([set.contains(None, "sub"), set.contains(None, "x")], [Unknown, No]);
    assert_eq!(set.each(&mut |_| true), Err(Gap::ValueSet("v:nowhere".to_owned())));
}

#[test]
fn what_is_not_at_hand_is_never_no() {
    let terminology = terminology();
    let set = of(&terminology, &json!({"include": [{"system": WARDS}, {"system": "http://snomed.info/sct"}]}));
    assert_eq!(set.contains(Some("http://snomed.info/sct"), "1"), Unknown);
    assert_eq!(set.contains(Some(WARDS), "sub"), Yes);
    assert_eq!(set.contains(Some(WARDS), "x"), No);
    assert_eq!(set.contains(None, "x"), Unknown, "a plain code may be SNOMED's");
    let other_version = of(&terminology, &json!({"include": [{"system": WARDS, "version": "3"}]}));
    assert_eq!(other_version.contains(Some(WARDS), "sub"), Unknown);
    assert_eq!(terminology.set("v:nowhere").contains(None, "sub"), Unknown);
    assert_eq!(of(&terminology, &json!({})).contains(None, "sub"), Unknown);
}

#[test]
fn value_sets_in_a_circle_end() {
    let terminology = terminology();
    for url in ["v:a", "v:b"] {
        let set = terminology.set(url);
        assert_eq!([set.contains(Some(WARDS), "sub"), set.contains(Some(WARDS), "long")], [Yes, Unknown], "{url}");
    }
}

#[test]
fn codes_out_of_use_are_in_unless_the_set_says_otherwise() {
    let terminology = terminology();
    let set = |inactive: Value| {
        of(
            &terminology,
            &json!({"inactive": inactive, "include": [{"system": WARDS}, {"system": WARDS, "concept": [{"code": "old"}]}]}),
        )
    };
    assert_eq!(set(Value::Null).contains(None, "old"), Yes);
    assert_eq!([set(json!(false)).contains(None, "old"), set(json!(false)).contains(None, "sub")], [No, Yes]);
}

#[test]
fn an_expansion_says_what_rules_do_not() {
    let terminology = terminology();
    let set = |source: Value| terminology.set_of(&ValueSet::from_resource(&source));
    let contains = json!([{"system": "s:1", "code": "a", "contains": [{"system": "s:1", "code": "b"}]}, {"abstract": true, "code": "h"}]);
    let whole = set(json!({"expansion": {"total": 3, "contains": contains}}));
    assert_eq!(["a", "b", "h", "x"].map(|code| whole.contains(Some("s:1"), code)), [Yes, Yes, No, No]);
    let page = set(json!({"expansion": {"total": 9, "contains": contains}}));
    assert_eq!(["a", "x"].map(|code| page.contains(Some("s:1"), code)), [Yes, Unknown]);
    let both = set(json!({"compose": {"include": [{"system": "s:1"}]}, "expansion": {"contains": contains}}));
    assert_eq!(["a", "x"].map(|code| both.contains(Some("s:1"), code)), [Yes, Unknown]);
}

#[test]
fn codes_of_r4_are_at_hand() {
    let terminology = terminology();
    let status = terminology.set("http://hl7.org/fhir/ValueSet/location-status");
    assert_eq!(["active", "open"].map(|code| status.contains(None, code)), [Yes, No]);
    let roles = terminology.set("http://terminology.hl7.org/ValueSet/v3-ServiceDeliveryLocationRoleType");
    let role = |code: &str| roles.contains(Some("http://terminology.hl7.org/CodeSystem/v3-RoleCode"), code);
    assert_eq!([role("HOSP"), role("MTH"), role("_ServiceDeliveryLocationRoleType")], [Yes, No, No]);
    let languages = terminology.set("http://hl7.org/fhir/ValueSet/all-languages");
    assert_eq!(["ja-JP", "日本"].map(|code| languages.contains(Some("urn:ietf:bcp:47"), code)), [Yes, No]);
}

proptest! {
    /// An intersection never says yes where a part says no, and the order of its parts is no matter.
    #[test]
    fn intersections_and_exclusions_are_consistent(chosen in proptest::collection::vec(0_usize..4, 0..4), code in 0_usize..5) {
        let codes = ["care", "sub", "long", "old", "none"];
        let terminology = terminology();
        let listed: Vec<Value> = chosen.iter().map(|at| json!({"code": codes[*at]})).collect();
        let part = if listed.is_empty() { json!({"valueSet": ["v:snomed"]}) } else { json!({"system": WARDS, "concept": listed}) };
        let alone = of(&terminology, &json!({"include": [part]})).contains(Some(WARDS), codes[code]);
        let two = terminology.set("v:two").contains(Some(WARDS), codes[code]);
        let mut cut = part.clone();
        cut["valueSet"] = if listed.is_empty() { json!(["v:snomed", "v:two"]) } else { json!(["v:two"]) };
        prop_assert_eq!(of(&terminology, &json!({"include": [cut]})).contains(Some(WARDS), codes[code]), alone.min(two));
        let rest = of(&terminology, &json!({"include": [{"valueSet": ["v:two"]}], "exclude": [part]}));
        let expected = match alone { Yes => No, No => two, Unknown => two.min(Unknown) };
        prop_assert_eq!(rest.contains(Some(WARDS), codes[code]), expected);
    }
}
