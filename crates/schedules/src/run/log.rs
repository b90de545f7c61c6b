//! The end of a schedule behind a log: all of it applied and stored, and every tier what the law makes of it.

use std::sync::Arc;

use hiscore::log_link::Brokers;
use hiscore::log_tools::{Found, ToolError, Verify};
use hiscore_log::{Expect, Options};
use hiscore_rank::redis::{Look, RedisRanks};
use hiscore_store::contract::ShardState;
use tokio::runtime::Handle;

use super::Schedule;
use crate::log::Reached;
use crate::process::WINDOW;
use crate::store::SimStore;

impl Schedule {
    /// Whether all that is in a shard of the log is applied and stored.
    pub(super) fn is_through(&self, shard: u16, look: &Look, there: &ShardState) -> bool {
        let Some(brokers) = &self.setting.brokers else { return true };
        let last = brokers.end(shard).checked_sub(1);
        let stored = there.log.and_then(|place| place.offset);
        let is_applied = |log: &hiscore_rank::redis::LogLook| log.applied == last && !log.warming;
        look.log.as_ref().is_some_and(is_applied) && stored == last
    }

    /// Has every shard verified as `hiscore log verify` does it. What is wrong.
    pub(super) fn verified(&mut self, ranks: &Arc<RedisRanks>, runtime: &Handle) -> Vec<String> {
        let Some(brokers) = self.setting.brokers.clone() else { return Vec::new() };
        let reached = Reached { brokers, host: "checker".to_owned() };
        let backing = self.setting.backing.clone();
        let (deployment, ranks) = (self.setting.deployment(), Arc::clone(ranks));
        let Some(known) = backing.table.lock().log.clone() else {
            return vec!["the store remembers no log".to_owned()];
        };
        let verify = async move {
            let id = known.id.parse().map_err(|_| ToolError::NoLog)?;
            let (generation, shards) = (known.generation, deployment.shards);
            let options = Options::new(&deployment.id, generation, shards, Expect::Known(id));
            let log = reached.open(&options).await?;
            let store = Arc::new(SimStore { backing, host: "checker".to_owned() });
            let verify = Verify { store, known, window: WINDOW, ranks, log };
            let mut wrong = Vec::new();
            for shard in 0..shards {
                match verify.shard(shard).await? {
                    Found::All(_, differences, _) => {
                        wrong.extend(differences.iter().map(ToString::to_string));
                    }
                    Found::Moving(why) => wrong.push(format!("shard {shard}: {why}")),
                }
            }
            Ok::<_, ToolError>(wrong)
        };
        match self.ask(runtime, verify) {
            Some(Ok(wrong)) => wrong,
            Some(Err(error)) => vec![format!("it cannot be verified: {error}")],
            None => vec!["it cannot be verified in time".to_owned()],
        }
    }
}
