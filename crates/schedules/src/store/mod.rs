//! A simulated store: in memory, with answers that take time, fail, or get lost after it was done.
//!
//! What was asked for is done where the store is, not where the caller is: a caller that dies or pauses leaves behind what was
//! already on its way.

mod table;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hiscore_score::{OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp};
use hiscore_store::contract::{
    Advanced, DeploymentInfo, From, Progress, ShardState, Store, StoreError, StoredBoard, StoredLog, Writes,
    Written,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::chance::Chance;
use crate::journal::{Journal, digest};
use crate::mistake::Mistake;
pub(crate) use table::Table;

/// How long a caller waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// How it is when nothing is done to it on purpose. Each number `n` stands for one request in `n`; 0: never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Noise {
    /// It fails before it is done.
    pub(crate) fail_before: u64,
    /// It is done, and the answer is lost.
    pub(crate) fail_after: u64,
    /// A bulk is done to a part, then it fails.
    pub(crate) fail_between: u64,
    /// A bulk is done but for one of its rows, and says so.
    pub(crate) refuse: u64,
    /// It takes up to `slow_ms` milliseconds, which may be longer than anybody waits.
    pub(crate) slow: u64,
    pub(crate) slow_ms: u64,
    /// How long it takes there at most, and back, when nothing is wrong.
    pub(crate) usual_ms: u64,
}

/// The store itself, which outlives everybody.
#[derive(Clone)]
pub(crate) struct Backing {
    pub(crate) table: Arc<Mutex<Table>>,
    pub(crate) runtime: Handle,
    pub(crate) chance: Chance,
    pub(crate) journal: Journal,
    pub(crate) noise: Noise,
    pub(crate) is_noisy: Arc<AtomicBool>,
    pub(crate) is_away: Arc<AtomicBool>,
    /// Grows when it is restored: what is under way then is lost.
    pub(crate) life: Arc<AtomicUsize>,
    pub(crate) mistake: Option<Mistake>,
}

/// As one host reaches it.
#[derive(Clone)]
pub(crate) struct SimStore {
    pub(crate) backing: Backing,
    pub(crate) host: String,
}

fn away() -> StoreError {
    StoreError::Unavailable("the simulated store does not answer".to_owned())
}

impl Backing {
    fn happens(&self, one_in: u64) -> bool {
        self.is_noisy.load(Ordering::Relaxed) && self.chance.one_in(one_in)
    }

    async fn pause(&self) {
        if self.is_noisy.load(Ordering::Relaxed) {
            let noise = self.noise;
            let most = if self.chance.one_in(noise.slow) { noise.slow_ms } else { noise.usual_ms };
            sleep(self.chance.ms(0, most)).await;
        }
    }

    /// The epoch that is taken for the caller's.
    fn opens_from(&self, table: &Table, shard: u16, from: u32) -> u32 {
        match self.mistake {
            Some(Mistake::NoEpoch) => table.shards.get(&shard).map_or(0, |state| state.epoch),
            _ => from,
        }
    }

    /// Replaces all that it holds by a copy.
    pub(crate) fn restore(&self, copy: Table) {
        self.journal.tell("! the store is restored from a copy");
        self.life.fetch_add(1, Ordering::Relaxed);
        *self.table.lock() = copy;
    }
}

impl SimStore {
    /// Has something done where the store is. `what` is written down with its answer, unless it is empty.
    async fn done<T, F>(&self, what: &'static str, work: F) -> Result<T, StoreError>
    where
        T: std::fmt::Debug + Send + 'static,
        F: FnOnce(&mut Table, &Backing) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (backing, host) = (self.backing.clone(), self.host.clone());
        let life = self.backing.life.load(Ordering::Relaxed);
        self.backing.runtime.spawn(async move {
            let noise = backing.noise;
            backing.pause().await;
            let is_lost = life != backing.life.load(Ordering::Relaxed);
            if is_lost || backing.is_away.load(Ordering::Relaxed) || backing.happens(noise.fail_before) {
                let _ = answer.send(Err(away()));
                return;
            }
            let done = work(&mut backing.table.lock(), &backing);
            if !what.is_empty() {
                let answered = digest([format!("{done:?}").as_bytes()]);
                backing.journal.tell(format_args!("{host} store {what}: {answered:016x}"));
            }
            let is_lost = backing.happens(noise.fail_after);
            backing.pause().await;
            let _ = answer.send(if is_lost { Err(away()) } else { done });
        });
        match timeout(PATIENCE, answered).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => Err(away()),
        }
    }
}

#[async_trait]
impl Store for SimStore {
    async fn deployment(&self, wanted: &DeploymentInfo) -> Result<DeploymentInfo, StoreError> {
        let wanted = wanted.clone();
        self.done("deployment", |table, _| Ok(table.deployment.get_or_insert(wanted).clone())).await
    }

