//! What the client of the ranking tier is told at the start, and what it says about itself.

use std::time::Duration;

use super::{Outside, RedisUrl};

/// How to reach the ranking tier, and how much may wait for it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where Redis is.
    pub url: RedisUrl,
    /// The deployment's number of shards, at least 1.
    pub shards: u16,
    /// The length of the idempotency windows, at least 1.
    pub window: usize,
    /// Connections a primary that submissions go by (*lanes*), at least 1.
    pub connections: usize,
    /// Bytes of submissions that may wait or be under way; what would be beyond is refused.
    pub max_pending_bytes: usize,
    /// Works in one call of a function, at least 1: how long others wait for one batch.
    pub max_batch: usize,
    /// The longest that a call waits for replicas.
    pub wait: Duration,
    /// The longest that a call waits for its answer, the wait for replicas apart.
    pub timeout: Duration,
    /// What all keys begin with. Braces in it become underscores, since a Cluster reads them.
    pub prefix: String,
    /// What it takes from the machine that it runs on.
    pub outside: Outside,
}

impl Options {
    /// What is usual, for this Redis and this deployment.
    pub fn new(url: RedisUrl, shards: u16, window: usize) -> Self {
        Self {
            url,
            shards,
            window,
            connections: 2,
            max_pending_bytes: 64 << 20,
            max_batch: 500,
            wait: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            prefix: "hiscore".into(),
            outside: Outside::default(),
        }
    }
}

/// How the client is doing: for health checks and metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Primaries that there should be, as last looked up; 0: none was found yet.
    pub primaries: usize,
    /// Primaries that answered the last thing they were asked.
    pub connected: usize,
    /// The least number of replicas that a primary had when last looked.
    pub replicas: u32,
    /// What went wrong last; `None` once everything works again. Never has a password in it.
    pub last_error: Option<String>,
    /// Bytes of submissions that wait or are under way.
    pub pending_bytes: usize,
    /// How many may.
    pub max_pending_bytes: usize,
}
