//! The model that a tier is compared with: a sorted `Vec` a season, and every answer by counting.

use std::collections::BTreeMap;

use hiscore_score::{OrderKey, PlayerId, Season, Standing};

use crate::{Placed, Query, RankError, RankState, View};

/// One season: its players in order, and the number of its last change.
#[derive(Debug, Default, Clone)]
pub(super) struct Ordered {
    pub(super) order: Vec<OrderKey>,
    pub(super) revision: u64,
}

/// All seasons that are open.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) seasons: BTreeMap<Season, Ordered>,
}

impl Ordered {
    pub(super) fn upsert(&mut self, player: &PlayerId, standing: Standing, revision: u64) {
        self.remove(player, revision);
        self.order.push(OrderKey { standing, player: player.clone() });
        self.order.sort();
    }

    pub(super) fn remove(&mut self, player: &PlayerId, revision: u64) {
        self.order.retain(|key| key.player != *player);
        self.revision = revision;
    }

    fn rows(&self) -> Vec<Placed> {
        let row = |(at, key): (usize, &OrderKey)| Placed {
            rank: at as u64 + 1,
            player: key.player.clone(),
            standing: key.standing,
        };
        self.order.iter().enumerate().map(row).collect()
    }

    fn answer(&self, query: &Query) -> Vec<Placed> {
        let all = self.rows();
        let find = |player: &PlayerId| all.iter().position(|row| row.player == *player);
        match query {
            Query::Count => Vec::new(),
            Query::FromRank { rank, limit } => {
                all.into_iter().filter(|row| row.rank >= *rank).take(*limit).collect()
            }
            Query::After { key, limit } => {
                all.into_iter().filter(|row| row.order_key() > *key).take(*limit).collect()
            }
            Query::Before { key, limit } => {
                let before: Vec<_> = all.into_iter().filter(|row| row.order_key() < *key).collect();
                before.iter().skip(before.len().saturating_sub(*limit)).cloned().collect()
            }
            Query::Around { player, range } => match find(player) {
                None => Vec::new(),
                Some(at) => {
                    { all.iter().enumerate().filter(|(i, _)| i.abs_diff(at) <= *range).map(|(_, row)| row) }
                        .cloned()
                        .collect()
                }
            },
            Query::Players(players) => {
                players.iter().filter_map(|player| find(player).and_then(|at| all.get(at).cloned())).collect()
            }
        }
    }
}

impl Model {
    pub(super) fn read(&self, season: &Season, query: &Query) -> Result<View, RankError> {
        let season = self.seasons.get(season).ok_or(RankError::NotFound)?;
        Ok(View {
            total: season.order.len() as u64,
            revision: season.revision,
            state: RankState::Exact,
            rows: season.answer(query),
        })
    }
}
