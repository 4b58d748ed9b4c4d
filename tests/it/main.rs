//! One binary for all integration tests: a gateway is started for each test, on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a panic is how a test fails")]

mod app;

mod builders;
mod capability;
mod claims;
mod create;
mod delete;
mod examples;
mod general;
mod json;
mod layers;
mod order;
mod race;
mod read;
mod search;
mod update;
mod validation;
