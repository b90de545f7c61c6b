//! One shard that is ours: claim, write, clear, again and again; and now and then a look whether the store went back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hiscore_rank::redis::{Claim, Confirmed, LogLook, Look};
use hiscore_score::{Position, Record, RecordKey, Season};
use hiscore_store::contract::{
    Advanced, LogPlace, Progress, ShardState, StoreError, StoredBoard, Writes, Written,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pace::rest_with;
use super::reconcile::{Lack, check_deployment, lack, reconcile};
use super::trim::trim;
use super::{StepError, Tools};
use crate::failpoint::reach;

/// How often it is checked that the store still has what it was given, and nothing that came late.
const AUDIT: Duration = Duration::from_secs(5);
/// Between two sweeps for rows that a cut-off persister wrote late, at first; doubles, since they come soon or never.
const FIRST_SWEEP: Duration = Duration::from_secs(5);
const LONGEST_SWEEP: Duration = Duration::from_secs(3600);
/// Records of ended seasons that leave Redis in one step.
const PRUNED_AT_ONCE: usize = 1_000;
/// How often it is looked whether the log can be cut.
const TRIM: Duration = Duration::from_secs(600);
/// After a step that failed for a reason other than the store, which has a pace of its own.
const PAUSE: Duration = Duration::from_millis(250);

/// The loop of one shard. Ends when `stop` is cancelled or the lease is another's.
pub struct ShardLoop {
    /// What it works with.
    pub tools: Arc<Tools>,
    /// Which shard.
    pub shard: u16,
    /// What was last seen of it; set by who looks at all shards at once.
    pub seen: watch::Receiver<Look>,
    /// Told when the shard is to be given up.
    pub stop: CancellationToken,
}

/// When things were last done.
struct Clock {
    /// Whether the store was found to be of our deployment.
    is_ours: bool,
    round: Instant,
    /// The pause after the last round: the interval, or the rest that its bulks call for.
    pause: Duration,
    audit: Instant,
    sweep: Instant,
    next_sweep: Duration,
    trim: Instant,
    /// Why the shard could not be opened, as far as that was told.
    told: Option<String>,
}

impl ShardLoop {
    /// Runs until stopped; then makes a last round.
    pub async fn run(mut self) {
        let now = Instant::now();
        let mut clock = Clock {
            is_ours: false,
            round: now,
            pause: self.tools.options.interval,
            audit: now,
            sweep: now,
            next_sweep: FIRST_SWEEP,
            trim: now,
            told: None,
        };
        let stop = self.stop.clone();
        loop {
            let step = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                step = self.step(&mut clock) => step,
            };
            match step {
                Ok(()) => {}
                Err(StepError::Ranks(hiscore_rank::redis::CallError::LeaseLost { shard })) => {
                    tracing::info!(shard, "the lease is another's now");
                    return;
                }
                Err(error) => {
                    tracing::debug!(shard = self.shard, %error, "a step failed");
                    if error.is_of_the_store() {
                        self.tools.metrics.retried();
                        self.tools.pace.failed(&error.to_string());
                    } else if matches!(error, StepError::CutOff { .. } | StepError::Foreign { .. }) {
                        tracing::warn!(shard = self.shard, %error, "the shard is left alone");
                        self.sleep(self.tools.options.lease).await;
                        self.take_back(&error).await;
                    }
                    self.sleep(self.tools.outside.jittered(PAUSE)).await;
                }
            }
        }
        // What is left goes out with us if the store takes it; if not, the next persister has it. Twice what was seen, since
        // the last submissions may be newer than that; not without an end, or a shard given back under load would never be
        // another's.
        let seen = self.seen.borrow().clone();
        let most = (seen.dirty + seen.in_flight).saturating_mul(2).max(self.tools.options.rows as u64);
        if clock.is_ours
            && let Err(error) = self.round(most).await
        {
            tracing::debug!(shard = self.shard, %error, "the last round failed; another persister goes on");
        }
    }

    /// A Redis that is cut off from its store although a majority names it was overtaken by one that should not have been
    /// reconciled: it opens an epoch of its own.
    async fn take_back(&self, error: &StepError) {
        let is_cut_off = matches!(error, StepError::CutOff { .. });
        if is_cut_off && matches!(self.tools.ranks.is_named(self.shard).await, Ok(Some(true))) {
            tracing::warn!(shard = self.shard, "a majority names this Redis: reconciling it again");
            if let Err(error) = reconcile(&self.tools, self.shard).await {
                tracing::debug!(shard = self.shard, %error, "not reconciled");
            }
        }
    }

    async fn sleep(&self, pause: Duration) {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Waits until something is to be done, and does it.
    async fn step(&mut self, clock: &mut Clock) -> Result<(), StepError> {
        if !clock.is_ours {
            // A Redis that is open was reconciled with some store, which need not be the one that we were given.
            check_deployment(&self.tools).await?;
            clock.is_ours = true;
        }
        let look = self.seen.borrow_and_update().clone();
        if look.open && self.joins_now(&look) {
            // Everything that came before the log is in the store: from here on, it says what there is.
            reconcile(&self.tools, self.shard).await?;
            self.changed(AUDIT).await;
            return Ok(());
        }
        if !look.open {
            let tools = Arc::clone(&self.tools);
            let turn = tools.pace.turn().await;
            // The look that calls for it may be older than the last reconcile.
            if self.is_closed().await? {
                let reconciled = reconcile(&tools, self.shard).await;
                self.tell(clock, reconciled.as_ref().err());
                reconciled?;
                tools.pace.succeeded();
                clock.next_sweep = FIRST_SWEEP;
            }
            drop(turn);
            self.changed(AUDIT).await;
            return Ok(());
        }
        // What the log said and what changed nothing is to be known in the store too, or it would be applied again.
        let is_behind = |log: &LogLook| log.applied > log.persisted.map(|(offset, _)| offset);
        let is_behind = look.log.as_ref().is_some_and(is_behind);
        let waiting = (look.dirty + look.in_flight).max(u64::from(is_behind));
        let due = clock.round + clock.pause;
        if waiting > 0 && (look.wake || Instant::now() >= due) {
            // What changes while the round is under way coalesces until the next; only somebody who waits may have come
            // in between.
            let most = if look.wake { waiting.saturating_mul(2) } else { waiting };
            let rest = self.round(most).await?;
            (clock.round, clock.pause) = (Instant::now(), self.tools.options.interval.max(rest));
            // What was seen is done; the next look says what came since.
            self.changed(clock.pause).await;
            return Ok(());
        }
        if Instant::now() >= clock.audit + AUDIT {
            clock.audit = Instant::now();
            self.audit(clock).await?;
        }
        let until = if waiting > 0 { due.saturating_duration_since(Instant::now()) } else { AUDIT };
        self.changed(until).await;
        Ok(())
    }

    /// Whether the shard is to join a log that it is not behind yet.
    fn joins_now(&self, look: &Look) -> bool {
        let Some(name) = self.tools.link.as_ref().and_then(|link| link.name()) else { return false };
        look.log.as_ref().is_none_or(|log| log.name != name) && look.dirty + look.in_flight == 0
    }

    /// Nobody is served from a shard that is not open, so somebody must be able to read why; once is enough.
    fn tell(&self, clock: &mut Clock, error: Option<&StepError>) {
        // The store's troubles are told by the pace.
        let why = error.filter(|error| !error.is_of_the_store()).map(ToString::to_string);
        if let Some(why) = &why
            && clock.told.as_ref() != Some(why)
        {
            tracing::warn!(shard = self.shard, why, "the shard cannot be opened yet");
        }
        clock.told = why;
    }

    async fn is_closed(&self) -> Result<bool, StepError> {
        let look = self.tools.ranks.look(&[self.shard]).await.into_iter().next().transpose()?;
        Ok(look.is_some_and(|look| !look.open))
    }

    /// Waits for the next look, not longer than `longest`.
    async fn changed(&mut self, longest: Duration) {
        if let Ok(Err(_)) = tokio::time::timeout(longest, self.seen.changed()).await {
            // Nobody looks any more: we are about to be stopped.
            self.stop.cancelled().await;
        }
    }

    /// Claims, writes and clears until nothing is dirty, or `most` records were carried: so many were dirty at the
    /// beginning, and the longest dirty go first. Or else a round would never end under load, and nothing would coalesce.
    /// Says how much rest its bulks call for.
    async fn round(&self, most: u64) -> Result<Duration, StepError> {
        let Tools { ranks, options, holder, pace, .. } = self.tools.as_ref();
        let (mut carried, mut rest) = (0, Duration::ZERO);
        loop {
            // The wait for a turn is a rest by itself.
            let _turn = pace.turn().await;
            let began = Instant::now();
            let (rows, bytes) = (pace.portion(options.rows), pace.portion(options.bytes));
            let claim = ranks.claim(self.shard, holder, options.lease, rows, bytes).await?;
            let Some(claim) = claim else { return Ok(rest) };
            reach("claimed");
            let more = claim.more;
            carried += (claim.rows.len() + claim.boards.len()) as u64;
            self.carry(claim).await?;
            pace.succeeded();
            rest = rest_with(rest, began.elapsed());
            if !more || carried >= most {
                return Ok(rest);
            }
        }
    }

    /// Carries one claim into the store. Nothing of it is copied: many records at once are what a persister's memory is.
    async fn carry(&self, claim: Claim) -> Result<(), StepError> {
        let Tools { ranks, store, holder, metrics, .. } = self.tools.as_ref();
        let Claim {
            epoch, persisted, stored, watermark, stamp, number, place, rows, boards: claimed, ..
        } = claim;
        let (firsts, rows): (Vec<u64>, Vec<(RecordKey, Record)>) =
            rows.into_iter().map(|(first, key, row)| (first, (key, row))).unzip();
        let boards: Vec<_> = claimed.iter().map(|(_, _, board)| as_stored(board)).collect();
        // What Redis knows to be stored; and with this claim's own number, which no copy from before it has.
        let expected = Progress { watermark: persisted, bulk: stored };
        if !boards.is_empty() {
            // A replay takes a board's season in the store for a sign that all before it is there: one that went back gets that first.
            let state = store.shard(self.shard).await?;
            if went_back(epoch, expected, &state)? {
                return self.mend(epoch, state).await;
            }
        }
        let began = Instant::now();
        let under_way = metrics.sets_out(self.shard);
        // A record without its board could not be put back by a reconcile, so boards go first.
        if !boards.is_empty() {
            let written = store.write(Writes { shard: self.shard, rows: &[], boards: &boards }).await?;
            if let Some((_, why)) = written.failed_boards.first() {
                return Err(StoreError::Unavailable(format!("a leaderboard was not written: {why}")).into());
            }
        }
        let written = match rows.is_empty() {
            true => Written::default(),
            false => store.write(Writes { shard: self.shard, rows: &rows, boards: &[] }).await?,
        };
        drop(under_way);
        if !rows.is_empty() {
            metrics.wrote(rows.len(), &written, began.elapsed());
        }
        reach("written");
        let failed: HashSet<usize> = written.failed_rows.iter().map(|(at, _)| *at).collect();
        // Below the first change of what failed.
        let first = failed.iter().filter_map(|at| firsts.get(*at)).min();
        let below = first.map_or(u64::MAX, |first| first.saturating_sub(1));
        let watermark = watermark.min(below);
        // A place in the log is one that all is in the store up to.
        let place = place.filter(|_| failed.is_empty());
        let reached = Progress { watermark, bulk: number };
        let advanced = store.advance(self.shard, epoch, expected, reached, stamp, place).await?;
        reach("advanced");
        match advanced {
            Advanced::Done => {}
            Advanced::Fenced(state) if state.epoch > epoch => {
                return Err(StepError::CutOff { here: epoch, there: state.epoch });
            }
            Advanced::Fenced(state) | Advanced::WentBack(state) => {
                return self.mend(epoch, state).await;
            }
        }
        let kept = firsts.into_iter().zip(rows).enumerate().filter(|(at, _)| !failed.contains(at));
        let rows: Vec<(u64, RecordKey)> = kept.map(|(_, (first, (key, _)))| (first, key)).collect();
        let boards: Vec<_> = claimed.into_iter().map(|(first, mark, _)| (first, mark)).collect();
        let confirmed = Confirmed { claim: number, rows: &rows, boards: &boards, watermark };
        ranks.clear(self.shard, holder, epoch, confirmed).await?;
        reach("cleared");
        if let Some((_, why)) = written.failed_rows.first() {
            metrics.retried();
            tracing::warn!(
                shard = self.shard,
                failed = failed.len(),
                why,
                "the store refused some records; trying again"
            );
            // They go back to dirty with the next claim; not at once, or a store that refuses them would be hammered.
            self.sleep(self.tools.outside.jittered(PAUSE * 4)).await;
        }
        Ok(())
    }

    /// Looks whether the store still has what Redis believes it has, and whether somebody who was cut off wrote late.
    async fn audit(&self, clock: &mut Clock) -> Result<(), StepError> {
        let Tools { ranks, store, holder, .. } = self.tools.as_ref();
        let looked = ranks.look(&[self.shard]).await.into_iter().next();
        let Some(look) = looked.transpose()? else { return Ok(()) };
        if !look.open {
            return Ok(());
        }
        let state = store.shard(self.shard).await?;
        self.tools.pace.succeeded();
        let seen = Progress { watermark: look.persisted, bulk: look.stored };
        if went_back(look.epoch, seen, &state)? {
            return self.mend(look.epoch, state).await;
        }
        // Behind a log there is one history, and no late writer can do harm.
        if state.log.is_none() && Instant::now() >= clock.sweep + clock.next_sweep {
            clock.sweep = Instant::now();
            clock.next_sweep = (clock.next_sweep * 2).min(LONGEST_SWEEP);
            if self.has_strays(&state).await? {
                tracing::warn!(
                    shard = self.shard,
                    "a persister that was cut off wrote late; reconciling again"
                );
                reconcile(&self.tools, self.shard).await?;
                clock.next_sweep = FIRST_SWEEP;
            }
        }
        while ranks.prune(self.shard, holder, PRUNED_AT_ONCE).await? {}
        if Instant::now() >= clock.trim + TRIM {
            clock.trim = Instant::now();
            self.trim(&state).await;
        }
        Ok(())
    }

    /// Cuts the log, if there is one and it can be asked; if not, another time.
    async fn trim(&self, state: &ShardState) {
        let log = self.tools.link.as_ref().and_then(|link| link.log());
        let (Some(log), Some(place)) = (log, &state.log) else { return };
        let Some(persisted) = place.offset else { return };
        let keep = u64::try_from(self.tools.options.keep.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.tools.outside.unix_ms().saturating_sub(keep);
        match trim(log.as_ref(), self.shard, persisted, oldest).await {
            Ok(None) => {}
            Ok(Some(first)) => tracing::debug!(shard = self.shard, first, "the log was cut"),
            Err(error) => tracing::debug!(shard = self.shard, %error, "the log was not cut"),
        }
    }

    /// Whether rows of epochs that ended are in the store which Redis has not, or has otherwise.
    async fn has_strays(&self, state: &ShardState) -> Result<bool, StepError> {
        let Tools { ranks, store, holder, options, .. } = self.tools.as_ref();
        let boards = ranks.boards_raw(self.shard, holder).await?;
        let versions: HashMap<_, _> =
            boards.into_iter().map(|board| (board.id, board.leaderboard.version)).collect();
        // Seasons that Redis keeps; of one that left it a late row cannot be told from one that was always there, and
        // seasons leave long after they end.
        let kept = |season: &Season| {
            versions.get(&season.leaderboard).is_none_or(|present| season.version + 1 >= *present)
        };
        for stray in &state.strays {
            let range =
                Position::new(stray.epoch, stray.above + 1)..Position::new(stray.epoch.saturating_add(1), 0);
            let mut after = None;
            loop {
                let rows = store.between(self.shard, range.clone(), after.as_ref(), options.rows).await?;
                let Some((key, record)) = rows.last() else { break };
                after = Some((record.position, key.clone()));
                let keys: Vec<_> = rows.iter().map(|(key, _)| key.clone()).collect();
                let here = ranks.peek(self.shard, holder, &keys).await?;
                let late = |((key, stored), here): (&(RecordKey, Record), Option<Record>)| match here {
                    Some(here) => here.position < stored.position,
                    None => kept(&key.season),
                };
                if rows.iter().zip(here).any(late) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The store went back, to a backup or to nothing: everything above its watermark is to be written again.
    async fn mend(&self, epoch: u32, state: ShardState) -> Result<(), StepError> {
        let Tools { ranks, store, holder, .. } = self.tools.as_ref();
        tracing::warn!(
            shard = self.shard,
            watermark = state.watermark,
            store_epoch = state.epoch,
            epoch,
            "the store is behind what it confirmed (a restored backup?): writing everything above its watermark again"
        );
        // One that was emptied does not know any more whose it is.
        check_deployment(&self.tools).await?;
        let looked = ranks.look(&[self.shard]).await.into_iter().next().transpose()?;
        let lack = match &looked {
            Some(look) => lack(&self.tools, self.shard, &state, look).await?,
            None => Lack::Nothing,
        };
        match lack {
            Lack::Nothing => {}
            Lack::InTheLog => return reconcile(&self.tools, self.shard).await,
            Lack::Lost => tracing::error!(
                shard = self.shard,
                watermark = state.watermark,
                pruned = looked.map_or(0, |look| look.pruned),
                "the store is from before seasons left Redis: what was played in these since is in neither any more, and no log \
                 has it. A later backup may; the seasons that are in Redis are complete"
            ),
        }
        let above = state.watermark;
        let mut cursor = None;
        loop {
            cursor = ranks.mark_above(self.shard, holder, above, state.bulk, cursor).await?;
            if cursor.is_none() {
                break;
            }
        }
        let log = self.remembered(state.log).await?;
        if state.epoch < epoch || state.log != log {
            let from = state.epoch;
            let epoch = epoch.max(from);
            if !store.open_epoch(self.shard, from, &ShardState { epoch, log, ..state }).await? {
                return Err(StepError::Overtaken);
            }
        }
        Ok(())
    }
}

impl ShardLoop {
    /// What a store that went back must know of the log: if it is from before the shard joined it, that it did. Then the next
    /// records that it is given bring it to the place where it should be.
    async fn remembered(&self, there: Option<LogPlace>) -> Result<Option<LogPlace>, StepError> {
        let Tools { ranks, store, link, .. } = self.tools.as_ref();
        let Some(known) = link.as_ref().and_then(|link| link.known()) else { return Ok(there) };
        let looked = ranks.look(&[self.shard]).await.into_iter().next().transpose()?;
        let Some(log) = looked.and_then(|look| look.log) else { return Ok(there) };
        if there.is_some_and(|there| there.era == log.era) {
            return Ok(there);
        }
        if store.log().await?.is_none() {
            store.adopt_log(None, known).await?;
        }
        let stamp = store.shard(self.shard).await?.stamp;
        Ok(Some(LogPlace { generation: known.generation, era: log.era, offset: None, stamp }))
    }
}

/// Whether the store is behind what a Redis in `epoch` knows that it has; if that is ahead, this Redis was cut off.
fn went_back(epoch: u32, seen: Progress, state: &ShardState) -> Result<bool, StepError> {
    if state.epoch > epoch {
        return Err(StepError::CutOff { here: epoch, there: state.epoch });
    }
    Ok(state.epoch < epoch || state.is_behind(seen))
}

fn as_stored(board: &hiscore_rank::redis::BoardState) -> StoredBoard {
    StoredBoard { id: board.id.clone(), leaderboard: board.leaderboard, position: board.position }
}
