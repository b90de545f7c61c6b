//! The committer: has what waits judged, synced, shown and answered, one batch after the other.
//!
//! A few single submissions are judged by a task, between those that ask: nobody has to be woken on another processor for them.
//! Much is judged by a thread, so that nobody is held up who answers. Both do the same with the same books, which go to and fro.
//!
//! One batch is synced by another thread ([`super::syncer`]), and what comes meanwhile is the next one; where much comes, that
//! is judged beside the sync, on top of what is being synced. So a batch grows with the load by itself, and nothing ever waits
//! on purpose.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use hiscore_rank::MemoryRanks;
use hiscore_store::embedded::{Embedded, Journal};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::books::Books;
use super::queue::{Queue, Request, Taken, Work};
use super::sequencer::{Batch, Sequencer, refuse};
use super::syncer::Syncer;
use crate::coalesce::Pressure;
use crate::metrics::CommitMetrics;
use crate::scoreboard::directory::Directory;

/// Up to so many submissions are synced by the thread that judged them: each thread that is woken may take a processor from one
/// that answers.
const FEW: usize = 512;

/// So many submissions are for the task. Fewer are for the thread: it syncs them itself, so only one has to be woken for them, which
/// is most of what they wait for beside the disk. More are, too, which take it half a millisecond and more.
const FOR_THE_TASK: RangeInclusive<usize> = 16..=128;

/// Nor are those for the task that are so many more than the requests they came in.
const BULKY: usize = 64;

/// What the committer works with.
#[derive(Debug)]
pub struct CommitterParts {
    /// Where requests wait.
    pub queue: Arc<Queue>,
    /// Where records are.
    pub store: Arc<Embedded>,
    /// Its journal.
    pub journal: Journal,
    /// What was recovered.
    pub books: Books,
    /// The ranks that readers see.
    pub ranks: Arc<MemoryRanks>,
    /// The boards that readers see.
    pub directory: Arc<Directory>,
    /// Whether the funnel keeps up.
    pub pressure: Arc<Pressure>,
    /// What is counted.
    pub metrics: CommitMetrics,
    /// The most submissions in one batch (or one larger request).
    pub most: usize,
}

/// The committer's task, to be joined after its queue is closed.
#[derive(Debug)]
pub struct Committer(JoinHandle<()>);

impl Committer {
    /// Starts the task, in the runtime that this is called in.
    pub fn start(parts: CommitterParts) -> Self {
        Self(tokio::spawn(parts.run()))
    }

    /// Waits until everything that was in the queue is answered. `false`: it had died.
    pub async fn join(self) -> bool {
        self.0.await.is_ok()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// Who commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Task,
    Thread,
}

/// What is committed, and with what.
struct Committing {
    queue: Arc<Queue>,
    store: Arc<Embedded>,
    books: Books,
    ranks: Arc<MemoryRanks>,
    directory: Arc<Directory>,
    pressure: Arc<Pressure>,
    metrics: CommitMetrics,
    most: usize,
    syncer: Syncer,
    /// What was taken and is for the other place.
    taken: Option<Taken>,
    /// Taken and not judged yet.
    requests: Vec<Request>,
    syncing: Option<Batch>,
    /// Judged on top of what is being synced.
    next: Batch,
}

impl CommitterParts {
    async fn run(self) {
        let Self { queue, store, journal, books, ranks, directory, pressure, metrics, most } = self;
        let syncer = match Syncer::start(journal, Arc::clone(&queue)) {
            Ok(syncer) => syncer,
            Err(error) => return tracing::error!(%error, "the operating system gives no thread"),
        };
        let (taken, requests, syncing, next) = (None, Vec::new(), None, Batch::default());
        let mut committing = Committing {
            queue,
            store,
            books,
            ranks,
            directory,
            pressure,
            metrics,
            most,
            syncer,
            taken,
            requests,
            syncing,
            next,
        };
        while committing.work(Place::Task).await {
            let thread = spawn_blocking(|| {
                let goes_on = Handle::current().block_on(committing.work(Place::Thread));
                (committing, goes_on)
            });
            match thread.await {
                Ok((back, true)) => committing = back,
                Ok((back, false)) => return back.syncer.end(),
                // Who waits is told that nobody knows, and who watches this task ends the process.
                Err(_) => return tracing::error!("the thread that commits died"),
            }
        }
        committing.syncer.end();
    }

