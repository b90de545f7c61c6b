//! What `hiscore serve` runs with: every setting typed, with its unit, range and default.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::units::show_bytes;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What one request or connection may cost. All are checked before anything is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiLimits {
    /// The body of a request in bytes: 1 KiB to 1 GiB, 8 MiB by default.
    pub max_body: u64,
    /// How deep a selection may nest: 1 to 100, 15 by default (the standard introspection query passes).
    pub max_depth: usize,
    /// Fields of a request, rows not counted: 1 to 1,000,000, 400 by default.
    pub max_complexity: usize,
    /// Aliases of a document: 0 to 10,000, 30 by default.
    pub max_aliases: usize,
    /// Tokens of a document: 1 to 1,000,000, 2,000 by default (bulks go by variables).
    pub max_tokens: usize,
    /// Rows of a request, over all its paths and aliases: 1 to 1,000,000, 10,000 by default.
    pub max_rows: u64,
    /// Subscriptions of one connection: 1 to 100,000, 100 by default.
    pub max_subscriptions: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            max_body: 8 << 20,
            max_depth: 15,
            max_complexity: 400,
            max_aliases: 30,
            max_tokens: 2000,
            max_rows: 10_000,
            max_subscriptions: 100,
        }
    }
}

/// The settings of `hiscore serve`, each within its range, all fitting together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeSettings {
    /// The address to listen on; port 0 takes a free one. 127.0.0.1:8080 by default.
    pub listen: SocketAddr,
    /// The folder that holds everything. `hiscore-data` by default.
    pub data_dir: PathBuf,
    /// Whether a submission to a leaderboard that is not there creates it (BEST, largest first). No by default.
    pub auto_create: bool,
    /// The operator knows that whoever reaches `listen` may read and write everything. No by default.
    pub insecure_no_auth: bool,
    /// The longest that a submission waits for its ack level: 1 ms to 10 min, 5 s by default.
    pub ack_timeout: Duration,
    /// The longest that a shutdown drains before it cuts off: 0 to 1 h, 10 s by default.
    pub shutdown_timeout: Duration,
    /// Shards, fixed when the data folder is created: 1 to 1024, 32 by default.
    pub shards: u16,
    /// Submission ids remembered per player and board, fixed like `shards`: 1 to 1024, 32 by default.
    pub window: usize,
    /// Bytes of submissions that wait for the committer: 64 KiB to 1 TiB, 64 MiB by default.
    pub max_pending_bytes: u64,
    /// Submissions of one commit: 1 to 1,000,000, 4096 by default.
    pub max_batch: usize,
    /// Bytes of one file of the journal: 64 KiB to 4 GiB, 64 MiB by default.
    pub journal_segment: u64,
    /// Bytes of journal not yet in the store, at most: two segments to 16 TiB, 1 GiB by default.
    pub journal_limit: u64,
    /// The longest pause of the funnel while something is dirty: 1 ms to 1 h, 1 s by default.
    pub flush_interval: Duration,
    /// Records that wait in memory for the store, at most: 1,000 to 1,000,000,000, 1,000,000 by default.
    pub max_dirty: usize,
    /// Bytes of the store's page cache: 1 MiB to 16 TiB, 64 MiB by default.
    pub cache: u64,
    /// Leaderboards of the deployment: 1 to 10,000,000, 10,000 by default.
    pub max_leaderboards: usize,
    /// The least time between two pushes of one board to its viewers: 10 ms to 1 min, 250 ms by default.
    pub live_interval: Duration,
    /// Connections at once: 1 to 1,000,000, 10,000 by default.
    pub max_connections: usize,
    /// Filter directives: a level, or `target=level`, separated by commas. `info` by default.
    pub log: String,
    /// How log lines are written. Text by default.
    pub log_format: LogFormat,
    /// Limits of the API.
    pub limits: ApiLimits,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data_dir: PathBuf::from("hiscore-data"),
            auto_create: false,
            insecure_no_auth: false,
            ack_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(10),
            shards: 32,
            window: hiscore_score::window::DEFAULT_LENGTH,
            max_pending_bytes: 64 << 20,
            max_batch: 4096,
            journal_segment: 64 << 20,
            journal_limit: 1 << 30,
            flush_interval: Duration::from_secs(1),
            max_dirty: 1_000_000,
            cache: 64 << 20,
            max_leaderboards: 10_000,
            live_interval: Duration::from_millis(250),
            max_connections: 10_000,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            limits: ApiLimits::default(),
        }
    }
}

impl ServeSettings {
    /// What no setting is wrong in by itself: every problem says what to change.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.listen.ip().is_loopback() && !self.insecure_no_auth {
            problems.push(format!(
                "listening on {} lets everybody who can reach it read and write scores, since there is no \
                 authentication yet. Listen on 127.0.0.1 behind a proxy that checks who comes in, or, if the \
                 network keeps strangers out, say so with --insecure-no-auth",
                self.listen
            ));
        }
        if self.journal_limit < self.journal_segment.saturating_mul(2) {
            problems.push(format!(
                "journal-limit ({}) must hold at least two segments of journal-segment ({}): raise the one or \
                 lower the other",
                show_bytes(self.journal_limit),
                show_bytes(self.journal_segment)
            ));
        }
        if self.max_pending_bytes < self.limits.max_body {
            problems.push(format!(
                "max-pending-bytes ({}) must hold at least one request of max-body ({}), or a large bulk would \
                 never be taken: raise the one or lower the other",
                show_bytes(self.max_pending_bytes),
                show_bytes(self.limits.max_body)
            ));
        }
        problems
    }
}
