//! What may be asked of the ranking tier in Redis, and what it answers.
//!
//! In this tier a sequence number *is* the stamp: both only grow, one a change, and one counter is less to get wrong.
//! So the position of a change is (epoch, stamp), and a dirty record's first unpersisted sequence tells its age.

use hiscore_score::{
    Leaderboard, LeaderboardId, Live, Outcome, PlayerId, Position, Record, RecordKey, Refusal, Rules, Stamp,
    Submission, VersionId,
};

use crate::Placed;

/// One thing to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A player's score.
    Submit {
        /// Whose.
        player: PlayerId,
        /// What.
        submission: Submission,
    },
    /// The end of what a player has on the present season.
    Delete {
        /// Whose.
        player: PlayerId,
    },
    /// A new board.
    Create {
        /// Its rules.
        rules: Rules,
    },
    /// The board's next season.
    Reset {
        /// Only from this one, if given.
        expected: Option<VersionId>,
    },
}

/// Work on one board, judged in its order.
#[derive(Debug, Clone)]
pub struct Request {
    /// The board.
    pub board: LeaderboardId,
    /// At least one.
    pub works: Vec<Work>,
    /// Whether a submission to an unknown board creates it, with the default rules.
    pub auto_create: bool,
    /// Tell the record after each submission.
    pub want_record: bool,
    /// Tell the rank after each submission.
    pub want_rank: bool,
    /// Tell the rank before each submission.
    pub want_previous_rank: bool,
    /// Somebody waits until it is in the store: the persister should not wait for its interval.
    pub wake_persister: bool,
    /// Replicas that should have it before the answer: 0 sends no `WAIT`.
    pub replicas: u32,
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// One for each work, in its order.
    pub results: Vec<Result<Done, Refused>>,
    /// The era that it was judged in: that of the positions in the results. It is the epoch, where no log stands in front.
    pub era: u32,
    /// How many replicas have it for sure (what `WAIT` counted); 0 if none was asked for.
    pub replicas: u32,
}

/// What was done.
#[derive(Debug, Clone)]
pub enum Done {
    /// A submission.
    Submitted(Submitted),
    /// A deletion, and the record's position after it; `None`: there was nothing.
    Deleted(Option<Position>),
    /// A board as it is after being created or reset, and the position of that.
    Board(Leaderboard, Position),
}

/// What came of a submission that the law took.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// What it did.
    pub outcome: Outcome,
    /// The season it was judged in.
    pub version: VersionId,
    /// The record's position after it: for a duplicate, that of what is there. For a duplicate of a player without a record
    /// on this season it is the position of the earlier season's record that had the id, or [`Position::ZERO`] once
    /// that is in the store alone; [`crate::redis::RedisRanks::persisted`] can be asked about it under this season's key.
    pub position: Position,
    /// What the player has after it, and when that was last changed, if wanted; `None` too for a duplicate of a player
    /// without a record.
    pub record: Option<(Live, Stamp)>,
    /// The rank after it, if wanted and if there is one.
    pub rank: Option<u64>,
    /// The rank before it, if wanted and if there was one.
    pub previous_rank: Option<u64>,
}

/// Why one work was not done; nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The law refuses it.
    #[error(transparent)]
    Law(#[from] Refusal),
    /// There is no such board.
    #[error("there is no such leaderboard")]
    NotFound,
    /// There is such a board.
    #[error("a leaderboard of this name exists already")]
    AlreadyExists,
    /// The reset expected another season.
    #[error("the leaderboard is at version {0}")]
    VersionConflict(VersionId),
    /// No season or no stamp is left.
    #[error("the leaderboard has used up its versions, or its shard its stamps")]
    Exhausted,
}

