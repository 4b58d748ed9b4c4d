//! Validation on every write: structure, cardinality, required bindings, the region's profiles; each finding at its element.

use std::path::{Path, PathBuf};

use kakehashi::fhir::json::{Limits, parse};
use kakehashi::profile::Interaction;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, definitions, location};
use crate::both;
use crate::builders::{minimal, types_with, with_id};

both!(
    errors_are_told_before_warnings,
    an_unknown_element_is_refused_where_it_stands,
    a_missing_element_is_refused_on_its_parent,
    a_code_outside_a_required_binding_is_refused,
    a_value_of_the_wrong_type_or_form_is_refused,
    all_findings_are_told_at_once_with_expression_and_pointer,
    findings_inside_contained_resources_point_into_them,
    what_is_refused_leaves_no_version,
    valid_examples_of_the_profiles_are_taken,
    invalid_examples_of_the_profiles_are_refused_at_the_broken_element,
    a_profile_applies_whether_it_is_declared_or_not,
);

/// The outcome of a 422, whose first finding may be a warning: findings stand in the order of the document.
fn refused(answer: Answer) -> Value {
    let outcome = answer.expect(422);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    outcome
}

/// The errors of a 422: expression and the last part of the rule.
fn findings(answer: Answer) -> Vec<(String, String)> {
    let outcome = refused(answer);
    let text = |issue: &Value, part: &Value| part.as_str().unwrap_or_else(|| panic!("{issue}")).to_owned();
    let errors = outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error");
    let finding = |issue: &Value| {
        let rule = text(issue, &issue["diagnostics"]);
        (text(issue, &issue["expression"][0]), rule.rsplit('|').next().unwrap_or_default().to_owned())
    };
    errors.map(finding).collect()
}

fn one(expression: &str, key: &str) -> Vec<(String, String)> {
    vec![(expression.to_owned(), key.to_owned())]
}

async fn an_unknown_element_is_refused_where_it_stands(app: &TestApp) {
    for rtype in types_with(Interaction::Create) {
        let mut body = minimal(&rtype);
        body["nmae"] = json!("x");
        assert_eq!(findings(app.post(&rtype, &body).await), one(&format!("{rtype}.nmae"), "structure"));
        if rtype != "Provenance" {
            body["id"] = json!("a");
            assert_eq!(
                findings(app.put(&format!("{rtype}/a"), &body).await),
                one(&format!("{rtype}.nmae"), "structure")
            );
        }
    }
    let nested = json!({"resourceType": "Patient", "name": [{"family": "山田"}, {"familly": "山田"}]});
    assert_eq!(findings(app.post("Patient", &nested).await), one("Patient.name[1].familly", "structure"));
}

async fn a_missing_element_is_refused_on_its_parent(app: &TestApp) {
    let mut shown = 0;
    for rtype in types_with(Interaction::Create) {
        let mandatory = definitions().mandatory_elements(&rtype);
        let whole = minimal(&rtype);
        let given: Vec<&String> = mandatory.iter().filter(|name| whole.get(name.as_str()).is_some()).collect();
        for name in given {
            let mut body = whole.clone();
            body.as_object_mut().unwrap().remove(name);
            let mut found = findings(app.post(&rtype, &body).await);
            // A Bundle's invariants ask for its type.
            found.retain(|(_, key)| !key.starts_with("bdl-"));
            assert_eq!(found, one(&rtype, "min"), "{rtype} without {name}");
            shown += 1;
        }
    }
    assert!(shown > 20, "{shown}");
    let bare = findings(app.post("ServiceRequest", &json!({"resourceType": "ServiceRequest"})).await);
    assert_eq!(
        bare,
        [one("ServiceRequest", "min"), one("ServiceRequest", "min"), one("ServiceRequest", "min")].concat()
    );
    let position = json!({"resourceType": "Location", "position": {"longitude": 135.4}});
    assert_eq!(findings(app.post("Location", &position).await), one("Location.position", "min"));
}

