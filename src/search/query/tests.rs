//! Whole queries: what they ask, and what they are refused with.

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
fn strings_have_their_modifiers() {
    let folded = |text: &str| text.to_owned();
    assert_eq!(condition("Patient", "name=yam"), strings("Patient", "name", StringPattern::StartsWith(folded("yam"))));
    let contains = StringPattern::Contains(folded("yam"));
    assert_eq!(condition("Patient", "name:contains=YAM"), strings("Patient", "name", contains));
    let exact = StringPattern::Exact { text: r"Yam,\a".to_owned(), folded: folded(r"yam,\a") };
    assert_eq!(condition("Patient", r"name:exact=Yam\,\\a"), strings("Patient", "name", exact));
}

#[test]
fn tokens_have_their_modifiers() {
    let gender = tokens("Patient", "gender", &[code("male")]);
    assert_eq!(condition("Patient", "gender:not=male"), not(gender));
    let text = StringPattern::StartsWith("home".to_owned());
    assert_eq!(condition("Location", "type:text=Home"), strings("Location", "type:text", text));
    let of_type = exact("http://s|MR", "12");
    assert_eq!(
        condition("Patient", "identifier:of-type=http://s|MR|12"),
        tokens("Patient", "identifier:of-type", &[of_type])
    );
}

#[test]
fn codes_without_a_system_have_the_one_of_their_value_set() {
    let system = "http://hl7.org/fhir/administrative-gender";
    let male = [exact("", "male"), exact(system, "male")];
    assert_eq!(condition("Patient", &format!("gender={system}|male")), tokens("Patient", "gender", &male));
    let any = [TokenPattern::System(0), TokenPattern::System(system_id(system))];
    assert_eq!(condition("Patient", &format!("gender={system}|")), tokens("Patient", "gender", &any));
    assert_eq!(condition("Patient", "gender=|male"), tokens("Patient", "gender", &male[..1]));
    let other = [exact("http://other", "male")];
    assert_eq!(condition("Patient", "gender=http://other|male"), tokens("Patient", "gender", &other));
    let coded = [exact("http://other", "x")];
    assert_eq!(condition("Location", "type=http://other|x"), tokens("Location", "type", &coded), "no plain code");
    let Condition::Indexed(Indexed { any_of: Patterns::Tokens(found), .. }) =
        condition("Location", "status:in=http://hl7.org/fhir/ValueSet/location-status")
    else {
        panic!("no tokens")
    };
    assert!(found.contains(&exact("", "active")) && found.len() == 6, "{found:?}");
}

#[test]
fn codes_are_found_by_value_set() {
    let set = "https://kakehashi.example/fhir/ValueSet/capacity-status";
    let system = "https://kakehashi.example/fhir/CodeSystem/capacity-status";
    let Condition::Indexed(Indexed { any_of: Patterns::Tokens(found), .. }) =
        condition("HealthcareService", &format!("capacity-status:in={set}"))
    else {
        panic!("no tokens")
    };
    assert!(found.contains(&exact(system, "waitlist")) && found.len() == 4, "{found:?}");
    let by_id = condition("HealthcareService", "capacity-status:in=ValueSet/capacity-status");
    assert_eq!(by_id, tokens("HealthcareService", "capacity-status", &found));
    let by_url = condition("HealthcareService", &format!("capacity-status:in={BASE}/ValueSet/capacity-status"));
    assert_eq!(by_url, by_id);
    assert_eq!(condition("HealthcareService", &format!("capacity-status:not-in={set}")), not(by_id));
    for unknown in ["http://nowhere/ValueSet/x", "ValueSet/nothing", "http://hl7.org/fhir/ValueSet/all-languages"] {
        let error = refused("HealthcareService", &format!("capacity-status:in={unknown}"));
        assert_eq!(error.issues[0].expression.as_deref(), Some("http.name:capacity-status:in"), "{unknown}");
    }
}

