//! The order of one season of a board: ranks, pages and neighbours in O(log n).

use hiscore_score::{OrderKey, PlayerId, Standing};

use crate::contract::{Placed, Query, RankState, View};
use crate::players::Players;
use crate::tree::{Place, Tree};

/// One season of a board in order, with the revision and the state that belong to that order.
#[derive(Debug, Default)]
pub struct Index {
    players: Players,
    order: Tree<64, 32>,
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
        let (rows, mut players) = (rows.into_iter(), Players::default());
        players.reserve(rows.size_hint().0);
        for (player, standing) in rows {
            match players.find(player.as_str()) {
                Some(slot) => players.set_standing(slot, standing),
                None if players.len() < Self::MAX_PLAYERS => {
                    players.add(&player, standing);
                }
                None => {}
            }
        }
        // Sorted with the standings beside the slots: following each slot to its standing would cost a cache miss
        // for every comparison.
        let mut ordered: Vec<_> = players.slots().map(|slot| (players.standing(slot), slot)).collect();
        ordered.sort_unstable_by(|(a, slot_a), (b, slot_b)| {
            a.cmp(b).then_with(|| players.name(*slot_a).cmp(players.name(*slot_b)))
        });
        let order = Tree::build(&players, &ordered);
        Self { players, order, ..Self::default() }
    }

    /// How many players there are. O(1).
    pub fn len(&self) -> usize {
        self.players.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        let Some(slot) = self.players.find(player.as_str()) else {
            if self.len() < Self::MAX_PLAYERS {
                let slot = self.players.add(player, standing);
                self.order.insert(&self.players, slot);
            }
            return None;
        };
        let before = self.players.standing(slot);
        if before != standing {
            self.order.relocate(&mut self.players, slot, standing);
        }
        Some(before)
    }

    /// Takes a player out, and returns where it stood. O(log n).
    pub fn remove(&mut self, player: &PlayerId) -> Option<Standing> {
        let slot = self.players.find(player.as_str())?;
        let standing = self.players.standing(slot);
        self.order.remove(&self.players, slot);
        self.players.remove(slot);
        Some(standing)
    }

    /// Brings near to the processor what looking for these players needs, all at once: on a large board a player is a few
    /// cache misses away, and those of many side by side cost little more than those of one. Changes nothing. For some
    /// hundred players who are looked for right after.
    pub fn fetch<'a>(&self, players: impl Iterator<Item = &'a PlayerId>) {
        self.players.fetch(players.map(PlayerId::as_str));
    }

    /// Where a player stands, in scores. O(1).
    pub fn standing(&self, player: &PlayerId) -> Option<Standing> {
        Some(self.players.standing(self.players.find(player.as_str())?))
    }

    /// The rank of a player, from 1. O(log n).
    pub fn rank(&self, player: &PlayerId) -> Option<u64> {
        let slot = self.players.find(player.as_str())?;
        Some(self.order.before_slot(&self.players, slot) as u64 + 1)
    }

    /// Rank and standing of a player. O(log n).
    pub fn placed(&self, player: &PlayerId) -> Option<Placed> {
        let slot = self.players.find(player.as_str())?;
        let rank = self.order.before_slot(&self.players, slot) as u64 + 1;
        Some(Placed { rank, player: player.clone(), standing: self.players.standing(slot) })
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
        let stands_there = self.standing(&key.player) == Some(key.standing);
        let start = self.before_key(key) + usize::from(stands_there);
        self.slice(start, start.saturating_add(limit))
    }

    /// The up to `limit` rows nearest before `key`, in rank order. O(log n + rows).
    pub fn before(&self, key: &OrderKey, limit: usize) -> Vec<Placed> {
        let end = self.before_key(key);
        self.slice(end.saturating_sub(limit), end)
    }

    /// A player with up to `range` rows above and below; nothing for an unknown player. O(log n + rows).
    pub fn around(&self, player: &PlayerId, range: usize) -> Vec<Placed> {
        let Some(slot) = self.players.find(player.as_str()) else { return Vec::new() };
        let at = self.order.before_slot(&self.players, slot);
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

    /// How many stand strictly before a place.
    fn before_key(&self, key: &OrderKey) -> usize {
        let place = Place { standing: key.standing, name: key.player.as_str() };
        self.order.before(&self.players, &place)
    }

    /// The rows from index `start` (from 0) up to, not including, `end`; both are cut to what there is.
    fn slice(&self, start: usize, end: usize) -> Vec<Placed> {
        let end = end.min(self.len());
        if start >= end {
            return Vec::new();
        }
        // One thing after the other for all rows, since each costs a row some cache misses, and side by side the
        // processor waits for several at once.
        let mut slots = Vec::with_capacity(end - start);
        self.order.each(start, end, &mut |slot| slots.push(slot));
        let found: Vec<_> = slots.into_iter().map(|slot| self.players.look_up(slot)).collect();
        let place = |(rank, (standing, name)): (u64, (Standing, &str))| {
            // It came in as a name, so it is one.
            let player = PlayerId::new(name).ok()?;
            Some(Placed { rank, player, standing })
        };
        (start as u64 + 1..).zip(found).filter_map(place).collect()
    }
}
