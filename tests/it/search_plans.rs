//! The statements of searches and the plans that the databases have for them.

use std::collections::BTreeSet;

use kakehashi::exchange::PageWish;
use kakehashi::fhir::id::ResourceType;
use kakehashi::fhir::instant::Instant;
use kakehashi::search::split_query;
use kakehashi::store::{
    Bound, Circle, Compare, Condition, Criteria, DatePattern, Edge, Indexed, Inherited, Patterns, QuantityPattern,
    ReferencePattern, Search, SearchLimits, SortBy, SortKey, Span, StoreError, StringPattern, Table, TokenPattern,
    TypeSearch, UnitPattern, VacancyPattern, count, find, parameter_id, system_id,
};
use serde_json::json;

use crate::app::{TestApp, location};
use crate::beds::city::build;
use crate::both;

both!(
    every_kind_of_condition_and_order_is_a_statement_that_runs,
    what_is_too_much_to_be_sorted_is_walked_or_refused,
    hot_searches_use_the_indexes_that_are_made_for_them,
    boards_are_read_by_their_keys,
);

fn indexed(param: &str, any_of: Patterns) -> Condition {
    inheriting(param, any_of, Inherited::No)
}

fn inheriting(param: &str, any_of: Patterns, inherited: Inherited) -> Condition {
    Condition::Indexed(Indexed { param: parameter_id("Location", param), inherited, any_of })
}

fn at_least<T>(value: T) -> Bound<T> {
    Bound { edge: Edge::Low, compare: Compare::AtLeast, value }
}

fn at_most<T>(value: T) -> Bound<T> {
    Bound { edge: Edge::High, compare: Compare::AtMost, value }
}

const CIRCLE: Circle = Circle { latitude: 34.78, longitude: 135.47, metres: 10_000.0 };

fn conditions() -> Vec<Condition> {
    let code = |code: &str| TokenPattern::Code(code.into());
    let to = |id: &str| ReferencePattern::To { rtype: "Location".into(), id: id.into(), version: None };
    let partof = parameter_id("Location", "partof");
    let location = |conditions| Box::new(Criteria { rtype: ResourceType::known("Location"), conditions });
    let span = Span { from: Some(Instant(0)), until: Some(Instant(4_000_000_000_000)) };
    let date_line = Circle { latitude: 0.0, longitude: 179.99, metres: 10_000.0 };
    let pole = Circle { latitude: 89.99, longitude: 0.0, metres: 10_000.0 };
    vec![
        Condition::Id(vec!["a".into(), "b".into()]),
        Condition::LastUpdated(vec![span, Span { from: None, until: Some(Instant(5)) }]),
        indexed("status", Patterns::Tokens(vec![code("active")])),
        indexed("status", Patterns::Tokens(vec![code("active"), code("inactive")])),
        indexed("identifier", Patterns::Tokens(vec![TokenPattern::Exact { system: system_id("s"), code: "a".into() }])),
        indexed("identifier", Patterns::Tokens(vec![TokenPattern::System(system_id("s"))])),
        indexed("_profile", Patterns::Tokens(vec![TokenPattern::Below("http://a".into())])),
        indexed("partof", Patterns::References(vec![to("w")])),
        indexed(
            "partof",
            Patterns::References(vec![
                ReferencePattern::Below { rtype: "Location".into(), id: "w".into(), parent: partof },
                ReferencePattern::Above { rtype: "Location".into(), id: "w".into(), parent: partof },
                ReferencePattern::To { rtype: "Location".into(), id: "w".into(), version: Some("1".into()) },
            ]),
        ),
        indexed("date", Patterns::Dates(vec![DatePattern(vec![at_least(5), at_most(9)])])),
        indexed(
            "length",
            Patterns::Quantities(vec![
                QuantityPattern { bounds: vec![at_least(1.5), at_most(2.5)], unit: Some(UnitPattern::Any("h".into())) },
                QuantityPattern {
                    bounds: vec![at_least(1.5)],
                    unit: Some(UnitPattern::Exact { system: 5, code: "h".into() }),
                },
            ]),
        ),
        indexed(
            "name",
            Patterns::Strings(vec![
                StringPattern::StartsWith("北".into()),
                StringPattern::StartsWith("北".repeat(120)),
                StringPattern::Contains("100%_".into()),
                StringPattern::Exact { text: "北棟".into(), folded: "北棟".into() },
            ]),
        ),
        inheriting("near", Patterns::Positions(vec![CIRCLE, date_line, pole]), Inherited::FromFacility),
        inheriting("bed-function", Patterns::Tokens(vec![code("acute")]), Inherited::FromWard),
        indexed(
            "vacancy",
            Patterns::Vacancies(vec![VacancyPattern { sex: Some("female".into()), available: vec![at_least(1.0)] }]),
        ),
        indexed("as-of", Patterns::AsOf(vec![DatePattern(vec![at_least(5), at_most(9)])])),
        present(Table::Token, "status", Inherited::No),
        present(Table::Position, "near", Inherited::FromFacility),
        present(Table::Vacancy, "available", Inherited::No),
        present(Table::AsOf, "as-of", Inherited::No),
        Condition::Not(Box::new(indexed("status", Patterns::Tokens(vec![code("active")])))),
        Condition::AnyOf(vec![]),
        Condition::AnyOf(vec![Condition::Id(vec!["a".into()]), indexed("status", Patterns::Tokens(vec![code("x")]))]),
        Condition::RefersTo {
            param: partof,
            target: location(vec![Condition::RefersTo {
                param: partof,
                target: location(vec![indexed("status", Patterns::Tokens(vec![code("active")]))]),
            }]),
        },
        Condition::ReferredBy {
            param: partof,
            source: location(vec![
                Condition::ReferredBy {
                    param: partof,
                    source: location(vec![indexed("status", Patterns::Tokens(vec![code("active")]))]),
                },
                inheriting("near", Patterns::Positions(vec![CIRCLE]), Inherited::FromFacility),
            ]),
        },
    ]
}

