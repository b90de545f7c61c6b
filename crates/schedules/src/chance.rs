//! Chance from a seed, shared by those who draw in an order that the seed fixes too.

use std::sync::Arc;
use std::time::Duration;

use hiscore_faults::Random;
use parking_lot::Mutex;

/// A source that may be cloned: all clones draw from the same.
#[derive(Debug, Clone)]
pub(crate) struct Chance(Arc<Mutex<Random>>);

impl Chance {
    /// The source of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Random::new(seed))))
    }

    /// A source of its own, which this one decides.
    pub(crate) fn part(&self) -> Self {
        Self::new(self.any())
    }

    /// Any number.
    pub(crate) fn any(&self) -> u64 {
        self.0.lock().any()
    }

    /// A number below `n`, or 0 if there is none.
    pub(crate) fn below(&self, n: u64) -> u64 {
        self.0.lock().below(n)
    }

    /// True in one of `n` cases; never if that is 0.
    pub(crate) fn one_in(&self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }

    /// From `least` to below `most`, in milliseconds.
    pub(crate) fn ms(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most.saturating_sub(least)))
    }
}
