//! How far matches are from where the search looks.

use serde_json::{Value, json};

use crate::app::{TestApp, location};
use crate::both;
use crate::region_searches::region::{hospital, ward};

use super::ids;

both!(
    matches_say_how_far_they_are,
    the_nearest_come_first_where_it_is_asked,
    the_nearest_of_many_come_page_by_page,
    a_corner_of_the_box_is_not_within_the_circle,
);

/// Places north of 34.7°: a degree of latitude is 111.195 km.
async fn places(app: &TestApp) {
    for (id, latitude) in [("far", 34.8), ("near", 34.71), ("middle", 34.75)] {
        let mut body = location(id, "病院");
        body["position"] = json!({"latitude": latitude, "longitude": 135.5});
        app.put(&format!("Location/{id}"), &body).await.expect(201);
    }
    app.put("Location/nowhere", &location("nowhere", "病院")).await.expect(201);
}

fn distances(bundle: &Value) -> Vec<f64> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let distance = |entry: &Value| {
        let extension = &entry["search"]["extension"][0];
        assert_eq!(extension["url"], "http://hl7.org/fhir/StructureDefinition/location-distance");
        let distance = &extension["valueDistance"];
        assert_eq!((&distance["unit"], &distance["code"]), (&json!("km"), &json!("km")));
        assert_eq!(distance["system"], "http://unitsofmeasure.org");
        distance["value"].as_f64().unwrap()
    };
    entries.map(distance).collect()
}

async fn matches_say_how_far_they_are(app: &TestApp) {
    places(app).await;
    for (query, expected) in [
        ("near=34.7|135.5|6|km", vec![("near", 1.112), ("middle", 5.560)]),
        ("near=34.7|135.5|1112|m", vec![("near", 1.112)]),
        ("near=34.7|135.5|1|km", vec![]),
        ("near=34.7|135.5|6|km&name=nothing", vec![]),
    ] {
        let bundle = app.get(&format!("Location?{query}")).await.expect(200);
        let told: Vec<(String, f64)> = ids(&bundle).into_iter().zip(distances(&bundle)).collect();
        let expected: Vec<(String, f64)> = expected.into_iter().map(|(id, km)| (id.to_owned(), km)).collect();
        assert_eq!(told, expected, "{query}");
    }
    let plain = app.get("Location?_id=near").await.expect(200);
    assert_eq!(plain["entry"][0]["search"], json!({"mode": "match"}));
}

async fn the_nearest_come_first_where_it_is_asked(app: &TestApp) {
    places(app).await;
    let bundle = app.get("Location?near=34.7|135.5|50|km&_sort=near").await.expect(200);
    assert_eq!(ids(&bundle), ["near", "middle", "far"]);
    assert_eq!(distances(&bundle), [1.112, 5.56, 11.12]);
    let paged = super::pages(app, "Location?near=34.7|135.5|50|km&_sort=-near&_count=1", async |_| ()).await;
    assert_eq!(paged.concat(), ["far", "middle", "near"]);
}

/// More facilities than one circle is begun with, in rings whose distances repeat, with wards that inherit their places and
/// one that has its own.
async fn the_nearest_of_many_come_page_by_page(app: &TestApp) {
    let mut entries = Vec::new();
    let mut expected: Vec<(f64, String)> = Vec::new();
    let mut add = |resource: Value, latitude: f64| {
        let id = resource["id"].as_str().unwrap().to_owned();
        let url = format!("Location/{id}");
        entries.push(json!({"resource": resource, "request": {"method": "PUT", "url": url}}));
        expected.push(((latitude - 34.7).abs() * 111.195, id));
    };
    for number in 0..40_u32 {
        let degrees = 0.0005 * f64::from(number * 7 % 20 + 1).powi(2);
        let latitude = 34.7 + degrees * if number % 2 == 0 { 1.0 } else { -1.0 };
        add(hospital(&format!("f{number}"), latitude), latitude);
        let mut ward = ward(&format!("f{number}-w"), "acute", &[], &[]);
        let own = number == 13;
        if own {
            ward["position"] = json!({"latitude": 34.7001, "longitude": 135.47});
        }
        add(ward, if own { 34.7001 } else { latitude });
    }
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    app.post("", &bundle).await.expect(200);
    for km in [0.5, 5.0, 16.0, 500.0] {
        let mut paged = Vec::new();
        for page in
            super::pages(app, &format!("Location?near=34.7|135.47|{km}|km&_sort=near&_count=9"), async |_| ()).await
        {
            paged.extend(page);
        }
        let mut within: Vec<_> = expected.iter().filter(|(distance, _)| *distance <= km).collect();
        // Both sides of the centre are equally far but for the last digits.
        let metre = |distance: f64| (distance * 1_000.0).round();
        within.sort_by(|left, right| metre(left.0).total_cmp(&metre(right.0)));
        let distance = |id: &String| metre(expected.iter().find(|(_, its)| its == id).unwrap().0);
        let (found, wanted): (Vec<f64>, Vec<f64>) =
            (paged.iter().map(distance).collect(), within.iter().map(|(km, _)| metre(*km)).collect());
        assert_eq!(found, wanted, "{km} km");
        let (mut found, mut wanted) = (paged, within.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{km} km");
    }
}

async fn a_corner_of_the_box_is_not_within_the_circle(app: &TestApp) {
    // 10 km north and 10 km east of the centre, both within the box of 10.1 km; together they are 14 km away.
    for (id, latitude, longitude) in [("north", 34.79, 135.5), ("east", 34.7, 135.609), ("corner", 34.79, 135.609)] {
        let mut body = location(id, "病院");
        body["position"] = json!({"latitude": latitude, "longitude": longitude});
        app.put(&format!("Location/{id}"), &body).await.expect(201);
    }
    let found = |km: &str| format!("Location?near=34.7|135.5|{km}|km");
    assert_eq!(ids(&app.get(&found("10.1")).await.expect(200)), ["north", "east"]);
    assert_eq!(ids(&app.get(&found("14.5")).await.expect(200)), ["north", "east", "corner"]);
}