fn present(table: Table, param: &str, inherited: Inherited) -> Condition {
    Condition::Present { table, param: parameter_id("Location", param), inherited }
}

fn sorts() -> Vec<SortKey> {
    let key =
        |table, param: &str, inherited| SortBy::Indexed { table, param: parameter_id("Location", param), inherited };
    let by = [
        SortBy::Id,
        SortBy::LastUpdated,
        key(Table::Token, "status", Inherited::No),
        key(Table::Token, "bed-function", Inherited::FromWard),
        key(Table::Reference, "partof", Inherited::No),
        key(Table::Date, "date", Inherited::No),
        key(Table::Quantity, "length", Inherited::No),
        key(Table::String, "name", Inherited::No),
        key(Table::Vacancy, "available", Inherited::No),
        key(Table::AsOf, "as-of", Inherited::No),
        SortBy::Distance {
            centre: CIRCLE,
            param: parameter_id("Location", "near"),
            inherited: Inherited::FromFacility,
        },
    ];
    by.into_iter()
        .flat_map(|by| [SortKey { by: by.clone(), descending: false }, SortKey { by, descending: true }])
        .collect()
}

fn search(conditions: Vec<Condition>, sort: Vec<SortKey>) -> Search {
    let criteria = Criteria { rtype: ResourceType::known("Location"), conditions };
    let near = Some((CIRCLE, parameter_id("Location", "near"), Inherited::FromFacility));
    Search { types: vec![TypeSearch { criteria, sort }], after: None, count: 2, near }
}

