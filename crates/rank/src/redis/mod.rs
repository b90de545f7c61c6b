//! The ranking tier in Redis: one library of functions that judges by the law, and the client that calls it in batches.
//!
//! [`calls`] is what may be asked and what is answered.

pub mod calls;
mod options;
mod url;

use std::sync::Arc;
use std::time::Duration;

use hiscore_score::{Leaderboard, LeaderboardId, Record, RecordKey, VersionId};

pub use calls::*;
pub use options::{Options, Status};
pub use url::{InvalidRedisUrl, RedisUrl};

use crate::contract::{Answer, Query, RankError, Ranking};

/// The ranking tier in Redis. Shared by `Arc`; every method may be called from any task.
#[derive(Debug)]
pub struct RedisRanks {
    options: Options,
}

fn not_connected<T>() -> Result<T, CallError> {
    Err(CallError::Unavailable("not connected".into()))
}

#[allow(clippy::unused_async, unused_variables, missing_docs, reason = "to be filled")]
impl RedisRanks {
    /// Spawns its tasks on the current tokio runtime and connects in the background.
    pub fn start(options: Options) -> Arc<Self> {
        Arc::new(Self { options })
    }
    pub async fn close(&self) {}
    pub fn shard_of(&self, board: &LeaderboardId) -> u16 {
        hiscore_score::shard_of(board, self.options.shards)
    }
    pub fn replicas(&self) -> u32 {
        0
    }
    pub fn status(&self) -> Status {
        Status::default()
    }
    pub async fn submit(&self, request: Request) -> Result<Reply, CallError> {
        not_connected()
    }
    pub async fn board(&self, id: &LeaderboardId) -> Result<Option<BoardView>, ReadError> {
        Err(ReadError::Unavailable("not connected".into()))
    }
    pub async fn boards(&self, shard: u16) -> Result<Vec<(LeaderboardId, Leaderboard)>, ReadError> {
        Err(ReadError::Unavailable("not connected".into()))
    }
    pub async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        query: &Query,
    ) -> Result<PageView, ReadError> {
        Err(ReadError::Unavailable("not connected".into()))
    }
    pub async fn persisted(
        &self,
        shard: u16,
        epoch: u32,
        asked: &[(RecordKey, u64)],
    ) -> Result<Vec<Persisted>, CallError> {
        not_connected()
    }
    pub async fn look(&self, shards: &[u16]) -> Vec<Result<Look, CallError>> {
        shards.iter().map(|_| not_connected()).collect()
    }
    pub async fn enlist(&self, holder: &str, ttl: Duration) -> Result<usize, CallError> {
        not_connected()
    }
    pub async fn retire(&self, holder: &str) -> Result<(), CallError> {
        not_connected()
    }
    pub async fn lease(&self, shard: u16, holder: &str, ttl: Duration) -> Result<bool, CallError> {
        not_connected()
    }
    pub async fn release(&self, shard: u16, holder: &str) -> Result<(), CallError> {
        not_connected()
    }
    pub async fn claim(
        &self,
        shard: u16,
        holder: &str,
        ttl: Duration,
        most_rows: usize,
        most_bytes: usize,
    ) -> Result<Option<Claim>, CallError> {
        not_connected()
    }
    pub async fn clear(
        &self,
        shard: u16,
        holder: &str,
        epoch: u32,
        confirmed: Confirmed<'_>,
    ) -> Result<(), CallError> {
        not_connected()
    }
    pub async fn mark_above(
        &self,
        shard: u16,
        holder: &str,
        above: u64,
        cursor: Option<String>,
    ) -> Result<Option<String>, CallError> {
        not_connected()
    }
    pub async fn survey(&self, shard: u16, holder: &str, ttl: Duration) -> Result<Survey, CallError> {
        not_connected()
    }
    pub async fn peek(
        &self,
        shard: u16,
        holder: &str,
        keys: &[RecordKey],
    ) -> Result<Vec<Option<Record>>, CallError> {
        not_connected()
    }
    pub async fn install(
        &self,
        shard: u16,
        holder: &str,
        replication: &str,
        rows: &[Install],
        boards: &[(BoardState, bool)],
    ) -> Result<(), CallError> {
        not_connected()
    }
    pub async fn boards_raw(&self, shard: u16, holder: &str) -> Result<Vec<BoardState>, CallError> {
        not_connected()
    }
    pub async fn open(&self, shard: u16, holder: &str, opening: Opening) -> Result<(), CallError> {
        not_connected()
    }
    pub async fn prune(&self, shard: u16, holder: &str, most: usize) -> Result<bool, CallError> {
        not_connected()
    }
}

impl Ranking for RedisRanks {
    fn read<'a>(&'a self, _season: &'a hiscore_score::Season, _query: Query) -> Answer<'a> {
        Box::pin(std::future::ready(Err(RankError::Unavailable("not connected".into()))))
    }
}
