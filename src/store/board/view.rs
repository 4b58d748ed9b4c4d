//! What the boards say of locations at this moment, for whoever reads them.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::columns::{COUNT_COLUMNS, CountColumns};

/// What the gateway knows of a location besides its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Board {
    /// When the bed was last reported.
    Bed {
        as_of: i64,
    },
    Ward(Vec<Count>),
    /// One with wards: the oldest moment of their counts; `None` where one was never reported.
    Facility {
        as_of: Option<i64>,
    },
}

/// Logical ids of locations that may be such.
#[derive(Clone, Debug, Default)]
pub struct BoardsWanted {
    pub beds: BTreeSet<String>,
    pub wards: BTreeSet<String>,
    pub facilities: BTreeSet<String>,
}

/// One of a ward's counts. Moments are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    pub sex: Option<String>,
    pub isolation: Option<bool>,
    pub staffed: Option<i64>,
    pub occupied: Option<i64>,
    pub reserved: Option<i64>,
    pub blocked: Option<i64>,
    pub available: Option<i64>,
    pub as_of: Option<i64>,
    pub valid_until: i64,
    /// feed, manual or derived.
    pub source: String,
    /// Whether it is what the ward's own text says, but for being out of date.
    pub as_posted: bool,
}

#[derive(QueryableByName)]
struct MomentRow {
    #[diesel(sql_type = Text)]
    id: String,
    /// The ward or facility on whose board it depends.
    #[diesel(sql_type = Nullable<Text>)]
    place: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    as_of: Option<i64>,
}

/// What is known of locations, by logical id.
#[derive(Debug, Default)]
pub struct BoardsFound {
    pub boards: HashMap<String, Board>,
    /// The wards of beds.
    pub wards: HashMap<String, String>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(embed)]
    count: CountColumns,
    #[diesel(sql_type = Bool)]
    as_posted: bool,
}

/// What the boards say of these locations, by logical id; nothing of those that have none.
pub async fn boards_of(connection: &mut Connection, wanted: &BoardsWanted) -> Result<BoardsFound, StoreError> {
    const BEDS: &str = "SELECT r.rid AS id, c.ward_id AS place, c.as_of FROM resource r JOIN bed_count c ON c.key = r.key \
         WHERE r.rtype = 'Location' AND r.rid";
    // A ward whose beds are all closed has a board, and no counts.
    const WARDS: &str =
        "FROM ward w LEFT JOIN ward_vacancy v ON v.key = w.key LEFT JOIN ward_board b ON b.key = w.key WHERE w.id";
    const FACILITIES: &str = "SELECT f.id, f.id AS place, c.as_of FROM facility f JOIN facility_count c ON c.key = f.key \
         WHERE EXISTS (SELECT 1 FROM ward w WHERE w.facility_id = f.id) AND f.id";
    let (mut found, mut places) = (HashMap::new(), HashMap::new());
    for row in connection.load_each::<MomentRow>(BEDS, &wanted.beds).await? {
        places.extend(row.place.map(|ward| (row.id.clone(), ward)));
        found.extend(row.as_of.map(|as_of| (row.id, Board::Bed { as_of })));
    }
    let counts = format!("SELECT w.id, coalesce(v.position, -1) AS position, {COUNT_COLUMNS} {WARDS}");
    for row in connection.load_each::<CountRow>(&counts, &wanted.wards).await? {
        let counts = match found.entry(row.id).or_insert_with(|| Board::Ward(Vec::new())) {
            Board::Ward(counts) if row.position >= 0 => counts,
            _ => continue,
        };
        counts.push(row.count.count(row.as_posted));
    }
    for row in connection.load_each::<MomentRow>(FACILITIES, &wanted.facilities).await? {
        found.insert(row.id, Board::Facility { as_of: row.as_of });
    }
    Ok(BoardsFound { boards: found, wards: places })
}
