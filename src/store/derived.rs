//! Rows that are computed from a resource's content: search index and the region's projections.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fhir::json::Json;

use super::board::BoardPolicy;
use super::parameter_state::Manifest;

/// Computes the rows; the layers above know how (`search`, `region`), the writer asks for them when it meets old content.
pub trait Derive: Send + Sync {
    fn derive(&self, rtype: &str, resource: &Json) -> Derived;

    /// The projection alone.
    fn project(&self, rtype: &str, resource: &Json) -> Projection;

    /// Whether two contents of one resource say the same: apart from what the server writes, and from when it was so.
    fn is_same(&self, rtype: &str, left: &Json, right: &Json) -> bool;

    /// What the region has agreed on about reports and holds.
    fn board_policy(&self) -> &BoardPolicy;

    /// The parameters of which rows are made.
    fn manifest(&self) -> &Arc<Manifest>;
}

/// Everything that is derived from one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    pub tokens: BTreeSet<Token>,
    pub references: BTreeSet<Reference>,
    pub dates: BTreeSet<DateRow>,
    pub quantities: BTreeSet<QuantityRow>,
    pub strings: BTreeSet<StringRow>,
    pub positions: BTreeSet<PositionRow>,
    pub projection: Projection,
}

/// A token or uri that a search parameter finds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// [`parameter_id`] of type and code.
    pub param: i64,
    /// In its index form: a very long one is a digest.
    pub code: String,
    /// [`system_id`]; 0 where there is none.
    pub system: i64,
}

/// A reference that a search parameter finds, or, with parameter [`ANY_REFERENCE`], any other literal reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub param: i64,
    /// Empty where the target is a url that is not of this server, or a canonical.
    pub target_type: String,
    /// The logical id, or that url in its index form, without a canonical's version.
    pub target_id: String,
    /// The version that the reference names, or empty.
    pub version: String,
}

/// The parameter of references that no search parameter finds.
pub const ANY_REFERENCE: i64 = 0;

/// A date, moment or period: `low <= … < high` in milliseconds since 1970, as wide as its precision; open ends are
/// `i64::MIN` and `i64::MAX`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateRow {
    pub param: i64,
    pub low: i64,
    pub high: i64,
}

/// A number, quantity or range: `low <= … <= high`; open ends are infinite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuantityRow {
    pub param: i64,
    pub low: Double,
    pub high: Double,
    /// [`system_id`]; 0 where there is none.
    pub system: i64,
    pub code: String,
    /// The unit in words, where it is not the code.
    pub unit: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StringRow {
    pub param: i64,
    /// Without case, accents and width, kana folded (`search::fold`).
    pub folded: String,
    /// As it stands in the resource.
    pub exact: String,
}

/// A position in degrees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PositionRow {
    pub param: i64,
    pub latitude: Double,
    pub longitude: Double,
}

/// A number that has an order; never NaN.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Double) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Double {}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Double) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Double {
    fn cmp(&self, other: &Double) -> Ordering {
        // -0 and 0 are one number, to databases as well.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

/// The number by which index tables know a search parameter, or a part of one (`Type.code:part`): FNV-1a, so that every
/// gateway and every database agree on it without a table to share. Of two parameters with one number the second is left out.
pub fn parameter_id(rtype: &str, code: &str) -> i64 {
    fnv(rtype.bytes().chain([b'.']).chain(code.bytes()))
}

/// The number by which index tables know a code system; 0 for none. It is a hash: a system is a long text that would
/// stand in every row, and whoever could bring about a collision could as well write the other system's name.
pub fn system_id(system: &str) -> i64 {
    if system.is_empty() { 0 } else { fnv(system.bytes()) }
}

fn fnv(bytes: impl Iterator<Item = u8>) -> i64 {
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed()
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
    /// The municipality's code.
    pub municipality: Option<String>,
    /// As the address has it.
    pub city: Option<String>,
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
    /// Codes, with a space between them.
    pub capabilities: String,
    /// The ward's own position, where it has one.
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub vacancies: Vec<Vacancy>,
}

/// One slice of a ward's counts, as posted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vacancy {
    pub sex: Option<String>,
    pub isolation: Option<bool>,
    pub staffed: Option<i64>,
    pub occupied: Option<i64>,
    pub reserved: Option<i64>,
    pub blocked: Option<i64>,
    pub available: Option<i64>,
    pub as_of: Option<i64>,
    /// Until when the counts may be believed; where it is `None`, as long as their source is.
    pub valid_until: Option<i64>,
    pub source: Option<Source>,
}

/// How a report came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A system sends by itself.
    #[default]
    Feed,
    /// A person sends.
    Manual,
}

impl Source {
    /// As rows and `vacancy-source` name it.
    pub fn code(self) -> &'static str {
        match self {
            Source::Feed => "feed",
            Source::Manual => "manual",
        }
    }

    pub fn from_code(code: &str) -> Option<Source> {
        match code {
            "feed" => Some(Source::Feed),
            "manual" => Some(Source::Manual),
            _ => None,
        }
    }
}

/// What a bed counts as in its ward; a bed without one is not staffed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Occupied,
    Blocked,
    Available,
}

impl Standing {
    pub fn code(self) -> &'static str {
        match self {
            Standing::Occupied => "occupied",
            Standing::Blocked => "blocked",
            Standing::Available => "available",
        }
    }

    pub fn from_code(code: &str) -> Option<Standing> {
        [Standing::Occupied, Standing::Blocked, Standing::Available]
            .into_iter()
            .find(|standing| standing.code() == code)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bed {
    pub id: String,
    pub status: Option<String>,
    pub ward_id: Option<String>,
    /// HL7 v2 table 0116.
    pub operational_status: Option<String>,
    /// What that counts as.
    pub standing: Option<Standing>,
    pub admittable_sex: Option<String>,
    pub isolation: Option<bool>,
    /// As the text has it: when it was so.
    pub as_of: Option<i64>,
    /// Every identifier, one a line: `system|value`.
    pub names: String,
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
    /// For whom an admission is asked: `admittable-sex` of the bed, and whether isolated.
    pub sex: Option<String>,
    pub isolation: Option<bool>,
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
