//! Each type of element, for each kind of parameter.

use proptest::prelude::*;

use super::{Collector, Element, collect, index_form};
use crate::fhir::json::{Json, Limits, parse};
use crate::profile::SearchKind;
use crate::search::date_range;
use crate::store::{Derived, system_id};

const UCUM: &str = "http://unitsofmeasure.org";

/// The rows of one element; parameter 1 is its own, 2 to 5 are its parts.
fn rows(kind: SearchKind, type_name: &str, text: &str) -> Derived {
    let json: Json = parse(text.as_bytes(), Limits { depth: 16 }).unwrap();
    let to = Collector { kind, param: 1, text: 2, of_type: 3, identifier: 4, seconds: 5 };
    let mut found = Derived::default();
    collect(&to, Element { json: &json, type_name: Some(type_name) }, &mut found);
    found
}

/// `parameter code system`.
type Code = (i64, String, i64);

/// The codes, and `parameter text` of the strings.
fn tokens(kind: SearchKind, type_name: &str, text: &str) -> (Vec<Code>, Vec<(i64, String)>) {
    let found = rows(kind, type_name, text);
    let tokens = found.tokens.into_iter().map(|row| (row.param, row.code, row.system)).collect();
    (tokens, found.strings.into_iter().map(|row| (row.param, row.exact)).collect())
}

fn token(code: &str, system: &str) -> Code {
    (1, code.to_owned(), system_id(system))
}

