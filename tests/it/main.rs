//! One binary for all integration tests: a gateway is started for each test, on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a panic is how a test fails")]

mod app;

mod batch;
mod builders;
mod cache;
mod capability;
mod claims;
mod commands;
mod conditional;
mod contract;
mod create;
mod definitions;
mod delete;
mod examples;
mod expectation;
mod faults;
mod feed;
mod fhir_xml;
mod fhirpath_suite;
mod general;
mod history;
mod housekeeping;
mod json;
mod layers;
mod links;
mod model;
mod mutation;
mod official_examples;
mod operation;
mod oracle;
mod order;
mod own_profile;
mod packages;
mod patch;
mod places;
mod policy;
mod profile_rules;
mod profiles_command;
mod program;
mod published_schema;
mod r4_pack;
mod race;
mod read;
mod reindex;
mod reload;
mod schema;
mod search;
mod terminology;
mod transaction;
mod update;
mod validate_command;
mod validate_operation;
mod validation;
mod validator_cases;
