//! The plain model: maps, sorted when asked.

use std::collections::BTreeMap;
use std::ops::Range;

use hiscore_score::{LeaderboardId, OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season};

use crate::contract::{From, StoredBoard};

/// What a store must be equal to.
#[derive(Debug, Default)]
pub(super) struct Model {
    records: BTreeMap<RecordKey, (u16, Record)>,
    boards: BTreeMap<LeaderboardId, (u16, StoredBoard)>,
}

impl Model {
    /// Writes a state; whether one was there that is not older.
    pub(super) fn record(&mut self, shard: u16, key: &RecordKey, record: &Record) -> bool {
        let superseded =
            self.records.get(key).is_some_and(|(_, present)| present.position >= record.position);
        if !superseded {
            self.records.insert(key.clone(), (shard, record.clone()));
        }
        superseded
    }

    /// The same of a board.
    pub(super) fn board(&mut self, shard: u16, board: &StoredBoard) -> bool {
        let superseded =
            self.boards.get(&board.id).is_some_and(|(_, present)| present.position >= board.position);
        if !superseded {
            self.boards.insert(board.id.clone(), (shard, board.clone()));
        }
        superseded
    }

    pub(super) fn boards(&self, shard: Option<u16>) -> Vec<StoredBoard> {
        let of = self.boards.values().filter(|(of, _)| shard.is_none_or(|shard| shard == *of));
        of.map(|(_, board)| board.clone()).collect()
    }

    pub(super) fn all(&self) -> Vec<(RecordKey, Record)> {
        self.records.iter().map(|(key, (_, record))| (key.clone(), record.clone())).collect()
    }

    pub(super) fn between(&self, shard: u16, range: &Range<Position>) -> Vec<(RecordKey, Record)> {
        let within =
            self.records.iter().filter(|(_, (of, record))| *of == shard && range.contains(&record.position));
        let mut found: Vec<_> = within.map(|(key, (_, record))| (key.clone(), record.clone())).collect();
        found.sort_by(|(a, x), (b, y)| (x.position, a).cmp(&(y.position, b)));
        found
    }

    /// A season in its order.
    pub(super) fn order(&self, season: &Season, rules: &Rules) -> Vec<(OrderKey, PlayerId, Record)> {
        let mut rows: Vec<_> = self
            .records
            .iter()
            .filter(|(key, _)| key.season == *season)
            .filter_map(|(key, (_, record))| {
                let standing = record.live.as_ref()?.standing(rules);
                Some((OrderKey { standing, player: key.player.clone() }, key.player.clone(), record.clone()))
            })
            .collect();
        rows.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        rows
    }

    /// A page of a season.
    pub(super) fn walk(
        &self,
        season: &Season,
        rules: &Rules,
        from: &From,
        limit: usize,
    ) -> Vec<(PlayerId, Record)> {
        let order = self.order(season, rules);
        let rows = match from {
            From::Skip(rows) => &order[order.len().min(usize::try_from(*rows).unwrap_or(usize::MAX))..],
            From::After(place) => &order[order.partition_point(|(key, ..)| key <= place)..],
            From::Before(place) => {
                let end = order.partition_point(|(key, ..)| key < place);
                &order[end.saturating_sub(limit)..end]
            }
        };
        rows.iter().take(limit).map(|(_, player, record)| (player.clone(), record.clone())).collect()
    }
}
