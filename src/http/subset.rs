//! Parts of resources: `_summary` and `_elements`, marked SUBSETTED. R4 `search.html#summary`, `search.html#elements`.

use crate::fhir::json::{Json, Limits, Object, parse, to_compact, to_pretty};
use crate::profile::Definitions;

use super::ask::{Form, Summary};

/// The resource's text in the wanted form. A text that is wanted whole goes through untouched.
pub fn shape(text: String, form: &Form, definitions: &Definitions) -> String {
    if form.is_plain() {
        return text;
    }
    let Ok(mut tree) = parse(text.as_bytes(), Limits { depth: usize::MAX }) else { return text };
    if let Some(resource) = tree.as_object_mut() {
        reduce(resource, form, definitions);
    }
    if form.pretty { to_pretty(&tree) } else { to_compact(&tree) }
}

fn reduce(resource: &mut Object, form: &Form, definitions: &Definitions) {
    let rtype = resource.get("resourceType").and_then(Json::as_str).unwrap_or_default().to_owned();
    let mandatory = definitions.mandatory_elements(&rtype);
    let is = |names: &[String], name: &str| names.iter().any(|known| known == name);
    let keep: Box<dyn Fn(&str) -> bool> = match (&form.elements, form.summary) {
        (Some(elements), _) => {
            let wanted: Vec<String> = elements
                .iter()
                .map(|name| name.strip_prefix(&format!("{rtype}.")).unwrap_or(name).to_owned())
                .map(|name| name.split('.').next().unwrap_or_default().to_owned())
                .collect();
            Box::new(move |name| {
                is(&wanted, name) || wanted.iter().any(|choice| is_choice_of(name, choice)) || is(&mandatory, name)
            })
        }
        (None, Summary::True) => {
            let summary = definitions.summary_elements(&rtype);
            Box::new(move |name| is(summary, name) || is(&mandatory, name))
        }
        (None, Summary::Text) => Box::new(move |name| name == "text" || is(&mandatory, name)),
        (None, Summary::Data) => Box::new(|name| name != "text"),
        (None, Summary::False | Summary::Count) => return,
    };
    let names: Vec<String> = resource.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let plain = name.strip_prefix('_').unwrap_or(&name);
        if !matches!(plain, "resourceType" | "id" | "meta") && !keep(plain) {
            resource.remove(&name);
        }
    }
    mark(resource);
}

/// `valueQuantity` for `value`.
fn is_choice_of(name: &str, choice: &str) -> bool {
    name.strip_prefix(choice).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// R4 `search.html#subsetted`
fn mark(resource: &mut Object) {
    let mut tag = Object::new();
    tag.insert("system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue");
    tag.insert("code", "SUBSETTED");
    let tag = Json::Object(tag);
    if resource.get("meta").is_none() {
        resource.insert("meta", Object::new());
    }
    let Some(meta) = resource.get_mut("meta").and_then(Json::as_object_mut) else { return };
    match meta.get_mut("tag") {
        Some(Json::Array(tags)) if !tags.contains(&tag) => tags.push(tag),
        Some(_) => {}
        None => {
            meta.insert("tag", vec![tag]);
        }
    }
}