#[test]
fn codes_are_found_by_hierarchy() {
    let system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    let found = |query: &str| match condition("Location", query) {
        Condition::Indexed(Indexed { any_of: Patterns::Tokens(found), .. }) => found,
        other => panic!("{other:?}"),
    };
    let below = found(&format!("type:below={system}|HOSP"));
    assert!(below.contains(&exact(system, "HOSP")) && below.contains(&exact(system, "PSYCHF")), "{below:?}");
    let above = found(&format!("type:above={system}|PSYCHF"));
    assert!(above.contains(&exact(system, "PSYCHF")) && above.contains(&exact(system, "HOSP")), "{above:?}");
    assert!(!above.contains(&exact(system, "GACH")));
    for bad in ["HOSP", "http://nowhere|x", "http://loinc.org|1", &format!("{system}|nothing"), &format!("{system}|")] {
        refused("Location", &format!("type:below={bad}"));
    }
}

#[test]
fn references_have_their_modifiers() {
    let location =
        |any_of: Vec<ReferencePattern>| patterns("HealthcareService", "location", Patterns::References(any_of));
    for query in ["location=1", "location=Location/1", "location:Location=1", "location:Location=Location/1"] {
        assert_eq!(condition("HealthcareService", query), location(to("Location", "1").to_vec()), "{query}");
    }
    let identifier = condition("HealthcareService", "location:identifier=s|1");
    assert_eq!(identifier, tokens("HealthcareService", "location:identifier", &[exact("s", "1")]));
    let parent = parameter_id("Location", "partof");
    let (rtype, id) = ("Location".to_owned(), "1".to_owned());
    let below = ReferencePattern::Below { rtype: rtype.clone(), id: id.clone(), parent };
    assert_eq!(condition("HealthcareService", "location:below=Location/1"), location(vec![below.clone()]));
    assert_eq!(
        condition("HealthcareService", "location:above=1"),
        location(vec![ReferencePattern::Above { rtype, id, parent }])
    );
    assert_eq!(
        condition("Location", "partof:below=1"),
        patterns("Location", "partof", Patterns::References(vec![below]))
    );
    // A type of which no reference can be is a slip; a reference to another type is just not there.
    refused("HealthcareService", "location:Patient=1");
    refused("HealthcareService", "location:Location=Patient/1");
    assert_eq!(condition("HealthcareService", "location=Patient/1"), location(to("Patient", "1").to_vec()));
    refused("Task", "encounter:below=Encounter/1");
    refused("HealthcareService", "location:below=http://other/Location/1");
}

#[test]
fn an_id_alone_means_every_type_that_is_served() {
    let Condition::Indexed(Indexed { any_of: Patterns::References(found), .. }) = condition("Task", "focus=1") else {
        panic!("no references")
    };
    assert!(to("ServiceRequest", "1").iter().all(|pattern| found.contains(pattern)));
    assert!(!found.contains(&to("Observation", "1")[0]), "not served here");
}

#[test]
fn uris_go_by_segments() {
    let below = TokenPattern::Below("http://a/b".to_owned());
    assert_eq!(condition("Patient", "_profile:below=http://a/b/"), tokens("Patient", "_profile", &[below]));
    let above = ["http://a/b/", "http://a/b", "http://a/", "http://a"].map(|uri| exact("", uri));
    assert_eq!(condition("Patient", "_profile:above=http://a/b"), tokens("Patient", "_profile", &above));
    let plain = exact("", "http://a/b|1");
    assert_eq!(condition("Patient", "_profile=http://a/b|1"), tokens("Patient", "_profile", &[plain]));
}

