//! The embedded store: journal, table, and between them the records that are dirty, all in one folder.
//!
//! Where a record is, at any moment: *fresh* (changed since the funnel last claimed), else *in flight* (being
//! written into the table), else in the table. Every change is in the journal before it is fresh, so what is in
//! memory here can be lost at any time. Readers look in that order and see one consistent state of a record. What is
//! fresh or in flight may be only a patch to what is below it ([`State`]).
//!
//! [`kept`] is for a folder of its own: records without a journal.

pub mod bytes;
pub mod codec;
pub mod journal;
pub mod kept;
mod overlay;
mod rows;
pub mod table;

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hiscore_score::{PlayerId, Record, Stamp, Window};
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

pub use codec::{BoardNumber, BoardRow, Change, JournalEntry, RowKey};
pub use journal::{AppendError, Journal, JournalError, Sizes};
pub use kept::Kept;
use overlay::Overlay;
pub use overlay::{Layers, State};
pub use rows::{HashedKey, Rows};
use table::{Bulk, Progress, Table};
pub use table::{Deployment, TableError};

use crate::disk::{Disk, Folder};

const FORMAT_FILE: &str = "FORMAT";
/// The first line of the file that says what the folder is.
const FORMAT_TEXT: &str = "hiscore embedded store, format 1\n";
/// The same of a folder without a journal.
const KEPT_FORMAT: &str = "hiscore kept records, format 1\n";
/// Rows in one transaction of the funnel: bounds what redb holds in memory.
const ROWS_A_WRITE: usize = 20_000;

/// What the store is opened with.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Sizes of the journal.
    pub journal: Sizes,
    /// The table's page cache, in bytes.
    pub cache: usize,
    /// What a new folder is made for. Shards and window of one that is there must be the same.
    pub deployment: Deployment,
}

/// Why a data folder was not opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another process is using this data folder; stop it, or give another --data-dir")]
    InUse,
    /// It holds something else.
    #[error(
        "this folder is not empty and holds no hiscore data (it has no {FORMAT_FILE} file); give an empty one with --data-dir"
    )]
    Foreign,
    /// It is of the other kind: with a journal, or without.
    #[error(
        "this data folder says {there:?}, which is another kind of store than {wanted:?}; give another --data-dir"
    )]
    OtherKind {
        /// What it says.
        there: &'static str,
        /// What it was opened as.
        wanted: &'static str,
    },
    /// It was written by another hiscore.
    #[error(
        "this data folder says {0:?}, this hiscore knows {FORMAT_TEXT:?} and {KEPT_FORMAT:?}; run the hiscore that wrote it, nothing was touched"
    )]
    UnknownFormat(String),
    /// It was made with other settings that cannot change.
    #[error(
        "this data folder was created with --{setting} {there}, not {asked}; start with --{setting} {there}"
    )]
    Mismatch {
        /// The flag.
        setting: &'static str,
        /// What the folder has.
        there: usize,
        /// What was asked for.
        asked: usize,
    },
    /// There is a journal, which comes after the table, and no table.
    #[error(
        "{table} is missing from this data folder, and the journal has only what came after it; restore the data folder from a backup",
        table = table::FILE
    )]
    NoTable,
    /// The file system says no.
    #[error("the data folder cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The store, but for the journal's writing end, which the committer owns.
#[derive(Debug)]
pub struct Embedded {
    disk: Arc<dyn Disk>,
    sizes: Sizes,
    table: Table,
    deployment: Deployment,
    overlay: RwLock<Overlay>,
    /// Known once recovered; until then there is nothing to trim.
    segments: RwLock<Option<Arc<journal::Segments>>>,
    /// Held for a whole round of the funnel: there is never more than one.
    funnel: Mutex<Round>,
}

/// Where the funnel is.
#[derive(Debug, Default)]
struct Round {
    /// What is in flight, until it is in the table. A write that failed may have come into it in part, so it is written
    /// again as it is: joined with what came later, a patch could be half there already.
    claim: Option<Claim>,
    /// What the last one wrote, if this process wrote any.
    last: Option<Progress>,
}

