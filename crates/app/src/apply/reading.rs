//! One shard of the log: read, decoded, applied; while one batch is being applied the next is read.

use std::sync::Arc;
use std::time::Duration;

use hiscore_log::entry::{Entry, EntryError, Work as LogWork};
use hiscore_log::{Bounds, Log, LogEntry, LogError, Reader};
use hiscore_rank::redis::{Applied, Batch, CallError, LogLook, LoggedEntry, LoggedWork, Look, Work};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{ApplyTools, State};
use crate::failpoint::reach;
use crate::log_room::{most, span};

/// Bytes that are read at once.
const BYTES: usize = 1 << 20;
/// How long news is waited for before it is looked whether Redis went back.
const WAIT: Duration = Duration::from_millis(500);
/// After something that passes by itself.
const PAUSE: Duration = Duration::from_millis(200);
/// After something that an operator must look at.
const LONG_PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked how much is left to apply.
const BOUNDS: Duration = Duration::from_secs(2);
/// Nobody waits any more for what is older than this.
const WAITED_FOR_MS: u64 = 15_000;

/// Why reading was broken off.
#[derive(Debug, thiserror::Error)]
enum Stop {
    /// Redis is elsewhere in the log than was believed, or is not open: look again.
    #[error("the shard went back, or is being reconciled")]
    LookAgain,
    /// Passes by itself.
    #[error("{0}")]
    Pause(String),
    /// An operator must look.
    #[error("{0}")]
    Operator(String),
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Unavailable(_) | LogError::Ambiguous(_) | LogError::Closed => {
                Self::Pause(error.to_string())
            }
            LogError::TooLarge { .. }
            | LogError::Truncated { .. }
            | LogError::Behind { .. }
            | LogError::Gone(_)
            | LogError::Foreign { .. }
            | LogError::Invalid(_) => Self::Operator(error.to_string()),
        }
    }
}

/// The loop of one shard.
pub(super) struct Reading {
    tools: Arc<ApplyTools>,
    shard: u16,
    seen: watch::Receiver<Look>,
}

/// What the end of the log was, in an epoch of the shard.
#[derive(Clone, Copy)]
struct Target {
    end: u64,
    epoch: u32,
}

impl Target {
    /// The epoch, if nothing in front of the end is left once this is applied.
    fn reached(self, applied: Option<u64>) -> Option<u32> {
        (applied.map_or(0, |applied| applied + 1) >= self.end).then_some(self.epoch)
    }
}

/// What was read, decoded as far as that went.
#[derive(Default)]
struct Decoded {
    entries: Vec<LoggedEntry>,
    error: Option<(u64, EntryError)>,
}

impl Reading {
    pub(super) fn new(tools: Arc<ApplyTools>, shard: u16, seen: watch::Receiver<Look>) -> Self {
        Self { tools, shard, seen }
    }

    /// Runs for ever.
    pub(super) async fn run(mut self) {
        loop {
            let (Some(log), Some((place, epoch))) = (self.tools.link.log().map(Arc::clone), self.place())
            else {
                let _ = tokio::time::timeout(PAUSE * 5, self.seen.changed()).await;
                continue;
            };
            let Err(stop) = self.follow(log.as_ref(), &place, epoch).await;
            match stop {
                // A look that is older than what was found out would lead here again at once.
                Stop::LookAgain => drop(tokio::time::timeout(PAUSE, self.seen.changed()).await),
                Stop::Pause(why) => {
                    tracing::debug!(shard = self.shard, why, "the log is not applied for a moment");
                    self.tools.replay.waits();
                    tokio::time::sleep(self.tools.outside.jittered(PAUSE)).await;
                }
                Stop::Operator(why) => {
                    self.stopped(why);
                    self.tools.replay.waits();
                    tokio::time::sleep(LONG_PAUSE).await;
                }
            }
        }
    }

    /// Where Redis is in our log, if it serves the shard, and since which epoch.
    fn place(&mut self) -> Option<(LogLook, u32)> {
        let look = self.seen.borrow_and_update();
        let name = self.tools.link.name()?;
        look.log.clone().filter(|log| look.open && log.name == name).map(|log| (log, look.epoch))
    }

