//! The ranking tier in Redis: one library of functions that judges by the law, and the client that calls it in batches.
//!
//! [`calls`] is what may be asked and what is answered. `lua/` holds the functions, which agree with the law of
//! `hiscore-score` in every case (the tests compare them); `1_shard.lua` says which keys there are. The way of a submission
//! through the client: [`RedisRanks::submit`] packs it (`wire`) and files it with the lane of its shard (`lane`), which sends
//! what waits as one pipeline on a connection of its own (`channel`, `connect`) to the primary that `topology` found and `hub`
//! keeps an eye on. Everybody else has other connections: readers one a node (`reads`), persisters one a node (`persister`,
//! `reconcile`).
//!
//! # The fence
//!
//! Each shard keeps the replication id of the Redis that it was last reconciled under. Every function that serves reads
//! `INFO replication` *inside* the function and compares: unless the ids are equal and this is a primary it answers `FENCED`
//! and does nothing. So it does not matter how old a connection is, or what its owner believes: an id that was read after
//! connecting and sent along could be stale, this one cannot. It costs less than two microseconds a call. The id changes with
//! every restart and failover, but also when the first replica comes (to a primary that never had one) and an hour after the
//! last one went: the shard is then reconciled once more for nothing, which does no harm.
//!
//! # A Cluster that moves slots
//!
//! All keys of a shard are in one slot, but a live reshard moves them one by one, and functions cannot be rolled back. So
//! every function first finds out whether its slot is on the move, and then refuses as if it were fenced; whoever comes after
//! the shard's first key is sent on by the Cluster, and looks up the primary again. When all is over there the shard has the
//! replication id of where it was, so it is reconciled under that of its new primary before it is served: mostly a look at the
//! store, since everything came along. A reshard that broke off leaves a shard in two pieces, which is noticed before that
//! (`whole`).
//!
//! # What is sent twice
//!
//! Nothing that changes anything: an answer that did not come is [`CallError::Ambiguous`]. A function that is not there was
//! not done, so after loading the library it is called again; reads are asked once more.

mod answer;
mod apply;
pub mod calls;
mod channel;
mod codec;
mod connect;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod hub;
mod lane;
mod library;
mod options;
mod outside;
mod persister;
mod reads;
mod reconcile;
mod topology;
mod url;
mod whole;
mod wire;

use std::sync::Arc;

use hiscore_score::LeaderboardId;
use parking_lot::Mutex;
use redis::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use apply::{Applied, Batch, LoggedEntry, LoggedWork, Verdict};
pub use calls::*;
pub use options::{Options, Status};
pub use outside::{Dial, Dialing, Outside, Stream};
pub use reconcile::KEPT_SEASONS;
pub use url::{InvalidRedisUrl, RedisUrl};

use codec::Garbled;
use hub::Hub;
use lane::{Job, Judged, Room};
use wire::Packed;

/// The ranking tier in Redis. Shared by `Arc`; every method may be called from any task.
#[derive(Debug)]
pub struct RedisRanks {
    hub: Arc<Hub>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl RedisRanks {
    /// Spawns its tasks on the current tokio runtime, of which there must be one, and connects in the background: that Redis
    /// is late shows in [`RedisRanks::status`] and in the answers.
    pub fn start(options: Options) -> Arc<Self> {
        if options.url.tls {
            // Somebody may have chosen already, which is just as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let hub = Arc::new(Hub::new(options));
        let keeper = tokio::spawn(Arc::clone(&hub).keep());
        Arc::new(Self { hub, keeper: Mutex::new(Some(keeper)) })
    }

    /// Whether the Redis that this shard is at is the one that should be served: the primary by a majority, asked afresh.
    /// `None`: there is nobody to ask, since the URL names one Redis.
    pub async fn is_named(&self, shard: u16) -> Result<Option<bool>, CallError> {
        if matches!(self.hub.options.url.kind, url::Kind::Standalone) {
            return Ok(None);
        }
        let node = self.hub.node_of(shard)?;
        let mut resolver = topology::Resolver::new(&self.hub.options);
        let named = resolver.majority(&self.hub.keys, shard).await.map_err(CallError::Unavailable)?;
        Ok(Some(named == node.control.host))
    }

    /// Refuses everything from now on, waits for what is under way (no longer than its timeouts), and joins its tasks.
    pub async fn close(&self) {
        self.hub.close();
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = keeper
            && let Err(error) = keeper.await
        {
            tracing::error!(%error, "the task that keeps the connections to Redis ended badly");
        }
    }

    /// The shard of a board.
    pub fn shard_of(&self, board: &LeaderboardId) -> u16 {
        self.hub.keys.shard_of(board)
    }

    /// Replicas that the primary of a board had when last looked; 0 if none is known.
    pub fn replicas_of(&self, board: &LeaderboardId) -> u32 {
        self.hub.replicas_of(self.shard_of(board))
    }

    /// How it is doing: for health checks and metrics.
    pub fn status(&self) -> Status {
        self.hub.status()
    }

    /// Has a request judged, with whatever else of its node waits. Its works are judged in their order; those of a request of
    /// more than [`Options::max_batch`] works in several calls, between which others may come.
    ///
    /// What is asked for in `replicas` is a wish: [`Reply::replicas`] tells how many there were. Dropping the future does not
    /// take back what was filed.
    pub async fn submit(&self, request: Request) -> Result<Reply, CallError> {
        let packed = Packed::new(&request);
        let (bytes, most) = (packed.size(), self.hub.options.max_pending_bytes);
        let room = Room::take(&self.hub.pending, bytes, most).ok_or_else(|| {
            CallError::Unavailable(format!("submissions of {most} bytes wait for Redis already"))
        })?;
        let shard = self.shard_of(&request.board);
        let lane = self.hub.lane_of(shard).map_err(|trouble| self.hub.notice(trouble))?;
        let (answer, answered) = oneshot::channel();
        let job = Job { shard, packed, replicas: request.replicas, answer, room };
        if lane.push(job).is_err() {
            return Err(CallError::Unavailable("the primary of this shard has just changed".into()));
        }
        let judged = answered
            .await
            .unwrap_or_else(|_| Err(CallError::Ambiguous("the connection's task has ended".into())))?;
        read(judged, request.works.len())
    }
}

impl Drop for RedisRanks {
    fn drop(&mut self) {
        // Who did not close it does not want to wait; the tasks end by themselves.
        self.hub.close();
    }
}

fn read(judged: Judged, works: usize) -> Result<Reply, CallError> {
    let Judged { results, era, replicas } = judged;
    if results.len() != works {
        return Err(CallError::Ambiguous("Redis answered with another number of results".into()));
    }
    let result = |value| match value {
        Value::BulkString(bytes) => wire::take_result(&bytes),
        _ => Err(Garbled("a result is no text")),
    };
    let results: Result<Vec<_>, Garbled> = results.into_iter().map(result).collect();
    // It was judged, whatever it says.
    let results = results.map_err(|garbled| CallError::Ambiguous(garbled.to_string()))?;
    Ok(Reply { results, era, replicas })
}
