//! Boards as a writer left them, so that a ward's beds are not read again for each of their reports.
//!
//! A board is used again only if its row in `ward_board` is still the one that this writer wrote or read: whoever else
//! changes the ward's beds, holds or counts changes that row.

use std::collections::{BTreeMap, HashMap};

use super::ward::{Reported, WardState};

/// Beds on the boards that are kept, at most: some 10 MB.
const BEDS: usize = 50_000;

/// The boards that one writer keeps.
#[derive(Default)]
pub(in super::super) struct BoardCache {
    boards: HashMap<String, WardState>,
    beds: usize,
}

impl BoardCache {
    /// Takes the ward's board out, if it is still as it is stored.
    pub fn take(&mut self, ward: &str, changes: Option<i64>, report: Option<Reported>) -> Option<WardState> {
        let state = self.boards.remove(ward)?;
        self.beds -= state.beds.len();
        Some(state).filter(|state| state.stored.changes == changes && state.stored.report == report)
    }

    /// Keeps boards that have been written.
    pub fn keep(&mut self, wards: BTreeMap<String, WardState>) {
        for (id, state) in wards.into_iter().filter(|(_, state)| state.is_ward && state.stored.changes.is_some()) {
            self.beds += state.beds.len();
            if let Some(old) = self.boards.insert(id, state) {
                self.beds -= old.beds.len();
            }
        }
        if self.beds > BEDS {
            *self = BoardCache::default();
        }
    }

    /// What was written may not stand.
    pub fn forget(&mut self) {
        *self = BoardCache::default();
    }
}
