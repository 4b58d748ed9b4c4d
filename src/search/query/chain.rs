//! Parameters by name: of the resource itself, of what it refers to (chains), of what refers to it (`_has`).
//! R4 `search.html#chaining`, `search.html#has`.

use crate::error::Result;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::IssueCode;
use crate::profile::SearchKind;
use crate::search::parameters::Parameter;
use crate::store::{Condition, Criteria};

use super::name::{Name, check_depth};
use super::{Reader, refusal};

/// What every resource has.
const OF_EVERY_TYPE: [&str; 2] = ["_id", "_lastUpdated"];

impl Reader<'_> {
    /// Whether the first parameter that a name tells is one of the type.
    pub(super) fn knows(&self, rtype: &str, name: &Name<'_>) -> bool {
        match name {
            Name::Plain { code, .. } if OF_EVERY_TYPE.contains(code) => true,
            Name::Plain { code, .. } | Name::Chain { code, .. } => self.scope.parameters.find(rtype, code).is_some(),
            Name::Has { .. } => true,
        }
    }

    /// What a named parameter asks of a type. `whole` is the name as it came.
    pub(super) fn named(
        &self,
        whole: &str,
        rtype: &str,
        name: &Name<'_>,
        value: &str,
        depth: usize,
    ) -> Result<Condition> {
        let condition = match *name {
            Name::Plain { code: "_id", modifier } => self.id(whole, modifier, value),
            Name::Plain { code: "_lastUpdated", modifier } => self.last_updated(whole, modifier, value),
            Name::Plain { code, modifier } => {
                let parameter = self.parameter(whole, rtype, code)?;
                self.condition(whole, rtype, parameter, modifier, value)
            }
            Name::Chain { code, rtype: target, rest } => {
                check_depth(whole, depth)?;
                let parameter = self.reference(whole, rtype, code)?;
                self.chain(whole, parameter, target, rest, value, depth + 1)
            }
            Name::Has { source, code, rest } => {
                check_depth(whole, depth)?;
                self.has(whole, rtype, (source, code), rest, value, depth + 1)
            }
        };
        self.charge(whole, condition?)
    }

    fn chain(
        &self,
        whole: &str,
        parameter: &Parameter,
        target: Option<&str>,
        rest: &str,
        value: &str,
        depth: usize,
    ) -> Result<Condition> {
        let next = self.next_name(whole, rest)?;
        let types: Vec<&str> = match target {
            Some(target) => vec![self.target(whole, parameter, target)?],
            None => {
                let targets = self.local_types(parameter);
                targets.into_iter().filter(|target| self.knows(target, &next)).collect()
            }
        };
        let one = |rtype: &&str| {
            let condition = self.named(whole, rtype, &next, value, depth)?;
            let target = Criteria { rtype: ResourceType::known(rtype), conditions: vec![condition] };
            Ok(Condition::RefersTo { param: parameter.id, target: Box::new(target) })
        };
        let mut found = types.iter().map(one).collect::<Result<Vec<_>>>()?;
        match (found.len(), found.pop()) {
            (1, Some(only)) => Ok(only),
            (_, Some(last)) => {
                found.push(last);
                Ok(Condition::AnyOf(found))
            }
            _ => Err(refusal::unknown(whole, &some_of(&parameter.targets), next.code())),
        }
    }

    fn has(
        &self,
        whole: &str,
        rtype: &str,
        (source, code): (&str, &str),
        rest: &str,
        value: &str,
        depth: usize,
    ) -> Result<Condition> {
        if !self.is_searched(source) {
            return Err(refusal::unknown_type(whole, source));
        }
        let parameter = self.reference(whole, source, code)?;
        if !points_to(parameter, rtype) {
            return Err(cannot_point(whole, parameter, rtype));
        }
        let next = self.next_name(whole, rest)?;
        let condition = self.named(whole, source, &next, value, depth)?;
        let source = Criteria { rtype: ResourceType::known(source), conditions: vec![condition] };
        Ok(Condition::ReferredBy { param: parameter.id, source: Box::new(source) })
    }

    fn next_name<'n>(&self, whole: &str, rest: &'n str) -> Result<Name<'n>> {
        let next = Name::read(rest)?;
        match next.code().is_empty() {
            true => Err(refusal::name(
                whole,
                IssueCode::Invalid,
                "名前が途中で終わっています。",
                "the name ends before its parameter.",
            )),
            false => Ok(next),
        }
    }

    /// A parameter of a type, whole in the index.
    pub(super) fn parameter(&self, whole: &str, rtype: &str, code: &str) -> Result<&Parameter> {
        super::refuse_non_feature(whole, code)?;
        let found = self.scope.parameters.find(rtype, code).ok_or_else(|| refusal::unknown(whole, rtype, code))?;
        (self.scope.whole)(found)?;
        Ok(found)
    }

    /// A reference parameter of a type.
    pub(super) fn reference(&self, whole: &str, rtype: &str, code: &str) -> Result<&Parameter> {
        let found = self.parameter(whole, rtype, code)?;
        match found.kind {
            SearchKind::Reference => Ok(found),
            _ => {
                let code = &found.code;
                Err(refusal::name(
                    whole,
                    IssueCode::Invalid,
                    &format!("{rtype} の {code} は参照ではないため、たどれません。"),
                    &format!("{code} of {rtype} is no reference and cannot be followed."),
                ))
            }
        }
    }

    /// The type by which a reference is narrowed; it must be able to point there.
    pub(super) fn target<'p>(&self, whole: &str, parameter: &'p Parameter, target: &'p str) -> Result<&'p str> {
        if !self.scope.definitions.is_known_type(target) {
            return Err(refusal::unknown_type(whole, target));
        }
        match points_to(parameter, target) {
            true => Ok(target),
            false => Err(cannot_point(whole, parameter, target)),
        }
    }

    /// The types served here that a reference may point to.
    pub(super) fn local_types<'p>(&'p self, parameter: &'p Parameter) -> Vec<&'p str> {
        let served = self.scope.definitions.served_types().iter().map(|served| served.name.as_str());
        served.filter(|served| points_to(parameter, served)).collect()
    }

    /// Whether resources of the type can be searched at all.
    pub(super) fn is_searched(&self, rtype: &str) -> bool {
        !self.scope.parameters.of(rtype).is_empty()
    }
}

/// Without targets a reference may point to anything.
pub fn points_to(parameter: &Parameter, rtype: &str) -> bool {
    parameter.targets.is_empty() || parameter.targets.iter().any(|target| target == rtype || target == "Resource")
}

fn cannot_point(whole: &str, parameter: &Parameter, rtype: &str) -> crate::error::Error {
    let (code, rtype) = (&parameter.code, refusal::shown(rtype));
    let targets = some_of(&parameter.targets);
    refusal::name(
        whole,
        IssueCode::Invalid,
        &format!("{code} は {rtype} を指せません。指せるのは {targets} です。"),
        &format!("{code} cannot point to {rtype}, only to {targets}."),
    )
}

/// The first few types.
fn some_of(types: &[String]) -> String {
    const FEW: usize = 10;
    let more = if types.len() > FEW { ", …" } else { "" };
    format!("{}{more}", types.get(..FEW).unwrap_or(types).join(", "))
}
