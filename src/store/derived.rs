//! Rows that are computed from a resource's content: search index and the region's projections.

use std::collections::BTreeSet;

use crate::fhir::json::Json;

/// Computes the rows; the layers above know how (`search`, `region`), the writer asks for them when it meets old content.
pub trait Derive: Send + Sync {
    fn derive(&self, rtype: &str, resource: &Json) -> Derived;
}

/// Everything that is derived from one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    pub tokens: BTreeSet<Token>,
    pub references: BTreeSet<Reference>,
    pub projection: Projection,
}

/// A token that a search parameter finds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// [`parameter_id`] of type and code.
    pub param: i64,
    pub code: String,
    /// Empty where there is none.
    pub system: String,
}

/// A literal reference to a resource of this server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub target_type: String,
    pub target_id: String,
}

/// The number by which index tables know a search parameter: FNV-1a of `Type.code`, so that every gateway and every
/// database agree on it without a table to share. Two parameters with one number are refused at start.
pub fn parameter_id(rtype: &str, code: &str) -> i64 {
    let bytes = rtype.bytes().chain([b'.']).chain(code.bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    i64::from(hash)
}

/// A resource's row in the region's tables. Moments are milliseconds since 1970; ids are logical ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Projection {
    #[default]
    None,
    Facility(Facility),
    Ward(Ward),
    Bed(Bed),
    Referral(Referral),
    Task(Task),
    CareTeam(Vec<Member>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facility {
    pub id: String,
    pub name: Option<String>,
    pub status: Option<String>,
    pub organization_id: Option<String>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ward {
    pub id: String,
    pub name: Option<String>,
    pub status: Option<String>,
    pub facility_id: Option<String>,
    pub bed_function: Option<String>,
    pub admission_fee: Option<String>,
    pub admittable_sex: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bed {
    pub id: String,
    pub status: Option<String>,
    pub ward_id: Option<String>,
    /// HL7 v2 table 0116.
    pub operational_status: Option<String>,
    pub admittable_sex: Option<String>,
    pub isolation: Option<bool>,
    pub as_of: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Referral {
    pub id: String,
    pub status: Option<String>,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub subject: Option<String>,
    pub requester: Option<String>,
    pub authored_on: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    pub id: String,
    pub status: Option<String>,
    pub focus: Option<String>,
    pub owner: Option<String>,
    pub location: Option<String>,
    pub answer_by: Option<i64>,
    pub hold_until: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    pub team_id: String,
    pub team_status: Option<String>,
    pub subject: Option<String>,
    pub member: Option<String>,
    pub role: Option<String>,
    pub period_start: Option<i64>,
    pub period_end: Option<i64>,
}
