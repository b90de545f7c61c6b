//! What waits for the committer: bounded in bytes before anything is put in, so that a slow disk costs no memory.

use std::collections::VecDeque;

use hiscore_api::service::{Accepted, BoardError, Entry, Rejected, Trouble, Wanted};
use hiscore_score::{LeaderboardId, PlayerId, Rules, VersionId};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

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

    /// How many submissions it carries; anything else counts as one.
    pub fn weight(&self) -> usize {
        match &self.work {
            Work::Submit(request) => request.entries.len(),
            _ => 1,
        }
    }
}

/// The queue before the committer.
#[derive(Debug)]
pub struct Queue {
    limit: usize,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    closed: bool,
    /// A batch was synced, and the committer does not know yet.
    synced: bool,
}

impl Queue {
    /// A queue of at most `limit` bytes; a request that is larger alone is taken when nothing else waits.
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default(), arrived: Condvar::new() }
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
        state.requests.push_back(request);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for work, then moves what waits into `batch`: up to `most` submissions, or one larger request. If one is
    /// `syncing`, returns with nothing once that is done. `false`: closed, and nothing is left.
    pub fn take(&self, batch: &mut Vec<Request>, most: usize, syncing: bool) -> bool {
        let mut state = self.state.lock();
        while state.requests.is_empty() {
            if syncing && state.synced {
                return true;
            }
            if state.closed {
                return false;
            }
            self.arrived.wait(&mut state);
        }
        let mut weight = 0;
        while let Some(next) = state.requests.front() {
            weight += next.weight();
            if weight > most && !batch.is_empty() {
                break;
            }
            if let Some(request) = state.requests.pop_front() {
                state.bytes = state.bytes.saturating_sub(request.bytes);
                batch.push(request);
            }
        }
        true
    }

    /// A batch is synced, or will not be.
    pub(super) fn synced(&self) {
        self.state.lock().synced = true;
        self.arrived.notify_all();
    }

    /// The committer knows what came of the last batch.
    pub(super) fn answered(&self) {
        self.state.lock().synced = false;
    }

    /// Takes no more; what waits is still done.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }
}
