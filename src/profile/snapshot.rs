//! Profiles: from StructureDefinition differentials to open overlays.
//!
//! The differentials of a profile and of the profiles that it builds on are merged by element id, laid out as a
//! tree, and compiled against the base type, which tells array from single value, the types and the children. A profile
//! that comes with its snapshot alone is read from that, less what the base types say themselves.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::fhir::fhirpath::{Expression, choice_type};

use super::constraint::{Constraint, Level, is_of_every_type};
use super::overlay::{Builder, Place};
use super::registry::{R4_DEFINITIONS, Registry};
use super::shape::{Context, ContextKind, Kind, Structure};
use super::terminology::without_version;

/// What a StructureDefinition may be or say that this compiler refuses at load: named here, never skipped in silence.
pub const NON_FEATURES: [&str; 2] = [
    "logical models and new base types (derivation `specialization`)",
    "slices without a discriminator, but for extensions (by url) and choices (by type)",
];

/// Why a definition cannot be compiled.
#[derive(Debug)]
pub struct Problem {
    /// The element's id; a member's name where there is none.
    pub element: String,
    pub reason: String,
}

impl Problem {
    pub fn new(element: impl Into<String>, reason: impl Into<String>) -> Problem {
        Problem { element: element.into(), reason: reason.into() }
    }
}

/// Profiles may build on each other this deep.
const CHAIN_LIMIT: usize = 16;

/// Elements may lie in each other this deep.
const DEPTH_LIMIT: usize = 32;

/// One element of the merged differential, with what stands below it.
#[derive(Clone, Default)]
pub struct Node {
    /// The last part of the id: `identifier`, `value[x]`.
    pub name: String,
    pub id: String,
    pub facts: Map<String, Value>,
    pub children: Vec<Node>,
    pub slices: Vec<Node>,
}

/// Compiles a profile.
pub fn compile(registry: &Registry, definition: &Value) -> Result<Structure, Vec<Problem>> {
    let type_name = definition["type"].as_str().unwrap_or_default();
    if definition["derivation"] != "constraint" {
        return Err(vec![Problem::new("derivation", "only profiles (derivation `constraint`) can be loaded")]);
    }
    let Some(base) = registry.base(type_name) else {
        return Err(vec![Problem::new("type", format!("R4 has no type {type_name}"))]);
    };
    let tree = merged(registry, definition.clone(), type_name)?;
    let url = definition["url"].as_str().unwrap_or_default();
    let mut builder = Builder::new(registry);
    builder.shape(&tree, &Place { structure: base, shape: 0 });
    let (shapes, mut problems) = builder.finish();
    let (contexts, context_invariants) = contexts(definition, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Structure {
        name: url.to_owned(),
        type_name: type_name.to_owned(),
        base: definition["baseDefinition"].as_str().map(str::to_owned),
        kind: if base.kind == Kind::Resource { Kind::Resource } else { Kind::Complex },
        is_abstract: false,
        is_profile: true,
        shapes,
        contexts,
        context_invariants,
    })
}

/// Where an extension may stand, and under which conditions; what cannot be compiled is among the problems.
fn contexts(definition: &Value, problems: &mut Vec<Problem>) -> (Vec<Context>, Vec<Expression>) {
    let mut compile = |name: &str, text: &str| {
        let refused = |reason| problems.push(Problem::new(name, format!("{text}: {reason}")));
        Expression::compile(text).map_err(refused).ok()
    };
    let mut contexts = Vec::new();
    for context in definition["context"].as_array().into_iter().flatten() {
        let Some(text) = context["expression"].as_str() else { continue };
        let kind = match context["type"].as_str() {
            Some("element") => Some(ContextKind::Element),
            Some("extension") => Some(ContextKind::Extension),
            Some(_) => compile("context", text).map(ContextKind::FhirPath),
            None => None,
        };
        contexts.extend(kind.map(|kind| Context { kind, expression: text.to_owned() }));
    }
    let invariants = definition["contextInvariant"].as_array().into_iter().flatten().filter_map(Value::as_str);
    (contexts, invariants.filter_map(|text| compile("contextInvariant", text)).collect())
}

