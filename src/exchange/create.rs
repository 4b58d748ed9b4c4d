//! create and conditional create. R4 `http.html#create`, `http.html#ccreate`.

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::outcome::Issue;
use crate::store::{self, Action, Assertion, Criteria, Expect, Method, Step, StepResult, Unit, UnitError};

use super::prepare::{Content, check_type};
use super::types::{Done, Written};
use super::{Gateway, Planned, origin, settle};

impl Gateway {
    /// Stores a new resource under an id of the server's choice; the client's id is left aside.
    ///
    /// With `if_none_exist`, a resource that matches is answered instead; several are 412. However many callers do so at
    /// once, one resource comes to be.
    pub async fn create(
        &self,
        caller: &Caller,
        rtype: &ResourceType,
        body: &[u8],
        if_none_exist: Option<&str>,
    ) -> Result<Written> {
        let content = self.parse(body)?;
        check_type(&content.tree, rtype)?;
        let criteria = match if_none_exist {
            Some(query) => Some(self.criteria(rtype, query).await?),
            None => None,
        };
        settle!(self, self.try_create(caller, rtype, &content, criteria.as_ref()))
    }

    async fn try_create(
        &self,
        caller: &Caller,
        rtype: &ResourceType,
        content: &Content,
        criteria: Option<&Criteria>,
    ) -> Result<Planned<Written>> {
        let mut unit = Unit { origin: origin(caller), ..Unit::default() };
        if let Some(criteria) = criteria {
            if let Some(existing) = self.single_match(criteria, "If-None-Exist").await? {
                let key = ResourceKey { rtype: rtype.clone(), id: existing };
                return Ok(match self.current(&key).await? {
                    Some(version) if version.body.is_some() => Planned::Done(Written::existing(version)),
                    _ => Planned::Moved,
                });
            }
            unit.assertions.push(Assertion { criteria: criteria.clone(), matches: Vec::new() });
        }
        let findings = self.check(content)?;
        let key = ResourceKey { rtype: rtype.clone(), id: ResourceId::generate() };
        let draft = self.draft(content, rtype, &key.id);
        unit.steps.push(Step { key, expect: Expect::New, action: Action::Put { draft, method: Method::Post } });
        self.write(unit, findings).await
    }

    /// The one resource that matches, none, or 412.
    pub(super) async fn single_match(&self, criteria: &Criteria, shown: &str) -> Result<Option<ResourceId>> {
        let mut connection = self.database.reader().await?;
        let mut matches = store::matching_ids(&mut connection, criteria, 2).await?;
        if matches.len() > 1 { Err(Error::multiple_matches(shown)) } else { Ok(matches.pop()) }
    }

    /// Applies a unit of one step that writes what validation had so much to say of.
    pub(super) async fn write(&self, unit: Unit, findings: Vec<Issue>) -> Result<Planned<Written>> {
        let target = unit.steps.first().map(|step| step.key.to_string()).unwrap_or_default();
        match self.apply(unit).await {
            Ok(results) => match results.into_iter().next().and_then(|result| written(result, findings)) {
                Some(written) => Ok(Planned::Done(written)),
                None => Err(Error::internal("a write without its result", &target)),
            },
            Err(UnitError::Moved) => Ok(Planned::Moved),
            Err(UnitError::Refused { refusal, .. }) => Err(Error::refused(&target, refusal)),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a step that writes came to; `None` for any other.
pub(super) fn written(result: StepResult, findings: Vec<Issue>) -> Option<Written> {
    let (done, version) = match result {
        StepResult::Written { version, created: true } => (Done::Created, version),
        StepResult::Written { version, created: false } => (Done::Updated, version),
        StepResult::Unchanged(version) => (Done::Unchanged, version),
        StepResult::Deleted { .. } | StepResult::Read(_) => return None,
    };
    Some(Written { done, version, findings })
}
