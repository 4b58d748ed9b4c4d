//! The tree of a merged differential → shapes and elements, looked up against the base.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::fhir::json::Json;

use super::inner::member_element;
use super::registry::Registry;
use super::shape::{Binding, Element, Shape, Strength, Structure, TypeRef, ValueRules, choice_name};
use super::slicing::{Expected, Openness, Slice, Slicing, Test};
use super::snapshot::{Node, Problem};

/// Where in the base an overlay's shape lies.
pub struct Place<'r> {
    pub structure: &'r Arc<Structure>,
    pub shape: usize,
}

pub struct Builder<'r> {
    registry: &'r Registry,
    shapes: Vec<Option<Shape>>,
    problems: Vec<Problem>,
}

impl<'r> Builder<'r> {
    pub fn new(registry: &'r Registry) -> Self {
        Builder { registry, shapes: Vec::new(), problems: Vec::new() }
    }

    pub fn finish(self) -> (Vec<Shape>, Vec<Problem>) {
        (self.shapes.into_iter().flatten().collect(), self.problems)
    }

    fn problem(&mut self, node: &Node, reason: impl Into<String>) {
        self.problems.push(Problem::new(&node.id, reason));
    }

    /// Compiles the children of `node` into a shape and answers its number.
    pub fn shape(&mut self, node: &Node, place: &Place<'r>) -> usize {
        let number = self.shapes.len();
        self.shapes.push(None);
        let mut elements = Vec::new();
        for child in &node.children {
            if let Some(element) = self.element(child, place) {
                elements.push(element);
            }
        }
        // Invariants of an inner element stand at the element (its value rules); those of the root here.
        let constraints = if number == 0 { node.constraints() } else { Vec::new() };
        self.check(node, &constraints);
        if let Some(slot) = self.shapes.get_mut(number) {
            *slot = Some(Shape::new(node.id.clone(), elements, constraints));
        }
        number
    }

    fn check(&mut self, node: &Node, constraints: &[super::constraint::Constraint]) {
        for constraint in constraints {
            if let Err(reason) = constraint.expression() {
                let reason = format!("{}: {reason}", constraint.key);
                self.problem(node, reason);
            }
        }
    }

    fn element(&mut self, node: &Node, place: &Place<'r>) -> Option<Element> {
        let Some((base, name, choice)) = self.base_element(node, place) else {
            self.problem(node, "the base type has no such element");
            return None;
        };
        let mut element = self.narrowed(node, base, &name, choice);
        if !node.children.is_empty() && element.slicing.is_none() {
            element.child = self.child(node, &element, base, place);
        }
        element.slicing = self.slicing(node, &element, base, place);
        Some(element)
    }

    /// The element of the base that `node` narrows: its own name, `value[x]`, or `valueQuantity` for one type of a choice.
    fn base_element(&self, node: &Node, place: &Place<'r>) -> Option<(&'r Element, String, bool)> {
        let shape = place.structure.shapes.get(place.shape)?;
        if let Some(plain) = node.name.strip_suffix("[x]") {
            return Some((shape.element(plain)?, plain.to_owned(), true));
        }
        if let Some(element) = shape.element(&node.name).filter(|element| !element.choice) {
            return Some((element, node.name.clone(), false));
        }
        Some((member_element(shape, &node.name)?, node.name.clone(), false))
    }

    /// What the differential says of one element, or of one slice of it.
    fn narrowed(&mut self, node: &Node, base: &Element, name: &str, choice: bool) -> Element {
        let types = self.types(node, base, name, choice);
        let refused = if choice && node.facts.contains_key("type") { refused(base, &types) } else { Vec::new() };
        let min = node.facts.get("min").and_then(Value::as_u64).and_then(|min| u32::try_from(min).ok()).unwrap_or(0);
        let max = node.text("max").and_then(|max| max.parse().ok());
        if base.max.is_some_and(|limit| max.is_some_and(|max| max > limit)) {
            self.problem(node, "max is above the base's");
        }
        let constraints = node.constraints();
        self.check(node, &constraints);
        Element {
            name: name.to_owned(),
            path: node.id.clone(),
            choice,
            min,
            max,
            array: base.array,
            types,
            child: None,
            rules: ValueRules {
                fixed: node.typed_fact("fixed").map(Json::from_serde),
                pattern: node.typed_fact("pattern").map(Json::from_serde),
                binding: self.binding(node),
                constraints,
                max_length: node
                    .facts
                    .get("maxLength")
                    .and_then(Value::as_u64)
                    .and_then(|limit| usize::try_from(limit).ok()),
                min_value: node.typed_fact("minValue").map(Json::from_serde),
                max_value: node.typed_fact("maxValue").map(Json::from_serde),
            },
            modifier: base.modifier,
            summary: base.summary,
            slicing: None,
            refused_members: refused,
        }
    }

