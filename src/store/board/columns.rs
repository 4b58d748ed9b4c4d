//! The columns of a count, as `ward_vacancy` and the views over it have them.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::super::derived::Source;
use super::view::Count;
use super::ward::Slice;

/// The columns of [`CountColumns`] and `as_posted` as the view `ward_count` has them, of `ward_vacancy v` and `ward_board b`:
/// behind a LEFT JOIN SQLite makes the view whole, for all wards, each time.
pub(in super::super) const COUNT_COLUMNS: &str = "v.sex, v.isolation, v.staffed, v.occupied, v.reserved, v.blocked, \
     v.available, CASE WHEN b.as_of >= v.newest THEN b.as_of ELSE v.as_of END AS as_of, \
     CASE WHEN b.as_of >= v.newest THEN b.valid_until ELSE v.valid_until END AS valid_until, v.source, \
     coalesce(v.source <> 'derived' AND v.held = 0 AND coalesce(b.as_of, 0) < v.newest, FALSE) AS as_posted";

/// To be embedded in the rows of statements that select them by these names.
#[derive(QueryableByName)]
pub(in super::super) struct CountColumns {
    #[diesel(sql_type = Nullable<Text>)]
    sex: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    isolation: Option<bool>,
    #[diesel(sql_type = Nullable<BigInt>)]
    staffed: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    occupied: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    reserved: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    blocked: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    available: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    as_of: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    valid_until: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    source: Option<String>,
}

impl CountColumns {
    /// The count of a view, with the freshness that it has now.
    pub fn count(self, as_posted: bool) -> Count {
        Count {
            sex: self.sex,
            isolation: self.isolation,
            staffed: self.staffed,
            occupied: self.occupied,
            reserved: self.reserved,
            blocked: self.blocked,
            available: self.available,
            as_of: self.as_of,
            valid_until: self.valid_until.unwrap_or(0),
            source: self.source.unwrap_or_else(|| Source::default().code().to_owned()),
            as_posted,
        }
    }

    /// The count as the ward's own board keeps it.
    pub(super) fn slice(self, held: i64, newest: i64) -> Slice {
        Slice {
            sex: self.sex,
            isolation: self.isolation,
            staffed: self.staffed,
            occupied: self.occupied,
            reserved: self.reserved,
            blocked: self.blocked,
            available: self.available,
            as_of: self.as_of,
            valid_until: self.valid_until.unwrap_or(0),
            source: self.source.as_deref().and_then(Source::from_code),
            held,
            newest,
        }
    }
}