#[test]
fn tokens_are_codes_with_their_systems() {
    let found = |type_name, text| tokens(SearchKind::Token, type_name, text);
    assert_eq!(found("code", r#""active""#), (vec![token("active", "")], vec![]));
    assert_eq!(found("boolean", "true"), (vec![token("true", "")], vec![]));
    assert_eq!(found("id", r#""a-1""#), (vec![token("a-1", "")], vec![]));
    let coding = r#"{"system":"s","version":"1","code":"a","display":"イ"}"#;
    assert_eq!(found("Coding", coding), (vec![token("a", "s")], vec![(2, "イ".to_owned())]));
    let concept = r#"{"coding":[{"system":"s","code":"a"},{"code":"b","display":"B"}],"text":"T"}"#;
    let words = vec![(2, "B".to_owned()), (2, "T".to_owned())];
    assert_eq!(found("CodeableConcept", concept), (vec![token("a", "s"), token("b", "")], words));
    let words = vec![(2, "T".to_owned())];
    assert_eq!(found("CodeableConcept", r#"{"text":"T"}"#), (vec![], words), "by its words alone");
    assert_eq!(found("Coding", r#"{"system":"s","display":"D"}"#).0, []);
    let phone = r#"{"system":"phone","value":"06-1","use":"work"}"#;
    assert_eq!(found("ContactPoint", phone), (vec![token("06-1", "")], vec![]), "phone is no code system");
}

#[test]
fn identifiers_are_found_by_their_type_as_well() {
    let identifier = r#"{"system":"s","value":"1","type":{"coding":[{"system":"t","code":"MR","display":"D"},{"code":"x"}],"text":"T"}}"#;
    let (found, words) = tokens(SearchKind::Token, "Identifier", identifier);
    assert_eq!(found, [token("1", "s"), (3, "1".to_owned(), system_id("t|MR"))]);
    assert_eq!(words, [(2, "D".to_owned()), (2, "T".to_owned())]);
    assert_eq!(tokens(SearchKind::Token, "Identifier", r#"{"value":"1"}"#).0, [token("1", "")]);
}

#[test]
fn long_texts_stand_in_the_index_as_digests() {
    let long = "x".repeat(600);
    let (found, _) = tokens(SearchKind::Token, "string", &format!("\"{long}\""));
    assert_eq!(found, [token(&index_form(&long), "")]);
    assert!(index_form(&long).len() < 100 && index_form(&"x".repeat(512)).len() == 512);
    assert_ne!(index_form(&long), index_form(&"x".repeat(601)));
}

#[test]
fn canonicals_are_found_with_and_without_their_version() {
    let found = |text| tokens(SearchKind::Uri, "canonical", text).0;
    assert_eq!(found(r#""http://a/x|1""#), [token("http://a/x", ""), token("http://a/x|1", "")]);
    assert_eq!(found(r#""urn:oid:1.2""#), [token("urn:oid:1.2", "")]);
}

#[test]
fn strings_are_the_parts_of_names_and_addresses() {
    let found = |type_name, text| -> Vec<(String, String)> {
        let rows = rows(SearchKind::String, type_name, text).strings;
        rows.into_iter().inspect(|row| assert_eq!(row.param, 1)).map(|row| (row.folded, row.exact)).collect()
    };
    let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(folded, exact)| ((*folded).to_owned(), (*exact).to_owned())).collect()
    };
    assert_eq!(found("string", r#""トヨナカ Ａ""#), pairs(&[("とよなか a", "トヨナカ Ａ")]));
    let name = r#"{"use":"official","family":"F","given":["A","B"],"prefix":["P"],"suffix":["S"],"text":"T"}"#;
    let parts = [("a", "A"), ("b", "B"), ("f", "F"), ("p", "P"), ("s", "S"), ("t", "T")];
    assert_eq!(found("HumanName", name), pairs(&parts));
    let address = r#"{"use":"work","line":["L",null],"city":"C","district":"D","state":"S","postalCode":"560","country":"JP","text":"T"}"#;
    let parts = [("560", "560"), ("c", "C"), ("d", "D"), ("jp", "JP"), ("l", "L"), ("s", "S"), ("t", "T")];
    assert_eq!(found("Address", address), pairs(&parts));
}

#[test]
fn references_are_local_elsewhere_or_logical() {
    let found = |type_name: &str, text: &str| -> Vec<String> {
        let rows = rows(SearchKind::Reference, type_name, text);
        assert!(rows.references.iter().all(|row| row.param == 1));
        rows.references.into_iter().map(|row| [row.target_type, row.target_id, row.version].join(" ")).collect()
    };
    let to = |reference: &str| -> Vec<String> { found("Reference", &format!(r#"{{"reference":"{reference}"}}"#)) };
    assert_eq!(to("Patient/1"), ["Patient 1 "]);
    assert_eq!(to("Patient/1/_history/2"), ["Patient 1 2"]);
    assert_eq!(to("http://a/Patient/1"), [" http://a/Patient/1 "]);
    assert_eq!(to("http://a/Patient/1/_history/2"), [" http://a/Patient/1 2"]);
    assert_eq!(to("urn:uuid:1"), [" urn:uuid:1 "]);
    assert!(to("#p").is_empty() && to("").is_empty());
    let canonical = found("canonical", r#""http://a/x|1.0""#);
    assert_eq!(canonical, [" http://a/x 1.0"]);
    let logical =
        rows(SearchKind::Reference, "Reference", r#"{"identifier":{"system":"s","value":"v"},"display":"D"}"#);
    assert!(logical.references.is_empty());
    let tokens: Vec<_> = logical.tokens.into_iter().map(|row| (row.param, row.code, row.system)).collect();
    assert_eq!(tokens, [(4, "v".to_owned(), system_id("s"))]);
}

#[test]
fn dates_are_as_wide_as_they_are_precise() {
    let found = |type_name, text| -> Vec<(i64, i64)> {
        let rows = rows(SearchKind::Date, type_name, text).dates;
        rows.into_iter().inspect(|row| assert_eq!(row.param, 1)).map(|row| (row.low, row.high)).collect()
    };
    let (start, end) = (|text| date_range(text).unwrap().0.0, |text| date_range(text).unwrap().1.0);
    assert_eq!(found("date", r#""2026-04""#), [(start("2026-04-01"), start("2026-05-01"))]);
    let moment = start("2026-04-01T00:00:00Z");
    assert_eq!(found("instant", r#""2026-04-01T09:00:00.000+09:00""#), [(moment, moment + 1)]);
    let period = |text| found("Period", text);
    assert_eq!(period(r#"{"start":"2026","end":"2026-02"}"#), [(start("2026"), end("2026-02"))]);
    assert_eq!(period(r#"{"start":"2026"}"#), [(start("2026"), i64::MAX)]);
    assert_eq!(period(r#"{"end":"2026"}"#), [(i64::MIN, end("2026"))]);
    assert!(period("{}").is_empty() && period(r#"{"start":"x","end":"2026"}"#).is_empty());
    let timing = |text| found("Timing", text);
    assert_eq!(timing(r#"{"event":["2026-05","2026-01"]}"#), [(start("2026-01"), end("2026-05"))], "the outer limits");
    let bounds = r#"{"repeat":{"boundsPeriod":{"start":"2026-03"},"frequency":1},"event":["2026-01"]}"#;
    assert_eq!(timing(bounds), [(start("2026-01"), i64::MAX)]);
    assert!(timing(r#"{"repeat":{"frequency":1}}"#).is_empty());
}

/// `parameter low high system code unit`.
type Amount = (i64, f64, f64, i64, String, String);

fn amounts(kind: SearchKind, type_name: &str, text: &str) -> Vec<Amount> {
    let rows = rows(kind, type_name, text).quantities;
    rows.into_iter().map(|row| (row.param, row.low.0, row.high.0, row.system, row.code, row.unit)).collect()
}

fn amount(low: f64, high: f64, system: &str, code: &str, unit: &str) -> Amount {
    (1, low, high, system_id(system), code.to_owned(), unit.to_owned())
}

#[test]
fn numbers_and_quantities_are_ranges() {
    assert_eq!(amounts(SearchKind::Number, "decimal", "5.40"), [amount(5.4, 5.4, "", "", "")]);
    let found = |type_name: &str, text: &str| amounts(SearchKind::Quantity, type_name, text);
    let open = f64::INFINITY;
    let mg = r#""unit":"milligrams","system":"http://unitsofmeasure.org","code":"mg""#;
    for (comparator, low, high) in [
        ("", 5.0, 5.0),
        (r#""comparator":"<","#, -open, 5.0),
        (r#""comparator":"<=","#, -open, 5.0),
        (r#""comparator":">","#, 5.0, open),
        (r#""comparator":">=","#, 5.0, open),
    ] {
        let quantity = format!(r#"{{"value":5,{comparator}{mg}}}"#);
        assert_eq!(found("Quantity", &quantity), [amount(low, high, UCUM, "mg", "milligrams")], "{comparator}");
    }
    let range = |low: &str, high: &str| found("Range", &format!("{{{low}{high}}}"));
    assert_eq!(range(r#""low":{"value":1,"unit":"x"},"#, r#""high":{"value":2}"#), [amount(1.0, 2.0, "", "", "x")]);
    assert_eq!(range("", r#""high":{"value":2,"unit":"x"}"#), [amount(-open, 2.0, "", "", "x")]);
    assert_eq!(range(r#""low":{"value":1}"#, ""), [amount(1.0, open, "", "", "")]);
    let money = amount(980.0, 980.0, "urn:iso:std:iso:4217", "JPY", "");
    assert_eq!(found("Money", r#"{"value":980,"currency":"JPY"}"#), [money]);
    assert!(found("Quantity", r#"{"unit":"x"}"#).is_empty());
}

#[test]
fn times_stand_in_seconds_as_well() {
    let found = |text| amounts(SearchKind::Quantity, "Duration", text);
    let hours = found(r#"{"value":1.5,"comparator":"<","system":"http://unitsofmeasure.org","code":"h"}"#);
    let seconds = (5, f64::NEG_INFINITY, 5_400.0, system_id(UCUM), "s".to_owned(), String::new());
    assert_eq!(hours, [amount(f64::NEG_INFINITY, 1.5, UCUM, "h", ""), seconds]);
    assert_eq!(found(r#"{"value":1,"system":"http://other","code":"h"}"#).len(), 1);
    let days = r#"{"low":{"value":1,"system":"http://unitsofmeasure.org","code":"d"},"high":{"value":1,"system":"http://unitsofmeasure.org","code":"wk"}}"#;
    let seconds = (5, 86_400.0, 604_800.0, system_id(UCUM), "s".to_owned(), String::new());
    assert!(amounts(SearchKind::Quantity, "Range", days).contains(&seconds));
}

#[test]
fn positions_lie_on_the_earth() {
    let found = |text| rows(SearchKind::Special, "BackboneElement", text).positions.into_iter().next();
    let position = found(r#"{"latitude":34.78,"longitude":-135.5}"#).unwrap();
    assert_eq!((position.param, position.latitude.0, position.longitude.0), (1, 34.78, -135.5));
    for wrong in [r#"{"latitude":90.1,"longitude":0}"#, r#"{"latitude":0,"longitude":181}"#, r#"{"latitude":1}"#] {
        assert_eq!(found(wrong), None, "{wrong}");
    }
}

#[test]
fn other_types_than_a_kind_has_make_no_rows() {
    for kind in [SearchKind::Date, SearchKind::Quantity, SearchKind::Special, SearchKind::Uri, SearchKind::Reference] {
        let found = rows(kind, "Attachment", r#"{"contentType":"text/plain","size":1}"#);
        assert_eq!(found, Derived::default(), "{kind:?}");
    }
}

proptest! {
    #[test]
    fn a_more_precise_date_lies_within(year in 1_i32..9_999, month in 1..=12, day in 1..=28, hour in 0..24, minute in 0..60) {
        let texts = [
            format!("{year:04}"),
            format!("{year:04}-{month:02}"),
            format!("{year:04}-{month:02}-{day:02}"),
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}Z"),
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:30Z"),
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:30.5Z"),
        ];
        let ranges = texts.map(|text| date_range(&text).unwrap());
        for pair in ranges.windows(2) {
            let ((from, until), (inner_from, inner_until)) = (pair[0], pair[1]);
            prop_assert!(from <= inner_from && inner_from < inner_until && inner_until <= until, "{pair:?}");
        }
    }

    #[test]
    fn a_time_zone_moves_a_moment(hour in 0..24, minute in 0..60, zone_hour in 0..=14_i64, half in 0..=1_i64, east: bool) {
        let at = |zone: &str| date_range(&format!("2026-04-01T{hour:02}:{minute:02}:00{zone}")).unwrap();
        let ((here, here_until), (there, there_until)) =
            (at("Z"), at(&format!("{}{zone_hour:02}:{:02}", if east { '+' } else { '-' }, half * 30)));
        let gap = (zone_hour * 60 + half * 30) * 60_000 * if east { -1 } else { 1 };
        prop_assert_eq!((there.0 - here.0, there_until.0 - here_until.0), (gap, gap));
    }
}