async fn every_kind_of_condition_and_order_is_a_statement_that_runs(app: &TestApp) {
    for number in 0..7 {
        app.put(&format!("Location/l{number}"), &location(&format!("l{number}"), "北棟")).await.expect(201);
    }
    let (database, now) = (&app.gateway.database, Instant(1_800_000_000_000));
    let limits = SearchLimits::default();
    let status = || indexed("status", Patterns::Tokens(vec![TokenPattern::Code("active".into())]));
    for condition in conditions() {
        for conditions in [vec![condition.clone()], vec![status(), condition.clone()]] {
            let shown = format!("{conditions:?}");
            let sought = search(conditions.clone(), Vec::new());
            let mut connection = database.reader().await.unwrap();
            connection.keep_statements();
            find(&mut connection, &sought, &limits, now).await.unwrap_or_else(|error| panic!("{error}: {shown}"));
            let plans = connection.explain_kept().await.unwrap();
            assert!(!plans.is_empty() && plans.iter().all(|(_, lines)| !lines.is_empty()), "{shown}");
            let criteria = &sought.types[0].criteria;
            count(&mut connection, std::slice::from_ref(criteria), &limits, false, now).await.unwrap();
            find(&mut connection, &search(conditions, vec![sorts().remove(14)]), &limits, now).await.unwrap();
        }
    }
    let all = pages(app, Vec::new(), 20_000).await.unwrap();
    assert_eq!(all.len(), 7);
    for key in sorts() {
        let mut sorted = pages(app, vec![key.clone()], 20_000).await.unwrap();
        sorted.sort();
        assert_eq!(sorted, all, "{key:?}");
        let several = vec![key, sorts().remove(0), sorts().remove(6)];
        let mut connection = database.reader().await.unwrap();
        find(&mut connection, &search(vec![status()], several), &limits, now).await.unwrap();
    }
}

async fn what_is_too_much_to_be_sorted_is_walked_or_refused(app: &TestApp) {
    for number in 0..9 {
        let mut body = location(&format!("l{number}"), ["北棟", "南棟", "東棟"][number % 3]);
        if number % 4 == 0 {
            body.as_object_mut().unwrap().remove("name");
        }
        app.put(&format!("Location/l{number}"), &body).await.expect(201);
    }
    for key in sorts() {
        let whole = pages(app, vec![key.clone()], 20_000).await.unwrap();
        let walked = match &key.by {
            SortBy::Id | SortBy::LastUpdated => true,
            SortBy::Indexed {
                table: Table::Token | Table::Date | Table::Quantity | Table::String, inherited, ..
            } => *inherited == Inherited::No,
            _ => false,
        };
        match pages(app, vec![key.clone()], 3).await {
            Ok(ids) => assert_eq!((walked, ids), (true, whole), "{key:?}"),
            Err(StoreError::TooCostly(_)) => assert!(!walked, "{key:?}"),
            Err(error) => panic!("{error}: {key:?}"),
        }
    }
}

/// The ids on all pages of all Locations, where so many rows are taken as a whole.
async fn pages(app: &TestApp, sort: Vec<SortKey>, whole: u32) -> Result<Vec<String>, StoreError> {
    let (mut ids, mut sought) = (Vec::new(), search(Vec::new(), sort));
    let limits = SearchLimits { whole, ..SearchLimits::default() };
    loop {
        let found = find(&mut app.gateway.database.reader().await?, &sought, &limits, Instant(0)).await?;
        assert!(found.hits.len() <= 2);
        ids.extend(found.hits.iter().map(|hit| hit.version.key.id.to_string()));
        match found.next {
            Some(next) => sought.after = Some(next),
            None => return Ok(ids),
        }
    }
}

/// The searches that the region asks most (README, "Searches").
const HOT: [&str; 10] = [
    "Location?partof=Location/w1&operational-status=U",
    "Location?vacancy=female$ge1&bed-function=recovery&capability=oxygen&near=34.7|135.4|10|km&_sort=near",
    "HealthcareService?coverage-area=Location/city&specialty=01&capacity-status=capacity",
    "ServiceRequest?patient=Patient/p1&status=active&_revinclude=Task:focus&_include=ServiceRequest:requester",
    "Task?owner=Organization/h1&status=requested&_include=Task:focus",
    "CareTeam?patient=Patient/p1&status=active&_include=CareTeam:participant",
    "CareTeam?participant=PractitionerRole/d1",
    "Task?_lastUpdated=ge2026-11-28&_sort=_lastUpdated",
    "Patient?identifier=http://a|1",
    "ServiceRequest?subject:Patient.identifier=http://a|1&_sort=-authored",
];

