//! The ranking tier in process: every season that is held, found by its name.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;

use hiscore_score::Season;
use parking_lot::RwLock;

use crate::contract::{Answer, Query, RankError, Ranking};
use crate::{Board, Index};

/// All seasons in this process. Shared by reference; every method may be called from any thread.
#[derive(Debug, Default)]
pub struct MemoryRanks {
    boards: RwLock<HashMap<Season, Arc<Board>>>,
}

impl MemoryRanks {
    /// No season yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The board of a season, empty if it was not there before.
    pub fn create(&self, season: &Season) -> Arc<Board> {
        if let Some(board) = self.board(season) {
            return board;
        }
        Arc::clone(self.boards.write().entry(season.clone()).or_default())
    }

    /// Puts a loaded index in place of whatever the season had: for a restart. Who still holds the board that
    /// was there goes on seeing the old order.
    pub fn install(&self, season: &Season, index: Index) -> Arc<Board> {
        let board = Arc::new(Board::new(index));
        self.boards.write().insert(season.clone(), Arc::clone(&board));
        board
    }

    /// The board of a season, if it is held.
    pub fn board(&self, season: &Season) -> Option<Arc<Board>> {
        self.boards.read().get(season).map(Arc::clone)
    }

    /// Lets a season go, and says whether it was held. Readers that have it finish undisturbed.
    pub fn remove(&self, season: &Season) -> bool {
        // Dropped after the lock is released: freeing ten million players takes a while.
        let board = self.boards.write().remove(season);
        board.is_some()
    }

    /// All seasons that are held, in no order.
    pub fn seasons(&self) -> Vec<Season> {
        self.boards.read().keys().cloned().collect()
    }
}

impl Ranking for MemoryRanks {
    fn read<'a>(&'a self, season: &'a Season, query: Query) -> Answer<'a> {
        let view = self.board(season).map(|board| board.read(|index| index.view(&query)));
        Box::pin(ready(view.ok_or(RankError::NotFound)))
    }
}
