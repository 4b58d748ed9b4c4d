//! What each entry of a transaction asks for, once its target is known. R4 `http.html#trules`.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::fhir::id::{ResourceId, ResourceKey};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::Interaction;
use crate::store::{self, Assertion, Criteria, Expect, Method};

use super::Gateway;
use super::bundle::{EntryRequest, Verb};
use super::patch::PatchForm;
use super::prepare::{Content, check_id, check_type};
use super::read::present;

/// An entry whose target is known.
pub(super) struct Plan {
    /// Its place in FHIR's order.
    pub entry: usize,
    pub deed: Deed,
}

pub(super) enum Deed {
    Put {
        key: ResourceKey,
        expect: Expect,
        content: Content,
        method: Method,
    },
    Delete {
        key: ResourceKey,
        expect: Expect,
    },
    Read {
        key: ResourceKey,
    },
    /// A conditional create whose resource exists.
    Existing {
        key: ResourceKey,
    },
    Nothing,
    Deferred,
}

impl Deed {
    pub fn key(&self) -> Option<&ResourceKey> {
        match self {
            Deed::Put { key, .. } | Deed::Delete { key, .. } | Deed::Read { key } | Deed::Existing { key } => Some(key),
            Deed::Nothing | Deed::Deferred => None,
        }
    }

    pub fn writes(&self) -> bool {
        matches!(self, Deed::Put { .. } | Deed::Delete { .. })
    }
}

/// What planning has found so far.
#[derive(Default)]
pub(super) struct Planning {
    pub deleted: HashSet<ResourceKey>,
    pub assertions: Vec<Assertion>,
    creating: HashSet<String>,
}

impl Gateway {
    pub(super) async fn plan(&self, entry: &EntryRequest, planning: &mut Planning) -> Result<Deed> {
        let (rtype, id) = entry.target();
        if entry.is_operation() {
            return Ok(Deed::Deferred);
        }
        match entry.verb {
            Verb::Delete => self.plan_delete(entry, rtype, id, planning).await,
            Verb::Post => self.plan_create(entry, rtype, id, planning).await,
            Verb::Put => self.plan_update(entry, rtype, id, planning).await,
            Verb::Patch => self.plan_patch(entry, rtype, id, planning).await,
            Verb::Get | Verb::Head => match id {
                Some(id) if !id.contains('/') && is_plain_read(entry) && self.is_stored(rtype) => {
                    Ok(Deed::Read { key: self.key(rtype, id, Interaction::Read)? })
                }
                _ => Ok(Deed::Deferred),
            },
        }
    }

    async fn plan_delete(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        let key = match (id, &entry.query) {
            (Some(id), _) => self.key(rtype, id, Interaction::Delete)?,
            (None, Some(query)) => {
                let criteria = self.criteria(&self.served(rtype, Interaction::Delete)?, query).await?;
                match self.match_one(&criteria, planning).await? {
                    Some(key) => key,
                    None => {
                        entry.standing.check_match(&format!("{rtype}?…"), false)?;
                        return Ok(Deed::Nothing);
                    }
                }
            }
            (None, None) => return Err(no_target()),
        };
        planning.deleted.insert(key.clone());
        let expect = self.expectation(&key, entry.standing).await?;
        Ok(Deed::Delete { key, expect })
    }

    async fn plan_create(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        if id.is_some() {
            return Err(Error::bad_request(Issue::error(
                IssueCode::Invalid,
                "POST の url はリソース型だけです。id を決めたいときは PUT を使ってください。",
                "The url of a POST is a type alone. Use PUT to choose the id.",
            )));
        }
        let rtype = self.served(rtype, Interaction::Create)?;
        let content = entry.resource.clone().ok_or_else(no_target)?;
        check_type(&content.tree, &rtype)?;
        if let Some(query) = &entry.if_none_exist {
            let criteria = self.criteria(&rtype, query).await?;
            if let Some(key) = self.match_one(&criteria, planning).await? {
                return Ok(Deed::Existing { key });
            }
            if !planning.creating.insert(format!("{criteria:?}")) {
                return Err(Error::bad_request(Issue::error(
                    IssueCode::Duplicate,
                    "同じ ifNoneExist を持つ POST が二つあります。一つにして、他から参照してください。",
                    "Two POSTs have the same ifNoneExist. Keep one, and refer to it from elsewhere.",
                )));
            }
        }
        let key = ResourceKey { rtype, id: ResourceId::generate() };
        Ok(Deed::Put { key, expect: Expect::New, content, method: Method::Post })
    }

