//! Validation from outside: small definitions, whole resources, findings by place and rule.

mod coded;
mod profiles;

use super::{Definitions, Settings, SourceFile, Validation};
use crate::fhir::json::{Json, Limits, parse};
use crate::fhir::outcome::Severity;

/// The committed pack.
pub fn pack() -> &'static [u8] {
    include_bytes!("../../fhir-profiles/r4/r4-facts.txt.gz")
}

fn json(text: &str) -> Json {
    parse(text.as_bytes(), Limits::default()).unwrap()
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

fn base() -> Definitions {
    Definitions::load(pack(), &[], Settings::default()).unwrap()
}

/// Severity, expression and the last part of the rule of every finding.
fn found(definitions: &Definitions, resource: &str) -> Vec<(Severity, String, String)> {
    let issues = definitions.validate(&json(resource)).into_iter();
    let key =
        |rule: Option<String>| rule.and_then(|rule| rule.rsplit('|').next().map(str::to_owned)).unwrap_or_default();
    issues.map(|issue| (issue.severity, issue.expression.unwrap_or_default(), key(issue.rule))).collect()
}

fn errors(definitions: &Definitions, resource: &str) -> Vec<(String, String)> {
    let all = found(definitions, resource).into_iter().filter(|(severity, _, _)| *severity == Severity::Error);
    all.map(|(_, expression, key)| (expression, key)).collect()
}

fn one(expression: &str, key: &str) -> Vec<(String, String)> {
    vec![(expression.to_owned(), key.to_owned())]
}

#[test]
fn a_plain_resource_of_any_type_passes() {
    let definitions = base();
    for resource in [
        r#"{"resourceType":"Location","status":"active","name":"東病棟"}"#,
        r#"{"resourceType":"Patient","birthDate":"1940-02","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"1940-02-03T04:05:06Z"}]}}"#,
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Basic","code":{"text":"b"}}}]}"#,
    ] {
        assert_eq!(found(&definitions, resource), [], "{resource}");
    }
}

#[test]
fn structure_is_held_to_the_base_type() {
    let definitions = base();
    for (resource, expression, key) in [
        (r#"{"resourceType":"Location","nmae":"x"}"#, "Location.nmae", "structure"),
        (r#"{"resourceType":"Location","name":["x"]}"#, "Location.name", "type"),
        (r#"{"resourceType":"Location","alias":"x"}"#, "Location.alias", "type"),
        (r#"{"resourceType":"Location","alias":["x",null]}"#, "Location", "json"),
        (r#"{"resourceType":"Location","position":{"longitude":1}}"#, "Location.position", "min"),
        (
            r#"{"resourceType":"Location","position":{"longitude":"1","latitude":2}}"#,
            "Location.position.longitude",
            "type",
        ),
        (r#"{"resourceType":"Location","status":"open"}"#, "Location.status", "binding"),
        (r#"{"resourceType":"Location","id":"a_b"}"#, "Location.id", "type"),
        (r#"{"resourceType":"Location","_name":{"id":"a"}}"#, "Location.name", "ele-1"),
        (r#"{"resourceType":"Location","_name":"a"}"#, "Location.name", "type"),
        (r#"{"resourceType":"Location","partOf":{"reference":"Patient/1"}}"#, "Location.partOf", "target"),
        (r##"{"resourceType":"Location","partOf":{"reference":"#a"}}"##, "Location.partOf", "ref-1"),
        (r#"{"resourceType":"Location","extension":[{"url":"http://a/b"}]}"#, "Location.extension[0]", "ext-1"),
        (r#"{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2026"}"#, "Patient", "choice"),
        (r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#, "Patient.contact[0]", "pat-1"),
        (
            r#"{"resourceType":"Encounter","status":"planned","class":{"code":"AMB"},"period":{"start":"2026-02","end":"2026-01"}}"#,
            "Encounter.period",
            "per-1",
        ),
        (
            r#"{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b"}]}]}"#,
            "Parameters.parameter[0].part[0]",
            "inv-1",
        ),
        (
            r#"{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"string","enableWhen":[
{"question":"2","operator":"=","answerString":"a"},{"question":"2","operator":"=","answerString":"b"}]}]}"#,
            "Questionnaire.item[0]",
            "que-12",
        ),
        (
            r#"{"resourceType":"Location","partOf":{"reference":"Location/1/_history/"}}"#,
            "Location.partOf.reference",
            "form",
        ),
    ] {
        assert_eq!(errors(&definitions, resource), one(expression, key), "{resource}");
    }
}

#[test]
fn a_reference_that_leads_nowhere_is_a_warning() {
    let definitions = base();
    let in_bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
"resource":{"resourceType":"Location","partOf":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239521"}}}]}"#;
    for (resource, expression, key) in [
        (r#"{"resourceType":"Location","partOf":{"reference":"Locatoin/1"}}"#, "Location.partOf.reference", "type"),
        (r#"{"resourceType":"Location","partOf":{"type":"Location"}}"#, "Location.partOf", "content"),
        (in_bundle, "Bundle.entry[0].resource.partOf.reference", "resolve"),
    ] {
        let told = (Severity::Warning, expression.to_owned(), key.to_owned());
        assert_eq!(found(&definitions, resource), [told], "{resource}");
    }
}

#[test]
fn what_is_no_resource_is_told_as_what_it_is() {
    let definitions = base();
    for (text, said) in [("[1]", "JSON object"), ("{}", "missing"), (r#"{"resourceType":3}"#, "must be a string")] {
        let issues = definitions.validate(&json(text));
        assert!(issues.len() == 1 && issues[0].en.contains(said), "{text}: {issues:?}");
    }
}

#[test]
fn contained_resources_and_entries_are_validated_in_place() {
    let definitions = base();
    let contained = r##"{"resourceType":"Location","contained":[{"resourceType":"Organization","id":"o","name":1}],"managingOrganization":{"reference":"#o"}}"##;
    assert_eq!(errors(&definitions, contained), one("Location.contained[0].name", "type"));
    let unused = r#"{"resourceType":"Location","contained":[{"resourceType":"Organization","id":"o","name":"x"}]}"#;
    assert_eq!(errors(&definitions, unused), one("Location.contained[0]", "dom-3"));
    let entry = r#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","resource":{"resourceType":"Location","mode":"x"}}]}"#;
    assert_eq!(errors(&definitions, entry), one("Bundle.entry[0].resource.mode", "binding"));
}

const PROFILE: &str = r#"{"resourceType":"StructureDefinition","id":"bed","url":"http://a/bed","type":"Location",
"derivation":"constraint","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Location","differential":{"element":[
{"id":"Location","path":"Location","constraint":[{"key":"b-1","severity":"error","human":"h","expression":"name.empty() or name != alias"}]},
{"id":"Location.mode","path":"Location.mode","min":1,"fixedCode":"instance"},
{"id":"Location.contained","path":"Location.contained","max":"0"},
{"id":"Location.identifier","path":"Location.identifier","min":1,"slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"open"}},
{"id":"Location.identifier:code","path":"Location.identifier","sliceName":"code","min":1,"max":"1"},
{"id":"Location.identifier:code.system","path":"Location.identifier.system","min":1,"fixedUri":"http://a/s"},
{"id":"Location.identifier:code.value","path":"Location.identifier.value","min":1}]}}"#;

const RULES: &str = "[[rule]]\ntype = \"Location\"\nwhen = \"physicalType.exists()\"\nprofile = \"http://a/bed\"\n";

fn with_profile(settings: Settings) -> Definitions {
    let files = [file("StructureDefinition/bed.json", PROFILE), file("profile-rules.toml", RULES)];
    Definitions::load(pack(), &files, settings).unwrap()
}

#[test]
fn the_profile_that_the_rules_select_is_enforced() {
    let definitions = with_profile(Settings::default());
    let bed =
        |rest: &str| format!(r#"{{"resourceType":"Location","physicalType":{{"text":"b"}},"mode":"instance"{rest}}}"#);
    let right = bed(r#","identifier":[{"system":"http://x"},{"system":"http://a/s","value":"1"}]"#);
    assert_eq!(found(&definitions, &right), []);
    assert_eq!(definitions.selected_profiles(&json(&right)), ["http://a/bed"]);
    let without_slice = bed(r#","identifier":[{"system":"http://x"}]"#);
    assert_eq!(errors(&definitions, &without_slice), one("Location", "min"));
    let incomplete = bed(r#","identifier":[{"system":"http://a/s"}]"#);
    assert_eq!(errors(&definitions, &incomplete), one("Location.identifier[0]", "min"));
    let kind = right.replace("instance", "kind");
    assert_eq!(errors(&definitions, &kind), one("Location.mode", "fixed"));
    let invariant = bed(r#","name":"n","alias":["n"],"identifier":[{"system":"http://a/s","value":"1"}]"#);
    assert_eq!(errors(&definitions, &invariant), one("Location", "b-1"));
    assert_eq!(found(&definitions, r#"{"resourceType":"Location","mode":"kind"}"#), []);
}

#[test]
fn settings_decide_about_what_is_not_covered() {
    let resource = r#"{"resourceType":"Location","meta":{"profile":["http://a/none"]},"extension":[{"url":"http://a/e","valueCode":"x"}]}"#;
    let warned = found(&with_profile(Settings::default()), resource);
    assert!(warned.iter().all(|(severity, _, _)| *severity == Severity::Warning) && warned.len() == 2, "{warned:?}");
    let strict = Settings { refuse_unmatched: true, refuse_unknown_extensions: true, refuse_unknown_profiles: true };
    assert_eq!(errors(&with_profile(strict), resource).len(), 3);
}

#[test]
fn a_broken_definition_is_refused_with_file_and_element() {
    for (from, to, element) in [
        ("Location.mode", "Location.mood", "Location.mood"),
        ("name.empty() or", "name.nosuch() or", "Location"),
        ("\"path\":\"system\"", "\"path\":\"resolve()\"", "Location.identifier:code"),
        ("\"path\":\"system\"", "\"path\":\"where(a)\"", "Location.identifier:code"),
    ] {
        let text = PROFILE.replace(from, to);
        let refused = Definitions::load(pack(), &[file("StructureDefinition/bed.json", &text)], Settings::default());
        let errors = refused.err().unwrap_or_default();
        assert!(
            errors.iter().any(|error| error.element == element && error.file.ends_with("bed.json")),
            "{to}: {errors:?}"
        );
    }
}

#[test]
fn a_type_has_one_parameter_of_a_code() {
    let parameter = |id: &str, code: &str, base: &str| {
        let text = format!(
            r#"{{"resourceType":"SearchParameter","id":"{id}","url":"http://a/{id}","code":"{code}","base":["{base}"],"type":"string","expression":"{base}.name"}}"#
        );
        file(&format!("SearchParameter/{id}.json"), &text)
    };
    let load = |second| Definitions::load(pack(), &[parameter("a", "x", "Location"), second], Settings::default());
    let errors = load(parameter("b", "x", "Location")).err().unwrap_or_default();
    assert!(matches!(errors.as_slice(), [one] if one.file.ends_with("b.json") && one.element == "code"), "{errors:?}");
    assert!(load(parameter("b", "y", "Location")).is_ok() && load(parameter("b", "x", "Endpoint")).is_ok());
}

#[test]
fn findings_stand_in_document_order_and_speak_two_languages() {
    let issues = base().validate(&json(r#"{"resourceType":"Location","mode":"a","alias":1,"status":"b"}"#));
    let places: Vec<_> = issues.iter().filter_map(|issue| issue.pointer.as_deref()).collect();
    assert_eq!(places, ["/mode", "/alias", "/status"]);
    let status = issues.last().unwrap();
    assert!(status.en.contains("active, suspended, inactive") && status.ja.contains("使えるコード"));
    assert_eq!(
        status.rule.as_deref(),
        Some("http://hl7.org/fhir/StructureDefinition/Location|Location.status|binding")
    );
}

#[test]
fn texts_are_never_repeated() {
    let secret = "山田花子";
    let text = format!(
        r#"{{"resourceType":"Patient","name":"{secret}","gender":"{secret}","birthDate":"{secret}","{secret}":1,"contact":[{{"name":{{"family":["{secret}"]}}}}]}}"#
    );
    for issue in base().validate(&json(&text)) {
        let pointer_is_key = issue.pointer.as_deref().is_some_and(|pointer| pointer.contains(secret));
        assert!(pointer_is_key || !format!("{issue:?}").contains(secret), "{issue:?}");
    }
}

#[test]
fn the_region_is_asked_about_types_and_parameters() {
    let definitions = base();
    assert_eq!(definitions.element_repeats("Patient.name", "given"), Some(true));
    assert_eq!(definitions.element_repeats("Patient", "birthDate"), Some(false));
    assert_eq!(definitions.element_repeats("Patient", "nosuch"), None);
    assert!(definitions.is_known_type("Location") && !definitions.is_known_type("DomainResource"));
    let codes: Vec<_> =
        definitions.search_parameters("Location").iter().map(|parameter| parameter.code.as_str()).collect();
    assert!(codes.contains(&"partof") && codes.contains(&"_id"), "{codes:?}");
    assert!(definitions.summary_elements("Location").iter().any(|name| name == "status"));
    assert_eq!(definitions.mandatory_elements("Task"), ["status", "intent"]);
    assert!(definitions.compartment("Patient").contains_key("ServiceRequest"));
}

#[test]
fn hostile_input_is_bounded() {
    let definitions = base();
    let many = format!(r#"{{"resourceType":"Location","alias":[{}1]}}"#, "1,".repeat(20_000));
    assert!(definitions.validate(&json(&many)).len() <= 201);
    let mut nested = r#"{"resourceType":"Basic","code":{"text":"x"}}"#.to_owned();
    for _ in 0..12 {
        nested = format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"n","resource":{nested}}}]}}"#);
    }
    assert!(!definitions.validate(&json(&nested)).is_empty());
}

#[test]
fn every_type_profile_and_invariant_of_r4_compiles() {
    let definitions = base();
    let registry = &definitions.inner.registry;
    let mut broken = Vec::new();
    let types = registry.type_names().filter_map(|name| registry.base(name));
    let profiles: Vec<_> = registry.published_names().collect();
    for structure in types.chain(profiles.iter().filter_map(|url| registry.profile(url))) {
        for shape in &structure.shapes {
            if let Err(reason) = super::json_schema::schema(structure, shape) {
                broken.push(format!("{}: {reason}", shape.path));
            }
            let of_elements = shape.elements.iter().flat_map(|element| &element.rules.constraints);
            for constraint in shape.constraints.iter().chain(of_elements) {
                if let Err(reason) = constraint.expression() {
                    broken.push(format!("{} {}: {reason}", shape.path, constraint.key));
                }
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    let mut refused = Vec::new();
    for url in profiles.iter().filter(|url| registry.profile(url).is_none()) {
        let problems = super::snapshot::compile(registry, &registry.source(url).unwrap()).err().unwrap_or_default();
        refused.extend(problems.into_iter().map(|problem| format!("{url} {}: {}", problem.element, problem.reason)));
    }
    // R4's own slip: slices of an element that repeats, and nothing to tell them apart (NON_FEATURES).
    let known = "familymemberhistory-genetic FamilyMemberHistory.condition: slices without a discriminator";
    assert!(refused.len() == 1 && refused[0].contains(known), "{refused:?}");
}

#[test]
fn an_extension_stands_only_where_its_definition_says() {
    let definitions = base();
    let extension = r#""extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{"city":"x"}}]"#;
    let on_patient = format!(r#"{{"resourceType":"Patient",{extension}}}"#);
    assert_eq!(found(&definitions, &on_patient), []);
    let on_location = format!(r#"{{"resourceType":"Location",{extension}}}"#);
    assert_eq!(errors(&definitions, &on_location), one("Location.extension[0]", "context"));
}

#[test]
fn best_practices_are_told_where_asked_for() {
    let definitions = base();
    let resource = json(r#"{"resourceType":"Location","name":"x"}"#);
    assert_eq!(definitions.validate(&resource), []);
    let told = definitions.validate_as(&resource, &Validation { best_practice: true, ..Validation::default() });
    let keys: Vec<_> = told.iter().map(|issue| (issue.severity, issue.rule.as_deref().unwrap())).collect();
    let dom = "http://hl7.org/fhir/StructureDefinition/DomainResource|DomainResource|dom-6";
    assert_eq!(keys, [(Severity::Warning, dom)]);
}

#[test]
fn an_error_is_told_however_many_warnings_come_before_it() {
    let definitions = base();
    let warned = r#"{"url":"http://a/none","valueCode":"x"}"#;
    let text = |status: &str| {
        let extensions = vec![warned; 300].join(",");
        format!(r#"{{"resourceType":"Location","extension":[{extensions}],"status":"{status}"}}"#)
    };
    assert_eq!(errors(&definitions, &text("open")), one("Location.status", "binding"));
    assert!(found(&definitions, &text("active")).len() <= 201);
}
