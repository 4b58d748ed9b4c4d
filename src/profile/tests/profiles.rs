//! What profiles can say: slices in all their forms, profiles on types and targets, snapshots, must-support.

use super::{errors, file, found, json, one, pack};
use crate::fhir::outcome::{Issue, Severity};
use crate::profile::{Definitions, Settings, SourceFile, Validation};

/// A profile `http://a/{id}` with the given elements.
fn profile(id: &str, type_name: &str, elements: &str) -> SourceFile {
    profile_on(id, type_name, &format!("http://hl7.org/fhir/StructureDefinition/{type_name}"), elements)
}

fn profile_on(id: &str, type_name: &str, base: &str, elements: &str) -> SourceFile {
    let text = format!(
        r#"{{"resourceType":"StructureDefinition","id":"{id}","url":"http://a/{id}","type":"{type_name}",
"derivation":"constraint","baseDefinition":"{base}","differential":{{"element":[{elements}]}}}}"#
    );
    file(&format!("StructureDefinition/{id}.json"), &text)
}

fn load(files: &[SourceFile]) -> Definitions {
    Definitions::load(pack(), files, Settings::default()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn refusals(files: &[SourceFile]) -> Vec<String> {
    let problems = Definitions::load(pack(), files, Settings::default()).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

fn against(definitions: &Definitions, profile: &str, resource: &str) -> Vec<Issue> {
    let how = Validation { profiles: vec![profile.to_owned()], ..Validation::default() };
    definitions.validate_as(&json(resource), &how)
}

fn keys(issues: &[Issue]) -> Vec<(String, String)> {
    let errors = issues.iter().filter(|issue| issue.is_error());
    let key =
        |issue: &Issue| issue.rule.as_deref().unwrap_or_default().rsplit('|').next().unwrap_or_default().to_owned();
    errors.map(|issue| (issue.expression.clone().unwrap_or_default(), key(issue))).collect()
}

const IDENTIFIERS: &str = r#"
{"id":"Patient.identifier","path":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"open"}},
{"id":"Patient.identifier:card","path":"Patient.identifier","sliceName":"card","min":1,
 "slicing":{"discriminator":[{"type":"value","path":"use"}],"rules":"closed"}},
{"id":"Patient.identifier:card.system","path":"Patient.identifier.system","min":1,"fixedUri":"http://a/card"},
{"id":"Patient.identifier:card/now","path":"Patient.identifier","sliceName":"card/now","min":1,"max":"1"},
{"id":"Patient.identifier:card/now.use","path":"Patient.identifier.use","min":1,"fixedCode":"official"},
{"id":"Patient.identifier:card/then","path":"Patient.identifier","sliceName":"card/then"},
{"id":"Patient.identifier:card/then.use","path":"Patient.identifier.use","min":1,"fixedCode":"old"},
{"id":"Patient.identifier:card/then.period","path":"Patient.identifier.period","min":1}"#;

#[test]
fn a_slice_is_sliced_again() {
    let definitions = load(&[profile("p", "Patient", IDENTIFIERS)]);
    let patient = |identifiers: &str| format!(r#"{{"resourceType":"Patient","identifier":[{identifiers}]}}"#);
    let judged = |identifiers: &str| keys(&against(&definitions, "http://a/p", &patient(identifiers)));
    let (now, other) = (r#"{"system":"http://a/card","use":"official"}"#, r#"{"system":"http://b","use":"temp"}"#);
    assert_eq!(judged(&format!("{now},{other}")), []);
    assert_eq!(judged(r#"{"system":"http://a/card","use":"old","period":{"start":"2026"}}"#), one("Patient", "min"));
    assert_eq!(
        judged(&format!(r#"{now},{{"system":"http://a/card","use":"old"}}"#)),
        one("Patient.identifier[1]", "min")
    );
    assert_eq!(
        judged(&format!(r#"{now},{{"system":"http://a/card","use":"temp"}}"#)),
        one("Patient.identifier[1]", "slicing")
    );
    assert_eq!(judged(&format!("{now},{now}")), one("Patient.identifier", "max"));
}

#[test]
fn a_missing_slice_says_what_was_tried_and_why_not() {
    let definitions = load(&[profile("p", "Patient", IDENTIFIERS)]);
    let patient =
        r#"{"resourceType":"Patient","identifier":[{"system":"http://b/other","value":"秘密"},{"value":"1"}]}"#;
    let issues = against(&definitions, "http://a/p", patient);
    let missing = issues.iter().find(|issue| issue.en.contains("'card' must occur 1..*")).unwrap();
    for said in
        ["identifier[0] is not 'card': system must be \"http://a/card\" (found 'http://b/other')", "identifier[1]"]
    {
        assert!(missing.en.contains(said), "{}", missing.en);
    }
    assert!(missing.ja.contains("identifier[0]") && missing.ja.contains("http://b/other"), "{}", missing.ja);
    assert!(!format!("{issues:?}").contains("秘密"));
}

#[test]
fn what_matches_no_slice_is_held_to_the_default_one() {
    let elements = r#"
{"id":"Patient.telecom","path":"Patient.telecom","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"closed"}},
{"id":"Patient.telecom:phone","path":"Patient.telecom","sliceName":"phone"},
{"id":"Patient.telecom:phone.system","path":"Patient.telecom.system","min":1,"fixedCode":"phone"},
{"id":"Patient.telecom:@default","path":"Patient.telecom","sliceName":"@default"},
{"id":"Patient.telecom:@default.use","path":"Patient.telecom.use","min":1}"#;
    let definitions = load(&[profile("p", "Patient", elements)]);
    let patient = |rest: &str| {
        format!(
            r#"{{"resourceType":"Patient","telecom":[{{"system":"phone","value":"1"}},{{"system":"email","value":"a@b"{rest}}}]}}"#
        )
    };
    assert_eq!(keys(&against(&definitions, "http://a/p", &patient(r#","use":"work""#))), []);
    assert_eq!(keys(&against(&definitions, "http://a/p", &patient(""))), one("Patient.telecom[1]", "min"));
}

#[test]
fn slices_are_told_apart_by_profile_and_through_references() {
    let entries = r#"
{"id":"Bundle.entry","path":"Bundle.entry","slicing":{"discriminator":[{"type":"profile","path":"resource"}],"rules":"open"}},
{"id":"Bundle.entry:named","path":"Bundle.entry","sliceName":"named","min":1,"max":"1"},
{"id":"Bundle.entry:named.resource","path":"Bundle.entry.resource","min":1,"type":[{"code":"Location","profile":["http://a/named"]}]}"#;
    let care = r#"
{"id":"CareTeam.participant","path":"CareTeam.participant","slicing":{"discriminator":[{"type":"type","path":"member.resolve()"}],"rules":"closed"}},
{"id":"CareTeam.participant:doctor","path":"CareTeam.participant","sliceName":"doctor","min":1},
{"id":"CareTeam.participant:doctor.member","path":"CareTeam.participant.member","min":1,
 "type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Practitioner"]}]}"#;
    let named = r#"{"id":"Location.name","path":"Location.name","min":1}"#;
    let definitions =
        load(&[profile("b", "Bundle", entries), profile("named", "Location", named), profile("c", "CareTeam", care)]);
    let bundle = |name: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{{"resourceType":"Location","status":"active"{name}}}}}]}}"#
        )
    };
    assert_eq!(keys(&against(&definitions, "http://a/b", &bundle(r#","name":"n""#))), []);
    assert_eq!(keys(&against(&definitions, "http://a/b", &bundle(""))), one("Bundle", "min"));
    let team = |member: &str| {
        format!(
            r##"{{"resourceType":"CareTeam","contained":[{{"resourceType":"Practitioner","id":"d"}}],"subject":{{"reference":"Patient/1"}},"participant":[{{"member":{{"reference":"#d"}}}},{{"member":{{"reference":"{member}"}}}}]}}"##
        )
    };
    assert_eq!(keys(&against(&definitions, "http://a/c", &team("Practitioner/2"))), []);
    assert_eq!(
        keys(&against(&definitions, "http://a/c", &team("Organization/2"))),
        one("CareTeam.participant[1]", "slicing")
    );
}

#[test]
fn targets_at_hand_must_satisfy_the_target_profile() {
    let bed = r#"{"id":"Location.partOf","path":"Location.partOf","type":[{"code":"Reference","targetProfile":["http://a/ward"]}]}"#;
    let ward = r#"{"id":"Location.name","path":"Location.name","min":1},
{"id":"Location.partOf","path":"Location.partOf","type":[{"code":"Reference","targetProfile":["http://a/ward"]}]}"#;
    let definitions = load(&[profile("bed", "Location", bed), profile("ward", "Location", ward)]);
    let with = |ward: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[
{{"fullUrl":"http://x/fhir/Location/b","resource":{{"resourceType":"Location","id":"b","meta":{{"profile":["http://a/bed"]}},"partOf":{{"reference":"Location/w"}}}}}},
{{"fullUrl":"http://x/fhir/Location/w","resource":{{"resourceType":"Location","id":"w"{ward},"partOf":{{"reference":"Location/w"}}}}}}]}}"#
        )
    };
    assert_eq!(errors(&definitions, &with(r#","name":"n""#)), []);
    assert_eq!(errors(&definitions, &with("")), one("Bundle.entry[0].resource.partOf", "targetProfile"));
    // Elsewhere the reference cannot be followed, and nothing is said.
    let alone =
        r#"{"resourceType":"Location","meta":{"profile":["http://a/bed"]},"partOf":{"reference":"Location/w"}}"#;
    assert_eq!(found(&definitions, alone), []);
}

#[test]
fn a_snapshot_alone_says_what_the_differential_said() {
    let published = "../shared/data/hl7-r4-definitions/location.profile.json";
    let Ok(text) = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(published)) else {
        println!("the published definitions are not beside the project: passed over");
        return;
    };
    // R4's own Location with one element narrowed stands for a profile that was published without its differential.
    let mut snapshot: serde_json::Value = serde_json::from_str(&text).unwrap();
    snapshot["url"] = "http://a/snap".into();
    snapshot["derivation"] = "constraint".into();
    snapshot["baseDefinition"] = "http://hl7.org/fhir/StructureDefinition/Location".into();
    snapshot.as_object_mut().unwrap().remove("differential");
    for element in snapshot["snapshot"]["element"].as_array_mut().unwrap() {
        if element["path"] == "Location.name" {
            element["min"] = 1.into();
        }
    }
    let definitions = load(&[file("StructureDefinition/snap.json", &snapshot.to_string())]);
    let location =
        r#"{"resourceType":"Location","status":"active","mode":"instance","partOf":{"reference":"Location/1"}}"#;
    assert_eq!(keys(&against(&definitions, "http://a/snap", location)), one("Location", "min"));
    let named = location.replace(r#""mode""#, r#""name":"n","mode""#);
    assert_eq!(against(&definitions, "http://a/snap", &named), []);
    let wrong = named.replace("Location/1", "Patient/1").replace("instance", "x");
    assert_eq!(
        keys(&against(&definitions, "http://a/snap", &wrong)),
        [one("Location.mode", "binding"), one("Location.partOf", "target")].concat(),
        "each told once"
    );
}

#[test]
fn absent_must_support_elements_are_told_where_asked_for() {
    let elements = r#"{"id":"Location.name","path":"Location.name","mustSupport":true},
{"id":"Location.status","path":"Location.status","mustSupport":true}"#;
    let definitions = load(&[profile("p", "Location", elements)]);
    let resource = r#"{"resourceType":"Location","meta":{"profile":["http://a/p"]},"status":"active"}"#;
    assert_eq!(found(&definitions, resource), []);
    let how = Validation { must_support: true, ..Validation::default() };
    let told = definitions.validate_as(&json(resource), &how);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].severity, Severity::Information);
    assert_eq!(told[0].rule.as_deref(), Some("http://a/p|Location.name|mustSupport"));
}

#[test]
fn profiles_in_circles_end() {
    let circle = [
        profile_on("x", "Location", "http://a/y", r#"{"id":"Location","path":"Location"}"#),
        profile_on("y", "Location", "http://a/x", r#"{"id":"Location","path":"Location"}"#),
    ];
    assert!(refusals(&circle).iter().all(|problem| problem.contains("builds on itself")), "{:?}", refusals(&circle));
    // Extensions that may hold each other for ever are no fault; the data end.
    let nested = |id: &str, other: &str| {
        profile(
            id,
            "Extension",
            &format!(
                r#"{{"id":"Extension.extension","path":"Extension.extension","slicing":{{"discriminator":[{{"type":"value","path":"url"}}],"rules":"open"}}}},
{{"id":"Extension.extension:o","path":"Extension.extension","sliceName":"o","type":[{{"code":"Extension","profile":["http://a/{other}"]}}]}},
{{"id":"Extension.url","path":"Extension.url","fixedUri":"http://a/{id}"}}"#
            ),
        )
    };
    let definitions = load(&[nested("e", "f"), nested("f", "e")]);
    let mut extension = r#"{"url":"http://a/e","valueString":"x"}"#.to_owned();
    for depth in 0..20 {
        let id = if depth % 2 == 0 { "f" } else { "e" };
        extension = format!(r#"{{"url":"http://a/{id}","extension":[{extension}]}}"#);
    }
    assert_eq!(errors(&definitions, &format!(r#"{{"resourceType":"Location","extension":[{extension}]}}"#)), []);
}

#[test]
fn what_a_profile_names_must_be_loaded() {
    for (element, reason) in [
        (r#""type":[{"code":"Reference","targetProfile":["http://b/none"]}]"#, "target profile http://b/none"),
        (r#""binding":{"strength":"required","valueSet":"http://b/vs"}"#, "value set http://b/vs"),
    ] {
        let path = if reason.starts_with("target") { "Location.partOf" } else { "Location.mode" };
        let problems =
            refusals(&[profile("p", "Location", &format!(r#"{{"id":"{path}","path":"{path}",{element}}}"#))]);
        assert_eq!(problems, [format!("StructureDefinition/p.json: {path}: the {reason} is not loaded")]);
    }
    let extension = r#"{"id":"Location.extension","path":"Location.extension","slicing":{"discriminator":[{"type":"value","path":"url"}],"rules":"open"}},
{"id":"Location.extension:x","path":"Location.extension","sliceName":"x","type":[{"code":"Extension","profile":["http://b/x"]}]}"#;
    let problems = refusals(&[profile("p", "Location", extension)]);
    assert_eq!(
        problems,
        ["StructureDefinition/p.json: Location.extension:x: the profile http://b/x is not loaded".to_owned()]
    );
}

#[test]
fn a_choice_written_by_its_types_has_no_others() {
    let by_type = r#"{"id":"Observation.valueQuantity","path":"Observation.valueQuantity","mustSupport":true},
{"id":"Observation.valueString","path":"Observation.valueString","maxLength":3}"#;
    let definitions = load(&[profile("o", "Observation", by_type)]);
    let judged = |profile: &str, value: &str| {
        let observation = format!(r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},{value}}}"#);
        keys(&against(&definitions, profile, &observation))
    };
    assert_eq!(judged("http://a/o", r#""valueQuantity":{"value":1}"#), []);
    assert_eq!(judged("http://a/o", r#""valueString":"abc""#), []);
    assert_eq!(judged("http://a/o", r#""valueString":"abcd""#), one("Observation.value.ofType(string)", "maxLength"));
    assert_eq!(judged("http://a/o", r#""valueBoolean":true"#), one("Observation.value.ofType(boolean)", "max"));
    let wrong = r#"{"resourceType":"Patient","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueString":"x"}]}"#;
    let told = definitions.validate(&json(wrong));
    assert_eq!(keys(&told), one("Patient.extension[0].value.ofType(string)", "max"), "told once");
    assert!(told[0].en.contains("Allowed: valueAddress."), "{}", told[0].en);
    let weight = "http://hl7.org/fhir/StructureDefinition/bodyweight";
    let about = |value: &str| {
        judged(weight, value).into_iter().filter(|(place, _)| place.contains(".value.")).collect::<Vec<_>>()
    };
    assert_eq!(about(r#""valueString":"60""#), one("Observation.value.ofType(string)", "max"));
}

#[test]
fn a_declared_version_that_is_not_at_hand_is_told() {
    let own = profile("v", "Patient", "").text.replace(r#""id":"v""#, r#""id":"v","version":"1.2.0""#);
    let own = own.replace(r#""element":[]"#, r#""element":[{"id":"Patient","path":"Patient"}]"#);
    let definitions = load(&[file("StructureDefinition/v.json", &own)]);
    let r4 = "http://hl7.org/fhir/StructureDefinition/Patient";
    for (declared, told) in [
        ("http://a/v".to_owned(), 0),
        ("http://a/v|1.2.0".to_owned(), 0),
        ("http://a/v|1.2".to_owned(), 0),
        ("http://a/v|2.0.0".to_owned(), 1),
        (format!("{r4}|4.0.1"), 0),
        (format!("{r4}|3.0.1"), 1),
    ] {
        let issues = definitions
            .validate(&json(&format!(r#"{{"resourceType":"Patient","meta":{{"profile":["{declared}"]}}}}"#)));
        assert_eq!(issues.len(), told, "{declared}: {issues:?}");
        assert!(issues.iter().all(|issue| issue.severity == Severity::Warning && issue.en.contains("instead")));
    }
}

/// A chain of wards, each part of the next; the last has no name.
fn chain(length: usize) -> String {
    let entry = |at: usize| {
        let part = if at + 1 < length {
            format!(r#","name":"n","partOf":{{"reference":"Location/{}"}}"#, at + 1)
        } else {
            String::new()
        };
        format!(
            r#"{{"fullUrl":"http://x/fhir/Location/{at}","resource":{{"resourceType":"Location","id":"{at}"{part}}}}}"#
        )
    };
    let entries: Vec<String> = (0..length).map(entry).collect();
    format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(","))
}

#[test]
fn a_chain_of_targets_is_followed_or_said_not_to_be() {
    let ward = r#"{"id":"Location.name","path":"Location.name","min":1},
{"id":"Location.partOf","path":"Location.partOf","type":[{"code":"Reference","targetProfile":["http://a/ward"]}]}"#;
    let rule = "[[rule]]\ntype = \"Location\"\nwhen = \"id = '0' or id = '5'\"\nprofile = \"http://a/ward\"\n";
    let definitions = load(&[profile("ward", "Location", ward), file("profile-rules.toml", rule)]);
    let places = |issues: &[(String, String)]| issues.iter().map(|(place, _)| place.clone()).collect::<Vec<_>>();
    assert_eq!(places(&errors(&definitions, &chain(4))), ["Bundle.entry[0].resource.partOf"]);
    // From the first the chain is too long; the sixth is near enough, and what was cut before is not kept.
    let long = found(&definitions, &chain(12));
    let wrong: Vec<&str> =
        long.iter().filter(|(severity, ..)| *severity == Severity::Error).map(|(_, place, _)| place.as_str()).collect();
    assert!(wrong.contains(&"Bundle.entry[5].resource.partOf"), "{long:?}");
    let endless = chain(30);
    let told = definitions.validate(&json(&endless));
    assert!(told.iter().any(|issue| issue.en.contains("References lead on too far")), "{told:?}");
}
