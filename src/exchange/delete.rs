//! delete and conditional delete. R4 `http.html#delete`, `http.html#cdelete`.

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::fhir::id::{ResourceKey, ResourceType};
use crate::store::{Action, Assertion, Criteria, Expect, Step, StepResult, Unit, UnitError, Version};

use super::{Gateway, Planned, Standing, origin, settle};

impl Gateway {
    /// Deletes the resource; doing so again, or for an id never used, is no error. 409 while others refer to it.
    /// Answers the deletion's version, where there was something to delete.
    pub async fn delete(&self, caller: &Caller, key: &ResourceKey, standing: Standing) -> Result<Option<Version>> {
        settle!(self, self.try_delete_standing(caller, key, standing))
    }

    async fn try_delete_standing(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        standing: Standing,
    ) -> Result<Planned<Option<Version>>> {
        let expect = self.expectation(key, standing).await?;
        self.try_delete(caller, key, expect, Vec::new()).await
    }

    /// Deletes the one resource that matches; none is no error, several are 412.
    pub async fn delete_conditionally(
        &self,
        caller: &Caller,
        rtype: &ResourceType,
        query: &str,
        standing: Standing,
    ) -> Result<Option<Version>> {
        let criteria = self.criteria(rtype, query).await?;
        settle!(self, self.try_delete_match(caller, &criteria, standing))
    }

    async fn try_delete_match(
        &self,
        caller: &Caller,
        criteria: &Criteria,
        standing: Standing,
    ) -> Result<Planned<Option<Version>>> {
        let Some(id) = self.single_match(criteria, "URL").await? else {
            standing.check_match(&format!("{}?…", criteria.rtype), false)?;
            return Ok(Planned::Done(None));
        };
        let key = ResourceKey { rtype: criteria.rtype.clone(), id: id.clone() };
        let expect = self.expectation(&key, standing).await?;
        let assertion = Assertion { criteria: criteria.clone(), matches: vec![id] };
        self.try_delete(caller, &key, expect, vec![assertion]).await
    }

    async fn try_delete(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        expect: Expect,
        assertions: Vec<Assertion>,
    ) -> Result<Planned<Option<Version>>> {
        let step = Step { key: key.clone(), expect, action: Action::Delete };
        match self
            .apply(Unit { assertions, steps: vec![step], digest: None, origin: origin(caller), ..Unit::default() })
            .await
        {
            Ok(results) => match results.into_iter().next() {
                Some(StepResult::Deleted { version }) => Ok(Planned::Done(version)),
                _ => Err(Error::internal("a deletion without its result", key)),
            },
            Err(UnitError::Moved) => Ok(Planned::Moved),
            Err(UnitError::Refused { refusal, .. }) => Err(Error::refused(&key.to_string(), refusal)),
            Err(error) => Err(error.into()),
        }
    }
}