/// Why a call got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Surely not applied: Redis is away, full, loading, or more waits than may. Try again.
    #[error("{0}")]
    Unavailable(String),
    /// The shard is not reconciled with the store under the present Redis: surely not applied. Try again later.
    #[error("shard {shard} is being reconciled with the store")]
    Fenced {
        /// Which.
        shard: u16,
    },
    /// It was sent, and no answer came: it may have been applied.
    #[error("no answer from Redis: {0}")]
    Ambiguous(String),
    /// The lease of the shard is another's (or nobody's, after a release): stop working on it. One that has expired and that
    /// nobody took is still held.
    #[error("the lease of shard {shard} is not held any more")]
    LeaseLost {
        /// Which.
        shard: u16,
    },
    /// The shard has applied less of the log than the caller believes: it went back, or was emptied. Go on from there.
    #[error("shard {shard} has applied the log up to {applied:?} only")]
    Behind {
        /// Which.
        shard: u16,
        /// The last offset that is applied.
        applied: Option<u64>,
    },
    /// The shard is not (yet) behind this log: a persister opens it there once it has carried away what came before.
    #[error("shard {shard} has not joined the log yet")]
    OtherLog {
        /// Which.
        shard: u16,
        /// The log that it is behind; empty: none.
        name: String,
    },
    /// What answers is no Redis that we can work with, or holds what we cannot read. An operator must look.
    #[error("{0}")]
    Invalid(String),
}

/// A board, its present season, and how much is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardView {
    /// Its rules and present season.
    pub leaderboard: Leaderboard,
    /// Players on the present season.
    pub total: u64,
    /// The sequence of the last change of an order or a score.
    pub revision: u64,
    /// What the log has is still being applied, up to where it was when the shard was opened: ranks cannot be told.
    pub warming: bool,
}

/// Rows of a season, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageView {
    /// The board at that moment; `total` and `revision` are those of the season that was read.
    pub board: BoardView,
    /// The season that was read.
    pub version: VersionId,
    /// In the order that [`crate::Query`] promises, with the records; their windows are left out (empty here), since no
    /// reader needs them and they are most of a record.
    pub rows: Vec<(Placed, Record)>,
}

/// Why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such board.
    #[error("there is no such leaderboard")]
    NoBoard,
    /// The board is there, and this season of it is not in Redis (any more, or not yet): ask the store.
    #[error("this season is not in Redis")]
    NoSeason(Leaderboard),
    /// The shard is not reconciled under the present Redis, or is still being loaded.
    #[error("shard {shard} is being reconciled with the store")]
    Fenced {
        /// Which.
        shard: u16,
    },
    /// Redis is away.
    #[error("{0}")]
    Unavailable(String),
}

/// What a persister sees of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// Whether it is reconciled under the present Redis.
    pub open: bool,
    /// The epoch; 0: nothing is there.
    pub epoch: u32,
    /// The last sequence that was given.
    pub sequence: u64,
    /// The watermark that the store was told last. After the store went back it stays until everything above is dirty again.
    pub persisted: u64,
    /// The number of the last claim that the store confirmed; like `persisted` it stays while the store gets all again.
    pub stored: u64,
    /// The last sequence of the seasons that left Redis since they were in the store; 0: none did. A store that went back to below
    /// it lacks some of what they had, and so does Redis.
    pub pruned: u64,
    /// It was being filled from a store that was as far as `persisted` and `stored` say, and that was broken off.
    pub loading: bool,
    /// Records and boards that are dirty.
    pub dirty: u64,
    /// Records and boards that are in flight.
    pub in_flight: u64,
    /// The first sequence that is dirty or in flight; `None`: everything is persisted.
    pub oldest: Option<u64>,
    /// Redis's clock, in Unix milliseconds: the age of `oldest` is by this clock, not by ours.
    pub now_unix_ms: u64,
    /// Somebody waits for the store.
    pub wake: bool,
    /// Who holds the lease, if it has not expired.
    pub holder: Option<String>,
    /// The deployment that the shard is of, if it was ever opened.
    pub deployment: Option<Deployment>,
    /// Bytes that Redis uses, and may use (0: no limit).
    pub memory: (u64, u64),
    /// At its limit Redis would throw away scores, instead of refusing new ones: its `maxmemory-policy` is not `noeviction`.
    pub evicts: bool,
    /// Who applies the log to it, if the lease has not expired.
    pub applier: Option<String>,
    /// Where it is in the log, if one stands in front of it.
    pub log: Option<LogLook>,
}

/// Where a shard is in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLook {
    /// Which log.
    pub name: String,
    /// The era of all positions that come from it.
    pub era: u32,
    /// The last offset that was applied; `None`: nothing yet.
    pub applied: Option<u64>,
    /// The size of all entries that were applied here since the log was opened here.
    pub bytes: u64,
    /// The offset up to which all is in the store, and the size of the entries up to there, as `bytes`.
    pub persisted: Option<(u64, u64)>,
    /// The end of the log was not reached yet since the shard was opened.
    pub warming: bool,
}