/// What goes into the table with the records in flight.
#[derive(Debug)]
struct Claim {
    boards: HashMap<BoardNumber, BoardRow>,
    progress: Progress,
}

/// What one round of the funnel did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows written.
    pub rows: usize,
    /// Everything up to this sequence is in the table.
    pub watermark: u64,
}

/// How much waits for the funnel.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backlog {
    /// Records that are fresh or in flight.
    pub rows: usize,
    /// How long the oldest fresh one has been waiting.
    pub oldest: Duration,
    /// Bytes of the journal.
    pub journal_bytes: u64,
}

impl Embedded {
    /// Opens a folder of the file system for this process alone.
    pub fn open_folder(path: &Path, options: Options) -> Result<Self, OpenError> {
        match Folder::open(path) {
            Ok(folder) => Self::open(Arc::new(folder), options),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(OpenError::InUse),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a disk that nobody else uses. What is in the table can be read now, the rest after
    /// [`Embedded::recover`].
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, OpenError> {
        check_format(disk.as_ref(), FORMAT_TEXT)?;
        let names = disk.list()?;
        if journal::is_among(&names) && !names.iter().any(|name| name == table::FILE) {
            return Err(OpenError::NoTable);
        }
        let (table, deployment) = Table::open(Arc::clone(&disk), options.cache, options.deployment)?;
        let asked = options.deployment;
        for (setting, there, asked) in [
            ("shards", usize::from(deployment.shards), usize::from(asked.shards)),
            ("window", deployment.window, asked.window),
        ] {
            if there != asked {
                return Err(OpenError::Mismatch { setting, there, asked });
            }
        }
        let progress = table.progress()?;
        let overlay = Overlay::new(progress.watermark, progress.stamp);
        Ok(Self {
            disk,
            sizes: options.journal,
            table,
            deployment,
            overlay: RwLock::new(overlay),
            segments: RwLock::new(None),
            funnel: Mutex::default(),
        })
    }

    /// What the folder was made for.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Hands what the journal has beyond the table to `replay`, in order, each with its sequence, and returns the
    /// journal's writing end. `replay` publishes what it makes of them.
    pub fn recover(
        &self,
        replay: impl FnMut(u64, JournalEntry) -> Result<(), String>,
    ) -> Result<Journal, OpenError> {
        let progress = self.table.progress()?;
        let (journal, segments) = Journal::recover(
            Arc::clone(&self.disk),
            self.sizes,
            progress.segment,
            progress.watermark,
            replay,
        )?;
        if progress.segment == 0 {
            // From now on a journal that is missing is found out.
            let segment = segments.needed_above(progress.watermark);
            self.table
                .write(&Bulk { progress: Some(Progress { segment, ..progress }), ..Bulk::default() })?;
        }
        *self.segments.write() = Some(segments);
        Ok(journal)
    }

    /// All boards that are in the table.
    pub fn boards(&self) -> Result<Vec<BoardRow>, TableError> {
        self.table.boards()
    }

    /// Hands every record of a season to `each`, tombstones too: those in the table as of one moment after this call
    /// began, in no useful order. What is only in memory is not among them.
    pub fn scan(
        &self,
        board: BoardNumber,
        version: u32,
        each: impl FnMut(PlayerId, Record),
    ) -> Result<(), TableError> {
        self.table.scan(board, version, each)
    }

    /// The present state of a record, a tombstone too. May read the disk.
    pub fn get(&self, key: &RowKey) -> Result<Option<Arc<Record>>, TableError> {
        self.complete(key, &self.peek(&key.clone().into()))
    }

    /// The state of a record as it was when `layers` was peeked, or a later one. May read the disk.
    pub fn complete(&self, key: &RowKey, layers: &Layers) -> Result<Option<Arc<Record>>, TableError> {
        layers.over(|| Ok(self.table.get(key)?.map(Arc::new)))
    }

    /// What of a record is dirty; reads no disk. Nothing says nothing about the table.
    pub fn peek(&self, key: &HashedKey) -> Layers {
        self.overlay.read().peek(key)
    }

    /// The window that a player brings into the season `key` from the last one they have a record in.
    pub fn inherited_window(&self, key: &RowKey) -> Result<Window, TableError> {
        // Those seasons whose records may not have reached the table yet are few: look at the newest first.
        let in_table = self.table.latest(key.board, &key.player)?.unwrap_or(1).min(key.version);
        for version in (in_table..key.version).rev() {
            let earlier = HashedKey::from(RowKey { version, ..key.clone() });
            let layers = self.peek(&earlier);
            if (version == in_table || !layers.is_empty())
                && let Some(record) = self.complete(&earlier, &layers)?
            {
                return Ok(record.window.clone());
            }
        }
        Ok(Window::default())
    }

    /// Begins to make states visible that are in the journal. Readers wait until it is dropped, so be quick.
    pub fn publish(&self) -> Publish<'_> {
        Publish(self.overlay.write())
    }

    /// The last stamp that was given up to what is published.
    pub fn last_stamp(&self) -> Stamp {
        self.overlay.read().stamp
    }

    /// How many records are fresh or in flight.
    pub fn dirty_rows(&self) -> usize {
        self.overlay.read().rows()
    }

    /// Whether the journal has come so near its limit that a round of the funnel should not wait.
    pub fn is_crowded(&self) -> bool {
        self.segments.read().as_ref().is_some_and(|segments| segments.is_crowded())
    }

    /// How much waits for the funnel.
    pub fn backlog(&self) -> Backlog {
        let journal_bytes = self.segments.read().as_ref().map_or(0, |segments| segments.bytes());
        let overlay = self.overlay.read();
        Backlog { rows: overlay.rows(), oldest: overlay.oldest(), journal_bytes }
    }

    /// One round of the funnel: claims everything fresh, writes it into the table, clears what was written, and
    /// lets go of the journal's segments that are no longer needed. After an error everything is as dirty as before.
    pub fn flush(&self) -> Result<Flushed, TableError> {
        self.flush_slowly(|_| {})
    }

    /// The same; between two transactions, `rest` is told how long the last one took, and may take its time.
    pub fn flush_slowly(&self, mut rest: impl FnMut(Duration)) -> Result<Flushed, TableError> {
        let mut round = self.funnel.lock();
        self.table.reopen()?;
        let mut rows = 0;
        if round.claim.is_some() {
            rows += self.write_claim(&mut round, &mut rest)?.rows;
        }
        round.claim = Some(self.claim());
        let done = self.write_claim(&mut round, &mut rest)?;
        Ok(Flushed { rows: rows + done.rows, ..done })
    }

    fn claim(&self) -> Claim {
        let (boards, watermark, stamp) = {
            let mut overlay = self.overlay.write();
            (overlay.claim(), overlay.published, overlay.stamp)
        };
        let segment = self.segments.read().as_ref().map_or(0, |segments| segments.needed_above(watermark));
        Claim { boards, progress: Progress { watermark, segment, stamp } }
    }

    /// Writes what is claimed; after an error it still is.
    fn write_claim(&self, round: &mut Round, rest: &mut impl FnMut(Duration)) -> Result<Flushed, TableError> {
        let Some(Claim { boards, progress }) = &round.claim else { return Ok(Flushed::default()) };
        let progress = *progress;
        let rows = self.write_in_flight(boards, progress, round.last == Some(progress), rest)?;
        let done = self.overlay.write().clear();
        // Freeing many records takes a while; readers need not wait for it.
        drop(done);
        (round.claim, round.last) = (None, Some(progress));
        self.let_go(progress.segment);
        Ok(Flushed { rows, watermark: progress.watermark })
    }

    fn write_in_flight(
        &self,
        boards: &HashMap<BoardNumber, BoardRow>,
        progress: Progress,
        known: bool,
        rest: &mut impl FnMut(Duration),
    ) -> Result<usize, TableError> {
        // The lock is not held while writing; the entries are cheap to share.
        let mut rows: Vec<(RowKey, State)> = {
            let overlay = self.overlay.read();
            overlay.in_flight.iter().map(|(key, state)| (RowKey::clone(key), state.clone())).collect()
        };
        if known && rows.is_empty() && boards.is_empty() {
            // An idle server leaves the disk alone.
            return Ok(0);
        }
        // In the order of the table's keys, so that neighbours share its pages.
        rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut chunks = rows.chunks(ROWS_A_WRITE).peekable();
        let mut bulk = Bulk { boards: boards.values().collect(), ..Bulk::default() };
        loop {
            bulk.rows = chunks.next().unwrap_or_default();
            let last = chunks.peek().is_none();
            bulk.progress = last.then_some(progress);
            let began = Instant::now();
            self.table.write(&bulk)?;
            if last {
                return Ok(rows.len());
            }
            rest(began.elapsed());
            bulk.boards.clear();
        }
    }

    fn let_go(&self, segment: u64) {
        let Some(segments) = self.segments.read().clone() else { return };
        if let Err(error) = segments.trim(segment) {
            tracing::warn!(%error, "a segment of the journal could not be removed; trying again later");
        }
        if let Err(error) = segments.prepare_spare() {
            tracing::warn!(%error, "no space to prepare the journal's next segment");
        }
    }
}

/// States on their way to the readers.
#[derive(Debug)]
pub struct Publish<'a>(RwLockWriteGuard<'a, Overlay>);

