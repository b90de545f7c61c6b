//! The table: where every record ends up, in one crash-safe file (redb). The funnel writes it, never the committer.
//!
//! One write is one transaction: rows, boards, and with the last one the watermark, which says up to which
//! sequence of the journal everything is here.

use std::io;
use std::sync::Arc;

use hiscore_score::{PlayerId, Record, Stamp, VersionId};
use parking_lot::{Mutex, RwLock};
use redb::{
    Builder, Database, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
};

use super::bytes::{Corrupt, Reader, put_u64};
use super::codec::{BoardNumber, BoardRow, RowKey, get_board, get_record, player_of, put_board, put_record};
use super::codec::{row_key, season_prefix};
use super::overlay::State;
use crate::disk::{Disk, DiskFile};

/// Its name.
pub const FILE: &str = "table.redb";
const FILE_BEING_MADE: &str = "table.redb.new";
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const BOARDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("boards");
/// (board, player) → the latest season in which the player has a row, where that is not the first.
const LATEST: TableDefinition<'_, (u32, &str), u32> = TableDefinition::new("latest");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

const DEPLOYMENT: &str = "deployment";
const PROGRESS: &str = "progress";

/// Why the table cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// redb or the file system says no.
    #[error("the table: {0}")]
    Redb(#[from] redb::Error),
    /// A row does not decode.
    #[error("the table: {0}")]
    Corrupt(#[from] Corrupt),
    /// A write failed before, and the file could not be opened again yet.
    #[error("the table is closed after a failed write")]
    Closed,
}

macro_rules! through_redb_error {
    ($($error:ty),*) => {$(
        impl From<$error> for TableError {
            fn from(error: $error) -> Self {
                Self::Redb(error.into())
            }
        }
    )*};
}
through_redb_error!(
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError
);

/// What is fixed when a data folder is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    /// How many shards leaderboards are spread over.
    pub shards: u16,
    /// How many submissions an idempotency window holds.
    pub window: usize,
    /// Signs cursors, so that they are still good after a restart.
    pub secret: [u8; 32],
}

/// How far the funnel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Every sequence up to this one is in the table.
    pub watermark: u64,
    /// The journal's oldest segment that a restart needs; 0 before the first.
    pub segment: u64,
    /// The last stamp given up to the watermark.
    pub stamp: Stamp,
}

/// What one transaction of the funnel writes.
#[derive(Debug, Default)]
pub struct Bulk<'a> {
    /// Absolute states, or patches to what is there.
    pub rows: &'a [(RowKey, State)],
    /// Boards that were created or reset.
    pub boards: Vec<&'a BoardRow>,
    /// With the last transaction of a round.
    pub progress: Option<Progress>,
}

/// The open file.
#[derive(Debug)]
pub struct Table {
    disk: Arc<dyn Disk>,
    cache: usize,
    window: usize,
    /// `None` between a failed write and the next successful opening.
    database: Mutex<Option<Database>>,
    /// What readers see: replaced after each commit.
    snapshot: RwLock<Option<Arc<Snapshot>>>,
}

/// A consistent view of the table. Opened once, since opening costs as much as reading a row.
struct Snapshot {
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    latest: ReadOnlyTable<(u32, &'static str), u32>,
    boards: ReadOnlyTable<&'static str, &'static [u8]>,
    meta: ReadOnlyTable<&'static str, &'static [u8]>,
}

impl Snapshot {
    fn of(database: &Database) -> Result<Self, TableError> {
        let transaction = database.begin_read()?;
        Ok(Self {
            rows: transaction.open_table(ROWS)?,
            latest: transaction.open_table(LATEST)?,
            boards: transaction.open_table(BOARDS)?,
            meta: transaction.open_table(META)?,
        })
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

#[derive(Debug)]
struct Backend(Arc<dyn DiskFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, data)
    }
}

impl Table {
    /// Opens the table, or makes one for `fresh`; returns what it was made for. `cache` is in bytes.
    pub fn open(
        disk: Arc<dyn Disk>,
        cache: usize,
        fresh: Deployment,
    ) -> Result<(Self, Deployment), TableError> {
        if !disk.list().map_err(io_error)?.iter().any(|file| file == FILE) {
            make(disk.as_ref(), cache, &fresh)?;
        }
        let mut table = Self {
            disk,
            cache,
            window: fresh.window,
            database: Mutex::new(None),
            snapshot: RwLock::new(None),
        };
        table.reopen()?;
        let deployment = table.meta(DEPLOYMENT, get_deployment)?;
        let deployment = deployment.ok_or(Corrupt("it does not say what it was made for"))?;
        table.window = deployment.window;
        Ok((table, deployment))
    }

