//! What the gateway is measured against: the rows that an A20 message leaves behind, written with nothing around. Keys, versions
//! and counts are known beforehand; nothing is read, judged or hashed.

use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use kakehashi::store::{Column, Connection, Database, RowAction, Rows, Sql, parameter_id, system_id};

use super::region::{BEDS, BEDS_OF_WARD, HOSPITALS, bed};

const TABLE_0116: &str = "http://terminology.hl7.org/CodeSystem/v2-0116";

#[derive(QueryableByName)]
struct Current {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Text)]
    rid: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

/// What the loop knows of the region.
struct Known {
    /// Key and version of each bed, by its number.
    beds: Vec<(i64, i64)>,
    /// Of each ward, by its number.
    wards: Vec<i64>,
    next: i64,
    chain: String,
}

/// Updates beds in a database that a gateway has filled, `group` messages to a commit; answers the messages per second.
pub async fn write_rows(url: &str, group: usize, time: Duration) -> f64 {
    let database = Database::open(url).await.expect("the database");
    let mut connection = database.writer().await.expect("a connection");
    let mut known = know(&mut connection).await;
    let (started, mut done) = (Instant::now(), 0_usize);
    while started.elapsed() < time {
        write_group(&mut connection, &mut known, done, group).await;
        done += group;
    }
    done as f64 / started.elapsed().as_secs_f64()
}

/// How many messages the gateway has put into one commit since then, on average: a commit's rows bear one moment.
pub async fn grouping(url: &str, since: i64) -> usize {
    #[derive(QueryableByName)]
    struct Grouped {
        #[diesel(sql_type = BigInt)]
        messages: i64,
        #[diesel(sql_type = BigInt)]
        commits: i64,
    }
    let database = Database::open(url).await.expect("the database");
    let mut connection = database.writer().await.expect("a connection");
    let sql = "SELECT count(*) AS messages, count(DISTINCT at) AS commits FROM bed_status_event WHERE at >= ?";
    let rows: Vec<Grouped> = connection.load(Sql::new(sql).bind(since)).await.expect("the events");
    let Grouped { messages, commits } = rows[0];
    ((messages as f64 / commits.max(1) as f64).round() as usize).max(1)
}

async fn know(connection: &mut Connection) -> Known {
    let sql = "SELECT key, rid, version FROM resource WHERE rtype = 'Location'";
    let rows: Vec<Current> = connection.load(Sql::new(sql)).await.expect("the locations");
    let of = |prefix: &str| {
        let mut found: Vec<(usize, &Current)> =
            rows.iter().filter_map(|row| Some((row.rid.strip_prefix(prefix)?.parse().ok()?, row))).collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, row)| (row.key, row.version)).collect::<Vec<_>>()
    };
    let max = Sql::new("SELECT max(seq) + 1 AS value FROM resource_version");
    let next: Vec<Number> = connection.load(max).await.expect("the log");
    let wards = of("ward-").into_iter().map(|(key, _)| key).collect();
    Known { beds: of("bed-"), wards, next: next[0].value, chain: format!("bare-{}", next[0].value) }
}

/// The next places in the log: on PostgreSQL drawn as the gateway draws them, or gateways would find them taken.
async fn draw(connection: &mut Connection, known: &mut Known, group: i64) -> i64 {
    if !connection.is_sqlite() {
        let sql = Sql::new("SELECT first_seq AS value FROM kakehashi_stamp(?, ?)").bind(group).bind(group);
        let drawn: Vec<Number> = connection.load(sql).await.expect("a stamp");
        return drawn[0].value;
    }
    known.next += group;
    known.next - group
}

async fn write_group(connection: &mut Connection, known: &mut Known, done: usize, group: usize) {
    connection.begin().await.expect("a transaction");
    let first = draw(connection, known, group as i64).await;
    let at = chrono::Utc::now().timestamp_millis();
    for rows in rows_of(known, done, group, first, at) {
        connection.execute_rows(&rows).await.expect("rows");
    }
    connection.commit().await.expect("a commit");
}