    fn binding(&mut self, node: &Node) -> Option<Binding> {
        let binding = node.facts.get("binding")?;
        let Some(strength) = binding["strength"].as_str().and_then(Strength::parse) else {
            self.problem(node, "binding.strength is not one of R4's");
            return None;
        };
        Some(Binding::new(strength, binding["valueSet"].as_str()?))
    }

    fn types(&mut self, node: &Node, base: &Element, name: &str, choice: bool) -> Vec<TypeRef> {
        let plain = |spec: &TypeRef| TypeRef { code: spec.code.clone(), ..TypeRef::default() };
        let Some(given) = node.facts.get("type").and_then(Value::as_array) else {
            let named = |spec: &&TypeRef| choice || !base.choice || choice_name(&base.name, &spec.code) == name;
            return base.types.iter().filter(named).map(plain).collect();
        };
        let mut types: Vec<TypeRef> = Vec::new();
        for spec in given {
            let code = spec["code"].as_str().unwrap_or_default();
            let code = code.strip_prefix("http://hl7.org/fhirpath/System.").map_or(code.to_owned(), str::to_lowercase);
            let fits = |base: &TypeRef| base.code == code || base.code == "Resource" || code == "string";
            if !base.types.iter().any(fits) {
                self.problem(node, format!("the base does not allow the type {code}"));
            }
            let list = |key: &str| -> Vec<String> {
                spec[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
            };
            types.push(TypeRef {
                code,
                targets: list("targetProfile"),
                profiles: list("profile"),
                structure: OnceLock::new(),
            });
        }
        types
    }

    /// The shape below an element: in the same structure of the base, or in that of its only type.
    fn child(&mut self, node: &Node, element: &Element, base: &Element, place: &Place<'r>) -> Option<usize> {
        if let Some(shape) = base.child {
            return Some(self.shape(node, &Place { structure: place.structure, shape }));
        }
        let [spec] = element.types.as_slice() else {
            self.problem(node, "an element with several types cannot have rules for its children");
            return None;
        };
        let Some(structure) = self.registry.base(&spec.code) else {
            self.problem(node, format!("R4 has no type {}", spec.code));
            return None;
        };
        Some(self.shape(node, &Place { structure, shape: 0 }))
    }

    fn slicing(&mut self, node: &Node, element: &Element, base: &Element, place: &Place<'r>) -> Option<Slicing> {
        let stated = node.facts.get("slicing");
        if node.slices.is_empty() {
            return None;
        }
        let rules = match stated.and_then(|slicing| slicing["rules"].as_str()) {
            Some("closed") => Openness::Closed,
            Some("openAtEnd") => Openness::OpenAtEnd,
            _ => Openness::Open,
        };
        let discriminators = self.discriminators(node, element, stated);
        let mut slices = Vec::new();
        for slice in &node.slices {
            let mut rules = self.narrowed(slice, base, &element.name, element.choice);
            let (min, max) = (rules.min, rules.max);
            (rules.min, rules.max) = (0, None);
            if !slice.children.is_empty() {
                rules.child = self.child(slice, &rules, base, place);
            }
            let tests = discriminators.iter().filter_map(|(kind, path)| self.test(slice, kind, path)).collect();
            slices.push(Slice { name: slice.name.clone(), min, max, element: rules, tests });
        }
        Some(Slicing { ordered: stated.is_some_and(|slicing| slicing["ordered"] == true), rules, slices })
    }

    /// Type and path of each discriminator; extensions are told apart by url, choices by type.
    fn discriminators(&mut self, node: &Node, element: &Element, stated: Option<&Value>) -> Vec<(String, String)> {
        let given =
            stated.and_then(|slicing| slicing["discriminator"].as_array()).map(Vec::as_slice).unwrap_or_default();
        if given.is_empty() {
            let implied = match element.types.as_slice() {
                [spec] if spec.code == "Extension" => ("value", "url"),
                _ if element.choice => ("type", "$this"),
                _ => {
                    self.problem(node, "slices without a discriminator cannot be told apart");
                    return Vec::new();
                }
            };
            return vec![(implied.0.to_owned(), implied.1.to_owned())];
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        given.iter().map(|discriminator| (text(&discriminator["type"]), text(&discriminator["path"]))).collect()
    }

    fn test(&mut self, slice: &Node, kind: &str, path: &str) -> Option<Test> {
        let Some(steps) = steps(path) else {
            self.problem(slice, format!("the discriminator path {path} is not supported"));
            return None;
        };
        let expected = match kind {
            "value" | "pattern" => self.expected_value(slice, &steps),
            "type" => expected_type(slice, &steps),
            "exists" => expected_presence(slice, &steps),
            _ => None,
        };
        if expected.is_none() {
            self.problem(slice, format!("the slice does not say what is at its discriminator {kind}:{path}"));
        }
        Some(Test { path: steps, expected: expected? })
    }

    fn expected_value(&self, slice: &Node, steps: &[String]) -> Option<Expected> {
        let mut node = slice;
        for (depth, step) in steps.iter().enumerate() {
            if let Some(within) = value_fact(node) {
                return Some(Expected::Pattern(Json::from_serde(below(within, &steps[depth..])?)));
            }
            if step == "url"
                && let Some(url) = extension_profile(node)
            {
                return Some(Expected::Pattern(Json::from(url)));
            }
            node = match step.strip_prefix("extension:") {
                Some(url) => extension_slice(node, url)?,
                None => node.child(step)?,
            };
        }
        if let Some(value) = value_fact(node) {
            return Some(Expected::Pattern(Json::from_serde(value)));
        }
        if let Some(pattern) = assembled(node) {
            return Some(Expected::Pattern(pattern));
        }
        let binding = node.facts.get("binding").filter(|binding| binding["strength"] == "required")?;
        let url = binding["valueSet"].as_str()?.split('|').next()?;
        Some(Expected::Codes(self.registry.value_set(url)))
    }
}

/// Fixed values of children together make the pattern that the element must hold.
fn assembled(node: &Node) -> Option<Json> {
    let mut members: HashMap<String, Json> = HashMap::new();
    for child in &node.children {
        let value = match value_fact(child) {
            Some(value) => Some(Json::from_serde(value)),
            None => assembled(child),
        };
        if let Some(value) = value {
            members.insert(child.name.clone(), value);
        }
    }
    let mut sorted: Vec<(String, Json)> = members.into_iter().collect();
    sorted.sort_by(|left, right| left.0.cmp(&right.0));
    (!sorted.is_empty()).then(|| Json::Object(sorted.into_iter().collect()))
}

fn expected_type(slice: &Node, steps: &[String]) -> Option<Expected> {
    let node = steps.iter().try_fold(slice, |node, step| node.child(step))?;
    let types = node.facts.get("type")?.as_array()?.iter();
    Some(Expected::Type(types.filter_map(|spec| spec["code"].as_str().map(str::to_owned)).collect()))
}

fn expected_presence(slice: &Node, steps: &[String]) -> Option<Expected> {
    let node = steps.iter().try_fold(slice, |node, step| node.child(step))?;
    if node.text("max") == Some("0") {
        return Some(Expected::Exists(false));
    }
    node.facts.get("min").and_then(Value::as_u64).filter(|min| *min > 0).map(|_| Expected::Exists(true))
}

fn value_fact(node: &Node) -> Option<&Value> {
    node.typed_fact("fixed").or_else(|| node.typed_fact("pattern"))
}

/// What a pattern says at a path below it.
fn below<'v>(value: &'v Value, steps: &[String]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match value {
        Value::Array(items) => items.first()?.get(step),
        _ => value.get(step),
    })
}

