//! What is counted and measured while playing, shared by all lanes.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use parking_lot::Mutex;

/// An hour in microseconds: the longest latency that is told apart.
const LONGEST_US: u64 = 3_600_000_000;

/// Counters and latencies of one run.
#[derive(Debug)]
pub(crate) struct Stats(Mutex<Counts>);

/// A moment of [`Stats`].
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    /// Updates that were sent at least once.
    pub(crate) sent: u64,
    /// Acknowledged ones by the level they reached.
    pub(crate) acked: BTreeMap<String, u64>,
    /// Refused ones by code, with the first message of each.
    pub(crate) refused: BTreeMap<String, (u64, String)>,
    /// Given up, and perhaps applied.
    pub(crate) unknown: u64,
    /// Given up, and surely not applied.
    pub(crate) not_applied: u64,
    /// Due before the end, and never sent since the player was still waiting.
    pub(crate) behind: u64,
    /// Updates sent again, counted each time.
    pub(crate) retries: u64,
    /// Retries that turned out to have been applied before.
    pub(crate) duplicates: u64,
    /// Updates that are being retried now.
    pub(crate) retrying: u64,
    /// The last trouble that made somebody try again.
    pub(crate) last_trouble: String,
    /// From the moment an update was due to its acknowledgement, in microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Counts {
    /// All acknowledged updates.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acked.values().sum()
    }
}

impl Stats {
    pub(crate) fn new() -> Result<Self, CreationError> {
        Ok(Self(Mutex::new(Counts {
            sent: 0,
            acked: BTreeMap::new(),
            refused: BTreeMap::new(),
            unknown: 0,
            not_applied: 0,
            behind: 0,
            retries: 0,
            duplicates: 0,
            retrying: 0,
            last_trouble: String::new(),
            latency: Histogram::new_with_bounds(1, LONGEST_US, 3)?,
        })))
    }

    pub(crate) fn snapshot(&self) -> Counts {
        self.0.lock().clone()
    }

    pub(crate) fn sent(&self, updates: usize) {
        self.0.lock().sent += updates as u64;
    }

    pub(crate) fn acked(&self, level: &str, duplicate: bool, latency: Duration) {
        let mut counts = self.0.lock();
        match counts.acked.get_mut(level) {
            Some(count) => *count += 1,
            None => {
                counts.acked.insert(level.to_owned(), 1);
            }
        }
        counts.duplicates += u64::from(duplicate);
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        counts.latency.saturating_record(micros);
    }

    pub(crate) fn refused(&self, code: String, message: String) {
        self.0.lock().refused.entry(code).or_insert((0, message)).0 += 1;
    }

    pub(crate) fn gave_up(&self, perhaps_applied: bool) {
        let mut counts = self.0.lock();
        if perhaps_applied {
            counts.unknown += 1;
        } else {
            counts.not_applied += 1;
        }
    }

    pub(crate) fn behind(&self, updates: u64) {
        self.0.lock().behind += updates;
    }

    /// `updates` will be tried again because of `trouble`.
    pub(crate) fn troubled(&self, updates: usize, trouble: String) {
        let mut counts = self.0.lock();
        counts.retrying += updates as u64;
        counts.last_trouble = trouble;
    }

    /// As many as were [`Stats::troubled`] are tried again now (or given up).
    pub(crate) fn tried_again(&self, updates: usize, sent: bool) {
        let mut counts = self.0.lock();
        counts.retrying -= updates as u64;
        if sent {
            counts.retries += updates as u64;
        }
    }
}
