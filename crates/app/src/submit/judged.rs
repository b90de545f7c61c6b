//! What was decided about one submission.

use hiscore_api::service::{BoardError, Wanted};
use hiscore_score::{Outcome, Refusal, Rules};
use hiscore_store::embedded::{HashedKey, State};

/// What was decided about one submission.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Where it is filed.
    pub key: HashedKey,
    /// The board's rules.
    pub rules: Rules,
    /// The record after it, or what it did to it; `None` for a duplicate of a player without one.
    pub state: Option<State>,
    /// What it did.
    pub outcome: Outcome,
}

impl Judged {
    /// Whether both are of one season of one board.
    pub fn is_beside(&self, other: &Self) -> bool {
        (self.key.board, self.key.version) == (other.key.board, other.key.version)
    }

    /// Whether showing it changes the season's order, or asks something of it.
    pub fn needs_order(&self, wanted: Wanted) -> bool {
        let leaves = self.state.as_ref().is_some_and(|state| state.standing(&self.rules).is_none());
        let stays = matches!(self.outcome, Outcome::Duplicate | Outcome::Unchanged);
        wanted.rank || wanted.previous_rank || !stays || leaves
    }
}

/// Why one was not applied.
pub enum NotJudged {
    /// The law refuses it.
    Refused(Refusal),
    /// The board cannot take it.
    Board(BoardError),
}

impl From<Refusal> for NotJudged {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<BoardError> for NotJudged {
    fn from(error: BoardError) -> Self {
        Self::Board(error)
    }
}