    fn stopped(&self, why: String) {
        let mut states = self.tools.states.lock();
        let state: &mut State = states.entry(self.shard).or_default();
        if state.stopped.as_ref() != Some(&why) {
            tracing::error!(shard = self.shard, why, "the log is not applied any further");
        }
        state.stopped = Some(why);
    }

    /// Applies what follows, until something is in the way.
    async fn follow(
        &mut self,
        log: &dyn Log,
        place: &LogLook,
        epoch: u32,
    ) -> Result<std::convert::Infallible, Stop> {
        let mut applied = place.applied;
        let mut reader = log.reader(self.shard, applied).await?;
        let mut bounds = log.bounds(self.shard).await?;
        let most = most(log.retention());
        let mut looked = Instant::now();
        // Under load there is always more; whoever got as far as the log was at the beginning has seen it all.
        let target = Target { end: bounds.end, epoch };
        let mut warming = place.warming;
        self.tools.replay.look(self.shard, applied, bounds, warming);
        let mut idle = false;
        let mut batch = self.decode(reader.next(BYTES, Duration::ZERO).await?);
        loop {
            let is_behind = batch.entries.last().is_some_and(|last| last.offset + 1 < bounds.end);
            // Whoever is far behind does not wait for news between two batches.
            let wait = if batch.entries.is_empty() { WAIT } else { Duration::ZERO };
            if batch.entries.is_empty() {
                if let Some((offset, error)) = batch.error.take() {
                    return Err(Stop::Operator(format!("the entry at offset {offset}: {error}")));
                }
                // Nothing may just not have come yet.
                let end_in = target.reached(applied);
                if warming && end_in.is_some() {
                    applied = self.apply(&place.name, applied, end_in, &[]).await?.offset;
                    warming = false;
                }
                // By then a look has been taken that is not older than the last batch.
                if idle {
                    self.went_back(applied)?;
                }
            }
            idle = batch.entries.is_empty();
            // It was opened anew, and waits to be told that nothing is missing.
            if self.seen.borrow().epoch != epoch {
                return Err(Stop::LookAgain);
            }
            // What is applied and what is read next do not touch each other.
            let (done, next) = tokio::join!(
                self.apply_all(&place.name, applied, &batch.entries, target),
                next(reader.as_mut(), wait, batch.error.is_some())
            );
            applied = done?;
            reach("applied");
            if let Some((offset, error)) = batch.error {
                return Err(Stop::Operator(format!("the entry at offset {offset}: {error}")));
            }
            batch = self.decode(next?);
            if looked.elapsed() >= BOUNDS || (is_behind && batch.entries.is_empty()) {
                bounds = log.bounds(self.shard).await?;
                looked = Instant::now();
                self.tools.replay.look(self.shard, applied, bounds, warming);
            }
            self.state(applied, bounds, most);
        }
    }

    fn decode(&self, read: Vec<LogEntry>) -> Decoded {
        decode(read, self.tools.outside.unix_ms())
    }

    fn state(&self, applied: Option<u64>, bounds: Bounds, most: Option<u64>) {
        let lag = bounds.end.saturating_sub(applied.map_or(0, |applied| applied + 1));
        let span = self.seen.borrow().log.as_ref().map(|log| span(log, bounds)).unwrap_or_default();
        let mut states = self.tools.states.lock();
        let state = State { lag, stopped: None, span, most };
        let before = states.insert(self.shard, state);
        if span.gone > 0 && before.is_none_or(|before| before.span.gone == 0) {
            tracing::error!(
                shard = self.shard,
                first = bounds.first,
                gone = span.gone,
                "the log was cut before what it said was in the store: if Redis is lost before it is there, that is lost"
            );
        }
    }

    /// While nothing comes in, only a look tells that Redis lost what it had applied.
    fn went_back(&mut self, applied: Option<u64>) -> Result<(), Stop> {
        match self.place() {
            Some((there, _)) if there.applied >= applied => Ok(()),
            _ => Err(Stop::LookAgain),
        }
    }

