//! A log to be tried, and how its entries are made and read in tests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::contract::{Expect, Log, LogEntry, LogError, LogId, Options, Reader};

/// What opens a log.
pub type Opened = Pin<Box<dyn Future<Output = Result<Arc<dyn Log>, LogError>> + Send>>;

type Opens = Arc<dyn Fn(Options) -> Opened + Send + Sync>;

/// How long anything is waited for, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Large enough for a few segments of a few entries each.
const SHARD_BYTES: u64 = 4 << 20;

/// Opens logs for a case.
#[derive(Clone)]
pub struct Tried {
    opens: Opens,
    generations: Arc<AtomicU32>,
    generation: u32,
}

impl Tried {
    /// With a function that opens a log. One that has a name in it for each generation, for each is tried apart.
    pub fn new(opens: impl Fn(Options) -> Opened + Send + Sync + 'static) -> Self {
        Self { opens: Arc::new(opens), generations: Arc::new(AtomicU32::new(1)), generation: 0 }
    }

    /// A log that nobody has seen yet.
    pub fn another(&self) -> Self {
        // Two at a time: a case may want one more.
        let generation = self.generations.fetch_add(2, Ordering::Relaxed);
        Self { generation, ..self.clone() }
    }

    /// What it is opened with, with so many shards.
    pub fn options(&self, shards: u16, expect: Expect) -> Options {
        let mut options = Options::new("5eed5eed5eed5eed5eed5eed5eed5eed", self.generation, shards, expect);
        options.shard_bytes = SHARD_BYTES;
        options.append_timeout = Duration::from_secs(30);
        options
    }

    /// Opens it.
    pub async fn open(&self, options: Options) -> Result<Arc<dyn Log>, LogError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match (self.opens)(options.clone()).await {
                // The broker may just have been started.
                Err(LogError::Unavailable(_)) if tokio::time::Instant::now() < deadline => {}
                other => return other,
            }
        }
    }

    /// Opens it for the first time, with so many shards.
    pub async fn fresh(&self, shards: u16) -> Arc<dyn Log> {
        self.open(self.options(shards, Expect::Fresh(id(1)))).await.expect("a fresh log")
    }
}

/// An id, not at random.
pub fn id(of: u8) -> LogId {
    LogId::new([of; 16])
}

/// An entry that is told from all others.
pub fn entry(who: usize, number: usize) -> Vec<u8> {
    format!("{who}:{number}:").into_bytes()
}

/// Appends, and tries again while it surely was not appended.
pub async fn append(log: &dyn Log, shard: u16, entry: Vec<u8>) -> Option<u64> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match log.append(shard, entry.clone()).await {
            Ok(appended) => return appended.offset,
            Err(LogError::Unavailable(why)) => {
                assert!(tokio::time::Instant::now() < deadline, "unavailable for {PATIENCE:?}: {why}");
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("append: {error}"),
        }
    }
}

/// Reads until there are `count` entries.
pub async fn read(reader: &mut dyn Reader, count: usize, max_bytes: usize) -> Vec<LogEntry> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut all = Vec::new();
    while all.len() < count {
        assert!(tokio::time::Instant::now() < deadline, "{} of {count} entries in {PATIENCE:?}", all.len());
        match reader.next(max_bytes, Duration::from_secs(1)).await {
            Ok(some) => all.extend(some),
            Err(LogError::Unavailable(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("read: {error}"),
        }
    }
    assert_eq!(all.len(), count, "more than was appended");
    assert!(all.is_sorted_by(|a, b| a.offset < b.offset), "offsets grow");
    all
}

/// The bytes of entries.
pub fn bytes(entries: &[LogEntry]) -> Vec<Vec<u8>> {
    entries.iter().map(|entry| entry.bytes.clone()).collect()
}
