//! A process that applies the log.

use std::sync::Arc;
use std::time::Duration;

use hiscore::apply::{ApplyTools, Replay};
use hiscore::deployment::find;
use hiscore::metrics::ApplyMetrics;
use hiscore::share::Share;
use hiscore_rank::redis::Trade;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::Setting;
use crate::chance::Chance;

impl Setting {
    /// An applier, until it is killed or told to end.
    pub(crate) async fn apply(self, host: String, holder: String, chance: Chance, stop: CancellationToken) {
        let (ranks, store) = self.tiers(&host, &chance);
        if find(&ranks, &store, &self.deployment(), |_| {}).await.is_err() {
            return self.journal.tell(format_args!("{host} finds another deployment"));
        }
        let Some(link) = self.link(&host, &ranks, &store) else { return };
        let tools = Arc::new(ApplyTools {
            ranks: Arc::clone(&ranks),
            link,
            works: self.rows,
            outside: self.outside(&chance),
            metrics: ApplyMetrics::new(&mut Registry::default()),
            states: Mutex::default(),
            replay: Replay::default(),
        });
        let journal = self.journal.clone();
        let states = Arc::clone(&tools);
        let terms = self.terms(&ranks, Trade::Apply, holder);
        let begin = move |shard, seen, stop| tools.begin(shard, seen, stop);
        Share::new(terms, begin, Arc::default()).run(stop, Duration::from_secs(5)).await;
        for (shard, state) in &*states.states.lock() {
            if let Some(why) = &state.stopped {
                journal.tell(format_args!("{host} had stopped applying shard {shard}: {why}"));
            }
        }
        ranks.close().await;
        journal.tell(format_args!("{host} has ended"));
    }
}
