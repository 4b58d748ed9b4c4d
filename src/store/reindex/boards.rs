//! The boards of wards made anew: from beds and holds, or from the counts that the ward's own text has.

use std::collections::{BTreeSet, HashMap};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::super::board::{Boards, Slice};
use super::super::connection::Connection;
use super::super::derived::{Derive, Projection};
use super::super::error::StoreError;
use super::super::resource::{Number, stored_tree};
use super::super::sql::Sql;
use super::{CHUNK, Progress, Stage, transact};
use crate::clock::{Clock, SystemClock};

#[derive(QueryableByName)]
struct WardText {
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

/// Makes the counts of every ward what they have to be. How fresh they are is in no text and stays as it is, where it is
/// there.
pub(super) async fn rebuild_boards(
    connection: &mut Connection,
    derive: &dyn Derive,
    progress: Progress<'_>,
) -> Result<(), StoreError> {
    const WARDS: &str = "SELECT w.key, w.id, v.body FROM ward w JOIN resource r ON r.key = w.key \
         JOIN resource_version v ON v.seq = r.seq WHERE w.key > ? ORDER BY w.key LIMIT ?";
    let total: Vec<Number> = connection.load_many(Sql::new("SELECT count(*) AS value FROM ward")).await?;
    let total = total.first().map_or(0, |row| row.value.unsigned_abs());
    let (mut after, mut done) = (i64::MIN, 0);
    loop {
        let last = transact(connection, async |connection| {
            let texts: Vec<WardText> = connection.load_many(Sql::new(WARDS).bind(after).bind(CHUNK)).await?;
            mend(connection, &texts, derive).await?;
            Ok(texts.last().map(|text| (text.key, texts.len() as u64)))
        })
        .await?;
        let Some((last, count)) = last else { return Ok(()) };
        (after, done) = (last, done + count);
        progress(Stage::Boards, done, total.max(done));
    }
}

async fn mend(connection: &mut Connection, texts: &[WardText], derive: &dyn Derive) -> Result<(), StoreError> {
    let ids: BTreeSet<String> = texts.iter().map(|text| text.id.clone()).collect();
    let mut boards = Boards::of_wards(connection, &ids, derive).await?;
    for text in texts {
        let Some(state) = boards.wards.get_mut(&text.id) else { continue };
        let before = state.slices.clone();
        if state.beds.is_empty() {
            state.slices = posted(text, derive)?.into_iter().map(|slice| as_fresh(slice, &before)).collect();
        }
        // Also where the counts were right: whoever keeps this board in memory may keep wrong beds.
        state.touched();
    }
    boards.flush(connection, &HashMap::new(), SystemClock.now().0).await
}

/// Counts that were posted again since, unchanged, are as fresh as that.
fn as_fresh(posted: Slice, stored: &[Slice]) -> Slice {
    let same = |old: &&Slice| (&old.sex, old.isolation) == (&posted.sex, posted.isolation);
    match stored.iter().find(same).filter(|old| old.as_of > posted.as_of) {
        Some(old) => Slice { as_of: old.as_of, valid_until: old.valid_until, newest: old.newest, ..posted },
        None => posted,
    }
}

/// The counts that the ward's text has.
fn posted(text: &WardText, derive: &dyn Derive) -> Result<Vec<Slice>, StoreError> {
    let Some(body) = &text.body else { return Ok(Vec::new()) };
    let tree = stored_tree(body)?;
    let Projection::Ward(ward) = derive.project("Location", &tree) else { return Ok(Vec::new()) };
    let validity = |source| derive.board_policy().validity(&text.id, ward.facility_id.as_deref(), source);
    Ok(ward.vacancies.iter().map(|vacancy| Slice::posted(vacancy, validity)).collect())
}
