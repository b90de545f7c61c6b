//! Where in the one serial order of a shard something happened.

/// The place of a submission in the order of its shard; compared field by field, first to last.
///
/// In the embedded and direct profiles `era` is the epoch and `sequence` a counter; in the logged profile they
/// are the log's generation and the offset of the entry, and `index` counts inside the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The epoch, or the log's generation. A higher one is a later history.
    pub era: u32,
    /// The sequence number, or the offset in the log.
    pub sequence: u64,
    /// The place inside one entry of the log; 0 elsewhere.
    pub index: u32,
}

impl Position {
    /// Before everything.
    pub const ZERO: Self = Self { era: 0, sequence: 0, index: 0 };

    /// A position that is the first of its entry.
    pub const fn new(era: u32, sequence: u64) -> Self {
        Self { era, sequence, index: 0 }
    }
}