#[test]
fn dates_and_moments_are_compared_by_span() {
    let at = |text: &str| Instant::parse(text).unwrap();
    let (from, until) = (at("2026-04-01T00:00:00Z"), at("2026-04-02T00:00:00Z"));
    let span = |from, until| Span { from, until };
    let changed = condition("Patient", "_lastUpdated=ge2026-04-01,lt2026-04-01");
    assert_eq!(changed, Condition::LastUpdated(vec![span(Some(from), None), span(None, Some(from))]));
    let Condition::Indexed(Indexed { any_of: Patterns::Dates(born), .. }) =
        condition("Patient", "birthdate=2026-04-01")
    else {
        panic!("no dates")
    };
    let bound = |edge, compare, value: Instant| Bound { edge, compare, value: value.0 };
    assert_eq!(born[0].0, [bound(Edge::Low, Compare::AtLeast, from), bound(Edge::High, Compare::AtMost, until)]);
    let Condition::Indexed(Indexed { param: 0, any_of: Patterns::AsOf(_), .. }) =
        condition("Location", "as-of=ge2026-04-01")
    else {
        panic!("not by projection")
    };
    for bad in ["2026-13-01", "ge", "xx2026", "01.04.2026"] {
        let error = refused("Patient", &format!("birthdate={bad}"));
        assert!(error.issues[0].en.contains("2026-04-01"), "an example is given");
    }
}

#[test]
fn quantities_of_time_are_asked_in_seconds() {
    let ucum = "http://unitsofmeasure.org";
    let find = |query: &str| condition("Encounter", query);
    let Condition::Indexed(hours) = find(&format!("length=ge1|{ucum}|h")) else { panic!("not one condition") };
    assert_eq!(hours.param, parameter_id("Encounter", "length:seconds"));
    let Patterns::Quantities(patterns) = &hours.any_of else { panic!("no quantities") };
    let seconds = Some(UnitPattern::Exact { system: system_id(ucum), code: "s".to_owned() });
    assert_eq!((patterns[0].bounds[0].value, &patterns[0].unit), (3_600.0, &seconds));
    let Condition::AnyOf(both) = find(&format!("length=1|{ucum}|h,5||x")) else { panic!("not two") };
    assert_eq!(both.len(), 2);
}

#[test]
fn free_beds_are_asked_of_slices() {
    let of = |sex: Option<&str>, compare| {
        let available = vec![Bound { edge: Edge::High, compare, value: 1.0 }];
        let slice = VacancyPattern { sex: sex.map(str::to_owned), available };
        Condition::Indexed(Indexed { param: 0, inherited: Inherited::No, any_of: Patterns::Vacancies(vec![slice]) })
    };
    assert_eq!(condition("Location", "available=ge1"), of(None, Compare::AtLeast));
    assert_eq!(condition("Location", "vacancy=female$ge1"), of(Some("female"), Compare::AtLeast));
    let system = "https://kakehashi.example/fhir/CodeSystem/admittable-sex";
    assert_eq!(condition("Location", &format!("vacancy={system}|female$gt1")), of(Some("female"), Compare::Above));
    assert_eq!(condition("Location", "vacancy=http://other|female$ge1"), Condition::AnyOf(Vec::new()));
    for bad in ["female", "female$", "$ge1", "female$ge1$2", "female$many", r"female\$ge1"] {
        refused("Location", &format!("vacancy={bad}"));
    }
}

