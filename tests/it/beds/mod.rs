//! Beds: reports of many at once, counts, freshness, holds.

mod bed_status;
mod city;
mod counts;
mod holds;
mod report;