    /// One batch on this thread: judges, syncs, shows, answers.
    pub fn step(&mut self, requests: impl IntoIterator<Item = Request>) {
        let Self { store, journal, books, ranks, directory, metrics, .. } = self;
        let mut sequencer = Sequencer { store, books, ranks, directory, metrics };
        let batch = requests.into_iter().map(|request| sequencer.judge(request)).collect();
        let entries = sequencer.books.seal();
        let began = Instant::now();
        match journal.append(&entries) {
            Ok(()) => {
                sequencer.metrics.committed(entries.len(), began.elapsed());
                let end = sequencer.books.accept();
                sequencer.show(batch, end);
            }
            Err(error) => sequencer.failed(error, entries.len(), batch, Vec::new()),
        }
    }
}

impl Committing {
    /// Commits what is for `place`. `true`: the rest is for the other one; else the queue is closed and nothing is left, or the syncer
    /// died.
    async fn work(&mut self, place: Place) -> bool {
        let Self { queue, store, books, ranks, directory, pressure, metrics, .. } = self;
        let Self { most, syncer, taken: held, requests, syncing, next, .. } = self;
        let mut sequencer = Sequencer { store, books, ranks, directory, metrics };
        loop {
            let taken = match held.take() {
                Some(taken) => taken,
                None => queue.take(requests, next.weight, *most, syncing.is_some()).await,
            };
            if !taken.open {
                return false;
            }
            let has_room = pressure.has_room(store);
            // Without room there is a wait.
            let here = if has_room || requests.is_empty() {
                place_of(requests, syncing.iter().chain([&*next]))
            } else {
                Place::Thread
            };
            if here != place {
                *held = Some(taken);
                return true;
            }
            if has_room {
                sequencer.judge_all(requests, next);
            }
            if let Some(appended) = taken.appended
                && let Some(batch) = syncing.take()
            {
                *syncing = sequencer.end(batch, appended, std::mem::take(next), syncer);
            }
            if !requests.is_empty() {
                // Nobody who is durable waits for the funnel.
                while let Some(batch) = syncing.take() {
                    let appended = queue.wait_for_sync().await;
                    *syncing = sequencer.end(batch, appended, std::mem::take(next), syncer);
                }
                match pressure.wait_for_room(store) {
                    Ok(()) => sequencer.judge_all(requests, next),
                    Err(trouble) => requests.drain(..).for_each(|request| refuse(request, &trouble)),
                }
            }
            if syncing.is_none() {
                let batch = std::mem::take(next);
                *syncing = match (place, batch.weight) {
                    (Place::Thread, 1..=FEW) => sequencer.sync(batch, syncer),
                    _ => sequencer.begin(batch, syncer),
                };
            }
            if syncer.is_dead() {
                return false;
            }
        }
    }
}

/// Who is to judge `requests` and to show `batches`.
fn place_of<'a>(requests: &[Request], batches: impl Iterator<Item = &'a Batch>) -> Place {
    let (mut count, mut weight) = (requests.len(), requests.iter().map(Request::weight).sum::<usize>());
    for batch in batches {
        count += batch.pending.len();
        weight += batch.weight;
    }
    let some_singles = FOR_THE_TASK.contains(&weight) && weight <= count + BULKY;
    if some_singles && !requests.iter().any(reads) { Place::Task } else { Place::Thread }
}

/// Whether a record must be read for it, which may be on the disk.
fn reads(request: &Request) -> bool {
    let Work::Submit(submit) = &request.work else { return true };
    let whole = submit.wanted.record && submit.wanted.details;
    whole || submit.entries.iter().any(|entry| entry.submission.key.is_some())
}

#[cfg(test)]
mod tests {
    use hiscore_api::service::{Entry, Wanted};
    use hiscore_score::{LeaderboardId, PlayerId, Score, Submission, SubmissionId};

    use super::super::queue::SubmitRequest;
    use super::*;

    fn request(entries: usize, id: Option<&str>) -> Request {
        let id = id.map(|id| SubmissionId::new(id).unwrap());
        let submission = Submission::new(Score::ZERO, Score::ZERO, None, id.as_ref());
        let entries = vec![Entry { player: PlayerId::new("p").unwrap(), submission }; entries];
        let (answer, _) = tokio::sync::oneshot::channel();
        let id = LeaderboardId::new("b").unwrap();
        Request::new(Work::Submit(SubmitRequest { id, entries, wanted: Wanted::default(), answer }))
    }

    fn place(requests: impl IntoIterator<Item = Request>) -> Place {
        place_of(&requests.into_iter().collect::<Vec<_>>(), std::iter::empty())
    }

    #[test]
    fn some_single_submissions_are_for_the_task() {
        let singles = |count| place((0..count).map(|_| request(1, None)));
        assert_eq!([15, 16, 128, 129].map(singles), [Place::Thread, Place::Task, Place::Task, Place::Thread]);
    }

    #[test]
    fn bulks_and_what_reads_records_are_for_the_thread() {
        assert_eq!(place([request(70, None)]), Place::Thread);
        assert_eq!(place((0..16).map(|_| request(1, Some("again")))), Place::Thread);
        assert_eq!(place((0..5).map(|_| request(1, Some("again")))), Place::Thread);
        let one = (0..20).map(|_| request(1, None)).chain([request(1, Some("again"))]);
        assert_eq!(place(one), Place::Thread, "even one");
        assert_eq!(place((0..20).map(|_| request(3, None))), Place::Task, "small bulks are not");
    }

    #[test]
    fn what_is_being_synced_counts() {
        let batch = Batch { weight: 100, ..Batch::default() };
        assert_eq!(place_of(&[request(1, None)], std::iter::once(&batch)), Place::Thread);
    }
}
