//! What every validation reads: structures, terminology, rules and settings, and the hooks of FHIRPath.

use std::sync::Arc;

use crate::fhir::fhirpath::{self, Item};
use crate::fhir::json::Json;

use super::Settings;
use super::registry::Registry;
use super::rules::Rules;
use super::shape::{Element, Shape, Structure, TypeRef};
use super::terminology::{Membership, Terminology, without_version};

/// Where an object is described: a structure and one of its shapes.
pub type Place<'i> = (&'i Structure, &'i Shape);

pub struct Inner {
    pub registry: Registry,
    pub terminology: Arc<Terminology>,
    pub rules: Rules,
    pub settings: Settings,
}

impl Inner {
    /// The type name that FHIRPath gives an object of this shape.
    pub fn type_of<'s>(&self, structure: &'s Structure, path: &'s str) -> Option<&'s str> {
        (structure.type_name == path || !path.contains('.')).then_some(structure.type_name.as_str())
    }

    /// The shape at a path such as `Patient.contact` or at a type.
    pub fn shape(&self, type_path: &str) -> Option<(&Arc<Structure>, &Shape)> {
        let mut steps = type_path.split('.');
        let mut structure = self.registry.base(steps.next()?)?;
        let mut shape = structure.shapes.first()?;
        for step in steps {
            let element = shape.element(step.trim_end_matches("[x]")).or_else(|| member_element(shape, step))?;
            shape = match element.child {
                Some(child) => structure.shapes.get(child)?,
                None => {
                    structure = self.registry.base(&element.types.first()?.code)?;
                    structure.shapes.first()?
                }
            };
        }
        Some((structure, shape))
    }

    /// Where a resource of this type is described.
    pub fn resource_place(&self, node: &Json) -> Option<Place<'_>> {
        let structure = self.registry.base(node.get_str("resourceType")?)?;
        Some((structure, structure.shapes.first()?))
    }

    /// The element behind a member of an object, the type that the member shows, and where its children are described.
    pub fn member<'i>(
        &'i self,
        (structure, shape): Place<'i>,
        name: &str,
    ) -> Option<(&'i Element, &'i TypeRef, Option<Place<'i>>)> {
        let member = shape.members.get(name)?;
        let element = shape.elements.get(member.element)?;
        let spec = element.types.get(member.type_index)?;
        let below = match element.child {
            Some(child) => structure.shapes.get(child).map(|shape| (structure, shape)),
            None => {
                let code = if member.sibling { "Element" } else { &spec.code };
                self.registry.base(code).and_then(|base| Some((base.as_ref(), base.shapes.first()?)))
            }
        };
        Some((element, spec, below))
    }
}

/// The element behind a JSON member.
pub fn member_element<'s>(shape: &'s Shape, name: &str) -> Option<&'s Element> {
    shape.elements.get(shape.members.get(name)?.element)
}

impl fhirpath::Model for Inner {
    fn element_type(&self, parent: &str, name: &str) -> Option<&str> {
        let (structure, shape) = self.shape(parent)?;
        // A choice is in the map by its keys in JSON alone, each of which carries its type.
        let element = member_element(shape, name).filter(|element| !element.choice)?;
        match element.child {
            Some(child) => structure.shapes.get(child).map(|shape| shape.path.as_str()),
            None => element.types.first().map(|spec| spec.code.as_str()),
        }
    }
}

impl fhirpath::Terminology for Inner {
    fn member_of(&self, coded: &Item<'_>, value_set: &str) -> Option<bool> {
        let set = self.terminology.set(without_version(value_set));
        let one = |coding: &Json| Some(set.contains(coding.get_str("system"), coding.get_str("code")?));
        let found = match coded.json()? {
            Json::String(code) => set.contains(None, code),
            concept @ Json::Object(_) if concept.get("coding").is_some() => {
                let all: Vec<Membership> = concept.items("coding").iter().filter_map(one).collect();
                let any = |wanted| all.contains(&wanted).then_some(wanted);
                any(Membership::Yes).or_else(|| any(Membership::Unknown)).unwrap_or(Membership::No)
            }
            coding => one(coding)?,
        };
        match found {
            Membership::Yes => Some(true),
            Membership::No => Some(false),
            Membership::Unknown => None,
        }
    }
}
