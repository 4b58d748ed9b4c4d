//! The region of the benchmark: 10 hospitals with 20 wards of 20 beds each, and one sender that feeds them.

use std::path::Path;
use std::process::Command;

pub const WARDS: usize = 200;
pub const BEDS_OF_WARD: usize = 20;
pub const BEDS: usize = WARDS * BEDS_OF_WARD;
pub const HOSPITALS: usize = 10;

/// Puts the region into the database, by the program's own import.
pub fn fill(url: &str, folder: &Path) {
    let file = folder.join("region.ndjson");
    let mut lines = vec![r#"{"resourceType":"Organization","id":"hosp","name":"病院"}"#.to_owned()];
    lines.extend((0..HOSPITALS).map(facility));
    lines.extend((0..WARDS).map(ward));
    lines.extend((0..BEDS).map(|number| bed(number, "U", "2026-01-01T00:00:00.000Z")));
    std::fs::write(&file, lines.join("\n")).expect("the region");
    let program = Command::new(env!("CARGO_BIN_EXE_kakehashi"))
        .args(["import", "--log", "warn", "--database-url", url])
        .arg(&file)
        // It has no addresses and positions.
        .env("KAKEHASHI_VALIDATION", "off")
        .output();
    let output = program.expect("the import");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(folder.join("senders.toml"), SENDERS).expect("the senders");
}

const SENDERS: &str = "[[sender]]\nname = \"hosp\"\napplication = \"HIS\"\nfacility = \"HOSP\"\n\
    [[sender.location]]\nbed = \"*\"\nidentifier = \"https://kakehashi.example/fhir/IdSystem/bed|2719000001-W-{bed}\"\n";

fn facility(number: usize) -> String {
    format!(
        r#"{{"resourceType":"Location","id":"facility-{number}","status":"active","name":"施設 {number}","mode":"instance","physicalType":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/location-physical-type","code":"si"}}]}},"managingOrganization":{{"reference":"Organization/hosp"}}}}"#
    )
}

fn ward(number: usize) -> String {
    let facility = number % HOSPITALS;
    format!(
        r#"{{"resourceType":"Location","id":"ward-{number}","extension":[{{"url":"https://kakehashi.example/fhir/StructureDefinition/bed-function","valueCoding":{{"system":"https://kakehashi.example/fhir/CodeSystem/bed-function","code":"acute"}}}},{{"url":"https://kakehashi.example/fhir/StructureDefinition/admittable-sex","valueCoding":{{"system":"https://kakehashi.example/fhir/CodeSystem/admittable-sex","code":"any"}}}}],"status":"active","name":"病棟 {number}","mode":"instance","physicalType":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/location-physical-type","code":"wa"}}]}},"partOf":{{"reference":"Location/facility-{facility}"}}}}"#
    )
}

/// A bed as a report leaves it.
pub fn bed(number: usize, status: &str, as_of: &str) -> String {
    let ward = number / BEDS_OF_WARD;
    format!(
        r#"{{"resourceType":"Location","id":"bed-{number}","meta":{{"profile":["https://kakehashi.example/fhir/StructureDefinition/kh-bed"]}},"extension":[{{"url":"https://kakehashi.example/fhir/StructureDefinition/as-of","valueInstant":"{as_of}"}}],"identifier":[{{"system":"https://kakehashi.example/fhir/IdSystem/bed","value":"2719000001-W-{number}"}}],"status":"active","operationalStatus":{{"system":"http://terminology.hl7.org/CodeSystem/v2-0116","code":"{status}"}},"name":"201号室 {number}床","mode":"instance","type":[{{"coding":[{{"system":"https://kakehashi.example/fhir/CodeSystem/location-role","code":"bed","display":"Bed"}}],"text":"病床"}}],"physicalType":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/location-physical-type","code":"bd","display":"Bed"}}],"text":"病床"}},"managingOrganization":{{"reference":"Organization/hosp"}},"partOf":{{"reference":"Location/ward-{ward}"}}}}"#
    )
}