#[test]
fn composites_fold_their_token() {
    // R4 has the parts in this order: `relatesto$relation`.
    let document = condition("DocumentReference", "relationship=DocumentReference/1$replaces,2$replaces");
    let both: Vec<ReferencePattern> = [to("DocumentReference", "1"), to("DocumentReference", "2")].concat();
    assert_eq!(document, patterns("DocumentReference", "relationship$1:replaces", Patterns::References(both)));
    let implied = condition(
        "DocumentReference",
        "relationship=DocumentReference/1$http://hl7.org/fhir/document-relationship-type|replaces",
    );
    let Condition::AnyOf(ways) = implied else { panic!("not two rows") };
    let word = "relationship$1:|replaces";
    let without = patterns("DocumentReference", word, Patterns::References(to("DocumentReference", "1").to_vec()));
    assert!(ways.len() == 2 && ways.contains(&without), "a code in the row has no system: {ways:?}");
    let group = condition("Group", "characteristic-value=gender$mixed,gender$s|x,age$mixed");
    let Condition::AnyOf(alternatives) = group else { panic!("not two rows") };
    let expected = [
        tokens("Group", "characteristic-value$0:gender", &[code("mixed"), exact("s", "x")]),
        tokens("Group", "characteristic-value$0:age", &[code("mixed")]),
    ];
    assert!(alternatives.len() == 2 && expected.iter().all(|one| alternatives.contains(one)), "{alternatives:?}");
    refused("Group", "characteristic-value=s|$mixed");
    refused("Group", "characteristic-value:missing=true");
}

#[test]
fn near_is_a_circle_and_comes_with_the_request() {
    let request = search("Location", "near=34.78|135.47|2|km,35|135");
    let circle = Circle { latitude: 34.78, longitude: 135.47, metres: 2_000.0 };
    let near = request.near.unwrap();
    assert_eq!(
        (near.circle, near.inherited, near.param),
        (circle, Inherited::FromFacility, parameter_id("Location", "near"))
    );
    let Condition::Indexed(Indexed { any_of: Patterns::Positions(circles), .. }) = &request.types[0].conditions[0]
    else {
        panic!("no circles")
    };
    assert_eq!(circles.len(), 2);
}

#[test]
fn missing_asks_for_any_row() {
    let present = |table, param, inherited| Condition::Present { table, param, inherited };
    for (query, table) in [
        ("name:missing=false", Table::String),
        ("type:missing=false", Table::Token),
        ("organization:missing=false", Table::Reference),
    ] {
        let code = query.split(':').next().unwrap();
        let own = present(table, parameter_id("Location", code), Inherited::No);
        let bare = present(Table::Token, parameter_id("Location", &format!("{code}:bare")), Inherited::No);
        assert_eq!(condition("Location", query), Condition::AnyOf(vec![own, bare]), "{query}");
    }
    let near = present(Table::Position, parameter_id("Location", "near"), Inherited::FromFacility);
    assert_eq!(condition("Location", "near:missing=true"), not(near));
    assert_eq!(condition("Location", "available:missing=true"), not(present(Table::Vacancy, 0, Inherited::No)));
    let nothing = Condition::AnyOf(Vec::new());
    assert_eq!(condition("Location", "_id:missing=true"), nothing);
    assert_eq!(condition("Location", "_lastUpdated:missing=false"), not(nothing));
    for bad in ["True", "1", "true,false"] {
        refused("Location", &format!("name:missing={bad}"));
    }
}

#[test]
fn other_modifiers_are_refused_and_the_possible_ones_named() {
    for (query, possible) in [
        ("name:text=a", ":exact"),
        ("type:exact=a", ":not"),
        ("organization:contains=a", ":identifier"),
        ("as-of:not=2026", ":missing"),
        ("near:exact=1|2", ":missing"),
        ("_profile:in=http://a", ":below"),
        ("_lastUpdated:not=2026", ":missing"),
        ("_id:exact=1", ":not"),
    ] {
        let error = refused("Location", query);
        assert!(error.issues[0].en.contains(possible) && error.issues[0].ja.contains(possible), "{query}: {error:?}");
    }
}