async fn a_code_outside_a_required_binding_is_refused(app: &TestApp) {
    for (rtype, element) in [
        ("Location", "status"),
        ("Location", "mode"),
        ("ServiceRequest", "status"),
        ("ServiceRequest", "intent"),
        ("ServiceRequest", "priority"),
        ("CareTeam", "status"),
        ("Patient", "gender"),
        ("Practitioner", "gender"),
        ("RelatedPerson", "gender"),
        ("Task", "status"),
        ("Task", "intent"),
        ("Encounter", "status"),
        ("Consent", "status"),
        ("DocumentReference", "status"),
        ("Binary", "contentType"),
        ("Endpoint", "status"),
        ("Group", "type"),
        ("Measure", "status"),
        ("Bundle", "type"),
    ] {
        let mut body = minimal(rtype);
        body[element] = json!("zzz");
        let found = findings(app.post(rtype, &body).await);
        assert!(found.contains(&(format!("{rtype}.{element}"), "binding".to_owned())), "{rtype}.{element}: {found:?}");
    }
    let days = json!({"resourceType": "HealthcareService", "availableTime": [{"daysOfWeek": ["mon", "Mon"]}]});
    let found = findings(app.post("HealthcareService", &days).await);
    assert_eq!(found, one("HealthcareService.availableTime[0].daysOfWeek[1]", "binding"));
}

async fn a_value_of_the_wrong_type_or_form_is_refused(app: &TestApp) {
    for (rtype, member, expression) in [
        ("Location", json!({"name": 1}), "Location.name"),
        ("Location", json!({"name": ["x"]}), "Location.name"),
        ("Location", json!({"alias": "x"}), "Location.alias"),
        ("Location", json!({"position": {"longitude": "135", "latitude": 34}}), "Location.position.longitude"),
        ("Location", json!({"partOf": "Location/1"}), "Location.partOf"),
        ("Patient", json!({"active": "true"}), "Patient.active"),
        ("Patient", json!({"birthDate": "1940-2-3"}), "Patient.birthDate"),
        ("Patient", json!({"birthDate": "1940-02-30"}), "Patient.birthDate"),
        ("Patient", json!({"multipleBirthInteger": 1.5}), "Patient.multipleBirth.ofType(integer)"),
        ("ServiceRequest", json!({"authoredOn": "2026-04-01T09:00"}), "ServiceRequest.authoredOn"),
        ("Group", json!({"quantity": -1}), "Group.quantity"),
        ("Binary", json!({"data": "not base64!"}), "Binary.data"),
        ("Endpoint", json!({"address": "with space"}), "Endpoint.address"),
        ("Provenance", json!({"recorded": "2026-04-01"}), "Provenance.recorded"),
        ("Location", json!({"meta": {"profile": ["with space"]}}), "Location.meta.profile[0]"),
    ] {
        let mut body = minimal(rtype);
        body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        let found = findings(app.post(rtype, &body).await);
        assert!(found.contains(&(expression.to_owned(), "type".to_owned())), "{member}: {found:?}");
    }
    let both = json!({"resourceType": "Patient", "deceasedBoolean": true, "deceasedDateTime": "2026"});
    assert_eq!(findings(app.post("Patient", &both).await), one("Patient", "choice"));
    let outside = with_id("Location", "x".repeat(65).as_str());
    assert_eq!(findings(app.post("Location", &outside).await), one("Location.id", "type"));
}

async fn all_findings_are_told_at_once_with_expression_and_pointer(app: &TestApp) {
    let body = json!({
        "resourceType": "Location", "status": "zzz", "nmae": "x",
        "identifier": [{"value": "1"}, {"use": "zzz", "period": {"start": "x"}}]
    });
    let outcome = app.post("Location", &body).await.expect_refusal(422);
    let issues = outcome["issue"].as_array().unwrap();
    let places: Vec<(&str, &str)> = issues
        .iter()
        .map(|issue| (issue["expression"][0].as_str().unwrap(), issue["extension"][0]["valueString"].as_str().unwrap()))
        .collect();
    for expected in [
        ("Location.status", "/status"),
        ("Location.nmae", "/nmae"),
        ("Location.identifier[1].use", "/identifier/1/use"),
        ("Location.identifier[1].period.start", "/identifier/1/period/start"),
    ] {
        assert!(places.contains(&expected), "{expected:?} in {places:?}");
    }
    for issue in issues {
        let english = &issue["details"]["_text"]["extension"][0]["extension"][1]["valueString"];
        assert!(english.as_str().is_some_and(|text| text.is_ascii()), "{issue}");
        assert!(!issue["details"]["text"].as_str().unwrap().is_ascii(), "Japanese: {issue}");
    }
}

