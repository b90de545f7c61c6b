//! What each tier has in the end: ranks dense and sorted, nobody twice, and the same everywhere.

use std::collections::{BTreeMap, HashMap};

use super::event::{Event, Row, Shown};
use super::violation::{Violation, Whose};

/// The rows of one tier and season, by player.
pub(super) type Rows = HashMap<String, Shown>;

/// All tiers: by board and season, then by tier.
#[derive(Debug, Default)]
pub(super) struct Tiers(BTreeMap<(String, u32), BTreeMap<String, Rows>>);

impl Tiers {
    /// Takes the next event.
    pub(super) fn take(&mut self, event: &Event, violations: &mut Vec<Violation>) {
        let Event::Final { tier, board, version, rows } = event else { return };
        let whose = |row: &Row| Whose { board: board.clone(), version: *version, player: row.player.clone() };
        let mut by_player = Rows::new();
        for row in rows {
            if by_player.insert(row.player.clone(), row.shown).is_some() {
                violations.push(Violation::Repeated { whose: whose(row), tier: tier.clone() });
            }
        }
        let ranked = rows.iter().filter_map(|row| Some((row, row.rank?)));
        // One gap shifts all that follow; the first says where.
        let gap = (1..).zip(ranked.clone()).find(|(expected, (_, rank))| rank != expected);
        if let Some((expected, (row, rank))) = gap {
            violations.push(Violation::RankGap { whose: whose(row), tier: tier.clone(), rank, expected });
        }
        let unsorted =
            ranked.clone().zip(ranked.skip(1)).find(|((a, _), (b, _))| a.shown.scores < b.shown.scores);
        if let Some((_, (row, _))) = unsorted {
            violations.push(Violation::Unsorted { whose: whose(row), tier: tier.clone() });
        }
        self.0.entry((board.clone(), *version)).or_default().insert(tier.clone(), by_player);
    }

    /// Every tier against the first.
    pub(super) fn compare(&self, violations: &mut Vec<Violation>) {
        for ((board, version), tiers) in &self.0 {
            let mut tiers = tiers.iter();
            let Some((first, rows)) = tiers.next() else { continue };
            for (other, others) in tiers {
                let missing = rows.keys().filter(|player| !others.contains_key(*player));
                let differs = |(player, shown): &(&String, &Shown)| rows.get(*player) != Some(shown);
                let different = others.iter().filter(differs).map(|(player, _)| player);
                let mut players: Vec<&String> = missing.chain(different).collect();
                players.sort_unstable();
                violations.extend(players.into_iter().map(|player| Violation::TiersDiffer {
                    whose: Whose { board: board.clone(), version: *version, player: player.clone() },
                    tiers: [first.clone(), other.clone()],
                }));
            }
        }
    }

    /// Board by board the seasons that there are, each as the first tier has it.
    pub(super) fn seasons(&self) -> BTreeMap<&str, Vec<(u32, &Rows)>> {
        let mut all: BTreeMap<&str, Vec<(u32, &Rows)>> = BTreeMap::new();
        for ((board, version), tiers) in &self.0 {
            all.entry(board).or_default().extend(tiers.values().next().map(|rows| (*version, rows)));
        }
        all
    }

    /// Board, season and rows of every tier.
    pub(super) fn finals(&self) -> impl Iterator<Item = (&str, u32, &Rows)> {
        self.0
            .iter()
            .flat_map(|((board, version), tiers)| tiers.values().map(|rows| (board.as_str(), *version, rows)))
    }
}
