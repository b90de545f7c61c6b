//! Reconcile: what must happen before a Redis is served from that was not served from before.
//!
//! It may be empty (restarted without its data), have lost its tail (failed over), or be as it was (restarted with it);
//! the way is the same. First the shard gets a new epoch in the store, so that whoever still writes for the old one can
//! neither move the watermark nor acknowledge. Then everything that the store has above Redis's own position is read and
//! merged in by the law. Only then the fence is lifted. While the store cannot be read the shard stays closed: a Redis
//! that may lack acknowledged scores is not served from.
//!
//! Behind a log there is one history, whoever applies it: nothing is merged, and no epoch's late writer can do harm. Either
//! Redis is at least as far in the log as the store, and goes on from where it is; or it takes over what the store has above
//! it, and goes on from there. A shard joins a log once nothing of it is dirty, in an era of its own.
//!
//! A store may also have gone back, to a copy from before seasons left Redis or from before a reconcile that was broken off. Then
//! neither has all any more; behind a log Redis forgets the shard, and takes it from where the store is in the log.

use std::collections::HashMap;

use hiscore_rank::redis::{BoardState, CallError, Deployment, Install, Look, OpenLog, Opening, Trade};
use hiscore_score::merge::merge;
use hiscore_score::{LeaderboardId, Position, Record, RecordKey, Rules, Stamp};
use hiscore_store::contract::{LogPlace, Progress, ShardState, StoredBoard, Stray};

use super::{StepError, Tools};
use crate::deployment::info;
use crate::failpoint::reach;
use crate::transfer::database::refuse_unfinished;

/// Epochs whose late writers are watched for.
const STRAYS_KEPT: usize = 16;
/// Records of one step.
const CHUNK: usize = 1_000;
/// Between two lines in the log about a shard that takes long.
const TOLD_EVERY: u64 = 100_000;

/// One shard on its way to be served again.
struct Reconcile<'a> {
    tools: &'a Tools,
    shard: u16,
    replication: String,
    epoch: u32,
    /// The last stamp: of Redis, of the store, or given here.
    stamp: Stamp,
    rules: HashMap<LeaderboardId, Rules>,
    /// One history: the higher position wins, and nothing new comes to be.
    is_logged: bool,
    /// Redis is asked what it has of a record.
    asks: bool,
    read: u64,
    installed: u64,
}