async fn findings_inside_contained_resources_point_into_them(app: &TestApp) {
    let mut body = location("a", "北棟");
    body["contained"] = json!([{"resourceType": "Organization", "id": "o", "name": 1}]);
    body["managingOrganization"] = json!({"reference": "#o"});
    assert_eq!(findings(app.put("Location/a", &body).await), one("Location.contained[0].name", "type"));
}

async fn what_is_refused_leaves_no_version(app: &TestApp) {
    let put = async |status: &str| {
        let mut body = location("a", "北棟");
        body["status"] = json!(status);
        app.put("Location/a", &body).await.status
    };
    assert_eq!(put("zzz").await, 422);
    app.get("Location/a").await.expect_refusal(404);
    assert_eq!((put("active").await, put("zzz").await), (201, 422));
    assert_eq!(app.get("Location/a/_history").await.expect(200)["total"], 1);
}

/// The JSON files of a folder of examples: name, text, `Type/id`.
fn examples(folder: &str) -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/examples").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let resource: Value = serde_json::from_str(&text).unwrap();
        let target = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        (path.file_name().unwrap().to_string_lossy().into_owned(), text, target)
    };
    paths.into_iter().map(read).collect()
}

async fn valid_examples_of_the_profiles_are_taken(app: &TestApp) {
    let examples = examples("");
    for (file, text, target) in &examples {
        let put = app.request("PUT", target).text(text).send().await;
        assert!(matches!(put.status, 200 | 201), "{file}: {}", put.text);
        let tree = parse(text.as_bytes(), Limits::default()).unwrap();
        let profiles = definitions().selected_profiles(&tree);
        let named = file.split("--").next().unwrap();
        let held = profiles.iter().any(|profile| profile.ends_with(&format!("/{named}")));
        assert!(held || !named.starts_with("kh-"), "{file} is held to {profiles:?}");
    }
    for kind in [
        "kh-facility",
        "kh-ward",
        "kh-bed",
        "kh-acceptance-service",
        "kh-home-care-service",
        "kh-referral",
        "kh-admission-referral",
        "kh-patient-care-team",
        "kh-doctor-group",
    ] {
        assert!(examples.iter().any(|(file, _, _)| file.starts_with(&format!("{kind}--"))), "{kind} has an example");
    }
}

/// A `[[case]]` of `expected.toml`.
pub struct Case {
    pub file: String,
    pub profile: String,
    /// The extension or profile whose element is broken, where it is not `profile` itself.
    pub definition: Option<String>,
    /// The element by which `profile` asks for that definition.
    pub through: Option<String>,
    pub element: String,
    pub rule: String,
}

impl Case {
    /// Canonical address of the definition whose rule is broken.
    pub fn definition(&self) -> String {
        let address = |name: &String| format!("https://kakehashi.example/fhir/StructureDefinition/{name}");
        self.definition.as_ref().map_or_else(|| self.profile.clone(), address)
    }
}

pub fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string("fhir-profiles/examples/invalid/expected.toml").unwrap();
    let value = |case: &str, name: &str| {
        let rest = case.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
        rest.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
    };
    let case = |case: &str| {
        let needed = |name: &str| value(case, name).unwrap_or_else(|| panic!("{name} in {case}"));
        Case {
            file: needed("file"),
            profile: needed("profile"),
            definition: value(case, "definition"),
            through: value(case, "through"),
            element: needed("element"),
            rule: needed("rule"),
        }
    };
    text.split("[[case]]").skip(1).map(case).collect()
}

