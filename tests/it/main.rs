//! One binary for all integration tests: a gateway is started for each test, on SQLite and on PostgreSQL.

mod app;
mod builders;

mod capability;
mod claims;
mod create;
mod delete;
mod general;
mod json;
mod order;
mod race;
mod read;
mod search;
mod update;
mod validation;
