//! A code system's concepts, with what is known of each: texts in several languages, place in the hierarchy, properties.
//! R4 `codesystem.html`; those of R4 itself come from the pack, which has codes, English displays and parents only.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use super::Membership;

/// Concepts nested deeper than this are left out.
const DEPTH: usize = 32;

/// A code system.
#[derive(Clone, Default)]
pub struct CodeSystem {
    pub url: String,
    /// Not known of R4's own.
    pub version: Option<String>,
    pub name: Option<String>,
    /// The language of the displays.
    pub language: String,
    /// Whether these are all codes there are.
    pub complete: bool,
    pub case_sensitive: bool,
    /// Whether the definition says so; HL7's v2 tables do not, and differ in use.
    case_stated: bool,
    concepts: Vec<Concept>,
    index: HashMap<Box<str>, usize>,
    /// Names of the properties that concepts may have; `None` where properties are not at hand.
    properties: Option<Vec<String>>,
}

/// One concept.
#[derive(Clone, Default)]
pub struct Concept {
    pub code: Box<str>,
    /// Empty where there is none.
    display: Box<str>,
    /// The definition and its translations, each with its language.
    definitions: Vec<(Box<str>, Box<str>)>,
    pub designations: Vec<Designation>,
    pub properties: Vec<Property>,
    pub parents: Vec<Box<str>>,
    pub is_abstract: bool,
    pub inactive: bool,
}

/// Another text for a concept.
#[derive(Clone, Debug, PartialEq)]
pub struct Designation {
    pub language: Option<Box<str>>,
    /// `designation.use`, a Coding.
    pub usage: Option<Value>,
    pub value: Box<str>,
}

/// What is said of a concept.
#[derive(Clone)]
pub struct Property {
    pub code: Box<str>,
    /// `valueCode`, `valueString` …
    pub kind: Box<str>,
    pub value: Value,
}

impl CodeSystem {
    /// Reads the pack's form: `[code, display, parent, 1 if abstract]`, and further parents apart.
    pub fn from_facts(url: &str, facts: &Value) -> CodeSystem {
        let mut system = CodeSystem {
            url: url.to_owned(),
            version: url.starts_with("http://hl7.org/fhir/").then(|| "4.0.1".to_owned()),
            language: "en".to_owned(),
            complete: facts["complete"] == true,
            case_sensitive: facts["caseSensitive"] != false,
            case_stated: !url.starts_with("http://terminology.hl7.org/CodeSystem/v2-"),
            ..CodeSystem::default()
        };
        for row in facts["concepts"].as_array().into_iter().flatten() {
            let text = |at: usize| row[at].as_str().unwrap_or_default();
            let parents = Some(text(2)).filter(|parent| !parent.is_empty()).map(Into::into).into_iter().collect();
            let (code, display) = (text(0).into(), text(1).into());
            system.push(Concept { code, display, parents, is_abstract: !row[3].is_null(), ..Concept::default() });
        }
        for pair in facts["parents"].as_array().into_iter().flatten() {
            if let (Some(child), Some(parent)) = (pair[0].as_str(), pair[1].as_str()) {
                system.add_parent(child, parent);
            }
        }
        system
    }

    /// Reads a CodeSystem resource.
    pub fn from_resource(resource: &Value) -> Option<CodeSystem> {
        let declared = resource["property"].as_array().into_iter().flatten();
        let mut system = CodeSystem {
            url: resource["url"].as_str()?.to_owned(),
            version: resource["version"].as_str().map(str::to_owned),
            name: resource["name"].as_str().map(str::to_owned),
            language: resource["language"].as_str().unwrap_or("en").to_owned(),
            complete: resource["content"] == "complete",
            case_sensitive: resource["caseSensitive"] != false,
            case_stated: resource["caseSensitive"].is_boolean(),
            properties: Some(declared.filter_map(|one| one["code"].as_str()).map(str::to_owned).collect()),
            ..CodeSystem::default()
        };
        system.push_tree(&resource["concept"], None, 0);
        system.read_hierarchy();
        Some(system)
    }

