//! update, update as create and conditional update. R4 `http.html#update`, `http.html#upsert`, `http.html#cond-update`.

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::store::{Action, Assertion, Criteria, Expect, Method, Step, Unit};

use super::prepare::{Content, check_id, check_type};
use super::{Gateway, Planned, Standing, Written, origin, settle};

impl Gateway {
    /// Stores the resource under the URL's id, as a new version or, where it says the same, as it stands. An id not used
    /// before is created. 412 where `standing` does not hold.
    pub async fn update(&self, caller: &Caller, key: &ResourceKey, body: &[u8], standing: Standing) -> Result<Written> {
        let content = self.parse(body)?;
        check_type(&content.tree, &key.rtype)?;
        check_id(&content.tree, &key.rtype, &key.id)?;
        let findings = match self.check(&content) {
            Ok(findings) => findings,
            Err(invalid) => {
                // 412 comes before 422.
                self.check_standing(key, standing).await?;
                return Err(invalid);
            }
        };
        settle!(self, self.try_put(caller, key, &content, &findings, standing))
    }

    async fn try_put(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        content: &Content,
        findings: &[Issue],
        standing: Standing,
    ) -> Result<Planned<Written>> {
        let expect = self.expectation(key, standing).await?;
        self.put(caller, key, (content, findings), expect, Vec::new()).await
    }

    /// What the write itself has to hold to, after what can be told now: 412 where `standing` is broken already.
    pub(super) async fn expectation(&self, key: &ResourceKey, standing: Standing) -> Result<Expect> {
        match standing {
            Standing::Anything => Ok(Expect::Anything),
            Standing::Version(version) => Ok(Expect::Version(version)),
            Standing::Some | Standing::None => {
                let found = self.current(key).await?;
                standing.check(key, found.as_ref())?;
                Ok(found.map_or(Expect::New, |found| Expect::Unmoved(found.version)))
            }
        }
    }

    /// Updates the one resource that matches, or creates one.
    pub async fn update_conditionally(
        &self,
        caller: &Caller,
        rtype: &ResourceType,
        query: &str,
        body: &[u8],
        standing: Standing,
    ) -> Result<Written> {
        let content = self.parse(body)?;
        check_type(&content.tree, rtype)?;
        let criteria = self.criteria(rtype, query).await?;
        settle!(self, self.try_update(caller, &criteria, &content, standing))
    }

    async fn try_update(
        &self,
        caller: &Caller,
        criteria: &Criteria,
        content: &Content,
        standing: Standing,
    ) -> Result<Planned<Written>> {
        let found = self.single_match(criteria, "URL").await?;
        let target = self.conditional_target(criteria, found.as_ref(), content, standing).await;
        let ((id, expect), checked) = match (target, self.check(content)) {
            // 422 comes before 409.
            (Err(error), Err(invalid)) if error.kind > invalid.kind => return Err(invalid),
            (target, checked) => (target?, checked),
        };
        let key = ResourceKey { rtype: criteria.rtype.clone(), id };
        let findings = match checked {
            Ok(findings) => findings,
            Err(invalid) => {
                self.check_standing(&key, standing).await?;
                return Err(invalid);
            }
        };
        let assertion = Assertion { criteria: criteria.clone(), matches: found.into_iter().collect() };
        self.put(caller, &key, (content, &findings), expect, vec![assertion]).await
    }

    /// Which resource a conditional update writes, and what must hold of it.
    pub(super) async fn conditional_target(
        &self,
        criteria: &Criteria,
        found: Option<&ResourceId>,
        content: &Content,
        standing: Standing,
    ) -> Result<(ResourceId, Expect)> {
        let own = content.tree.get_str("id");
        let rtype = &criteria.rtype;
        if found.zip(own).is_some_and(|(id, own)| own != id.as_str()) {
            return Err(not_the_matchs_id(rtype));
        }
        standing.check_match(&format!("{rtype}?…"), found.is_some())?;
        match (found, own) {
            (Some(id), _) => match standing {
                Standing::Version(version) => Ok((id.clone(), Expect::Version(version))),
                // The assertion that it is the match holds that there is one.
                Standing::Anything | Standing::Some | Standing::None => Ok((id.clone(), Expect::Anything)),
            },
            (None, None) => Ok((ResourceId::generate(), Expect::New)),
            (None, Some(own)) => {
                let bad =
                    Issue::error(IssueCode::Value, "id の書き方が正しくありません。", "The id is not well formed.");
                let id = ResourceId::parse(own).ok_or_else(|| Error::bad_request(bad.at(rtype.as_str(), "/id")))?;
                let key = ResourceKey { rtype: rtype.clone(), id };
                match self.current(&key).await? {
                    Some(standing) if standing.body.is_some() => Err(not_the_match(&key)),
                    Some(deleted) => Ok((key.id, Expect::Unmoved(deleted.version))),
                    None => Ok((key.id, Expect::New)),
                }
            }
        }
    }

    async fn put(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        (content, findings): (&Content, &[Issue]),
        expect: Expect,
        assertions: Vec<Assertion>,
    ) -> Result<Planned<Written>> {
        let draft = self.draft(content, &key.rtype, &key.id);
        let step = Step { key: key.clone(), expect, action: Action::Put { draft, method: Method::Put } };
        let unit = Unit { assertions, steps: vec![step], digest: None, origin: origin(caller), ..Unit::default() };
        self.write(unit, findings.to_vec()).await
    }

    /// 412 comes before 422: content that is invalid and whose condition is broken is told the latter.
    pub(super) async fn check_standing(&self, key: &ResourceKey, standing: Standing) -> Result<()> {
        match standing {
            Standing::Anything => Ok(()),
            _ => standing.check(key, self.current(key).await?.as_ref()),
        }
    }
}

fn not_the_matchs_id(rtype: &ResourceType) -> Error {
    let issue = Issue::error(
        IssueCode::Invalid,
        "リソースの id が、条件に一致したリソースの id と異なります。id を省くか合わせてください。",
        "The resource's id is not that of the match. Leave it out, or set it to the match's.",
    );
    Error::bad_request(issue.at(rtype.as_str(), "/id"))
}

fn not_the_match(key: &ResourceKey) -> Error {
    Error::new(
        ErrorKind::Conflict,
        Issue::error(
            IssueCode::Conflict,
            format!("{key} は存在しますが条件に一致しません。id を省くか、条件を直してください。"),
            format!("{key} exists but does not match the criteria. Leave the id out, or mend the criteria."),
        ),
    )
}