    async fn plan_update(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        let content = entry.resource.clone().ok_or_else(no_target)?;
        let method = Method::Put;
        match (id, &entry.query) {
            (Some(id), _) => {
                let key = self.key(rtype, id, Interaction::Update)?;
                check_type(&content.tree, &key.rtype)?;
                check_id(&content.tree, &key.rtype, &key.id)?;
                let expect = self.expectation(&key, entry.standing).await?;
                Ok(Deed::Put { key, expect, content, method })
            }
            (None, Some(query)) => {
                let rtype = self.served(rtype, Interaction::Update)?;
                check_type(&content.tree, &rtype)?;
                let criteria = self.criteria(&rtype, query).await?;
                let found = self.match_one(&criteria, planning).await?.map(|key| key.id);
                let (id, expect) = self.conditional_target(&criteria, found.as_ref(), &content, entry.standing).await?;
                Ok(Deed::Put { key: ResourceKey { rtype, id }, expect, content, method })
            }
            (None, None) => Err(no_target()),
        }
    }

    async fn plan_patch(
        &self,
        entry: &EntryRequest,
        rtype: &str,
        id: Option<&str>,
        planning: &mut Planning,
    ) -> Result<Deed> {
        let key = match (id, &entry.query) {
            (Some(id), _) => self.key(rtype, id, Interaction::Patch)?,
            (None, Some(query)) => {
                let criteria = self.criteria(&self.served(rtype, Interaction::Patch)?, query).await?;
                let found = self.match_one(&criteria, planning).await?;
                found.ok_or_else(|| Error::not_found(&format!("{rtype}?…")))?
            }
            (None, None) => return Err(no_target()),
        };
        let mut found = present(self.current(&key).await?, &key)?;
        self.lay_over(&mut [&mut found]).await?;
        entry.standing.check(&key, Some(&found))?;
        let resource = entry.resource.as_ref().ok_or_else(no_target)?;
        let patch = match entry.json_patch() {
            Some(document) => self.read_patch(PatchForm::Json, &document)?,
            None => self.read_patch(PatchForm::FhirPath, resource.text.as_bytes())?,
        };
        let content = self.patched(&found, &patch)?;
        Ok(Deed::Put { key, expect: Expect::Unmoved(found.version), content, method: Method::Patch })
    }

    /// The one match that this transaction does not delete; the assertion holds all of them.
    async fn match_one(&self, criteria: &Criteria, planning: &mut Planning) -> Result<Option<ResourceKey>> {
        let limit = planning.deleted.len() + 2;
        let mut connection = self.database.reader().await?;
        let matches = store::matching_ids(&mut connection, criteria, limit).await?;
        let keys = matches.iter().map(|id| ResourceKey { rtype: criteria.rtype.clone(), id: id.clone() });
        let mut left: Vec<_> = keys.filter(|key| !planning.deleted.contains(key)).collect();
        if left.len() > 1 {
            return Err(Error::multiple_matches(&format!("{}?…", criteria.rtype)));
        }
        planning.assertions.push(Assertion { criteria: criteria.clone(), matches });
        Ok(left.pop())
    }

    /// Whether resources of the type are in the store, and not only among the definitions.
    pub fn is_stored(&self, rtype: &str) -> bool {
        self.served(rtype, Interaction::Vread).is_ok() || self.served(rtype, Interaction::Create).is_ok()
    }
}

/// Without conditions or parameters that shape the answer, which the caller knows how to deal with.
fn is_plain_read(entry: &EntryRequest) -> bool {
    entry.query.is_none() && entry.if_none_match.is_none() && entry.if_modified_since.is_none()
}

fn no_target() -> Error {
    Error::bad_request(Issue::error(
        IssueCode::Invalid,
        "url は「型/id」か「型?条件」の形にしてください。",
        "The url must have the form Type/id or Type?criteria.",
    ))
}
