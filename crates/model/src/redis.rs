//! One shard in one Redis server: each function here is one call of the library, and as atomic.
//!
//! Follows `crates/rank/src/redis/lua` line by line, for one board and one season. The clock always says zero, so that a
//! stamp is one above the last: the hardest case, since two primaries then give the same ones.

use hiscore_score::{Position, Rules};

use crate::bounds::{Flaw, Flaws, PLAYERS};
use crate::law::{Judged, Rec, Work, judge};
use crate::store::ShardDoc;

/// Who has a lease.
pub type Holder = u8;

/// For each player, the first sequence that is not in the store.
pub type Marks = [Option<u64>; PLAYERS];

/// The data of a shard: what is replicated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Shard {
    /// The replication id that it was reconciled under.
    pub fence: Option<u8>,
    /// Its epoch.
    pub epoch: u32,
    /// The last stamp, which is the last sequence.
    pub stamp: u64,
    /// What is known to be in the store.
    pub persisted: u64,
    /// What is really sure while marks are being made.
    pub marking: Option<u64>,
    /// Who has the lease.
    pub holder: Option<Holder>,
    /// The number of the last claim.
    pub claims: u64,
    /// The number of the last claim that is known to be in the store.
    pub stored: u64,
    /// What is dirty.
    pub dirty: Marks,
    /// What is in flight.
    pub flight: Marks,
    /// The records.
    pub rows: [Option<Rec>; PLAYERS],
    /// Scores that were sent to the store, with [`Flaw::Increments`] alone.
    pub sent: [i64; PLAYERS],
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its replication id.
    pub id: u8,
    /// Whether it takes writes.
    pub primary: bool,
    /// What it holds.
    pub shard: Shard,
}

/// One record of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claimed {
    /// Whose.
    pub player: usize,
    /// Its first sequence that is not in the store.
    pub first: u64,
    /// Its state.
    pub record: Rec,
    /// With [`Flaw::Increments`]: what is added to the store.
    pub delta: i64,
}

/// What a claim took.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The epoch.
    pub epoch: u32,
    /// The watermark that is expected in the store.
    pub persisted: u64,
    /// The number of the last bulk that is expected in the store.
    pub stored: u64,
    /// The number of this one.
    pub number: u64,
    /// The watermark once all of it is written.
    pub watermark: u64,
    /// The last stamp.
    pub stamp: u64,
    /// The records.
    pub rows: Vec<Claimed>,
}

/// What is to be put in by a reconcile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Install {
    /// Whose.
    pub player: usize,
    /// What.
    pub record: Rec,
    /// Whether the store lacks it.
    pub dirty: bool,
}

/// Whether a change is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persisted {
    /// It is.
    Yes,
    /// Not yet.
    NotYet,
    /// Nobody can tell.
    Unknown,
}

fn lower(mark: &mut Option<u64>, first: u64) {
    *mark = Some(mark.map_or(first, |present| present.min(first)));
}

fn least(marks: &Marks) -> Option<u64> {
    marks.iter().flatten().min().copied()
}

impl Node {
    /// Whether calls are served: reconciled under the present replication id, and a primary.
    pub fn is_open(&self, flaws: Flaws) -> bool {
        let fenced = self.shard.fence != Some(self.id) && !flaws.has(Flaw::NoFence);
        self.primary && !fenced
    }

    /// Judges a work, if open.
    pub fn submit(&mut self, rules: &Rules, player: usize, work: &Work, flaws: Flaws) -> Option<Judged> {
        if !self.is_open(flaws) {
            return None;
        }
        let shard = &mut self.shard;
        let stamp = shard.stamp + 1;
        let judged = judge(rules, shard.rows[player].as_ref(), work, Position::new(shard.epoch, stamp));
        if let Some(record) = &judged.record {
            lower(&mut shard.dirty[player], stamp);
            shard.rows[player] = Some(record.clone());
            shard.stamp = stamp;
        }
        Some(judged)
    }

    /// Claims up to `limit` records for a holder of the lease.
    pub fn claim(&mut self, holder: Holder, limit: usize, flaws: Flaws) -> Option<Claim> {
        if !self.is_open(flaws) || self.shard.holder != Some(holder) {
            return None;
        }
        let shard = &mut self.shard;
        shard.claims += 1;
        for player in 0..PLAYERS {
            if let Some(first) = shard.flight[player].take() {
                lower(&mut shard.dirty[player], first);
            }
        }
        let mut order: Vec<(u64, usize)> =
            (0..PLAYERS).filter_map(|player| Some((shard.dirty[player]?, player))).collect();
        order.sort_unstable();
        let mut rows = Vec::new();
        for (first, player) in order.into_iter().take(limit) {
            shard.dirty[player] = None;
            let Some(record) = shard.rows[player].clone() else { continue };
            if !flaws.has(Flaw::PurgeFirst) {
                shard.flight[player] = Some(first);
            }
            let delta = if flaws.has(Flaw::Increments) { score(&record) - shard.sent[player] } else { 0 };
            rows.push(Claimed { player, first, record, delta });
        }
        let watermark = least(&shard.dirty).map_or(shard.stamp, |next| next - 1);
        let Shard { epoch, persisted, stored, claims: number, stamp, .. } = *shard;
        Some(Claim { epoch, persisted, stored, number, watermark, stamp, rows })
    }

