//! Current versions that were read lately, for the embedded database: a read that finds its resource here asks SQLite
//! nothing.
//!
//! The writer of this process takes out what a batch may change before it commits, and nothing of it comes back before the
//! commit is over, so that nobody reads what somebody else has already read newer. Changes by another process on the same
//! file are noticed by the writer's connection (`PRAGMA data_version`) before each batch, and every [`FOREIGN_CHANGES`]
//! when it has nothing to do. Where it cannot look in time, because it waits for the other process's lock, say, nothing
//! here is believed ([`OVERDUE`]). PostgreSQL may have several gateways, and has no such cache.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::fhir::id::ResourceKey;

use super::change::Version;

/// Bytes of bodies that are kept, about.
const BYTES: usize = 32 << 20;
/// How often the writer looks whether another process changed the file.
pub(super) const FOREIGN_CHANGES: Duration = Duration::from_millis(50);
/// How long a change by another process may go unnoticed, at most: if the last look is older, reads ask SQLite.
const OVERDUE: Duration = FOREIGN_CHANGES.saturating_mul(2);

/// Two generations: when the young one is full it becomes the old one, and what was old is gone.
#[derive(Default)]
pub(super) struct Cache {
    inner: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<ResourceKey, Version>,
    old: HashMap<ResourceKey, Version>,
    young_bytes: usize,
    /// What the batch at work may change.
    changing: HashSet<ResourceKey>,
    /// Counts the batches: what was read before one ended may be old.
    forgotten: u64,
    /// When the writer last looked for changes by another process.
    looked: Option<Instant>,
}

/// When a reader asked the database: what it read is kept only if no batch ended since.
#[derive(Clone, Copy)]
pub(super) struct Moment(u64);

impl Cache {
    /// The version that stands, or the moment at which it was not known here.
    pub fn get(&self, key: &ResourceKey) -> Result<Version, Moment> {
        let inner = self.lock();
        if inner.looked.is_none_or(|looked| looked.elapsed() > OVERDUE) {
            return Err(Moment(inner.forgotten));
        }
        let found = inner.young.get(key).or_else(|| inner.old.get(key));
        found.cloned().ok_or(Moment(inner.forgotten))
    }

    /// Keeps what was read from the database after `moment`.
    pub fn keep(&self, version: &Version, moment: Moment) {
        let mut inner = self.lock();
        if inner.forgotten != moment.0 || inner.changing.contains(&version.key) {
            return;
        }
        inner.young_bytes += version.body.as_ref().map_or(0, String::len) + 256;
        inner.young.insert(version.key.clone(), version.clone());
        if inner.young_bytes > BYTES / 2 {
            inner.old = std::mem::take(&mut inner.young);
            inner.young_bytes = 0;
        }
    }

    /// A batch begins that may change these: they are taken out, and stay out until it ends.
    pub fn begin_batch<'a>(&self, keys: impl Iterator<Item = &'a ResourceKey>) {
        let mut inner = self.lock();
        for key in keys {
            inner.young.remove(key);
            inner.old.remove(key);
            inner.changing.insert(key.clone());
        }
    }

    /// The batch is over, whatever became of it.
    pub fn end_batch(&self) {
        let mut inner = self.lock();
        inner.forgotten += 1;
        inner.changing.clear();
    }

    /// The writer looked for changes by another process, not before `looked`.
    pub fn looked(&self, looked: Instant, changed: bool) {
        let mut inner = self.lock();
        if changed {
            let forgotten = inner.forgotten + 1;
            *inner = Generations { forgotten, ..Generations::default() };
        }
        inner.looked = Some(looked);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::id::{ResourceId, ResourceType};
    use crate::fhir::instant;

    fn version(id: &str, version: i64, bytes: usize) -> Version {
        let key = ResourceKey { rtype: ResourceType::known("Location"), id: ResourceId::parse(id).unwrap() };
        Version { key, version, at: instant::Instant(0), body: Some("x".repeat(bytes)) }
    }

    fn keep(cache: &Cache, new: &Version) {
        if let Err(moment) = cache.get(&new.key) {
            cache.keep(new, moment);
        }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (cache, old) = (Cache::default(), version("a", 1, 10));
        cache.looked(Instant::now(), false);
        keep(&cache, &old);
        assert!(cache.get(&old.key).is_ok());
        cache.begin_batch([&old.key].into_iter());
        keep(&cache, &old);
        assert!(cache.get(&old.key).is_err(), "while the batch is at work");
        let Err(moment) = cache.get(&old.key) else { unreachable!("it is out") };
        cache.end_batch();
        cache.keep(&old, moment);
        assert!(cache.get(&old.key).is_err(), "read before the batch ended");
        keep(&cache, &version("a", 2, 10));
        assert_eq!(cache.get(&old.key).ok().map(|found| found.version), Some(2));
        cache.looked(Instant::now(), true);
        assert!(cache.get(&old.key).is_err());
    }

    #[test]
    fn nothing_is_believed_when_a_look_is_overdue() {
        let (cache, kept) = (Cache::default(), version("a", 1, 10));
        keep(&cache, &kept);
        assert!(cache.get(&kept.key).is_err(), "nobody looked yet");
        cache.looked(Instant::now(), false);
        assert!(cache.get(&kept.key).is_ok());
        cache.looked(Instant::now().checked_sub(2 * OVERDUE).unwrap(), false);
        assert!(cache.get(&kept.key).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let cache = Cache::default();
        cache.looked(Instant::now(), false);
        for number in 0..100 {
            keep(&cache, &version(&format!("n{number}"), 1, 1 << 20));
        }
        let inner = cache.lock();
        assert!(inner.young.len() + inner.old.len() <= BYTES >> 20);
        assert!(inner.young.len() + inner.old.len() >= 8);
    }
}
