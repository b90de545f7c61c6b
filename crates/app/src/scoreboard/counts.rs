//! How many players a season has, counted in the store: only if somebody asks, and not again for whoever asks soon after.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use hiscore_api::service::{Total, Trouble};
use hiscore_score::Season;
use hiscore_store::Store;
use parking_lot::Mutex;

use super::stored::trouble;

/// A count is good for so long: it takes time in proportion to the players, and whoever follows a board asks often.
const LASTS: Duration = Duration::from_secs(5);
/// A season that has ended changes no more, but for what a persister that was cut off wrote late.
const OF_ENDED_LASTS: Duration = Duration::from_secs(60);
/// Counts that are remembered.
const REMEMBERED: usize = 1_000;

/// Counts, and remembers.
pub(super) struct Counts {
    store: Arc<dyn Store>,
    known: Mutex<HashMap<Season, (Instant, u64)>>,
}

impl Counts {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The number of players of a season; it may have `ended`.
    pub(super) fn total(self: &Arc<Self>, season: &Season, ended: bool) -> Total {
        let (counts, season) = (Arc::clone(self), season.clone());
        let lasts = if ended { OF_ENDED_LASTS } else { LASTS };
        Total::Counted(Arc::new(move || {
            let (counts, season) = (Arc::clone(&counts), season.clone());
            async move { counts.count(season, lasts).await }.boxed()
        }))
    }

    async fn count(&self, season: Season, lasts: Duration) -> Result<u64, Trouble> {
        if let Some((at, count)) = self.known.lock().get(&season)
            && at.elapsed() < lasts
        {
            return Ok(*count);
        }
        let count = self.store.count(&season).await.map_err(trouble)?;
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(season, (Instant::now(), count));
        Ok(count)
    }
}
