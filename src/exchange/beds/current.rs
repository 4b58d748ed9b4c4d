//! Locations as they are now: what the gateway derives is laid over the stored texts.

use crate::error::Result;
use crate::exchange::Gateway;
use crate::fhir::instant::Instant;
use crate::fhir::json::to_compact;
use crate::region;
use crate::store::{self, Board, BoardsWanted, Connection, Moment, Shown, Version};

impl Gateway {
    /// Lays what the boards say over these versions, as far as they are beds, wards or facilities. Answers whether the version
    /// at each place has content that its number does not stand for.
    pub(in crate::exchange) async fn lay_over(&self, versions: &mut [&mut Version]) -> Result<Vec<bool>> {
        if !versions.iter().any(|version| may_be(version).any()) {
            return Ok(vec![false; versions.len()]);
        }
        self.lay_over_on(&mut self.database.reader().await?, versions).await
    }

    /// The same with the connection that is at hand: whoever holds one must not wait for another.
    pub(in crate::exchange) async fn lay_over_on(
        &self,
        connection: &mut Connection,
        versions: &mut [&mut Version],
    ) -> Result<Vec<bool>> {
        let kinds: Vec<Kinds> = versions.iter().map(|version| may_be(version)).collect();
        if !kinds.iter().any(|kinds| kinds.any()) {
            return Ok(vec![false; versions.len()]);
        }
        let mut wanted = BoardsWanted::default();
        versions.iter().zip(&kinds).for_each(|(version, kinds)| kinds.want(version.key.id.as_str(), &mut wanted));
        let found = store::boards_of(connection, &wanted).await?;
        let mut laid = Vec::with_capacity(versions.len());
        for (version, kinds) in versions.iter_mut().zip(kinds) {
            let board = found.boards.get(version.key.id.as_str()).filter(|_| kinds.any());
            laid.push(lay(version, board, self.now())?);
        }
        Ok(laid)
    }

    /// The location as it is shown, read after `moment`, and kept for whoever asks next.
    pub(in crate::exchange) async fn show(
        &self,
        mut version: Version,
        moment: Option<Moment>,
    ) -> Result<(Version, bool)> {
        let (kinds, now) = (may_be(&version), self.now());
        if !kinds.any() {
            return Ok((version, false));
        }
        let (mut wanted, id) = (BoardsWanted::default(), version.key.id.to_string());
        kinds.want(&id, &mut wanted);
        let mut found = store::boards_of(&mut self.database.reader().await?, &wanted).await?;
        let board = found.boards.get(&id);
        let until = match board {
            Some(Board::Ward(counts)) => {
                counts.iter().map(|count| count.valid_until).filter(|until| *until > now.0).min().unwrap_or(i64::MAX)
            }
            _ => i64::MAX,
        };
        let is_laid_over = lay(&mut version, board, now)?;
        if let Some(moment) = moment {
            let shown = Shown { version: version.clone(), is_laid_over, until };
            store::keep_shown(&self.database, shown, found.wards.remove(&id).unwrap_or(id), moment);
        }
        Ok((version, is_laid_over))
    }
}

/// Lays what the board says over the version. Answers whether it has content that its number does not stand for.
fn lay(version: &mut Version, board: Option<&Board>, now: Instant) -> Result<bool> {
    let (Some(board), Some(body)) = (board, &version.body) else { return Ok(false) };
    let tree = store::stored_tree(body)?;
    if let Some(laid) = region::laid_over(&tree, board, now) {
        version.body = Some(to_compact(&laid));
    }
    // Even where nothing differs now: it may in a moment, under the same number.
    Ok(true)
}

/// What a version may be, at a look: the board knows.
#[derive(Clone, Copy, Default)]
struct Kinds {
    bed: bool,
    ward: bool,
    facility: bool,
}

impl Kinds {
    fn any(self) -> bool {
        self.bed || self.ward || self.facility
    }

    fn want(self, id: &str, wanted: &mut BoardsWanted) {
        wanted.beds.extend(self.bed.then(|| id.to_owned()));
        wanted.wards.extend(self.ward.then(|| id.to_owned()));
        wanted.facilities.extend(self.facility.then(|| id.to_owned()));
    }
}

fn may_be(version: &Version) -> Kinds {
    let Some(body) = version.body.as_deref().filter(|_| version.key.rtype.as_str() == "Location") else {
        return Kinds::default();
    };
    // A code may be written with escapes.
    let escaped = body.contains("\\u");
    let has = |code: &str| escaped || body.contains(code);
    Kinds { bed: has("\"bd\""), ward: has("\"wa\""), facility: has("\"si\"") }
}
