//! What the API needs of the stages behind it. The wiring of each profile provides it; tests may provide a model.
//!
//! Errors here say what the *client* must do: mend the input, try again, or try again with the same submission id.

use std::sync::Arc;

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use hiscore_score::{
    Leaderboard, LeaderboardId, Live, Metadata, OrderKey, Outcome, PlayerId, Refusal, Rules, Score, Stamp,
    Standing, Submission, VersionId,
};

/// How safe an acknowledged submission is; a later level is a stronger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ack {
    /// In the ranking tier.
    Ranked,
    /// On the ranking tier's replicas too.
    Replicated,
    /// On a quorum of the log's brokers.
    Logged,
    /// In the store, synced.
    Persisted,
}

/// How far the ranks can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RankState {
    /// They are right.
    Exact,
    /// The ranking tier is still loading: no rank is told.
    Warming,
    /// The ranking tier is away: read from the store, which may be behind.
    Stale,
}

/// One player's update in a request, already within the rules of ids, scores and metadata.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose score.
    pub player: PlayerId,
    /// What was submitted.
    pub submission: Submission,
}

/// What the client asked to be told, so that nothing is computed for nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// `outcome`.
    pub outcome: bool,
    /// `record`.
    pub record: bool,
    /// `record` with more than its rank and its scores.
    pub details: bool,
    /// `record { rank }`.
    pub rank: bool,
    /// `previousRank`.
    pub previous_rank: bool,
    /// The least level to wait for; `None` is the profile's default.
    pub ack: Option<Ack>,
}

/// What of a row is wanted: the order itself has the scores, the rest may have to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Columns {
    /// Player, rank and scores. More may come.
    Scores,
    /// The details too.
    All,
}

/// What a player has, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who.
    pub player: PlayerId,
    /// From 1; `None` while the ranks are warming, or when it was not wanted.
    pub rank: Option<u64>,
    /// The score.
    pub score: Score,
    /// The second column.
    pub subscore: Score,
    /// When they were reached: the tie-break.
    pub reached: Stamp,
    /// `None` only if they were not wanted.
    pub details: Option<Details>,
}

/// What goes with the scores of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// How many submissions were applied.
    pub num_score: u64,
    /// What the game keeps beside the scores.
    pub metadata: Option<Metadata>,
    /// When the first submission was applied.
    pub created: Stamp,
    /// When the last submission was applied.
    pub updated: Stamp,
}

impl Row {
    /// All of a record whose last submission was applied at `updated`.
    pub fn new(player: PlayerId, rank: Option<u64>, live: Live, updated: Stamp) -> Self {
        let Live { score, subscore, metadata, num_score, created, reached } = live;
        let details = Some(Details { num_score, metadata, created, updated });
        Self { player, rank, score, subscore, reached, details }
    }

    /// A place in the order, with what the order knows.
    pub fn placed(player: PlayerId, rank: Option<u64>, standing: &Standing, rules: &Rules) -> Self {
        let (score, subscore) = (standing.score(rules), standing.subscore(rules));
        Self { player, rank, score, subscore, reached: standing.reached(), details: None }
    }

    /// Where it stands, for cursors.
    pub fn standing(&self, rules: &Rules) -> Standing {
        Standing::new(rules, self.score, self.subscore, self.reached)
    }
}

/// A submission that the law accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// What it did; `None` if that was not waited for: behind a log it is safe before it is judged.
    pub outcome: Option<Outcome>,
    /// The season it was judged in; of no meaning if it was not judged yet.
    pub version: VersionId,
    /// The state after it, if wanted. `None` too for a duplicate of a player who has no record (any more).
    pub record: Option<Row>,
    /// The rank before it, if wanted and if there was one.
    pub previous_rank: Option<u64>,
    /// The level reached.
    pub ack: Ack,
}

/// Why one submission was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The law refuses it; trying again will not help.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something behind us is in trouble.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// Trouble that is not the client's doing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Surely not applied: try again later. The text says what is away or full.
    #[error("not applied, try again: {0}")]
    Unavailable(String),
    /// It may have been applied: try again with the same submission id.
    #[error("it is unknown whether this was applied, try again with the same submissionId: {0}")]
    Ambiguous(String),
    /// A defect of ours; the log has more.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Why a request about a board was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// There is no such leaderboard (or no such season of it).
    #[error("there is no such leaderboard or version")]
    NotFound,
    /// A leaderboard of this name is there, whatever its rules.
    #[error("a leaderboard of this name exists already")]
    AlreadyExists,
    /// `expectedVersionId` is not the present one.
    #[error("the leaderboard is at version {present}")]
    VersionConflict {
        /// The present season.
        present: VersionId,
    },
    /// The deployment has as many leaderboards as it is configured for, or the board all the seasons there can be.
    #[error("{0}")]
    TooMany(String),
    /// Trouble behind us.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// A board as it is shown.
#[derive(Debug, Clone)]
pub struct Board {
    /// Its name.
    pub id: LeaderboardId,
    /// Its rules and present season.
    pub leaderboard: Leaderboard,
    /// Players on the present season.
    pub total: u64,
    /// How far the ranks can be trusted.
    pub state: RankState,
    /// Changes whenever an order or a score changes.
    pub revision: String,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At the top.
    Top,
    /// At this rank, from 1.
    Rank(u64),
    /// Right behind this place in the order.
    After(OrderKey),
}

