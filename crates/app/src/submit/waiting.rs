//! Those who wait until what they sent is in the store.
//!
//! A record is in the store when no change of it up to that position is dirty or in flight any more; that is asked of
//! Redis for all who wait at once, shard by shard, as long as somebody waits. The number of those who wait is bounded by
//! the requests that may be under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hiscore_rank::redis::{Persisted, RedisRanks};
use hiscore_score::RecordKey;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it is asked while somebody waits.
const LOOK: Duration = Duration::from_millis(15);
/// How many records are asked about in one call.
const ASKED_AT_ONCE: usize = 1_000;

/// What became of a request that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// All of it is in the store.
    Persisted,
    /// Not yet, and Redis has it still.
    NotYet,
    /// Redis began another epoch meanwhile, or cannot be asked: what was acknowledged there may be gone.
    Unknown,
}

/// One request: it waits for all of its changes.
#[derive(Debug)]
struct Waiter {
    shard: u16,
    era: u32,
    changes: Vec<(RecordKey, u64)>,
    answer: oneshot::Sender<Waited>,
    /// Whether Redis said with the last look that it still has it.
    seen: Arc<AtomicBool>,
}

/// Everybody who waits.
#[derive(Debug)]
pub struct Waiting {
    ranks: Arc<RedisRanks>,
    arrived: Mutex<Vec<Waiter>>,
    wake: Notify,
}

impl Waiting {
    /// Nobody waits yet.
    pub fn new(ranks: Arc<RedisRanks>) -> Self {
        Self { ranks, arrived: Mutex::default(), wake: Notify::new() }
    }

    /// Waits until these changes, judged in `era`, are in the store, not beyond `deadline`. Dropping the future gives up
    /// the place.
    pub async fn wait(
        &self,
        shard: u16,
        era: u32,
        changes: Vec<(RecordKey, u64)>,
        deadline: Instant,
    ) -> Waited {
        let (answer, answered) = oneshot::channel();
        // They were just judged there.
        let seen = Arc::new(AtomicBool::new(true));
        self.arrived.lock().push(Waiter { shard, era, changes, answer, seen: Arc::clone(&seen) });
        self.wake.notify_one();
        match tokio::time::timeout_at(deadline, answered).await {
            // The task ends only with the process.
            Ok(waited) => waited.unwrap_or(Waited::Unknown),
            Err(_) if seen.load(Ordering::Relaxed) => Waited::NotYet,
            Err(_) => Waited::Unknown,
        }
    }

    /// Asks for those who wait, until shutdown. Run by one task.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut waiters: Vec<Waiter> = Vec::new();
        loop {
            if waiters.is_empty() {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    () = self.wake.notified() => {}
                }
            } else {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
            waiters.append(&mut self.arrived.lock());
            waiters.retain(|waiter| !waiter.answer.is_closed());
            let mut groups: BTreeMap<(u16, u32), Vec<Waiter>> = BTreeMap::new();
            for waiter in waiters.drain(..) {
                groups.entry((waiter.shard, waiter.era)).or_default().push(waiter);
            }
            let asked = groups.into_iter().map(|((shard, era), group)| self.ask(shard, era, group));
            for left in futures_util::future::join_all(asked).await {
                waiters.extend(left);
            }
        }
    }

    /// Asks about those of one shard, tells who need not wait any more, and returns the others.
    async fn ask(&self, shard: u16, era: u32, mut group: Vec<Waiter>) -> Vec<Waiter> {
        let changes: Vec<_> = group.iter().flat_map(|waiter| waiter.changes.iter().cloned()).collect();
        let mut answers = Vec::with_capacity(changes.len());
        for chunk in changes.chunks(ASKED_AT_ONCE) {
            match self.ranks.persisted(shard, era, chunk).await {
                Ok(part) => answers.extend(part),
                // Redis is away or being reconciled: who waits goes on waiting, to its own time-out.
                Err(_) => {
                    group.iter().for_each(|waiter| waiter.seen.store(false, Ordering::Relaxed));
                    return group;
                }
            }
        }
        let mut answers = answers.into_iter();
        let mut left = Vec::new();
        for mut waiter in group.drain(..) {
            let mut unknown = false;
            waiter.changes.retain(|_| match answers.next() {
                Some(Persisted::Yes) => false,
                Some(Persisted::NotYet) | None => true,
                Some(Persisted::Unknown) => {
                    unknown = true;
                    true
                }
            });
            match (unknown, waiter.changes.is_empty()) {
                (true, _) => drop(waiter.answer.send(Waited::Unknown)),
                (false, true) => drop(waiter.answer.send(Waited::Persisted)),
                (false, false) => {
                    waiter.seen.store(true, Ordering::Relaxed);
                    left.push(waiter);
                }
            }
        }
        left
    }
}
