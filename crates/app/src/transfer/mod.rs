//! `hiscore export` and `hiscore import`: the data of a deployment as a file, from one profile into another.
//!
//! An export is a stream of [`Item`]s that ends with counts and a check sum; so is a sorted set of a Redis once it was
//! checked. [`import`] numbers the items from 1 and hands them to a [`target`]: the number is the sequence of the item's
//! position in the first era of the new deployment. So the same input gives the same positions, and doing a part of it
//! again changes nothing.
//!
//! A target that was begun is marked until it is complete, in a way that keeps every server from it; it remembers how far
//! it came and by which fingerprint, so that only the same input can go on with it.
//!
//! | file | what is in it |
//! |---|---|
//! | `lines`, `convert` | the format, and between it and records |
//! | `writer`, `reader` | an export with its check sums |
//! | [`export`] | out of a data folder or a MongoDB |
//! | [`import`] | the way of an import, whatever from and into |
//! | [`target`], `folder`, [`database`] | what is written into |
//! | `sorted_sets` | plain sorted sets of a Redis |

pub(crate) mod convert;
pub mod database;
pub mod export;
mod folder;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod import;
mod lines;
pub(crate) mod place;
pub(crate) mod progress;
mod reader;
mod sorted_sets;
mod target;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;

use hiscore_score::{Leaderboard, LeaderboardId, Record, RecordKey};
use hiscore_store::embedded::TableError;
use hiscore_store::{OpenError, StoreError};
use sha2::{Digest, Sha256};

pub use reader::FileError;
pub use sorted_sets::SetError;

/// What is put in, one after another: boards before their records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A board.
    Board(LeaderboardId, Leaderboard),
    /// A record; its position is given where it is put.
    Record(RecordKey, Record),
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Boards.
    pub leaderboards: u64,
    /// Records, tombstones too.
    pub records: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leaderboards, records } = self;
        let s = |count: u64| if count == 1 { "" } else { "s" };
        write!(f, "{leaderboards} leaderboard{} and {records} record{}", s(*leaderboards), s(*records))
    }
}

/// Why nothing, or not everything, was exported or imported. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The export.
    #[error(transparent)]
    File(#[from] FileError),
    /// A sorted set.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A file that cannot be opened, a URL that cannot be read, an output that is gone.
    #[error("{0}")]
    Input(String),
    /// The data folder.
    #[error("{folder}: {error}")]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        error: OpenError,
    },
    /// The table in the data folder.
    #[error("{folder}: {error}")]
    Table {
        /// Which folder.
        folder: String,
        /// Why.
        error: TableError,
    },
    /// MongoDB.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to export.
    #[error("{0}: there is no data of hiscore here")]
    Nothing(String),
    /// An import has not been completed here.
    #[error(
        "{0}: an import was begun here and is not complete; run the same import again, or remove what is there and begin anew"
    )]
    Unfinished(String),
    /// An import into what is not empty.
    #[error(
        "{0}: this is not empty (a server was started on it, or something else is in it); an import needs an empty data folder or database"
    )]
    Used(String),
    /// Another import was begun, or done, there.
    #[error("{0}: another import was begun here; run that one again, or remove what is there and begin anew")]
    Other(String),
    /// The import goes on with other settings than it began with.
    #[error(
        "{place}: this import was begun with --{setting} {there}, not {asked}; go on with --{setting} {there}"
    )]
    Mismatch {
        /// Where.
        place: String,
        /// The flag.
        setting: &'static str,
        /// What it began with.
        there: usize,
        /// What was asked for.
        asked: usize,
    },
    /// A server has begun to work on it, or another import of the same.
    #[error("{0}: a server is using this; stop it, remove what is there, and begin anew")]
    Raced(String),
    /// It changed while it was exported.
    #[error(
        "the database changed while it was exported, so the export is not complete; stop what writes scores and export again"
    )]
    Changing,
    /// Some could not be written.
    #[error(
        "{count} records or leaderboards could not be written, one of them since: {why}; run the same import again"
    )]
    NotWritten {
        /// How many.
        count: usize,
        /// Why one of them was not.
        why: String,
    },
}

/// What tells two inputs apart: 16 hexadecimal digits.
fn fingerprint(hash: Sha256) -> String {
    convert::hex(&hash.finalize()[..8])
}