/// Counts the players of a season when it is called.
pub type Count = dyn Fn() -> BoxFuture<'static, Result<u64, Trouble>> + Send + Sync;

/// How many players a season has.
#[derive(Clone)]
pub enum Total {
    /// Known where the page comes from.
    Known(u64),
    /// Not known without counting, which takes time in proportion to it: done if somebody asks.
    Counted(Arc<Count>),
}

impl Total {
    /// The number; an error if it had to be counted and could not be.
    pub async fn get(&self) -> Result<u64, Trouble> {
        match self {
            Self::Known(total) => Ok(*total),
            Self::Counted(count) => count().await,
        }
    }
}

impl std::fmt::Debug for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(total) => write!(f, "{total}"),
            Self::Counted(_) => f.write_str("not counted"),
        }
    }
}

/// A page of a season, consistent in itself.
#[derive(Debug, Clone)]
pub struct Page {
    /// The season.
    pub version: VersionId,
    /// The rules, from which cursors are made.
    pub rules: Rules,
    /// In order.
    pub rows: Vec<Row>,
    /// Whether somebody stands before the first row.
    pub has_previous: bool,
    /// Whether somebody stands behind the last row.
    pub has_next: bool,
    /// Players on the season.
    pub total: Total,
}

/// One coalesced change of a board: its present top.
#[derive(Debug, Clone)]
pub struct Change {
    /// The season.
    pub version: VersionId,
    /// The revision shown.
    pub revision: String,
    /// How far the ranks can be trusted.
    pub state: RankState,
    /// Players on the season.
    pub total: u64,
    /// The first `first` rows, or more: whoever shows it cuts.
    pub rows: Vec<Row>,
}

/// The changes of a board.
pub type Changes = BoxStream<'static, Result<Arc<Change>, Trouble>>;
/// The changes of what one player has; `None`: no record (any more).
pub type RankChanges = BoxStream<'static, Result<Option<(VersionId, Row)>, Trouble>>;

/// The stages behind the API.
///
/// Writes return when the wanted level is reached, or say honestly that it was not. Reads never block writes.
/// `version` of `None` is the present season. Every method may be called by any number of callers at once, and
/// dropping a returned future never leaves anything half done.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Judges and keeps `entries` (at least one) of one board, in their order; one result for each, in that order.
    ///
    /// An `Err` for the whole means that none was applied (`NotFound`, `Trouble::Unavailable`), or that it is not
    /// known of any (`Trouble::Ambiguous`).
    async fn submit(
        &self,
        leaderboard: &LeaderboardId,
        entries: Vec<Entry>,
        wanted: Wanted,
    ) -> Result<Vec<Result<Accepted, Rejected>>, BoardError>;

    /// Creates a board; one that is there with the same rules is `AlreadyExists` too.
    async fn create(&self, id: &LeaderboardId, rules: Rules) -> Result<Board, BoardError>;

    /// Opens the next season; with `expected`, only from exactly that one.
    async fn reset(&self, id: &LeaderboardId, expected: Option<VersionId>) -> Result<Board, BoardError>;

    /// Deletes what a player has on the present season; whether there was anything.
    async fn delete(&self, id: &LeaderboardId, player: &PlayerId) -> Result<bool, BoardError>;

    /// A board, or `None`.
    async fn leaderboard(&self, id: &LeaderboardId) -> Result<Option<Board>, Trouble>;

    /// At most `first` boards in the order of their ids, strictly after `after`; and whether more follow.
    async fn leaderboards(
        &self,
        after: Option<&LeaderboardId>,
        first: usize,
    ) -> Result<(Vec<Board>, bool), Trouble>;

    /// A page of at most `first` rows.
    async fn page(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        start: Start,
        first: usize,
        columns: Columns,
    ) -> Result<Page, BoardError>;

    /// The player with up to `range` rows above and below; empty when the player has no record.
    async fn around(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        player: &PlayerId,
        range: usize,
        columns: Columns,
    ) -> Result<Page, BoardError>;

    /// What these players have, in the order asked, unknown ones left out.
    async fn rows(
        &self,
        id: &LeaderboardId,
        version: Option<VersionId>,
        players: &[PlayerId],
        columns: Columns,
    ) -> Result<Page, BoardError>;

    /// The present top of a board now and after every change, coalesced; holds at least `first` rows if there are
    /// that many. Ends when the server closes.
    async fn changes(&self, id: &LeaderboardId, first: usize) -> Result<Changes, BoardError>;

    /// What one player has now and after every change of it (of what is wanted of it) or of its rank, coalesced; `None`: no
    /// record (any more).
    async fn rank_changes(
        &self,
        id: &LeaderboardId,
        player: &PlayerId,
        columns: Columns,
    ) -> Result<RankChanges, BoardError>;
}

/// One line of `/readyz?verbose`.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was looked at, in `snake_case`.
    pub name: &'static str,
    /// Whether it is well.
    pub ok: bool,
    /// What an operator wants to know.
    pub detail: String,
}

/// Whether this process should be sent traffic.
pub trait Health: Send + Sync + 'static {
    /// Everything that was looked at; ready when all are well. Must be quick and do no I/O.
    fn checks(&self) -> Vec<Check>;
}
