//! A log in memory, for tests of what reads and writes one: it fails, loses and forgets when it is told to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::budget::Budget;
use crate::certificate;
use crate::contract::{
    Appended, Bounds, Expect, Identity, Log, LogEntry, LogError, MAX_ENTRY_BYTES, Options, Reader, Retention,
};

/// What a test may have the next append do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused.
    Unavailable,
    /// It is ambiguous, and was appended.
    AmbiguousKept,
    /// It is ambiguous, and was not.
    AmbiguousLost,
}

/// A broker of one log, which outlives those who opened it.
#[derive(Debug, Clone, Default)]
pub struct MemoryBroker(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    certificate: Option<Vec<u8>>,
    shards: Vec<Shard>,
    faults: VecDeque<Fault>,
    away: bool,
    /// The clock, if a test sets it.
    time_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Shard {
    first: u64,
    entries: VecDeque<(u64, Vec<u8>)>,
}

impl Shard {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

impl MemoryBroker {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the log, as [`crate::open`] does with a real one.
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, options: &Options) -> Result<Arc<dyn Log>, LogError> {
        let mut state = self.0.state.lock();
        if state.away {
            return Err(away());
        }
        let found = match (&state.certificate, options.expect) {
            (Some(found), _) => found.clone(),
            (None, Expect::Known(_)) => return Err(gone()),
            (None, Expect::Fresh(id)) => {
                state.shards = (0..options.shards).map(|_| Shard::default()).collect();
                state.certificate.insert(certificate::encode(&certificate::draft(options, id))).clone()
            }
        };
        let identity = certificate::judge("memory", &found, options)?;
        drop(state);
        Ok(Arc::new(MemoryLog {
            broker: self.clone(),
            identity,
            append_timeout: options.append_timeout,
            budget: Budget::new(options.max_in_flight),
            closed: AtomicBool::new(false),
        }))
    }

    /// Has the next appends fail, one each.
    pub fn fail(&self, faults: &[Fault]) {
        self.0.state.lock().faults.extend(faults);
    }

    /// Has the broker answer nothing, or answer again. Appends begun meanwhile are refused.
    pub fn set_away(&self, is_away: bool) {
        self.0.state.lock().away = is_away;
        self.0.changed.notify_waiters();
    }

    /// Sets the clock that entries are given their time by.
    pub fn set_time_ms(&self, time_ms: u64) {
        self.0.state.lock().time_ms = Some(time_ms);
    }

    /// Loses the entries of a shard below an offset, as a limit of size would.
    pub fn truncate(&self, shard: u16, below: u64) {
        if let Some(shard) = self.0.state.lock().shards.get_mut(usize::from(shard)) {
            while shard.first < below && shard.entries.pop_front().is_some() {
                shard.first += 1;
            }
        }
    }

    /// Loses the entries of a shard from an offset on, as a broker that was restored from a copy would.
    pub fn lose_tail(&self, shard: u16, end: u64) {
        if let Some(shard) = self.0.state.lock().shards.get_mut(usize::from(shard)) {
            shard.entries.truncate(usize::try_from(end.saturating_sub(shard.first)).unwrap_or(usize::MAX));
        }
    }

    /// Puts bytes into a shard as they are. At which offset; `None`: there is no such shard.
    pub fn inject(&self, shard: u16, bytes: &[u8]) -> Option<u64> {
        self.0.put(shard, bytes.to_vec())
    }

    /// Deletes the log.
    pub fn delete(&self) {
        *self.0.state.lock() = State::default();
        self.0.changed.notify_waiters();
    }
}

impl Shared {
    fn put(&self, shard: u16, bytes: Vec<u8>) -> Option<u64> {
        let mut state = self.state.lock();
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let time_ms = state.time_ms.unwrap_or_else(now);
        let shard = state.shards.get_mut(usize::from(shard))?;
        let offset = shard.end();
        shard.entries.push_back((time_ms, bytes));
        drop(state);
        self.changed.notify_waiters();
        Some(offset)
    }
}

struct MemoryLog {
    broker: MemoryBroker,
    identity: Identity,
    append_timeout: Duration,
    budget: Budget,
    closed: AtomicBool,
}

impl MemoryLog {
    fn check(&self, shard: u16) -> Result<(), LogError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(LogError::Closed);
        }
        if shard < self.identity.shards { Ok(()) } else { Err(no_shard(shard)) }
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn retention(&self) -> Retention {
        Retention::UntilTrimmed
    }

    async fn append(&self, shard: u16, entry: Vec<u8>) -> Result<Appended, LogError> {
        self.check(shard)?;
        if entry.len() > MAX_ENTRY_BYTES {
            return Err(LogError::TooLarge { bytes: entry.len() });
        }
        let _room = self.budget.take(entry.len())?;
        let fault = {
            let mut state = self.broker.0.state.lock();
            if state.away {
                return Err(away());
            }
            state.faults.pop_front()
        };
        // Others get a turn, as with a broker: what is under way is under way for a moment.
        tokio::task::yield_now().await;
        let put = match fault {
            Some(Fault::Unavailable | Fault::AmbiguousLost) => None,
            _ => self.broker.0.put(shard, entry),
        };
        match (fault, put) {
            (Some(Fault::Unavailable), _) => Err(away()),
            (Some(_), _) => Err(LogError::Ambiguous(format!("no answer within {:?}", self.append_timeout))),
            (None, Some(offset)) => Ok(Appended { offset: Some(offset) }),
            (None, None) => Err(gone()),
        }
    }

    async fn reader(&self, shard: u16, after: Option<u64>) -> Result<Box<dyn Reader>, LogError> {
        let bounds = self.bounds(shard).await?;
        let next = after.map_or(0, |after| after + 1);
        if let Some(applied) = after.filter(|after| *after >= bounds.end) {
            return Err(LogError::Behind { shard, end: bounds.end, applied });
        }
        if next < bounds.first {
            return Err(LogError::Truncated { shard, first: bounds.first, asked: next });
        }
        Ok(Box::new(MemoryReader { broker: self.broker.clone(), shard, next }))
    }

    async fn bounds(&self, shard: u16) -> Result<Bounds, LogError> {
        self.check(shard)?;
        let state = self.broker.0.state.lock();
        if state.away {
            return Err(away());
        }
        let shard = state.shards.get(usize::from(shard)).ok_or_else(gone)?;
        Ok(Bounds { first: shard.first, end: shard.end() })
    }

    async fn trim(&self, shard: u16, below: u64) -> Result<u64, LogError> {
        self.bounds(shard).await?;
        self.broker.truncate(shard, below);
        Ok(self.bounds(shard).await?.first)
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

struct MemoryReader {
    broker: MemoryBroker,
    shard: u16,
    next: u64,
}

impl MemoryReader {
    fn look(&mut self, max_bytes: usize) -> Result<Vec<LogEntry>, LogError> {
        let state = self.broker.0.state.lock();
        if state.away {
            return Err(away());
        }
        let shard = state.shards.get(usize::from(self.shard)).ok_or_else(gone)?;
        if self.next < shard.first {
            return Err(LogError::Truncated { shard: self.shard, first: shard.first, asked: self.next });
        }
        if self.next > shard.end() {
            let applied = self.next.saturating_sub(1);
            return Err(LogError::Behind { shard: self.shard, end: shard.end(), applied });
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        let from = usize::try_from(self.next - shard.first).unwrap_or(usize::MAX);
        for (time_ms, entry) in shard.entries.iter().skip(from) {
            bytes += entry.len();
            if bytes > max_bytes && !taken.is_empty() {
                break;
            }
            taken.push(LogEntry { offset: self.next, time_ms: *time_ms, bytes: entry.clone() });
            self.next += 1;
        }
        Ok(taken)
    }
}

#[async_trait]
impl Reader for MemoryReader {
    async fn next(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<LogEntry>, LogError> {
        let broker = self.broker.clone();
        let news = async {
            loop {
                let changed = broker.0.changed.notified();
                tokio::pin!(changed);
                // Registered before the look, so that nothing falls in between.
                changed.as_mut().enable();
                let taken = self.look(max_bytes)?;
                if !taken.is_empty() {
                    return Ok(taken);
                }
                changed.await;
            }
        };
        timeout(wait, news).await.unwrap_or(Ok(Vec::new()))
    }
}

fn away() -> LogError {
    LogError::Unavailable("the broker is away".to_owned())
}

fn gone() -> LogError {
    LogError::Gone("there is no such log".to_owned())
}

fn no_shard(shard: u16) -> LogError {
    LogError::Invalid(format!("the log has no shard {shard}"))
}
