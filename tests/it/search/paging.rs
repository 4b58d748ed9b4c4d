//! Pages: everything once, whatever is written meanwhile; links that tell nothing and that nobody else can make.

use std::collections::BTreeSet;

use kakehashi::store::WriterSettings;
use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;
use crate::builders::changed;

use super::{ids, link, pages, place, under_base};

both!(
    next_links_lead_through_everything_once,
    paging_neither_skips_nor_repeats_while_others_write,
    links_tell_nothing_of_the_search,
    the_page_size_may_change_on_the_way_and_nothing_else,
    a_cursor_that_is_changed_or_of_another_path_is_refused,
    cursors_hold_after_a_restart_and_on_another_gateway,
    results_end_where_they_are_to_end,
    parts_of_resources_stay_parts_on_further_pages,
    a_search_that_fits_no_link_is_told_so,
);

async fn next_links_lead_through_everything_once(app: &TestApp) {
    for n in 0..25 {
        place(app, &format!("p{n:02}"), Some("urn:s"), "same").await;
    }
    place(app, "other", Some("urn:s"), "different").await;
    let expected: BTreeSet<String> = (0..25).map(|n| format!("p{n:02}")).collect();
    for count in [1, 7, 24, 25, 26] {
        let pages = pages(app, &format!("Location?identifier=urn:s|same&_count={count}"), async |_| ()).await;
        assert!(pages.iter().all(|page| page.len() <= count), "{count}: {pages:?}");
        assert_eq!(pages.len(), 25_usize.div_ceil(count), "no empty page at the end");
        let all: Vec<String> = pages.concat();
        assert_eq!((all.len(), all.into_iter().collect::<BTreeSet<_>>()), (25, expected.clone()));
    }
    let first = app.get("Location?identifier=urn:s|same&_count=10&_total=accurate").await.expect(200);
    assert_eq!(first["total"], 25, "the total is not the page's");
    let whole = app.get("Location?identifier=urn:s|same&_count=25").await.expect(200);
    assert_eq!(whole["total"], 25, "one page that holds everything is counted");
}

async fn paging_neither_skips_nor_repeats_while_others_write(app: &TestApp) {
    for n in 0..12 {
        app.put(&format!("Location/p{n:02}"), &location(&format!("p{n:02}"), "x")).await.expect(201);
    }
    let between = async |page: usize| {
        let (behind, ahead) = (format!("a{page}"), format!("p{:02}", 11 - page));
        app.put(&format!("Location/{behind}"), &location(&behind, "new")).await.expect(201);
        app.put(&format!("Location/{ahead}"), &changed(&location(&ahead, "x"), "en")).await.expect(200);
    };
    let all = pages(app, "Location?_count=4", between).await.concat();
    let (first, new): (Vec<_>, Vec<_>) = all.into_iter().partition(|id| id.starts_with('p'));
    assert_eq!(first, (0..12).map(|n| format!("p{n:02}")).collect::<Vec<_>>());
    assert_eq!(new.len(), new.iter().collect::<BTreeSet<_>>().len(), "what is new comes at the end, once");
}

async fn ten(app: &TestApp) {
    for n in 0..10 {
        place(app, &format!("p{n}"), Some("urn:secret"), "same").await;
    }
}

/// The query of the next link, as pairs.
fn next_query(bundle: &Value) -> Vec<(String, String)> {
    let (_, query) = link(bundle, "next").unwrap().split_once('?').unwrap();
    query
        .split('&')
        .map(|pair| pair.split_once('=').map(|(name, value)| (name.into(), value.into())).unwrap())
        .collect()
}

async fn links_tell_nothing_of_the_search(app: &TestApp) {
    ten(app).await;
    let form = "application/x-www-form-urlencoded";
    let body = "identifier=urn:secret|same&_count=3&_elements=status";
    let first = app.request("POST", "Location/_search").raw(form, body).send().await.expect(200);
    let query = next_query(&first);
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.as_slice(), query[0].1.as_str()), (["_count", "_cursor"].as_slice(), "3"));
    assert!(link(&first, "next").unwrap().starts_with(&format!("{}/Location?_count=3&_cursor=", app.base)));
    let second = app.get(&under_base(app, link(&first, "next").unwrap())).await.expect(200);
    assert_eq!(ids(&second), ["p3", "p4", "p5"]);
    for shown in [link(&first, "next"), link(&second, "self"), link(&second, "next")] {
        let shown = shown.unwrap();
        assert!(!shown.contains("secret") && !shown.contains("identifier") && !shown.contains("status"), "{shown}");
    }
    let again = app.request("POST", "Location/_search").raw(form, body).send().await.expect(200);
    assert_ne!(next_query(&first)[1], next_query(&again)[1], "nobody can tell that two searches are the same");
}

