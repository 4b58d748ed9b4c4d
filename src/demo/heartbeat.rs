//! What the region's feeds report while the demo runs: fresh counts of the wards, and the beds that changed.

use chrono::{DateTime, Utc};

use super::hospitals::{bed_json, hospital_id, ward_json};
use super::layout::Plan;
use super::wards::{Ward, is_silent};
use crate::fhir::json::Json;

/// What tick `tick` (from 1; 0 is the region as it was made) re-reports: every ward with counts as of `now`, before
/// it those of its beds whose status differs from the tick before. The same seed, tick and `now` give the same.
pub fn heartbeat(plan: &Plan, now: DateTime<Utc>, tick: u64) -> Vec<Json> {
    let plan = plan.complete();
    fed_wards(plan)
        .flat_map(|ward| {
            let slices = ward.slices(tick, |_| now);
            let before = tick.saturating_sub(1);
            let changed = ward.beds.iter().enumerate().filter(|(_, bed)| bed.status(tick) != bed.status(before));
            let mut reports =
                changed.map(|(number, bed)| bed_json(&ward, number, bed.status(tick), now)).collect::<Vec<_>>();
            reports.push(ward_json(&ward, &slices));
            reports
        })
        .collect()
}

/// A full snapshot: every bed of every feed as it stands at `tick`, as hospitals post them every few minutes.
/// It refreshes the counts that the gateway derives, and puts right what missed ticks left behind.
pub fn bed_reports(plan: &Plan, now: DateTime<Utc>, tick: u64) -> impl Iterator<Item = Json> + use<> {
    fed_wards(plan.complete()).flat_map(move |ward| {
        let beds = ward.beds.iter().enumerate();
        beds.map(|(number, bed)| bed_json(&ward, number, bed.status(tick), now)).collect::<Vec<_>>()
    })
}

/// The sites, by logical id, whose feeds say at each tick that all else is as it was.
pub fn fed_sites(plan: &Plan) -> Vec<String> {
    let facilities = 0..plan.complete().facilities;
    facilities.filter(|facility| !is_silent(*facility)).map(hospital_id).collect()
}

/// The wards of all facilities but the silent one, whose counts are meant to go out of date.
fn fed_wards(plan: Plan) -> impl Iterator<Item = Ward> {
    let facilities = (0..plan.facilities).filter(|facility| !is_silent(*facility));
    facilities.flat_map(move |facility| (0..plan.wards_of(facility)).map(move |ward| Ward::of(&plan, facility, ward)))
}
