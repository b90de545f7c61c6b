//! A data folder that is imported into.
//!
//! While that lasts, the file `FORMAT`, which every server reads before it touches anything, says that the folder is not
//! complete, and the embedded store, unaware of it, keeps its own under another name. The last step gives it the name that
//! counts. The file `IMPORT` says which import it is, and stays, so that the same one finds that it is done.
//!
//! The store is never asked for its journal: the table alone holds everything, and the journal that a server makes later
//! begins right above.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hiscore_score::{LeaderboardId, Position, Stamp};
use hiscore_store::embedded::{
    BoardNumber, BoardRow, Deployment, Embedded, RowKey, Sizes, State, TableError,
};
use hiscore_store::{Disk, DiskFile, Folder, OpenError, Options};

use super::convert::last_stamp;
use super::target::{Begun, Plan, Target};
use super::{Item, TransferError};

const FORMAT: &str = "FORMAT";
/// What the store calls FORMAT while the folder is not complete.
const FORMAT_LATER: &str = "FORMAT.import";
const UNFINISHED: &str =
    "an import into this folder that is not complete: run the same import again, or remove the folder\n";
/// What FORMAT begins with in a folder without a journal.
const KEPT: &str = "hiscore kept records";
const IMPORT: &str = "IMPORT";
const TEMPORARY: &str = "IMPORT.new";
/// A longer file of ours has been tampered with.
const MOST: u64 = 4096;
/// Rows of one round into the table.
const ROWS: usize = 20_000;
/// Of the table's pages, in bytes.
const CACHE: usize = 64 << 20;
/// Positions of a data folder have one era.
const ERA: u32 = 1;

/// A folder as the store sees it while it is not complete: without our files, and with its `FORMAT` under another name.
#[derive(Debug)]
struct Hidden(Folder);

impl Hidden {
    fn name(name: &str) -> &str {
        if name == FORMAT { FORMAT_LATER } else { name }
    }

