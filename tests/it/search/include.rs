//! What comes with the matches: `_include`, `_revinclude`, `:iterate`, and their bounds.

use kakehashi::profile::Interaction;
use kakehashi::store::SearchLimits;
use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::types_with;

use super::{a_case, keys, link, under_base};

both!(
    what_matches_refer_to_is_included_once,
    what_refers_to_matches_is_included,
    included_resources_are_followed_where_it_is_asked,
    a_match_is_not_repeated,
    wildcards_work_for_every_type,
    included_resources_are_current_and_never_deleted,
    what_is_left_out_is_told,
    each_page_has_its_own_includes,
    includes_that_cannot_be_are_refused,
);

async fn includes(app: &TestApp, query: &str) -> Vec<String> {
    let mut found = keys(&app.get(query).await.expect(200), "include");
    found.sort();
    found
}

fn outcome(bundle: &Value) -> Option<&Value> {
    let mut entries = bundle["entry"].as_array().into_iter().flatten();
    entries.find(|entry| entry["search"]["mode"] == "outcome").map(|entry| &entry["resource"]["issue"][0])
}

async fn what_matches_refer_to_is_included_once(app: &TestApp) {
    a_case(app).await;
    let query = "ServiceRequest?_id=s1,s2&_include=ServiceRequest:requester";
    let bundle = app.get(query).await.expect(200);
    assert_eq!(keys(&bundle, "match"), ["ServiceRequest/s1", "ServiceRequest/s2"]);
    assert_eq!(keys(&bundle, "include"), ["Practitioner/d"]);
    assert_eq!(bundle["total"], 2, "what is included is no match");
    assert_eq!(bundle["entry"][2]["fullUrl"], format!("{}/Practitioner/d", app.base));
    assert_eq!(bundle["entry"][2]["resource"], app.get("Practitioner/d").await.expect(200));
    assert_eq!(link(&bundle, "self"), Some(format!("{}/{query}", app.base).as_str()));
    for (query, expected) in [
        ("_include=ServiceRequest:requester:Practitioner", vec!["Practitioner/d"]),
        ("_include=ServiceRequest:requester:Organization", vec![]),
        ("_include=ServiceRequest:requester&_include=ServiceRequest:subject", vec!["Patient/p", "Practitioner/d"]),
        ("_include=ServiceRequest:*", vec!["Patient/p", "Practitioner/d"]),
        ("_include=*", vec!["Patient/p", "Practitioner/d"]),
        ("_include=Task:owner", vec![]),
        ("_include=*&_summary=count", vec![]),
        ("_include=*&_count=0", vec![]),
    ] {
        assert_eq!(includes(app, &format!("ServiceRequest?_id=s1,s2&{query}")).await, expected, "{query}");
    }
}

async fn what_refers_to_matches_is_included(app: &TestApp) {
    a_case(app).await;
    for (query, expected) in [
        ("ServiceRequest?_id=s1&_revinclude=Task:focus", vec!["Task/t1", "Task/t2"]),
        ("ServiceRequest?_id=s1,s2,s3&_revinclude=Task:focus", vec!["Task/t1", "Task/t2", "Task/t3"]),
        ("ServiceRequest?_id=s2&_revinclude=Task:focus", vec![]),
        ("ServiceRequest?_id=s1&_revinclude=Task:focus:ServiceRequest", vec!["Task/t1", "Task/t2"]),
        ("ServiceRequest?_id=s1&_revinclude=Task:focus:Patient", vec![]),
        ("ServiceRequest?_id=s1&_revinclude=Task:*", vec!["Task/t1", "Task/t2"]),
        ("ServiceRequest?_id=s1&_revinclude=*", vec!["Task/t1", "Task/t2"]),
        ("Patient?_id=p&_revinclude=CareTeam:subject", vec!["CareTeam/c"]),
        (
            "Task?_id=t1&_include=Task:focus&_revinclude=CareTeam:participant&_include=Task:owner",
            vec!["Organization/h", "ServiceRequest/s1"],
        ),
    ] {
        assert_eq!(includes(app, query).await, expected, "{query}");
    }
}

async fn included_resources_are_followed_where_it_is_asked(app: &TestApp) {
    a_case(app).await;
    for (query, expected) in [
        (
            "ServiceRequest?_id=s1&_revinclude=Task:focus&_include:iterate=Task:owner",
            vec!["Organization/h", "Task/t1", "Task/t2"],
        ),
        ("ServiceRequest?_id=s1&_revinclude=Task:focus&_include=Task:owner", vec!["Task/t1", "Task/t2"]),
        (
            "Task?_id=t3&_include=Task:focus&_include:iterate=ServiceRequest:subject",
            vec!["Patient/q", "ServiceRequest/s3"],
        ),
        (
            "Task?_id=t3&_include=Task:focus&_include:iterate=ServiceRequest:subject&_revinclude:iterate=ServiceRequest:patient",
            vec!["Patient/q", "ServiceRequest/s3", "ServiceRequest/s4"],
        ),
    ] {
        assert_eq!(includes(app, query).await, expected, "{query}");
    }
}

