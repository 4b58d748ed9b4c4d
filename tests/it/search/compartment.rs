//! What is in a patient's or a practitioner's compartment.

use serde_json::json;

use crate::app::TestApp;
use crate::both;

use super::{a_case, ids, keys, link, pages};

both!(
    a_compartment_holds_what_refers_to_its_resource,
    a_compartment_is_narrowed_like_any_search,
    all_types_of_a_compartment_are_found_at_once,
    a_compartment_is_searched_by_post_and_page_by_page,
    what_is_no_compartment_is_not_found,
);

async fn a_compartment_holds_what_refers_to_its_resource(app: &TestApp) {
    a_case(app).await;
    for (path, expected) in [
        ("Patient/p/ServiceRequest", vec!["s1", "s2", "s4"]),
        ("Patient/q/ServiceRequest", vec!["s3", "s4"]),
        ("Patient/p/CareTeam", vec!["c"]),
        ("Patient/q/CareTeam", vec![]),
        ("Patient/p/Patient", vec!["p"]),
        ("Practitioner/d/CareTeam", vec!["c"]),
        ("Practitioner/d/ServiceRequest", vec!["s1", "s2", "s3"]),
        ("Patient/nobody/ServiceRequest", vec![]),
    ] {
        let bundle = app.get(path).await.expect(200);
        assert_eq!(ids(&bundle), expected, "{path}");
        assert_eq!(link(&bundle, "self"), Some(format!("{}/{path}", app.base).as_str()));
        assert_eq!(bundle["total"], expected.len());
        assert_eq!(app.request("HEAD", path).send().await.status, 200);
    }
}

async fn a_compartment_is_narrowed_like_any_search(app: &TestApp) {
    a_case(app).await;
    for (query, expected) in [
        ("_id=s2,s3", vec!["s2"]),
        ("status=active&_sort=-_id", vec!["s4", "s2", "s1"]),
        ("status=completed", vec![]),
        ("_has:Task:focus:owner=Organization/h", vec!["s1"]),
    ] {
        assert_eq!(ids(&app.get(&format!("Patient/p/ServiceRequest?{query}")).await.expect(200)), expected, "{query}");
    }
    let told = app.get("Patient/p/ServiceRequest?nothing=1&_revinclude=Task:focus").await.expect(200);
    assert_eq!(keys(&told, "include"), ["Task/t1", "Task/t2"]);
    assert_eq!(told["entry"].as_array().unwrap().last().unwrap()["search"]["mode"], "outcome");
}

async fn all_types_of_a_compartment_are_found_at_once(app: &TestApp) {
    a_case(app).await;
    let all = async |query: &str| app.get(&format!("Patient/p/*{query}")).await;
    let mut found = keys(&all("").await.expect(200), "match");
    found.sort();
    assert_eq!(found, ["CareTeam/c", "Patient/p", "ServiceRequest/s1", "ServiceRequest/s2", "ServiceRequest/s4"]);
    let chosen = all("?_type=CareTeam,ServiceRequest&_id=c,s1").await.expect(200);
    assert_eq!(keys(&chosen, "match"), ["CareTeam/c", "ServiceRequest/s1"]);
    all("?_type=Location").await.expect_refusal(400);
}

async fn a_compartment_is_searched_by_post_and_page_by_page(app: &TestApp) {
    a_case(app).await;
    let form = "application/x-www-form-urlencoded";
    let post = async |path: &str, body: &'static str| app.request("POST", path).raw(form, body).send().await;
    let bundle = post("Patient/p/ServiceRequest/_search?_id=s1,s2", "_count=1&status=active").await.expect(200);
    assert_eq!(ids(&bundle), ["s1"]);
    assert!(link(&bundle, "next").unwrap().starts_with(&format!("{}/Patient/p/ServiceRequest?_count=1&_c", app.base)));
    assert_eq!(pages(app, "Patient/p/ServiceRequest?_count=1", async |_| ()).await.concat(), ["s1", "s2", "s4"]);
    assert_eq!(pages(app, "Patient/p/*?_count=2", async |_| ()).await.concat().len(), 5);
    assert_eq!(keys(&post("Patient/p/*/_search", "_type=CareTeam").await.expect(200), "match"), ["CareTeam/c"]);
    let cursor = link(&bundle, "next").unwrap().split_once("_cursor=").unwrap().1.to_owned();
    for other in ["Patient/q/ServiceRequest", "Patient/p/CareTeam", "Patient/p/*", "ServiceRequest"] {
        app.get(&format!("{other}?_cursor={cursor}")).await.expect_refusal(400);
    }
}

async fn what_is_no_compartment_is_not_found(app: &TestApp) {
    for path in [
        "Patient/p/Location",
        "Patient/p/StructureDefinition",
        "Patient/p/Nothing",
        "Patient/a_b/ServiceRequest",
        "Location/l/Task",
        "Device/d/Group",
        "Patient/p/servicerequest",
    ] {
        app.get(path).await.expect_refusal(404);
    }
    app.post("Patient/p/ServiceRequest", &json!({})).await.expect_refusal(405);
}