    /// Opens the file again if a failed write closed it. What was committed before is all there.
    pub fn reopen(&self) -> Result<(), TableError> {
        let mut database = self.database.lock();
        if database.is_none() { self.open_file(&mut database) } else { Ok(()) }
    }

    fn open_file(&self, database: &mut Option<Database>) -> Result<(), TableError> {
        // redb must let go of the file before it is opened again.
        *self.snapshot.write() = None;
        *database = None;
        let opened = open_database(self.disk.open(FILE).map_err(io_error)?, self.cache)?;
        *self.snapshot.write() = Some(Arc::new(Snapshot::of(&opened)?));
        *database = Some(opened);
        Ok(())
    }

    /// Writes a bulk: all of it, or after an error none of it. After an error the table is closed until reopened.
    pub fn write(&self, bulk: &Bulk<'_>) -> Result<(), TableError> {
        self.transact(|transaction| {
            let mut out = Vec::new();
            {
                let mut rows = transaction.open_table(ROWS)?;
                let mut latest = transaction.open_table(LATEST)?;
                for (key, state) in bulk.rows {
                    let bytes = row_key(key);
                    let record = state.over(|| {
                        let there = rows.get(bytes.as_slice())?;
                        let there = there.map(|there| get_record(there.value(), self.window)).transpose()?;
                        Ok(there.map(Arc::new))
                    })?;
                    out.clear();
                    put_record(&mut out, &record);
                    rows.insert(bytes.as_slice(), out.as_slice())?;
                    if key.version > 1 {
                        latest.insert((key.board, key.player.as_str()), key.version)?;
                    }
                }
            }
            let mut boards = transaction.open_table(BOARDS)?;
            for board in &bulk.boards {
                out.clear();
                put_board(&mut out, board);
                boards.insert(board.id.as_str(), out.as_slice())?;
            }
            if let Some(progress) = bulk.progress {
                out.clear();
                put_u64(&mut out, progress.watermark);
                put_u64(&mut out, progress.segment);
                put_u64(&mut out, progress.stamp.raw());
                transaction.open_table(META)?.insert(PROGRESS, out.as_slice())?;
            }
            Ok(())
        })
    }