/// One set of rows a table.
fn rows_of(known: &mut Known, done: usize, group: usize, first: i64, at: i64) -> Vec<Rows> {
    let group = Group::next(known, done, group, first, at);
    [group.of_log(), group.of_region(known), group.of_trail(known)].into_iter().flatten().collect()
}

/// The messages of one commit.
struct Group {
    /// Beds come in the order in which connections name them, each its own.
    numbers: Vec<usize>,
    keys: Vec<i64>,
    versions: Vec<i64>,
    turn: i64,
    status: &'static str,
    before: &'static str,
    first: i64,
    at: i64,
}

fn insert(table: &'static str, columns: Vec<(&'static str, Column)>) -> Rows {
    Rows { columns, action: RowAction::Insert { table, suffix: "" } }
}

fn update(table: &'static str, keyed: usize, columns: Vec<(&'static str, Column)>) -> Rows {
    Rows { columns, action: RowAction::Update { table, keyed } }
}

impl Group {
    fn next(known: &mut Known, done: usize, size: usize, first: i64, at: i64) -> Group {
        let (own, turn) = (BEDS / size, done / size);
        let numbers: Vec<usize> = (0..size).map(|client| client * own + turn % own).collect();
        let (status, before) = if (turn / own).is_multiple_of(2) { ("O", "U") } else { ("U", "O") };
        let keys = numbers.iter().map(|number| known.beds[*number].0).collect();
        numbers.iter().for_each(|number| known.beds[*number].1 += 1);
        let versions = numbers.iter().map(|number| known.beds[*number].1).collect();
        Group { numbers, keys, versions, turn: (turn % 20) as i64, status, before, first, at }
    }

    fn size(&self) -> usize {
        self.numbers.len()
    }

    fn keys(&self) -> Column {
        Column::Ints(self.keys.clone())
    }

    fn versions(&self) -> Column {
        Column::Ints(self.versions.clone())
    }

    fn seqs(&self) -> Column {
        Column::Ints((self.first..self.first + self.size() as i64).collect())
    }

    fn ats(&self) -> Column {
        Column::Ints(vec![self.at; self.size()])
    }

    fn moment(&self) -> Column {
        Column::MaybeInts(vec![Some(self.at); self.size()])
    }

    fn all(&self, text: &str) -> Column {
        Column::Texts(vec![text.to_owned(); self.size()])
    }

    fn some(&self, text: &str) -> Column {
        Column::MaybeTexts(vec![Some(text.to_owned()); self.size()])
    }

    fn of_log(&self) -> Vec<Rows> {
        let body = |number: &usize| Some(bed(*number, self.status, "2026-11-28T00:00:00.000Z"));
        let expected = self.versions.iter().map(|version| version - 1).collect();
        vec![
            update(
                "resource",
                2,
                vec![
                    ("key", self.keys()),
                    ("expected:version", Column::Ints(expected)),
                    ("version", self.versions()),
                    ("seq", self.seqs()),
                    ("deleted", Column::Bools(vec![false; self.size()])),
                ],
            ),
            insert("outbox", vec![("seq", self.seqs()), ("key", self.keys()), ("at", self.ats())]),
            insert(
                "resource_version",
                vec![
                    ("seq", self.seqs()),
                    ("key", self.keys()),
                    ("rtype", self.all("Location")),
                    ("version", self.versions()),
                    ("method", self.all("PUT")),
                    ("at", self.ats()),
                    ("tx", Column::Ints(vec![0; self.size()])),
                    ("body", Column::MaybeTexts(self.numbers.iter().map(body).collect())),
                ],
            ),
        ]
    }

    fn token(&self, code: &str, action: RowAction) -> Rows {
        let columns = vec![
            ("key", self.keys()),
            ("param", Column::Ints(vec![parameter_id("Location", "operational-status"); self.size()])),
            ("code", self.all(code)),
            ("system", Column::Ints(vec![system_id(TABLE_0116); self.size()])),
        ];
        Rows { columns, action }
    }

