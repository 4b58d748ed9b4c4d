//! Loading the boards that a batch touches.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::super::change::{Action, Unit};
use super::super::connection::Connection;
use super::super::derived::{Derive, Projection, Source, Standing};
use super::super::error::StoreError;
use super::super::overlay::Overlay;
use super::apply::{Boards, Place};
use super::cache::BoardCache;
use super::columns::CountColumns;
use super::ward::{BedState, Hold, Reported, WardState};

/// What a batch touches.
#[derive(Default)]
struct Wanted {
    wards: BTreeSet<String>,
    tasks: BTreeSet<String>,
    places: BTreeSet<String>,
    referrals: BTreeSet<String>,
}

impl<'a> Boards<'a> {
    /// The boards that these units touch.
    pub async fn load(
        connection: &mut Connection,
        units: &[&Unit],
        overlay: &mut Overlay<'_>,
        cache: &mut BoardCache,
        derive: &'a dyn Derive,
    ) -> Result<Boards<'a>, StoreError> {
        let (mut boards, mut wanted) = (Boards::new(derive.board_policy()), Wanted::default());
        for unit in units {
            for step in &unit.steps {
                let rtype = step.key.rtype.as_str();
                if !matches!(rtype, "Location" | "Task" | "ServiceRequest") || matches!(step.action, Action::Read) {
                    continue;
                }
                if let Some(entry) = overlay.entries.get_mut(&step.key)
                    && let Some(content) = entry.loaded_content(rtype, derive)?
                {
                    wanted.add(&content.derived.projection);
                }
                if let Action::Put { draft, .. } = &step.action {
                    wanted.add(&draft.derived.projection);
                    boards.know(&draft.derived.projection);
                }
            }
            let reported = unit.report.iter().flat_map(|report| &report.wards);
            wanted.wards.extend(reported.map(|ward| ward.ward.clone()));
        }
        boards.fetch(connection, wanted, cache).await?;
        Ok(boards)
    }

    /// The boards of these wards.
    pub async fn of_wards(
        connection: &mut Connection,
        ids: &BTreeSet<String>,
        derive: &'a dyn Derive,
    ) -> Result<Boards<'a>, StoreError> {
        let mut boards = Boards::new(derive.board_policy());
        boards.wards = wards(connection, ids, &mut BoardCache::default()).await?;
        Ok(boards)
    }

    /// What the batch itself brings.
    fn know(&mut self, projection: &Projection) {
        match projection {
            Projection::Bed(bed) => {
                let place = bed.ward_id.clone().map(|ward| Place { ward, is_bed: true });
                self.place_wards.extend(place.map(|place| (bed.id.clone(), place)));
            }
            Projection::Ward(ward) => {
                self.place_wards.insert(ward.id.clone(), Place { ward: ward.id.clone(), is_bed: false });
            }
            Projection::Referral(referral) => {
                self.needs.insert(referral.id.clone(), (referral.sex.clone(), referral.isolation));
            }
            _ => {}
        }
    }

    async fn fetch(
        &mut self,
        connection: &mut Connection,
        mut wanted: Wanted,
        cache: &mut BoardCache,
    ) -> Result<(), StoreError> {
        if !wanted.tasks.is_empty() {
            for (task, ward) in tasks(connection, &wanted.tasks).await? {
                wanted.wards.insert(ward.clone());
                self.hold_wards.insert(task, ward);
            }
            for (id, place) in places(connection, &wanted.places).await? {
                self.place_wards.entry(id).or_insert(place);
            }
            for (id, need) in needs(connection, &wanted.referrals).await? {
                self.needs.entry(id).or_insert(need);
            }
            wanted.wards.extend(self.place_wards.values().map(|place| place.ward.clone()));
        }
        self.wards = wards(connection, &wanted.wards, cache).await?;
        Ok(())
    }
}

