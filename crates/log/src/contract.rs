//! What a log promises to `ingest` and to `apply`, whichever it is.
//!
//! A log keeps the order of each shard and decides nothing: what a submission does to a record is decided when its
//! entry is applied, by the law, from the content of the log alone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;

/// The largest entry, in bytes. A bulk of 100 of the largest submissions fits, and so does it into what brokers take
/// by default (1 MB).
pub const MAX_ENTRY_BYTES: usize = 512 * 1024;

/// Tells a log from every other, also from one that was made under the same name after it was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId([u8; 16]);

/// What a log is, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The deployment that it was made for.
    pub deployment: String,
    /// Which of that deployment's logs: a new one opens a new generation, a loss of the ranks never does.
    pub generation: u32,
    /// How many shards it was made for.
    pub shards: u16,
    /// Its own.
    pub id: LogId,
}

/// Whether there is a log already, by what the store remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// None is remembered: it is made with this id, at random. If another process was first, or a start that died before
    /// it could write down the id, theirs is taken: [`Log::identity`] says which it is.
    Fresh(LogId),
    /// This one, and no other.
    Known(LogId),
}

/// How a log is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The deployment, as the store names it: a log of another is refused.
    pub deployment: String,
    /// The generation, from 1; a part of the log's name.
    pub generation: u32,
    /// How many shards; one of another number is refused.
    pub shards: u16,
    /// Whether there should be one.
    pub expect: Expect,
    /// On how many brokers a new one is kept. `None`: on three, or on as many as there are.
    pub replicas: Option<u16>,
    /// How long an append is waited for.
    pub append_timeout: Duration,
    /// Bytes of entries that may be under way at once, 1 KiB each at least; beyond it appends are refused.
    pub max_in_flight: usize,
    /// How much a shard of a new log keeps, in bytes, where the broker cannot cut a log at an offset (RabbitMQ).
    pub shard_bytes: u64,
}

impl Options {
    /// With 5 s for an append, 32 MiB under way, and 20 GB for each shard.
    pub fn new(deployment: &str, generation: u32, shards: u16, expect: Expect) -> Self {
        Self {
            deployment: deployment.to_owned(),
            generation,
            shards,
            expect,
            replicas: None,
            append_timeout: Duration::from_secs(5),
            max_in_flight: 32 << 20,
            shard_bytes: 20_000_000_000,
        }
    }
}

/// An entry that is in the log for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Where, if the broker tells whoever appends (Kafka does, RabbitMQ does not). An entry names its origin and
    /// number itself, so that it can be recognised when it is read.
    pub offset: Option<u64>,
}

/// An entry as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the shard. Grows from 0; not by one each time: some brokers take offsets for themselves.
    pub offset: u64,
    /// When it was appended, in Unix milliseconds: the same for whoever reads it. By Kafka's clock, or where the broker
    /// gives none (RabbitMQ) by that of whoever appended it; so it may go back.
    pub time_ms: u64,
    /// What was appended.
    pub bytes: Vec<u8>,
}

/// What a shard of the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The lowest offset that can still be read, or `end` if there is none.
    pub first: u64,
    /// No entry has this offset or a higher one yet.
    pub end: u64,
}

/// What happens to old entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Nothing, until [`Log::trim`] is called.
    UntilTrimmed,
    /// The oldest segment of a shard goes when the shard is larger than `shard`, applied or not. So no more than
    /// `shard` less one `segment` may ever wait to be persisted.
    Bytes {
        /// The limit of a shard.
        shard: u64,
        /// The size of a segment.
        segment: u64,
    },
}

