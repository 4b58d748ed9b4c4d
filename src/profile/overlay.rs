//! The tree of a merged differential → shapes and elements, looked up against the base.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::fhir::json::Json;

use super::discriminator;
use super::inner::member_element;
use super::registry::{R4_DEFINITIONS, Registry};
use super::shape::{Binding, Element, Shape, Strength, Structure, TypeRef, ValueRules, choice_name};
use super::slicing::{Openness, Slice, Slicing, Test};
use super::snapshot::{self, Node, Problem};

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
        let node = &with_choices(node, place);
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

    /// What `node` adds to the base; `None` where that is nothing.
    fn element(&mut self, node: &Node, place: &Place<'r>) -> Option<Element> {
        let Some((base, name, choice)) = self.base_element(node, place) else {
            self.problem(node, "the base type has no such element");
            return None;
        };
        let mut element = self.narrowed(node, base, &name, choice);
        self.leave_out_what_the_base_says(&mut element, base);
        if !node.children.is_empty() {
            element.child = self.child(node, &element, base, place);
        }
        element.slicing = self.slicing(node, &element, base, place);
        element.says_something(base).then_some(element)
    }

    /// The base is checked anyway; a profile given by its snapshot repeats all of it.
    fn leave_out_what_the_base_says(&self, element: &mut Element, base: &Element) {
        // `valueQuantity` must stand where `value[x]` need only stand in some form.
        if element.min <= base.min && element.choice == base.choice {
            element.min = 0;
        }
        if element.max == base.max {
            element.max = None;
        }
        let same = |own: &Binding, base: &Binding| own.strength == base.strength && own.value_set == base.value_set;
        let repeated = |own: &Binding| base.rules.binding.as_ref().is_some_and(|base| same(own, base));
        if element.rules.binding.as_ref().is_some_and(repeated) {
            element.rules.binding = None;
        }
        element.rules.constraints.retain(|own| base.rules.constraints.iter().all(|base| base.key != own.key));
        for spec in &mut element.types {
            let Some(base) = base.types.iter().find(|base| base.code == spec.code) else { continue };
            let plain = |list: &[String]| -> Vec<String> {
                let mut list: Vec<String> =
                    list.iter().map(|target| target.trim_start_matches(R4_DEFINITIONS).to_owned()).collect();
                list.sort();
                list
            };
            if plain(&spec.targets) == plain(&base.targets) {
                spec.targets.clear();
            }
            if plain(&spec.profiles) == plain(&base.profiles) {
                spec.profiles.clear();
            }
        }
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
        if base.max.is_some_and(|limit| max.map_or(node.text("max") == Some("*"), |max: u32| max > limit)) {
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
            forms: Vec::new(),
            must_support: node.facts.get("mustSupport").is_some_and(|flag| flag == true),
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
            // A snapshot gives ids and urls the types of FHIRPath, which the base has replaced by FHIR's own.
            let code = match (code.strip_prefix("http://hl7.org/fhirpath/System."), base.types.first()) {
                (Some(_), Some(own)) => own.code.clone(),
                _ => code.to_owned(),
            };
            let fits = |base: &TypeRef| base.code == code || self.registry.specialises(&code, &base.code);
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
        // Whatever the type of a choice, its values have what every element has: id and extensions.
        let code = match element.types.as_slice() {
            [spec] => spec.code.as_str(),
            _ => "Element",
        };
        let Some(structure) = self.registry.base(code) else {
            self.problem(node, format!("R4 has no type {code}"));
            return None;
        };
        Some(self.shape(&self.with_types_of_profile(node), &Place { structure, shape: 0 }))
    }

    /// What stands below an element with a profile of its own narrows that profile: of a choice it may name children that
    /// only the profile's type has (`extension:boundary.value[x].contentType`).
    fn with_types_of_profile<'n>(&self, node: &'n Node) -> Cow<'n, Node> {
        let untyped = |child: &Node| child.name.ends_with("[x]") && !child.facts.contains_key("type");
        let profile = node.facts.get("type").and_then(Value::as_array).and_then(|types| match types.as_slice() {
            [spec] => spec["profile"][0].as_str(),
            _ => None,
        });
        let Some(profile) = profile.filter(|_| node.children.iter().any(untyped)) else { return Cow::Borrowed(node) };
        let Ok(tree) = snapshot::tree(self.registry, profile) else { return Cow::Borrowed(node) };
        let mut node = node.clone();
        for child in node.children.iter_mut().filter(|child| untyped(child)) {
            let given = tree.child(child.name.trim_end_matches("[x]")).and_then(|there| there.facts.get("type"));
            child.facts.extend(given.map(|types| ("type".to_owned(), types.clone())));
        }
        Cow::Owned(node)
    }

    /// The slices below `node`, which is an element or itself a slice (re-slicing).
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
        let mut slicing = Slicing {
            ordered: stated.is_some_and(|slicing| slicing["ordered"] == true),
            rules,
            slices: Vec::new(),
            fallback: None,
        };
        for slice in &node.slices {
            let mut rules = self.narrowed(slice, base, &element.name, element.choice);
            let (min, max) = (rules.min, rules.max);
            (rules.min, rules.max) = (0, None);
            if !slice.children.is_empty() {
                rules.child = self.child(slice, &rules, base, place);
            }
            rules.slicing = self.slicing(slice, &rules, base, place);
            let mut slice_of = Slice { name: slice.name.clone(), min, max, element: rules, tests: Vec::new() };
            if slice.name == "@default" {
                slicing.fallback = Some(Box::new(slice_of));
                continue;
            }
            slice_of.tests = self.tests(slice, &discriminators);
            slicing.slices.push(slice_of);
        }
        Some(slicing)
    }

    /// Type and path of each discriminator; extensions are told apart by url, choices by type.
    fn discriminators(&mut self, node: &Node, element: &Element, stated: Option<&Value>) -> Vec<(String, String)> {
        let given =
            stated.and_then(|slicing| slicing["discriminator"].as_array()).map(Vec::as_slice).unwrap_or_default();
        if given.is_empty() {
            let implied = match element.types.as_slice() {
                [spec] if spec.code == "Extension" => ("value", "url"),
                _ if element.choice => ("type", "$this"),
                // An element that stands once has one slice, itself.
                _ if !element.array => return Vec::new(),
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

    /// A slice may leave a discriminator open as long as another one tells it.
    fn tests(&mut self, slice: &Node, discriminators: &[(String, String)]) -> Vec<Test> {
        let tried = discriminators.iter().map(|(kind, path)| discriminator::test(self.registry, slice, kind, path));
        let (told, open): (Vec<_>, Vec<_>) = tried.partition(Result::is_ok);
        if told.is_empty() {
            open.into_iter().filter_map(Result::err).for_each(|reason| self.problem(slice, reason));
        }
        told.into_iter().flatten().collect()
    }
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

/// A choice written by its types (`valueQuantity`) is the choice sliced by type, and closed: unless `value[x]` says which
/// types it has, it has no others. So R4's own profiles are published (bodyweight leaves `value[x]` only Quantity).
fn with_choices<'n>(node: &'n Node, place: &Place<'_>) -> Cow<'n, Node> {
    let mut node = Cow::Borrowed(node);
    let elements = place.structure.shapes.get(place.shape).map(|shape| shape.elements.as_slice()).unwrap_or_default();
    for element in elements.iter().filter(|element| element.choice) {
        let code = |name: &str| {
            let spec = element.types.iter().find(|spec| choice_name(&element.name, &spec.code) == name)?;
            Some(serde_json::json!({ "code": spec.code }))
        };
        let general = format!("{}[x]", element.name);
        let stated = node.children.iter().position(|child| child.name == general);
        let is_sliced = stated.and_then(|at| node.children.get(at)).is_some_and(|choice| !choice.slices.is_empty());
        if is_sliced || !node.children.iter().any(|child| code(&child.name).is_some()) {
            continue;
        }
        let inner = node.to_mut();
        let id = format!("{}.{general}", inner.id);
        let (typed, mut others): (Vec<Node>, Vec<Node>) =
            std::mem::take(&mut inner.children).into_iter().partition(|child| code(&child.name).is_some());
        let at = others.iter().position(|child| child.name == general);
        let mut choice = at.map_or_else(|| Node { name: general, id, ..Node::default() }, |at| others.remove(at));
        let types: Vec<Value> = typed.iter().filter_map(|child| code(&child.name)).collect();
        // Slicing that the profile itself states says for itself whether there may be others.
        if !choice.facts.contains_key("slicing") {
            choice.facts.entry("type").or_insert(Value::Array(types));
        }
        for mut slice in typed {
            let own = code(&slice.name).into_iter().collect();
            slice.facts.entry("type").or_insert(Value::Array(own));
            choice.slices.push(slice);
        }
        others.push(choice);
        inner.children = others;
    }
    node
}