    async fn apply_all(
        &self,
        name: &str,
        mut applied: Option<u64>,
        entries: &[LoggedEntry],
        target: Target,
    ) -> Result<Option<u64>, Stop> {
        let mut rest = entries;
        while !rest.is_empty() {
            let count = portion(rest, self.tools.works);
            let (now, later) = rest.split_at(count);
            let end_in = target.reached(now.last().map(|last| last.offset));
            applied = self.apply(name, applied, end_in, now).await?.offset;
            rest = later;
        }
        Ok(applied)
    }

    /// Applies some entries, however often that must be tried: until it is known that they are applied, or that Redis is
    /// elsewhere.
    async fn apply(
        &self,
        log: &str,
        applied: Option<u64>,
        end_in: Option<u32>,
        entries: &[LoggedEntry],
    ) -> Result<Applied, Stop> {
        let tools = &self.tools;
        let began = Instant::now();
        loop {
            reach("applying");
            match tools.ranks.apply(self.shard, Batch { log, applied, end_in, entries }).await {
                Ok(done) => {
                    tools.metrics.applied(entries.len(), began.elapsed(), &done);
                    tools.replay.applied(self.shard, done.offset);
                    return Ok(done);
                }
                Err(CallError::Behind { applied: there, .. }) => {
                    tools.metrics.rewound();
                    tracing::warn!(
                        shard = self.shard,
                        ?applied,
                        ?there,
                        "Redis went back; applying again from there"
                    );
                    return Err(Stop::LookAgain);
                }
                Err(CallError::Fenced { .. } | CallError::OtherLog { .. }) => return Err(Stop::LookAgain),
                Err(CallError::Invalid(why)) => return Err(Stop::Operator(why)),
                Err(error) => {
                    tracing::debug!(shard = self.shard, %error, "not applied; trying again");
                    tools.replay.waits();
                    tokio::time::sleep(tools.outside.jittered(PAUSE)).await;
                }
            }
        }
    }
}

/// What follows; nothing is read behind an entry that does not decode.
async fn next(reader: &mut dyn Reader, wait: Duration, is_broken: bool) -> Result<Vec<LogEntry>, LogError> {
    if is_broken { Ok(Vec::new()) } else { reader.next(BYTES, wait).await }
}

/// How many entries make one call of at most so many works, but at least one.
pub(crate) fn portion(entries: &[LoggedEntry], most: usize) -> usize {
    let mut works = 0;
    let fits = |entry: &&LoggedEntry| {
        works += entry.works.len();
        works <= most
    };
    entries.iter().take_while(fits).count().max(1)
}

/// `now`: by our clock.
fn decode(read: Vec<LogEntry>, now: u64) -> Decoded {
    let mut decoded = Decoded::default();
    for entry in read {
        match Entry::decode(&entry.bytes) {
            Ok(content) => decoded.entries.push(logged(&entry, content, now)),
            Err(error) => {
                decoded.error = Some((entry.offset, error));
                break;
            }
        }
    }
    decoded
}

/// An entry as it is judged; verdicts are told while somebody may still wait for them, by the clock `now`.
pub(crate) fn logged(entry: &LogEntry, content: Entry, now: u64) -> LoggedEntry {
    let told = content.told;
    // What is told has no bearing on what is judged, so here the clock may be asked.
    let is_waited_for = told.outcome && entry.time_ms.saturating_add(WAITED_FOR_MS) > now;
    LoggedEntry {
        offset: entry.offset,
        time_ms: entry.time_ms,
        bytes: u32::try_from(entry.bytes.len()).unwrap_or(u32::MAX),
        origin: content.origin,
        number: content.number,
        told: is_waited_for,
        want_record: is_waited_for && told.record,
        want_rank: is_waited_for && told.rank,
        want_previous_rank: is_waited_for && told.previous_rank,
        works: content.works.into_iter().map(work).collect(),
    }
}

fn work(work: LogWork) -> LoggedWork {
    match work {
        LogWork::Submit { board, player, submission, auto_create } => {
            LoggedWork { board, auto_create, work: Work::Submit { player, submission } }
        }
        LogWork::Delete { board, player } => {
            LoggedWork { board, auto_create: false, work: Work::Delete { player } }
        }
        LogWork::Create { board, rules } => {
            LoggedWork { board, auto_create: false, work: Work::Create { rules } }
        }
        LogWork::Reset { board, expected } => {
            LoggedWork { board, auto_create: false, work: Work::Reset { expected } }
        }
    }
}
