//! What a reader may ask of a ranking tier, and what it may rely on.

use std::future::Future;
use std::pin::Pin;

use hiscore_score::{OrderKey, PlayerId, Season, Standing};

/// How far the order of a season can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RankState {
    /// Every player is in it: ranks are exact.
    #[default]
    Exact,
    /// It is still being loaded: players are missing, so a rank must not be shown to anybody.
    Warming,
    /// The tier was away, and this comes from elsewhere: complete, but as of some time ago.
    Stale,
}

/// A player in the order of a season.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placed {
    /// From 1, the first.
    pub rank: u64,
    /// Who.
    pub player: PlayerId,
    /// With what.
    pub standing: Standing,
}

impl Placed {
    /// The place of this row as a cursor: pages go on strictly after or before it.
    pub fn order_key(&self) -> OrderKey {
        OrderKey { standing: self.standing, player: self.player.clone() }
    }
}

/// What to read of a season. A limit of 0 is allowed and returns no rows; no limit is enforced here, since
/// the caller bounds what a request may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// No rows: total, revision and state alone.
    Count,
    /// Rows from a rank (from 1; 0 is taken as 1) on. None beyond the last rank.
    FromRank {
        /// The first rank wanted.
        rank: u64,
        /// At most this many rows.
        limit: usize,
    },
    /// The rows strictly after a place in the order, whether or not anybody stands there any more.
    After {
        /// The place.
        key: OrderKey,
        /// At most this many rows: the nearest.
        limit: usize,
    },
    /// The rows strictly before a place, in rank order, whether or not anybody stands there any more.
    Before {
        /// The place.
        key: OrderKey,
        /// At most this many rows: the nearest.
        limit: usize,
    },
    /// A player with up to `range` rows above and up to `range` below; no rows for an unknown player.
    Around {
        /// The one in the middle.
        player: PlayerId,
        /// How many on either side; fewer at the ends.
        range: usize,
    },
    /// These players in the order asked, each as often as asked; unknown ones are left out.
    Players(Vec<PlayerId>),
}

/// One consistent answer: all of it was true at the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// How many players the season has.
    pub total: u64,
    /// The sequence number of the last change of an order or a score. Never goes down while the season is in
    /// the tier; two views of one season with the same revision show the same order.
    pub revision: u64,
    /// How far the ranks can be trusted.
    pub state: RankState,
    /// What was asked for, in rank order (for [`Query::Players`], in the order asked).
    pub rows: Vec<Placed>,
}

impl View {
    /// The rank of one of its rows, or `None` while the season is [`RankState::Warming`]: no rank is made up.
    pub fn rank(&self, row: &Placed) -> Option<u64> {
        (self.state != RankState::Warming).then_some(row.rank)
    }
}

/// Why there is no answer, said as what the caller has to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RankError {
    /// This tier does not hold the season (any more): read it from the store, which knows whether it exists.
    #[error("the ranking tier does not hold this season")]
    NotFound,
    /// The tier cannot be read now: try again later, or read the store and say that it is stale.
    #[error("the ranking tier is unavailable: {0}")]
    Unavailable(String),
}

/// The answer to come. It may be dropped at any time, which leaves nothing half done.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<View, RankError>> + Send + 'a>>;

/// A tier that ranks players, seen by a reader.
///
/// # What an implementation promises
///
/// - The order is that of [`OrderKey`], which is total. Ranks count from 1 without gaps: the rank of a player is
///   one more than the number of players before it.
/// - A [`View`] is of one moment: total, revision, state and rows belong together, and no rank is made up. A
///   tier that has not everything yet says [`RankState::Warming`].
/// - Cursors are places in the order, not players or ranks. Walking with [`Query::After`] from the last row of a
///   page (or [`Query::Before`] from its first) never repeats and never skips a player that did not move, no
///   matter who else moves, comes or leaves meanwhile, including the player the cursor was taken from.
/// - What the writer has published is in every view that is asked for afterwards.
/// - Reading changes nothing and may be cancelled. It takes O(log n + rows) and copies only the rows.
///
/// One method, so that a wrapper (timeout, metrics, fallback to the store) wraps everything by wrapping it.
pub trait Ranking: Send + Sync {
    /// Reads one season.
    fn read<'a>(&'a self, season: &'a Season, query: Query) -> Answer<'a>;
}
