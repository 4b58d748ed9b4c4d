//! The state that units see while a batch is decided in memory: what the database holds, with their own steps on top.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::json::Json;

use super::change::{Action, Draft, Expect, Method, Refusal, Step, StepResult, UnitError, Version};
use super::derived::{Derive, Derived, Projection};
use super::error::StoreError;
use super::resource::{CurrentRow, stored_tree};
use super::stamp::Stamp;

/// A resource as a batch sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub loaded: Option<Loaded>,
    /// Versions that the batch adds, oldest first.
    pub added: Vec<Added>,
}

/// What the database holds.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub key: i64,
    pub version: i64,
    pub at: Instant,
    pub body: Option<String>,
    /// Parsed and derived when first needed.
    content: Option<Arc<Content>>,
}

#[derive(Debug)]
pub(super) struct Content {
    tree: Json,
    pub derived: Derived,
}

/// A new version.
#[derive(Clone, Debug)]
pub(super) struct Added {
    pub seq: i64,
    pub version: i64,
    pub method: Method,
    pub body: Option<String>,
    pub draft: Option<Arc<Draft>>,
}

/// All entries of a batch, and how to undo one unit's steps.
pub(super) struct Overlay<'a> {
    pub entries: HashMap<ResourceKey, Entry>,
    pub derive: &'a dyn Derive,
    undo: Vec<(ResourceKey, Entry)>,
}

impl<'a> Overlay<'a> {
    pub fn new(rows: Vec<CurrentRow>, derive: &'a dyn Derive) -> Result<Self, StoreError> {
        let mut entries = HashMap::with_capacity(rows.len());
        for row in rows {
            let id = ResourceId::parse(&row.rid).ok_or_else(|| StoreError::Internal("an id in a row".into()))?;
            let key = ResourceKey { rtype: ResourceType::known(&row.rtype), id };
            let body = row.body.filter(|_| !row.deleted);
            let loaded = Loaded { key: row.key, version: row.version, at: Instant(row.at), body, content: None };
            entries.insert(key, Entry { loaded: Some(loaded), added: Vec::new() });
        }
        Ok(Overlay { entries, derive, undo: Vec::new() })
    }

    /// From here on, [`Self::roll_back`] leads back to this point.
    pub fn begin_unit(&mut self) {
        self.undo.clear();
    }

    pub fn roll_back(&mut self) {
        for (key, entry) in self.undo.drain(..).rev() {
            self.entries.insert(key, entry);
        }
    }

    /// The projection of what stands.
    pub fn projection(&mut self, key: &ResourceKey) -> Result<Projection, StoreError> {
        let derive = self.derive;
        let Some(entry) = self.entries.get_mut(key) else { return Ok(Projection::None) };
        if let Some(added) = entry.added.last() {
            return Ok(added.draft.as_ref().map_or(Projection::None, |draft| draft.derived.projection.clone()));
        }
        let content = entry.loaded_content(key.rtype.as_str(), derive)?;
        Ok(content.map_or(Projection::None, |content| content.derived.projection.clone()))
    }

    /// Applies one step. `index` is its place in the unit, for the refusal.
    pub fn apply(&mut self, step: &Step, index: usize, stamp: &mut Stamp) -> Result<StepResult, UnitError> {
        let derive = self.derive;
        let entry = self.entries.entry(step.key.clone()).or_default();
        entry.check(step, index)?;
        if !matches!(step.action, Action::Read) {
            self.undo.push((step.key.clone(), entry.clone()));
        }
        match &step.action {
            Action::Read => entry.read(step, index, stamp.at),
            Action::Delete => Ok(entry.delete(step, stamp)),
            Action::Put { draft, method } => Ok(entry.put(step, draft, *method, stamp, derive)?),
        }
    }
}

impl Entry {
    /// The latest version's number; `None` for an id never used.
    pub fn version(&self) -> Option<i64> {
        self.added.last().map(|added| added.version).or(self.loaded.as_ref().map(|loaded| loaded.version))
    }

    /// The text that stands; `None` where there is none or it is deleted.
    fn body(&self) -> Option<&String> {
        match self.added.last() {
            Some(added) => added.body.as_ref(),
            None => self.loaded.as_ref()?.body.as_ref(),
        }
    }