    fn push_tree(&mut self, concepts: &Value, parent: Option<&str>, depth: usize) {
        if depth > DEPTH {
            return;
        }
        for source in concepts.as_array().into_iter().flatten() {
            let mut concept = Concept::read(source, &self.language);
            concept.parents.extend(parent.map(Into::into));
            let code = concept.code.clone();
            self.push(concept);
            self.push_tree(&source["concept"], Some(&code), depth + 1);
        }
    }

    /// Parents and children that are told as properties instead of by nesting (R4 `codesystem.html#hierarchy`).
    fn read_hierarchy(&mut self) {
        let mut pairs = Vec::new();
        for concept in &self.concepts {
            for property in &concept.properties {
                let Some(other) = property.value.as_str() else { continue };
                match &*property.code {
                    "parent" | "subsumedBy" => pairs.push((concept.code.clone(), other.to_owned())),
                    "child" => pairs.push((other.into(), concept.code.to_string())),
                    _ => {}
                }
            }
        }
        for (child, parent) in pairs {
            self.add_parent(&child, &parent);
        }
    }

    fn add_parent(&mut self, child: &str, parent: &str) {
        let Some(concept) = self.at(child).and_then(|at| self.concepts.get_mut(at)) else { return };
        if !concept.parents.iter().any(|known| **known == *parent) {
            concept.parents.push(parent.into());
        }
    }

    fn push(&mut self, concept: Concept) {
        let key = fold(&concept.code, self.case_sensitive).into();
        self.index.entry(key).or_insert(self.concepts.len());
        self.concepts.push(concept);
    }

    /// Adds what a supplement says of concepts that are here (R4 `codesystem.html#supplements`).
    pub fn supplement(&mut self, resource: &Value) {
        let language = resource["language"].as_str().unwrap_or("en").to_owned();
        let mut sources: Vec<&Value> = resource["concept"].as_array().into_iter().flatten().collect();
        while let Some(source) = sources.pop() {
            sources.extend(source["concept"].as_array().into_iter().flatten());
            let mut more = Concept::read(source, &language);
            let Some(concept) = self.at(&more.code).and_then(|at| self.concepts.get_mut(at)) else { continue };
            if !more.display.is_empty() {
                let value = std::mem::take(&mut more.display);
                more.designations.push(Designation { language: Some(language.as_str().into()), usage: None, value });
            }
            concept.designations.append(&mut more.designations);
            concept.properties.append(&mut more.properties);
        }
    }

    fn at(&self, code: &str) -> Option<usize> {
        self.index.get(&*fold(code, self.case_sensitive)).copied()
    }

    /// The concept of a code, in the case that the system asks for.
    pub fn concept(&self, code: &str) -> Option<&Concept> {
        self.concepts.get(self.at(code)?)
    }

    /// Whether the system has the code.
    pub fn has(&self, code: &str) -> Membership {
        match (self.at(code), self.complete) {
            (Some(_), _) => Membership::Yes,
            (None, true) => Membership::No,
            (None, false) => Membership::Unknown,
        }
    }

    /// The concept that a code is but for its case, where the definition does not say whether case matters.
    pub fn in_other_case(&self, code: &str) -> Option<&Concept> {
        let same = |concept: &&Concept| concept.code.eq_ignore_ascii_case(code);
        self.concepts.iter().find(same).filter(|_| !self.case_stated)
    }

    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    pub fn children<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a Concept> {
        self.concepts.iter().filter(move |concept| concept.parents.iter().any(|parent| **parent == *code))
    }

    /// Whether `ancestor` is above the code.
    pub fn is_below(&self, code: &str, ancestor: &str) -> bool {
        let Some(concept) = self.concept(code) else { return false };
        let mut above: Vec<&str> = Vec::new();
        let mut open: Vec<&str> = concept.parents.iter().map(|parent| &**parent).collect();
        while let Some(parent) = open.pop() {
            if parent == ancestor {
                return true;
            }
            // Hierarchies may join again, or run in circles.
            if !above.contains(&parent) {
                above.push(parent);
                open.extend(self.concept(parent).into_iter().flat_map(|next| next.parents.iter().map(|next| &**next)));
            }
        }
        false
    }

