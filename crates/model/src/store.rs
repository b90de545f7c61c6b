//! The store: documents of records under the guard, and the shard's document, changed by compare-and-set.
//!
//! What `crates/store/src/mongo` promises, not how: a write is durable when it returns, and a document is changed by one
//! atomic step.

use hiscore_score::Position;

use crate::bounds::{Flaw, Flaws, PLAYERS};
use crate::law::Rec;
use crate::redis::Claim;

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
    /// The number of the last bulk.
    pub bulk: u64,
    /// No stamp in the store is above this.
    pub stamp: u64,
    /// Epochs that ended.
    pub strays: Vec<Stray>,
}

impl ShardDoc {
    /// Whether the store has less than Redis knows to be there.
    pub fn is_behind(&self, persisted: u64, stored: u64, flaws: Flaws) -> bool {
        self.watermark < persisted || (self.bulk < stored && !flaws.has(Flaw::WatermarkAlone))
    }
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
    /// The watermark or the number of the last bulk is below the expected one.
    WentBack(ShardDoc),
}

/// Numbers of bulks are told from each other by their order alone. So they stay as low as that allows: claims that come to
/// nothing would have no end. Of the last claims there is each server's, and whether somebody still has one of it: else it is
/// like any before it.
pub fn renumber<'a>(mut numbers: Vec<&'a mut u64>, claims: Vec<(&'a mut u64, bool)>) {
    let known: Vec<u64> = numbers.iter().map(|number| **number).chain([0]).collect();
    for (last, under_way) in claims {
        if !under_way {
            *last = known.iter().copied().filter(|number| number <= last).max().unwrap_or(0);
        }
        numbers.push(last);
    }
    let mut all: Vec<u64> = numbers.iter().map(|number| **number).chain([0]).collect();
    all.sort_unstable();
    all.dedup();
    for number in &mut numbers {
        **number = all.partition_point(|lower| *lower < **number) as u64;
    }
}

impl Store {
    /// Writes an absolute state: never over a higher position.
    pub fn write(&mut self, player: usize, record: &Rec) {
        let older = self.rows[player].as_ref().is_none_or(|present| present.0.position < record.0.position);
        if older {
            self.rows[player] = Some(record.clone());
        }
    }

    /// Moves watermark and number by compare-and-set on the epoch and what is expected.
    pub fn advance(&mut self, claim: &Claim, flaws: Flaws) -> Advanced {
        let Claim { epoch, persisted, stored, watermark, number, stamp, .. } = *claim;
        let shard = &mut self.shard;
        if shard.epoch != epoch && !flaws.has(Flaw::BlindEpoch) {
            return Advanced::Fenced(shard.clone());
        }
        if shard.is_behind(persisted, stored, flaws) && !flaws.has(Flaw::BlindWatermark) {
            return Advanced::WentBack(shard.clone());
        }
        shard.watermark = shard.watermark.max(watermark);
        shard.bulk = shard.bulk.max(number);
        shard.stamp = shard.stamp.max(stamp);
        Advanced::Done
    }

    /// Opens an epoch, if the present one is `from`, and the store did not go back since `state` was read.
    pub fn open_epoch(&mut self, from: u32, state: ShardDoc, flaws: Flaws) -> bool {
        let went_back = self.shard.bulk < state.bulk && !flaws.has(Flaw::AnyStore);
        let fits = self.shard.epoch == from && !went_back;
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
