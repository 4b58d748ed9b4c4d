//! Kakehashi: a FHIR R4 gateway for a region's beds, home-care referrals and care teams.

pub mod clock;
pub mod fhir;
pub mod store;
