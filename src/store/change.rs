//! What is asked of the writer: units that happen whole or not at all, and what became of them.

use std::borrow::Cow;
use std::sync::Arc;

use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::json::Json;
use crate::fhir::resource::Text;

use super::StoreError;
use super::board::BoardReport;
use super::derived::{Derive, Derived, Source};
use super::parameter_state::Manifest;
use super::search::Criteria;

/// One request's changes. They commit together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// What planning found by searching, to be true still when the unit is applied.
    pub assertions: Vec<Assertion>,
    /// In the order in which they are applied.
    pub steps: Vec<Step>,
    /// Names an item that is to be taken in once for ever; a second unit with the same digest is refused.
    pub digest: Option<String>,
    /// What is true of wards, besides what the steps say.
    pub report: Option<BoardReport>,
    /// How what the steps say of beds came to be.
    pub source: Source,
    /// States are taken as they are given: an accepted task for which no bed is left holds none, and is no conflict.
    pub as_given: bool,
    /// The moments that the steps give beds are those of a report, and no moment that was laid over a bed and came back: what
    /// is reported at the very moment that is stored is of that moment.
    pub is_report: bool,
    pub origin: Origin,
}

/// Who asked, for the audit row.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub request_id: Arc<str>,
    pub agent: Arc<str>,
}

/// `criteria` on `rtype` matches exactly these resources.
#[derive(Clone, Debug)]
pub struct Assertion {
    pub criteria: Criteria,
    /// In the order of their ids.
    pub matches: Vec<ResourceId>,
}

/// One resource's part in a unit.
#[derive(Clone, Debug)]
pub struct Step {
    pub key: ResourceKey,
    pub expect: Expect,
    pub action: Action,
}

/// What must hold of the resource before the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Anything,
    /// `If-Match`: the caller's word. Broken: [`Refusal::VersionMismatch`].
    Version(i64),
    /// The version that planning saw. Broken: [`UnitError::Moved`].
    Unmoved(i64),
    /// Nobody has used this id. Broken: [`UnitError::Moved`].
    New,
}

#[derive(Clone, Debug)]
pub enum Action {
    /// Writes the content; a resource that was not there, or was deleted, is created.
    Put {
        draft: Arc<Draft>,
        method: Method,
    },
    Delete,
    /// Reads the state that this unit sees, after its earlier steps.
    Read,
}

/// How a version came to be: `request.method` in history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// Content that is ready to be stored: validated, its derived rows computed.
#[derive(Clone, Debug)]
pub struct Draft {
    pub text: Text,
    pub tree: Json,
    pub derived: Derived,
    /// Of which parameters [`Self::derived`] was made: the writer may have others by now.
    pub manifest: Arc<Manifest>,
}

impl Draft {
    /// The rows as the writer makes them.
    pub(super) fn rows(&self, rtype: &str, derive: &dyn Derive) -> Cow<'_, Derived> {
        let manifest = derive.manifest();
        match Arc::ptr_eq(&self.manifest, manifest) || self.manifest.digest() == manifest.digest() {
            true => Cow::Borrowed(&self.derived),
            false => Cow::Owned(derive.derive(rtype, &self.tree)),
        }
    }
}

/// A version of a resource as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub key: ResourceKey,
    pub version: i64,
    pub at: Instant,
    /// The JSON text; `None` for a deletion.
    pub body: Option<String>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// A new version stands.
    Written {
        version: Version,
        created: bool,
    },
    /// The content was the same as what stands: no new version.
    Unchanged(Version),
    /// Deleted now, or not there before.
    Deleted {
        version: Option<Version>,
    },
    Read(Version),
}

/// Why a unit was not applied. Nothing of it is stored.
#[derive(Clone, Debug)]
pub enum UnitError {
    Refused {
        step: usize,
        refusal: Refusal,
    },
    /// What planning saw is no longer so: plan anew.
    Moved,
    /// A unit with this digest has been taken in.
    AlreadyTaken,
    /// The writer has more to do than it may keep waiting.
    Overloaded,
    /// The database did not answer well within the deadline.
    Unavailable(String),
    /// Whether the unit was committed could not be found out within the deadline.
    InDoubt,
    Internal(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotFound,
    Deleted,
    /// The current version, where there is a resource.
    VersionMismatch {
        current: Option<i64>,
    },
    /// Another resource of the server still refers to it.
    StillReferenced {
        by: ResourceKey,
    },
    /// What is stored was reported as of a later moment, in milliseconds since 1970.
    Overtaken {
        stored: i64,
    },
    /// What is reported is of a moment to come. Milliseconds since 1970.
    InFuture {
        asked: i64,
        now: i64,
    },
    /// The bed would be kept longer than a bed may be: until later than this, in milliseconds since 1970.
    HoldTooLong {
        latest: i64,
    },
    /// The counts of this ward are made from its beds.
    CountsAreDerived,
    /// The bed, a Location's logical id, is not free.
    BedTaken {
        place: String,
    },
    /// No bed of the ward, a Location's logical id, is free.
    NoBedLeft {
        place: String,
    },
}

impl From<StoreError> for UnitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Retry(text) | StoreError::Unavailable(text) => UnitError::Unavailable(text),
            StoreError::InDoubt { .. } => UnitError::InDoubt,
            error @ StoreError::OtherDefinitions => UnitError::Unavailable(error.to_string()),
            StoreError::TooCostly(text) | StoreError::Internal(text) => UnitError::Internal(text),
        }
    }
}

impl Unit {
    /// The types that this unit may write.
    pub(super) fn written_types(&self) -> impl Iterator<Item = &ResourceType> {
        let writes = |step: &&Step| !matches!(step.action, Action::Read);
        self.steps.iter().filter(writes).map(|step| &step.key.rtype)
    }
}
