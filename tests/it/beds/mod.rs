//! Beds: reports of many at once, counts, freshness, holds.

mod bed_status;
pub mod city;
pub mod counts;
mod csv;
mod holds;
mod killed;
mod marks;
mod occupancy;
mod report;
mod vacancies;
