//! Requests, inboxes and care teams.

use super::region::{cases, put, referral, role, task, team};
use super::{included, matches, whole};
use crate::app::TestApp;
use crate::both;

both!(
    active_referrals_of_a_patient_come_with_tasks_and_requesters,
    an_inbox_holds_what_waits_for_an_answer,
    the_active_team_of_a_patient_comes_with_its_members,
    all_teams_of_a_practitioner_are_found,
);

async fn active_referrals_of_a_patient_come_with_tasks_and_requesters(app: &TestApp) {
    cases(app).await;
    let query = "ServiceRequest?patient=p1&status=active&_revinclude=Task:focus&_include=ServiceRequest:requester";
    let bundle = whole(app, query).await;
    assert_eq!(crate::search::ids(&bundle), ["s1", "s3"]);
    let expected = ["PractitionerRole/r1", "PractitionerRole/r2", "Task/t1", "Task/t2", "Task/t3"];
    assert_eq!(included(&bundle), expected);
    assert_eq!(bundle["total"], 2);
    let with_doctors = whole(app, &format!("{query}&_include:iterate=PractitionerRole:practitioner")).await;
    let doctors: Vec<String> =
        included(&with_doctors).into_iter().filter(|key| key.starts_with("Practitioner/")).collect();
    assert_eq!(doctors, ["Practitioner/d1", "Practitioner/d2"]);
    put(app, &referral("s1", "on-hold", "p1", "r1")).await;
    put(app, &referral("s2", "active", "p1", "r2")).await;
    app.delete("Task/t3").await.expect(204);
    let bundle = whole(app, query).await;
    assert_eq!(crate::search::ids(&bundle), ["s2", "s3"]);
    assert_eq!(included(&bundle), ["PractitionerRole/r2"]);
}

async fn an_inbox_holds_what_waits_for_an_answer(app: &TestApp) {
    cases(app).await;
    let query = "Task?owner=HealthcareService/h1-acceptance&status=requested&_include=Task:focus";
    let bundle = whole(app, query).await;
    assert_eq!(crate::search::ids(&bundle), ["t1", "t4"]);
    assert_eq!(included(&bundle), ["ServiceRequest/s1", "ServiceRequest/s4"]);
    put(app, &task("t1", "received", "s1", "HealthcareService/h1-acceptance")).await;
    put(app, &task("t5", "requested", "s4", "HealthcareService/h1-acceptance")).await;
    let bundle = whole(app, query).await;
    assert_eq!(crate::search::ids(&bundle), ["t4", "t5"]);
    assert_eq!(included(&bundle), ["ServiceRequest/s4"]);
    let other = query.replace("h1-", "h2-");
    assert_eq!(matches(app, &other).await, ["t2"]);
    let of_a_patient = "Task?focus:ServiceRequest.subject=Patient/p2&status=requested";
    assert_eq!(matches(app, of_a_patient).await, ["t4", "t5"]);
}

async fn the_active_team_of_a_patient_comes_with_its_members(app: &TestApp) {
    cases(app).await;
    let query = "CareTeam?patient=Patient/p1&status=active&_include=CareTeam:participant";
    let bundle = whole(app, query).await;
    assert_eq!(crate::search::ids(&bundle), ["c1"]);
    assert_eq!(included(&bundle), ["Organization/nurses", "PractitionerRole/r1"]);
    put(app, &team("c1", "inactive", Some("p1"), &["PractitionerRole/r1"])).await;
    put(app, &team("c1-old", "active", Some("p1"), &["PractitionerRole/r2", "Organization/nurses"])).await;
    let bundle = whole(app, query).await;
    assert_eq!(crate::search::ids(&bundle), ["c1-old"]);
    assert_eq!(included(&bundle), ["Organization/nurses", "PractitionerRole/r2"]);
}

async fn all_teams_of_a_practitioner_are_found(app: &TestApp) {
    cases(app).await;
    let of = |doctor: &str| format!("CareTeam?participant:PractitionerRole.practitioner=Practitioner/{doctor}");
    assert_eq!(matches(app, &of("d1")).await, ["c1", "c2", "group"]);
    assert_eq!(matches(app, &of("d2")).await, ["c1-old", "c2"]);
    assert_eq!(matches(app, "CareTeam?participant=PractitionerRole/r1").await, ["c1", "group"]);
    assert_eq!(matches(app, &format!("{}&status=active&category=patient-team", of("d2"))).await, ["c2"]);
    // Who leaves a team, or gives up a role, is no longer found by it.
    put(app, &team("c1", "active", Some("p1"), &["PractitionerRole/r2"])).await;
    assert_eq!(matches(app, &of("d1")).await, ["c2", "group"]);
    put(app, &role("r1-evenings", "d2")).await;
    assert_eq!(matches(app, &of("d1")).await, ["group"]);
    assert_eq!(matches(app, &of("d2")).await, ["c1", "c1-old", "c2"]);
}
