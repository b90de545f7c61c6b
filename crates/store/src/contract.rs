//! What a store promises to the funnel, to a reconcile and to readers, whichever it is.
//!
//! A store keeps absolute states. It never adds, never decides: what a record is was decided by the sequencer of its
//! shard, and the only question here is which of two states is the later one. That is the *guard*: a write never
//! replaces a state of a higher position, so late, repeated and concurrent writes are waste, not damage.

use std::ops::Range;

use async_trait::async_trait;
use hiscore_score::{
    Leaderboard, LeaderboardId, OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp,
};

/// What is fixed when a deployment is created, kept by its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentInfo {
    /// Random, 32 hexadecimal digits: tells two deployments apart.
    pub id: String,
    /// How many shards leaderboards are spread over.
    pub shards: u16,
    /// How many submissions an idempotency window holds.
    pub window: usize,
    /// Signs cursors, so that every process takes those of every other, before and after a restart.
    pub secret: [u8; 32],
}

/// What the store knows of a shard as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShardState {
    /// The epoch that may write; 0: nobody has opened one yet.
    pub epoch: u32,
    /// Every change of this shard whose sequence is not above this is in the store.
    pub watermark: u64,
    /// The number of the last bulk that moved the watermark or could have: within an epoch each is higher than the one before,
    /// so a store that was restored from a copy has a lower one, even if the watermark stood still meanwhile. 0: none yet.
    pub bulk: u64,
    /// No stamp of this shard that reached the store is above this.
    pub stamp: Stamp,
    /// Epochs that ended, the oldest first: who was cut off may still write rows of one, above where it was left.
    pub strays: Vec<Stray>,
    /// Up to where the log that stands in front of the ranks is in the store; `None`: the shard has joined no log.
    pub log: Option<LogPlace>,
}

impl ShardState {
    /// Whether the store has less than somebody saw there: it went back.
    pub fn is_behind(&self, seen: Progress) -> bool {
        self.watermark < seen.watermark || self.bulk < seen.bulk
    }
}

/// How far a shard has come in the store within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// See [`ShardState::watermark`].
    pub watermark: u64,
    /// See [`ShardState::bulk`].
    pub bulk: u64,
}

/// Up to where a shard's log is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    /// The generation that the shard joined.
    pub generation: u32,
    /// The era of all positions that come from this log: the epoch in which the shard joined it.
    pub era: u32,
    /// Every entry up to this offset is in the store; `None`: the log is to be read from its beginning.
    pub offset: Option<u64>,
    /// The shard's last stamp after that entry: a replay that goes on from here gives the same stamps again.
    pub stamp: Stamp,
}

impl LogPlace {
    /// Moves on to an offset and the stamp after it. Never back.
    pub(crate) fn advance(&mut self, (offset, stamp): (u64, Stamp)) {
        if self.offset.is_none_or(|there| there < offset) {
            (self.offset, self.stamp) = (Some(offset), stamp);
        }
    }
}

/// Which log stands in front of the ranks of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLog {
    /// Which one it is, counted from 1: a log that was lost and made anew is the next.
    pub generation: u32,
    /// The log's own, 32 hexadecimal digits: tells it from another that has its place.
    pub id: String,
}

impl StoredLog {
    /// Refuses one that does not come after `from`: a repetition could not be told from somebody else's call.
    pub(crate) fn comes_after(&self, from: Option<u32>) -> Result<(), StoreError> {
        if self.generation > from.unwrap_or(0) {
            return Ok(());
        }
        let (to, from) = (self.generation, from.unwrap_or(0));
        Err(StoreError::Invalid(format!("a log of generation {to} does not come after one of {from}")))
    }
}

/// Where an epoch was left when the next one was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    /// The epoch that ended.
    pub epoch: u32,
    /// Rows of it above this sequence were not known to the ranking tier when it ended.
    pub above: u64,
}

/// A board as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBoard {
    /// Its name.
    pub id: LeaderboardId,
    /// Its rules and present season.
    pub leaderboard: Leaderboard,
    /// The position of what last changed it.
    pub position: Position,
}

/// States to be written, all of one shard.
#[derive(Debug, Clone, Copy)]
pub struct Writes<'a> {
    /// The shard.
    pub shard: u16,
    /// Absolute states of records, tombstones too. No key twice. The board of each is in the store already or among
    /// `boards`: a store orders by columns that have the directions in them. One of an unknown board fails by itself.
    pub rows: &'a [(RecordKey, Record)],
    /// Absolute states of boards. No name twice.
    pub boards: &'a [StoredBoard],
}

/// What came of a write that was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows (by their index) that are not known to be in the store, and why. All others are, or something later is.
    pub failed_rows: Vec<(usize, String)>,
    /// The same of boards.
    pub failed_boards: Vec<(usize, String)>,
    /// How many rows and boards found a state in the store that was not older, and left it. What was repeated inside
    /// after a broken connection counts here too.
    pub superseded: u64,
}

