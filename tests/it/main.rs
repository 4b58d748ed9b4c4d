//! One binary for all integration tests: a gateway is started for each test, on SQLite and on PostgreSQL.

mod app;

mod create;
mod race;
