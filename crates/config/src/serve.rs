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

/// What a process does of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Takes submissions. Answers queries too.
    pub ingest: bool,
    /// Reads the log and applies it to Redis; nothing to do where there is no log.
    pub apply: bool,
    /// Carries what is dirty into the store, and reconciles both.
    pub persist: bool,
    /// Answers queries and subscriptions, and serves the page.
    pub scoreboard: bool,
}

impl Roles {
    /// Everything in one process.
    pub const ALL: Self = Self { ingest: true, apply: true, persist: true, scoreboard: true };

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut roles = Self { ingest: false, apply: false, persist: false, scoreboard: false };
        for role in text.split(',').map(str::trim) {
            match role {
                "all" => roles = Self::ALL,
                "ingest" => roles.ingest = true,
                "apply" => roles.apply = true,
                "persist" => roles.persist = true,
                "scoreboard" => roles.scoreboard = true,
                _ => return Err("must be all, or some of ingest, apply, persist and scoreboard".to_owned()),
            }
        }
        Ok(roles)
    }
}

impl std::fmt::Display for Roles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        let named = [
            (self.ingest, "ingest"),
            (self.apply, "apply"),
            (self.persist, "persist"),
            (self.scoreboard, "scoreboard"),
        ];
        let names: Vec<&str> = named.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        f.write_str(&names.join(","))
    }
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
    /// Origins whose pages may use the API beside the server's own, as browsers name them. None by default.
    pub allowed_origins: Vec<String>,
    /// What this process does. Everything by default; less needs both URLs.
    pub roles: Roles,
    /// The Redis that ranks; absent: in process. May hold a password: never to be logged.
    pub redis_url: Option<String>,
    /// The file that holds that URL.
    pub redis_url_file: Option<PathBuf>,
    /// The MongoDB that stores; absent: the data folder. May hold a password: never to be logged.
    pub mongodb_url: Option<String>,
    /// The file that holds that URL.
    pub mongodb_url_file: Option<PathBuf>,
    /// The log in front of the ranks; absent: submissions go to Redis itself. May hold a password: never to be logged.
    pub log_url: Option<String>,
    /// The file that holds that URL.
    pub log_url_file: Option<PathBuf>,
    /// The longest that an append to the log is waited for: 100 ms to 10 min, 5 s by default.
    pub log_timeout: Duration,
    /// How long entries stay in the log after all that they did is in the store: 0 to 3650 d, 7 d by default.
    pub log_keep: Duration,
    /// Bytes that a shard of a new log keeps where the broker cannot cut it at an offset (RabbitMQ): 64 MiB to 16 TiB, 20
    /// GB by default.
    pub log_shard_bytes: u64,
    /// The longest that a submission waits to be applied if its outcome is asked for: 0 to 1 min, 500 ms by default.
    pub apply_wait: Duration,
    /// What every key in Redis begins with. `hiscore` by default.
    pub redis_prefix: String,
    /// Connections for submissions to each Redis primary: 1 to 64, 2 by default.
    pub redis_connections: usize,
    /// The longest wait for Redis's replicas: 1 ms to 1 min, 1 s by default.
    pub redis_wait: Duration,
    /// The longest that one operation of MongoDB may take: 100 ms to 10 min, 10 s by default.
    pub mongodb_timeout: Duration,
    /// How long a shard stays with a persister that does not answer: 1 s to 1 h, 10 s by default.
    pub lease_time: Duration,
    /// Records of one bulk into the store: 1 to 50,000, 2,000 by default.
    pub persist_batch: usize,
    /// Bytes of one bulk into the store: 64 KiB to 32 MiB, 4 MiB by default.
    pub persist_bytes: u64,
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
    /// The pause of the funnel while something is dirty, if it was not busy for longer: 1 ms to 1 h, 1 s by default.
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
    /// Threads that answer requests: 1 to 1024, or `None`, the default, for as many as [`ServeSettings::threads_of`] says.
    pub threads: Option<usize>,
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
            allowed_origins: Vec::new(),
            roles: Roles::ALL,
            redis_url: None,
            redis_url_file: None,
            mongodb_url: None,
            mongodb_url_file: None,
            log_url: None,
            log_url_file: None,
            log_timeout: Duration::from_secs(5),
            log_keep: Duration::from_secs(7 * 86_400),
            log_shard_bytes: 20_000_000_000,
            apply_wait: Duration::from_millis(500),
            redis_prefix: "hiscore".to_owned(),
            redis_connections: 2,
            redis_wait: Duration::from_secs(1),
            mongodb_timeout: Duration::from_secs(10),
            lease_time: Duration::from_secs(10),
            persist_batch: 1_000,
            persist_bytes: 4 << 20,
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
            threads: None,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            limits: ApiLimits::default(),
        }
    }
}

impl ServeSettings {
    /// Whether ranks are in Redis.
    pub fn has_redis(&self) -> bool {
        self.redis_url.is_some() || self.redis_url_file.is_some()
    }

    /// Whether records are in MongoDB.
    pub fn has_mongodb(&self) -> bool {
        self.mongodb_url.is_some() || self.mongodb_url_file.is_some()
    }

    /// Whether a log stands in front of the ranks.
    pub fn has_log(&self) -> bool {
        self.log_url.is_some() || self.log_url_file.is_some()
    }

    /// How many threads answer requests on a machine with so many processors: as many, but for the embedded profile, which
    /// leaves one processor to the threads that commit and store.
    pub fn threads_of(&self, processors: usize) -> usize {
        let own = if self.has_redis() { processors } else { processors.saturating_sub(1) };
        self.threads.unwrap_or(own).max(1)
    }

    /// Whether this process does all that there is to do.
    fn does_all(&self) -> bool {
        let Roles { ingest, apply, persist, scoreboard } = self.roles;
        ingest && persist && scoreboard && (apply || !self.has_log())
    }

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
        for (url, file, name) in [
            (&self.redis_url, &self.redis_url_file, "redis-url"),
            (&self.mongodb_url, &self.mongodb_url_file, "mongodb-url"),
            (&self.log_url, &self.log_url_file, "log-url"),
        ] {
            if url.is_some() && file.is_some() {
                problems.push(format!("{name} and {name}-file are both given: leave one out"));
            }
        }
        if self.has_mongodb() && !self.has_redis() {
            problems.push(
                "mongodb-url is given without redis-url: the ranks in process are kept by the data folder's journal. \
                 Give a redis-url too, or leave both out"
                    .to_owned(),
            );
        }
        if self.has_log() && !self.has_redis() {
            problems.push(
                "log-url is given without redis-url: a log stands in front of a Redis that ranks. Give a redis-url too, \
                 or leave it out: without one, the data folder's journal is the log"
                    .to_owned(),
            );
        }
        let applies_alone = Roles { apply: true, ingest: false, persist: false, scoreboard: false };
        if self.roles == applies_alone && !self.has_log() {
            problems.push("role apply reads a log: give its log-url".to_owned());
        }
        if !(self.does_all() || self.has_mongodb() && self.has_redis()) {
            problems.push(format!(
                "role {} is one part of a deployment whose parts meet in Redis and MongoDB: give redis-url and \
                 mongodb-url, or run all roles in this process",
                self.roles
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