    /// Clears what the store confirmed; `false` if the claim is not the last one, or was of another epoch.
    pub fn clear(&mut self, holder: Holder, claim: &Claim, flaws: Flaws) -> bool {
        let open =
            self.is_open(flaws) && self.shard.epoch == claim.epoch && self.shard.holder == Some(holder);
        let last = self.shard.claims == claim.number || flaws.has(Flaw::AnyClaim);
        if !open || !last {
            return false;
        }
        let shard = &mut self.shard;
        for row in &claim.rows {
            if shard.flight[row.player] == Some(row.first) {
                shard.flight[row.player] = None;
            }
            if flaws.has(Flaw::Increments) {
                shard.sent[row.player] = score(&row.record);
            }
        }
        shard.persisted = shard.persisted.max(claim.watermark);
        shard.stored = shard.stored.max(claim.number);
        true
    }

    /// Marks everything above as dirty: the first step says so to those who ask, the second does it.
    pub fn mark_above(&mut self, holder: Holder, above: u64, stored: u64, last: bool) -> bool {
        if !self.primary || self.shard.holder != Some(holder) {
            return false;
        }
        let shard = &mut self.shard;
        if !last {
            shard.marking = Some(shard.marking.map_or(above, |marking| marking.min(above)));
            return true;
        }
        for player in 0..PLAYERS {
            let is_above = |row: &Rec| row.0.position.sequence > above;
            if shard.rows[player].as_ref().is_some_and(is_above) {
                lower(&mut shard.dirty[player], above + 1);
            }
        }
        shard.persisted = shard.persisted.min(above);
        shard.stored = shard.stored.min(stored);
        shard.marking = None;
        true
    }

    /// Whether a change that was judged in the epoch is in the store.
    pub fn persisted(&self, epoch: u32, player: usize, sequence: u64, flaws: Flaws) -> Persisted {
        let shard = &self.shard;
        if !self.is_open(flaws) {
            return Persisted::NotYet;
        }
        if shard.epoch != epoch {
            return Persisted::Unknown;
        }
        let waits = |marks: &Marks| marks[player].is_some_and(|first| first <= sequence);
        if waits(&shard.dirty) || waits(&shard.flight) || shard.marking.is_some_and(|sure| sequence > sure) {
            return Persisted::NotYet;
        }
        Persisted::Yes
    }

    /// Puts the fence down for a reconcile.
    pub fn survey(&mut self, holder: Holder) -> bool {
        if !self.primary {
            return false;
        }
        self.shard.holder = Some(holder);
        self.shard.fence = None;
        true
    }

    /// Puts in what a reconcile found.
    pub fn install(&mut self, holder: Holder, id: u8, installs: &[Install]) -> bool {
        if !self.primary || self.shard.holder != Some(holder) || self.id != id {
            return false;
        }
        let is_open = self.shard.fence == Some(self.id);
        let shard = &mut self.shard;
        for Install { player, record, dirty } in installs {
            let position = record.0.position;
            let later = shard.rows[*player].as_ref().is_some_and(|old| old.0.position > position);
            if is_open && later {
                continue;
            }
            if *dirty {
                lower(&mut shard.dirty[*player], position.sequence);
            }
            shard.rows[*player] = Some(record.clone());
            shard.stamp = shard.stamp.max(highest(record));
        }
        true
    }

    /// Lifts the fence.
    pub fn open(&mut self, holder: Holder, id: u8, epoch: u32, stamp: u64, there: &ShardDoc) -> bool {
        if !self.primary || self.shard.holder != Some(holder) || self.id != id {
            return false;
        }
        let shard = &mut self.shard;
        let persisted = there.watermark;
        if shard.persisted > persisted || shard.stored > there.bulk {
            shard.marking = Some(shard.marking.map_or(persisted, |marking| marking.min(persisted)));
        }
        shard.epoch = epoch;
        shard.stamp = shard.stamp.max(stamp);
        shard.persisted = shard.persisted.max(persisted);
        shard.stored = shard.stored.max(there.bulk);
        shard.claims = shard.claims.max(there.bulk);
        shard.fence = Some(id);
        true
    }
}

/// The highest stamp in a record.
fn highest(record: &Rec) -> u64 {
    let record = &record.0;
    let filed = record.window.entries().last().map_or(0, |entry| entry.stamp.raw());
    let live = record.live.as_ref().map_or(0, |live| live.reached.raw().max(live.created.raw()));
    record.position.sequence.max(record.updated.raw()).max(record.deleted.raw()).max(live).max(filed)
}

/// The score of a record; 0 if it has none.
pub fn score(record: &Rec) -> i64 {
    record.0.live.as_ref().map_or(0, |live| live.score.get())
}
