//! What happened in a schedule, line by line: the same seed must write the same text, byte for byte.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Shared by everything in a schedule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
    now_ms: Arc<AtomicU64>,
}

impl Journal {
    /// Writes down what happened now.
    pub(crate) fn tell(&self, what: impl Display) {
        self.lines.lock().push(format!("{:>7} {what}", self.now_ms()));
    }

    /// Virtual milliseconds since the schedule began.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_now_ms(&self, now: u64) {
        self.now_ms.store(now, Ordering::Relaxed);
    }

    /// All lines.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock())
    }
}

/// A number that stands for bytes, to compare by.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    hash
}
