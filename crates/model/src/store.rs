//! The store: documents of records under the guard, and the shard's document, changed by compare-and-set.
//!
//! What `crates/store/src/mongo` promises, not how: a write is durable when it returns, and a document is changed by one
//! atomic step.

use hiscore_score::Position;

use crate::bounds::{Flaw, Flaws, PLAYERS};
use crate::law::Rec;

/// Where an epoch was left when the next one was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stray {
    /// The epoch that ended.
    pub epoch: u32,
    /// What of it was surely in the store.
    pub above: u64,
}

/// The document of the shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ShardDoc {
    /// The epoch that may write.
    pub epoch: u32,
    /// Every change up to here is in the store.
    pub watermark: u64,
    /// No stamp in the store is above this.
    pub stamp: u64,
    /// Epochs that ended.
    pub strays: Vec<Stray>,
}

/// All of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Store {
    /// The records.
    pub rows: [Option<Rec>; PLAYERS],
    /// The shard.
    pub shard: ShardDoc,
}

/// What came of moving the watermark.
#[derive(Debug, Clone)]
pub enum Advanced {
    /// It was moved.
    Done,
    /// The epoch is another's.
    Fenced(ShardDoc),
    /// The watermark is below the expected one.
    WentBack(ShardDoc),
}

impl Store {
    /// Writes an absolute state: never over a higher position.
    pub fn write(&mut self, player: usize, record: &Rec) {
        let older = self.rows[player].as_ref().is_none_or(|present| present.0.position < record.0.position);
        if older {
            self.rows[player] = Some(record.clone());
        }
    }

    /// Moves the watermark by compare-and-set on the epoch and what is expected.
    pub fn advance(
        &mut self,
        epoch: u32,
        expected: u64,
        watermark: u64,
        stamp: u64,
        flaws: Flaws,
    ) -> Advanced {
        let shard = &mut self.shard;
        if shard.epoch != epoch && !flaws.has(Flaw::BlindEpoch) {
            return Advanced::Fenced(shard.clone());
        }
        if shard.watermark < expected && !flaws.has(Flaw::BlindWatermark) {
            return Advanced::WentBack(shard.clone());
        }
        shard.watermark = shard.watermark.max(watermark);
        shard.stamp = shard.stamp.max(stamp);
        Advanced::Done
    }

    /// Opens an epoch, if the present one is `from`.
    pub fn open_epoch(&mut self, from: u32, state: ShardDoc) -> bool {
        let fits = self.shard.epoch == from;
        if fits {
            self.shard = state;
        }
        fits
    }

    /// Rows whose position is within the range (start included, end not).
    pub fn between(&self, start: Position, end: Position) -> Vec<(usize, Rec)> {
        let rows = self.rows.iter().enumerate();
        let rows = rows.filter_map(|(player, row)| row.clone().map(|row| (player, row)));
        rows.filter(|(_, row)| (start..end).contains(&row.0.position)).collect()
    }
}