    async fn log(&self) -> Result<Option<StoredLog>, StoreError> {
        self.done("log", |table, _| Ok(table.log.clone())).await
    }

    async fn adopt_log(&self, from: Option<u32>, log: &StoredLog) -> Result<bool, StoreError> {
        let log = log.clone();
        self.done("adopt_log", move |table, _| {
            let fits = table.log.as_ref().map(|log| log.generation) == from;
            if fits {
                table.log = Some(log);
            }
            Ok(fits)
        })
        .await
    }

    async fn shard(&self, shard: u16) -> Result<ShardState, StoreError> {
        self.done("shard", move |table, _| Ok(table.shards.get(&shard).cloned().unwrap_or_default())).await
    }

    async fn open_epoch(&self, shard: u16, from: u32, state: &ShardState) -> Result<bool, StoreError> {
        let state = state.clone();
        self.done("open_epoch", move |table, backing| {
            let from = backing.opens_from(table, shard, from);
            Ok(table.open_epoch(shard, from, &state))
        })
        .await
    }

    async fn write(&self, writes: Writes<'_>) -> Result<Written, StoreError> {
        let (shard, mut rows, boards) = (writes.shard, writes.rows.to_vec(), writes.boards.to_vec());
        self.done("write", move |table, backing| {
            let count = rows.len() as u64;
            if backing.happens(backing.noise.fail_between) {
                rows.truncate(usize::try_from(backing.chance.below(count)).unwrap_or(0));
                table.write(shard, &rows, &boards);
                return Err(away());
            }
            let mut refused = None;
            if count > 0 && backing.happens(backing.noise.refuse) {
                let at = usize::try_from(backing.chance.below(count)).unwrap_or(0);
                refused = Some((at, rows.remove(at)));
            }
            if backing.mistake == Some(Mistake::NoGuard) {
                for (key, _) in &rows {
                    table.records.remove(key);
                }
            }
            let mut written = table.write(shard, &rows, &boards);
            if let Some((refused, _)) = refused {
                written.failed_rows.iter_mut().for_each(|(at, _)| *at += usize::from(*at >= refused));
                written.failed_rows.push((refused, "refused by chance".to_owned()));
            }
            Ok(written)
        })
        .await
    }

    async fn advance(
        &self,
        shard: u16,
        epoch: u32,
        expected: Progress,
        reached: Progress,
        stamp: Stamp,
        place: Option<(u64, Stamp)>,
    ) -> Result<Advanced, StoreError> {
        self.done("advance", move |table, backing| {
            let epoch = backing.opens_from(table, shard, epoch);
            Ok(table.advance(shard, epoch, expected, reached, stamp, place))
        })
        .await
    }

    async fn boards(&self, shard: Option<u16>) -> Result<Vec<StoredBoard>, StoreError> {
        self.done("", move |table, _| Ok(table.boards(shard))).await
    }

    async fn between(
        &self,
        shard: u16,
        range: Range<Position>,
        after: Option<&(Position, RecordKey)>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        let after = after.cloned();
        self.done("between", move |table, _| Ok(table.between(shard, &range, after.as_ref(), limit))).await
    }

    async fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        let keys = keys.to_vec();
        let get = move |table: &mut Table, _: &Backing| {
            Ok(keys.iter().map(|key| table.records.get(key).map(|(_, record)| record.clone())).collect())
        };
        self.done("", get).await
    }

    async fn count(&self, season: &Season) -> Result<u64, StoreError> {
        let season = season.clone();
        let rules = Rules::default();
        self.done("", move |table, _| Ok(table.order(&season, &rules).len() as u64)).await
    }

    async fn walk(
        &self,
        season: &Season,
        rules: &Rules,
        from: &From,
        limit: usize,
    ) -> Result<Vec<(PlayerId, Record)>, StoreError> {
        let (season, rules, from) = (season.clone(), *rules, from.clone());
        self.done("", move |table, _| Ok(table.walk(&season, &rules, &from, limit))).await
    }

    async fn before(&self, season: &Season, rules: &Rules, place: &OrderKey) -> Result<u64, StoreError> {
        let (season, rules, place) = (season.clone(), *rules, place.clone());
        let before = move |table: &mut Table, _: &Backing| {
            Ok(table.order(&season, &rules).iter().filter(|(key, ..)| *key < place).count() as u64)
        };
        self.done("", before).await
    }

    async fn scan(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        let after = after.cloned();
        self.done("", move |table, _| {
            let rows =
                table.records.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
            Ok(rows.take(limit).map(|(key, (_, record))| (key.clone(), record.clone())).collect())
        })
        .await
    }
}
