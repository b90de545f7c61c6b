//! What waits for the committer: bounded in bytes before anything is put in, so that a slow disk costs no memory.

use std::collections::VecDeque;
use std::time::Duration;

use hiscore_api::service::{Accepted, BoardError, Entry, Rejected, Trouble, Wanted};
use hiscore_score::{LeaderboardId, PlayerId, Rules, VersionId};
use hiscore_store::embedded::AppendError;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// The answer to a bulk: one result for each entry, or none for any.
pub type SubmitAnswer = Result<Vec<Result<Accepted, Rejected>>, BoardError>;

/// Where an answer is awaited. Used once; nobody may be waiting any more.
pub type Answer<T> = oneshot::Sender<T>;

/// One request to the committer.
#[derive(Debug)]
pub struct Request {
    /// What is to be done, and who waits for it.
    pub work: Work,
    bytes: usize,
}

/// What the committer does.
#[derive(Debug)]
pub enum Work {
    /// Judge submissions.
    Submit(SubmitRequest),
    /// Create a board.
    Create {
        /// Its name.
        id: LeaderboardId,
        /// Its rules.
        rules: Rules,
        /// Told when it is durable.
        answer: Answer<Result<(), BoardError>>,
    },
    /// Open a board's next season.
    Reset {
        /// Which board.
        id: LeaderboardId,
        /// Only from this season.
        expected: Option<VersionId>,
        /// Told when it is durable.
        answer: Answer<Result<(), BoardError>>,
    },
    /// Delete a record of the present season.
    Delete {
        /// Which board.
        id: LeaderboardId,
        /// Whose.
        player: PlayerId,
        /// Told when it is durable: whether there was one.
        answer: Answer<Result<bool, BoardError>>,
    },
}

/// Submissions to one board.
#[derive(Debug)]
pub struct SubmitRequest {
    /// Which.
    pub id: LeaderboardId,
    /// In order.
    pub entries: Vec<Entry>,
    /// What the client asked to be told.
    pub wanted: Wanted,
    /// Told when all are durable, and shown.
    pub answer: Answer<SubmitAnswer>,
}

/// What one small request weighs beside its text: its structures, its answer's channel, its place in a batch.
const OVERHEAD: usize = 256;

impl Request {
    /// A request with its weight in bytes.
    pub fn new(work: Work) -> Self {
        let entry = |entry: &Entry| {
            let metadata = entry.submission.metadata.as_ref().map_or(0, |metadata| metadata.as_str().len());
            OVERHEAD + entry.player.as_str().len() + metadata
        };
        let bytes = OVERHEAD
            + match &work {
                Work::Submit(request) => request.entries.iter().map(entry).sum(),
                _ => 0,
            };
        Self { work, bytes }
    }

    /// How many submissions it carries; one of none, and anything else, counts as one.
    pub fn weight(&self) -> usize {
        match &self.work {
            Work::Submit(request) => request.entries.len().max(1),
            _ => 1,
        }
    }
}

/// So many submissions are worth waking the committer for while a batch is being synced. Fewer are judged when that is
/// done: until then the time is left to those who answer.
const WORTH_WAKING: usize = 512;

/// What came of a batch that was handed to the journal.
#[derive(Debug)]
pub struct Appended {
    /// Whether it is durable.
    pub result: Result<(), AppendError>,
    /// How many entries it had.
    pub entries: usize,
    /// How long that took.
    pub took: Duration,
}

/// The queue before the committer.
#[derive(Debug)]
pub struct Queue {
    limit: usize,
    state: Mutex<State>,
    /// Wakes the committer, the only one who waits.
    arrived: Notify,
}

#[derive(Debug)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    /// Submissions that wait.
    weight: usize,
    /// The committer is woken when so many do; never, while it is awake.
    worth: usize,
    closed: bool,
    /// What came of the batch that was being synced, until the committer has been told.
    appended: Option<Appended>,
}

/// What the committer has got to do.
#[derive(Debug)]
pub struct Taken {
    /// The batch that was being synced is, or will not be.
    pub appended: Option<Appended>,
    /// There may be more. Else the queue is closed, nothing is left in it and nothing is being synced.
    pub open: bool,
}

