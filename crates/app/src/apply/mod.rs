//! Apply: reads the log in its order and has the ranking tier judge what it says.
//!
//! The ranking tier remembers how far it is together with what it changed, so nothing is remembered here: whoever comes
//! to a shard asks Redis where to go on. A Redis that went back (a failover that lost its tail, a rebuild from the store) is
//! noticed with the next batch, and read for again from where it is. Two who apply the same shard do the same thing twice,
//! the second time in vain; the leases only keep that rare.

mod reading;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;

use hiscore_rank::redis::RedisRanks;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log_link::LogLink;
use crate::log_room::Span;
use crate::metrics::ApplyMetrics;
use crate::outside::Outside;
use hiscore_rank::redis::Look;
use reading::Reading;
pub(crate) use reading::{logged, portion};
pub use replay::{Replay, Report};

/// What every shard's loop shares.
pub struct ApplyTools {
    /// The ranking tier.
    pub ranks: Arc<RedisRanks>,
    /// The log.
    pub link: Arc<LogLink>,
    /// Works in one call.
    pub works: usize,
    /// Its clock, and chance.
    pub outside: Outside,
    /// What is counted.
    pub metrics: ApplyMetrics,
    /// How each shard of ours is doing, for health and metrics.
    pub states: Mutex<BTreeMap<u16, State>>,
    /// How far a replay of our shards is.
    pub replay: Replay,
}

/// How it is with one shard that is ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Entries that were in the log, when last looked, and were not applied. Offsets have gaps, so it is an upper bound.
    pub lag: u64,
    /// Why nothing is applied, if an operator must look.
    pub stopped: Option<String>,
    /// What of the log is not in the store yet.
    pub span: Span,
    /// How many bytes of that may be; `None`: any.
    pub most: Option<u64>,
}

impl State {
    /// How much of what may wait to be stored does: from 1 on submissions are refused.
    pub fn ratio(&self) -> f64 {
        self.most.map_or(0.0, |most| self.span.bytes as f64 / most.max(1) as f64)
    }
}

impl std::fmt::Debug for ApplyTools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApplyTools").field("states", &self.states).finish_non_exhaustive()
    }
}

impl ApplyTools {
    /// Begins the loop of one shard.
    pub fn begin(
        self: &Arc<Self>,
        shard: u16,
        seen: watch::Receiver<Look>,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        let tools = Arc::clone(self);
        tokio::spawn(async move {
            let reading = Reading::new(Arc::clone(&tools), shard, seen);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = reading.run() => {}
            }
            tools.states.lock().remove(&shard);
            tools.replay.leave(shard);
        })
    }
}
