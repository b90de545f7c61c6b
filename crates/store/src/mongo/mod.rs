//! MongoDB as the store.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use hiscore_score::{OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp};
use mongodb::options::ConnectionString;

use crate::contract::{
    Advanced, DeploymentInfo, From, ShardState, Store, StoreError, StoredBoard, Writes, Written,
};

/// How the store is spoken to.
#[derive(Debug, Clone)]
pub struct MongoOptions {
    /// How long one operation may take, waiting for a server and retries included.
    pub timeout: Duration,
    /// The most connections to each server.
    pub connections: u32,
}

impl Default for MongoOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), connections: 10 }
    }
}

/// A database of MongoDB.
#[derive(Debug)]
pub struct MongoStore {
    _url: ConnectionString,
    _options: MongoOptions,
}

impl MongoStore {
    /// Takes a URL; connects when it is first used, so that a late server is no error here.
    pub fn connect(url: &str, options: MongoOptions) -> Result<Self, StoreError> {
        let url = ConnectionString::parse(url).map_err(|_| StoreError::Invalid("the URL".to_owned()))?;
        Ok(Self { _url: url, _options: options })
    }

    /// Makes the indexes, and sees that they are there.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        Err(soon())
    }
}

fn soon() -> StoreError {
    StoreError::Unavailable("not built yet".to_owned())
}

#[async_trait]
impl Store for MongoStore {
    async fn deployment(&self, _wanted: &DeploymentInfo) -> Result<DeploymentInfo, StoreError> {
        Err(soon())
    }
    async fn shard(&self, _shard: u16) -> Result<ShardState, StoreError> {
        Err(soon())
    }
    async fn open_epoch(&self, _shard: u16, _from: u32, _state: &ShardState) -> Result<bool, StoreError> {
        Err(soon())
    }
    async fn write(&self, _writes: Writes<'_>) -> Result<Written, StoreError> {
        Err(soon())
    }
    async fn advance(
        &self,
        _shard: u16,
        _epoch: u32,
        _expected: u64,
        _watermark: u64,
        _stamp: Stamp,
    ) -> Result<Advanced, StoreError> {
        Err(soon())
    }
    async fn boards(&self, _shard: Option<u16>) -> Result<Vec<StoredBoard>, StoreError> {
        Err(soon())
    }
    async fn between(
        &self,
        _shard: u16,
        _range: Range<Position>,
        _after: Option<&(Position, RecordKey)>,
        _limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        Err(soon())
    }
    async fn get(&self, _keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        Err(soon())
    }
    async fn count(&self, _season: &Season) -> Result<u64, StoreError> {
        Err(soon())
    }
    async fn walk(
        &self,
        _season: &Season,
        _rules: &Rules,
        _from: &From,
        _limit: usize,
    ) -> Result<Vec<(PlayerId, Record)>, StoreError> {
        Err(soon())
    }
    async fn before(&self, _season: &Season, _rules: &Rules, _place: &OrderKey) -> Result<u64, StoreError> {
        Err(soon())
    }
    async fn scan(
        &self,
        _after: Option<&RecordKey>,
        _limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        Err(soon())
    }
}
