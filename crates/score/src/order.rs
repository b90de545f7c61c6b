//! Who stands before whom: (score, subscore, earlier stamp, player id), each score in its declared direction.

use crate::leaderboard::Rules;
use crate::{PlayerId, Score, SortOrder, Stamp};

/// The part of the order without the player: smaller stands first, whatever the board's directions.
///
/// Direction is folded in by negation, which is exact since scores stay within ±(2^53 − 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Standing {
    primary: i64,
    secondary: i64,
    reached: Stamp,
}

/// A place in the order of a board; smaller stands first. Total, since player ids differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Where the scores and the stamp put the player.
    pub standing: Standing,
    /// The last tie-break.
    pub player: PlayerId,
}

fn directed(score: Score, order: SortOrder) -> i64 {
    match order {
        SortOrder::Desc => -score.get(),
        SortOrder::Asc => score.get(),
    }
}

impl Standing {
    /// The standing of these scores, reached at `reached`, on a board with these rules.
    pub fn new(rules: &Rules, score: Score, subscore: Score, reached: Stamp) -> Self {
        Self {
            primary: directed(score, rules.sort_order),
            secondary: directed(subscore, rules.subscore_order),
            reached,
        }
    }

    /// The score, with the direction taken out again.
    pub fn score(&self, rules: &Rules) -> Score {
        undirected(self.primary, rules.sort_order)
    }

    /// The subscore, with the direction taken out again.
    pub fn subscore(&self, rules: &Rules) -> Score {
        undirected(self.secondary, rules.subscore_order)
    }

    /// When the present (score, subscore) was reached.
    pub fn reached(&self) -> Stamp {
        self.reached
    }

    /// The numbers it is compared by, the first before the second before the third.
    pub fn parts(&self) -> [i64; 3] {
        // A stamp has 53 bits.
        [self.primary, self.secondary, self.reached.raw() as i64]
    }

    /// Whether the scores alone (not the stamp) put `self` before `other`.
    pub fn scores_better_than(&self, other: &Self) -> bool {
        (self.primary, self.secondary) < (other.primary, other.secondary)
    }

    /// Whether score and subscore are the same.
    pub fn same_scores(&self, other: &Self) -> bool {
        (self.primary, self.secondary) == (other.primary, other.secondary)
    }
}

fn undirected(value: i64, order: SortOrder) -> Score {
    let value = match order {
        SortOrder::Desc => -value,
        SortOrder::Asc => value,
    };
    // It was made from a score, so it is one.
    Score::new(value).unwrap_or_default()
}
