//! Kakehashi: a FHIR R4 gateway for a region's beds, home-care referrals and care teams.
//!
//! Modules depend one way: `{http, intake} → exchange → region → {profile, search, store} → fhir`.

pub mod access;
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line talks to a terminal")]
pub mod cli;
pub mod clock;
pub mod config;
pub mod definitions;
pub mod demo;
pub mod error;
pub mod exchange;
pub mod fhir;
pub mod http;
pub mod intake;
pub mod profile;
pub mod region;
pub mod search;
pub mod store;
pub mod telemetry;