async fn a_match_is_not_repeated(app: &TestApp) {
    tower(app, 3).await;
    let bundle = app.get("Location?_id=l0,l1&_include=Location:partof").await.expect(200);
    assert_eq!(keys(&bundle, "match").len(), 2);
    assert_eq!(keys(&bundle, "include"), ["Location/l2"]);
    let bundle = app.get("Location?_include:iterate=Location:partof&_revinclude=Location:partof").await.expect(200);
    assert_eq!((keys(&bundle, "match").len(), keys(&bundle, "include").len()), (3, 0));
}

/// Locations of which each is part of the next one.
async fn tower(app: &TestApp, height: usize) {
    for n in (0..height).rev() {
        let mut body = location(&format!("l{n}"), "階");
        if n + 1 < height {
            body["partOf"] = json!({"reference": format!("Location/l{}", n + 1)});
        }
        app.put(&format!("Location/l{n}"), &body).await.expect(201);
    }
}

async fn wildcards_work_for_every_type(app: &TestApp) {
    a_case(app).await;
    for rtype in types_with(Interaction::SearchType) {
        app.get(&format!("{rtype}?_include=*&_revinclude=*&_include:iterate=*")).await.expect(200);
    }
}

async fn included_resources_are_current_and_never_deleted(app: &TestApp) {
    a_case(app).await;
    let mut doctor = app.get("Practitioner/d").await.expect(200);
    doctor["language"] = json!("en");
    app.put("Practitioner/d", &doctor).await.expect(200);
    let mut request = app.get("ServiceRequest/s1").await.expect(200);
    request["requester"] = json!({"reference": "Practitioner/d/_history/1"});
    app.put("ServiceRequest/s1", &request).await.expect(200);
    let bundle = app.get("ServiceRequest?_id=s1&_include=ServiceRequest:requester").await.expect(200);
    assert_eq!(bundle["entry"][1]["resource"]["meta"]["versionId"], "2");
    app.delete("Task/t1").await.expect(204);
    assert_eq!(includes(app, "ServiceRequest?_id=s1&_revinclude=Task:focus").await, ["Task/t2"]);
}

async fn what_is_left_out_is_told(app: &TestApp) {
    a_case(app).await;
    let small = app.limited(SearchLimits { included: 2, ..SearchLimits::default() }).await;
    let query = "ServiceRequest?_revinclude=Task:focus";
    assert_eq!(includes(app, query).await.len(), 3);
    let bundle = small.get(query).await.expect(200);
    assert_eq!(keys(&bundle, "include").len(), 2);
    let told = outcome(&bundle).unwrap();
    assert_eq!((&told["severity"], &told["code"]), (&json!("warning"), &json!("too-costly")));
    assert_eq!(keys(&bundle, "match").len(), 4, "matches are not left out");
    for whole in ["ServiceRequest?_id=s1&_revinclude=Task:focus", "ServiceRequest?_id=s1,s3&_include=*"] {
        let bundle = small.get(whole).await.expect(200);
        assert_eq!(outcome(&bundle).is_some(), whole.contains("s3"), "{whole}");
    }
    tower(app, 12).await;
    let bundle = app.get("Location?_id=l0&_include:iterate=Location:partof").await.expect(200);
    assert_eq!(keys(&bundle, "include"), (1..=8).map(|n| format!("Location/l{n}")).collect::<Vec<_>>());
    assert_eq!(outcome(&bundle).unwrap()["code"], "too-costly");
    let bundle = app.get("Location?_id=l4&_include:iterate=Location:partof").await.expect(200);
    assert_eq!((keys(&bundle, "include").len(), outcome(&bundle)), (7, None));
}

async fn each_page_has_its_own_includes(app: &TestApp) {
    a_case(app).await;
    let first = app.get("ServiceRequest?_id=s1,s3&_count=1&_include=ServiceRequest:subject").await.expect(200);
    assert_eq!(keys(&first, "include"), ["Patient/p"]);
    let second = app.get(&under_base(app, link(&first, "next").unwrap())).await.expect(200);
    assert_eq!(
        (keys(&second, "match"), keys(&second, "include")),
        (vec!["ServiceRequest/s3".into()], vec!["Patient/q".into()])
    );
}

async fn includes_that_cannot_be_are_refused(app: &TestApp) {
    for bad in [
        "_include=Nothing:x",
        "_include=Task:nothing",
        "_include=Task:status",
        "_include=Task",
        "_include=",
        "_include=Task:focus:Nothing",
        "_include:recurse=Task:focus",
        "_revinclude=Task:nothing",
        "_summary=text&_include=Task:focus",
    ] {
        app.get(&format!("Task?{bad}")).await.expect_refusal(400);
    }
}
