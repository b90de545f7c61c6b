//! What roles take from the machine that they run on: the wall clock, and chance. A simulation gives its own, so that one seed
//! always leads the same way; everybody else leaves the default.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::unix_ms;

/// The wall clock, and chance.
#[derive(Clone)]
pub struct Outside {
    /// Milliseconds since the Unix epoch.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Any number.
    pub chance: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Default for Outside {
    fn default() -> Self {
        // Without random bytes all return together from a pause, which is slower and not wrong.
        let chance = || getrandom::u64().unwrap_or_default();
        Self { clock: Arc::new(unix_ms), chance: Arc::new(chance) }
    }
}

impl Outside {
    /// Milliseconds since the Unix epoch.
    pub fn unix_ms(&self) -> u64 {
        (self.clock)()
    }

    /// Somewhere between a half and the whole of `longest`, so that many who failed together do not return together.
    pub fn jittered(&self, longest: Duration) -> Duration {
        longest / 2 + longest / 2 * ((self.chance)() as u8).into() / 255
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}
