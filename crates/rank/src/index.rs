//! The order of one season of a board: ranks, pages and neighbours in O(log n).

use std::collections::HashMap;

use hiscore_score::{OrderKey, PlayerId, Standing};
use indexset::BTreeSet;

use crate::contract::{Placed, Query, RankState, View};

/// One season of a board in order, with the revision and the state that belong to that order.
#[derive(Debug, Default)]
pub struct Index {
    order: BTreeSet<OrderKey>,
    standings: HashMap<PlayerId, Standing>,
    revision: u64,
    state: RankState,
}

impl Index {
    /// The most players one season can hold.
    pub const MAX_PLAYERS: usize = u32::MAX as usize;

    /// Nobody yet, revision 0, [`RankState::Exact`].
    pub fn new() -> Self {
        Self::default()
    }

    /// An index of many players at once, in any order; of one who comes twice the last counts. Faster than as
    /// many [`Index::upsert`]s: for a restart.
    pub fn from_rows(rows: impl IntoIterator<Item = (PlayerId, Standing)>) -> Self {
        let mut index = Self::new();
        for (player, standing) in rows {
            index.upsert(&player, standing);
        }
        index
    }

    /// How many players there are. O(1).
    pub fn len(&self) -> usize {
        self.standings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.standings.is_empty()
    }

    /// The sequence number of the last change of an order or a score.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Says that the order now includes everything up to sequence number `revision`.
    pub fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// How far the ranks can be trusted.
    pub fn state(&self) -> RankState {
        self.state
    }

    /// Says how far the ranks can be trusted.
    pub fn set_state(&mut self, state: RankState) {
        self.state = state;
    }

    /// Puts a player where `standing` says, and returns where it stood before. O(log n).
    ///
    /// The caller keeps the season below [`Index::MAX_PLAYERS`].
    pub fn upsert(&mut self, player: &PlayerId, standing: Standing) -> Option<Standing> {
        let before = self.standings.insert(player.clone(), standing);
        if before == Some(standing) {
            return before;
        }
        if let Some(before) = before {
            self.order.remove(&OrderKey { standing: before, player: player.clone() });
        }
        self.order.insert(OrderKey { standing, player: player.clone() });
        before
    }

    /// Takes a player out, and returns where it stood. O(log n).
    pub fn remove(&mut self, player: &PlayerId) -> Option<Standing> {
        let standing = self.standings.remove(player)?;
        self.order.remove(&OrderKey { standing, player: player.clone() });
        Some(standing)
    }

    /// Where a player stands, in scores. O(1).
    pub fn standing(&self, player: &PlayerId) -> Option<Standing> {
        self.standings.get(player).copied()
    }

    /// The rank of a player, from 1. O(log n).
    pub fn rank(&self, player: &PlayerId) -> Option<u64> {
        self.placed(player).map(|placed| placed.rank)
    }

    /// Rank and standing of a player. O(log n).
    pub fn placed(&self, player: &PlayerId) -> Option<Placed> {
        let standing = self.standing(player)?;
        let key = OrderKey { standing, player: player.clone() };
        Some(Placed { rank: self.order.rank(&key) as u64 + 1, player: key.player, standing })
    }

    /// Rank and standing of many players in the order asked; unknown ones are left out. O(log n) each.
    pub fn placed_many(&self, players: &[PlayerId]) -> Vec<Placed> {
        players.iter().filter_map(|player| self.placed(player)).collect()
    }

    /// Up to `limit` rows from `rank` (from 1; 0 is taken as 1) on. O(log n + rows).
    pub fn from_rank(&self, rank: u64, limit: usize) -> Vec<Placed> {
        let start = usize::try_from(rank.saturating_sub(1)).unwrap_or(usize::MAX);
        self.slice(start, start.saturating_add(limit))
    }

    /// Up to `limit` rows strictly after `key`. O(log n + rows).
    pub fn after(&self, key: &OrderKey, limit: usize) -> Vec<Placed> {
        let start = self.order.rank(key) + usize::from(self.order.contains(key));
        self.slice(start, start.saturating_add(limit))
    }

    /// The up to `limit` rows nearest before `key`, in rank order. O(log n + rows).
    pub fn before(&self, key: &OrderKey, limit: usize) -> Vec<Placed> {
        let end = self.order.rank(key);
        self.slice(end.saturating_sub(limit), end)
    }

    /// A player with up to `range` rows above and below; nothing for an unknown player. O(log n + rows).
    pub fn around(&self, player: &PlayerId, range: usize) -> Vec<Placed> {
        let Some(standing) = self.standing(player) else { return Vec::new() };
        let at = self.order.rank(&OrderKey { standing, player: player.clone() });
        self.slice(at.saturating_sub(range), at.saturating_add(range).saturating_add(1))
    }

    /// The answer to a query, with the total, the revision and the state that belong to it.
    pub fn view(&self, query: &Query) -> View {
        let rows = match query {
            Query::Count => Vec::new(),
            Query::FromRank { rank, limit } => self.from_rank(*rank, *limit),
            Query::After { key, limit } => self.after(key, *limit),
            Query::Before { key, limit } => self.before(key, *limit),
            Query::Around { player, range } => self.around(player, *range),
            Query::Players(players) => self.placed_many(players),
        };
        View { total: self.len() as u64, revision: self.revision, state: self.state, rows }
    }

    /// The rows from index `start` (from 0) up to, not including, `end`; both are cut to what there is.
    fn slice(&self, start: usize, end: usize) -> Vec<Placed> {
        let end = end.min(self.len());
        if start >= end {
            return Vec::new();
        }
        let rows = self.order.range_idx(start..end).enumerate();
        rows.map(|(at, key)| Placed {
            rank: (start + at) as u64 + 1,
            player: key.player.clone(),
            standing: key.standing,
        })
        .collect()
    }
}
