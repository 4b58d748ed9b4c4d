//! The rows of the region's tables (`migrations/*/0003_region_projections`).

use super::derived::{Bed, Facility, Member, Projection, Referral, Task, Ward};
use super::sql::{Column, RowAction, Rows};

/// Rows to put and rows to take away.
#[derive(Default)]
pub(super) struct ProjectionRows {
    facilities: Vec<(i64, Facility)>,
    wards: Vec<(i64, Ward)>,
    beds: Vec<(i64, Bed)>,
    referrals: Vec<(i64, Referral)>,
    tasks: Vec<(i64, Task)>,
    members: Vec<(i64, i64, Member)>,
    gone: Vec<(&'static str, Vec<i64>)>,
}

impl ProjectionRows {
    /// Puts `after` in the place of `before`, where they differ.
    pub fn replace(&mut self, key: i64, before: &Projection, after: &Projection) {
        if before == after {
            return;
        }
        // A team's members are replaced as a whole; any other row is overwritten in place.
        if let Some(table) = table_of(before)
            && (table_of(after) != Some(table) || table == MEMBERS)
        {
            self.take_away(table, key);
        }
        match after.clone() {
            Projection::None => {}
            Projection::Facility(facility) => self.facilities.push((key, facility)),
            Projection::Ward(ward) => self.wards.push((key, ward)),
            Projection::Bed(bed) => self.beds.push((key, bed)),
            Projection::Referral(referral) => self.referrals.push((key, referral)),
            Projection::Task(task) => self.tasks.push((key, task)),
            Projection::CareTeam(members) => {
                self.members.extend((0..).zip(members).map(|(position, member)| (key, position, member)));
            }
        }
    }

    fn take_away(&mut self, table: &'static str, key: i64) {
        if table == WARDS {
            self.take_away(VACANCIES, key);
            self.take_away(BOARDS, key);
        }
        match self.gone.iter_mut().find(|(name, _)| *name == table) {
            Some((_, keys)) => keys.push(key),
            None => self.gone.push((table, vec![key])),
        }
    }

    pub fn into_rows(self) -> Vec<Rows> {
        let gone = self.gone.into_iter().map(|(table, keys)| Rows {
            columns: vec![("key", Column::Ints(keys))],
            action: RowAction::Delete { table },
        });
        let put = [
            facility_rows(self.facilities),
            ward_rows(self.wards),
            bed_rows(self.beds),
            referral_rows(self.referrals),
            task_rows(self.tasks),
            member_rows(self.members),
        ];
        gone.chain(put).collect()
    }
}

const MEMBERS: &str = "care_team_member";
const WARDS: &str = "ward";
/// What only the boards of wards write (`store::board`).
const VACANCIES: &str = "ward_vacancy";
const BOARDS: &str = "ward_board";

/// The tables of the region, but for the time series.
pub(super) const PROJECTIONS: [&str; 8] =
    ["facility", WARDS, VACANCIES, BOARDS, "bed", "referral", "referral_task", MEMBERS];

/// Whether the table holds rows of such a projection.
pub(super) fn belongs_in(projection: &Projection, table: &str) -> bool {
    match table {
        VACANCIES | BOARDS => matches!(projection, Projection::Ward(_)),
        table => table_of(projection) == Some(table),
    }
}

/// Something that stands for whatever rows there are, so that all of them are replaced.
pub(super) fn any_of_the_kind(projection: &Projection) -> Projection {
    match projection {
        Projection::CareTeam(_) => Projection::CareTeam(vec![Member::default()]),
        _ => Projection::None,
    }
}

/// The table that holds such a row.
pub(super) fn table_of(projection: &Projection) -> Option<&'static str> {
    match projection {
        Projection::None => None,
        Projection::Facility(_) => Some("facility"),
        Projection::Ward(_) => Some(WARDS),
        Projection::Bed(_) => Some("bed"),
        Projection::Referral(_) => Some("referral"),
        Projection::Task(_) => Some("referral_task"),
        Projection::CareTeam(_) => Some(MEMBERS),
    }
}

type Texts = Vec<Option<String>>;

fn each<T, V>(rows: &[(i64, T)], field: impl Fn(&T) -> V) -> Vec<V> {
    rows.iter().map(|(_, row)| field(row)).collect()
}

fn texts<T>(rows: &[(i64, T)], field: impl Fn(&T) -> &Option<String>) -> Column {
    let values: Texts = rows.iter().map(|(_, row)| field(row).clone()).collect();
    Column::MaybeTexts(values)
}

fn keys<T>(rows: &[(i64, T)]) -> Column {
    Column::Ints(rows.iter().map(|(key, _)| *key).collect())
}

