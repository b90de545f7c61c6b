//! The syncer: one thread that has the journal, and appends one batch at a time for the committer.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hiscore_store::embedded::{AppendError, Journal, JournalEntry};

use super::queue::Queue;

/// What came of a batch: of so many entries, after so long.
type Appended = (Result<(), AppendError>, usize, Duration);

/// The thread, seen by the committer. There is never more than one batch with it.
#[derive(Debug)]
pub(super) struct Syncer {
    batches: SyncSender<Vec<JournalEntry>>,
    appended: Receiver<Appended>,
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

impl Syncer {
    /// Starts it. Whoever waits at `queue` is woken when a batch is done.
    pub(super) fn start(mut journal: Journal, queue: Arc<Queue>) -> io::Result<Self> {
        let (batches, taken) = sync_channel::<Vec<JournalEntry>>(1);
        let (done, appended) = sync_channel(1);
        let bell = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("syncer".into()).spawn(move || {
            for entries in taken {
                let began = Instant::now();
                let result = journal.append(&entries);
                // Before it is told what came of it, so that this is never left over from a batch that was answered.
                bell.synced();
                if done.send((result, entries.len(), began.elapsed())).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { batches, appended, queue, thread })
    }

    /// Hands it a batch. The one before was waited for.
    pub(super) fn begin(&self, entries: Vec<JournalEntry>) {
        // One that is dead is noticed by who waits.
        let _ = self.batches.send(entries);
    }

    /// Waits for the batch.
    pub(super) fn wait(&self) -> Appended {
        let dead = |_| {
            let why = "the thread that writes the journal ended";
            (Err(AppendError::Ambiguous(why.into())), 0, Duration::ZERO)
        };
        let appended = self.appended.recv().unwrap_or_else(dead);
        self.queue.answered();
        appended
    }

    /// Whether it died.
    pub(super) fn is_dead(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until it has ended.
    pub(super) fn end(self) {
        drop(self.batches);
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes the journal died");
        }
    }
}