    /// The rows derived from what the batch leaves standing.
    pub fn derived(&self, rtype: &str, derive: &dyn Derive) -> Cow<'_, Derived> {
        let draft = self.added.last().and_then(|added| added.draft.as_ref());
        draft.map_or_else(Cow::default, |draft| draft.rows(rtype, derive))
    }

    /// What the database holds, with the rows derived from it; `None` where there is nothing, or it is deleted.
    pub fn loaded_content(&mut self, rtype: &str, derive: &dyn Derive) -> Result<Option<Arc<Content>>, StoreError> {
        match &mut self.loaded {
            Some(loaded) => Ok(loaded.content(rtype, derive)?.map(Arc::clone)),
            None => Ok(None),
        }
    }

    fn check(&self, step: &Step, index: usize) -> Result<(), UnitError> {
        let current = self.version();
        match step.expect {
            Expect::Anything => Ok(()),
            Expect::Version(wanted) if current == Some(wanted) && self.body().is_some() => Ok(()),
            Expect::Version(_) => {
                let current = current.filter(|_| self.body().is_some());
                Err(UnitError::Refused { step: index, refusal: Refusal::VersionMismatch { current } })
            }
            Expect::Unmoved(wanted) if current == Some(wanted) => Ok(()),
            Expect::New if current.is_none() => Ok(()),
            Expect::Unmoved(_) | Expect::New => Err(UnitError::Moved),
        }
    }

    fn read(&self, step: &Step, index: usize, at: Instant) -> Result<StepResult, UnitError> {
        let refused = |refusal| Err(UnitError::Refused { step: index, refusal });
        match (self.version(), self.body()) {
            (None, _) => refused(Refusal::NotFound),
            (Some(_), None) => refused(Refusal::Deleted),
            (Some(version), Some(body)) => {
                let at = if self.added.is_empty() { self.loaded.as_ref().map_or(at, |loaded| loaded.at) } else { at };
                Ok(StepResult::Read(Version { key: step.key.clone(), version, at, body: Some(body.clone()) }))
            }
        }
    }

    fn delete(&mut self, step: &Step, stamp: &mut Stamp) -> StepResult {
        let Some(version) = self.version().filter(|_| self.body().is_some()) else {
            return StepResult::Deleted { version: None };
        };
        let added = Added { seq: stamp.seq(), version: version + 1, method: Method::Delete, body: None, draft: None };
        let version = Version { key: step.key.clone(), version: added.version, at: stamp.at, body: None };
        self.added.push(added);
        StepResult::Deleted { version: Some(version) }
    }

    fn put(
        &mut self,
        step: &Step,
        draft: &Arc<Draft>,
        method: Method,
        stamp: &mut Stamp,
        derive: &dyn Derive,
    ) -> Result<StepResult, UnitError> {
        let created = self.body().is_none();
        let at = self.loaded.as_ref().filter(|_| self.added.is_empty()).map_or(stamp.at, |loaded| loaded.at);
        if !created && self.is_same(step.key.rtype.as_str(), draft, derive)? {
            let (version, body) = (self.version().unwrap_or(1), self.body().cloned());
            return Ok(StepResult::Unchanged(Version { key: step.key.clone(), version, at, body }));
        }
        let number = self.version().unwrap_or(0) + 1;
        let body = draft.text.render(number, stamp.at);
        let version = Version { key: step.key.clone(), version: number, at: stamp.at, body: Some(body.clone()) };
        let draft = Some(Arc::clone(draft));
        self.added.push(Added { seq: stamp.seq(), version: number, method, body: Some(body), draft });
        Ok(StepResult::Written { version, created })
    }

    fn is_same(&mut self, rtype: &str, draft: &Draft, derive: &dyn Derive) -> Result<bool, StoreError> {
        if let Some(added) = self.added.last() {
            return Ok(added.draft.as_ref().is_some_and(|standing| derive.is_same(rtype, &standing.tree, &draft.tree)));
        }
        let Some(loaded) = &mut self.loaded else { return Ok(false) };
        Ok(loaded.content(rtype, derive)?.is_some_and(|content| derive.is_same(rtype, &content.tree, &draft.tree)))
    }
}

impl Loaded {
    fn content(&mut self, rtype: &str, derive: &dyn Derive) -> Result<Option<&Arc<Content>>, StoreError> {
        let Some(body) = &self.body else { return Ok(None) };
        if self.content.is_none() {
            let tree = stored_tree(body)?;
            let derived = derive.derive(rtype, &tree);
            self.content = Some(Arc::new(Content { tree, derived }));
        }
        Ok(self.content.as_ref())
    }
}
