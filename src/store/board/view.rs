//! What the boards say of locations at this moment, for whoever reads them.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::super::connection::Connection;
use super::super::error::StoreError;
use super::columns::CountColumns;
use super::load::of_ids;

/// What the gateway knows of a location besides its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Board {
    /// When the bed was last reported.
    Bed {
        as_of: i64,
    },
    Ward(Vec<Count>),
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
struct BedRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    as_of: Option<i64>,
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

/// What the boards say of these beds and wards, by logical id; nothing of those that have none.
pub async fn boards_of(
    connection: &mut Connection,
    beds: &BTreeSet<String>,
    wards: &BTreeSet<String>,
) -> Result<HashMap<String, Board>, StoreError> {
    const BEDS: &str = "SELECT r.rid AS id, c.as_of FROM resource r JOIN bed_count c ON c.key = r.key \
         WHERE r.rtype = 'Location' AND r.rid";
    // A ward whose beds are all closed has a board, and no counts.
    const WARDS: &str = "SELECT w.id, coalesce(c.position, -1) AS position, c.sex, c.isolation, c.staffed, c.occupied, c.reserved, c.blocked, c.available, \
         c.as_of, c.valid_until, c.source, coalesce(c.as_posted, FALSE) AS as_posted FROM ward w LEFT JOIN ward_count c ON c.key = w.key WHERE w.id";
    let mut found = HashMap::new();
    for row in of_ids::<BedRow>(connection, BEDS, beds).await? {
        found.extend(row.as_of.map(|as_of| (row.id, Board::Bed { as_of })));
    }
    for row in of_ids::<CountRow>(connection, WARDS, wards).await? {
        let counts = match found.entry(row.id).or_insert_with(|| Board::Ward(Vec::new())) {
            Board::Ward(counts) if row.position >= 0 => counts,
            _ => continue,
        };
        counts.push(row.count.count(row.as_posted));
    }
    Ok(found)
}
