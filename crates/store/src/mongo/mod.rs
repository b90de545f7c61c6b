//! MongoDB as the store: a replica set of version 6 or later (one of a single member for trying things out).
//!
//! # What is in the database
//!
//! | collection | a document is | `_id` |
//! |---|---|---|
//! | `records` | a player on one season of one leaderboard | `{ l: leaderboardId, v: versionId, p: playerId }` |
//! | `leaderboards` | a leaderboard: its rules and present season | its name |
//! | `shards` | what is known of a shard as a whole, and up to where its log is here | its number |
//! | `deployment` | what was fixed when the deployment was created, and its log | `deployment` |
//!
//! ```js
//! db.records.find({ leaderboardId: "daily", versionId: 3, playerId: "ada" })
//! {
//!   _id: { l: "daily", v: 3, p: "ada" }, format: 1,
//!   leaderboardId: "daily", versionId: 3, playerId: "ada",
//!   score: 4200, subscore: 7, numScore: 12, metadata: { car: "red" },
//!   createdAt: ISODate("2026-01-05T10:00:00.000Z"), updatedAt: ISODate("2026-01-05T10:12:31.250Z"),
//!   order: { score: -4200, subscore: -7, reached: 133… },    // as ranked: smaller stands first
//!   stamps: { updated: 133…, created: 133…, deleted: 0 },    // of the shard's sequencer; createdAt is made from one
//!   shard: 6, epoch: 1, sequence: 815, index: 0,             // the position: the guard compares it
//!   window: { submissions: [ { id: BinData(…), body: …, at: 133…, time: … } ], horizon: 0 }
//! }
//! ```
//!
//! A deleted player leaves `deleted: true`, without score and `order`. `metadata` is a real value and can be queried; where
//! BSON cannot give back its text to the byte, that is in `metadataJson`, which then is what counts. Edits by hand are
//! possible but are seen by the ranking tier only when it is built anew.
//!
//! # Indexes
//!
//! - `position` of `records` (shard, epoch, sequence, index, _id): what a shard has above a position, for a ranking
//!   tier that lost its tail or everything.
//! - `order` of `records` (leaderboardId, versionId, order.score, order.subscore, order.reached, playerId), of those
//!   that are not deleted: pages, ranks and counts when the ranking tier is away. Directions are folded into
//!   the columns, so one index serves every leaderboard; which is why a record can only be written when the rules of its
//!   leaderboard are known here: the board is written before it, or with it.
//! - `shard` of `leaderboards` (shard, _id).
//!
//! # What `Ok` means
//!
//! Every write is acknowledged by a majority, journaled, whatever the URL says. `update` commands are unordered bulks of
//! pipelines that hold the guard (see `bulk.rs`); every command may be repeated, and is, when a primary steps down or a
//! connection breaks in the middle, until the time-out of the operation. Nothing is used that 6, 7 and 8 do not all have;
//! it was run on 6.0.
//!
//! What a bulk costs is at the head of `examples/mongo.rs`, with the command that measures it.

mod bulk;
mod documents;
mod fields;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod indexes;
mod link;
mod metadata;
mod reads;
mod shards;

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hiscore_score::{LeaderboardId, OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp};
use mongodb::bson::raw::RawBson;
use parking_lot::RwLock;

use self::bulk::State;
use self::link::Link;
use crate::contract::{
    Advanced, DeploymentInfo, From, Progress, ShardState, Store, StoreError, StoredBoard, StoredLog, Writes,
    Written,
};

const RECORDS: &str = "records";
const LEADERBOARDS: &str = "leaderboards";
const SHARDS: &str = "shards";
/// The collection, and the `_id` of its one document.
const DEPLOYMENT: &str = "deployment";

/// Records become documents, statements, a command and a message: so much of them at a time, whatever a bulk is, since
/// that is what memory a writer needs. Larger commands are hardly quicker.
const PIECE: usize = 1 << 20;

/// How the store is spoken to.
#[derive(Debug, Clone)]
pub struct MongoOptions {
    /// How long one operation may take, waiting for a server and retries included.
    pub timeout: Duration,
    /// The most connections to each server, and the most operations under way; at least 1.
    pub connections: u32,
}

impl Default for MongoOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), connections: 16 }
    }
}

/// A database of MongoDB. One client, with its pool, for as long as it lives.
#[derive(Debug)]
pub struct MongoStore {
    link: Link,
    /// Whether the indexes were seen to be there, and nothing since says that they are gone.
    prepared: AtomicBool,
    /// Rules never change, so those that were seen once are known for good.
    rules: RwLock<HashMap<LeaderboardId, Rules>>,
}

impl MongoStore {
    /// Takes a URL (`mongodb://` or `mongodb+srv://`; its database, or `hiscore`). Speaks to nobody yet, so a server
    /// that is late is no error here: only a URL that cannot be read is. Needs no runtime; every other method needs
    /// tokio's.
    pub fn connect(url: &str, options: MongoOptions) -> Result<Self, StoreError> {
        let link = Link::new(url, options)?;
        Ok(Self { link, prepared: AtomicBool::new(false), rules: RwLock::default() })
    }

