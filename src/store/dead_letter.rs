//! HL7 v2 messages that could not be applied.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use super::connection::Database;
use super::error::StoreError;
use super::reindex::transact;
use super::resource::Number;
use super::sql::Sql;

/// One message, without what is said of patients.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct DeadLetter {
    #[diesel(sql_type = Text)]
    pub id: String,
    #[diesel(sql_type = Text)]
    pub sender: String,
    #[diesel(sql_type = Text)]
    pub control_id: String,
    #[diesel(sql_type = Text)]
    pub event: String,
    /// HL7 v2 table 0357.
    #[diesel(sql_type = Text)]
    pub code: String,
    /// Such as `NPU-1`.
    #[diesel(sql_type = Text)]
    pub place: String,
    #[diesel(sql_type = Text)]
    pub reason_ja: String,
    #[diesel(sql_type = Text)]
    pub reason_en: String,
    #[diesel(sql_type = Text)]
    pub message: String,
    #[diesel(sql_type = Text)]
    pub state: String,
    /// How often it was sent.
    #[diesel(sql_type = BigInt)]
    pub times: i64,
    /// Milliseconds since 1970.
    #[diesel(sql_type = BigInt)]
    pub first_at: i64,
    #[diesel(sql_type = BigInt)]
    pub last_at: i64,
}

/// Where a dead letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterState {
    Waiting,
    Applied,
    Discarded,
}

const COLUMNS: &str =
    "id, sender, control_id, event, code, place, reason_ja, reason_en, message, state, times, first_at, last_at";
/// Letters that are kept, at most: whoever sends rubbish does not fill the disk.
const MOST: i64 = 20_000;

impl LetterState {
    pub const ALL: [LetterState; 3] = [LetterState::Waiting, LetterState::Applied, LetterState::Discarded];

    pub fn as_str(self) -> &'static str {
        match self {
            LetterState::Waiting => "waiting",
            LetterState::Applied => "applied",
            LetterState::Discarded => "discarded",
        }
    }

    pub fn parse(text: &str) -> Option<LetterState> {
        LetterState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Keeps a letter; one that came before has its reason renewed, and waits again. Answers whether there was room.
pub async fn keep_letter(database: &Database, letter: DeadLetter) -> Result<bool, StoreError> {
    const KEEP: &str = "INSERT INTO hl7_dead_letter (id, sender, control_id, event, code, place, reason_ja, reason_en, \
         message, state, times, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET code = excluded.code, place = excluded.place, reason_ja = excluded.reason_ja, \
         reason_en = excluded.reason_en, state = excluded.state, times = hl7_dead_letter.times + excluded.times, \
         last_at = excluded.last_at";
    const COUNT: &str = "SELECT count(*) AS value FROM hl7_dead_letter WHERE id <> ?";
    database
        .aside(async move |database| {
            let mut connection = database.writer().await?;
            let others: Vec<Number> = connection.load(Sql::new(COUNT).bind(letter.id.as_str())).await?;
            if others.first().is_some_and(|row| row.value >= MOST) {
                return Ok(false);
            }
            let sql = Sql::new(KEEP).bind(letter.id).bind(letter.sender).bind(letter.control_id).bind(letter.event);
            let sql = sql.bind(letter.code).bind(letter.place).bind(letter.reason_ja).bind(letter.reason_en);
            let sql = sql.bind(letter.message).bind(letter.state).bind(letter.times);
            let sql = sql.bind(letter.first_at).bind(letter.last_at);
            transact(&mut connection, async |connection| connection.execute(sql.clone()).await).await?;
            Ok(true)
        })
        .await
}

/// Letters of a state, those that came last first: at most `limit`, of a sender where one is named.
pub async fn letters(
    database: &Database,
    state: LetterState,
    sender: Option<&str>,
    limit: i64,
) -> Result<Vec<DeadLetter>, StoreError> {
    let mut sql = Sql::new(format!("SELECT {COLUMNS} FROM hl7_dead_letter WHERE state = ?")).bind(state.as_str());
    if let Some(sender) = sender {
        sql = sql.then(" AND sender = ?", [sender.into()]);
    }
    database.reader().await?.load(sql.then(" ORDER BY last_at DESC, id LIMIT ?", [limit.into()])).await
}

/// One letter.
pub async fn letter(database: &Database, id: &str) -> Result<Option<DeadLetter>, StoreError> {
    let sql = Sql::new(format!("SELECT {COLUMNS} FROM hl7_dead_letter WHERE id = ?")).bind(id);
    Ok(database.reader().await?.load(sql).await?.into_iter().next())
}

/// Says where a letter stands now; answers whether there is such a letter.
pub async fn settle_letter(database: &Database, id: &str, state: LetterState) -> Result<bool, StoreError> {
    let sql = Sql::new("UPDATE hl7_dead_letter SET state = ? WHERE id = ?").bind(state.as_str()).bind(id);
    database
        .aside(async move |database| {
            let mut connection = database.writer().await?;
            Ok(transact(&mut connection, async |connection| connection.execute(sql.clone()).await).await? > 0)
        })
        .await
}

/// Takes away letters that came last before that moment; answers how many.
pub async fn sweep_letters(database: &Database, before: i64) -> Result<usize, StoreError> {
    let sql = Sql::new("DELETE FROM hl7_dead_letter WHERE last_at < ?").bind(before);
    database
        .aside(async move |database| {
            let mut connection = database.writer().await?;
            transact(&mut connection, async |connection| connection.execute(sql.clone()).await).await
        })
        .await
}
