//! The benchmark's region: sites of four wards with fifty beds each.

use super::client::{Connection, put};

pub const BEDS_OF_WARD: usize = 50;
pub const WARDS_OF_SITE: usize = 4;
pub const BEDS_OF_SITE: usize = BEDS_OF_WARD * WARDS_OF_SITE;

/// Puts the sites and wards of so many beds.
pub async fn build(address: &str, beds: usize) {
    let mut connection = Connection::open(address).await;
    let mut all = Vec::new();
    for site in 0..beds.div_ceil(BEDS_OF_SITE) {
        all.push((format!("site-{site}"), site_json(site)));
    }
    for ward in 0..beds.div_ceil(BEDS_OF_WARD) {
        all.push((format!("ward-{ward}"), ward_json(ward)));
    }
    for (id, body) in all {
        let status = connection.exchange(&put(&format!("/fhir/Location/{id}"), &body)).await;
        assert!(status < 300, "{id}: {status}");
    }
}

fn physical(code: &str) -> String {
    format!(
        r#""physicalType":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/location-physical-type","code":"{code}"}}]}}"#
    )
}

fn site_json(site: usize) -> String {
    let (latitude, longitude) = (34.0 + (site % 100) as f64 * 0.01, 135.0 + (site / 100) as f64 * 0.01);
    format!(
        r#"{{"resourceType":"Location","id":"site-{site}","status":"active","name":"病院 {site}","type":[{{"coding":[{{"system":"https://profiles.ihe.net/ITI/mCSD/CodeSystem/IHE.mCSD.Organization.Location.Types","code":"facility"}}]}},{{"coding":[{{"system":"https://kakehashi.example/fhir/CodeSystem/location-role","code":"hospital"}}]}}],"address":{{"city":"豊中市"}},"position":{{"longitude":{longitude:.4},"latitude":{latitude:.4}}},"managingOrganization":{{"display":"病院 {site}"}},{}}}"#,
        physical("si")
    )
}

fn ward_json(ward: usize) -> String {
    let site = ward / WARDS_OF_SITE;
    format!(
        r#"{{"resourceType":"Location","id":"ward-{ward}","status":"active","name":"病棟 {ward}","extension":[{{"url":"https://kakehashi.example/fhir/StructureDefinition/bed-function","valueCoding":{{"system":"https://kakehashi.example/fhir/CodeSystem/bed-function","code":"acute"}}}}],"type":[{{"coding":[{{"system":"https://kakehashi.example/fhir/CodeSystem/location-role","code":"ward"}}]}}],"partOf":{{"reference":"Location/site-{site}"}},{}}}"#,
        physical("wa")
    )
}

/// A bed of its ward; about 1.2 KB.
pub fn bed(number: usize, status: char) -> String {
    let display = if status == 'O' { "Occupied" } else { "Unoccupied" };
    let ward = number / BEDS_OF_WARD;
    format!(
        r#"{{"resourceType":"Location","id":"bed-{number}","meta":{{"profile":["https://kakehashi.example/fhir/StructureDefinition/kh-bed"]}},"extension":[{{"url":"https://kakehashi.example/fhir/StructureDefinition/admittable-sex","valueCoding":{{"system":"https://kakehashi.example/fhir/CodeSystem/admittable-sex","code":"any","display":"Any"}}}}],"identifier":[{{"system":"https://kakehashi.example/fhir/IdSystem/bed","value":"{}"}}],"status":"active","operationalStatus":{{"system":"http://terminology.hl7.org/CodeSystem/v2-0116","code":"{status}","display":"{display}"}},"name":"201号室 {number}床","mode":"instance","type":[{{"coding":[{{"system":"https://kakehashi.example/fhir/CodeSystem/location-role","code":"bed","display":"Bed"}}],"text":"病床"}}],"physicalType":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/location-physical-type","code":"bd","display":"Bed"}}],"text":"病床"}},"managingOrganization":{{"reference":"Organization/hosp-01"}},"partOf":{{"reference":"Location/ward-{ward}"}}}}"#,
        bed_number(number)
    )
}

/// The identifier's value of a bed.
pub fn bed_number(number: usize) -> String {
    format!("2719000001-W{:04}-B{number:07}", number / BEDS_OF_WARD)
}
