//! Base types: from distilled facts to closed [`Structure`]s.

use std::collections::BTreeMap;

use super::constraint::{Constraint, Level};
use super::facts::{ElementFacts, TypeFacts};
use super::shape::{Binding, Element, Kind, Shape, Strength, Structure, TypeRef, ValueRules};

/// Compiles the type `name`.
pub fn compile(name: &str, facts: TypeFacts) -> Structure {
    let kind = match facts.kind.as_str() {
        "primitive-type" => Kind::Primitive,
        "resource" => Kind::Resource,
        _ => Kind::Complex,
    };
    let nodes = nodes(&facts.elements);
    let mut elements: Vec<Vec<Element>> = nodes.iter().map(|_| Vec::new()).collect();
    let mut constraints = Vec::new();
    for fact in &facts.elements {
        if fact.path.is_empty() {
            constraints = base_constraints(fact);
            continue;
        }
        let (parent, leaf) = fact.path.rsplit_once('.').unwrap_or(("", &fact.path));
        let child = nodes.get(fact.content_of.as_deref().unwrap_or(&fact.path)).copied();
        let Some(into) = nodes.get(parent).and_then(|at| elements.get_mut(*at)) else { continue };
        let mut built = element(name, kind, fact, leaf, child);
        // What refers to another element's content brings its invariants (R4 `elementdefinition.html`, contentReference).
        let target = fact.content_of.as_ref().and_then(|path| facts.elements.iter().find(|other| other.path == *path));
        built.rules.constraints.extend(target.into_iter().flat_map(base_constraints));
        into.push(built);
    }
    let mut paths: Vec<(usize, String)> = nodes.into_iter().map(|(path, at)| (at, full_path(name, &path))).collect();
    paths.sort();
    let shapes = paths.into_iter().zip(elements).map(|((at, path), elements)| {
        Shape::new(path, elements, if at == 0 { std::mem::take(&mut constraints) } else { Vec::new() })
    });
    Structure {
        name: name.to_owned(),
        type_name: name.to_owned(),
        base: facts.base,
        kind,
        is_abstract: facts.is_abstract,
        is_profile: false,
        shapes: shapes.collect(),
        contexts: Vec::new(),
        context_invariants: Vec::new(),
    }
}

/// The paths that have children, numbered in order; the root is 0.
fn nodes(elements: &[ElementFacts]) -> BTreeMap<String, usize> {
    let mut nodes = BTreeMap::from([(String::new(), 0)]);
    for fact in elements {
        if let Some((parent, _)) = fact.path.rsplit_once('.') {
            let next = nodes.len();
            nodes.entry(parent.to_owned()).or_insert(next);
        }
    }
    nodes
}

fn full_path(name: &str, below: &str) -> String {
    if below.is_empty() { name.to_owned() } else { format!("{name}.{below}") }
}

fn element(type_name: &str, kind: Kind, fact: &ElementFacts, leaf: &str, child: Option<usize>) -> Element {
    let mut types: Vec<TypeRef> = fact.types.iter().map(|text| TypeRef::parse(text)).collect();
    // 4.0.1 declares resource ids as strings; resource.html#id says `id`.
    if kind == Kind::Resource
        && fact.path == "id"
        && let Some(spec) = types.first_mut()
    {
        spec.code = "id".to_owned();
    }
    if types.is_empty() {
        types.push(TypeRef::parse("BackboneElement"));
    }
    let max = match fact.max.as_deref() {
        None => Some(1),
        Some(text) => text.parse().ok(),
    };
    let binding = fact.binding.as_ref().and_then(|(strength, set, max)| {
        let strength = Strength::parse(strength)?;
        // A maximum value set binds like a required one (R4 `extension-elementdefinition-maxvalueset.html`).
        Some(max.as_deref().map_or_else(|| Binding::new(strength, set), |max| Binding::new(Strength::Required, max)))
    });
    Element {
        name: leaf.trim_end_matches("[x]").to_owned(),
        path: full_path(type_name, &fact.path),
        choice: leaf.ends_with("[x]"),
        min: fact.min,
        max,
        array: max != Some(1),
        types,
        child,
        rules: ValueRules {
            binding,
            constraints: base_constraints(fact),
            max_length: fact.max_length,
            ..ValueRules::default()
        },
        modifier: fact.modifier == 1,
        summary: fact.summary == 1,
        slicing: None,
        forms: Vec::new(),
        must_support: false,
        refused_members: Vec::new(),
    }
}

fn base_constraints(fact: &ElementFacts) -> Vec<Constraint> {
    let built = fact.constraints.iter().filter_map(|(key, severity, expression)| {
        // 4.0.1 counts to two where que-12's own words, and those of enableBehavior, say "more than one".
        let expression = match (key.as_str(), expression.as_deref()?) {
            ("que-12", "enableWhen.count() > 2 implies enableBehavior.exists()") => {
                "enableWhen.count() > 1 implies enableBehavior.exists()"
            }
            (_, expression) => expression,
        };
        Some(Constraint::new(key, Level::parse(severity)?, expression, String::new(), String::new()))
    });
    built.collect()
}
