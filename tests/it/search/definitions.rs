//! Definitions are searched like what is stored.

use crate::app::TestApp;
use crate::both;

use super::{ids, pages};

both!(
    definitions_are_found_by_id_and_url,
    definitions_are_searched_by_what_their_type_has,
    types_that_only_the_gateway_writes_can_be_searched,
);

async fn definitions_are_found_by_id_and_url(app: &TestApp) {
    let url = "https://kakehashi.example/fhir/StructureDefinition/kh-bed";
    for query in ["_id=kh-bed".to_owned(), format!("url={url}"), format!("_id=kh-bed,kh-ward&url={url}")] {
        let bundle = app.get(&format!("StructureDefinition?{query}")).await.expect(200);
        assert_eq!(ids(&bundle), ["kh-bed"], "{query}");
        let read = app.get("StructureDefinition/kh-bed").await.expect(200);
        assert_eq!(bundle["entry"][0]["resource"], read);
        assert_eq!(bundle["entry"][0]["fullUrl"], format!("{}/StructureDefinition/kh-bed", app.base));
    }
    let all = ids(&app.get("StructureDefinition").await.expect(200));
    assert!(all.len() > 20);
    let paged = pages(app, "StructureDefinition?_count=7", async |_| ()).await;
    assert!(paged.iter().all(|page| page.len() <= 7));
    assert_eq!(paged.concat(), all);
    assert_eq!(app.get("StructureDefinition?_summary=count").await.expect(200)["total"], all.len());
}

async fn definitions_are_searched_by_what_their_type_has(app: &TestApp) {
    for (query, expected) in [
        ("StructureDefinition?type=Location&derivation=constraint&_sort=_id", vec!["kh-bed", "kh-facility", "kh-ward"]),
        ("StructureDefinition?name:exact=KhBed", vec!["kh-bed"]),
        ("StructureDefinition?_id=kh-bed,kh-ward&_sort=-_id", vec!["kh-ward", "kh-bed"]),
        ("StructureDefinition?_id=kh-bed,kh-ward&_sort=-url", vec!["kh-ward", "kh-bed"]),
        ("StructureDefinition?_id=kh-bed&status=retired", vec![]),
        ("StructureDefinition?_id=kh-bed&url:missing=true", vec![]),
        ("StructureDefinition?url:below=https://kakehashi.example/fhir/StructureDefinition/kh-bed", vec!["kh-bed"]),
        ("CodeSystem?_id=bed-function&status=active,draft", vec!["bed-function"]),
    ] {
        assert_eq!(ids(&app.get(query).await.expect(200)), expected, "{query}");
    }
    let sorted = pages(app, "StructureDefinition?_sort=-name&_count=4", async |_| ()).await.concat();
    let all = app.get("StructureDefinition?_sort=name").await.expect(200);
    let mut backwards = ids(&all);
    backwards.reverse();
    assert_eq!(sorted, backwards, "names differ, so that the order is the very opposite");
    for bad in ["_lastUpdated=gt2020", "_has:Task:focus:status=x", "type:exact=Location"] {
        app.get(&format!("StructureDefinition?{bad}")).await.expect_refusal(400);
    }
}

async fn types_that_only_the_gateway_writes_can_be_searched(app: &TestApp) {
    for rtype in ["AuditEvent", "MeasureReport"] {
        let bundle = app.get(&format!("{rtype}?date=ge2026&_sort=-date&_include=*&_total=accurate")).await.expect(200);
        assert_eq!((&bundle["total"], bundle.get("entry")), (&serde_json::json!(0), None), "{rtype}");
    }
}