/// Who shares out shards among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trade {
    /// Persisters.
    Persist,
    /// Who applies a log.
    Apply,
}

/// Which deployment a shard is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its random id.
    pub id: String,
    /// Its number of shards.
    pub shards: u16,
    /// The length of its idempotency windows.
    pub window: usize,
}

/// A board that was claimed, or is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardState {
    /// Its name.
    pub id: LeaderboardId,
    /// Its rules and present season.
    pub leaderboard: Leaderboard,
    /// The position of what last changed it.
    pub position: Position,
}

/// What a claimed board is confirmed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardMark(pub(super) Vec<u8>);

/// What was moved from dirty to in flight, with the states at that moment.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// The epoch of the shard.
    pub epoch: u32,
    /// The watermark that the store was told last: what to expect there.
    pub persisted: u64,
    /// The number of the last claim that the store confirmed: a store with a lower one went back.
    pub stored: u64,
    /// The watermark once all of this is in the store.
    pub watermark: u64,
    /// No stamp up to the watermark is above this.
    pub stamp: Stamp,
    /// Records, each with its first sequence that is not in the store.
    pub rows: Vec<(u64, RecordKey, Record)>,
    /// Boards, likewise, none twice.
    pub boards: Vec<(u64, BoardMark, BoardState)>,
    /// Whether more is dirty.
    pub more: bool,
    /// Its number, above all before it: only the last claim of a shard can be confirmed.
    pub number: u64,
    /// An offset of the log, all of which up to there is in the store once the watermark is reached, and the stamp after it.
    pub place: Option<(u64, Stamp)>,
}

/// What was confirmed by the store, and so leaves flight.
#[derive(Debug, Clone, Copy)]
pub struct Confirmed<'a> {
    /// The number of the claim.
    pub claim: u64,
    /// Records, each with its first sequence as claimed.
    pub rows: &'a [(u64, RecordKey)],
    /// Boards, likewise, each as claimed.
    pub boards: &'a [(u64, BoardMark)],
    /// The watermark that the store has now.
    pub watermark: u64,
}

/// A shard as a reconcile finds it. The fence is down from here until [`Opening`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The replication id that was seen: what is opened must be this Redis.
    pub replication: String,
    /// What a persister sees.
    pub look: Look,
}

/// One record to be put in by a reconcile, whatever is there.
#[derive(Debug, Clone)]
pub struct Install {
    /// Whose.
    pub key: RecordKey,
    /// The state.
    pub record: Record,
    /// Whether the store lacks it. Its first sequence is then that of its position.
    pub dirty: bool,
}

/// The end of a reconcile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// As surveyed.
    pub replication: String,
    /// The new epoch, already in the store.
    pub epoch: u32,
    /// Stamps go on above this and above what Redis had.
    pub stamp: Stamp,
    /// The store's watermark. If Redis was told a higher one, that is kept, and shows in the next [`Claim::persisted`].
    pub persisted: u64,
    /// The number of the last claim that the store has. If Redis knows of a higher one, that is kept, and shows in the next
    /// [`Claim::stored`]. Claims go on above both.
    pub stored: u64,
    /// What the shard is of from now on.
    pub deployment: Deployment,
    /// The log in front of it, if there is one.
    pub log: Option<OpenLog>,
}

/// Where a shard that is opened goes on in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLog {
    /// Which log: see [`log_name`]. Empty: none any more, and the rest is of no meaning.
    pub name: String,
    /// The era of all positions that come from it.
    pub era: u32,
    /// The offset that is applied (`None`: the beginning) and the stamp after it; or where Redis is already.
    pub from: Option<(Option<u64>, Stamp)>,
}

/// What Redis calls a log.
pub fn log_name(generation: u32, id: &str) -> String {
    format!("{generation}:{id}")
}

/// Whether a state is in the store yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persisted {
    /// It is, or something later is.
    Yes,
    /// Not yet.
    NotYet,
    /// The epoch changed meanwhile: nobody can tell from here.
    Unknown,
}
