//! What a simulated store holds: maps, sorted when asked. A copy of it is a backup.

use std::collections::BTreeMap;
use std::ops::Range;

use hiscore_score::{LeaderboardId, OrderKey, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp};
use hiscore_store::contract::{
    Advanced, DeploymentInfo, From, Progress, ShardState, StoredBoard, StoredLog, Written,
};

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) deployment: Option<DeploymentInfo>,
    pub(crate) log: Option<StoredLog>,
    pub(crate) shards: BTreeMap<u16, ShardState>,
    pub(crate) records: BTreeMap<RecordKey, (u16, Record)>,
    pub(crate) boards: BTreeMap<LeaderboardId, (u16, StoredBoard)>,
}

impl Table {
    /// Writes states under the guard.
    pub(crate) fn write(
        &mut self,
        shard: u16,
        rows: &[(RecordKey, Record)],
        boards: &[StoredBoard],
    ) -> Written {
        let mut written = Written::default();
        for board in boards {
            let there = self.boards.get(&board.id);
            if there.is_some_and(|(_, there)| there.position >= board.position) {
                written.superseded += 1;
            } else {
                self.boards.insert(board.id.clone(), (shard, board.clone()));
            }
        }
        for (at, (key, record)) in rows.iter().enumerate() {
            if !self.boards.contains_key(&key.season.leaderboard) {
                written.failed_rows.push((at, "there is no such leaderboard".to_owned()));
            } else if self.records.get(key).is_some_and(|(_, there)| there.position >= record.position) {
                written.superseded += 1;
            } else {
                self.records.insert(key.clone(), (shard, record.clone()));
            }
        }
        written
    }

    pub(crate) fn open_epoch(&mut self, shard: u16, from: u32, wanted: &ShardState) -> bool {
        let state = self.shards.entry(shard).or_default();
        let fits = state.epoch == from && state.bulk >= wanted.bulk;
        if fits {
            state.clone_from(wanted);
        }
        fits
    }

    pub(crate) fn advance(
        &mut self,
        shard: u16,
        epoch: u32,
        expected: Progress,
        reached: Progress,
        stamp: Stamp,
        place: Option<(u64, Stamp)>,
    ) -> Advanced {
        let state = self.shards.entry(shard).or_default();
        if state.epoch != epoch {
            return Advanced::Fenced(state.clone());
        }
        if state.is_behind(expected) {
            return Advanced::WentBack(state.clone());
        }
        state.watermark = state.watermark.max(reached.watermark);
        state.bulk = state.bulk.max(reached.bulk);
        state.stamp = state.stamp.max(stamp);
        if let (Some(log), Some((offset, stamp))) = (&mut state.log, place)
            && log.offset.is_none_or(|there| there < offset)
        {
            (log.offset, log.stamp) = (Some(offset), stamp);
        }
        Advanced::Done
    }

    pub(crate) fn boards(&self, shard: Option<u16>) -> Vec<StoredBoard> {
        let of = self.boards.values().filter(|(of, _)| shard.is_none_or(|shard| shard == *of));
        of.map(|(_, board)| board.clone()).collect()
    }

    pub(crate) fn between(
        &self,
        shard: u16,
        range: &Range<Position>,
        after: Option<&(Position, RecordKey)>,
        limit: usize,
    ) -> Vec<(RecordKey, Record)> {
        let within = self.records.iter().filter(|(key, (of, record))| {
            let is_after = after.is_none_or(|after| (record.position, *key) > (after.0, &after.1));
            *of == shard && range.contains(&record.position) && is_after
        });
        let mut found: Vec<_> = within.map(|(key, (_, record))| (key.clone(), record.clone())).collect();
        found.sort_by(|(a, x), (b, y)| (x.position, a).cmp(&(y.position, b)));
        found.truncate(limit);
        found
    }

    /// A season in its order.
    pub(crate) fn order(&self, season: &Season, rules: &Rules) -> Vec<(OrderKey, PlayerId, Record)> {
        let of = self.records.iter().filter(|(key, _)| key.season == *season);
        let mut rows: Vec<_> = of
            .filter_map(|(key, (_, record))| {
                let standing = record.live.as_ref()?.standing(rules);
                Some((OrderKey { standing, player: key.player.clone() }, key.player.clone(), record.clone()))
            })
            .collect();
        rows.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        rows
    }

    pub(crate) fn walk(
        &self,
        season: &Season,
        rules: &Rules,
        from: &From,
        limit: usize,
    ) -> Vec<(PlayerId, Record)> {
        let order = self.order(season, rules);
        let first = match from {
            From::Skip(rows) => usize::try_from(*rows).unwrap_or(usize::MAX),
            From::After(place) => order.partition_point(|(key, ..)| key <= place),
            From::Before(place) => order.partition_point(|(key, ..)| key < place).saturating_sub(limit),
        };
        let rows = order.into_iter().skip(first).take(limit);
        rows.map(|(_, player, record)| (player, record)).collect()
    }
}
