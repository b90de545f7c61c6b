//! The syncer: has the journal, and appends one batch at a time for the committer, on a thread of its own or on the committer's.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hiscore_store::embedded::{AppendError, Journal, JournalEntry};
use parking_lot::Mutex;

use super::queue::{Appended, Queue};

/// The thread, seen by the committer. There is never more than one batch with it.
#[derive(Debug)]
pub(super) struct Syncer {
    batches: SyncSender<Vec<JournalEntry>>,
    journal: Arc<Mutex<Journal>>,
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

/// Tells who waits for a batch that there will be no answer, when the thread dies with it.
struct Dying(Arc<Queue>);

impl Drop for Dying {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.appended(dead());
        }
    }
}

fn dead() -> Appended {
    let why = "the thread that writes the journal ended";
    Appended { result: Err(AppendError::Ambiguous(why.into())), entries: 0, took: Duration::ZERO }
}

fn append(journal: &Mutex<Journal>, entries: &[JournalEntry]) -> Appended {
    let began = Instant::now();
    let result = journal.lock().append(entries);
    Appended { result, entries: entries.len(), took: began.elapsed() }
}

impl Syncer {
    /// Starts it. What came of a batch is told at `queue`.
    pub(super) fn start(journal: Journal, queue: Arc<Queue>) -> io::Result<Self> {
        let (batches, taken) = sync_channel::<Vec<JournalEntry>>(1);
        let told = Arc::clone(&queue);
        let journal = Arc::new(Mutex::new(journal));
        let own = Arc::clone(&journal);
        let thread = std::thread::Builder::new().name("syncer".into()).spawn(move || {
            // Dropped in the other order: once it is told that this thread is dead, nothing can be handed to it.
            let dying = Dying(told);
            let taken = taken;
            for entries in &taken {
                dying.0.appended(append(&own, &entries));
            }
        })?;
        Ok(Self { batches, journal, queue, thread })
    }

    /// Hands it a batch. The one before was waited for.
    pub(super) fn begin(&self, entries: Vec<JournalEntry>) {
        if self.batches.send(entries).is_err() {
            self.queue.appended(dead());
        }
    }

    /// Appends it here and now.
    pub(super) fn append(&self, entries: &[JournalEntry]) -> Appended {
        append(&self.journal, entries)
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
