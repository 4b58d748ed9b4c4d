//! All resources in memory, and what the expressions of their search parameters find in them.

use std::collections::BTreeMap;

use kakehashi::fhir::fhirpath::{Context, Expression, Item, Node};
use kakehashi::fhir::instant::Instant;
use kakehashi::fhir::json::{Json, Limits, parse};
use kakehashi::profile::{Definitions, SearchKind};

use crate::app::definitions;

/// A parameter of a type, from its definition alone.
pub struct Parameter {
    pub code: String,
    pub kind: SearchKind,
    pub targets: Vec<String>,
    expression: Option<Expression>,
    pub parts: Vec<Part>,
}

/// A part of a composite.
pub struct Part {
    pub code: String,
    expression: Expression,
}

/// What an expression found.
#[derive(Clone, Debug)]
pub struct Element {
    pub json: Json,
    pub type_name: String,
}

pub struct Resource {
    pub rtype: String,
    pub id: String,
    pub json: Json,
    pub updated: i64,
    /// The place of its last change among all changes.
    pub turn: i64,
    found: BTreeMap<String, Vec<Element>>,
}

pub struct World {
    pub base: String,
    /// In the order of their creation.
    pub resources: Vec<Resource>,
    pub parameters: BTreeMap<String, Vec<Parameter>>,
    /// Types of which there can be resources: a mere id is that of one of these.
    pub served: Vec<String>,
    turns: i64,
}

impl World {
    pub fn new(base: &str, types: &[String]) -> World {
        let definitions = definitions();
        let of = |rtype: &String| (rtype.clone(), parameters(&definitions, rtype));
        let served = definitions.served_types().iter().map(|served| served.name.clone()).collect();
        World {
            base: base.to_owned(),
            resources: Vec::new(),
            parameters: types.iter().map(of).collect(),
            served,
            turns: 0,
        }
    }

    /// Takes in a resource as the server answered it; a known one changes in its place.
    pub fn put(&mut self, text: &str) {
        let json = parse(text.as_bytes(), Limits::default()).unwrap();
        let own = |name: &str| json.get_str(name).unwrap().to_owned();
        let (rtype, id) = (own("resourceType"), own("id"));
        let meta = json.get("meta").unwrap();
        let updated = Instant::parse(meta.get_str("lastUpdated").unwrap()).unwrap().0;
        let known = self.parameters.get(&rtype).map(Vec::as_slice).unwrap_or_default();
        let found = |parameter: &Parameter| {
            let elements = parameter.expression.as_ref().map(|expression| evaluated(expression, &json, None));
            (parameter.code.clone(), elements.unwrap_or_default())
        };
        let found = known.iter().map(found).collect();
        let resource = Resource { rtype, id, updated, turn: self.turns, found, json };
        self.turns += 1;
        match self.resources.iter().position(|known| known.rtype == resource.rtype && known.id == resource.id) {
            // Read again, it is no newer.
            Some(at) if self.resources[at].updated == resource.updated => {
                self.resources[at] = Resource { turn: self.resources[at].turn, ..resource };
            }
            Some(at) => self.resources[at] = resource,
            None => self.resources.push(resource),
        }
    }

    pub fn remove(&mut self, rtype: &str, id: &str) {
        self.resources.retain(|known| known.rtype != rtype || known.id != id);
    }

    pub fn of<'w>(&'w self, rtype: &'w str) -> impl Iterator<Item = &'w Resource> {
        self.resources.iter().filter(move |resource| resource.rtype == rtype)
    }

    pub fn get(&self, rtype: &str, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.rtype == rtype && resource.id == id)
    }

    pub fn parameter(&self, rtype: &str, code: &str) -> Option<&Parameter> {
        self.parameters.get(rtype)?.iter().find(|parameter| parameter.code == code)
    }

    /// What the resource has under a parameter, by itself or by its ward or facility (DOMAIN §2).
    pub fn elements<'w>(&'w self, resource: &'w Resource, code: &str) -> &'w [Element] {
        let own = |resource: &'w Resource| resource.found.get(code).map(Vec::as_slice).unwrap_or_default();
        let found = own(resource);
        if !found.is_empty() || resource.rtype != "Location" {
            return found;
        }
        let above = |resource: Option<&'w Resource>, kind: &str| {
            let part_of = resource?.json.get("partOf")?.get_str("reference")?;
            let id = part_of.strip_prefix("Location/")?.split('/').next()?;
            self.get("Location", id).filter(|above| is_physically(above, kind))
        };
        let ward = if is_physically(resource, "bd") { above(Some(resource), "wa") } else { None };
        let ward_itself = is_physically(resource, "wa").then_some(resource);
        let from = match code {
            "bed-function" | "admittable-sex" | "capability" => ward,
            "near" => match ward.filter(|ward| !own(ward).is_empty()) {
                Some(ward) => Some(ward),
                None => above(ward.or(ward_itself), "si"),
            },
            _ => None,
        };
        from.map(own).unwrap_or_default()
    }

    /// The pairs of a composite, element by element.
    pub fn pairs(&self, resource: &Resource, parameter: &Parameter) -> Vec<Vec<Vec<Element>>> {
        let within = |element: &Element| {
            let part = |part: &Part| evaluated(&part.expression, &resource.json, Some(element));
            parameter.parts.iter().map(part).collect()
        };
        self.elements(resource, &parameter.code).iter().map(within).collect()
    }
}

pub fn is_physically(resource: &Resource, kind: &str) -> bool {
    let codings = resource.json.get("physicalType").map(|concept| concept.items("coding")).unwrap_or_default();
    let system = "http://terminology.hl7.org/CodeSystem/location-physical-type";
    codings.iter().any(|coding| coding.get_str("system") == Some(system) && coding.get_str("code") == Some(kind))
}

fn parameters(definitions: &Definitions, rtype: &str) -> Vec<Parameter> {
    let all = definitions.search_parameters(rtype);
    let compiled = |text: &str| Expression::compile(text).unwrap();
    let part = |definition: &str, expression: &str| Part {
        code: all.iter().find(|one| one.url == definition).unwrap().code.clone(),
        expression: compiled(expression),
    };
    let parameter = |one: &kakehashi::profile::SearchParameter| Parameter {
        code: one.code.clone(),
        kind: one.kind,
        targets: one.targets.clone(),
        expression: one.expression.as_deref().map(compiled),
        parts: one.components.iter().map(|each| part(&each.definition, &each.expression)).collect(),
    };
    all.iter().map(parameter).collect()
}

fn evaluated(expression: &Expression, resource: &Json, focus: Option<&Element>) -> Vec<Element> {
    let definitions = definitions();
    let mut context = Context { typed_references: true, ..Context::new(resource) }.with_model(definitions.model());
    if let Some(element) = focus {
        context = context.focused(Node::new(&element.json).with_type(Some(&element.type_name)));
    }
    let element = |item: &Item<'_>| match item {
        Item::Node(node) => {
            let type_name = node.fhir_type().unwrap_or_default().to_owned();
            Some(Element { json: node.value?.clone(), type_name })
        }
        Item::Value(_) => Some(Element { json: Json::Bool(item.as_boolean()?), type_name: "boolean".to_owned() }),
    };
    expression.evaluate(&context).unwrap().iter().filter_map(element).collect()
}
