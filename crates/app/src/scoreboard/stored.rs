//! Reading from the store: seasons that ended, and everything while the ranking tier is away.
//!
//! Ranks are counted there, in time proportional to the players that stand before. That is what a reader of last
//! season's hundredth page, or of a board during an outage, waits for; nobody who submits does.

use std::sync::Arc;

use hiscore_api::service::{BoardError, Page, Row, Start, Total, Trouble};
use hiscore_score::{
    Leaderboard, LeaderboardId, OrderKey, PlayerId, Record, RecordKey, Rules, Season, VersionId,
};
use hiscore_store::Store;
use hiscore_store::contract::{From, StoreError};

use super::counts::Counts;

/// So many players asked for at once are told their ranks; of more, only what they have. Each rank is a count.
const RANKED_AT_ONCE: usize = 100;

/// Reads from the store.
pub struct Stored {
    store: Arc<dyn Store>,
    counts: Arc<Counts>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stored")
    }
}

pub(super) fn trouble(error: StoreError) -> Trouble {
    match error {
        StoreError::Unavailable(_) => Trouble::Unavailable(error.to_string()),
        StoreError::Invalid(_) => Trouble::Internal(error.to_string()),
    }
}

fn away(error: StoreError) -> BoardError {
    BoardError::Trouble(trouble(error))
}

/// What is read, and whether its ranks may be told.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The season.
    pub season: Season,
    /// Its rules.
    pub rules: Rules,
    /// Not while the ranking tier is being loaded: then nobody is told a rank.
    pub ranked: bool,
    /// How many players it has.
    pub total: Total,
}

impl Reading {
    fn key(&self, player: &PlayerId) -> RecordKey {
        RecordKey { season: self.season.clone(), player: player.clone() }
    }

    fn place(&self, player: &PlayerId, record: &Record) -> Option<OrderKey> {
        let standing = record.live.as_ref()?.standing(&self.rules);
        Some(OrderKey { standing, player: player.clone() })
    }

    /// Rows that follow one another, the first of which has `rank`.
    fn page(&self, rank: u64, rows: Vec<(PlayerId, Record)>, has_next: bool) -> Page {
        let has_previous = rank > 1 && !rows.is_empty();
        let ranks = (rank..).map(|rank| self.ranked.then_some(rank));
        let rows = rows.into_iter().zip(ranks).filter_map(|((player, record), rank)| {
            Some(Row::new(player, rank, record.live?, record.updated))
        });
        let (version, rules, total) = (self.season.version, self.rules, self.total.clone());
        Page { version, rules, rows: rows.collect(), has_previous, has_next, total }
    }
}

impl Stored {
    /// Reads from `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { counts: Arc::new(Counts::new(Arc::clone(&store))), store }
    }

    /// A board, as the store has it.
    pub async fn board(&self, id: &LeaderboardId, shard: u16) -> Result<Option<Leaderboard>, BoardError> {
        let boards = self.store.boards(Some(shard)).await.map_err(away)?;
        Ok(boards.into_iter().find(|board| board.id == *id).map(|board| board.leaderboard))
    }

    /// How many players a season has.
    pub fn total(&self, season: &Season, ended: bool) -> Total {
        self.counts.total(season, ended)
    }

    /// A page from `start` on.
    pub async fn page(&self, reading: &Reading, start: &Start, first: usize) -> Result<Page, BoardError> {
        let from = match start {
            Start::Top => From::Skip(0),
            Start::Rank(rank) => From::Skip(rank.saturating_sub(1)),
            Start::After(key) => From::After(key.clone()),
        };
        // One more than asked for, to know whether anybody follows.
        let limit = first.saturating_add(1);
        let mut rows = self.store.walk(&reading.season, &reading.rules, &from, limit).await.map_err(away)?;
        let has_next = rows.len() > first;
        rows.truncate(first);
        let rank = match (start, rows.first()) {
            (Start::Top, _) | (_, None) => 1,
            (Start::Rank(rank), _) => (*rank).max(1),
            (Start::After(_), Some((player, record))) => match reading.place(player, record) {
                Some(place) => self.rank(reading, &place).await?,
                None => 1,
            },
        };
        Ok(reading.page(rank, rows, has_next))
    }

    /// A player and its neighbours.
    pub async fn around(
        &self,
        reading: &Reading,
        player: &PlayerId,
        range: usize,
    ) -> Result<Page, BoardError> {
        let (season, rules) = (&reading.season, &reading.rules);
        let found = self.store.get(&[reading.key(player)]).await.map_err(away)?;
        let Some((record, place)) = found.into_iter().flatten().next().and_then(|record| {
            let place = reading.place(player, &record)?;
            Some((record, place))
        }) else {
            return Ok(reading.page(1, Vec::new(), false));
        };
        let before = From::Before(place.clone());
        let mut rows = self.store.walk(season, rules, &before, range).await.map_err(away)?;
        let above = rows.len() as u64;
        rows.push((player.clone(), record));
        let after = From::After(place.clone());
        let below = self.store.walk(season, rules, &after, range.saturating_add(1)).await.map_err(away)?;
        let has_next = below.len() > range;
        rows.extend(below.into_iter().take(range));
        let rank = self.rank(reading, &place).await?.saturating_sub(above);
        Ok(reading.page(rank.max(1), rows, has_next))
    }

    /// These players, in the order asked.
    pub async fn rows(&self, reading: &Reading, players: &[PlayerId]) -> Result<Page, BoardError> {
        let keys: Vec<_> = players.iter().map(|player| reading.key(player)).collect();
        let found = self.store.get(&keys).await.map_err(away)?;
        let ranked = reading.ranked && players.len() <= RANKED_AT_ONCE;
        let mut rows = Vec::with_capacity(found.len());
        for (player, record) in players.iter().zip(found) {
            let Some(record) = record else { continue };
            let Some(place) = reading.place(player, &record) else { continue };
            let rank = if ranked { Some(self.rank(reading, &place).await?) } else { None };
            let Some(live) = record.live else { continue };
            rows.push(Row::new(player.clone(), rank, live, record.updated));
        }
        let page = reading.page(1, Vec::new(), false);
        Ok(Page { rows, ..page })
    }

    async fn rank(&self, reading: &Reading, place: &OrderKey) -> Result<u64, BoardError> {
        if !reading.ranked {
            return Ok(1);
        }
        let before = self.store.before(&reading.season, &reading.rules, place).await.map_err(away)?;
        Ok(before + 1)
    }
}

/// Whether a version can be read of a board.
pub fn is_version_of(version: VersionId, leaderboard: &Leaderboard) -> bool {
    version >= 1 && version <= leaderboard.version
}
