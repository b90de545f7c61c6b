//! How much may be under way at once: bounded in bytes, so that a slow broker costs no memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::LogError;

/// What a permit counts. An entry takes one at least, since it costs more than its bytes.
const UNIT: usize = 1024;

/// Bytes that may be under way.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { units: Arc::new(Semaphore::new(units)), bytes: units * UNIT }
    }

    /// Room for `bytes`, until what is returned is dropped. Never waits.
    pub(crate) fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, LogError> {
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.units).try_acquire_many_owned(units);
        room.map_err(|_| LogError::Unavailable(format!("more than {} bytes are under way", self.bytes)))
    }

    /// Waits until nothing is under way.
    #[cfg(feature = "rabbitmq")]
    pub(crate) async fn all(&self) {
        let all = u32::try_from(self.bytes / UNIT).unwrap_or(u32::MAX);
        drop(self.units.acquire_many(all).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_full_and_empties_again() {
        let budget = Budget::new(3 * UNIT);
        let two = budget.take(UNIT + 1).unwrap();
        let one = budget.take(0).unwrap();
        assert!(matches!(budget.take(1), Err(LogError::Unavailable(_))));
        drop(two);
        assert!(budget.take(2 * UNIT).is_ok());
        drop(one);
    }
}
