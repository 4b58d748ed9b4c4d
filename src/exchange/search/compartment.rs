//! What is in a compartment: a resource's patient, practitioner and so on. R4 `compartmentdefinition.html`.

use std::collections::HashMap;

use crate::error::Result;
use crate::fhir::id::{ResourceKey, ResourceType};
use crate::search::{Parameter, SearchRequest};
use crate::store::{Condition, Indexed, Inherited, Patterns, ReferencePattern};

use super::{Gateway, check_whole};

impl Gateway {
    /// The searchable types that can be in a compartment of the type `name`, in the order of their answers.
    pub fn compartment_types(&self, name: &str) -> Vec<ResourceType> {
        let members = self.definitions.compartment(name);
        let mut types = self.searched_types();
        types.retain(|rtype| !self.memberships(&members, name, rtype).is_empty());
        types
    }

    /// Narrows a search to the compartment.
    pub async fn within_compartment(&self, request: &mut SearchRequest, compartment: &ResourceKey) -> Result<()> {
        let name = compartment.rtype.as_str();
        let (members, whole) = (self.definitions.compartment(name), self.whole().await?);
        for one in &mut request.types {
            let pattern = ReferencePattern::To { rtype: name.into(), id: compartment.id.to_string(), version: None };
            let refers = |param: i64| {
                let any_of = Patterns::References(vec![pattern.clone()]);
                Condition::Indexed(Indexed { param, inherited: Inherited::No, any_of })
            };
            let way = |membership| match membership {
                Membership::Itself => Condition::Id(vec![compartment.id.to_string()]),
                Membership::By(parameter) => refers(parameter.id),
            };
            let memberships = self.memberships(&members, name, &one.rtype);
            for membership in &memberships {
                if let Membership::By(parameter) = membership {
                    check_whole(&whole, parameter)?;
                }
            }
            let mut ways: Vec<Condition> = memberships.into_iter().map(way).collect();
            one.conditions.push(if ways.len() == 1 { ways.remove(0) } else { Condition::AnyOf(ways) });
        }
        Ok(())
    }

    fn memberships(
        &self,
        members: &HashMap<String, Vec<String>>,
        name: &str,
        rtype: &ResourceType,
    ) -> Vec<Membership<'_>> {
        let itself = (rtype.as_str() == name).then_some(Membership::Itself);
        let codes = members.get(rtype.as_str()).into_iter().flatten();
        let by = codes.filter_map(|code| self.parameters.find(rtype.as_str(), code));
        itself.into_iter().chain(by.map(Membership::By)).collect()
    }
}

/// How a resource is in a compartment.
enum Membership<'a> {
    /// It is the one whose compartment it is.
    Itself,
    /// Under this reference parameter.
    By(&'a Parameter),
}
