//! Answers as FHIR writes them: Parameters, or a ValueSet with its expansion. The only place where they are built.

use crate::fhir::json::{Json, Number, Object};
use crate::fhir::outcome::Language;
use crate::fhir::parameters::{parameters, part, parts_of};
use crate::profile::terminology::{Dependency, Designation};

use super::{CodeValidity, ConceptProperty, ExpandRequest, ExpandedCode, Expansion, Lookup, Match, Translation};

impl Lookup {
    /// The answer of `$lookup`.
    pub fn to_parameters(&self) -> Json {
        let mut list = vec![part("name", "valueString", self.name.as_str())];
        list.extend(self.version.as_deref().map(|version| part("version", "valueString", version)));
        list.push(part("display", "valueString", self.display.as_str()));
        list.extend(self.designations.iter().map(|designation| {
            let mut parts = Vec::new();
            parts.extend(designation.language.as_deref().map(|language| part("language", "valueCode", language)));
            parts.extend(designation.usage.as_ref().map(|usage| part("use", "valueCoding", Json::from_serde(usage))));
            parts.push(part("value", "valueString", &*designation.value));
            parts_of("designation", parts)
        }));
        list.extend(self.properties.iter().map(property));
        parameters(list)
    }
}

fn property(property: &ConceptProperty) -> Json {
    let mut parts = vec![part("code", "valueCode", property.code.as_str())];
    parts.push(part("value", &property.kind, Json::from_serde(&property.value)));
    parts.extend(property.description.as_deref().map(|shown| part("description", "valueString", shown)));
    parts_of("property", parts)
}

impl CodeValidity {
    /// The answer of `$validate-code`, with its message in the reader's language and the other one beside it.
    pub fn to_parameters(&self, language: Language) -> Json {
        let mut list = vec![part("result", "valueBoolean", Json::Bool(self.result))];
        list.extend(self.message.as_ref().map(|message| bilingual("message", message, language)));
        list.extend(self.display.as_deref().map(|display| part("display", "valueString", display)));
        parameters(list)
    }
}

impl Translation {
    /// The answer of `$translate`.
    pub fn to_parameters(&self, language: Language) -> Json {
        let mut list = vec![part("result", "valueBoolean", Json::Bool(self.result))];
        list.extend(self.message.as_ref().map(|message| bilingual("message", message, language)));
        list.extend(self.matches.iter().map(matched));
        parameters(list)
    }
}

fn matched(found: &Match) -> Json {
    let mut parts = vec![part("equivalence", "valueCode", found.equivalence.as_str())];
    if let Some(code) = &found.code {
        let concept = coding(Some(&found.system), code, found.display.as_deref());
        parts.push(part("concept", "valueCoding", concept));
    }
    parts.extend(found.products.iter().map(product));
    parts.push(part("source", "valueUri", found.map.as_str()));
    parts_of("match", parts)
}

fn product(product: &Dependency) -> Json {
    let concept = coding(product.system.as_deref(), &product.value, None);
    let parts = vec![part("element", "valueUri", product.property.as_str()), part("concept", "valueCoding", concept)];
    parts_of("product", parts)
}

impl Expansion {
    /// The answer of `$expand`.
    pub fn to_value_set(&self, request: &ExpandRequest<'_>, timestamp: &str) -> Json {
        let mut set = Object::new();
        set.insert("resourceType", "ValueSet");
        let texts = [("url", &self.url), ("version", &self.version), ("name", &self.name), ("title", &self.title)];
        for (key, text) in texts {
            if let Some(text) = text {
                set.insert(key, text.as_str());
            }
        }
        set.insert("status", "active");
        let mut expansion = Object::new();
        expansion.insert("timestamp", timestamp);
        expansion.insert("total", count(self.total));
        if request.count.is_some() || self.offset > 0 {
            expansion.insert("offset", count(self.offset));
        }
        let parameter = self.parameters(request);
        if !parameter.is_empty() {
            expansion.insert("parameter", parameter);
        }
        let codes: Vec<Json> = self.codes.iter().map(|code| self.contains(code)).collect();
        if !codes.is_empty() {
            expansion.insert("contains", codes);
        }
        set.insert("expansion", expansion);
        set.into()
    }

    /// What the expansion was made with.
    fn parameters(&self, request: &ExpandRequest<'_>) -> Vec<Json> {
        let mut list = Vec::new();
        list.extend(request.filter.map(|filter| part("filter", "valueString", filter)));
        list.extend(request.count.map(|asked| part("count", "valueInteger", count(asked))));
        list.extend(request.display_language.map(|language| part("displayLanguage", "valueCode", language)));
        for (name, flag) in [("includeDesignations", request.include_designations), ("activeOnly", request.active_only)]
        {
            list.extend(flag.then(|| part(name, "valueBoolean", Json::Bool(true))));
        }
        list.extend(self.used.iter().map(|used| part("version", "valueUri", used.as_str())));
        list
    }

    fn contains(&self, code: &ExpandedCode) -> Json {
        let mut contains = Object::new();
        if !code.system.is_empty() {
            contains.insert("system", code.system.as_str());
        }
        if code.inactive {
            contains.insert("inactive", Json::Bool(true));
        }
        contains.insert("code", code.code.as_str());
        if let Some(display) = &code.display {
            contains.insert("display", display.as_str());
        }
        if !code.designations.is_empty() {
            contains.insert("designation", code.designations.iter().map(designation).collect::<Vec<_>>());
        }
        contains.into()
    }
}

fn designation(designation: &Designation) -> Json {
    let mut object = Object::new();
    if let Some(language) = &designation.language {
        object.insert("language", &**language);
    }
    if let Some(usage) = &designation.usage {
        object.insert("use", Json::from_serde(usage));
    }
    object.insert("value", &*designation.value);
    object.into()
}

fn coding(system: Option<&str>, code: &str, display: Option<&str>) -> Json {
    let mut coding = Object::new();
    for (key, text) in [("system", system), ("code", Some(code)), ("display", display)] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            coding.insert(key, text);
        }
    }
    coding.into()
}

/// A text with its translation (R4 `extension-translation.html`).
fn bilingual(name: &str, (ja, en): &(String, String), language: Language) -> Json {
    let (text, other, other_code) = match language {
        Language::Ja => (ja, en, "en"),
        Language::En => (en, ja, "ja"),
    };
    let extension = |url: &str, key: &str, value: Json| {
        let mut extension = Object::new();
        extension.insert("url", url);
        extension.insert(key, value);
        Json::Object(extension)
    };
    let parts = vec![
        extension("lang", "valueCode", other_code.into()),
        extension("content", "valueString", other.as_str().into()),
    ];
    let translation = extension("http://hl7.org/fhir/StructureDefinition/translation", "extension", parts.into());
    let mut sibling = Object::new();
    sibling.insert("extension", vec![translation]);
    let mut object = Object::new();
    object.insert("name", name);
    object.insert("valueString", text.as_str());
    object.insert("_valueString", sibling);
    object.into()
}

fn count(number: usize) -> Json {
    Json::Number(Number::from(i64::try_from(number).unwrap_or(i64::MAX)))
}
