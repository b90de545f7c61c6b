//! `hiscore log replay`: the log, or a range of it, in an empty Redis, for looking at a past state.
//!
//! What comes of it is a deployment of its own, under another id, so that nobody takes it for the real one; in the end it is not
//! behind the log any more, so a server can be started on it with a new data folder.

use std::sync::Arc;
use std::time::Duration;

use hiscore_config::ReplaySettings;
use hiscore_log::entry::Entry;
use hiscore_log::{Log, LogEntry, LogError};
use hiscore_rank::redis::{
    Batch, CallError, Deployment, LoggedEntry, OpenLog, Opening, RedisRanks, Trade, log_name,
};
use hiscore_score::Stamp;

use super::ToolError;
use super::open::Tiers;
use super::tail::Walk;
use crate::apply::logged;
use crate::deployment::new_id;
use crate::transfer::progress::Progress;

/// Longer than one call may take, and nobody else wants it.
const LEASE: Duration = Duration::from_secs(120);
/// Works in one call.
const WORKS: usize = 1_000;
/// An answer that did not come is asked for again: what was applied is passed over.
const TRIES: usize = 10;

struct Replay<'a> {
    tiers: &'a Tiers,
    settings: &'a ReplaySettings,
    ranks: Arc<RedisRanks>,
    log: Arc<dyn Log>,
    name: String,
    holder: String,
    deployment: Deployment,
}

#[derive(Debug, Default)]
struct Done {
    entries: u64,
    works: u64,
    refused: u64,
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} works in {} entries ({} refused by the law)", self.works, self.entries, self.refused)
    }
}

/// Replays it.
pub(super) async fn replay(tiers: &Tiers, settings: &ReplaySettings) -> Result<(), ToolError> {
    let shards = tiers.shards(settings.shard)?;
    let prefix = settings.into_prefix.as_deref().unwrap_or(tiers.redis_prefix());
    let ranks = tiers.redis("into-redis-url", settings.into_redis(), prefix).await?;
    let every: Vec<u16> = (0..tiers.deployment.shards).collect();
    for (shard, look) in every.iter().zip(ranks.look(&every).await) {
        let look = look?;
        if look.deployment.is_some() || look.epoch > 0 || look.sequence > 0 || look.dirty > 0 {
            return Err(ToolError::NotEmpty(*shard));
        }
    }
    let system = |error: getrandom::Error| ToolError::Setting(error.to_string());
    let work = Replay {
        tiers,
        settings,
        ranks,
        log: tiers.log().await?,
        name: log_name(tiers.known.generation, &tiers.known.id),
        holder: format!("replay-{}", new_id().map_err(system)?),
        deployment: Deployment { id: new_id().map_err(system)?, ..tiers.deployment.clone() },
    };
    let (mut progress, mut done) = (Progress::new("replayed"), Done::default());
    for shard in shards {
        work.shard(shard, &mut done, &mut progress).await?;
    }
    let rate = progress.rate(done.works);
    progress.note(&format!("replayed: {done}, {rate:.0}/s"));
    let Deployment { shards, window, .. } = &work.deployment;
    progress.note(&format!(
        "look at it with: hiscore serve --redis-url … --redis-prefix {prefix} --data-dir NEW-FOLDER --shards {shards} \
         --window {window}"
    ));
    work.log.close().await;
    work.ranks.close().await;
    Ok(())
}

impl Replay<'_> {
    async fn shard(&self, shard: u16, done: &mut Done, progress: &mut Progress) -> Result<(), ToolError> {
        // The era of the real one, so that positions are the same.
        let era = self.tiers.store.shard(shard).await?.log.map_or(1, |place| place.era);
        let mut walk = Walk::begin(self.log.as_ref(), shard, self.settings.from).await?;
        let mut applied = walk.next_offset().checked_sub(1);
        let from = Some((applied, Stamp::ZERO));
        self.open(shard, era, OpenLog { name: self.name.clone(), era, from }).await?;
        let mut batch = self.next(&mut walk).await?;
        while !batch.is_empty() {
            let (now, next) = tokio::join!(self.apply(shard, applied, &batch, done), self.next(&mut walk));
            (applied, batch) = (now?, next?);
            progress.tell(done.works, done);
        }
        // It is behind no log any more.
        self.open(shard, era, OpenLog { name: String::new(), era, from: None }).await?;
        self.ranks.release(Trade::Persist, shard, &self.holder).await?;
        Ok(())
    }

    async fn open(&self, shard: u16, era: u32, log: OpenLog) -> Result<(), ToolError> {
        let survey = self.ranks.survey(shard, &self.holder, LEASE).await?;
        let opening = Opening {
            replication: survey.replication,
            // Later submissions there come after all that is in the log.
            epoch: era,
            stamp: Stamp::ZERO,
            persisted: 0,
            stored: 0,
            deployment: self.deployment.clone(),
            log: Some(log),
        };
        Ok(self.ranks.open(shard, &self.holder, opening).await?)
    }

    /// What follows, up to where it is to end.
    async fn next(&self, walk: &mut Walk) -> Result<Vec<LoggedEntry>, ToolError> {
        let entries = walk.next().await?.unwrap_or_default();
        let wanted = |entry: &LogEntry| self.settings.to.is_none_or(|to| entry.offset <= to);
        let decoded = entries.into_iter().filter(wanted).map(|entry| match Entry::decode(&entry.bytes) {
            // Nobody waits for what is told.
            Ok(content) => Ok(logged(&entry, content, u64::MAX)),
            Err(error) => Err(LogError::Invalid(format!("the entry at offset {}: {error}", entry.offset))),
        });
        Ok(decoded.collect::<Result<_, _>>()?)
    }

    async fn apply(
        &self,
        shard: u16,
        mut applied: Option<u64>,
        entries: &[LoggedEntry],
        done: &mut Done,
    ) -> Result<Option<u64>, ToolError> {
        let mut rest = entries;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(crate::apply::portion(rest, WORKS));
            let mut tries = 0;
            let judged = loop {
                let batch = Batch { log: &self.name, applied, end_in: None, entries: now };
                match self.ranks.apply(shard, batch).await {
                    Err(CallError::Ambiguous(_) | CallError::Unavailable(_)) if tries < TRIES => {
                        tries += 1;
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    judged => break judged?,
                }
            };
            done.entries += now.len() as u64;
            done.works += now.iter().map(|entry| entry.works.len() as u64).sum::<u64>();
            done.refused += judged.refused;
            applied = judged.offset;
            rest = later;
        }
        Ok(applied)
    }
}