    /// Makes the indexes that are missing and sees that all are there. The first write does it too. On a database that
    /// has many records and no indexes it takes a while: `Unavailable` until they are built.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        indexes::prepare(&self.link).await?;
        self.prepared.store(true, Ordering::Release);
        Ok(())
    }

    async fn prepared(&self) -> Result<(), StoreError> {
        if self.prepared.load(Ordering::Acquire) { Ok(()) } else { self.prepare().await }
    }

    /// Passes on what an index was asked for. A refusal may be because somebody dropped the index, or put a copy of
    /// the database in place that has none: the next who writes looks again.
    fn by_index<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(answer, Err(StoreError::Invalid(_))) {
            self.prepared.store(false, Ordering::Release);
        }
        answer
    }

    /// Whether a server that takes writes answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.link.ping().await
    }

    /// The rules of the boards that `writes` has records of, as far as they are known here or in the database.
    async fn rules_of(&self, writes: &Writes<'_>) -> Result<HashMap<LeaderboardId, Rules>, StoreError> {
        let mut found: HashMap<LeaderboardId, Rules> =
            writes.boards.iter().map(|board| (board.id.clone(), board.leaderboard.rules)).collect();
        let mut missing = Vec::new();
        {
            let known = self.rules.read();
            for (key, _) in writes.rows {
                let board = &key.season.leaderboard;
                if found.contains_key(board) {
                    continue;
                }
                match known.get(board) {
                    Some(rules) => drop(found.insert(board.clone(), *rules)),
                    None => missing.push(board.as_str()),
                }
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let read = reads::boards_of(&self.link, missing).await?;
            found.extend(read.into_iter().map(|board| (board.id, board.leaderboard.rules)));
        }
        self.rules.write().extend(found.iter().map(|(id, rules)| (id.clone(), *rules)));
        Ok(found)
    }
}

/// What is said of a document that cannot be read.
fn unreadable(collection: &str, error: impl Display) -> StoreError {
    StoreError::Invalid(format!("MongoDB: a document of {collection} cannot be read: {error}"))
}

#[async_trait]
impl Store for MongoStore {
    async fn deployment(&self, wanted: &DeploymentInfo) -> Result<DeploymentInfo, StoreError> {
        shards::deployment(&self.link, wanted).await
    }

    async fn log(&self) -> Result<Option<StoredLog>, StoreError> {
        reads::log(&self.link).await
    }

    async fn adopt_log(&self, from: Option<u32>, log: &StoredLog) -> Result<bool, StoreError> {
        shards::adopt_log(&self.link, from, log).await
    }

    async fn shard(&self, shard: u16) -> Result<ShardState, StoreError> {
        reads::shard(&self.link, shard).await
    }

    async fn open_epoch(&self, shard: u16, from: u32, state: &ShardState) -> Result<bool, StoreError> {
        shards::open(&self.link, shard, from, state).await
    }

    async fn write(&self, writes: Writes<'_>) -> Result<Written, StoreError> {
        self.prepared().await?;
        let mut written = Written::default();
        let mut states = Vec::with_capacity(writes.boards.len());
        for (at, board) in writes.boards.iter().enumerate() {
            match documents::board(writes.shard, board) {
                Ok(document) => states.push(State {
                    at,
                    id: RawBson::String(board.id.to_string()),
                    document,
                    position: board.position,
                }),
                Err(reason) => written.failed_boards.push((at, reason)),
            }
        }
        // Boards first: a record without its board would be a record that nobody finds.
        let boards = bulk::write(&self.link, LEADERBOARDS, states).await?;
        let rules = self.rules_of(&writes).await?;
        let mut states = Vec::new();
        let (mut bytes, mut superseded) = (0, boards.superseded);
        for (at, (key, record)) in writes.rows.iter().enumerate() {
            let document = match rules.get(&key.season.leaderboard) {
                Some(rules) => documents::record(writes.shard, key, record, rules),
                None => Err("its leaderboard is not stored yet".to_owned()),
            };
            match document {
                Ok(document) => {
                    bytes += document.as_bytes().len();
                    let id = RawBson::Document(documents::record_id(key));
                    states.push(State { at, id, document, position: record.position });
                }
                Err(reason) => written.failed_rows.push((at, reason)),
            }
            if bytes >= PIECE || at + 1 == writes.rows.len() {
                let rows = bulk::write(&self.link, RECORDS, std::mem::take(&mut states)).await?;
                bytes = 0;
                superseded += rows.superseded;
                written.failed_rows.extend(rows.failed);
            }
        }
        written.superseded = superseded;
        written.failed_boards.extend(boards.failed);
        written.failed_boards.sort_unstable();
        written.failed_rows.sort_unstable();
        Ok(written)
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
        shards::advance(&self.link, shard, epoch, expected, reached, stamp, place).await
    }

    async fn boards(&self, shard: Option<u16>) -> Result<Vec<StoredBoard>, StoreError> {
        reads::boards(&self.link, shard).await
    }

    async fn between(
        &self,
        shard: u16,
        range: Range<Position>,
        after: Option<&(Position, RecordKey)>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        // An index that is not there yet cannot be asked.
        self.prepared().await?;
        self.by_index(reads::between(&self.link, shard, range, after, limit).await)
    }

    async fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        reads::get(&self.link, keys).await
    }

    async fn count(&self, season: &Season) -> Result<u64, StoreError> {
        self.by_index(reads::count(&self.link, season).await)
    }

    async fn walk(
        &self,
        season: &Season,
        rules: &Rules,
        from: &From,
        limit: usize,
    ) -> Result<Vec<(PlayerId, Record)>, StoreError> {
        self.by_index(reads::walk(&self.link, season, rules, from, limit).await)
    }

    async fn before(&self, season: &Season, rules: &Rules, place: &OrderKey) -> Result<u64, StoreError> {
        self.by_index(reads::before(&self.link, season, rules, place).await)
    }

    async fn scan(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError> {
        reads::scan(&self.link, after, limit).await
    }
}
