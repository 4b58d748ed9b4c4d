//! One binary for all integration tests: a gateway is started for each test, on SQLite and on PostgreSQL.

mod app;

mod batch;
mod commands;
mod conditional;
mod create;
mod faults;
mod feed;
mod history;
mod links;
mod patch;
mod program;
mod race;
mod reindex;
mod schema;
mod transaction;