    fn transact(
        &self,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let mut guard = self.database.lock();
        let database = guard.as_ref().ok_or(TableError::Closed)?;
        let done = (|| {
            let transaction = begin(database)?;
            work(&transaction)?;
            transaction.commit()?;
            Ok(Arc::new(Snapshot::of(database)?))
        })();
        match done {
            Ok(snapshot) => {
                *self.snapshot.write() = Some(snapshot);
                Ok(())
            }
            Err(error) => {
                // After a failed operation redb refuses everything, reads too, until the file is opened anew.
                if let Err(then) = self.open_file(&mut guard) {
                    tracing::error!(%then, "the table cannot be opened again after a failed write");
                }
                Err(error)
            }
        }
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, TableError> {
        self.snapshot.read().clone().ok_or(TableError::Closed)
    }

    /// Reads from the present snapshot; once more if a failed write replaced it meanwhile.
    fn read<T>(&self, work: impl Fn(&Snapshot) -> Result<T, TableError>) -> Result<T, TableError> {
        let before = self.snapshot.read().clone();
        let first = match &before {
            Some(snapshot) => work(snapshot),
            None => Err(TableError::Closed),
        };
        first.or_else(|error| {
            // Whoever failed holds this lock until the file is open again.
            drop(self.database.lock());
            match self.snapshot.read().clone() {
                Some(now) if !before.is_some_and(|before| Arc::ptr_eq(&before, &now)) => work(&now),
                _ => Err(error),
            }
        })
    }

    fn meta<T>(
        &self,
        key: &str,
        decode: impl FnOnce(&mut Reader<'_>) -> Result<T, Corrupt>,
    ) -> Result<Option<T>, TableError> {
        let snapshot = self.snapshot()?;
        let Some(value) = snapshot.meta.get(key)? else { return Ok(None) };
        let mut reader = Reader::new(value.value());
        let decoded = decode(&mut reader)?;
        reader.end()?;
        Ok(Some(decoded))
    }

    /// How far the funnel has come.
    pub fn progress(&self) -> Result<Progress, TableError> {
        let progress = self.meta(PROGRESS, |reader| {
            Ok(Progress {
                watermark: reader.u64()?,
                segment: reader.u64()?,
                stamp: Stamp::from_raw(reader.u64()?).ok_or(Corrupt("a stamp"))?,
            })
        })?;
        Ok(progress.unwrap_or_default())
    }

    /// All boards.
    pub fn boards(&self) -> Result<Vec<BoardRow>, TableError> {
        let snapshot = self.snapshot()?;
        let mut boards = Vec::new();
        for row in snapshot.boards.iter()? {
            let (id, value) = row?;
            boards.push(get_board(id.value(), value.value())?);
        }
        Ok(boards)
    }

    /// One record.
    pub fn get(&self, key: &RowKey) -> Result<Option<Record>, TableError> {
        let bytes = row_key(key);
        self.read(|snapshot| {
            let value = snapshot.rows.get(bytes.as_slice())?;
            Ok(value.map(|value| get_record(value.value(), self.window)).transpose()?)
        })
    }

    /// The latest season in which this player has a row, if it is not the first (of which this says nothing).
    pub fn latest(&self, board: BoardNumber, player: &PlayerId) -> Result<Option<VersionId>, TableError> {
        self.read(|snapshot| {
            let version = snapshot.latest.get((board, player.as_str()))?;
            Ok(version.map(|version| version.value()))
        })
    }

    /// Hands every record of a season to `each`, in the order of the players' bytes, from one moment's view.
    pub fn scan(
        &self,
        board: BoardNumber,
        version: VersionId,
        mut each: impl FnMut(PlayerId, Record),
    ) -> Result<(), TableError> {
        let snapshot = self.snapshot()?;
        let prefix = season_prefix(board, version);
        for row in snapshot.rows.range(prefix.as_slice()..)? {
            let (key, value) = row?;
            if !key.value().starts_with(&prefix) {
                break;
            }
            each(player_of(key.value())?, get_record(value.value(), self.window)?);
        }
        Ok(())
    }
}

/// Makes a table under another name first: a crash must not leave half of one under the name that counts.
fn make(disk: &dyn Disk, cache: usize, deployment: &Deployment) -> Result<(), TableError> {
    let database = open_database(disk.create(FILE_BEING_MADE, 0).map_err(io_error)?, cache)?;
    let transaction = begin(&database)?;
    transaction.open_table(ROWS)?;
    transaction.open_table(BOARDS)?;
    transaction.open_table(LATEST)?;
    let mut out = Vec::new();
    put_u64(&mut out, u64::from(deployment.shards));
    put_u64(&mut out, deployment.window as u64);
    out.extend_from_slice(&deployment.secret);
    transaction.open_table(META)?.insert(DEPLOYMENT, out.as_slice())?;
    transaction.commit()?;
    drop(database);
    disk.rename(FILE_BEING_MADE, FILE).map_err(io_error)
}

pub(super) fn open_database(file: Arc<dyn DiskFile>, cache: usize) -> Result<Database, TableError> {
    Ok(Builder::new().set_cache_size(cache).create_with_backend(Backend(file))?)
}

pub(super) fn begin(database: &Database) -> Result<redb::WriteTransaction, TableError> {
    let mut transaction = database.begin_write()?;
    // A restart after a crash must not walk the whole file: redb keeps its allocator's state in each commit.
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn get_deployment(reader: &mut Reader<'_>) -> Result<Deployment, Corrupt> {
    let shards = u16::try_from(reader.u64()?).map_err(|_| Corrupt("the number of shards"))?;
    let window = usize::try_from(reader.u64()?).map_err(|_| Corrupt("the length of a window"))?;
    let mut secret = [0; 32];
    secret.copy_from_slice(reader.take(32)?);
    Ok(Deployment { shards, window, secret })
}

pub(super) fn io_error(error: io::Error) -> TableError {
    TableError::Redb(redb::Error::Io(error))
}