async fn the_page_size_may_change_on_the_way_and_nothing_else(app: &TestApp) {
    ten(app).await;
    let first = app.get("Location?identifier=urn:secret|same&_count=2").await.expect(200);
    let cursor = next_query(&first)[1].1.clone();
    let larger = app.get(&format!("Location?_count=5&_cursor={cursor}")).await.expect(200);
    assert_eq!(ids(&larger), ["p2", "p3", "p4", "p5", "p6"]);
    let own = format!("{}/Location?_count=5&_cursor={cursor}", app.base);
    assert_eq!(link(&larger, "self"), Some(own.as_str()), "a later page is found again by its own link");
    assert_eq!(ids(&app.get(&format!("Location?_cursor={cursor}")).await.expect(200)).len(), 8);
    let form = format!("_cursor={cursor}&_count=1");
    let media = "application/x-www-form-urlencoded";
    let posted = app.request("POST", "Location/_search").raw(media, form).send().await.expect(200);
    assert_eq!(ids(&posted), ["p2"]);
    let counted = app.get(&format!("Location?_cursor={cursor}&_total=accurate&_format=json&_pretty=true")).await;
    assert_eq!(counted.expect(200)["total"], 10, "asked for again");
    for more in ["name=x", "_sort=name", "_elements=name", "_summary=true", "_maxresults=1", "unknown=1"] {
        let refused = app.get(&format!("Location?_cursor={cursor}&{more}")).await.expect_refusal(400);
        let name = more.split('=').next().unwrap();
        assert_eq!(refused["issue"][0]["expression"][0], format!("http.name:{name}"));
    }
}

async fn a_cursor_that_is_changed_or_of_another_path_is_refused(app: &TestApp) {
    ten(app).await;
    let cursor = next_query(&app.get("Location?_count=2").await.expect(200))[1].1.clone();
    let other = if cursor.ends_with('A') { 'B' } else { 'A' };
    let changed = format!("{}{other}", &cursor[..cursor.len() - 1]);
    let middle = format!("{}{}{}", &cursor[..40], if &cursor[40..41] == "x" { "y" } else { "x" }, &cursor[41..]);
    for path in [
        format!("Location?_cursor={changed}x"),
        format!("Location?_cursor={middle}"),
        format!("Location?_cursor={}", &cursor[..cursor.len() - 4]),
        format!("Location?_cursor={cursor}&_cursor={cursor}"),
        format!("Organization?_cursor={cursor}"),
        format!("StructureDefinition?_cursor={cursor}"),
        format!("?_cursor={cursor}"),
        format!("Patient/1/Location?_cursor={cursor}"),
        "Location?_cursor=".to_owned(),
        "Location?_cursor=1".to_owned(),
    ] {
        let answer = app.get(&path).await;
        if path.starts_with("Patient") {
            answer.expect_refusal(404); // Locations are in nobody's compartment.
            continue;
        }
        let refused = answer.expect_refusal(400);
        assert_eq!(refused["issue"][0]["expression"][0], "http.name:_cursor", "{path}");
    }
}

async fn cursors_hold_after_a_restart_and_on_another_gateway(app: &TestApp) {
    ten(app).await;
    let first = app.get("Location?_count=4").await.expect(200);
    let other = TestApp::on(&app.database_url, WriterSettings::default()).await;
    let path = under_base(app, link(&first, "next").unwrap());
    assert_eq!(ids(&other.get(&path).await.expect(200)), ["p4", "p5", "p6", "p7"]);
}

async fn results_end_where_they_are_to_end(app: &TestApp) {
    ten(app).await;
    let all = pages(app, "Location?_maxresults=7&_count=3", async |_| ()).await;
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    for (query, size) in [("_maxresults=3&_count=3", 3), ("_maxresults=1", 1), ("_maxresults=50", 10)] {
        let bundle = app.get(&format!("Location?{query}")).await.expect(200);
        assert_eq!((ids(&bundle).len(), link(&bundle, "next")), (size, None), "{query}");
        assert!(link(&bundle, "self").unwrap().contains("_maxresults="));
    }
    let counted = app.get("Location?_maxresults=3&_total=accurate").await.expect(200);
    assert_eq!(counted["total"], 10, "the total is that of all matches");
    for bad in ["0", "-1", "x", ""] {
        app.get(&format!("Location?_maxresults={bad}")).await.expect_refusal(400);
    }
}

async fn parts_of_resources_stay_parts_on_further_pages(app: &TestApp) {
    ten(app).await;
    for shaping in ["_elements=status", "_summary=true"] {
        let first = app.get(&format!("Location?_count=4&{shaping}")).await.expect(200);
        let second = app.get(&under_base(app, link(&first, "next").unwrap())).await.expect(200);
        for bundle in [&first, &second] {
            let resource = &bundle["entry"][0]["resource"];
            assert_eq!(resource["meta"]["tag"][0]["code"], "SUBSETTED", "{shaping}");
            assert_eq!(resource["status"], "active");
        }
        assert!(link(&first, "self").unwrap().contains(shaping));
    }
}

async fn a_search_that_fits_no_link_is_told_so(app: &TestApp) {
    ten(app).await;
    let body = format!("_count=1&_id=p1,p2{}", format!(",{}", "n".repeat(60)).repeat(1_000));
    let post = async |body: String| {
        let request = app.request("POST", "Location/_search");
        request.raw("application/x-www-form-urlencoded", body).send().await
    };
    assert_eq!(post(body.clone()).await.expect_refusal(400)["issue"][0]["code"], json!("too-long"));
    let whole = body.replace("_count=1", "_count=2");
    assert_eq!(ids(&post(whole).await.expect(200)), ["p1", "p2"], "without a next page there is no link to make");
}