    fn of_region(&self, known: &Known) -> Vec<Rows> {
        let wards = || self.numbers.iter().map(|number| known.wards[number / BEDS_OF_WARD]);
        let count = |count| Column::MaybeInts(vec![Some(count); self.size()]);
        vec![
            self.token(self.before, RowAction::Delete { table: "index_token" }),
            self.token(self.status, RowAction::Insert { table: "index_token", suffix: "ON CONFLICT DO NOTHING" }),
            update(
                "bed",
                1,
                vec![
                    ("key", self.keys()),
                    ("operational_status", self.some(self.status)),
                    ("standing", self.some(if self.status == "O" { "occupied" } else { "available" })),
                    ("as_of", self.moment()),
                    ("valid_until", self.moment()),
                ],
            ),
            update("ward_board", 1, vec![("key", Column::Ints(wards().collect())), ("changes", self.seqs())]),
            update(
                "ward_vacancy",
                1,
                vec![
                    ("key", Column::Ints(wards().collect())),
                    ("occupied", count(self.turn)),
                    ("available", count(20 - self.turn)),
                    ("as_of", self.moment()),
                    ("newest", self.ats()),
                ],
            ),
        ]
    }

    /// What the wards' boards showed, one row a message.
    fn of_series(&self, known: &Known) -> Rows {
        let wards = || self.numbers.iter().map(|number| number / BEDS_OF_WARD);
        let facilities = wards().map(|ward| Some(format!("facility-{}", ward % HOSPITALS))).collect();
        let count = |count| Column::MaybeInts(vec![Some(count); self.size()]);
        let counts = format!(
            r#"[{{"sex":"any","isolation":false,"staffed":20,"occupied":{0},"reserved":0,"blocked":0,"available":{1},"asOf":"2026-11-28T00:00:00.000Z","source":"derived"}}]"#,
            self.turn,
            20 - self.turn
        );
        // A commit may hold two messages of a ward: places in the log are never twice.
        let columns = vec![
            ("key", Column::Ints(wards().map(|ward| known.wards[ward]).collect())),
            ("at", self.seqs()),
            ("facility_id", Column::MaybeTexts(facilities)),
            ("bed_function", self.some("acute")),
            ("staffed", count(20)),
            ("occupied", count(self.turn)),
            ("reserved", count(0)),
            ("blocked", count(0)),
            ("available", count(20 - self.turn)),
            ("counts", self.all(&counts)),
        ];
        Rows {
            columns,
            action: RowAction::Insert { table: "ward_occupancy", suffix: "ON CONFLICT (key, at) DO NOTHING" },
        }
    }

    fn of_trail(&self, known: &Known) -> Vec<Rows> {
        let ids = self.numbers.iter().map(|number| format!("bed-{number}")).collect();
        let wards = self.numbers.iter().map(|number| Some(format!("ward-{}", number / BEDS_OF_WARD))).collect();
        let digests = (0..self.size() as i64).map(|n| format!("hl7:hosp::{n}-1000-{}", self.first + n)).collect();
        vec![
            self.of_series(known),
            insert(
                "bed_status_event",
                vec![
                    ("seq", self.seqs()),
                    ("key", self.keys()),
                    ("ward_id", Column::MaybeTexts(wards)),
                    ("operational_status", self.some(self.status)),
                    ("as_of", self.moment()),
                    ("at", self.ats()),
                ],
            ),
            insert(
                "audit_event",
                vec![
                    ("chain", self.all(&known.chain)),
                    ("position", self.seqs()),
                    ("at", self.ats()),
                    ("request_id", self.all("hl7-00000000000000000000000000000000")),
                    ("agent", self.all("hl7:hosp")),
                    ("action", self.all("update")),
                    ("rtype", self.all("Location")),
                    ("rid", Column::Texts(ids)),
                    ("version", self.versions()),
                    ("hash", Column::Bytes(vec![vec![7; 32]; self.size()])),
                ],
            ),
            insert("idempotency_key", vec![("digest", Column::Texts(digests)), ("at", self.ats())]),
        ]
    }
}
