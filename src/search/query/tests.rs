//! Whole queries: what they ask, and what they are refused with.

mod joins;
mod values;

use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::fhir::outcome::Language;
use crate::profile::Settings;
use crate::search::Include;
use crate::search::value::token::exact;
use crate::store::{
    Bound, Circle, Compare, Criteria, Edge, Inherited, ReferencePattern, SortBy, SortKey, Span, StringPattern, Table,
    TokenPattern, UnitPattern, VacancyPattern, parameter_id, system_id,
};

const BASE: &str = "https://kh.example/fhir";

fn definitions() -> &'static (Definitions, Parameters) {
    static LOADED: OnceLock<(Definitions, Parameters)> = OnceLock::new();
    LOADED.get_or_init(|| {
        let pack = include_bytes!("../../../fhir-profiles/r4/r4-facts.txt.gz");
        let definitions = Definitions::load(pack, &crate::definitions::built_in(), Settings::default()).unwrap();
        let parameters = Parameters::compile(&definitions);
        (definitions, parameters)
    })
}

fn within<T>(types: &[&str], ask: impl FnOnce(&Scope<'_>) -> T) -> T {
    let types: Vec<ResourceType> = types.iter().map(|rtype| ResourceType::known(rtype)).collect();
    let (definitions, parameters) = definitions();
    let now = Instant::parse("2026-11-28T00:00:00Z").unwrap();
    ask(&Scope { types: &types, parameters, definitions, base: BASE, now, whole: &|_| Ok(()) })
}

fn try_search(types: &[&str], query: &str) -> Result<SearchRequest> {
    within(types, |scope| read(scope, &split_query(query)))
}

fn search(rtype: &str, query: &str) -> SearchRequest {
    try_search(&[rtype], query).unwrap_or_else(|error| panic!("{rtype}?{query}: {error:?}"))
}

/// The one condition of a query.
fn condition(rtype: &str, query: &str) -> Condition {
    let mut request = search(rtype, query);
    assert_eq!(request.ignored, [], "{rtype}?{query}");
    let mut conditions = request.types.remove(0).conditions;
    assert_eq!(conditions.len(), 1, "{rtype}?{query}");
    conditions.remove(0)
}

fn refused(rtype: &str, query: &str) -> Error {
    match try_search(&[rtype], query) {
        Ok(request) => panic!("{rtype}?{query}: {request:?}"),
        Err(error) => error,
    }
}

fn patterns(rtype: &str, code: &str, any_of: Patterns) -> Condition {
    Condition::Indexed(Indexed { param: parameter_id(rtype, code), inherited: Inherited::No, any_of })
}

fn tokens(rtype: &str, code: &str, any_of: &[TokenPattern]) -> Condition {
    patterns(rtype, code, Patterns::Tokens(any_of.to_vec()))
}

fn strings(rtype: &str, code: &str, pattern: StringPattern) -> Condition {
    patterns(rtype, code, Patterns::Strings(vec![pattern]))
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn code(code: &str) -> TokenPattern {
    TokenPattern::Code(code.to_owned())
}

fn to(rtype: &str, id: &str) -> [ReferencePattern; 2] {
    let to = |rtype: &str, id: String| ReferencePattern::To { rtype: rtype.to_owned(), id, version: None };
    [to(rtype, id.to_owned()), to("", format!("{BASE}/{rtype}/{id}"))]
}

fn refers_to(param: (&str, &str), rtype: &str, condition: Condition) -> Condition {
    let target = Criteria { rtype: ResourceType::known(rtype), conditions: vec![condition] };
    Condition::RefersTo { param: parameter_id(param.0, param.1), target: Box::new(target) }
}

fn referred_by(param: (&str, &str), condition: Condition) -> Condition {
    let source = Criteria { rtype: ResourceType::known(param.0), conditions: vec![condition] };
    Condition::ReferredBy { param: parameter_id(param.0, param.1), source: Box::new(source) }
}

#[test]
fn repetition_joins_and_commas_part() {
    let request = search("Patient", "gender=male,female&active=true");
    let gender = tokens("Patient", "gender", &[code("male"), code("female")]);
    assert_eq!(request.types[0].conditions, [gender, tokens("Patient", "active", &[code("true")])]);
}

#[test]
fn what_a_type_does_not_know_is_told() {
    let request = search("Patient", "nonsense=1&gender=male&nonsense:x.y=&_count.x=1");
    let ignored: Vec<&str> = request.ignored.iter().map(|ignored| ignored.name.as_str()).collect();
    assert_eq!(ignored, ["nonsense", "nonsense:x.y", "_count.x"]);
    assert_eq!(request.applied, [("gender".to_owned(), "male".to_owned())]);
}

#[test]
fn of_several_types_all_must_know_a_parameter() {
    let request = try_search(&["Patient", "Location"], "identifier=a&gender=male&_id=x").unwrap();
    assert_eq!(request.ignored, [Ignored { name: "gender".to_owned() }]);
    for (searched, rtype) in request.types.iter().zip(["Patient", "Location"]) {
        let identifier = tokens(rtype, "identifier", &[code("a")]);
        assert_eq!(searched.conditions, [identifier, Condition::Id(vec!["x".to_owned()])]);
    }
}

#[test]
fn empty_values_and_characters_that_no_value_has_are_refused() {
    for query in ["gender=", "gender", "gender=male,", "gender=,male", "gender=%00", "_id=", "_sort=", "_include="] {
        let error = refused("Patient", query);
        assert_eq!(error.kind, ErrorKind::BadRequest, "{query}");
        let name = query.split('=').next().unwrap();
        assert_eq!(error.issues[0].expression, Some(format!("http.name:{name}")), "{query}");
        for language in [Language::Ja, Language::En] {
            assert!(error.issues[0].text(language).contains(name), "{query}");
        }
    }
}

#[test]
fn what_would_change_the_answer_is_not_passed_over() {
    for query in [
        "_text=a",
        "_content=a",
        "_list=1",
        "_filter=a",
        "_query=q",
        "_contained=true",
        "_containedType=both",
        "_text:x=1",
    ] {
        assert_eq!(refused("Patient", query).issues[0].code, IssueCode::NotSupported, "{query}");
    }
}

#[test]
fn sorting_takes_keys_in_order() {
    let indexed =
        |table, code: &str| SortBy::Indexed { table, param: parameter_id("Location", code), inherited: Inherited::No };
    let key = |by, descending| SortKey { by, descending };
    let request = search("Location", "_sort=name,-_lastUpdated,_id,organization");
    let expected = [
        key(indexed(Table::String, "name"), false),
        key(SortBy::LastUpdated, true),
        key(SortBy::Id, false),
        key(indexed(Table::Reference, "organization"), false),
    ];
    assert_eq!(request.types[0].sort, expected);
    let request = search("Location", "_sort=-available,near&near=34|135");
    let circle = Circle { latitude: 34.0, longitude: 135.0, metres: 10_000.0 };
    let distance = SortBy::Distance {
        centre: circle,
        param: parameter_id("Location", "near"),
        inherited: Inherited::FromFacility,
    };
    let beds = SortBy::Indexed { table: Table::Vacancy, param: 0, inherited: Inherited::No };
    assert_eq!(request.types[0].sort, [key(beds, true), key(distance, false)]);
    for bad in
        ["near", "_score", "vacancy", "nonsense", "_text", "name,", "--name", "name:exact", "_id,_id,_id,_id,_id,_id"]
    {
        refused("Location", &format!("_sort={bad}"));
    }
    refused("Location", "_sort:desc=name");
    assert!(try_search(&["Location", "Patient"], "_sort=gender").is_err(), "every type must know it");
}

#[test]
fn includes_have_their_forms() {
    let include = |text: &str| search("ServiceRequest", text).includes.remove(0);
    let plain = Include {
        reverse: false,
        source: Some("ServiceRequest".to_owned()),
        code: Some("requester".to_owned()),
        target: None,
        iterate: false,
    };
    assert_eq!(include("_include=ServiceRequest:requester"), plain);
    let target = Some("Organization".to_owned());
    assert_eq!(include("_include=ServiceRequest:requester:Organization"), Include { target, ..plain.clone() });
    let every = Include { source: None, code: None, ..plain.clone() };
    assert_eq!(include("_include=*"), every);
    let of_type = Include { source: Some("Task".to_owned()), reverse: true, iterate: true, ..every };
    assert_eq!(include("_revinclude:iterate=Task:*"), of_type);
    let twice = search("ServiceRequest", "_include=ServiceRequest:requester&_include=ServiceRequest:requester");
    assert_eq!(twice.includes, [plain]);
    for bad in [
        "_include=Nonsense:x",
        "_include=ServiceRequest:status",
        "_include=ServiceRequest:nonsense",
        "_include=ServiceRequest:requester:Task",
        "_include=ServiceRequest",
        "_include=ServiceRequest:requester:Organization:x",
        "_include:recurse=ServiceRequest:requester",
        "_include:exact=*",
        "_include=ServiceRequest:*:Patient",
        "_include=:",
        "_revinclude=Task:nonsense",
    ] {
        refused("ServiceRequest", bad);
    }
}

#[test]
fn a_search_has_bounds() {
    let many = |count: usize| vec!["x"; count].join(",");
    let costly = |query: &str| assert_eq!(refused("Patient", query).issues[0].code, IssueCode::TooCostly);
    costly(&vec!["gender=x"; PARAMETERS + 1].join("&"));
    costly(&format!("gender={}", many(PATTERNS + 1)));
    search("Patient", &format!("_id={}", many(ALTERNATIVES)));
    costly(&format!("_id={}&gender=x", many(ALTERNATIVES)));
    refused("Patient", &format!("gender={}", "x".repeat(VALUE + 1)));
}

#[test]
fn a_parameter_that_is_not_whole_is_refused_wherever_it_stands() {
    let types = [ResourceType::known("ServiceRequest")];
    let (definitions, parameters) = definitions();
    let whole = |parameter: &Parameter| match parameter.code.as_str() {
        "requester" | "partof" => Err(refusal::name(&parameter.code, IssueCode::Transient, "x", "x")),
        _ => Ok(()),
    };
    let scope = Scope { types: &types, parameters, definitions, base: "", now: Instant(0), whole: &whole };
    for query in [
        "requester=1",
        "requester:missing=true",
        "requester:Organization.name=x",
        "subject:Patient._has:ServiceRequest:requester:status=x",
        "_sort=requester",
        "_revinclude=ServiceRequest:requester",
        "subject:Location.partof=1",
    ] {
        assert!(read(&scope, &split_query(query)).is_err(), "{query}");
    }
    let found = read(&scope, &split_query("subject=Patient/1")).unwrap();
    let one = vec![to("Patient", "1")[0].clone()];
    assert_eq!(
        found.types[0].conditions,
        [patterns("ServiceRequest", "subject", Patterns::References(one))],
        "no base"
    );
}

#[test]
fn conditional_interactions_take_a_resources_own_criteria() {
    let criteria = |query: &str| within(&[], |scope| read_criteria(scope, &ResourceType::known("Location"), query));
    let found = criteria("identifier=s|1&name:exact=A&_format=json").unwrap();
    assert_eq!((found.rtype.as_str(), found.conditions.len()), ("Location", 2));
    for bad in [
        "",
        "_format=json",
        "near=1|2",
        "organization.name=x",
        "_has:Task:focus:status=x",
        "partof:below=1",
        "bed-function=x",
        "available=1",
        "as-of=2026",
        "nonsense=1",
        "_count=1",
        "_sort=name",
        "_include=*",
        "identifier=",
        "_text=x",
    ] {
        assert_eq!(criteria(bad).map_err(|error| error.kind), Err(ErrorKind::BadRequest), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_query_makes_the_parser_panic(name in r"[_a-zA-Z:.\-]{0,30}", value in r"\PC{0,40}") {
        let _ = try_search(&["Location"], &format!("{name}={value}"));
    }

    #[test]
    fn no_value_of_any_kind_makes_the_parser_panic(
        name in prop::sample::select(vec![
            "name", "name:exact", "type", "type:in", "type:below", "type:of-type", "organization", "partof:below", "near",
            "as-of", "_lastUpdated", "available", "vacancy", "_profile:above", "_id", "_sort", "_include",
            "organization.name", "_has:HealthcareService:location:name", "endpoint:identifier",
        ]),
        value in r"(eq|ne|ge|le|sa|eb|ap)?[0-9a-zT:.+eE|$,\\ \-*/病é]{0,30}",
    ) {
        let read = within(&["Location"], |scope| read(scope, &[(name.to_owned(), value.clone())]));
        if let Err(error) = read {
            let issue = &error.issues[0];
            prop_assert_eq!(error.kind, ErrorKind::BadRequest);
            prop_assert!(issue.expression.as_deref().is_some_and(|place| place.starts_with("http.name:")));
            prop_assert!(!issue.ja.is_empty() && !issue.en.is_empty());
        }
    }
}
