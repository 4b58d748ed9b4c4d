//! Chains and `_has`.

use super::*;

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