impl Wanted {
    fn add(&mut self, projection: &Projection) {
        match projection {
            Projection::Bed(bed) => self.wards.extend(bed.ward_id.clone()),
            Projection::Ward(ward) => drop(self.wards.insert(ward.id.clone())),
            Projection::Task(task) => {
                self.tasks.insert(task.id.clone());
                let id = |reference: &Option<String>, rtype: &str| {
                    reference.as_deref()?.strip_prefix(rtype)?.strip_prefix('/').map(str::to_owned)
                };
                self.places.extend(id(&task.location, "Location"));
                self.referrals.extend(id(&task.focus, "ServiceRequest"));
            }
            _ => {}
        }
    }
}

#[derive(QueryableByName)]
struct HoldRow {
    #[diesel(sql_type = Text)]
    task_id: String,
    #[diesel(sql_type = Text)]
    ward_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    bed_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    sex: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    isolation: Option<bool>,
    #[diesel(sql_type = BigInt)]
    since: i64,
    #[diesel(sql_type = BigInt)]
    until: i64,
}

const HOLDS: &str = "SELECT task_id, ward_id, bed_id, sex, isolation, since, until FROM bed_hold WHERE ";

/// The wards in which tasks hold beds.
async fn tasks(connection: &mut Connection, ids: &BTreeSet<String>) -> Result<Vec<(String, String)>, StoreError> {
    let rows: Vec<HoldRow> = connection.load_each(&format!("{HOLDS}task_id"), ids).await?;
    Ok(rows.into_iter().map(|row| (row.task_id, row.ward_id)).collect())
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    bed_ward: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    ward: Option<String>,
}

async fn places(connection: &mut Connection, ids: &BTreeSet<String>) -> Result<Vec<(String, Place)>, StoreError> {
    const TEXT: &str = "SELECT r.rid AS id, b.ward_id AS bed_ward, w.id AS ward FROM resource r \
         LEFT JOIN bed b ON b.key = r.key LEFT JOIN ward w ON w.key = r.key WHERE r.rtype = 'Location' AND r.rid";
    let rows: Vec<PlaceRow> = connection.load_each(TEXT, ids).await?;
    let place = |row: PlaceRow| {
        let of_bed = row.bed_ward.map(|ward| Place { ward, is_bed: true });
        Some((row.id, of_bed.or(row.ward.map(|ward| Place { ward, is_bed: false }))?))
    };
    Ok(rows.into_iter().filter_map(place).collect())
}

#[derive(QueryableByName)]
struct NeedRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    sex: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    isolation: Option<bool>,
}

type Need = (Option<String>, Option<bool>);

async fn needs(connection: &mut Connection, ids: &BTreeSet<String>) -> Result<Vec<(String, Need)>, StoreError> {
    const TEXT: &str = "SELECT r.rid AS id, f.sex, f.isolation FROM resource r JOIN referral f ON f.key = r.key \
         WHERE r.rtype = 'ServiceRequest' AND r.rid";
    let rows: Vec<NeedRow> = connection.load_each(TEXT, ids).await?;
    Ok(rows.into_iter().map(|row| (row.id, (row.sex, row.isolation))).collect())
}

#[derive(QueryableByName)]
struct WardRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    facility_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    bed_function: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    admittable_sex: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    changes: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    as_of: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    valid_until: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    source: Option<String>,
    #[diesel(sql_type = BigInt)]
    series_at: i64,
}

#[derive(QueryableByName)]
struct BedRow {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    ward_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    standing: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    admittable_sex: Option<String>,
    #[diesel(sql_type = Nullable<Bool>)]
    isolation: Option<bool>,
    #[diesel(sql_type = Nullable<BigInt>)]
    as_of: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    valid_until: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    source: Option<String>,
}

#[derive(QueryableByName)]
struct SliceRow {
    #[diesel(sql_type = Text)]
    ward_id: String,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(embed)]
    count: CountColumns,
    #[diesel(sql_type = BigInt)]
    held: i64,
    #[diesel(sql_type = BigInt)]
    newest: i64,
}