fn facility_rows(rows: Vec<(i64, Facility)>) -> Rows {
    Rows {
        columns: vec![
            ("key", keys(&rows)),
            ("id", Column::Texts(each(&rows, |row| row.id.clone()))),
            ("name", texts(&rows, |row| &row.name)),
            ("status", texts(&rows, |row| &row.status)),
            ("organization_id", texts(&rows, |row| &row.organization_id)),
            ("latitude", Column::MaybeDoubles(each(&rows, |row| row.latitude))),
            ("longitude", Column::MaybeDoubles(each(&rows, |row| row.longitude))),
            ("municipality", texts(&rows, |row| &row.municipality)),
            ("city", texts(&rows, |row| &row.city)),
        ],
        action: RowAction::Upsert { table: "facility", fixed: 2 },
    }
}

fn ward_rows(rows: Vec<(i64, Ward)>) -> Rows {
    Rows {
        columns: vec![
            ("key", keys(&rows)),
            ("id", Column::Texts(each(&rows, |row| row.id.clone()))),
            ("name", texts(&rows, |row| &row.name)),
            ("status", texts(&rows, |row| &row.status)),
            ("facility_id", texts(&rows, |row| &row.facility_id)),
            ("bed_function", texts(&rows, |row| &row.bed_function)),
            ("admission_fee", texts(&rows, |row| &row.admission_fee)),
            ("admittable_sex", texts(&rows, |row| &row.admittable_sex)),
            ("capabilities", Column::Texts(each(&rows, |row| row.capabilities.clone()))),
            ("latitude", Column::MaybeDoubles(each(&rows, |row| row.latitude))),
            ("longitude", Column::MaybeDoubles(each(&rows, |row| row.longitude))),
        ],
        action: RowAction::Upsert { table: "ward", fixed: 2 },
    }
}

/// Without their freshness, which only the boards of wards write.
fn bed_rows(rows: Vec<(i64, Bed)>) -> Rows {
    Rows {
        columns: vec![
            ("key", keys(&rows)),
            ("id", Column::Texts(each(&rows, |row| row.id.clone()))),
            ("status", texts(&rows, |row| &row.status)),
            ("ward_id", texts(&rows, |row| &row.ward_id)),
            ("operational_status", texts(&rows, |row| &row.operational_status)),
            (
                "standing",
                Column::MaybeTexts(each(&rows, |row| row.standing.map(|standing| standing.code().to_owned()))),
            ),
            ("admittable_sex", texts(&rows, |row| &row.admittable_sex)),
            ("isolation", Column::MaybeBools(each(&rows, |row| row.isolation))),
            ("names", Column::Texts(each(&rows, |row| row.names.clone()))),
        ],
        action: RowAction::Upsert { table: "bed", fixed: 2 },
    }
}

fn referral_rows(rows: Vec<(i64, Referral)>) -> Rows {
    Rows {
        columns: vec![
            ("key", keys(&rows)),
            ("id", Column::Texts(each(&rows, |row| row.id.clone()))),
            ("status", texts(&rows, |row| &row.status)),
            ("category", texts(&rows, |row| &row.category)),
            ("priority", texts(&rows, |row| &row.priority)),
            ("subject", texts(&rows, |row| &row.subject)),
            ("requester", texts(&rows, |row| &row.requester)),
            ("authored_on", Column::MaybeInts(each(&rows, |row| row.authored_on))),
            ("sex", texts(&rows, |row| &row.sex)),
            ("isolation", Column::MaybeBools(each(&rows, |row| row.isolation))),
        ],
        action: RowAction::Upsert { table: "referral", fixed: 2 },
    }
}

fn task_rows(rows: Vec<(i64, Task)>) -> Rows {
    Rows {
        columns: vec![
            ("key", keys(&rows)),
            ("id", Column::Texts(each(&rows, |row| row.id.clone()))),
            ("status", texts(&rows, |row| &row.status)),
            ("focus", texts(&rows, |row| &row.focus)),
            ("owner", texts(&rows, |row| &row.owner)),
            ("location", texts(&rows, |row| &row.location)),
            ("answer_by", Column::MaybeInts(each(&rows, |row| row.answer_by))),
            ("hold_until", Column::MaybeInts(each(&rows, |row| row.hold_until))),
        ],
        action: RowAction::Upsert { table: "referral_task", fixed: 2 },
    }
}

fn member_rows(rows: Vec<(i64, i64, Member)>) -> Rows {
    let position = Column::Ints(rows.iter().map(|(_, position, _)| *position).collect());
    let rows: Vec<(i64, Member)> = rows.into_iter().map(|(key, _, member)| (key, member)).collect();
    Rows {
        columns: vec![
            ("key", keys(&rows)),
            ("position", position),
            ("team_id", Column::Texts(each(&rows, |row| row.team_id.clone()))),
            ("team_status", texts(&rows, |row| &row.team_status)),
            ("subject", texts(&rows, |row| &row.subject)),
            ("member", texts(&rows, |row| &row.member)),
            ("role", texts(&rows, |row| &row.role)),
            ("period_start", Column::MaybeInts(each(&rows, |row| row.period_start))),
            ("period_end", Column::MaybeInts(each(&rows, |row| row.period_end))),
        ],
        action: RowAction::Insert { table: MEMBERS, suffix: "" },
    }
}
