//! Who works on which shards: everybody of a trade that lives takes its share, by leases in Redis.
//!
//! Leases run by Redis's clock, so nobody's own clock matters. Who ends gives the shards back at once; those of one that is
//! gone are free when their leases have run out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hiscore_rank::redis::{Look, RedisRanks, Trade};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
    pub looks: BTreeMap<u16, Look>,
    /// How many of them are ours.
    pub ours: usize,
    /// Whether it was told that Redis may throw away scores.
    pub warned: bool,
}

/// On what terms shards are shared.
pub struct Terms {
    /// The ranking tier, where the leases are.
    pub ranks: Arc<RedisRanks>,
    /// Who shares.
    pub trade: Trade,
    /// Our name.
    pub holder: String,
    /// How long a shard stays with one that does not answer.
    pub lease: Duration,
    /// All shards that there are.
    pub shards: u16,
    /// How often our shards are looked at: how soon a loop notices news. Each look is a short call.
    pub look: Duration,
}

/// Takes, keeps and gives back shards. `F` begins the loop of one: it is told what is seen of its shard, and when to stop.
pub struct Share<F> {
    terms: Arc<Terms>,
    begin: F,
    ours: BTreeMap<u16, Ours>,
    /// Those that make their last round before they are given back.
    leaving: BTreeMap<u16, JoinHandle<()>>,
    overview: Arc<Mutex<Overview>>,
}

impl<F> Share<F>
where
    F: Fn(u16, watch::Receiver<Look>, CancellationToken) -> JoinHandle<()>,
{
    /// Nothing is ours yet.
    pub fn new(terms: Terms, begin: F, overview: Arc<Mutex<Overview>>) -> Self {
        let terms = Arc::new(terms);
        Self { terms, begin, ours: BTreeMap::new(), leaving: BTreeMap::new(), overview }
    }

    /// Runs until shutdown; then has every loop end, within `drain`, and gives everything back.
    pub async fn run(mut self, shutdown: CancellationToken, drain: Duration) {
        let mut ticks = tokio::time::interval(self.terms.look);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let round = self.terms.lease / 4;
        let mut next_round = Instant::now();
        loop {
            tokio::select! {
                biased;
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
        let looks = self.terms.ranks.look(&shards).await;
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
        let terms = Arc::clone(&self.terms);
        let Terms { ranks, trade, holder, lease, shards, .. } = terms.as_ref();
        let living = match ranks.enlist(*trade, holder, *lease).await {
            Ok(living) => living.max(1),
            Err(error) => {
                tracing::debug!(%error, "Redis was not told that we live");
                return;
            }
        };
        self.ours.retain(|_, ours| !ours.task.is_finished());
        self.leaving.retain(|_, leaving| !leaving.is_finished());
        let all: Vec<u16> = (0..*shards).collect();
        let looks = ranks.look(&all).await;
        let mut free = Vec::new();
        {
            let mut overview = self.overview.lock();
            for (shard, look) in all.iter().zip(looks) {
                let Ok(look) = look else {
                    overview.looks.remove(shard);
                    continue;
                };
                let by = match trade {
                    Trade::Persist => look.holder.as_ref(),
                    Trade::Apply => look.applier.as_ref(),
                };
                let held = by.is_some_and(|by| by != holder);
                if !held && !self.ours.contains_key(shard) && !self.leaving.contains_key(shard) {
                    free.push((*shard, look.clone()));
                }
                overview.looks.insert(*shard, look);
            }
        }
        let renewals =
            self.ours.keys().map(async |shard| (*shard, ranks.lease(*trade, *shard, holder, *lease).await));
        for (shard, renewed) in futures_util::future::join_all(renewals).await {
            // It went to another while we stood still: whoever counted it as a share would leave shards to nobody.
            if matches!(renewed, Ok(false)) {
                self.give(shard);
            }
        }
        let share = all.len().div_ceil(living);
        for (shard, look) in free {
            if self.ours.len() >= share {
                break;
            }
            if matches!(ranks.lease(*trade, shard, holder, *lease).await, Ok(true)) {
                self.take(shard, look);
            }
        }
        let surplus: Vec<u16> =
            self.ours.keys().copied().take(self.ours.len().saturating_sub(share)).collect();
        for shard in surplus {
            self.give(shard);
        }
        let mut overview = self.overview.lock();
        overview.ours = self.ours.len();
        let evicts = overview.looks.values().any(|look| look.evicts);
        if evicts && !overview.warned {
            tracing::warn!(
                "Redis may throw away scores when it is full: set its maxmemory-policy to noeviction"
            );
        }
        overview.warned = evicts;
    }

    fn take(&mut self, shard: u16, look: Look) {
        let (seen, receiver) = watch::channel(look);
        let stop = CancellationToken::new();
        let task = (self.begin)(shard, receiver, stop.clone());
        tracing::debug!(shard, trade = ?self.terms.trade, "the shard is ours");
        self.ours.insert(shard, Ours { seen, stop, task });
    }

    /// Lets a shard go once its last round is made, which nobody else's shard waits for.
    fn give(&mut self, shard: u16) {
        let Some(ours) = self.ours.remove(&shard) else { return };
        ours.stop.cancel();
        let terms = Arc::clone(&self.terms);
        let leaving = tokio::spawn(async move {
            // Bounded by the time-outs of the store and of Redis.
            let _ = ours.task.await;
            if let Err(error) = terms.ranks.release(terms.trade, shard, &terms.holder).await {
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
        for mut leaving in std::mem::take(&mut self.leaving).into_values() {
            if tokio::time::timeout_at(deadline, &mut leaving).await.is_err() {
                leaving.abort();
            }
        }
        let mut left = 0;
        for (shard, mut ours) in std::mem::take(&mut self.ours) {
            if tokio::time::timeout_at(deadline, &mut ours.task).await.is_err() {
                ours.task.abort();
                left += 1;
            }
            let Terms { ranks, trade, holder, .. } = self.terms.as_ref();
            let release = ranks.release(*trade, shard, holder);
            let _ = tokio::time::timeout_at(deadline + FAREWELL, release).await;
        }
        let Terms { ranks, trade, holder, .. } = self.terms.as_ref();
        let _ = tokio::time::timeout_at(deadline + FAREWELL, ranks.retire(*trade, holder)).await;
        if left > 0 {
            tracing::info!(shards = left, ?trade, "not ended in time; another one carries on there");
        }
    }
}
