//! Beds: reports of many at once, counts, freshness, holds.

mod city;
mod counts;
mod holds;
mod report;
