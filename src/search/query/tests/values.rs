//! What values mean, with their prefixes and modifiers.

use super::*;

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