#[test]
fn ids_that_none_has_find_nothing() {
    assert_eq!(condition("Patient", "_id=a,b"), Condition::Id(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(condition("Patient", "_id=a b"), Condition::AnyOf(Vec::new()));
    assert_eq!(condition("Patient", "_id:not=a"), not(Condition::Id(vec!["a".to_owned()])));
}

#[test]
fn chains_follow_references() {
    let name = strings("Patient", "name", StringPattern::StartsWith("y".to_owned()));
    let typed = condition("ServiceRequest", "subject:Patient.name=y");
    assert_eq!(typed, refers_to(("ServiceRequest", "subject"), "Patient", name.clone()));
    let inner = refers_to(("ServiceRequest", "subject"), "Patient", name);
    let deep = condition("Task", "focus:ServiceRequest.subject:Patient.name=y");
    assert_eq!(deep, refers_to(("Task", "focus"), "ServiceRequest", inner));
    let id = condition("Task", "owner:Organization._id=x");
    assert_eq!(id, refers_to(("Task", "owner"), "Organization", Condition::Id(vec!["x".to_owned()])));
    let absent = condition("Task", "owner:Organization.name:missing=true");
    assert!(matches!(absent, Condition::RefersTo { target, .. } if matches!(target.conditions[0], Condition::Not(_))));
}

#[test]
fn chains_without_a_type_follow_all_that_know_what_comes_next() {
    let Condition::AnyOf(ways) = condition("ServiceRequest", "subject.gender=male") else {
        // Patient alone has a gender among what is served.
        let gender = tokens("Patient", "gender", &[code("male")]);
        let one = condition("ServiceRequest", "subject.gender=male");
        return assert_eq!(one, refers_to(("ServiceRequest", "subject"), "Patient", gender));
    };
    panic!("{ways:?}");
}

#[test]
fn untyped_chains_may_have_several_ways() {
    let Condition::AnyOf(ways) = condition("ServiceRequest", "subject.identifier=1") else { panic!("one way") };
    let types: Vec<&str> = ways
        .iter()
        .map(|way| match way {
            Condition::RefersTo { target, .. } => target.rtype.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    for expected in ["Patient", "Group", "Location"] {
        assert!(types.contains(&expected), "{types:?}");
    }
}

#[test]
fn has_turns_references_round() {
    let status = |rtype: &str| tokens(rtype, "status", &[code("requested")]);
    let plain = condition("ServiceRequest", "_has:Task:focus:status=requested");
    assert_eq!(plain, referred_by(("Task", "focus"), status("Task")));
    let nested = condition("Patient", "_has:ServiceRequest:subject:_has:Task:focus:status=requested");
    assert_eq!(nested, referred_by(("ServiceRequest", "subject"), plain.clone()));
    let chained = condition("Patient", "_has:CareTeam:subject:participant:Organization.active=true");
    let active = tokens("Organization", "active", &[code("true")]);
    let member = refers_to(("CareTeam", "participant"), "Organization", active);
    assert_eq!(chained, referred_by(("CareTeam", "subject"), member));
    let at_the_end = condition("Task", "focus:ServiceRequest._has:Task:focus:status=requested");
    assert_eq!(at_the_end, refers_to(("Task", "focus"), "ServiceRequest", plain));
    let modified = condition("ServiceRequest", "_has:Task:focus:status:not=requested");
    assert_eq!(modified, referred_by(("Task", "focus"), not(status("Task"))));
}

#[test]
fn joins_that_cannot_be_are_refused() {
    for query in [
        "subject.nonsense=1",
        "subject:Patient.nonsense=1",
        "subject:Task.status=1",
        "subject:Nonsense.name=1",
        "status.name=1",
        "subject.=1",
        "subject:Patient.=1",
        "subject..name=1",
        "_has:Nonsense:focus:status=1",
        "_has:Task:nonsense:status=1",
        "_has:Task:status:code=1",
        "_has:Task:focus:nonsense=1",
        "_has:Task:encounter:status=1",
        "_has:Task:focus=1",
        "_has=1",
        "subject:Patient._text=1",
        "based-on.based-on.based-on.based-on.based-on.based-on.based-on.status=1",
    ] {
        let error = refused("ServiceRequest", query);
        let name = query.split('=').next().unwrap();
        let told = error.issues[0].expression.as_deref();
        assert_eq!(told.map(|told| told.starts_with("http.name:")), Some(true), "{name}");
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
