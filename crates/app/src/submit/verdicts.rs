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

/// Works of an entry that somebody waits for.
#[derive(Debug)]
struct Waiter {
    shard: u16,
    /// The place of the first of them in the entry.
    from: usize,
    told: Told,
    missing: usize,
    answer: Option<oneshot::Sender<()>>,
}

/// Everybody of this process who waits.
#[derive(Debug)]
pub struct Verdicts {
    ranks: Arc<RedisRanks>,
    origin: u64,
    /// By the number of the entry, in the order of their places in it.
    waiters: Mutex<HashMap<u64, Vec<Waiter>>>,
    wake: Notify,
}

/// A place among those who wait; dropping it gives it up.
#[derive(Debug)]
pub struct Expected {
    verdicts: Arc<Verdicts>,
    number: u64,
    from: usize,
    answered: oneshot::Receiver<()>,
}

impl Verdicts {
    /// Nobody waits yet. `origin` is what this process appends as.
    pub fn new(ranks: Arc<RedisRanks>, origin: u64) -> Self {
        Self { ranks, origin, waiters: Mutex::default(), wake: Notify::new() }
    }

    /// Takes a place for `works` works from place `from` of the entry with this number; before it is appended, so that no
    /// verdict is missed.
    pub fn expect(self: &Arc<Self>, shard: u16, number: u64, from: usize, works: usize) -> Expected {
        let (answer, answered) = oneshot::channel();
        let waiter = Waiter { shard, from, told: vec![None; works], missing: works, answer: Some(answer) };
        self.waiters.lock().entry(number).or_default().push(waiter);
        Expected { verdicts: Arc::clone(self), number, from, answered }
    }

    /// Asks for those who wait, until shutdown. Run by one task.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            let shards = self.shards();
            if shards.is_empty() {
                tokio::select! {
                    biased;
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
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    fn shards(&self) -> Vec<u16> {
        let mut shards: Vec<u16> =
            self.waiters.lock().values().flatten().map(|waiter| waiter.shard).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    fn tell(&self, verdict: Verdict) {
        let mut waiters = self.waiters.lock();
        let Some(of_entry) = waiters.get_mut(&verdict.number) else { return };
        let index = usize::from(verdict.index);
        let its =
            |waiter: &&mut Waiter| index.checked_sub(waiter.from).is_some_and(|at| at < waiter.told.len());
        let Some(waiter) = of_entry.iter_mut().find(its) else { return };
        let Some(place @ None) = waiter.told.get_mut(index - waiter.from) else { return };
        *place = Some(verdict.result);
        waiter.missing -= 1;
        if waiter.missing == 0 {
            // What was told stays until its owner takes it.
            waiter.answer.take().map(|answer| answer.send(()));
        }
    }

    fn take(&self, number: u64, from: usize) -> Option<Waiter> {
        let mut waiters = self.waiters.lock();
        let of_entry = waiters.get_mut(&number)?;
        let at = of_entry.iter().position(|waiter| waiter.from == from)?;
        let waiter = of_entry.remove(at);
        if of_entry.is_empty() {
            waiters.remove(&number);
        }
        Some(waiter)
    }
}

impl Expected {
    /// What is known of them once all is, or at the deadline.
    pub async fn within(mut self, deadline: Instant) -> Told {
        self.verdicts.wake.notify_one();
        // Either way, what is known by then.
        let _ = tokio::time::timeout_at(deadline, &mut self.answered).await;
        self.verdicts.take(self.number, self.from).map(|waiter| waiter.told).unwrap_or_default()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.verdicts.take(self.number, self.from);
    }
}
