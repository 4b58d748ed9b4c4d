//! What hospitals report, written into the texts of their beds and wards.

use crate::fhir::instant::Instant;
use crate::fhir::json::Json;
use crate::store::Vacancy;

use super::bed_status::{self, BedStatus};
use super::overlay::{part, posted, url_of, with_extensions};

/// The ward with these counts in the place of all that it had.
pub fn with_counts(ward: &Json, counts: &[Vacancy]) -> Json {
    with_extensions(ward, &url_of("bed-vacancy"), counts.iter().map(posted).collect())
}

/// The bed with another status, as of a moment.
pub fn with_status(bed: &Json, status: BedStatus, as_of: Instant) -> Json {
    let url = url_of("as-of");
    let mut bed = with_extensions(bed, &url, vec![part(&url, "valueInstant", as_of.to_fhir())]);
    let status = Json::from([("system", bed_status::SYSTEM.into()), ("code", status.code().into())]);
    if let Some(members) = bed.as_object_mut() {
        members.insert("operationalStatus", status);
    }
    bed
}
