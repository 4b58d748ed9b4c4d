//! Definitions are searched like what is stored.

use crate::app::TestApp;
use crate::both;

use super::{ids, pages};

both!(definitions_are_found_by_id_and_url,);

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