/// What came of moving a watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advanced {
    /// It stands where it was to stand, or further.
    Done,
    /// The epoch is another's: clear nothing, acknowledge nothing. The state that is there.
    Fenced(ShardState),
    /// The epoch is right, but the store has less than expected: it went back (a restored backup).
    WentBack(ShardState),
}

/// Where a walk through the order of a season begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// After so many rows: 0 is the first.
    Skip(u64),
    /// Right after a place.
    After(OrderKey),
    /// Right before a place: the last rows before it, in rank order like all.
    Before(OrderKey),
}

/// Why the store did not do it. Writes may have been done in part, and may be repeated as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is too slow, or could not confirm: try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It answered and will not do it, or holds what cannot be read: trying again does not help, an operator must look.
    #[error("the store: {0}")]
    Invalid(String),
}

/// What is said when a log is to be remembered of a deployment that is not there.
pub(crate) fn no_deployment() -> StoreError {
    StoreError::Invalid("no log can be remembered before the deployment is created".to_owned())
}

/// Where records stay.
///
/// # What an implementation promises
///
/// - `Ok` from a write means durable: it survives the loss of any one server of the store and a power loss of all.
/// - The guard: a state never replaces one of the same or a higher [`Position`].
/// - Every method may be called by many at once, and a dropped future leaves nothing that a repetition does not mend.
/// - Names are data: `$score`, `a.b` and `__proto__` are stored as they are.
/// - What was stored is read back equal, metadata to the byte. Sequences and counts are at most 2^63 − 1; a row beyond
///   fails by itself. As the end of a range any position is fine.
/// - A method that waits for a server gives up by itself after a while.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The deployment that the store is of; creates it as `wanted` if there is none. Of two that create it at once, both
    /// get the same one. Whether it fits is the caller's to judge.
    async fn deployment(&self, wanted: &DeploymentInfo) -> Result<DeploymentInfo, StoreError>;

    /// The log that is remembered of the deployment; `None`: none is, or there is no deployment.
    async fn log(&self) -> Result<Option<StoredLog>, StoreError>;

    /// Remembers a log, durably, if the generation that is remembered is `from` (`None`: none is). `false`: it is another.
    /// The generation of `log` is above `from`, and the deployment is there already; else it is `Invalid`.
    async fn adopt_log(&self, from: Option<u32>, log: &StoredLog) -> Result<bool, StoreError>;

    /// What is known of a shard; the default if nothing is.
    async fn shard(&self, shard: u16) -> Result<ShardState, StoreError>;

    /// Opens an epoch: `state` replaces what is there if that has the epoch `from` and no lower bulk than `state`, durably.
    /// `false`: it has another epoch, or went back since the caller looked.
    async fn open_epoch(&self, shard: u16, from: u32, state: &ShardState) -> Result<bool, StoreError>;

    /// Writes states, under the guard.
    async fn write(&self, writes: Writes<'_>) -> Result<Written, StoreError>;

    /// Moves the watermark and the bulk of a shard to `reached`, and its stamp to at least `stamp`, if the epoch is `epoch` and
    /// neither is below `expected`. Never moves any back.
    ///
    /// `place` is an offset of the shard's log and the stamp after it: in the same step [`ShardState::log`] gets both,
    /// if the offset is higher than what is there. A shard that has joined no log ignores it.
    async fn advance(
        &self,
        shard: u16,
        epoch: u32,
        expected: Progress,
        reached: Progress,
        stamp: Stamp,
        place: Option<(u64, Stamp)>,
    ) -> Result<Advanced, StoreError>;

    /// All boards, or those of one shard, in the order of their names.
    async fn boards(&self, shard: Option<u16>) -> Result<Vec<StoredBoard>, StoreError>;

    /// Records of a shard whose position is within `range` (start included, end not), tombstones too, by position and
    /// then key; strictly after `after` if given; at most `limit`.
    async fn between(
        &self,
        shard: u16,
        range: Range<Position>,
        after: Option<&(Position, RecordKey)>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError>;

    /// The records of these keys, tombstones too; `None` where there is none.
    async fn get(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError>;

    /// How many players a season has, tombstones not counted.
    async fn count(&self, season: &Season) -> Result<u64, StoreError>;

    /// At most `limit` rows of a season in the order of its rules, no tombstones.
    async fn walk(
        &self,
        season: &Season,
        rules: &Rules,
        from: &From,
        limit: usize,
    ) -> Result<Vec<(PlayerId, Record)>, StoreError>;

    /// How many players of a season stand strictly before a place. May take time in proportion to them.
    async fn before(&self, season: &Season, rules: &Rules, place: &OrderKey) -> Result<u64, StoreError>;

    /// All records, tombstones and ended seasons too, in the order of their keys, strictly after `after`; at most `limit`.
    async fn scan(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Record)>, StoreError>;
}