impl Publish<'_> {
    /// Touches what there is of these records, and changes nothing: those of many, looked for together, are near to the
    /// processor then, and it has waited for several at once. For some dozens whose states come right after.
    pub fn fetch<'k>(&self, keys: impl Iterator<Item = &'k HashedKey>) {
        self.0.fetch(keys);
    }

    /// A record's new state.
    pub fn row(&mut self, key: impl Into<HashedKey>, state: State) {
        self.0.row(key.into(), state);
    }

    /// A board's new state.
    pub fn board(&mut self, row: BoardRow) {
        self.0.board(row);
    }

    /// Says that everything up to `sequence` is published, and the last stamp given.
    pub fn up_to(&mut self, sequence: u64, stamp: Stamp) {
        self.0.published = sequence;
        self.0.stamp = self.0.stamp.max(stamp);
    }
}

/// Makes sure that the folder is ours and of the format `wanted`, before anything in it is touched.
fn check_format(disk: &dyn Disk, wanted: &'static str) -> Result<(), OpenError> {
    let names = disk.list()?;
    if names.iter().any(|name| name == FORMAT_FILE) {
        let file = disk.open(FORMAT_FILE)?;
        let mut bytes = vec![0; usize::try_from(file.len()?.min(256)).unwrap_or(256)];
        file.read_at(0, &mut bytes)?;
        let there = [FORMAT_TEXT, KEPT_FORMAT].into_iter().find(|known| bytes == known.as_bytes());
        return match there {
            Some(there) if there == wanted => Ok(()),
            Some(there) => Err(OpenError::OtherKind { there: there.trim_end(), wanted: wanted.trim_end() }),
            None => Err(OpenError::UnknownFormat(String::from_utf8_lossy(&bytes).into_owned())),
        };
    }
    let temporary = format!("{FORMAT_FILE}.new");
    // lost+found is what a fresh file system has at its root.
    if names.iter().any(|name| *name != temporary && name != "lost+found") {
        return Err(OpenError::Foreign);
    }
    let file = disk.create(&temporary, wanted.len() as u64)?;
    file.write_at(0, wanted.as_bytes())?;
    file.sync()?;
    Ok(disk.rename(&temporary, FORMAT_FILE)?)
}
