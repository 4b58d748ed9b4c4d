//! `CodeSystem/$lookup`: all that is known of a code. R4 `codesystem-operation-lookup.html`.

use serde_json::Value;

use crate::profile::Definitions;
use crate::profile::terminology::{CodeSystem, Concept, Designation, Terminology, known_form, nearest};

use super::super::code_set::Gap;
use super::Refusal;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct LookupRequest<'a> {
    pub system: &'a str,
    pub code: &'a str,
    pub version: Option<&'a str>,
    pub display_language: Option<&'a str>,
    /// The properties to tell; all where none is named.
    pub properties: Vec<&'a str>,
}

/// What is known of a code.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// The code system's name.
    pub name: String,
    pub version: Option<String>,
    pub display: String,
    pub designations: Vec<Designation>,
    pub properties: Vec<ConceptProperty>,
}

/// One property, with its value as FHIR writes it: `valueCode`, `valueString` …
#[derive(Clone, Debug, PartialEq)]
pub struct ConceptProperty {
    pub code: String,
    pub kind: String,
    pub value: Value,
    pub description: Option<String>,
}

impl Definitions {
    /// All that is known of a code.
    pub fn lookup(&self, request: &LookupRequest<'_>) -> Result<Lookup, Refusal> {
        let terminology = &self.inner.terminology;
        let system = system(terminology, request.system, request.version)?;
        let concept = system.concept(request.code).ok_or_else(|| absent(system, request.code))?;
        let wanted = |name: &str| request.properties.is_empty() || request.properties.contains(&name);
        let told = |designation: &&Designation| {
            wanted("designation")
                || designation.language.as_deref().is_some_and(|language| wanted(&format!("lang.{language}")))
        };
        Ok(Lookup {
            name: name(system),
            version: system.version.clone(),
            display: system.display(concept, request.display_language).to_owned(),
            designations: concept.designations.iter().filter(told).cloned().collect(),
            properties: properties(system, concept, request.display_language, &wanted),
        })
    }
}

fn properties(
    system: &CodeSystem,
    concept: &Concept,
    language: Option<&str>,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<ConceptProperty> {
    let mut found = Vec::new();
    let mut push = |code: &str, kind: &str, value: Value, description: Option<&str>| {
        let description = description.map(str::to_owned);
        found.push(ConceptProperty { code: code.to_owned(), kind: kind.to_owned(), value, description });
    };
    if let Some(definition) = concept.definition(language).filter(|_| wanted("definition")) {
        push("definition", "valueString", definition.into(), None);
    }
    for parent in concept.parents.iter().filter(|_| wanted("parent")) {
        let shown = system.concept(parent).map(|parent| system.display(parent, language));
        push("parent", "valueCode", (&**parent).into(), shown);
    }
    for child in system.children(&concept.code).filter(|_| wanted("child")) {
        push("child", "valueCode", (&*child.code).into(), Some(system.display(child, language)));
    }
    for property in concept.properties.iter().filter(|property| wanted(&property.code)) {
        // Those of the hierarchy have been told.
        if !matches!(&*property.code, "parent" | "child") {
            let named = property.value.as_str().filter(|_| &*property.kind == "valueCode");
            let shown = named.and_then(|code| Some(system.display(system.concept(code)?, language)));
            push(&property.code, &property.kind, property.value.clone(), shown);
        }
    }
    let told = |code: &str| concept.property(code).next().is_some();
    if concept.is_abstract && !told("notSelectable") && !told("abstract") && wanted("notSelectable") {
        push("notSelectable", "valueBoolean", true.into(), None);
    }
    if wanted("inactive") && !told("inactive") && concept.inactive {
        push("inactive", "valueBoolean", true.into(), None);
    }
    found
}

/// A code system by address and, where one is named, version.
pub fn system<'a>(
    terminology: &'a Terminology,
    canonical: &str,
    version: Option<&str>,
) -> Result<&'a CodeSystem, Refusal> {
    let (url, of_canonical) = match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (canonical, None),
    };
    let Some(system) = terminology.system(url) else {
        return Err(match known_form(url) {
            Some(_) => Refusal::Undecidable(Gap::Form(url.to_owned())),
            None => Refusal::UnknownSystem(url.to_owned()),
        });
    };
    same_version(url, version.or(of_canonical), system.version.as_deref())?;
    Ok(system)
}

/// Refuses a version other than the one at hand.
pub fn same_version(url: &str, asked: Option<&str>, at_hand: Option<&str>) -> Result<(), Refusal> {
    match asked {
        Some(asked) if at_hand != Some(asked) => {
            Err(Refusal::UnknownVersion { url: url.to_owned(), at_hand: at_hand.map(str::to_owned) })
        }
        _ => Ok(()),
    }
}

/// Why a code is not found: it is none, or the part at hand does not have it.
pub fn absent(system: &CodeSystem, code: &str) -> Refusal {
    if !system.complete {
        return Refusal::Undecidable(Gap::Fragment(system.url.clone()));
    }
    let near = nearest(code, system.concepts().iter().map(|concept| (&*concept.code, Some(concept.display()))));
    Refusal::UnknownCode { system: system.url.clone(), code: code.to_owned(), near: near.map(str::to_owned) }
}

fn name(system: &CodeSystem) -> String {
    let last = || system.url.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    system.name.clone().unwrap_or_else(last)
}
