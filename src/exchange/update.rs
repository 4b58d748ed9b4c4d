//! update, update as create and conditional update. R4 `http.html#update`, `http.html#upsert`, `http.html#cond-update`.

use std::fmt::Display;

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::search::criteria_of;
use crate::store::{Action, Assertion, Criteria, Expect, Method, Refusal, Step, Unit};

use super::prepare::{Content, check_id, check_type};
use super::{Gateway, Planned, Written, origin, settle};

/// What a write asks of the version that stands (RFC 9110 13.1.1 and 13.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Anything,
    /// `If-Match`: this version, the one that the caller saw.
    Version(i64),
    /// `If-Match: *`: there is one.
    Some,
    /// `If-None-Match: *`: there is none.
    None,
}

impl Standing {
    /// The version in `If-Match`.
    pub fn version(self) -> Option<i64> {
        match self {
            Standing::Version(version) => Some(version),
            Standing::Anything | Standing::Some | Standing::None => None,
        }
    }
}

impl Gateway {
    /// Stores the resource under the URL's id, as a new version or, where it says the same, as it stands. An id not used
    /// before is created. 412 where `standing` does not hold.
    pub async fn update(&self, caller: &Caller, key: &ResourceKey, body: &[u8], standing: Standing) -> Result<Written> {
        let content = self.parse(body)?;
        check_type(&content.tree, &key.rtype)?;
        check_id(&content.tree, &key.rtype, &key.id)?;
        if let Some(invalid) = self.invalid(&content.tree) {
            // 412 comes before 422.
            self.check_version(key, standing.version()).await?;
            self.expectation(key, standing).await?;
            return Err(invalid);
        }
        settle!(self, self.try_put(caller, key, &content, standing))
    }

    async fn try_put(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        content: &Content,
        standing: Standing,
    ) -> Result<Planned<Written>> {
        let expect = self.expectation(key, standing).await?;
        self.put(caller, key, content, expect, Vec::new()).await
    }

    /// What the write itself has to hold to, after what can be told now: 412 where `standing` is broken already.
    pub(super) async fn expectation(&self, key: &ResourceKey, standing: Standing) -> Result<Expect> {
        let wants_one = match standing {
            Standing::Anything => return Ok(Expect::Anything),
            Standing::Version(version) => return Ok(Expect::Version(version)),
            Standing::Some => true,
            Standing::None => false,
        };
        match self.current(key).await? {
            Some(found) if found.body.is_some() != wants_one => Err(broken(key, standing)),
            Some(found) => Ok(Expect::Unmoved(found.version)),
            None if wants_one => Err(broken(key, standing)),
            None => Ok(Expect::New),
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
        let criteria = criteria_of(rtype, query)?;
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
        if matches!((standing, &found), (Standing::Some, None) | (Standing::None, Some(_))) {
            return Err(broken(&format!("{}?…", criteria.rtype), standing));
        }
        let if_match = standing.version();
        let target = self.conditional_target(criteria, found.as_ref(), content, if_match).await;
        let (target, invalid) = match (target, self.invalid(&content.tree)) {
            // 422 comes before 409.
            (Err(error), Some(invalid)) if error.kind > invalid.kind => return Err(invalid),
            (target, invalid) => (target?, invalid),
        };
        let (id, expect) = target;
        let key = ResourceKey { rtype: criteria.rtype.clone(), id };
        if let Some(invalid) = invalid {
            self.check_version(&key, if_match).await?;
            return Err(invalid);
        }
        let assertion = Assertion { criteria: criteria.clone(), matches: found.into_iter().collect() };
        self.put(caller, &key, content, expect, vec![assertion]).await
    }

    /// Which resource a conditional update writes, and what must hold of it.
    pub(super) async fn conditional_target(
        &self,
        criteria: &Criteria,
        found: Option<&ResourceId>,
        content: &Content,
        if_match: Option<i64>,
    ) -> Result<(ResourceId, Expect)> {
        let own = content.tree.get_str("id");
        let rtype = &criteria.rtype;
        match (found, own) {
            (Some(id), Some(own)) if own != id.as_str() => Err(Error::bad_request(
                Issue::error(
                    IssueCode::Invalid,
                    "リソースの id が、条件に一致したリソースの id と異なります。id を省くか合わせてください。",
                    "The resource's id is not that of the match. Leave it out, or set it to the match's.",
                )
                .at(rtype.as_str(), "/id"),
            )),
            (Some(id), _) => Ok((id.clone(), if_match.map_or(Expect::Anything, Expect::Version))),
            (None, _) if if_match.is_some() => Err(Error::version_mismatch(&format!("{rtype}?…"), None)),
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
        content: &Content,
        expect: Expect,
        assertions: Vec<Assertion>,
    ) -> Result<Planned<Written>> {
        let draft = self.draft(content, &key.rtype, &key.id);
        let step = Step { key: key.clone(), expect, action: Action::Put { draft, method: Method::Put } };
        self.write(Unit { assertions, steps: vec![step], digest: None, origin: origin(caller) }).await
    }

    /// 412 comes before 422: content that is invalid and based on a stale version is told the latter.
    pub(super) async fn check_version(&self, key: &ResourceKey, if_match: Option<i64>) -> Result<()> {
        let Some(wanted) = if_match else { return Ok(()) };
        let standing = self.current(key).await?.filter(|version| version.body.is_some());
        let current = standing.map(|version| version.version);
        if current == Some(wanted) {
            return Ok(());
        }
        Err(Error::refused(&key.to_string(), Refusal::VersionMismatch { current }))
    }
}

/// The refusal of `If-Match: *` or `If-None-Match: *`.
fn broken(target: &dyn Display, standing: Standing) -> Error {
    if standing != Standing::None {
        return Error::version_mismatch(&target.to_string(), None);
    }
    let issue = Issue::error(
        IssueCode::Conflict,
        format!("{target} はすでに存在するため、If-None-Match: * を満たしません。"),
        format!("{target} exists, so If-None-Match: * does not hold."),
    );
    Error::new(ErrorKind::PreconditionFailed, issue.on("http.header:If-None-Match"))
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
