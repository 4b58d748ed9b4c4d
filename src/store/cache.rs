//! Current versions that were read lately, for the embedded database: a read that finds its resource here asks SQLite
//! nothing. Locations are kept as they were shown, too, with what their boards say laid over them: by the ward or facility on
//! whose board that depends, and until the first of its counts runs out.
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
use crate::fhir::instant;

use super::change::Version;
use super::connection::Database;

/// Bytes of bodies that are kept, about.
const BYTES: usize = 32 << 20;
/// How often the writer looks whether another process changed the file.
pub(super) const FOREIGN_CHANGES: Duration = Duration::from_millis(50);
/// How long a change by another process may go unnoticed, at most: if the last look is older, reads ask SQLite.
const OVERDUE: Duration = FOREIGN_CHANGES.saturating_mul(2);

/// The location as it is shown at `now`, if that is in memory; else the moment at which it was not, on SQLite.
pub fn shown(database: &Database, key: &ResourceKey, now: instant::Instant) -> Result<Shown, Option<Moment>> {
    let Some(cache) = database.cache().filter(|_| key.rtype.as_str() == "Location") else { return Err(None) };
    cache.get_shown(key, now.0).map_err(Some)
}

/// Keeps what was made after `moment`; it depends on the board of `place`, a ward's or facility's logical id.
pub fn keep_shown(database: &Database, shown: Shown, place: String, moment: Moment) {
    database.cache().inspect(|cache| cache.keep_shown(shown, place, moment));
}

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
    /// Locations as they are shown.
    shown: HashMap<ResourceKey, Shown>,
    shown_bytes: usize,
    /// Those that depend on the board of that ward or facility.
    by_place: HashMap<String, Vec<ResourceKey>>,
    /// What the batch at work may change.
    changing: HashSet<ResourceKey>,
    changing_places: HashSet<String>,
    /// Counts the batches: what was read before one ended may be old.
    forgotten: u64,
    /// When the writer last looked for changes by another process.
    looked: Option<Instant>,
}

/// A location with what its board says.
#[derive(Clone, Debug)]
pub struct Shown {
    pub version: Version,
    /// Whether it has content that changes without a new version.
    pub is_laid_over: bool,
    /// Until when it is so, in milliseconds since 1970.
    pub until: i64,
}

/// When a reader asked the database: what it read is kept only if no batch ended since.
#[derive(Clone, Copy, Debug)]
pub struct Moment(u64);

impl Generations {
    /// Whether the last look for changes by another process is too long ago for anything here to be believed.
    fn is_overdue(&self) -> bool {
        self.looked.is_none_or(|looked| looked.elapsed() > OVERDUE)
    }
}

impl Cache {
    /// The version that stands, or the moment at which it was not known here.
    pub fn get(&self, key: &ResourceKey) -> Result<Version, Moment> {
        let inner = self.lock();
        let found = inner.young.get(key).or_else(|| inner.old.get(key));
        found.filter(|_| !inner.is_overdue()).cloned().ok_or(Moment(inner.forgotten))
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

    /// The location as it is shown at `now`.
    pub fn get_shown(&self, key: &ResourceKey, now: i64) -> Result<Shown, Moment> {
        let inner = self.lock();
        let found = inner.shown.get(key).filter(|shown| now < shown.until && !inner.is_overdue());
        found.cloned().ok_or(Moment(inner.forgotten))
    }

    /// Keeps what was made after `moment`; it depends on the board of `place`, a ward's or facility's logical id.
    pub fn keep_shown(&self, shown: Shown, place: String, moment: Moment) {
        let mut inner = self.lock();
        let key = shown.version.key.clone();
        if inner.forgotten != moment.0 || inner.changing.contains(&key) || inner.changing_places.contains(&place) {
            return;
        }
        inner.shown_bytes += shown.version.body.as_ref().map_or(0, String::len) + 512;
        if inner.shown_bytes > BYTES / 2 {
            (inner.shown, inner.by_place, inner.shown_bytes) = (HashMap::new(), HashMap::new(), 0);
        }
        if inner.shown.insert(key.clone(), shown).is_none() {
            inner.by_place.entry(place).or_default().push(key);
        }
    }

    /// The batch at work may change these boards, too.
    pub fn begin_boards<'a>(&self, places: impl Iterator<Item = &'a String>) {
        let mut inner = self.lock();
        for place in places {
            for key in inner.by_place.remove(place).into_iter().flatten() {
                inner.shown.remove(&key);
            }
            inner.changing_places.insert(place.clone());
        }
    }

    /// A batch begins that may change these: they are taken out, and stay out until it ends.
    pub fn begin_batch<'a>(&self, keys: impl Iterator<Item = &'a ResourceKey>) {
        let mut inner = self.lock();
        for key in keys {
            inner.young.remove(key);
            inner.old.remove(key);
            inner.shown.remove(key);
            inner.changing.insert(key.clone());
        }
    }

    /// The batch is over, whatever became of it.
    pub fn end_batch(&self) {
        let mut inner = self.lock();
        inner.forgotten += 1;
        inner.changing.clear();
        inner.changing_places.clear();
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
    fn what_is_shown_goes_with_its_board() {
        let cache = Cache::default();
        cache.looked(Instant::now(), false);
        let keep = |id: &str, place: &str, moment: Moment| {
            let shown = Shown { version: version(id, 1, 10), is_laid_over: true, until: 100 };
            cache.keep_shown(shown, place.to_owned(), moment);
        };
        let is_known = |id: &str, now: i64| cache.get_shown(&version(id, 1, 0).key, now);
        let moment = is_known("b", 0).unwrap_err();
        keep("b", "w", moment);
        keep("c", "v", moment);
        assert!(is_known("b", 99).is_ok() && is_known("b", 100).is_err(), "until then");
        cache.begin_batch(std::iter::empty());
        cache.begin_boards(["w".to_owned()].iter());
        keep("b", "w", moment);
        assert!(is_known("b", 0).is_err(), "while its board changes");
        cache.end_batch();
        keep("b", "w", moment);
        assert!(is_known("b", 0).is_err(), "made before the board changed");
        assert!(is_known("c", 0).is_ok(), "another board");
        keep("b", "w", is_known("b", 0).unwrap_err());
        cache.begin_batch([&version("b", 1, 0).key].into_iter());
        assert!(is_known("b", 0).is_err(), "its own text changes");
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
