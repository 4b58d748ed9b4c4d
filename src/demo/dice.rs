//! Chance that repeats: every entity has its own stream, found by what it is and its number, so that any part of
//! the region can be made without making what stands before it.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// What a stream of chance decides about.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Topic {
    Place = 1,
    Person,
    Ward,
    Clinic,
    Patient,
    CareTeam,
    Referral,
    Needs,
    Offers,
}

/// One entity's stream of chance.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64, topic: Topic, number: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(topic as u64).to_le_bytes());
        key[16..24].copy_from_slice(&number.to_le_bytes());
        Dice(ChaCha8Rng::from_seed(key))
    }

    /// A number below `limit`; 0 where `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let scaled = (u64::from(self.0.next_u32()) * limit as u64) >> 32;
        usize::try_from(scaled).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = usize::try_from(high - low + 1).unwrap_or(1);
        low + i64::try_from(self.below(span)).unwrap_or_default()
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