/// Reconciles a shard whose lease is held, and opens it.
pub async fn reconcile(tools: &Tools, shard: u16) -> Result<(), StepError> {
    let Tools { ranks, store, options, holder, metrics, .. } = tools;
    check_deployment(tools).await?;
    // A primary that was replaced and came back would take the epoch from the one that is served.
    if ranks.is_named(shard).await? == Some(false) {
        return Err(StepError::NotNamed);
    }
    // Before the look at Redis: who slept in between finds another epoch, instead of opening one that nobody is in.
    let before = store.shard(shard).await?;
    refuse_unfinished(&before)?;
    let survey = ranks.survey(shard, holder, options.lease).await?;
    reach("surveyed");
    if let Some(there) = &survey.look.deployment {
        fits(there, &options.deployment)?;
    }
    let lacks = lack(tools, shard, &before, &survey.look).await? == Lack::InTheLog;
    if lacks {
        tracing::warn!(
            shard,
            "seasons that left Redis are not in the store any more (a restored backup?): reading the log again from where the \
             store is in it"
        );
    }
    let survey = if lacks || is_left_over(tools, &before, &survey.look) {
        // Of one history, so nothing is lost by taking it from further back.
        ranks.forget(shard, holder, &survey.replication).await?;
        reach("forgotten");
        ranks.survey(shard, holder, options.lease).await?
    } else {
        survey
    };
    let here = &survey.look;
    let epoch = before.epoch.max(here.epoch) + 1;
    let stamp = here.sequence.max(before.stamp.raw()).max(before.watermark);
    let stamp = Stamp::from_raw(stamp).unwrap_or(Stamp::LAST);
    let logged = behind(tools, &before, here, epoch, stamp)?;
    let strays = match &logged {
        Some(_) => before.strays.clone(),
        None => strays(&before, here.epoch),
    };
    let state = ShardState { epoch, strays, ..before.clone() };
    if !store.open_epoch(shard, before.epoch, &state).await? {
        return Err(StepError::Overtaken);
    }
    reach("epoch-opened");
    let mut work = Reconcile {
        tools,
        shard,
        replication: survey.replication.clone(),
        epoch,
        stamp,
        rules: HashMap::new(),
        asks: true,
        is_logged: logged.as_ref().is_some_and(|logged| !logged.joins),
        read: 0,
        installed: 0,
    };
    if logged.as_ref().is_none_or(|logged| logged.loads) {
        // What Redis lacks; and what somebody who was cut off wrote before this epoch was opened.
        let era = here.log.as_ref().map_or(here.epoch, |log| log.era);
        let own = Position::new(era, here.sequence + 1)..Position { era: u32::MAX, ..Position::ZERO };
        ranks.loads(shard, holder, &survey.replication, before.watermark, before.bulk).await?;
        // A Redis that has no leaderboard has no record either, and need not be asked for each.
        work.asks = !work.boards().await?;
        work.rows(own, false).await?;
        work.asks = true;
        for stray in &before.strays {
            let start = Position::new(stray.epoch, stray.above + 1);
            let is_older = stray.epoch < before.epoch;
            work.rows(start..Position::new(stray.epoch.saturating_add(1), 0), is_older).await?;
        }
        // If the store went back meanwhile, not all of what it had was read.
        if store.shard(shard).await?.epoch != epoch {
            return Err(StepError::Overtaken);
        }
    }
    if let Some(logged) = logged.as_ref().filter(|logged| logged.joins) {
        // Only now the last stamp is known after which the log's begin.
        let place = LogPlace { stamp: work.stamp, ..logged.place };
        if !store.open_epoch(shard, epoch, &ShardState { log: Some(place), ..state }).await? {
            return Err(StepError::Overtaken);
        }
    }
    if logged.is_none() && here.epoch > 0 && here.epoch < before.epoch {
        // Before anything of the store's is told to be there: what this Redis alone has must win over the epoch that it sat out.
        ranks.lift(shard, holder, &survey.replication, epoch).await?;
    }
    reach("merged");
    let opening = Opening {
        replication: survey.replication,
        epoch,
        stamp: work.stamp,
        // If that is less than Redis knows of, the store went back: nothing above counts as stored until it was mended.
        persisted: before.watermark,
        stored: before.bulk,
        deployment: options.deployment.clone(),
        log: logged.map(|logged| logged.opening(work.stamp)),
    };
    ranks.open(shard, holder, opening).await?;
    metrics.reconciled();
    if work.read > 0 || here.epoch > 0 {
        tracing::info!(
            shard,
            epoch,
            records_read = work.read,
            records_put_in = work.installed,
            "the shard is reconciled and open"
        );
    }
    Ok(())
}

/// How a shard goes on in a log.
struct Logged {
    name: String,
    /// What the store is to know.
    place: LogPlace,
    /// It was not behind this log before.
    joins: bool,
    /// Redis takes over what the store has, and goes on from there.
    loads: bool,
}

impl Logged {
    /// `stamp`: the last one that was given before the shard joined.
    fn opening(self, stamp: Stamp) -> OpenLog {
        let Self { name, place, joins, loads } = self;
        let from = match (joins, loads) {
            (true, _) => Some((None, stamp)),
            (false, true) => Some((place.offset, place.stamp)),
            (false, false) => None,
        };
        OpenLog { name, era: place.era, from }
    }
}

/// Where in the log the shard goes on; `None`: not behind one (yet).
fn behind(
    tools: &Tools,
    before: &ShardState,
    here: &Look,
    epoch: u32,
    stamp: Stamp,
) -> Result<Option<Logged>, StepError> {
    let Some(link) = &tools.link else { return Ok(None) };
    let (Some(known), Some(name)) = (link.known(), link.name()) else {
        return Err(StepError::LogUnknown(link.waiting_for().unwrap_or_default()));
    };
    match before.log {
        Some(place) if place.generation > known.generation => {
            Err(StepError::OldLog { ours: known.generation, there: place.generation })
        }
        Some(place) if place.generation == known.generation => {
            let there = here.log.as_ref().filter(|log| log.name == name && log.era == place.era);
            // `None` is before every offset.
            let loads = there.is_none_or(|log| log.applied < place.offset);
            Ok(Some(Logged { name, place, joins: false, loads }))
        }
        // Redis holds what the store has not yet, from before this log: first that is carried away.
        _ if here.dirty + here.in_flight > 0 => Ok(None),
        _ => {
            let place = LogPlace { generation: known.generation, era: epoch, offset: None, stamp };
            Ok(Some(Logged { name, place, joins: true, loads: true }))
        }
    }
}

