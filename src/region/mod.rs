//! The region's own ideas: beds and wards, referrals and their tasks, care teams.

mod bed_status;
mod occupancy;
mod overlay;
mod posted;
mod projection;
mod same;
mod vacancies;

pub use bed_status::BedStatus;
pub use occupancy::{FIGURES, Occupancy, OccupancyBy, OccupancyInterval, OccupancyMeans, OccupancyQuery};
pub use overlay::{laid_over, without_derived};
pub use posted::{with_counts, with_status};
pub use projection::project;
pub use same::is_same_location;
pub use vacancies::{FunctionTotal, Vacancies, VacancyMatch, VacancyPage, VacancyQuery, VacancySort, vacancies};