/// What a profile and those below it say, as a tree; for those that read on from another profile.
pub fn tree(registry: &Registry, url: &str) -> Result<Node, Vec<Problem>> {
    let missing = || vec![Problem::new("baseDefinition", format!("{url} is not loaded"))];
    let definition = registry.source(url).ok_or_else(missing)?;
    let type_name = definition["type"].as_str().unwrap_or_default().to_owned();
    merged(registry, definition, &type_name)
}

/// The differentials from the base up, merged by id, as a tree.
fn merged(registry: &Registry, definition: Value, type_name: &str) -> Result<Node, Vec<Problem>> {
    let mut chain = vec![definition];
    // A snapshot holds all that lies below it.
    while let Some(base) =
        chain.last().filter(|last| !is_snapshot_alone(last)).and_then(|last| last["baseDefinition"].as_str())
    {
        if registry.base(without_version(base).trim_start_matches(R4_DEFINITIONS)).is_some() {
            break;
        }
        let Some(parent) = registry.source(base).filter(|_| chain.len() < CHAIN_LIMIT) else {
            return Err(vec![Problem::new("baseDefinition", format!("{base} is not loaded, or builds on itself"))]);
        };
        chain.push(parent);
    }
    let mut root = Node { name: type_name.to_owned(), id: type_name.to_owned(), ..Node::default() };
    let mut problems = Vec::new();
    for definition in chain.iter().rev() {
        let alone = is_snapshot_alone(definition);
        let part = if alone { "snapshot" } else { "differential" };
        let mut ids: HashMap<String, String> = HashMap::new();
        for element in definition[part]["element"].as_array().into_iter().flatten() {
            let id = element_id(element, &mut ids);
            let placed = if alone { root.place(&id, &own_facts(element)) } else { root.place(&id, element) };
            problems.extend(placed.err());
        }
    }
    if problems.is_empty() { Ok(root) } else { Err(problems) }
}

fn is_snapshot_alone(definition: &Value) -> bool {
    let has = |part: &str| definition[part]["element"].as_array().is_some_and(|elements| !elements.is_empty());
    !has("differential") && has("snapshot")
}

/// An element of a snapshot without the invariants that R4's own types bring along.
fn own_facts(element: &Value) -> Value {
    let mut element = element.clone();
    if let Some(constraints) = element.get_mut("constraint").and_then(Value::as_array_mut) {
        constraints.retain(|constraint| {
            let of_r4 = constraint["source"]
                .as_str()
                .is_some_and(|source| source.starts_with(R4_DEFINITIONS) || !source.contains(':'));
            !of_r4 && !constraint["key"].as_str().is_some_and(is_of_every_type)
        });
    }
    element
}

/// The id, or what it would be: the path with the slice names of the elements above it.
fn element_id(element: &Value, last_by_path: &mut HashMap<String, String>) -> String {
    let path = element["path"].as_str().unwrap_or_default();
    let id = match element["id"].as_str() {
        Some(id) => id.to_owned(),
        None => {
            let (parent, leaf) = path.rsplit_once('.').unwrap_or(("", path));
            let above = last_by_path.get(parent).cloned().unwrap_or_else(|| parent.to_owned());
            let slice = element["sliceName"].as_str().map(|name| format!(":{name}")).unwrap_or_default();
            if above.is_empty() { format!("{leaf}{slice}") } else { format!("{above}.{leaf}{slice}") }
        }
    };
    last_by_path.insert(path.to_owned(), id.clone());
    id
}

