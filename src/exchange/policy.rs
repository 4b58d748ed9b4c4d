//! Whether what breaks the rules is refused: a setting, for all types and for single ones.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::fhir::json::Json;
use crate::fhir::outcome::{Issue, IssueCode, Severity};
use crate::profile::{Definitions, Validation};

/// What happens to content that breaks base R4 or its profiles. FHIR's JSON rules, the type and the id hold always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforcement {
    /// It is refused with 422.
    #[default]
    Enforce,
    /// It is written, and what was found is told as warnings to whoever prefers an OperationOutcome.
    Warn,
    /// It is written without a look.
    Off,
}

/// The enforcement of each type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Of the types that are not named.
    pub usual: Enforcement,
    pub by_type: TypePolicies,
}

/// `Type=enforcement`, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypePolicies(BTreeMap<String, Enforcement>);

/// A word that is none of the three, or a list that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPolicy;

impl FromStr for Enforcement {
    type Err = NoPolicy;

    fn from_str(text: &str) -> Result<Self, NoPolicy> {
        match text {
            "enforce" => Ok(Enforcement::Enforce),
            "warn" => Ok(Enforcement::Warn),
            "off" => Ok(Enforcement::Off),
            _ => Err(NoPolicy),
        }
    }
}

impl FromStr for TypePolicies {
    type Err = NoPolicy;

    fn from_str(text: &str) -> Result<Self, NoPolicy> {
        let mut policies = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (rtype, enforcement) = part.split_once('=').ok_or(NoPolicy)?;
            if policies.insert(rtype.trim().to_owned(), enforcement.trim().parse()?).is_some() {
                return Err(NoPolicy);
            }
        }
        Ok(TypePolicies(policies))
    }
}

impl Policy {
    pub fn of(&self, rtype: &str) -> Enforcement {
        self.by_type.0.get(rtype).copied().unwrap_or(self.usual)
    }

    /// The names that are no types: a setting that goes unheard would be taken for one in force.
    pub fn unknown_types(&self, definitions: &Definitions) -> Vec<&str> {
        self.by_type.0.keys().map(String::as_str).filter(|name| !definitions.is_known_type(name)).collect()
    }

    /// What the definitions say of content to be written, as far as the policy of its type listens to them. An error
    /// among these refuses the write.
    pub(super) fn findings(&self, definitions: &Definitions, tree: &Json) -> Vec<Issue> {
        let enforcement = self.of(tree.get_str("resourceType").unwrap_or_default());
        let how = Validation::default();
        match enforcement {
            Enforcement::Enforce => definitions.validate_as(tree, &how),
            Enforcement::Warn | Enforcement::Off => {
                let mut found = indispensable(tree);
                if found.is_empty() && enforcement == Enforcement::Warn {
                    found = definitions.validate_as(tree, &how);
                    found
                        .iter_mut()
                        .filter(|issue| issue.is_error())
                        .for_each(|issue| issue.severity = Severity::Warning);
                }
                found
            }
        }
    }
}

/// What the gateway itself writes or reads must have R4's shape, whatever else is let pass.
fn indispensable(tree: &Json) -> Vec<Issue> {
    let root = tree.get_str("resourceType").unwrap_or_default();
    let meta = |name: &str| tree.get("meta").and_then(|meta| meta.get(name));
    let wrong = [
        ("/id", tree.get("id").is_some_and(|value| value.as_str().is_none())),
        ("/meta", tree.get("meta").is_some_and(|value| value.as_object().is_none())),
        ("/meta/profile", meta("profile").is_some_and(|value| value.as_array().is_none())),
        ("/meta/security", meta("security").is_some_and(|value| value.as_array().is_none())),
        ("/meta/tag", meta("tag").is_some_and(|value| value.as_array().is_none())),
    ];
    let issue = |pointer| {
        let (ja, en) = (
            "この項目はサーバー自身が使うため、検証の設定にかかわらず R4 の形でなければなりません。",
            "The server uses this element itself: it must have the form that R4 gives it, whatever the validation policy.",
        );
        Issue::error(IssueCode::Structure, ja, en).at(root, pointer)
    };
    wrong.into_iter().filter(|(_, is_wrong)| *is_wrong).map(|(pointer, _)| issue(pointer)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_types_is_read_or_refused() {
        let policy = Policy { usual: Enforcement::Warn, by_type: "Observation=off, Basic = enforce,".parse().unwrap() };
        assert_eq!(policy.of("Observation"), Enforcement::Off);
        assert_eq!(policy.of("Basic"), Enforcement::Enforce);
        assert_eq!(policy.of("Patient"), Enforcement::Warn);
        for wrong in ["Basic", "Basic=maybe", "Basic=off,Basic=warn", "=", "Basic=OFF"] {
            assert_eq!(wrong.parse::<TypePolicies>(), Err(NoPolicy), "{wrong}");
        }
    }
}
