//! How long reports of beds and counts are believed.

use std::collections::BTreeMap;

use crate::store::Source;

const MINUTE: i64 = 60_000;

/// What a region has agreed on, for all and for single facilities or wards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    pub everywhere: Durations,
    /// By the logical id of a facility or ward; the ward's own comes first.
    pub by_place: BTreeMap<String, Durations>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durations {
    /// What systems send by themselves.
    pub feed: i64,
    /// What people send.
    pub manual: i64,
}

impl Default for Durations {
    fn default() -> Self {
        Durations { feed: 30 * MINUTE, manual: 24 * 60 * MINUTE }
    }
}

impl Validity {
    /// How long, in milliseconds, a report of this ward is believed.
    pub fn of(&self, ward: &str, facility: Option<&str>, source: Source) -> i64 {
        let own = self.by_place.get(ward).or_else(|| self.by_place.get(facility?));
        let durations = own.unwrap_or(&self.everywhere);
        match source {
            Source::Feed => durations.feed,
            Source::Manual => durations.manual,
        }
    }
}
