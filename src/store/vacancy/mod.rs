//! Every ward of the region in memory, with its facility and counts: what `$vacancies` looks through.
//!
//! The database says, before each answer, which wards were marked since the last one (`migrations/*/0011_ward_marks`); those
//! alone are read anew. So an answer is exactly as fresh as the database, whichever gateway wrote, and costs no more than
//! what has changed.

mod load;
mod services;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::Mutex;

use super::board::BedCount;
use super::connection::Database;
use super::error::StoreError;

pub use services::acceptance_places;

/// A ward with all that tells whether it suits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WardNow {
    /// The number by which the tables know it.
    pub key: i64,
    pub id: String,
    /// Whether both ward and facility, where that is known, are in use.
    pub in_use: bool,
    pub function: Option<String>,
    pub fee: Option<String>,
    pub sex: Option<String>,
    pub capabilities: Vec<String>,
    pub facility_id: Option<String>,
    pub municipality: Option<String>,
    pub city: Option<String>,
    /// On the unit sphere: the ward's own position, else its facility's.
    pub point: Option<[f64; 3]>,
    pub counts: Vec<BedCount>,
}

/// The wards as one gateway has them.
#[derive(Debug, Default)]
pub struct WardsNow {
    /// All below this mark is here. Held while the database is asked, so that no older answer overwrites a newer one.
    horizon: Mutex<i64>,
    wards: RwLock<BTreeMap<i64, WardNow>>,
}

impl WardsNow {
    /// Reads what has changed. From here on [`Self::wards`] shows whatever was committed before the call.
    pub async fn refresh(&self, database: &Database) -> Result<(), StoreError> {
        let mut horizon = self.horizon.lock().await;
        let changed = load::since(database, *horizon).await?;
        if changed.wards.is_empty() && changed.gone.is_empty() && !changed.is_all {
            return Ok(());
        }
        let mut wards = self.wards.write().unwrap_or_else(PoisonError::into_inner);
        if changed.is_all {
            wards.clear();
        }
        for key in changed.gone {
            wards.remove(&key);
        }
        wards.extend(changed.wards);
        *horizon = changed.horizon.max(*horizon);
        Ok(())
    }

    /// The wards by their keys.
    pub fn wards(&self) -> RwLockReadGuard<'_, BTreeMap<i64, WardNow>> {
        self.wards.read().unwrap_or_else(PoisonError::into_inner)
    }
}
