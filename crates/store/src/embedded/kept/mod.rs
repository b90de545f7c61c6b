//! Records kept in one file, without a journal: the store of a single process whose sequencer is elsewhere (in Redis), and
//! what an export is read from and an import written to.
//!
//! One write is one transaction of redb, synced before it returns, which is all the durability that [`Store`] asks
//! for. The guard is kept by looking before writing, since a transaction has the file to itself. Every method does its
//! work on a thread for blocking work of tokio's.
//!
//! As in MongoDB, a record can be written once its board is there or comes with it: the index of the order needs the
//! board's directions.

mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod keys;
mod reads;
mod writes;

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use hiscore_score::{OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp};
use redb::TableDefinition;

use self::file::File;
use super::{KEPT_FORMAT, OpenError, TableError, check_format};
use crate::contract::{
    Advanced, DeploymentInfo, From, Progress, ShardState, Store, StoreError, StoredBoard, StoredLog, Writes,
    Written, no_deployment,
};
use crate::disk::{Disk, Folder};

/// A record's key → its shard and state.
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// Shard, position and a record's key: what a shard has above a position.
const POSITIONS: TableDefinition<'_, &[u8], ()> = TableDefinition::new("positions");
/// A season and a place in its order: those who are not deleted.
const ORDER: TableDefinition<'_, &[u8], ()> = TableDefinition::new("order");
/// A board's name → its shard, position and state.
const BOARDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("boards");
/// A shard → what is known of it.
const SHARDS: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("shards");
/// What there is one of.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The keys in it: the deployment, and the log in front of it.
const DEPLOYMENT: &str = "deployment";
const LOG: &str = "log";

/// The file with the records.
#[derive(Debug)]
pub struct Kept {
    file: Arc<File>,
}

impl Kept {
    /// Opens a folder of the file system for this process alone. `cache` is redb's, in bytes.
    pub fn open_folder(path: &Path, cache: usize) -> Result<Self, OpenError> {
        match Folder::open(path) {
            Ok(folder) => Self::open(Arc::new(folder), cache),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(OpenError::InUse),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a disk that nobody else uses.
    pub fn open(disk: Arc<dyn Disk>, cache: usize) -> Result<Self, OpenError> {
        check_format(disk.as_ref(), KEPT_FORMAT)?;
        Ok(Self { file: Arc::new(File::open(disk, cache)?) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&File) -> Result<T, TableError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = Arc::clone(&self.file);
        match tokio::task::spawn_blocking(move || work(&file)).await {
            Ok(done) => done.map_err(told),
            Err(_) => Err(StoreError::Unavailable("the runtime is ending".to_owned())),
        }
    }
}

fn told(error: TableError) -> StoreError {
    match error {
        TableError::Corrupt(error) => StoreError::Invalid(error.to_string()),
        TableError::Redb(redb::Error::Corrupted(text)) => StoreError::Invalid(text),
        error => StoreError::Unavailable(error.to_string()),
    }
}

#[async_trait]
impl Store for Kept {
    async fn deployment(&self, wanted: &DeploymentInfo) -> Result<DeploymentInfo, StoreError> {
        let wanted = wanted.clone();
        self.blocking(move |file| writes::deployment(file, wanted)).await
    }

    async fn log(&self) -> Result<Option<StoredLog>, StoreError> {
        self.blocking(reads::log).await
    }

    async fn adopt_log(&self, from: Option<u32>, log: &StoredLog) -> Result<bool, StoreError> {
        log.comes_after(from)?;
        let log = log.clone();
        let adopted = self.blocking(move |file| writes::adopt_log(file, from, &log)).await?;
        adopted.ok_or_else(no_deployment)
    }

    async fn shard(&self, shard: u16) -> Result<ShardState, StoreError> {
        self.blocking(move |file| reads::shard(file, shard)).await
    }

    async fn open_epoch(&self, shard: u16, from: u32, state: &ShardState) -> Result<bool, StoreError> {
        let state = state.clone();
        self.blocking(move |file| writes::open_epoch(file, shard, from, &state)).await
    }

    async fn write(&self, writes: Writes<'_>) -> Result<Written, StoreError> {
        // Cheap copies: what is large in a record is shared.
        let (shard, rows, boards) = (writes.shard, writes.rows.to_vec(), writes.boards.to_vec());
        self.blocking(move |file| writes::write(file, Writes { shard, rows: &rows, boards: &boards })).await
    }

    async fn advance(
        &self,
        shard: u16,
        epoch: u32,
        expected: Progress,
        reached: Progress,
        stamp: Stamp,
        place: Option<(u64, Stamp)>,
    ) -> Result<Advanced, StoreError> {
        self.blocking(move |file| writes::advance(file, shard, epoch, expected, reached, stamp, place)).await
    }

    async fn boards(&self, shard: Option<u16>) -> Result<Vec<StoredBoard>, StoreError> {
        self.blocking(move |file| reads::boards(file, shard)).await
    }

    async fn between(
        &self,
        shard: u16,
        range: Range<Position>,
        after: Option<&(Position, RecordKey)>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        let after = after.cloned();
        self.blocking(move |file| reads::between(file, shard, &range, after.as_ref(), limit)).await
    }

    async fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        let keys = keys.to_vec();
        self.blocking(move |file| reads::get(file, &keys)).await
    }

    async fn count(&self, season: &Season) -> Result<u64, StoreError> {
        let season = season.clone();
        self.blocking(move |file| reads::count(file, &season)).await
    }

    async fn walk(
        &self,
        season: &Season,
        rules: &Rules,
        from: &From,
        limit: usize,
    ) -> Result<Vec<(PlayerId, Record)>, StoreError> {
        let (season, rules, from) = (season.clone(), *rules, from.clone());
        self.blocking(move |file| reads::walk(file, &season, &rules, &from, limit)).await
    }

    async fn before(&self, season: &Season, rules: &Rules, place: &OrderKey) -> Result<u64, StoreError> {
        let (season, rules, place) = (season.clone(), *rules, place.clone());
        self.blocking(move |file| reads::before(file, &season, &rules, &place)).await
    }

    async fn scan(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        let after = after.cloned();
        self.blocking(move |file| reads::scan(file, after.as_ref(), limit)).await
    }
}
