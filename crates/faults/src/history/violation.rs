//! What is wrong with a history: the promise, the operation and the player.

use std::fmt;

use super::event::Scores;

/// Whose record: board, season, player.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Whose {
    /// The board.
    pub board: String,
    /// The season.
    pub version: u32,
    /// The player.
    pub player: String,
}

/// A promise that was not kept, by whose record it is. `op` is the number of a request that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant says what its fields are")]
pub enum Violation {
    /// An acknowledged submission is not in the final record.
    Lost { whose: Whose, op: u64 },
    /// On a `SET` board an acknowledged submission was written over by one that was answered before it was sent.
    Overwritten { whose: Whose, op: u64, by: u64 },
    /// An increment counted more than once.
    CountedTwice { whose: Whose, op: u64 },
    /// The final record is not made of what was submitted.
    NeverSubmitted { whose: Whose, found: Scores },
    /// A submission is back that an acknowledged deletion took.
    Returned { whose: Whose, op: u64, deletion: u64 },
    /// `numScore` is not what was counted.
    Miscounted { whose: Whose, found: u64, least: u64, most: u64 },
    /// Too many submissions have an unknown fate to tell: give them subscores that tell them apart.
    Undecided { whose: Whose, unknown: usize },
    /// Two tiers differ in a record.
    TiersDiffer { whose: Whose, tiers: [String; 2] },
    /// A player stands on two places of one tier.
    Repeated { whose: Whose, tier: String },
    /// A rank is missing, or there twice.
    RankGap { whose: Whose, tier: String, rank: u64, expected: u64 },
    /// Somebody stands before one who is better.
    Unsorted { whose: Whose, tier: String },
    /// A client read an older state after a newer one.
    WentBack { whose: Whose, op: u64, earlier: u64 },
    /// The same id with the same body was answered otherwise than before, or the same id with two bodies alike.
    OtherAnswer { whose: Whose, op: u64, earlier: Option<u64> },
    /// A submission is said to have counted in a season that was over before it was sent, or not yet open when it was answered.
    OtherSeason { board: String, op: u64 },
    /// There is a season that no reset can have opened.
    NeverOpened { board: String, version: u32 },
    /// A season is gone that an answer spoke of.
    SeasonLost { board: String, version: u32, op: u64 },
    /// The history itself is wrong: an answer without a request, a number that is used twice, a board that was not named.
    Malformed { op: u64, why: &'static str },
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.board, self.version, self.player)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { whose, op } => write!(f, "{whose}: operation {op} was acknowledged and is lost"),
            Self::Overwritten { whose, op, by } => {
                write!(f, "{whose}: operation {op} was acknowledged, but the earlier {by} is shown")
            }
            Self::CountedTwice { whose, op } => write!(f, "{whose}: operation {op} counted more than once"),
            Self::NeverSubmitted { whose, found } => {
                write!(f, "{whose}: ({}, {}) was never submitted", found.score, found.subscore)
            }
            Self::Returned { whose, op, deletion } => {
                write!(f, "{whose}: operation {op} is back, though deleted by {deletion}")
            }
            Self::Miscounted { whose, found, least, most } => {
                write!(f, "{whose}: numScore is {found}, and must be {least} to {most}")
            }
            Self::Undecided { whose, unknown } => {
                write!(f, "{whose}: {unknown} submissions of unknown fate cannot be told apart")
            }
            Self::TiersDiffer { whose, tiers: [a, b] } => write!(f, "{whose}: {a} and {b} differ"),
            Self::Repeated { whose, tier } => write!(f, "{whose}: stands twice in {tier}"),
            Self::RankGap { whose, tier, rank, expected } => {
                write!(f, "{whose}: has rank {rank} in {tier}, at place {expected}")
            }
            Self::Unsorted { whose, tier } => write!(f, "{whose}: stands in {tier} behind somebody worse"),
            Self::WentBack { whose, op, earlier } => {
                write!(f, "{whose}: operation {op} shows an older state than {earlier} of the same client")
            }
            Self::OtherAnswer { whose, op, earlier: Some(earlier) } => {
                write!(f, "{whose}: operation {op} has the id of {earlier}, and not its answer")
            }
            Self::OtherAnswer { whose, op, earlier: None } => {
                write!(f, "{whose}: operation {op} is said to be a repetition, of nothing")
            }
            Self::OtherSeason { board, op } => {
                write!(
                    f,
                    "{board}: operation {op} is said to have counted in a season that was not open then"
                )
            }
            Self::NeverOpened { board, version } => write!(f, "{board}/{version}: nobody opened this season"),
            Self::SeasonLost { board, version, op } => {
                write!(f, "{board}/{version}: operation {op} was told of this season, and it is lost")
            }
            Self::Malformed { op, why } => write!(f, "operation {op}: {why}"),
        }
    }
}
