//! The rules of one leaderboard, fixed when it is created, and its seasons.

use crate::{LeaderboardId, PlayerId, Stamp};

/// What a submission does to the record that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// Keeps the better (score, subscore), as one tuple with its metadata.
    Best,
    /// Keeps the later written.
    Set,
    /// Adds score and subscore.
    Increment,
}

/// Which end of the scores stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SortOrder {
    /// The largest first.
    Desc,
    /// The smallest first.
    Asc,
}

/// What a board was created with. It never changes afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// What a submission does.
    pub operator: Operator,
    /// The direction of the score.
    pub sort_order: SortOrder,
    /// The direction of the subscore.
    pub subscore_order: SortOrder,
}

impl Default for Rules {
    /// BEST, the largest first: what `--auto-create` makes.
    fn default() -> Self {
        Self { operator: Operator::Best, sort_order: SortOrder::Desc, subscore_order: SortOrder::Desc }
    }
}

/// A season of a board: 1 at first, one more with each reset.
pub type VersionId = u32;

/// One season of one leaderboard: what is ranked together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Season {
    /// The board.
    pub leaderboard: LeaderboardId,
    /// Its season.
    pub version: VersionId,
}

/// What a record is filed under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// Where.
    pub season: Season,
    /// Who.
    pub player: PlayerId,
}

/// A leaderboard: its rules and the season that submissions go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaderboard {
    /// Fixed at creation.
    pub rules: Rules,
    /// The present season.
    pub version: VersionId,
    /// When it was created.
    pub created: Stamp,
    /// When the present season was opened.
    pub opened: Stamp,
}

/// A reset that expected another season than the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResetRefused {
    /// Somebody reset it before (perhaps an earlier try of the same caller).
    #[error("the leaderboard is at version {present}, not at {expected}")]
    Conflict {
        /// The present season.
        present: VersionId,
        /// What the caller expected.
        expected: VersionId,
    },
    /// The season's number cannot grow any more.
    #[error("the leaderboard has used up its versions")]
    Exhausted,
}

impl Leaderboard {
    /// A board in its first season.
    pub fn new(rules: Rules, at: Stamp) -> Self {
        Self { rules, version: 1, created: at, opened: at }
    }

    /// The board in its next season; with `expected`, only from exactly that one, so that a retry opens no second.
    pub fn reset(&self, expected: Option<VersionId>, at: Stamp) -> Result<Self, ResetRefused> {
        if let Some(expected) = expected
            && expected != self.version
        {
            return Err(ResetRefused::Conflict { present: self.version, expected });
        }
        // i32::MAX, since the API shows a version as a GraphQL Int.
        if self.version >= i32::MAX as u32 {
            return Err(ResetRefused::Exhausted);
        }
        Ok(Self { version: self.version + 1, opened: at, ..*self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retried_reset_opens_one_season() {
        let board = Leaderboard::new(Rules::default(), Stamp::ZERO);
        let second = board.reset(Some(1), Stamp::ZERO).unwrap();
        assert_eq!(second.version, 2);
        assert_eq!(
            second.reset(Some(1), Stamp::ZERO),
            Err(ResetRefused::Conflict { present: 2, expected: 1 })
        );
        assert_eq!(second.reset(None, Stamp::ZERO).unwrap().version, 3);
        let last = Leaderboard { version: i32::MAX as u32, ..board };
        assert_eq!(last.reset(None, Stamp::ZERO), Err(ResetRefused::Exhausted));
    }
}
