//! The boards that readers know, in the order of their names. Written by the committer after the sync.

use std::collections::BTreeMap;
use std::ops::Bound;

use hiscore_score::LeaderboardId;
use hiscore_store::embedded::BoardRow;
use parking_lot::RwLock;

/// All boards.
#[derive(Debug, Default)]
pub struct Directory(RwLock<BTreeMap<LeaderboardId, BoardRow>>);

impl Directory {
    /// Puts a board in, or its new season.
    pub fn put(&self, row: BoardRow) {
        self.0.write().insert(row.id.clone(), row);
    }

    /// A board.
    pub fn get(&self, id: &LeaderboardId) -> Option<BoardRow> {
        self.0.read().get(id).cloned()
    }

    /// At most `first` boards strictly after `after`, and whether more follow.
    pub fn list(&self, after: Option<&LeaderboardId>, first: usize) -> (Vec<BoardRow>, bool) {
        let boards = self.0.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows =
            boards.range::<LeaderboardId, _>((start, Bound::Unbounded)).map(|(_, row)| row.clone());
        let list = rows.by_ref().take(first).collect();
        (list, rows.next().is_some())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