/// Each statement of a hot search with the indexes that it uses, one a line, in the words of the database: what is told
/// there of costs is left out.
async fn plans(app: &TestApp) -> String {
    let mut text = String::new();
    for query in HOT {
        let (rtype, pairs) = query.split_once('?').unwrap();
        let types = [ResourceType::known(rtype)];
        let read = app.gateway.read_search(&types, &split_query(pairs), &app.base, Instant(0)).await.unwrap();
        let wish = PageWish { count: 20, ..PageWish::default() };
        for (number, (_, lines)) in app.gateway.explain_search(&read, &wish).await.unwrap().iter().enumerate() {
            text.push_str(&format!("{query} [{number}]\n"));
            let mut seen = BTreeSet::new();
            for line in lines.iter().filter_map(|line| access(line)).filter(|line| seen.insert(line.clone())) {
                text.push_str(&format!("  {line}\n"));
            }
        }
    }
    text
}

/// How a table is come at: `SEARCH t USING INDEX …` of SQLite, `Index Scan using … on …` of PostgreSQL.
fn access(line: &str) -> Option<String> {
    let line = line.trim_start_matches([' ', '-', '>']).split("  (cost").next().unwrap_or_default().trim();
    let told = ["SEARCH ", "SCAN ", "Index ", "Seq Scan", "Bitmap "].iter().any(|word| line.starts_with(word));
    (told && !line.starts_with("Index Cond")).then(|| line.to_owned())
}

/// A match for each hot search that brings others with it: their statements are run only then.
async fn something_to_include(app: &TestApp) {
    let referral = json!({
        "subject": {"reference": "Patient/p1"}, "status": "active", "intent": "order",
        "requester": {"reference": "PractitionerRole/d1"},
    });
    let task = json!({
        "status": "requested", "intent": "order", "focus": {"reference": "ServiceRequest/r1"},
        "owner": {"reference": "Organization/h1"},
    });
    let team = json!({
        "status": "active", "subject": {"reference": "Patient/p1"},
        "participant": [{"member": {"reference": "PractitionerRole/d1"}}],
    });
    for (rtype, id, mut body) in [("ServiceRequest", "r1", referral), ("Task", "t1", task), ("CareTeam", "c1", team)] {
        body["resourceType"] = json!(rtype);
        body["id"] = json!(id);
        app.put(&format!("{rtype}/{id}"), &body).await.expect(201);
    }
}

async fn hot_searches_use_the_indexes_that_are_made_for_them(app: &TestApp) {
    let name = if app.database_url.starts_with("sqlite") { "sqlite" } else { "postgres" };
    let file = format!("{}/tests/it/plans/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    something_to_include(app).await;
    let found = plans(app).await;
    if std::env::var_os("KAKEHASHI_TEST_WRITE_PLANS").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&file).unwrap_or_default(), "{file}");
    let tables = ["resource", "index_", "ward", "bed", "facility"];
    let whole = |line: &&str| {
        let words = line.trim();
        words.starts_with("Seq Scan")
            || words.strip_prefix("SCAN ").is_some_and(|rest| tables.iter().any(|t| rest.starts_with(t)))
    };
    assert_eq!(found.lines().filter(whole).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// What is laid over a bed, a ward and a facility costs no more where there are many.
async fn boards_are_read_by_their_keys(app: &TestApp) {
    if !app.database_url.starts_with("sqlite") {
        return; // PostgreSQL reads small tables whole, rightly.
    }
    build(app, &["U", "O"]).await;
    let pairs = split_query("_id=f,w,b0");
    let types = [ResourceType::known("Location")];
    let request = app.gateway.read_search(&types, &pairs, &app.base, app.gateway.now()).await.unwrap();
    let plans = app.gateway.explain_search(&request, &PageWish { count: 20, ..PageWish::default() }).await.unwrap();
    let of_boards: Vec<_> = plans.iter().filter(|(sql, _)| sql.text().contains("FROM ward w")).collect();
    assert!(of_boards.len() >= 2, "a ward's and a facility's");
    for (sql, plan) in plans.iter().filter(|(sql, _)| ["ward_", "bed_count"].iter().any(|t| sql.text().contains(t))) {
        let whole = |line: &&String| {
            ["SCAN", "MATERIALIZE"].iter().any(|word| line.contains(word)) || line.contains("AUTOMATIC")
        };
        assert_eq!(plan.iter().find(whole), None, "{}", sql.text());
    }
}
