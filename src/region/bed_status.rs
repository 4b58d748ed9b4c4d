//! The status of a bed: HL7 v2 table 0116, which kh-bed binds `Location.operationalStatus` to.

use std::fmt;

use crate::store::Standing;

/// HL7 v2 table 0116 as a code system.
pub const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";

/// What a hospital says of a bed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BedStatus {
    Closed,
    Housekeeping,
    Occupied,
    Unoccupied,
    Contaminated,
    Isolated,
}

impl BedStatus {
    /// Every status, in the order of the table's codes.
    pub const ALL: [BedStatus; 6] = [
        BedStatus::Closed,
        BedStatus::Housekeeping,
        BedStatus::Isolated,
        BedStatus::Contaminated,
        BedStatus::Occupied,
        BedStatus::Unoccupied,
    ];

    /// The code in table 0116.
    pub fn code(self) -> &'static str {
        match self {
            BedStatus::Closed => "C",
            BedStatus::Housekeeping => "H",
            BedStatus::Isolated => "I",
            BedStatus::Contaminated => "K",
            BedStatus::Occupied => "O",
            BedStatus::Unoccupied => "U",
        }
    }

    /// What it counts as in its ward; a closed bed is not staffed. ARCHITECTURE.md, "Beds".
    pub fn standing(self) -> Option<Standing> {
        match self {
            BedStatus::Closed => None,
            BedStatus::Occupied => Some(Standing::Occupied),
            BedStatus::Unoccupied => Some(Standing::Available),
            BedStatus::Housekeeping | BedStatus::Contaminated | BedStatus::Isolated => Some(Standing::Blocked),
        }
    }

    /// The status of a code; codes are in capitals.
    pub fn from_code(code: &str) -> Option<BedStatus> {
        BedStatus::ALL.into_iter().find(|status| status.code() == code)
    }
}

impl fmt::Display for BedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
