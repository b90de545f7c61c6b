//! A MongoDB that is imported into, or a data folder that stands in for one.
//!
//! While that lasts, every shard's document has the epoch [`UNFINISHED`], which no persister can open another after, so
//! nothing is served from the database ([`refuse_unfinished`]). Its watermark says how far the import came. The last
//! step gives every shard epoch 1, as if a persister had written everything in it, so that the first reconcile reads it
//! all into Redis. Which import it is, the first half of the deployment's id says; the other half is random.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use hiscore_score::{Position, Record, RecordKey, Stamp, shard_of};
use hiscore_store::Store;
use hiscore_store::contract::{
    Advanced, DeploymentInfo, Progress, ShardState, StoreError, StoredBoard, Writes, Written,
};

use super::convert::last_stamp;
use super::target::{Begun, Plan, Target};
use super::{Item, TransferError};
use crate::deployment::{new_id, secret_of};

/// The epoch of a shard that an import has not completed. None can follow it.
pub const UNFINISHED: u32 = u32::MAX;
/// The epoch that imported records have.
const EPOCH: u32 = 1;
/// Pieces that are written together, so that each shard's bulk is worth its way.
const PIECES: usize = 5;
/// How often what was not written is tried again.
const TRIES: usize = 5;

/// Refuses to serve a shard that an import has not completed.
pub fn refuse_unfinished(state: &ShardState) -> Result<(), StoreError> {
    if state.epoch != UNFINISHED {
        return Ok(());
    }
    Err(StoreError::Invalid(
        "an import into this database or folder is not complete; run the same import again, or remove what is there"
            .to_owned(),
    ))
}

/// A database as a target.
pub(super) struct DatabaseTarget {
    store: Arc<dyn Store>,
    place: String,
    shards: Vec<Shard>,
    /// By shard, what is to be written next.
    parts: BTreeMap<u16, Part>,
    pieces: usize,
}

#[derive(Debug, Clone, Copy)]
struct Shard {
    /// Everything up to this number is in the store already.
    done: u64,
    /// Whether the mark was taken away before: then everything is.
    finished: bool,
    stamp: Stamp,
}

/// What is to be written into one shard.
#[derive(Debug, Default)]
struct Part {
    boards: Vec<StoredBoard>,
    rows: Vec<(RecordKey, Record)>,
    stamp: Stamp,
}

impl DatabaseTarget {
    pub(super) fn new(store: Arc<dyn Store>, place: String) -> Self {
        Self { store, place, shards: Vec::new(), parts: BTreeMap::new(), pieces: 0 }
    }

    /// Refuses what has data that no import of ours put there.
    async fn refuse_used(&self) -> Result<(), TransferError> {
        let used = !self.store.boards(None).await?.is_empty() || !self.store.scan(None, 1).await?.is_empty();
        // Its shards are judged when it is known whose they are.
        if used && self.store.shard(0).await?.epoch == 0 {
            return Err(TransferError::Used(self.place.clone()));
        }
        Ok(())
    }

    /// Writes what waits, all shards at once. The last of it has the number `last`.
    async fn carry(&mut self, last: u64) -> Result<(), TransferError> {
        self.pieces = 0;
        let parts = std::mem::take(&mut self.parts);
        let writes = parts.into_iter().filter_map(|(shard, part)| {
            let expected = self.shards.get(usize::from(shard))?.done;
            let this = &*self;
            Some(async move { Ok((shard, this.write_part(shard, part, expected, last).await?)) })
        });
        let written: Result<Vec<(u16, Stamp)>, TransferError> = try_join_all(writes).await;
        for (shard, stamp) in written? {
            if let Some(known) = self.shards.get_mut(usize::from(shard)) {
                *known = Shard { done: last, stamp, ..*known };
            }
        }
        Ok(())
    }

    /// Writes what one shard gets, and then says so in its document; the last stamp that is there.
    async fn write_part(
        &self,
        shard: u16,
        part: Part,
        expected: u64,
        last: u64,
    ) -> Result<Stamp, TransferError> {
        let Part { mut boards, mut rows, stamp } = part;
        for attempt in 1.. {
            let written = self.store.write(Writes { shard, rows: &rows, boards: &boards }).await?;
            let Written { failed_rows, failed_boards, .. } = written;
            let Some((_, why)) = failed_boards.first().or(failed_rows.first()) else { break };
            if attempt == TRIES {
                let count = failed_rows.len() + failed_boards.len();
                return Err(TransferError::NotWritten { count, why: why.clone() });
            }
            boards = failed_boards.iter().filter_map(|(at, _)| boards.get(*at).cloned()).collect();
            rows = failed_rows.iter().filter_map(|(at, _)| rows.get(*at).cloned()).collect();
        }
        let at = |watermark| Progress { watermark, bulk: 0 };
        match self.store.advance(shard, UNFINISHED, at(expected), at(last), stamp, None).await? {
            Advanced::Done => Ok(stamp),
            Advanced::Fenced(_) | Advanced::WentBack(_) => Err(TransferError::Raced(self.place.clone())),
        }
    }
}