    fn read(&self, name: &str) -> io::Result<Option<String>> {
        let file = match self.0.open(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; usize::try_from(file.len()?.min(MOST)).unwrap_or_default()];
        file.read_at(0, &mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Whole or not at all, whatever happens.
    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let file = self.0.create(TEMPORARY, text.len() as u64)?;
        file.write_at(0, text.as_bytes())?;
        file.sync()?;
        self.0.rename(TEMPORARY, name)
    }
}

impl Disk for Hidden {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = self.0.list()?;
        names.retain(|name| ![FORMAT, IMPORT, TEMPORARY].contains(&name.as_str()));
        for name in &mut names {
            if name == FORMAT_LATER {
                FORMAT.clone_into(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, len: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.0.create(Self::name(name), len)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.0.open(Self::name(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(Self::name(from), Self::name(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(Self::name(name))
    }
}

/// What a folder holds.
pub(super) enum Kind {
    /// Everything of one process.
    Journaled,
    /// The records of a process whose Redis ranks.
    Kept,
}

/// What a folder that is to be exported holds. Nothing in it is touched; opening would make one.
pub(super) fn kind(path: &Path) -> Result<Kind, TransferError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path.join(FORMAT)) {
        Ok(text) if text == UNFINISHED => Err(TransferError::Unfinished(name)),
        Ok(text) if text.starts_with(KEPT) => Ok(Kind::Kept),
        // The store knows what it knows.
        Ok(_) => Ok(Kind::Journaled),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(TransferError::Nothing(name)),
        Err(error) => Err(TransferError::Folder { folder: name, error: error.into() }),
    }
}

/// A data folder as a target.
#[derive(Debug)]
pub(super) struct FolderTarget {
    path: PathBuf,
    open: Option<Open>,
    boards: HashMap<LeaderboardId, BoardNumber>,
    stamp: Stamp,
    /// Everything up to this number is in the table already.
    done: u64,
    /// Rows since the last round.
    waiting: usize,
}

#[derive(Debug)]
struct Open {
    disk: Arc<Hidden>,
    store: Embedded,
}

impl FolderTarget {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            open: None,
            boards: HashMap::new(),
            stamp: Stamp::ZERO,
            done: 0,
            waiting: 0,
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn failed(&self, error: impl Into<OpenError>) -> TransferError {
        TransferError::Folder { folder: self.place(), error: error.into() }
    }

    fn not_written(&self, error: TableError) -> TransferError {
        TransferError::Table { folder: self.place(), error }
    }

    /// Whose the folder is: ours and complete, ours, or nobody's.
    fn look(&self, disk: &Hidden, plan: &Plan) -> Result<Option<Begun>, TransferError> {
        let ours = disk.read(IMPORT).map_err(|error| self.failed(error))?;
        let ours = ours.as_deref().and_then(begun_by);
        let same = ours.as_ref().is_some_and(|(fingerprint, _)| *fingerprint == plan.fingerprint);
        match disk.read(FORMAT).map_err(|error| self.failed(error))? {
            Some(text) if text == UNFINISHED => match ours {
                Some((_, stamp)) if same => Ok(Some(Begun::Here { stamp, again: true })),
                _ => Err(TransferError::Other(self.place())),
            },
            Some(_) if same => Ok(Some(Begun::Complete)),
            Some(_) => Err(TransferError::Used(self.place())),
            None => {
                let names = disk.list().map_err(|error| self.failed(error))?;
                // lost+found is what a fresh file system has at its root.
                if names.iter().any(|name| name != "lost+found") {
                    return Err(TransferError::Used(self.place()));
                }
                Ok(None)
            }
        }
    }

    fn flush(&mut self) -> Result<(), TransferError> {
        if let Some(Open { store, .. }) = &self.open {
            store.flush().map_err(|error| self.not_written(error))?;
        }
        self.waiting = 0;
        Ok(())
    }
}

/// What the file IMPORT says: which one it is, and since when.
fn begun_by(text: &str) -> Option<(String, Stamp)> {
    let (fingerprint, stamp) = text.trim_end().split_once(' ')?;
    Some((fingerprint.to_owned(), Stamp::from_raw(stamp.parse().ok()?)?))
}

impl Target for FolderTarget {
    async fn begin(&mut self, plan: &Plan) -> Result<Begun, TransferError> {
        let folder = Folder::open(&self.path).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => self.failed(OpenError::InUse),
            _ => self.failed(error),
        })?;
        let disk = Arc::new(Hidden(folder));
        let begun = match self.look(&disk, plan)? {
            Some(Begun::Complete) => return Ok(Begun::Complete),
            Some(begun) => begun,
            None => {
                let text = format!("{} {}\n", plan.fingerprint, plan.stamp.raw());
                disk.write(IMPORT, &text).map_err(|error| self.failed(error))?;
                disk.write(FORMAT, UNFINISHED).map_err(|error| self.failed(error))?;
                Begun::Here { stamp: plan.stamp, again: false }
            }
        };
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| self.failed(io::Error::other(error.to_string())))?;
        let options = Options {
            journal: Sizes { segment: 1 << 20, limit: 1 << 30 },
            cache: CACHE,
            deployment: Deployment { shards: plan.shards, window: plan.window, secret },
        };
        let store =
            Embedded::open(Arc::clone(&disk) as Arc<dyn Disk>, options).map_err(|error| match error {
                OpenError::Mismatch { setting, there, asked } => {
                    TransferError::Mismatch { place: self.place(), setting, there, asked }
                }
                error => self.failed(error),
            })?;
        // A round with nothing in it says how far the table is.
        self.done = store.flush().map_err(|error| self.not_written(error))?.watermark;
        self.stamp = store.last_stamp();
        self.open = Some(Open { disk, store });
        Ok(begun)
    }

    async fn write(&mut self, first: u64, items: Vec<Item>) -> Result<(), TransferError> {
        let Some(Open { store, .. }) = &self.open else { return Ok(()) };
        let mut publish = store.publish();
        for (sequence, item) in (first..).zip(items) {
            match item {
                Item::Board(id, leaderboard) => {
                    // Numbered as `create` would: the next one that is free, the same however often this is done.
                    let number = BoardNumber::try_from(self.boards.len() + 1).unwrap_or(BoardNumber::MAX);
                    self.boards.insert(id.clone(), number);
                    if sequence > self.done {
                        self.stamp = self.stamp.max(leaderboard.created).max(leaderboard.opened);
                        publish.board(BoardRow { number, id, leaderboard, sequence });
                    }
                }
                Item::Record(key, mut record) => {
                    let Some(board) = self.boards.get(&key.season.leaderboard) else { continue };
                    if sequence > self.done {
                        self.stamp = self.stamp.max(last_stamp(&record));
                        record.position = Position::new(ERA, sequence);
                        let key = RowKey { board: *board, version: key.season.version, player: key.player };
                        publish.row(key, State::Whole(Arc::new(record)));
                        self.waiting += 1;
                    }
                }
            }
            if sequence > self.done {
                publish.up_to(sequence, self.stamp);
            }
        }
        drop(publish);
        if self.waiting >= ROWS { self.flush() } else { Ok(()) }
    }

    async fn finish(mut self, _last: u64) -> Result<(), TransferError> {
        self.flush()?;
        let Some(Open { disk, store }) = self.open.take() else { return Ok(()) };
        // The table is closed before the folder counts.
        drop(store);
        disk.0.rename(FORMAT_LATER, FORMAT).map_err(|error| self.failed(error))
    }
}