    /// Whether it is known which concepts have a property.
    pub fn knows_property(&self, code: &str) -> bool {
        self.properties.as_ref().is_some_and(|declared| {
            declared.iter().any(|name| name == code)
                || self.concepts.iter().any(|concept| concept.property(code).next().is_some())
        })
    }

    /// The display in a language, or the system's own.
    pub fn display<'a>(&'a self, concept: &'a Concept, language: Option<&str>) -> &'a str {
        match language {
            Some(wanted) if !speaks(&self.language, wanted) => concept.translated(wanted).unwrap_or(concept.display()),
            _ => concept.display(),
        }
    }

    /// Whether a text is a display or designation of the concept. A text in a script of which nothing is at hand cannot
    /// be judged: R4's displays are English, and a Japanese one may be a fair translation.
    pub fn is_display(&self, concept: &Concept, text: &str) -> Membership {
        let designations = concept.designations.iter().map(|designation| &*designation.value);
        let mut known = std::iter::once(concept.display()).chain(designations);
        // To the letter first: that costs nothing, and most displays are right.
        if known.clone().any(|known| known == text) || known.clone().any(|known| same_text(known, text)) {
            return Membership::Yes;
        }
        let latin_only = known.all(is_latin);
        let silent = concept.display.is_empty() && concept.designations.is_empty();
        if silent || (latin_only && !is_latin(text)) { Membership::Unknown } else { Membership::No }
    }
}

impl Concept {
    fn read(source: &Value, language: &str) -> Concept {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().into();
        let items = |key: &str| source[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let properties: Vec<Property> = items("property").iter().filter_map(Property::read).collect();
        let says = |code: &str, wanted: &[&str]| {
            properties.iter().any(|property| {
                *property.code == *code
                    && (property.value == true || property.value.as_str().is_some_and(|value| wanted.contains(&value)))
            })
        };
        Concept {
            code: text(source, "code"),
            display: text(source, "display"),
            definitions: definitions(source, language),
            designations: items("designation").iter().map(Designation::read).collect(),
            is_abstract: says("notSelectable", &[]) || says("abstract", &[]),
            inactive: says("inactive", &[]) || says("status", &["retired", "inactive"]),
            properties,
            parents: Vec::new(),
        }
    }

    /// The display; the code where there is none.
    pub fn display(&self) -> &str {
        if self.display.is_empty() { &self.code } else { &self.display }
    }

    /// The definition in a language, or the system's own.
    pub fn definition(&self, language: Option<&str>) -> Option<&str> {
        let mut known = self.definitions.iter();
        let wanted = language.and_then(|wanted| known.find(|(own, _)| speaks(own, wanted)));
        wanted.or(self.definitions.first()).map(|(_, text)| &**text)
    }

    fn translated(&self, language: &str) -> Option<&str> {
        let of = |designation: &&Designation| designation.language.as_deref().is_some_and(|own| speaks(own, language));
        self.designations.iter().find(of).map(|designation| &*designation.value)
    }

    pub fn property<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| *property.code == *code)
    }
}

impl Designation {
    pub fn read(source: &Value) -> Designation {
        Designation {
            language: source["language"].as_str().map(Into::into),
            usage: Some(&source["use"]).filter(|usage| usage.is_object()).cloned(),
            value: source["value"].as_str().unwrap_or_default().into(),
        }
    }
}

impl Property {
    fn read(source: &Value) -> Option<Property> {
        let (kind, value) = source.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
        Some(Property { code: source["code"].as_str()?.into(), kind: kind.as_str().into(), value: value.clone() })
    }

    /// The value as filters compare it.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.value {
            Value::String(text) => Cow::Borrowed(text),
            Value::Object(coding) => Cow::Owned(coding.get("code").and_then(Value::as_str).unwrap_or("").to_owned()),
            other => Cow::Owned(other.to_string()),
        }
    }
}

