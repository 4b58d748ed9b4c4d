//! The region's own ideas: beds and wards, referrals and their tasks, care teams.

mod projection;

pub use projection::project;