/// What of seasons that left Redis is not in the store either.
#[derive(Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nothing: the store did not go back, or not that far.
    Nothing,
    /// Some, and the log has it: it reaches back to where the store is in it.
    InTheLog,
    /// Some, and nobody has it.
    Lost,
}

/// Whether the store, which is at `before`, went back to when it had not all of the seasons that left Redis since.
pub async fn lack(tools: &Tools, shard: u16, before: &ShardState, here: &Look) -> Result<Lack, StepError> {
    if here.pruned <= before.watermark {
        return Ok(Lack::Nothing);
    }
    let Some(link) = &tools.link else { return Ok(Lack::Lost) };
    let unknown = || StepError::LogUnknown(link.waiting_for().unwrap_or_default());
    let (known, log) = (link.known().ok_or_else(unknown)?, link.log().ok_or_else(unknown)?);
    let Some(place) = before.log.filter(|place| place.generation == known.generation) else {
        return Ok(Lack::Lost);
    };
    let next = place.offset.map_or(0, |offset| offset + 1);
    let first = log.bounds(shard).await?.first;
    Ok(if first <= next { Lack::InTheLog } else { Lack::Lost })
}

/// Whether what Redis has is of a reconcile that was broken off, and the store that it read went back since. Then boards may be
/// further in the log than their records, which is not to be gone on from.
fn is_left_over(tools: &Tools, before: &ShardState, here: &Look) -> bool {
    let Some(known) = tools.link.as_ref().and_then(|link| link.known()) else { return false };
    let is_behind_it = before.log.is_some_and(|place| place.generation == known.generation);
    let read = Progress { watermark: here.persisted, bulk: here.stored };
    is_behind_it && here.loading && before.is_behind(read)
}

/// Whether the store is of the deployment that we work for; makes it so if it is of none.
pub async fn check_deployment(tools: &Tools) -> Result<(), StepError> {
    let ours = &tools.options.deployment;
    let there = tools.store.deployment(&info(ours)).await?;
    let there = Deployment { id: there.id, shards: there.shards, window: there.window };
    if there == *ours {
        return Ok(());
    }
    Err(StepError::Foreign { redis: ours.id.clone(), store: there.id })
}

fn fits(there: &Deployment, ours: &Deployment) -> Result<(), StepError> {
    if there == ours {
        return Ok(());
    }
    Err(StepError::Foreign { redis: there.id.clone(), store: ours.id.clone() })
}

/// The epochs that end now, each with what of it was surely in the store: nothing above that is surely known to Redis,
/// and whoever was cut off may still write it.
fn strays(before: &ShardState, here: u32) -> Vec<Stray> {
    let mut strays = before.strays.clone();
    let first = if here == 0 { before.epoch } else { here.min(before.epoch) };
    for epoch in first.max(1)..=before.epoch.max(here) {
        if !strays.iter().any(|stray| stray.epoch == epoch) {
            strays.push(Stray { epoch, above: before.watermark });
        }
    }
    let excess = strays.len().saturating_sub(STRAYS_KEPT);
    strays.drain(..excess);
    strays
}