/// The definition with its translations (R4 `extension-translation.html`).
fn definitions(source: &Value, language: &str) -> Vec<(Box<str>, Box<str>)> {
    let Some(own) = source["definition"].as_str() else { return Vec::new() };
    let mut found = vec![(language.into(), own.into())];
    for extension in source["_definition"]["extension"].as_array().into_iter().flatten() {
        let part = |url: &str, key: &str| {
            let mut parts = extension["extension"].as_array().into_iter().flatten();
            parts.find(|part| part["url"] == url).and_then(|part| part[key].as_str())
        };
        let content = part("content", "valueString").or_else(|| part("content", "valueMarkdown"));
        if let (Some(lang), Some(content)) = (part("lang", "valueCode"), content) {
            found.push((lang.into(), content.into()));
        }
    }
    found
}

/// A code as it is compared.
pub fn fold(code: &str, case_sensitive: bool) -> Cow<'_, str> {
    let folded = case_sensitive || code.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if folded { Cow::Borrowed(code) } else { Cow::Owned(code.to_lowercase()) }
}

/// Whether text in the language `own` serves a reader of `wanted`: `ja` serves `ja-JP`, and the other way round.
pub fn speaks(own: &str, wanted: &str) -> bool {
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    primary(own) == primary(wanted)
}

/// Displays are compared without regard to case and spacing, as HL7's validator does.
fn same_text(left: &str, right: &str) -> bool {
    let lower = |word: &str| word.to_lowercase();
    left.split_whitespace().map(lower).eq(right.split_whitespace().map(lower))
}

/// Latin letters end at U+024F.
fn is_latin(text: &str) -> bool {
    text.chars().all(|character| character < '\u{250}' || !character.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wards() -> CodeSystem {
        CodeSystem::from_resource(&json!({
            "url": "https://example.org/wards", "content": "complete", "language": "en", "caseSensitive": false,
            "property": [{"code": "beds", "type": "integer"}],
            "concept": [
                {"code": "Care", "display": "Care ward", "property": [{"code": "notSelectable", "valueBoolean": true}],
                 "concept": [{"code": "Sub", "display": "Sub-acute", "designation": [{"language": "ja", "value": "亜急性期"}]}]},
                {"code": "Old", "property": [{"code": "status", "valueCode": "retired"}, {"code": "parent", "valueCode": "Care"}]},
            ]
        }))
        .unwrap()
    }

    #[test]
    fn concepts_have_texts_parents_and_state() {
        let system = wards();
        let sub = system.concept("sub").unwrap();
        assert_eq!((system.display(sub, Some("ja-JP")), system.display(sub, Some("fr"))), ("亜急性期", "Sub-acute"));
        assert!(system.is_below("Sub", "Care") && system.is_below("Old", "Care") && !system.is_below("Care", "Care"));
        assert!(system.concept("CARE").unwrap().is_abstract && system.concept("old").unwrap().inactive);
        assert_eq!(system.children("Care").count(), 2);
        assert!(system.knows_property("beds") && system.knows_property("status") && !system.knows_property("colour"));
    }

    #[test]
    fn displays_are_judged_as_far_as_texts_are_at_hand() {
        let system = wards();
        let of = |code: &str, text: &str| system.is_display(system.concept(code).unwrap(), text);
        assert_eq!(of("Sub", "sub-ACUTE "), Membership::Yes);
        assert_eq!(of("Sub", "亜急性期"), Membership::Yes);
        assert_eq!(of("Sub", "急性期"), Membership::No);
        assert_eq!(of("Care", "ケア病棟"), Membership::Unknown, "no Japanese is at hand");
        assert_eq!(of("Care", "Intensive care"), Membership::No);
        assert_eq!(of("Old", "anything"), Membership::Unknown, "no text is at hand");
    }

    #[test]
    fn a_supplement_adds_designations() {
        let mut system = wards();
        system.supplement(&json!({"language": "ja", "concept": [{"code": "care", "display": "療養"}, {"code": "no"}]}));
        assert_eq!(system.display(system.concept("Care").unwrap(), Some("ja")), "療養");
    }
}
