//! Into the log: what arrives for a shard while an append of it is under way goes with the next one, as one entry.
//!
//! So entries grow with the load by themselves, and a log that costs much for each entry costs little for each submission.
//! Nothing waits on purpose: an append begins as soon as fewer than [`AT_ONCE`] of its shard are under way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use hiscore_api::service::Trouble;
use hiscore_log::entry::{Entry, Told, Work, pack};
use hiscore_log::{Log, LogError, MAX_ENTRY_BYTES};
use hiscore_rank::redis::{Done, Refused};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::guard::{Guard, Leave};
use super::verdicts::{Expected, Verdicts};
use crate::log_link::LogLink;
use crate::metrics::LogMetrics;

/// Appends of one shard under way: while one is on its way back another can be on its way out.
const AT_ONCE: usize = 2;
/// What an entry takes beside its works, and a work beside its texts, at most.
const FRAME: usize = 64;

/// What is known of one work after its append: surely not (or perhaps not) in the log; in it; and what it came to.
pub type Known = Result<Option<Result<Done, Refused>>, Trouble>;

/// Works that wait to be appended together.
struct Job {
    works: Vec<Work>,
    bytes: usize,
    told: Told,
    /// Once they are in the log.
    answer: oneshot::Sender<Answer>,
}

/// What those who wait for an append are told: with a place among those who wait for verdicts, if they are to be told.
type Answer = Result<Option<Expected>, Trouble>;

/// An entry that was let through, or not.
struct Prepared<'a> {
    shard: u16,
    entry: Vec<u8>,
    count: usize,
    /// That were pending for it.
    bytes: usize,
    waiters: Vec<(oneshot::Sender<Answer>, Option<Expected>)>,
    leave: Result<(&'a Arc<dyn Log>, Leave<'a>), Trouble>,
}

/// One shard.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Job>,
    /// Told of what comes while there is a task that appends; there is one, so that the order of coming is kept.
    runs: Option<Arc<Notify>>,
}

/// Appends to the log.
pub struct Appender {
    link: Arc<LogLink>,
    guard: Arc<Guard>,
    verdicts: Arc<Verdicts>,
    metrics: LogMetrics,
    /// What this process appends as: a random number.
    origin: u64,
    numbers: AtomicU64,
    lanes: Mutex<HashMap<u16, Lane>>,
    pending: AtomicUsize,
    most_pending: usize,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Appender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appender").field("origin", &self.origin).finish_non_exhaustive()
    }
}

fn trouble(error: &LogError) -> Trouble {
    match error {
        LogError::Ambiguous(_) => Trouble::Ambiguous(error.to_string()),
        // Nothing else was appended, whatever must be done about it.
        _ => Trouble::Unavailable(error.to_string()),
    }
}