impl Reconcile<'_> {
    /// Joins the boards of both: of one board, the later season and then the later position. Says whether Redis had none.
    async fn boards(&mut self) -> Result<bool, StepError> {
        let Tools { ranks, store, holder, .. } = self.tools;
        let stored = store.boards(Some(self.shard)).await?;
        let mut here: HashMap<LeaderboardId, BoardState> = HashMap::new();
        for board in ranks.boards_raw(self.shard, holder).await? {
            self.rules.insert(board.id.clone(), board.leaderboard.rules);
            here.insert(board.id.clone(), board);
        }
        let has_none = here.is_empty();
        let mut install = Vec::new();
        for StoredBoard { id, leaderboard, position } in stored {
            self.rules.insert(id.clone(), leaderboard.rules);
            let later = here.get(&id).is_none_or(|present| {
                (present.leaderboard.version, present.position) < (leaderboard.version, position)
            });
            if later {
                install.push((BoardState { id, leaderboard, position }, false));
            }
        }
        ranks.install(self.shard, holder, &self.replication, &[], &install).await?;
        Ok(has_none)
    }

    /// Merges in what the store has within `range`. What an epoch before the one that just ended left above its watermark is
    /// lifted into the new one: somebody of that later epoch, who never saw it, may still write over it.
    async fn rows(&mut self, range: std::ops::Range<Position>, lifts: bool) -> Result<(), StepError> {
        let (store, shard) = (&self.tools.store, self.shard);
        let mut rows = store.between(shard, range.clone(), None, CHUNK).await?;
        while let Some((key, record)) = rows.last() {
            let after = (record.position, key.clone());
            // The store reads the next ones while Redis takes these in.
            let next = async { Ok(store.between(shard, range.clone(), Some(&after), CHUNK).await?) };
            (_, rows) = tokio::try_join!(self.put_in(rows, lifts), next)?;
        }
        Ok(())
    }

    /// Merges in these, which the store has.
    async fn put_in(&mut self, rows: Vec<(RecordKey, Record)>, lifts: bool) -> Result<(), StepError> {
        let Tools { ranks, holder, options, metrics, .. } = self.tools;
        // It may take longer than the lease lasts.
        if !ranks.lease(Trade::Persist, self.shard, holder, options.lease).await? {
            return Err(CallError::LeaseLost { shard: self.shard }.into());
        }
        let here = if self.asks {
            let keys: Vec<_> = rows.iter().map(|(key, _)| key.clone()).collect();
            ranks.peek(self.shard, holder, &keys).await?
        } else {
            vec![None; rows.len()]
        };
        let told = self.read / TOLD_EVERY;
        self.read += rows.len() as u64;
        metrics.loaded(rows.len());
        let install: Vec<Install> = rows
            .into_iter()
            .zip(here)
            .filter_map(|((key, stored), here)| self.joined(key, stored, here, lifts))
            .collect();
        self.installed += install.len() as u64;
        ranks.install(self.shard, holder, &self.replication, &install, &[]).await?;
        reach("installed");
        if self.read / TOLD_EVERY > told {
            tracing::info!(shard = self.shard, records = self.read, "reading from the store");
        }
        Ok(())
    }

    /// What to put in for a record that the store has as `stored` and Redis as `here`; `None`: nothing.
    fn joined(
        &mut self,
        key: RecordKey,
        stored: Record,
        here: Option<Record>,
        lifts: bool,
    ) -> Option<Install> {
        self.stamp = self.stamp.max(stored.updated);
        let sequence = Stamp::from_raw(stored.position.sequence).unwrap_or(Stamp::LAST);
        self.stamp = self.stamp.max(sequence);
        let Some(rules) = self.rules.get(&key.season.leaderboard).copied() else {
            // Boards are written before their records, so this is damage; it must not keep everybody else out.
            tracing::warn!(
                shard = self.shard,
                "the store has a record of a leaderboard that it does not have"
            );
            return None;
        };
        let lifts = lifts && !self.is_logged;
        let here = match here {
            Some(here) => here,
            None if lifts => stored.clone(),
            None => return Some(Install { key, record: stored, dirty: false }),
        };
        if here == stored && !lifts {
            return None;
        }
        if self.is_logged {
            let is_later = stored.position > here.position;
            return is_later.then_some(Install { key, record: stored, dirty: false });
        }
        let mut record = merge(&rules, &here, &stored, self.tools.options.deployment.window);
        if record == stored && !lifts {
            return Some(Install { key, record, dirty: false });
        }
        // It is neither's, or Redis's while the store had another: a new state, at a place of its own in the new epoch,
        // so that it wins over both everywhere.
        // Our clock only lifts stamps over those there are; Redis's goes on from there.
        self.stamp = self.stamp.next(self.tools.outside.unix_ms()).unwrap_or(Stamp::LAST);
        record.position = Position::new(self.epoch, self.stamp.raw());
        Some(Install { key, record, dirty: true })
    }
}
