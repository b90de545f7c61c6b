//! What the bytes of an entry mean: one or more submissions of one shard, in the order in which they are judged.
//!
//! # The format
//!
//! ```text
//! entry    = version:u8(1) origin:u64 number:varint told:u8 works:varint work* crc:u32
//! work     = kind:u8 flags:u8 [board:text unless SAME_BOARD] body
//! body     = submit(1): player:text score:zigzag [subscore:zigzag] [metadata:text] [key]
//!          | delete(2): player:text
//!          | create(3): operator:u8 sort order:u8 subscore order:u8
//!          | reset(4):  [expected:varint]
//! key      = id:16 bytes  body:u64  [time_ms:varint]
//! text     = bytes:varint, so many bytes of UTF-8
//! ```
//!
//! `told` is what the origin waits to be told, in bits: 1 the outcomes, and with each 2 the record, 4 the rank, 8 the rank
//! before; it has no bearing on what is judged. Fixed numbers are little endian, varints LEB128. `crc` is the CRC-32 of everything before it. There is no time in it:
//! the clock of whoever submits is not to be trusted, and the log gives every entry a time of its own
//! ([`LogEntry::time_ms`](crate::LogEntry::time_ms)).
//!
//! # How it may change
//!
//! Bytes that are in order (the checksum is right), but have a version, a kind or a flag that is not known here, are
//! [`EntryError::Newer`]: whoever reads must stop there, and skip nothing, until it is upgraded. So readers are upgraded
//! before writers. A new meaning takes a new kind, flag or version; none is ever used again for something else. All
//! versions ever written stay readable for as long as a log holds them. Of every version, the first byte is the version
//! and the last four are the checksum.

mod bytes;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

use hiscore_score::{LeaderboardId, PlayerId, Rules, Submission, VersionId};

pub use encode::pack;

/// The version that is written.
const VERSION: u8 = 1;

/// How a work is told from the others.
mod kind {
    pub(super) const SUBMIT: u8 = 1;
    pub(super) const DELETE: u8 = 2;
    pub(super) const CREATE: u8 = 3;
    pub(super) const RESET: u8 = 4;
}

/// What a work has, of what it need not have.
mod flag {
    /// The board is that of the work before it in the entry.
    pub(super) const SAME_BOARD: u8 = 1;
    /// A subscore other than 0.
    pub(super) const SUBSCORE: u8 = 2;
    /// Metadata.
    pub(super) const METADATA: u8 = 4;
    /// An idempotency key.
    pub(super) const KEY: u8 = 8;
    /// A key with a time in its id.
    pub(super) const KEY_TIME: u8 = 16;
    /// A board that is not there is made, with the default rules.
    pub(super) const AUTO_CREATE: u8 = 32;
    /// A season that is expected.
    pub(super) const EXPECTED: u8 = 64;
}

/// What one append puts into the log: all of it or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who appended it: a random number for each process, so that it knows its own when they are read.
    pub origin: u64,
    /// Which of the origin's entries it is; with the index of a work, what a verdict is found by.
    pub number: u64,
    /// What the origin waits to be told when it is applied.
    pub told: Told,
    /// What is to be judged, in this order. All boards are of one shard.
    pub works: Vec<Work>,
}

/// What whoever appended an entry waits to be told: nothing, if none of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Told {
    /// The outcome of each work.
    pub outcome: bool,
    /// With the record after it.
    pub record: bool,
    /// With the rank after it.
    pub rank: bool,
    /// With the rank before it.
    pub previous_rank: bool,
}

/// One thing to be judged when it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A player's score.
    Submit {
        /// Where.
        board: LeaderboardId,
        /// Whose.
        player: PlayerId,
        /// What.
        submission: Submission,
        /// Whether a board that is not there is made, with the default rules. Judged by what the log says, not by a
        /// setting of whoever applies it.
        auto_create: bool,
    },
    /// The end of what a player has on the present season.
    Delete {
        /// Where.
        board: LeaderboardId,
        /// Whose.
        player: PlayerId,
    },
    /// A new board.
    Create {
        /// Its name.
        board: LeaderboardId,
        /// Its rules.
        rules: Rules,
    },
    /// The board's next season.
    Reset {
        /// Which.
        board: LeaderboardId,
        /// Only from this one, if given.
        expected: Option<VersionId>,
    },
}

impl Work {
    /// The board that it is about.
    pub fn board(&self) -> &LeaderboardId {
        match self {
            Self::Submit { board, .. }
            | Self::Delete { board, .. }
            | Self::Create { board, .. }
            | Self::Reset { board, .. } => board,
        }
    }
}

/// Why bytes are no entry that can be judged here. Whoever reads the log must stop at it: to skip it would lose what was
/// acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Written by a newer version of this program: upgrade whoever reads it.
    #[error("this entry was written by a newer version: {0} is not known here; upgrade, then go on")]
    Newer(String),
    /// Not what was written: an operator must look.
    #[error("this entry does not decode: {0}")]
    Corrupt(&'static str),
}

impl Entry {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode::encode(self)
    }

    /// The entry in bytes that were read from a log. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        decode::decode(bytes)
    }
}