/// Why the log did not do it: each says what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Surely not appended (or not read): try again later.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// It was sent, and it is unknown whether it was appended, now or in a moment.
    #[error("it is unknown whether the log has it: {0}")]
    Ambiguous(String),
    /// Not appended, and never will be: make it smaller.
    #[error("an entry of {bytes} bytes, of which the log takes {MAX_ENTRY_BYTES} at most")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// What was asked for is not there any more. Going on would skip entries: stop, an operator must decide.
    #[error("shard {shard} of the log begins at offset {first}, but is needed from {asked} on")]
    Truncated {
        /// Of which shard.
        shard: u16,
        /// What there is still.
        first: u64,
        /// What was asked for.
        asked: u64,
    },
    /// The log ends before what was read from it earlier: it lost its tail, or is not the same log. Stop.
    #[error("shard {shard} of the log ends at offset {end}, but was read up to {applied} before")]
    Behind {
        /// Of which shard.
        shard: u16,
        /// No entry has this offset.
        end: u64,
        /// What was read before, or appended.
        applied: u64,
    },
    /// The log, or this shard of it, does not exist (any more). Nothing was appended. Stop, an operator must decide.
    #[error("the log is gone: {0}")]
    Gone(String),
    /// There is a log of this name, but it is another: deleted and made again, or another deployment's. Stop.
    #[error("the log {name} is not the one that belongs here: {difference}")]
    Foreign {
        /// Its name at the broker.
        name: String,
        /// What was expected and what was found.
        difference: String,
    },
    /// The broker will not do it, or the log is set up in a way that would lose entries: an operator must look.
    #[error("the log: {0}")]
    Invalid(String),
    /// It was closed.
    #[error("the log is closed")]
    Closed,
}

/// A log of entries, in one serial order a shard.
///
/// # What an implementation promises
///
/// - `Ok` from [`append`](Log::append) means that a quorum of the brokers has the entry: it survives the loss of any one
///   of them. It is in the log exactly once.
/// - After [`LogError::Ambiguous`] it is there once, or not at all; it may still appear for a while.
/// - Any other error of `append`: it is not there and never will be.
/// - Two appends to a shard that were begun one after the other (polled first in that order, in one process) are there
///   in that order, if both are.
/// - Many appends may be under way at once, and batch themselves: there is nothing to be gained from collecting entries.
///   A dropped future of an append counts as ambiguous. The bytes under way are bounded; beyond that appends are refused
///   at once.
/// - Readers see entries in order, each once, none skipped, and only those that a quorum has.
/// - A connection that breaks is made again by the log itself, without end and without a limit of tries.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// What it is. The id is to be remembered in the store before anything is appended.
    fn identity(&self) -> &Identity;

    /// What happens to old entries.
    fn retention(&self) -> Retention;

    /// Appends one entry of at most [`MAX_ENTRY_BYTES`].
    async fn append(&self, shard: u16, entry: Vec<u8>) -> Result<Appended, LogError>;

    /// Begins to read a shard strictly after an entry that was read from it before, or all of it from its beginning.
    ///
    /// # Errors
    /// [`LogError::Truncated`] if the entries after that are not all there, [`LogError::Behind`] if the log ends before
    /// that entry.
    async fn reader(&self, shard: u16, after: Option<u64>) -> Result<Box<dyn Reader>, LogError>;

    /// What a shard holds at this moment.
    async fn bounds(&self, shard: u16) -> Result<Bounds, LogError>;

    /// Lets go of the entries below an offset, and says where the shard begins now. Where a broker cannot cut at an
    /// offset this does nothing: see [`Log::retention`].
    async fn trim(&self, shard: u16, below: u64) -> Result<u64, LogError>;

    /// Ends it: appends under way get their answer, or are ambiguous after the time-out of an append. Everything later is
    /// [`LogError::Closed`].
    async fn close(&self);
}

/// A place in one shard, from which entries are read.
#[async_trait]
pub trait Reader: Send + 'static {
    /// The entries that follow, in order: at least one, and more if they are there already, of `max_bytes` together (or a
    /// single larger one). None if there is no news within `wait`. May be dropped while it waits: then nothing was read.
    ///
    /// # Errors
    /// After [`LogError::Unavailable`] it may be called again. After any other, ask the log for another reader: that one
    /// finds out whether this is still the log it was.
    async fn next(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<LogEntry>, LogError>;
}

impl LogId {
    /// From 16 random bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

/// A text that is no [`LogId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a log is 32 hexadecimal digits")]
pub struct InvalidLogId;

impl FromStr for LogId {
    type Err = InvalidLogId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidLogId);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| InvalidLogId)?;
        Ok(Self(number.to_be_bytes()))
    }
}
