//! The demo region: a Toyonaka-like city made from a seed, all of it invented.
//!
//! [`region`] streams it in the order in which references can be resolved; [`heartbeat`] is what its feeds say while
//! the demo runs. Everything follows from the seed, the number of the thing and `now`: the same three give the same
//! resources, and any part can be made alone, so the stream needs no memory of what it has given.
//!
//! Names, numbers and lots are made so that they belong to no one: institution codes from nine million up, telephone
//! exchange 0000, lots from 900 up.

mod build;
mod clinics;
mod codes;
mod dice;
mod heartbeat;
mod hospitals;
mod layout;
mod names;
mod offers;
mod organizations;
mod partners;
mod patients;
mod places;
mod referrals;
mod stories;
#[cfg(test)]
mod tests;
mod wards;

use chrono::{DateTime, Utc};

pub use heartbeat::{bed_reports, fed_sites, heartbeat};
pub use layout::Plan;

use crate::fhir::json::Json;
use partners::Partner;

/// Streams the region's resources in dependency order: what is referred to stands before what refers to it. Memory
/// does not grow with the number of beds.
pub fn region(plan: &Plan, now: DateTime<Utc>) -> impl Iterator<Item = Json> + use<> {
    let plan = plan.complete();
    let partners = [Partner::NurseStation, Partner::Pharmacy, Partner::CareManagerOffice, Partner::CareHome];
    places::areas()
        .chain(partners::bodies(plan))
        .chain((0..plan.facilities).flat_map(move |facility| hospitals::hospital(plan, facility, now)))
        .chain((0..plan.clinics).flat_map(move |clinic| clinics::clinic(&plan, clinic)))
        .chain(partners.into_iter().flat_map(move |partner| partners::partners(plan, partner)))
        .chain((0..plan.doctor_groups).map(move |group| clinics::doctor_group(&plan, group, now)))
        .chain((0..plan.patients).flat_map(move |number| patients::Patient::of(&plan, number).to_json(&plan, now)))
        .chain((0..plan.referrals).flat_map(move |number| referrals::referral(&plan, number, now)))
}
