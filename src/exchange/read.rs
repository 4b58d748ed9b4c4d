//! read and vread. R4 `http.html#read`, `http.html#vread`.

use std::fmt::Display;

use crate::access::Caller;
use crate::error::{Error, Result};
use crate::fhir::id::ResourceKey;
use crate::fhir::instant::Instant;
use crate::store::{self, Shown, Version};

use super::Gateway;

/// What the caller has already (R4 `http.html#cread`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// `If-None-Match`: versions; an empty list is `*`.
    pub none_match: Option<Vec<i64>>,
    /// `If-Modified-Since`, whole seconds.
    pub modified_since: Option<Instant>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub version: Version,
    /// Whether it has content that changes without a new version: a copy is never known to be current.
    pub is_laid_over: bool,
}

impl Freshness {
    /// Whether the caller's copy is the current one. `If-None-Match` decides alone where it is there (RFC 9110 13.1.3).
    pub fn is_current(&self, version: &Version) -> bool {
        match (&self.none_match, self.modified_since) {
            (Some(versions), _) => versions.is_empty() || versions.contains(&version.version),
            (None, Some(since)) => version.at.0.div_euclid(1000) <= since.0.div_euclid(1000),
            (None, None) => false,
        }
    }
}

impl Gateway {
    /// The current version, with what the gateway derives laid over it. 404 where there never was one, 410 where it is
    /// deleted.
    pub async fn read(&self, _caller: &Caller, key: &ResourceKey) -> Result<Read> {
        let moment = match store::shown(&self.database, key, self.now()) {
            Ok(Shown { version, is_laid_over, .. }) => return Ok(Read { version, is_laid_over }),
            Err(moment) => moment,
        };
        let (version, is_laid_over) = self.show(present(self.current(key).await?, key)?, moment).await?;
        Ok(Read { version, is_laid_over })
    }

    /// The version of that number.
    pub async fn vread(&self, _caller: &Caller, key: &ResourceKey, number: &str) -> Result<Version> {
        let number = version_number(number).ok_or_else(|| Error::not_found(&format!("{key}/_history/…")))?;
        let mut connection = self.database.reader().await?;
        present(store::version(&mut connection, key, number).await?, &format_args!("{key}/_history/{number}"))
    }

    /// The current version, a deletion included.
    pub(super) async fn current(&self, key: &ResourceKey) -> Result<Option<Version>> {
        Ok(store::current_cached(&self.database, key).await?)
    }
}

/// A version id is an opaque text: `01` and `+1` are not `1`.
fn version_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// The version, if there is one and it is no deletion; `target` names it in the refusal.
pub(super) fn present(version: Option<Version>, target: &impl Display) -> Result<Version> {
    match version {
        None => Err(Error::not_found(&target.to_string())),
        Some(version) if version.body.is_none() => Err(Error::gone(&target.to_string())),
        Some(version) => Ok(version),
    }
}