/// The boards of these wards, whether the wards are there or not. The board's own row is read first: what changes behind it
/// is noticed when that row is written.
async fn wards(
    connection: &mut Connection,
    ids: &BTreeSet<String>,
    cache: &mut BoardCache,
) -> Result<BTreeMap<String, WardState>, StoreError> {
    const WARDS: &str = "SELECT w.key, w.id, w.facility_id, w.bed_function, w.admittable_sex, b.changes, b.as_of, b.valid_until, \
         b.source, coalesce(b.series_at, 0) AS series_at FROM ward w LEFT JOIN ward_board b ON b.key = w.key WHERE w.id";
    const BEDS: &str = "SELECT key, id, ward_id, standing, admittable_sex, isolation, as_of, valid_until, source \
         FROM bed WHERE ward_id";
    const SLICES: &str = "SELECT w.id AS ward_id, v.position, v.sex, v.isolation, v.staffed, v.occupied, v.reserved, v.blocked, \
         v.available, v.as_of, v.valid_until, v.source, v.held, v.newest \
         FROM ward w JOIN ward_vacancy v ON v.key = w.key WHERE w.id";
    let position = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let mut unknown = ids.clone();
    let mut found: BTreeMap<String, WardState> = ids.iter().map(|id| (id.clone(), WardState::default())).collect();
    for row in connection.load_each::<WardRow>(WARDS, ids).await? {
        let Some(state) = found.get_mut(&row.id) else { continue };
        let report = reported(row.as_of.filter(|as_of| *as_of > 0), row.valid_until, row.source);
        match cache.take(&row.id, row.changes, report) {
            Some(kept) => {
                *state = kept;
                unknown.remove(&row.id);
            }
            None => (state.report, state.stored.report, state.stored.changes) = (report, report, row.changes),
        }
        (state.is_ward, state.key) = (true, Some(row.key));
        (state.belonging, state.sex) = ((row.facility_id, row.bed_function), row.admittable_sex);
        (state.stored.belonging, state.stored.series_at) = (state.belonging.clone(), row.series_at);
        state.series_at = row.series_at;
    }
    for row in connection.load_each::<BedRow>(BEDS, &unknown).await? {
        let Some(state) = row.ward_id.and_then(|ward| found.get_mut(&ward)) else { continue };
        let bed = BedState {
            key: Some(row.key),
            standing: row.standing.as_deref().and_then(Standing::from_code),
            sex: row.admittable_sex,
            isolation: row.isolation,
            reported: reported(row.as_of, row.valid_until, row.source),
        };
        state.beds.insert(row.id, bed);
    }
    for row in connection.load_each::<SliceRow>(SLICES, &unknown).await? {
        let Some(state) = found.get_mut(&row.ward_id) else { continue };
        state.stored.misplaced |= row.position != position(state.slices.len());
        state.slices.push(row.count.slice(row.held, row.newest));
    }
    for row in connection.load_each::<HoldRow>(&format!("{HOLDS}ward_id"), &unknown).await? {
        let Some(state) = found.get_mut(&row.ward_id) else { continue };
        let HoldRow { task_id, bed_id, sex, isolation, since, until, .. } = row;
        state.holds.push(Hold { task_id, bed_id, sex, isolation, since, until });
    }
    for id in &unknown {
        let Some(state) = found.get_mut(id) else { continue };
        (state.stored.holds, state.stored.slices) = (state.holds.clone(), state.slices.clone());
    }
    Ok(found)
}

fn reported(as_of: Option<i64>, valid_until: Option<i64>, source: Option<String>) -> Option<Reported> {
    let source = source.as_deref().and_then(Source::from_code).unwrap_or_default();
    as_of.map(|as_of| Reported { as_of, valid_until: valid_until.unwrap_or(0), source })
}
