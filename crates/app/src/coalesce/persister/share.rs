//! Who persists which shards: every persister that lives takes its share, by leases in Redis.
//!
//! Leases run by Redis's clock, so nobody's own clock matters. A persister that ends gives its shards back at once; the
//! shards of one that is gone are free when their leases have run out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hiscore_rank::redis::Look;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Tools;
use super::shard::ShardLoop;

/// How often our shards are looked at: how soon somebody who waits for the store is noticed. Each look is a short call; those of
/// 32 shards at rest take 2 % of a core of Redis.
const LOOK: Duration = Duration::from_millis(50);
/// Giving everything back at the end takes no longer.
const FAREWELL: Duration = Duration::from_secs(2);

/// A shard that is ours.
struct Ours {
    seen: watch::Sender<Look>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What is known of all shards, for health and metrics.
#[derive(Debug, Default, Clone)]
pub struct Overview {
    /// Of each shard that could be looked at, in order.
    pub looks: HashMap<u16, Look>,
    /// How many of them are ours.
    pub ours: usize,
}

/// Takes, keeps and gives back shards.
pub struct Share {
    tools: Arc<Tools>,
    ours: HashMap<u16, Ours>,
    /// Those that make their last round before they are given back.
    leaving: HashMap<u16, JoinHandle<()>>,
    overview: Arc<Mutex<Overview>>,
}

impl Share {
    /// Nothing is ours yet.
    pub fn new(tools: Arc<Tools>, overview: Arc<Mutex<Overview>>) -> Self {
        Self { tools, ours: HashMap::new(), leaving: HashMap::new(), overview }
    }

    /// Runs until shutdown; then writes what is left, within `drain`, and gives everything back.
    pub async fn run(mut self, shutdown: CancellationToken, drain: Duration) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let round = self.tools.options.lease / 4;
        let mut next_round = Instant::now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = ticks.tick() => {}
            }
            if Instant::now() >= next_round {
                self.settle().await;
                next_round = Instant::now() + round;
            }
            self.look_at_ours().await;
        }
        self.end(drain).await;
    }

    /// Tells each of our loops what is to be seen of its shard.
    async fn look_at_ours(&mut self) {
        self.ours.retain(|_, ours| !ours.task.is_finished());
        let shards: Vec<u16> = self.ours.keys().copied().collect();
        if shards.is_empty() {
            return;
        }
        let looks = self.tools.ranks.look(&shards).await;
        let mut overview = self.overview.lock();
        for (shard, look) in shards.iter().zip(looks) {
            let (Ok(look), Some(ours)) = (look, self.ours.get(shard)) else { continue };
            overview.looks.insert(*shard, look.clone());
            ours.seen.send_if_modified(|seen| {
                // The clock alone is no news.
                let news =
                    Look { now_unix_ms: seen.now_unix_ms, memory: seen.memory, ..look.clone() } != *seen;
                *seen = look;
                news
            });
        }
    }

    /// Says that we live, keeps what is ours, and takes or gives so that all have about the same.
    async fn settle(&mut self) {
        let tools = Arc::clone(&self.tools);
        let lease = tools.options.lease;
        let living = match tools.ranks.enlist(&tools.holder, lease).await {
            Ok(living) => living.max(1),
            Err(error) => {
                tracing::debug!(%error, "Redis was not told that this persister lives");
                return;
            }
        };
        self.ours.retain(|_, ours| !ours.task.is_finished());
        self.leaving.retain(|_, leaving| !leaving.is_finished());
        let all: Vec<u16> = (0..tools.options.deployment.shards).collect();
        let looks = tools.ranks.look(&all).await;
        let mut free = Vec::new();
        {
            let mut overview = self.overview.lock();
            for (shard, look) in all.iter().zip(looks) {
                let Ok(look) = look else {
                    overview.looks.remove(shard);
                    continue;
                };
                let held = look.holder.as_ref().is_some_and(|holder| *holder != tools.holder);
                if !held && !self.ours.contains_key(shard) && !self.leaving.contains_key(shard) {
                    free.push((*shard, look.clone()));
                }
                overview.looks.insert(*shard, look);
            }
        }
        let renewals = self.ours.keys().map(|shard| tools.ranks.lease(*shard, &tools.holder, lease));
        // A loop whose lease is lost notices with its next claim, before it clears anything.
        let _ = futures_util::future::join_all(renewals).await;
        let share = all.len().div_ceil(living);
        for (shard, look) in free {
            if self.ours.len() >= share {
                break;
            }
            if matches!(tools.ranks.lease(shard, &tools.holder, lease).await, Ok(true)) {
                self.take(shard, look);
            }
        }
        let surplus: Vec<u16> =
            self.ours.keys().copied().take(self.ours.len().saturating_sub(share)).collect();
        for shard in surplus {
            self.give(shard);
        }
        self.overview.lock().ours = self.ours.len();
    }

    fn take(&mut self, shard: u16, look: Look) {
        let (seen, receiver) = watch::channel(look);
        let stop = CancellationToken::new();
        let shard_loop =
            ShardLoop { tools: Arc::clone(&self.tools), shard, seen: receiver, stop: stop.clone() };
        let task = tokio::spawn(shard_loop.run());
        tracing::debug!(shard, "the shard is ours");
        self.ours.insert(shard, Ours { seen, stop, task });
    }

    /// Lets a shard go once its last round is made, which nobody else's shard waits for.
    fn give(&mut self, shard: u16) {
        let Some(ours) = self.ours.remove(&shard) else { return };
        ours.stop.cancel();
        let tools = Arc::clone(&self.tools);
        let leaving = tokio::spawn(async move {
            // Bounded by the time-outs of the store and of Redis.
            let _ = ours.task.await;
            if let Err(error) = tools.ranks.release(shard, &tools.holder).await {
                tracing::debug!(shard, %error, "the lease was not given back; it runs out by itself");
            }
        });
        self.leaving.insert(shard, leaving);
    }

    async fn end(mut self, drain: Duration) {
        let deadline = Instant::now() + drain;
        for ours in self.ours.values() {
            ours.stop.cancel();
        }
        for mut leaving in self.leaving.drain().map(|(_, leaving)| leaving) {
            if tokio::time::timeout_at(deadline, &mut leaving).await.is_err() {
                leaving.abort();
            }
        }
        let mut left = 0;
        for (shard, mut ours) in self.ours.drain() {
            if tokio::time::timeout_at(deadline, &mut ours.task).await.is_err() {
                ours.task.abort();
                left += 1;
            }
            let release = self.tools.ranks.release(shard, &self.tools.holder);
            let _ = tokio::time::timeout_at(deadline + FAREWELL, release).await;
        }
        let _ =
            tokio::time::timeout_at(deadline + FAREWELL, self.tools.ranks.retire(&self.tools.holder)).await;
        if left > 0 {
            tracing::info!(
                shards = left,
                "what is dirty there stays in Redis; another persister carries it on"
            );
        }
    }
}