fn extension_profile(node: &Node) -> Option<&str> {
    let spec = node.facts.get("type")?.as_array()?.first()?;
    spec["profile"].as_array()?.first()?.as_str().map(|url| url.split('|').next().unwrap_or(url))
}

fn extension_slice<'n>(node: &'n Node, url: &str) -> Option<&'n Node> {
    node.child("extension")?.slices.iter().find(|slice| extension_profile(slice) == Some(url))
}

/// `$this`, `type.coding.code`, `extension('url').value` as steps; `None` for what is not supported.
fn steps(path: &str) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix("extension('") {
            let (url, tail) = tail.split_once("')")?;
            steps.push(format!("extension:{url}"));
            rest = tail.trim_start_matches('.');
            continue;
        }
        let (step, tail) = rest.split_once('.').unwrap_or((rest, ""));
        if step.contains('(') {
            return None;
        }
        if step != "$this" {
            steps.push(step.to_owned());
        }
        rest = tail;
    }
    Some(steps)
}

/// The members of a choice that a profile leaves out.
fn refused(base: &Element, kept: &[TypeRef]) -> Vec<String> {
    let left_out = base.types.iter().filter(|spec| !kept.iter().any(|kept| kept.code == spec.code));
    let members = left_out.flat_map(|spec| {
        let name = choice_name(&base.name, &spec.code);
        let sibling = spec.is_primitive().then(|| format!("_{name}"));
        std::iter::once(name).chain(sibling)
    });
    members.collect()
}
