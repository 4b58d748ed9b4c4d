//! Filters over a code system's concepts. R4 `valueset-filter-operator.html`.

use std::collections::HashSet;

use super::code_set::Gap;
use super::code_system::{CodeSystem, Concept};
use super::value_set::Filter;

/// A regular expression may not grow larger than this when compiled; matching is linear in any case.
const REGEX_SIZE: usize = 1 << 18;

/// The concepts that pass all filters, abstract ones left out.
pub fn apply<'a>(system: &'a CodeSystem, filters: &[Filter]) -> Result<Vec<&'a Concept>, Gap> {
    let mut found: Vec<&Concept> = system.concepts().iter().filter(|concept| !concept.is_abstract).collect();
    for filter in filters {
        let passes = test(system, filter).ok_or_else(|| Gap::Filter {
            system: system.url.clone(),
            property: filter.property.clone(),
            operator: filter.operator.clone(),
        })?;
        found.retain(|concept| passes(concept));
    }
    Ok(found)
}

/// R4's operators.
const OPERATORS: [&str; 9] =
    ["=", "is-a", "descendent-of", "is-not-a", "regex", "in", "not-in", "generalizes", "exists"];

/// Why a filter can never be evaluated.
pub fn check(filter: &Filter) -> Result<(), String> {
    if !OPERATORS.contains(&filter.operator.as_str()) {
        return Err(format!("there is no operator '{}'", filter.operator));
    }
    match filter.operator.as_str() {
        "regex" => whole(&filter.value).map(|_| ()).map_err(|problem| problem.to_string()),
        _ => Ok(()),
    }
}

/// A pattern that the whole text must match (R4 `valueset-filter-operator.html`).
fn whole(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(REGEX_SIZE).build()
}

type Test<'a> = Box<dyn Fn(&Concept) -> bool + 'a>;

/// What a filter asks of a concept; `None` where that is not known.
fn test<'a>(system: &'a CodeSystem, filter: &'a Filter) -> Option<Test<'a>> {
    let value = filter.value.as_str();
    Some(match (filter.property.as_str(), filter.operator.as_str()) {
        ("concept" | "code", "is-a") => {
            Box::new(move |concept| *concept.code == *value || system.is_below(&concept.code, value))
        }
        ("concept" | "code", "descendent-of") => Box::new(move |concept| system.is_below(&concept.code, value)),
        ("concept" | "code", "is-not-a") => {
            Box::new(move |concept| *concept.code != *value && !system.is_below(&concept.code, value))
        }
        ("concept" | "code", "generalizes") => {
            Box::new(move |concept| *concept.code == *value || system.is_below(value, &concept.code))
        }
        ("concept" | "code" | "display", _) => by_text(filter, |concept, name| {
            vec![if name == "display" { concept.display().to_owned() } else { concept.code.to_string() }]
        })?,
        ("parent", "=") => Box::new(move |concept| concept.parents.iter().any(|parent| **parent == *value)),
        ("child", "=") => {
            let child = system.concept(value)?;
            Box::new(move |concept| child.parents.contains(&concept.code))
        }
        (property, _) if system.knows_property(property) => by_text(filter, |concept, name| {
            concept.property(name).map(|property| property.text().into_owned()).collect()
        })?,
        _ => return None,
    })
}

/// Operators that compare texts.
fn by_text<'a>(filter: &'a Filter, texts: impl Fn(&Concept, &str) -> Vec<String> + 'a) -> Option<Test<'a>> {
    let (name, value) = (filter.property.as_str(), filter.value.as_str());
    let listed: HashSet<&str> = value.split(',').map(str::trim).collect();
    let any =
        move |concept: &Concept, holds: &dyn Fn(&str) -> bool| texts(concept, name).iter().any(|text| holds(text));
    Some(match filter.operator.as_str() {
        "=" => Box::new(move |concept| any(concept, &|text| text == value)),
        "in" => Box::new(move |concept| any(concept, &|text| listed.contains(text))),
        "not-in" => Box::new(move |concept| !any(concept, &|text| listed.contains(text))),
        "exists" => {
            let wanted = value == "true";
            Box::new(move |concept| any(concept, &|_| true) == wanted)
        }
        "regex" => {
            let regex = whole(value).ok()?;
            Box::new(move |concept| any(concept, &|text| regex.is_match(text)))
        }
        _ => return None,
    })
}
