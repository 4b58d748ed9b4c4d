//! What a region has agreed on about reports and holds.

use std::collections::BTreeMap;

use super::super::derived::Source;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// Durations are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardPolicy {
    /// How long reports are believed.
    pub validity: Validity,
    /// The same for single facilities and wards, by logical id; the ward's own comes first.
    pub validity_of: BTreeMap<String, Validity>,
    /// How far ahead of the gateway's a sender's clock may be.
    pub ahead: i64,
    /// How long an accepted bed is kept where the task does not say, and at most.
    pub hold: i64,
    pub longest_hold: i64,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// What systems send by themselves.
    pub feed: i64,
    /// What people send.
    pub manual: i64,
}

impl Default for BoardPolicy {
    fn default() -> Self {
        BoardPolicy {
            validity: Validity { feed: 30 * MINUTE, manual: 24 * 60 * MINUTE },
            validity_of: BTreeMap::new(),
            ahead: 5 * MINUTE,
            hold: 4 * 60 * MINUTE,
            longest_hold: 24 * 60 * MINUTE,
        }
    }
}

impl BoardPolicy {
    /// How long a report of this ward is believed. `facility` is where the ward belongs.
    pub fn validity(&self, ward: &str, facility: Option<&str>, source: Source) -> i64 {
        let own = self.validity_of.get(ward).or_else(|| self.validity_of.get(facility?));
        let validity = own.unwrap_or(&self.validity);
        match source {
            Source::Feed => validity.feed,
            Source::Manual => validity.manual,
        }
    }
}
