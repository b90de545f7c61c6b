//! A simulated log on a machine of its own: in memory, with appends that take time, are refused, or get lost on the way there or
//! back; and a time of entries that may go back, as where no broker gives it.
//!
//! Like the store it does what was asked for where it is, not where the caller is: who dies leaves behind what was on its way,
//! and what nobody waits for any more may still come to be in the log. The order of entries, and what a log that is away or was
//! cut says to readers, is that of [`MemoryBroker`].

mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hiscore::log_link::Brokers;
use hiscore_log::{
    Appended, Bounds, Identity, Log, LogError, LogId, MemoryBroker, Options, Reader, Retention,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::chance::Chance;
use crate::journal::{Journal, digest};
use crate::mistake::Mistake;
use crate::redis::EPOCH_MS;
use reader::SimReader;

/// How long an append is waited for.
pub(crate) const APPEND: Duration = Duration::from_secs(1);

/// How it is when nothing is done to it on purpose. Each number `n` stands for one request in `n`; 0: never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Noise {
    /// It is refused.
    pub(crate) refuse: u64,
    /// It is done, and the answer is lost.
    pub(crate) keep: u64,
    /// It is lost, and nobody can tell.
    pub(crate) lose: u64,
    /// A read fails: before anything is read, or after.
    pub(crate) fail_read: u64,
    /// It takes up to `slow_ms` milliseconds, which may be longer than anybody waits.
    pub(crate) slow: u64,
    pub(crate) slow_ms: u64,
    /// How long it takes there at most, and back, when nothing is wrong.
    pub(crate) usual_ms: u64,
    /// By how much the clocks differ by which entries get their time.
    pub(crate) skew_ms: u64,
    /// Bytes that one read gives at most.
    pub(crate) read_bytes: usize,
}

/// The brokers, which outlive everybody.
#[derive(Clone)]
pub(crate) struct SimBrokers {
    broker: MemoryBroker,
    /// Their machine.
    runtime: Handle,
    chance: Chance,
    journal: Journal,
    noise: Noise,
    is_noisy: Arc<AtomicBool>,
    is_away: Arc<AtomicBool>,
    /// Everything takes up to so many milliseconds more.
    slowness: Arc<AtomicU64>,
    /// The first offset of each shard that no entry has yet.
    ends: Arc<Mutex<BTreeMap<u16, u64>>>,
    mistake: Option<Mistake>,
}

/// As one host reaches them.
pub(crate) struct Reached {
    pub(crate) brokers: SimBrokers,
    pub(crate) host: String,
}

/// The log, opened by one host.
struct SimLog {
    brokers: SimBrokers,
    host: String,
    inner: Arc<dyn Log>,
    append_timeout: Duration,
    /// By how much its clock is ahead of the slowest.
    ahead_ms: u64,
    /// When the last append of each shard gets there: they get there in their order.
    lanes: Arc<Mutex<BTreeMap<u16, Instant>>>,
}

fn away() -> LogError {
    LogError::Unavailable("the simulated log does not answer".to_owned())
}

impl SimBrokers {
    pub(crate) fn new(
        runtime: Handle,
        chance: Chance,
        journal: Journal,
        noise: Noise,
        mistake: Option<Mistake>,
    ) -> Self {
        Self {
            broker: MemoryBroker::new(),
            runtime,
            chance,
            journal,
            noise,
            is_noisy: Arc::default(),
            is_away: Arc::default(),
            slowness: Arc::default(),
            ends: Arc::default(),
            mistake,
        }
    }

    pub(crate) fn set_noise(&self, is_noisy: bool) {
        self.is_noisy.store(is_noisy, Ordering::Relaxed);
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.journal.tell(if is_away { "! the log does not answer" } else { "! the log answers again" });
        self.is_away.store(is_away, Ordering::Relaxed);
        self.broker.set_away(is_away);
    }

    pub(crate) fn set_slowness(&self, ms: u64) {
        self.journal.tell(format_args!("! the log takes up to {ms} ms more"));
        self.slowness.store(ms, Ordering::Relaxed);
    }

    /// The first offset of a shard that no entry has yet.
    pub(crate) fn end(&self, shard: u16) -> u64 {
        self.ends.lock().get(&shard).copied().unwrap_or(0)
    }

    fn happens(&self, one_in: u64) -> bool {
        self.is_noisy.load(Ordering::Relaxed) && self.chance.one_in(one_in)
    }