/// Whether an issue's rule (`profile|element|key`) names the element and the kind of rule that the case expects.
fn names(issue: &Value, case: &Case) -> bool {
    let (element, rule) = (case.element.as_str(), case.rule.as_str());
    let found: Vec<&str> = issue["diagnostics"].as_str().unwrap_or_default().split('|').collect();
    let [definition, found_element, key] = found[..] else { return false };
    let definition = definition.trim_start_matches("rule: ");
    if definition.starts_with("https://kakehashi.example/") && definition != case.definition() {
        return false;
    }
    let (kind, detail) = rule.split_once(' ').unwrap_or((rule, ""));
    // A choice that must not be there is named as it was written: Extension.valueString for Extension.value[x].
    let choice = element.strip_suffix("[x]").is_some_and(|stem| found_element.starts_with(stem));
    match kind {
        "max" if choice => key == "max",
        "invariant" => found_element == element && key == detail,
        // A wrong type shows as a target that is not allowed, or as a form of the choice that is not.
        "type" => found_element == element && matches!(key, "type" | "target" | "max"),
        // The form of a primitive is the base's rule, on the base's element.
        "primitive" => found_element.rsplit('.').next() == element.rsplit('.').next() && key == "type",
        "closed" => found_element == element && key == "slicing",
        kind => found_element == element && key == kind,
    }
}

async fn invalid_examples_of_the_profiles_are_refused_at_the_broken_element(app: &TestApp) {
    let (examples, cases) = (examples("invalid"), cases());
    assert_eq!(examples.len(), cases.len(), "every file has its case");
    for case in cases {
        let (file, element, rule) = (&case.file, &case.element, &case.rule);
        let (_, text, target) = examples.iter().find(|(name, _, _)| name == file).unwrap();
        let outcome = refused(app.request("PUT", target).text(text).send().await);
        let issues = outcome["issue"].as_array().unwrap();
        let mut errors = issues.iter().filter(|issue| issue["severity"] == "error");
        assert!(errors.any(|issue| names(issue, &case)), "{file}: {element} {rule}: {outcome}");
        assert!(issues.iter().all(|issue| issue["expression"][0].is_string()), "{file}: {outcome}");
        app.get(target).await.expect_refusal(404);
    }
}

async fn a_profile_applies_whether_it_is_declared_or_not(app: &TestApp) {
    let read = |file: &str| std::fs::read_to_string(format!("fhir-profiles/examples/{file}.json")).unwrap();
    let mut bed: Value = serde_json::from_str(&read("kh-bed--bed-3e-301-1")).unwrap();
    bed.as_object_mut().unwrap().remove("meta");
    app.put("Location/bed-3e-301-1", &bed).await.expect(201);
    bed.as_object_mut().unwrap().remove("operationalStatus");
    assert_eq!(findings(app.put("Location/bed-3e-301-1", &bed).await), one("Location", "min"));
    let mut plain = location("plain", "北棟");
    app.put("Location/plain", &plain).await.expect(201);
    plain["meta"] = json!({"profile": ["https://kakehashi.example/fhir/StructureDefinition/kh-facility"]});
    assert!(findings(app.put("Location/plain", &plain).await).contains(&("Location".to_owned(), "min".to_owned())));
}

/// The first issue is a reason of the refusal; a warning of what stands further up in the document is not.
async fn errors_are_told_before_warnings(app: &TestApp) {
    let body = json!({"resourceType": "Location", "id": "a", "meta": {"profile": ["http://example.org/unknown"]},
        "extension": [{"url": "http://example.org/unknown", "valueCode": "x"}], "mode": "zzz", "status": "zzz"});
    let entry = json!({"resource": body, "request": {"method": "PUT", "url": "Location/a"}});
    let bundle = |kind: &str| json!({"resourceType": "Bundle", "type": kind, "entry": [entry]});
    let batch = app.post("", &bundle("batch")).await.expect(200);
    for outcome in [
        app.put("Location/a", &body).await.expect_refusal(422),
        app.post("", &bundle("transaction")).await.expect_refusal(422),
        batch["entry"][0]["response"]["outcome"].clone(),
    ] {
        let told: Vec<(&str, &str)> = outcome["issue"].as_array().unwrap().iter().map(severity_and_place).collect();
        let severities: Vec<&str> = told.iter().map(|(severity, _)| *severity).collect();
        assert_eq!(severities, ["error", "error", "warning", "warning"], "{outcome}");
        assert!(told[0].1.ends_with("mode") && told[1].1.ends_with("status"), "otherwise in document order: {outcome}");
    }
}

fn severity_and_place(issue: &Value) -> (&str, &str) {
    (issue["severity"].as_str().unwrap(), issue["expression"][0].as_str().unwrap())
}
