//! The region's own ideas: beds and wards, referrals and their tasks, care teams.

mod bed_status;
mod projection;

pub use bed_status::BedStatus;
pub use projection::project;
