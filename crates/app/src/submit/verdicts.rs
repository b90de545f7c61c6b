//! Those who wait until what they appended to the log was applied.
//!
//! Whoever applies leaves a verdict for the process that appended, in a bounded ring of the shard in Redis; while somebody
//! waits for a shard, its verdicts are fetched again and again. One that is lost (the ring is bounded, Redis may die) means
//! that somebody waits for nothing, to its own time-out: what is in the log is safe without it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hiscore_rank::redis::{Done, RedisRanks, Refused, Verdict};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it is asked while somebody waits.
const LOOK: Duration = Duration::from_millis(3);
/// Verdicts that are fetched at once.
const AT_ONCE: usize = 1_000;

/// What became of the works of one entry, in their order; `None`: not known.
pub type Told = Vec<Option<Result<Done, Refused>>>;

/// One entry that somebody waits for.
#[derive(Debug)]
struct Waiter {
    shard: u16,
    told: Told,
    missing: usize,
    answer: oneshot::Sender<()>,
}

/// Everybody of this process who waits.
#[derive(Debug)]
pub struct Verdicts {
    ranks: Arc<RedisRanks>,
    origin: u64,
    waiters: Mutex<HashMap<u64, Waiter>>,
    wake: Notify,
}

/// A place among those who wait; dropping it gives it up.
#[derive(Debug)]
pub struct Expected<'a> {
    verdicts: &'a Verdicts,
    number: u64,
    answered: oneshot::Receiver<()>,
}

impl Verdicts {
    /// Nobody waits yet. `origin` is what this process appends as.
    pub fn new(ranks: Arc<RedisRanks>, origin: u64) -> Self {
        Self { ranks, origin, waiters: Mutex::default(), wake: Notify::new() }
    }

    /// Takes a place for the entry with this number, of so many works; before it is appended, so that no verdict is missed.
    pub fn expect(&self, shard: u16, number: u64, works: usize) -> Expected<'_> {
        let (answer, answered) = oneshot::channel();
        let told = vec![None; works];
        self.waiters.lock().insert(number, Waiter { shard, told, missing: works, answer });
        Expected { verdicts: self, number, answered }
    }

    /// Asks for those who wait, until shutdown. Run by one task.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            let shards = self.shards();
            if shards.is_empty() {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = self.wake.notified() => {}
                }
            }
            let asked = shards.into_iter().map(|shard| self.ranks.verdicts(shard, self.origin, AT_ONCE));
            for told in futures_util::future::join_all(asked).await {
                // Redis is away or being reconciled: who waits goes on waiting.
                told.into_iter().flatten().for_each(|verdict| self.tell(verdict));
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    fn shards(&self) -> Vec<u16> {
        let mut shards: Vec<u16> = self.waiters.lock().values().map(|waiter| waiter.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    fn tell(&self, verdict: Verdict) {
        let mut waiters = self.waiters.lock();
        let Some(waiter) = waiters.get_mut(&verdict.number) else { return };
        let Some(place @ None) = waiter.told.get_mut(usize::from(verdict.index)) else { return };
        *place = Some(verdict.result);
        waiter.missing -= 1;
        if waiter.missing == 0 {
            // What was told stays until its owner takes it.
            let (nobody, _) = oneshot::channel();
            let _ = std::mem::replace(&mut waiter.answer, nobody).send(());
        }
    }
}

impl Expected<'_> {
    /// What is known of it once all is, or at the deadline.
    pub async fn within(mut self, deadline: Instant) -> Told {
        self.verdicts.wake.notify_one();
        // Either way, what is known by then.
        let _ = tokio::time::timeout_at(deadline, &mut self.answered).await;
        let waiter = self.verdicts.waiters.lock().remove(&self.number);
        waiter.map(|waiter| waiter.told).unwrap_or_default()
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.verdicts.waiters.lock().remove(&self.number);
    }
}
