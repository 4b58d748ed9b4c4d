//! Locations as they are now: what the gateway derives is laid over the stored texts.

use crate::error::Result;
use crate::exchange::Gateway;
use crate::fhir::json::to_compact;
use crate::region;
use crate::store::{self, BoardsWanted, Connection, Version};

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
        let (mut wanted, mut any) = (BoardsWanted::default(), false);
        for version in versions.iter() {
            let (kinds, id) = (may_be(version), version.key.id.as_str());
            wanted.beds.extend(kinds.bed.then(|| id.to_owned()));
            wanted.wards.extend(kinds.ward.then(|| id.to_owned()));
            wanted.facilities.extend(kinds.facility.then(|| id.to_owned()));
            any |= kinds.any();
        }
        if !any {
            return Ok(vec![false; versions.len()]);
        }
        let boards = store::boards_of(connection, &wanted).await?;
        let mut laid = Vec::with_capacity(versions.len());
        for version in versions {
            let board = boards.get(version.key.id.as_str()).filter(|_| may_be(version).any());
            let (Some(board), Some(body)) = (board, &version.body) else {
                laid.push(false);
                continue;
            };
            let tree = store::stored_tree(body)?;
            if let Some(now) = region::laid_over(&tree, board, self.now()) {
                version.body = Some(to_compact(&now));
            }
            // Even where nothing differs now: it may in a moment, under the same number.
            laid.push(true);
        }
        Ok(laid)
    }
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