    fn errs(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake) && self.happens(15)
    }

    fn delay(&self) -> Duration {
        if !self.is_noisy.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        let noise = self.noise;
        let most = if self.chance.one_in(noise.slow) { noise.slow_ms } else { noise.usual_ms };
        self.chance.ms(0, most + self.slowness.load(Ordering::Relaxed))
    }

    /// Has an entry put where it belongs, now.
    fn put(&self, host: &str, shard: u16, entry: &[u8], time_ms: u64) -> Result<Appended, LogError> {
        if self.is_away.load(Ordering::Relaxed) || self.happens(self.noise.refuse) {
            return Err(away());
        }
        if self.happens(self.noise.lose) {
            return Err(LogError::Ambiguous("lost on the way".to_owned()));
        }
        if self.errs(Mistake::AckedAndForgotten) {
            return Ok(Appended { offset: None });
        }
        self.broker.set_time_ms(EPOCH_MS + time_ms);
        let offset = self.broker.inject(shard, entry);
        self.ends.lock().insert(shard, offset.map_or(0, |offset| offset + 1));
        let bytes = digest([entry]);
        self.journal.tell(format_args!("{host} log {shard} append: {offset:?} at {time_ms} {bytes:016x}"));
        if self.happens(self.noise.keep) {
            return Err(LogError::Ambiguous("lost on the way back".to_owned()));
        }
        Ok(Appended { offset })
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a simulated log")
    }
}

#[async_trait]
impl Brokers for Reached {
    async fn open(&self, options: &Options) -> Result<Arc<dyn Log>, LogError> {
        let brokers = self.brokers.clone();
        sleep(brokers.delay()).await;
        let inner = brokers.broker.open(options)?;
        let ahead_ms = brokers.chance.below(brokers.noise.skew_ms + 1);
        let (host, append_timeout) = (self.host.clone(), options.append_timeout);
        Ok(Arc::new(SimLog { brokers, host, inner, append_timeout, ahead_ms, lanes: Arc::default() }))
    }

    fn fresh(&self) -> Result<LogId, LogError> {
        let number = u128::from(self.brokers.chance.any());
        Ok(LogId::new(number.to_be_bytes()))
    }
}

impl SimLog {
    /// A place behind all earlier appends of the shard.
    fn due(lanes: &Mutex<BTreeMap<u16, Instant>>, shard: u16, delay: Duration) -> Instant {
        let now = Instant::now();
        let mut lanes = lanes.lock();
        let last = lanes.entry(shard).or_insert(now);
        *last = (*last + Duration::from_millis(1)).max(now + delay);
        *last
    }
}

#[async_trait]
impl Log for SimLog {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn retention(&self) -> Retention {
        self.inner.retention()
    }

    async fn append(&self, shard: u16, entry: Vec<u8>) -> Result<Appended, LogError> {
        let (answer, answered) = oneshot::channel();
        let (brokers, host, lanes) = (self.brokers.clone(), self.host.clone(), Arc::clone(&self.lanes));
        let ahead_ms = self.ahead_ms;
        self.brokers.runtime.spawn(async move {
            sleep_until(Self::due(&lanes, shard, brokers.delay())).await;
            let done = brokers.put(&host, shard, &entry, brokers.journal.now_ms() + ahead_ms);
            // Who is away does not say so either.
            if done.is_err() && brokers.is_away.load(Ordering::Relaxed) && brokers.chance.one_in(2) {
                sleep(APPEND).await;
            }
            sleep(brokers.delay()).await;
            let _ = answer.send(done);
        });
        match timeout(self.append_timeout, answered).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) | Err(_) => Err(LogError::Ambiguous("no answer".to_owned())),
        }
    }

    async fn reader(&self, shard: u16, after: Option<u64>) -> Result<Box<dyn Reader>, LogError> {
        sleep(self.brokers.delay()).await;
        let inner = self.inner.reader(shard, after).await?;
        let (brokers, host) = (self.brokers.clone(), self.host.clone());
        Ok(Box::new(SimReader { brokers, host, shard, inner, ready: Vec::new() }))
    }

    async fn bounds(&self, shard: u16) -> Result<Bounds, LogError> {
        sleep(self.brokers.delay()).await;
        if self.brokers.happens(self.brokers.noise.fail_read) {
            return Err(away());
        }
        self.inner.bounds(shard).await
    }

    async fn trim(&self, shard: u16, below: u64) -> Result<u64, LogError> {
        sleep(self.brokers.delay()).await;
        self.inner.trim(shard, below).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