impl Target for DatabaseTarget {
    async fn begin(&mut self, plan: &Plan) -> Result<Begun, TransferError> {
        self.refuse_used().await?;
        let random = new_id().map_err(|error| TransferError::Input(error.to_string()))?;
        let id = format!("{}{}", plan.fingerprint, random.get(..16).unwrap_or_default());
        let secret = secret_of(&id);
        let wanted = DeploymentInfo { id, shards: plan.shards, window: plan.window, secret };
        let there = self.store.deployment(&wanted).await?;
        let states = try_join_all((0..there.shards).map(|shard| self.store.shard(shard))).await?;
        let marked = states.iter().any(|state| state.epoch == UNFINISHED);
        if !there.id.starts_with(&plan.fingerprint) {
            let place = self.place.clone();
            return Err(if marked { TransferError::Other(place) } else { TransferError::Used(place) });
        }
        if !marked && states.iter().all(|state| state.epoch > 0) {
            return Ok(Begun::Complete);
        }
        for (setting, there, asked) in [
            ("shards", usize::from(there.shards), usize::from(plan.shards)),
            ("window", there.window, plan.window),
        ] {
            if there != asked {
                return Err(TransferError::Mismatch { place: self.place.clone(), setting, there, asked });
            }
        }
        let again = there.id != wanted.id;
        // What the first shard was begun at, they all are. It is the first to be marked, and the last to be finished.
        let stamp = match states.first() {
            Some(first) if first.epoch == UNFINISHED => first.stamp,
            _ => plan.stamp,
        };
        for (shard, state) in (0..there.shards).zip(&states) {
            if state.epoch == 0 {
                let mark = ShardState { epoch: UNFINISHED, stamp, ..ShardState::default() };
                if !self.store.open_epoch(shard, 0, &mark).await? {
                    return Err(TransferError::Raced(self.place.clone()));
                }
            }
            let finished = state.epoch != 0 && state.epoch != UNFINISHED;
            self.shards.push(Shard { done: state.watermark, finished, stamp: state.stamp.max(stamp) });
        }
        Ok(Begun::Here { stamp, again })
    }

    async fn write(&mut self, first: u64, items: Vec<Item>) -> Result<(), TransferError> {
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        let mut last = first;
        for (sequence, item) in (first..).zip(items) {
            last = sequence;
            let leaderboard = match &item {
                Item::Board(id, _) => id,
                Item::Record(key, _) => &key.season.leaderboard,
            };
            let shard = shard_of(leaderboard, shards);
            let Some(known) = self.shards.get(usize::from(shard)) else { continue };
            if known.finished || sequence <= known.done {
                continue;
            }
            let part =
                self.parts.entry(shard).or_insert_with(|| Part { stamp: known.stamp, ..Part::default() });
            let position = Position::new(EPOCH, sequence);
            match item {
                Item::Board(id, leaderboard) => {
                    part.stamp = part.stamp.max(leaderboard.created).max(leaderboard.opened);
                    part.boards.push(StoredBoard { id, leaderboard, position });
                }
                Item::Record(key, mut record) => {
                    part.stamp = part.stamp.max(last_stamp(&record));
                    record.position = position;
                    part.rows.push((key, record));
                }
            }
        }
        self.pieces += 1;
        if self.pieces >= PIECES { self.carry(last).await } else { Ok(()) }
    }

    async fn finish(mut self, last: u64) -> Result<(), TransferError> {
        self.carry(last).await?;
        for (shard, known) in self.shards.iter().enumerate().rev() {
            let shard = u16::try_from(shard).unwrap_or(u16::MAX);
            let (watermark, stamp) = (last, known.stamp);
            let state = ShardState { epoch: EPOCH, watermark, stamp, ..ShardState::default() };
            if !known.finished && !self.store.open_epoch(shard, UNFINISHED, &state).await? {
                return Err(TransferError::Raced(self.place));
            }
        }
        Ok(())
    }
}