impl Queue {
    /// A queue of at most `limit` bytes; a request that is larger alone is taken when nothing else waits.
    pub fn new(limit: usize) -> Self {
        let state =
            State { requests: VecDeque::new(), bytes: 0, weight: 0, worth: 1, closed: false, appended: None };
        Self { limit, state: Mutex::new(state), arrived: Notify::new() }
    }

    /// Puts a request in, or refuses it at once: surely not applied.
    pub fn push(&self, request: Request) -> Result<(), Trouble> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Trouble::Unavailable("the server is shutting down".into()));
        }
        if state.bytes != 0 && state.bytes + request.bytes > self.limit {
            return Err(Trouble::Unavailable(format!(
                "{} bytes of submissions are waiting already, the limit is {}",
                state.bytes, self.limit
            )));
        }
        state.bytes += request.bytes;
        state.weight += request.weight();
        state.requests.push_back(request);
        let worth = state.weight >= state.worth;
        if worth {
            state.worth = usize::MAX;
        }
        drop(state);
        if worth {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for work and moves it into `batch`, behind `judged` submissions that are judged already: up to `most` with
    /// them, or one larger request alone. While a batch is being `synced`, waits until that is done or enough have come to be
    /// worth judging beside it. There must be one who takes at most.
    pub async fn take(&self, batch: &mut Vec<Request>, judged: usize, most: usize, syncing: bool) -> Taken {
        loop {
            if let Some(taken) = self.take_now(batch, judged, most, syncing) {
                return taken;
            }
            self.arrived.notified().await;
            if !syncing {
                // Whoever is ready to submit, too, is in the same batch.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes what there is; `None` if it is not enough.
    fn take_now(&self, batch: &mut Vec<Request>, judged: usize, most: usize, syncing: bool) -> Option<Taken> {
        let room = most.saturating_sub(judged);
        let mut state = self.state.lock();
        let worth = match syncing {
            false => 1,
            true if room == 0 => usize::MAX,
            true => WORTH_WAKING.min(room),
        };
        if state.appended.is_none() && state.weight < worth {
            state.worth = worth;
            return (state.closed && !syncing).then_some(Taken { appended: None, open: false });
        }
        state.worth = usize::MAX;
        let appended = state.appended.take();
        // What is judged already is on its way first: not much is put on top of it while the disk has nothing to do.
        let room = if appended.is_some() && judged > 0 { room.min(WORTH_WAKING) } else { room };
        let mut weight = 0;
        while let Some(next) = state.requests.front() {
            weight += next.weight();
            if weight > room && (judged > 0 || !batch.is_empty()) {
                break;
            }
            if let Some(request) = state.requests.pop_front() {
                state.bytes = state.bytes.saturating_sub(request.bytes);
                state.weight = state.weight.saturating_sub(request.weight());
                batch.push(request);
            }
        }
        Some(Taken { appended, open: true })
    }

    /// Waits for what comes of the batch that is being synced.
    pub async fn wait_for_sync(&self) -> Appended {
        loop {
            if let Some(appended) = self.state.lock().appended.take() {
                return appended;
            }
            self.arrived.notified().await;
        }
    }

    /// Tells the committer what came of a batch.
    pub(super) fn appended(&self, appended: Appended) {
        self.state.lock().appended = Some(appended);
        self.arrived.notify_one();
    }

    /// Takes no more; what waits is still done.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use futures_util::FutureExt;
    use hiscore_api::service::Entry;
    use hiscore_score::{Score, Submission};

    use super::*;

    fn request(weight: usize) -> Request {
        let entry = |n| Entry {
            player: PlayerId::new(&format!("p{n}")).unwrap(),
            submission: Submission::new(Score::ZERO, Score::ZERO, None, None),
        };
        let id = LeaderboardId::new("b").unwrap();
        let (answer, _) = oneshot::channel();
        let entries = (0..weight).map(entry).collect();
        Request::new(Work::Submit(SubmitRequest { id, entries, wanted: Wanted::default(), answer }))
    }

    fn queue(weights: &[usize]) -> Queue {
        let queue = Queue::new(1 << 20);
        weights.iter().for_each(|weight| queue.push(request(*weight)).unwrap());
        queue
    }

    fn synced(queue: &Queue) {
        queue.appended(Appended { result: Ok(()), entries: 1, took: Duration::ZERO });
    }

    /// What is taken, by weight, and whether a sync was reported; without waiting.
    fn take(queue: &Queue, judged: usize, most: usize, syncing: bool) -> (Vec<usize>, bool) {
        let mut batch = Vec::new();
        let taken = queue.take(&mut batch, judged, most, syncing).now_or_never().expect("there is enough");
        assert!(taken.open);
        (batch.iter().map(Request::weight).collect(), taken.appended.is_some())
    }

    #[test]
    fn whatever_waits_is_taken_up_to_the_most_and_in_order() {
        let queue = queue(&[1, 2, 3, 4]);
        assert_eq!(take(&queue, 0, 6, false), (vec![1, 2, 3], false));
        assert_eq!(take(&queue, 0, 6, false), (vec![4], false));
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn one_that_is_too_large_is_taken_alone_and_on_top_of_nothing() {
        let queue = queue(&[1, 50, 1]);
        assert_eq!(take(&queue, 0, 10, false), (vec![1], false));
        synced(&queue);
        assert_eq!(take(&queue, 1, 10, true), (vec![], true), "not behind what is judged already");
        assert_eq!(take(&queue, 0, 10, false), (vec![50], false));
        assert_eq!(take(&queue, 0, 10, false), (vec![1], false));
    }

    #[test]
    fn one_of_nothing_does_not_wait_for_another() {
        assert_eq!(take(&queue(&[0]), 0, 10, false), (vec![1], false));
    }

    #[test]
    fn what_is_judged_is_not_held_up_by_much_once_the_disk_is_free() {
        let queue = queue(&[WORTH_WAKING, 1, 1]);
        synced(&queue);
        assert_eq!(take(&queue, 5, 1000, true), (vec![WORTH_WAKING], true));
        assert_eq!(take(&queue, 0, 1000, false), (vec![1, 1], false));
    }

    #[tokio::test]
    async fn a_few_wait_for_the_sync_and_many_do_not() {
        let few = queue(&[WORTH_WAKING - 1]);
        let mut batch = Vec::new();
        let mut taking = pin!(few.take(&mut batch, 0, 1000, true));
        assert!(taking.as_mut().now_or_never().is_none());
        synced(&few);
        assert!(taking.await.appended.is_some());
        assert_eq!(few.bytes(), 0, "and it is taken");
        // None of these waits.
        assert_eq!(take(&queue(&[WORTH_WAKING]), 0, 1000, true), (vec![WORTH_WAKING], false));
        assert_eq!(take(&queue(&[3]), 1000 - 3, 1000, true), (vec![3], false), "all that there is room for");
    }

    #[tokio::test]
    async fn many_that_come_during_a_sync_wake_who_waits_for_it() {
        let queue = queue(&[1]);
        let mut batch = Vec::new();
        let mut taking = pin!(queue.take(&mut batch, 0, 1000, true));
        assert!(taking.as_mut().now_or_never().is_none());
        queue.push(request(WORTH_WAKING)).unwrap();
        assert!(taking.await.appended.is_none());
        assert_eq!(queue.bytes(), 0, "all that came is taken");
    }

    /// Those who are ready when the first one wakes the committer are taken with it.
    #[tokio::test]
    async fn whoever_is_ready_is_taken_together() {
        let queue = Arc::new(queue(&[]));
        let taking = {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut batch = Vec::new();
                queue.take(&mut batch, 0, 1000, false).await;
                batch.len()
            })
        };
        tokio::task::yield_now().await;
        for _ in 0..3 {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.push(request(1)) });
        }
        assert_eq!(taking.await.unwrap(), 3);
    }

    #[test]
    fn a_closed_queue_ends_when_nothing_is_left_and_nothing_is_being_synced() {
        let queue = queue(&[1]);
        queue.close();
        assert!(queue.push(request(1)).is_err());
        synced(&queue);
        assert_eq!(take(&queue, 0, 10, true), (vec![1], true));
        let ended = queue.take(&mut Vec::new(), 0, 10, false).now_or_never().unwrap();
        assert!(!ended.open);
    }
}