impl Node {
    fn place(&mut self, id: &str, element: &Value) -> Result<(), Problem> {
        if split_id(id).len() > DEPTH_LIMIT {
            return Err(Problem::new(id, "the element lies too deep"));
        }
        let mut node = self;
        for (index, part) in split_id(id).into_iter().enumerate() {
            let (name, slice) = part.split_once(':').map_or((part, None), |(name, slice)| (name, Some(slice)));
            if index > 0 {
                node = find_or_add(&mut node.children, name, &part_id(&node.id, name, '.'));
            }
            // `a/b` is the slice `b` of the slice `a` (R4 `elementdefinition.html#id`).
            for slice in slice.into_iter().flat_map(|slice| slice.split('/')) {
                node = find_or_add(&mut node.slices, slice, &part_id(&node.id, slice, ':'));
            }
        }
        node.merge(element);
        Ok(())
    }

    /// Later definitions say more or say it tighter; constraints add up.
    fn merge(&mut self, element: &Value) {
        for (key, value) in element.as_object().into_iter().flatten() {
            if key == "constraint"
                && let (Some(Value::Array(held)), Some(more)) = (self.facts.get_mut(key), value.as_array())
            {
                let new = more.iter().filter(|one| held.iter().all(|held| held["key"] != one["key"]));
                let new: Vec<Value> = new.cloned().collect();
                held.extend(new);
                continue;
            }
            self.facts.insert(key.clone(), value.clone());
        }
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.facts.get(key)?.as_str()
    }

    /// The value of a member that ends in a type: `fixed`, `pattern`, `minValue`, `maxValue`.
    pub fn typed_fact(&self, prefix: &str) -> Option<&Value> {
        self.facts.iter().find(|(key, _)| key.starts_with(prefix)).map(|(_, value)| value)
    }

    pub fn constraints(&self) -> Vec<Constraint> {
        self.facts.get("constraint").and_then(Value::as_array).into_iter().flatten().filter_map(constraint).collect()
    }

    pub fn child(&self, name: &str) -> Option<&Node> {
        let plain = self.children.iter().find(|child| child.name.trim_end_matches("[x]") == name);
        // A choice may be written by one of its types: `valueCoding`.
        let typed = |child: &&Node| child.name.strip_prefix(name).and_then(choice_type).is_some();
        plain.or_else(|| self.children.iter().find(typed))
    }
}

/// Slice names may hold full stops only after a colon and before the next element; none of ours or R4's do.
fn split_id(id: &str) -> Vec<&str> {
    id.split('.').collect()
}

fn part_id(above: &str, name: &str, separator: char) -> String {
    format!("{above}{separator}{name}")
}

fn find_or_add<'n>(nodes: &'n mut Vec<Node>, name: &str, id: &str) -> &'n mut Node {
    let at = nodes.iter().position(|node| node.name == name).unwrap_or_else(|| {
        nodes.push(Node { name: name.to_owned(), id: id.to_owned(), ..Node::default() });
        nodes.len() - 1
    });
    &mut nodes[at]
}

fn constraint(value: &Value) -> Option<Constraint> {
    let best = value["extension"].as_array().into_iter().flatten().any(|extension| {
        extension["url"].as_str().is_some_and(|url| url.ends_with("bestpractice")) && extension["valueBoolean"] == true
    });
    let level = if best { Level::BestPractice } else { Level::parse(value["severity"].as_str()?)? };
    let en = value["human"].as_str().unwrap_or_default().to_owned();
    let ja = translation(&value["_human"], "ja").unwrap_or_else(|| en.clone());
    Some(Constraint::new(value["key"].as_str()?, level, value["expression"].as_str()?, en, ja))
}

/// The text in `language` from the translation extensions of a primitive's sibling.
pub fn translation(sibling: &Value, language: &str) -> Option<String> {
    let translations = sibling["extension"]
        .as_array()?
        .iter()
        .filter(|extension| extension["url"] == "http://hl7.org/fhir/StructureDefinition/translation");
    translations
        .filter_map(|translation| {
            let part = |url: &str| translation["extension"].as_array()?.iter().find(|part| part["url"] == url);
            let lang = part("lang")?["valueCode"].as_str()?;
            (lang == language).then(|| part("content")?["valueString"].as_str().map(str::to_owned)).flatten()
        })
        .next()
}
