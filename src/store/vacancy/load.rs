//! Reading the wards that were marked since.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text};

use super::super::board::{COUNT_COLUMNS, CountColumns};
use super::super::connection::Database;
use super::super::error::StoreError;
use super::super::search::unit_vector;
use super::super::sql::Sql;
use super::WardNow;

/// What has changed since a mark.
#[derive(Default)]
pub(super) struct Changed {
    pub wards: BTreeMap<i64, WardNow>,
    pub gone: Vec<i64>,
    /// Whether these are all wards that there are.
    pub is_all: bool,
    /// Everything below is known with this.
    pub horizon: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = BigInt)]
    horizon: i64,
    #[diesel(sql_type = BigInt)]
    oldest: i64,
    #[diesel(sql_type = Nullable<Text>)]
    id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    bed_function: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    admission_fee: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    admittable_sex: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    capabilities: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    latitude: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    longitude: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    facility_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    facility_status: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    municipality: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    city: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    position: Option<i64>,
    #[diesel(embed)]
    count: CountColumns,
    #[diesel(sql_type = Nullable<Bool>)]
    as_posted: Option<bool>,
}

/// What has changed since the mark; everything, where the log of marks does not reach back so far. Each is one statement, so
/// that all of it is of one moment.
pub(super) async fn since(database: &Database, mark: i64) -> Result<Changed, StoreError> {
    const MARKED: &str = "(SELECT DISTINCT m.key FROM ward_mark m WHERE m.mark >= ?)";
    const EVERY: &str = "(SELECT w.key FROM ward w)";
    let mut connection = database.reader().await?;
    let is_sqlite = connection.is_sqlite();
    if mark > 0 {
        let rows: Vec<Row> = connection.load(Sql::new(statement(is_sqlite, MARKED)).bind(mark)).await?;
        if rows.iter().all(|row| row.oldest <= mark) {
            return Ok(Changed::of(rows));
        }
    }
    let rows: Vec<Row> = connection.load(Sql::new(statement(is_sqlite, EVERY))).await?;
    Ok(Changed { is_all: true, ..Changed::of(rows) })
}

impl Changed {
    fn of(mut rows: Vec<Row>) -> Changed {
        rows.sort_by_key(|row| (row.key, row.position));
        let mut changed = Changed::default();
        for mut row in rows {
            changed.horizon = changed.horizon.max(row.horizon);
            let Some(id) = row.id.take() else {
                changed.gone.push(row.key);
                continue;
            };
            let ward = changed.wards.entry(row.key).or_insert_with(|| row.ward(id));
            if row.position.is_some() {
                ward.counts.push(row.count.count(row.as_posted.unwrap_or(false)));
            }
        }
        changed
    }
}

/// The wards of these keys. `horizon`: below which mark nothing new can appear: on SQLite the writer is alone; on PostgreSQL
/// transactions end in any order, but all below the oldest one running have ended. `oldest`: the first mark that the log has.
fn statement(is_sqlite: bool, keys: &str) -> String {
    let horizon = match is_sqlite {
        true => "(SELECT coalesce(max(m.mark), 0) + 1 FROM ward_mark m)",
        false => "pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
    };
    format!(
        "SELECT c.key, {horizon} AS horizon, (SELECT coalesce(min(m.mark), 0) FROM ward_mark m) AS oldest, w.id, w.status, \
         w.bed_function, w.admission_fee, w.admittable_sex, w.capabilities, \
         coalesce(w.latitude, f.latitude) AS latitude, coalesce(w.longitude, f.longitude) AS longitude, \
         w.facility_id, f.status AS facility_status, f.municipality, f.city, v.position, {COUNT_COLUMNS} \
         FROM {keys} c LEFT JOIN ward w ON w.key = c.key LEFT JOIN facility f ON f.id = w.facility_id \
         LEFT JOIN ward_vacancy v ON v.key = c.key LEFT JOIN ward_board b ON b.key = c.key"
    )
}

impl Row {
    fn ward(&mut self, id: String) -> WardNow {
        let is_active = |status: &Option<String>| status.as_deref().is_none_or(|status| status == "active");
        let capabilities = self.capabilities.take().unwrap_or_default();
        WardNow {
            key: self.key,
            id,
            in_use: is_active(&self.status) && is_active(&self.facility_status),
            function: self.bed_function.take(),
            fee: self.admission_fee.take(),
            sex: self.admittable_sex.take(),
            capabilities: capabilities.split_whitespace().map(str::to_owned).collect(),
            facility_id: self.facility_id.take(),
            municipality: self.municipality.take(),
            city: self.city.take(),
            point: self.latitude.zip(self.longitude).map(|(latitude, longitude)| unit_vector(latitude, longitude)),
            counts: Vec::new(),
        }
    }
}