impl Appender {
    /// To the log of `link`, as `origin`, what `guard` lets through. Its tasks run on `tasks`; at most `most_pending` bytes wait.
    pub fn new(
        link: Arc<LogLink>,
        guard: Arc<Guard>,
        verdicts: Arc<Verdicts>,
        metrics: LogMetrics,
        origin: u64,
        most_pending: usize,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            link,
            guard,
            verdicts,
            metrics,
            origin,
            numbers: AtomicU64::new(0),
            lanes: Mutex::default(),
            pending: AtomicUsize::new(0),
            most_pending,
            tasks,
        }
    }

    /// Appends works of one shard, in their order, and waits until `deadline` for what they came to if they are to be told.
    pub async fn append(
        self: &Arc<Self>,
        shard: u16,
        works: Vec<Work>,
        told: Told,
        deadline: Instant,
    ) -> Vec<Known> {
        // All are filed before any is waited for, the first one first.
        let filed: Vec<_> = pack(works)
            .into_iter()
            .map(|works| {
                let count = works.len();
                (count, self.file(shard, works, told))
            })
            .collect();
        let known = filed.into_iter().map(async |(count, filed)| {
            let gone = || Trouble::Ambiguous("the task that appends has ended".into());
            let appended = match filed {
                Ok(answered) => answered.await.unwrap_or_else(|_| Err(gone())),
                Err(trouble) => Err(trouble),
            };
            match appended {
                Err(trouble) => vec![Err(trouble); count],
                Ok(None) => vec![Ok(None); count],
                Ok(Some(expected)) => expected.within(deadline).await.into_iter().map(Ok).collect(),
            }
        });
        join_all(known).await.into_iter().flatten().collect()
    }

    fn file(
        self: &Arc<Self>,
        shard: u16,
        works: Vec<Work>,
        told: Told,
    ) -> Result<oneshot::Receiver<Answer>, Trouble> {
        let bytes = works.iter().map(most_bytes).sum();
        let room = |pending: usize| Some(pending + bytes).filter(|sum| *sum <= self.most_pending);
        if self.pending.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_err() {
            return Err(Trouble::Unavailable(format!(
                "submissions of {} bytes wait for the log already",
                self.most_pending
            )));
        }
        let (answer, answered) = oneshot::channel();
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(shard).or_default();
        lane.waiting.push_back(Job { works, bytes, told, answer });
        match &lane.runs {
            Some(came) => came.notify_one(),
            None => {
                let came = Arc::<Notify>::default();
                lane.runs = Some(Arc::clone(&came));
                self.tasks.spawn(Arc::clone(self).run(shard, came));
            }
        }
        Ok(answered)
    }

    /// Appends what waits for a shard until nothing does.
    async fn run(self: Arc<Self>, shard: u16, came: Arc<Notify>) {
        // What is pushed first is polled first, and so goes to the log first.
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < AT_ONCE
                && let Some(jobs) = self.next(shard, under_way.is_empty())
            {
                // Waits for nothing once the shards are known.
                let prepared = self.prepare(shard, jobs).await;
                under_way.push(self.append_one(prepared));
            }
            tokio::select! {
                biased;
                ended = under_way.next() => if ended.is_none() { return },
                () = came.notified(), if under_way.len() < AT_ONCE => {}
            }
        }
    }

    /// What goes into the next entry: who wants to be told alike, in the order of coming. Nothing waits: the task ends, if it
    /// is idle.
    fn next(&self, shard: u16, is_idle: bool) -> Option<Vec<Job>> {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(shard).or_default();
        let Some(first) = lane.waiting.pop_front() else {
            if is_idle {
                lane.runs = None;
            }
            return None;
        };
        let mut bytes = FRAME + first.bytes;
        let mut jobs = vec![first];
        while let (Some(first), Some(next)) = (jobs.first(), lane.waiting.front())
            && next.told == first.told
            && bytes + next.bytes <= MAX_ENTRY_BYTES
        {
            bytes += next.bytes;
            jobs.extend(lane.waiting.pop_front());
        }
        Some(jobs)
    }

    /// Makes an entry of them, and has it let through.
    async fn prepare(&self, shard: u16, jobs: Vec<Job>) -> Prepared<'_> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (mut works, mut waiters, mut bytes, mut told) = (Vec::new(), Vec::new(), 0, Told::default());
        for job in jobs {
            told = job.told;
            let expected =
                told.outcome.then(|| self.verdicts.expect(shard, number, works.len(), job.works.len()));
            works.extend(job.works);
            bytes += job.bytes;
            waiters.push((job.answer, expected));
        }
        let count = works.len();
        let entry = Entry { origin: self.origin, number, told, works }.encode();
        let leave = match self.link.log() {
            Some(log) => self.guard.leave(log.as_ref(), shard, entry.len()).await.map(|leave| (log, leave)),
            None => Err(Trouble::Unavailable(self.link.waiting_for().unwrap_or_default())),
        };
        if leave.is_err() {
            self.metrics.held_back(count);
        }
        Prepared { shard, entry, count, bytes, waiters, leave }
    }

    async fn append_one(&self, prepared: Prepared<'_>) {
        let Prepared { shard, entry, count, bytes, waiters, leave } = prepared;
        let appended = match leave {
            Ok((log, _leave)) => {
                let began = Instant::now();
                let appended = log.append(shard, entry).await;
                self.metrics.appended(count, began.elapsed(), appended.as_ref().err());
                appended.map_err(|error| trouble(&error))
            }
            Err(trouble) => Err(trouble),
        };
        self.pending.fetch_sub(bytes, Ordering::AcqRel);
        for (answer, expected) in waiters {
            // A send that fails means that nobody waits any more.
            let _ = answer.send(appended.as_ref().map(|_| expected).map_err(Clone::clone));
        }
    }
}

/// What a work takes in an entry, at most.
fn most_bytes(work: &Work) -> usize {
    let texts = match work {
        Work::Submit { player, submission, .. } => {
            player.as_str().len() + submission.metadata.as_ref().map_or(0, |metadata| metadata.as_str().len())
        }
        Work::Delete { player, .. } => player.as_str().len(),
        Work::Create { .. } | Work::Reset { .. } => 0,
    };
    FRAME + work.board().as_str().len() + texts
}

#[cfg(test)]
mod tests {
    use hiscore_score::{LeaderboardId, Metadata, PlayerId, Score, Submission, SubmissionId};

    use super::*;

    #[test]
    fn no_work_takes_more_than_is_reckoned() {
        let largest = Score::new(-(1 << 53) + 1).unwrap();
        let id = SubmissionId::new("019aaf4e-0000-7000-8000-000000000000").unwrap();
        let metadata = Metadata::new(&serde_json::json!({ "a": "b" })).unwrap();
        let submission = Submission::new(largest, largest, metadata, Some(&id));
        let board = LeaderboardId::new(&"b".repeat(128)).unwrap();
        let player = PlayerId::new(&"p".repeat(128)).unwrap();
        let work = Work::Submit { board, player, submission, auto_create: true };
        let entry =
            Entry { origin: u64::MAX, number: u64::MAX, told: Told::default(), works: vec![work.clone()] };
        assert!(entry.encode().len() <= FRAME + most_bytes(&work));
    }
}
