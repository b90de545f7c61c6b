//! What is written down of a run: one event a line, in the order in which they were seen.

use serde::{Deserialize, Serialize};

/// How safe a submission was said to be, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// It is in the ranks.
    Ranked,
    /// And on a replica.
    Replicated,
    /// It is in the log.
    Logged,
    /// It is in the store.
    Persisted,
}

impl Level {
    /// As the schema has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ranked => "RANKED",
            Self::Replicated => "REPLICATED",
            Self::Logged => "LOGGED",
            Self::Persisted => "PERSISTED",
        }
    }
}

/// What a submission does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operator {
    /// Keeps the better.
    Best,
    /// Keeps the later.
    Set,
    /// Adds.
    Increment,
}

/// What an applied submission did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// The record is what it made it.
    Improved,
    /// It counted and moved nothing.
    Unchanged,
    /// It had been applied before.
    Duplicate,
}

/// Score and subscore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Scores {
    /// The score.
    pub score: i64,
    /// The second column. On an `INCREMENT` board best a power of two of its own for each of up to 50 submissions of a player,
    /// so that the sum tells which were counted.
    pub subscore: i64,
}

/// A record as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shown {
    /// Its scores.
    #[serde(flatten)]
    pub scores: Scores,
    /// Submissions applied to it.
    pub num_score: u64,
}

/// One row of a tier in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Whose.
    pub player: String,
    /// From 1, where the tier has an order; then the rows are in the order in which the pages showed them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rank: Option<u64>,
    /// What.
    #[serde(flatten)]
    pub shown: Shown,
}

/// A request. Every try of a submission is one; tries with the same key are one submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "call")]
pub enum Call {
    /// A submission.
    Submit {
        /// The board.
        board: String,
        /// Whose.
        player: String,
        /// What.
        #[serde(flatten)]
        scores: Scores,
        /// Its id, if it has one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        key: Option<String>,
    },
    /// A deletion of what the present season has of a player.
    Delete {
        /// The board.
        board: String,
        /// Whose.
        player: String,
    },
    /// Opens the season after `from`, unless the present one is another.
    Reset {
        /// The board.
        board: String,
        /// The season that is expected to be the present one.
        from: u32,
    },
    /// A look at a record.
    Read {
        /// The board.
        board: String,
        /// Whose.
        player: String,
    },
}

/// Something that happened. `op` is the number of a request, given by whoever writes the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// There is a board; before everything that is sent to it. The largest score stands first.
    Board {
        /// Its name.
        board: String,
        /// What submissions do.
        operator: Operator,
    },
    /// A request is about to be sent.
    Invoke {
        /// Its number.
        op: u64,
        /// Who sends it.
        client: u64,
        /// What.
        #[serde(flatten)]
        call: Call,
    },
    /// It was answered: a submission or a deletion is so safe; a read has no level.
    Ok {
        /// Its number.
        op: u64,
        /// How safe.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        level: Option<Level>,
        /// What a submission did, if that was told; of a deletion: `UNCHANGED` if there was nothing to delete.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        outcome: Option<Outcome>,
        /// The season that a submission counted in, if that was told; that was opened; that was read from, 1 if none is given.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        version: Option<u32>,
        /// What was read.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        shown: Option<Shown>,
    },
    /// It surely was not applied, and never will be.
    Failed {
        /// Its number.
        op: u64,
    },
    /// The law refuses it; also after an [`Event::Ok`], where it is judged after it was acknowledged.
    Refused {
        /// Its number.
        op: u64,
        /// Why: `CONFLICT`, `EXPIRED`, `OUT_OF_RANGE` ...
        code: String,
    },
    /// Nobody knows whether it was applied, or will be.
    Unknown {
        /// Its number.
        op: u64,
    },
    /// What a tier has of a board's season, after things settled: all of it.
    Final {
        /// The tier.
        tier: String,
        /// The board.
        board: String,
        /// The season.
        version: u32,
        /// Its rows.
        rows: Vec<Row>,
    },
}
