//! The players: their names, how their scores go, and the ids of what they submit. All drawn from a seed.

use std::time::Duration;

use hiscore_score::{Operator, Rules, Score, SortOrder};

use crate::ledger::Scores;

const NAMES: [&str; 40] = [
    "Nova", "Kestrel", "Juno", "Basil", "Echo", "Rook", "Saffron", "Orion", "Pixel", "Wren", "Maple",
    "Zephyr", "Indigo", "Falcon", "Lyra", "Onyx", "Clover", "Comet", "Hazel", "Jasper", "Marlin", "Nimbus",
    "Opal", "Quill", "Raven", "Sable", "Tango", "Umber", "Vesper", "Willow", "Xenon", "Yarrow", "Zinnia",
    "Atlas", "Briar", "Cedar", "Dune", "Ember", "Flint", "Ginkgo",
];

/// The name of the player with this number (from 0): always the same, so that a second run plays on.
pub(crate) fn name(number: usize) -> String {
    format!("{}-{:02}", NAMES[number % NAMES.len()], number + 1)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): enough for a game, and no dependency.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each pair of numbers.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end` (at least 1). Slightly uneven, which no game minds.
    pub(crate) fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.max(1).unsigned_abs()) as i64
    }
}

/// One player of the game.
#[derive(Debug)]
pub(crate) struct Player {
    pub(crate) name: String,
    rules: Rules,
    random: Random,
    ids: Random,
    /// What the player would show if everything sent counted.
    present: Option<Scores>,
    last_id_ms: u64,
}

impl Player {
    /// The player with this number, who has `present` on the board. `run` tells the ids of two runs apart.
    pub(crate) fn new(number: usize, rules: Rules, seed: u64, run: u64, present: Option<Scores>) -> Self {
        let random = Random::new(seed, number as u64);
        let ids = Random::new(seed ^ run, !(number as u64));
        Self { name: name(number), rules, random, ids, present, last_id_ms: 0 }
    }

    /// What this player submits next.
    pub(crate) fn next(&mut self) -> Scores {
        let present = self.present.unwrap_or_else(|| self.first());
        let (score, subscore) = (present.score.get(), present.subscore.get());
        match self.rules.operator {
            Operator::Best => {
                let offered = self.attempt(score);
                let scores = Scores { score: clamp(offered), subscore: clamp(self.random.below(100)) };
                let better = match self.rules.sort_order {
                    SortOrder::Desc => offered > score,
                    SortOrder::Asc => offered < score,
                };
                if better || self.present.is_none() {
                    self.present = Some(scores);
                }
                scores
            }
            Operator::Set => {
                // A walk that drifts upwards; the subscore counts on, so that no two updates look the same.
                let scores = Scores {
                    score: clamp((score + self.random.below(120) - 50).max(0)),
                    subscore: clamp(subscore + 1),
                };
                self.present = Some(scores);
                scores
            }
            Operator::Increment => {
                Scores { score: clamp(1 + self.random.below(25)), subscore: clamp(self.random.below(2)) }
            }
        }
    }

    /// Where somebody without a record begins, so that the board is not a row of noughts.
    fn first(&mut self) -> Scores {
        let score = match (self.rules.operator, self.rules.sort_order) {
            (Operator::Best, SortOrder::Asc) => 60_000 + self.random.below(60_000),
            _ => 1000 + self.random.below(1000),
        };
        Scores { score: clamp(score), subscore: Score::ZERO }
    }

    /// One game against the player's own best: every third or so is a little better, the others are not.
    fn attempt(&mut self, best: i64) -> i64 {
        let improves = self.random.below(100) < 35;
        match (self.rules.sort_order, improves) {
            (SortOrder::Desc, true) => best + 1 + self.random.below(40),
            (SortOrder::Desc, false) => best - self.random.below(best.abs() / 3 + 100),
            // A time: the better, the harder to beat.
            (SortOrder::Asc, true) => best - self.random.below(best.abs() / 200 + 2),
            (SortOrder::Asc, false) => best + self.random.below(best.abs() / 3 + 100),
        }
    }

    /// A new submission id: a UUIDv7 with this time in it, later than all before. A server that forgets old ids
    /// can so still tell that a late retry is one.
    pub(crate) fn id(&mut self, since_unix_epoch: Duration) -> String {
        let now = u64::try_from(since_unix_epoch.as_millis()).unwrap_or(u64::MAX);
        self.last_id_ms = now.max(self.last_id_ms + 1) & 0xFFFF_FFFF_FFFF;
        let (time, high, low) = (self.last_id_ms, self.ids.next(), self.ids.next());
        format!(
            "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
            time >> 16,
            time & 0xFFFF,
            high & 0xFFF,
            0x8000 | (high >> 16) & 0x3FFF,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

/// The score nearest to `value`.
fn clamp(value: i64) -> Score {
    Score::new(value.clamp(Score::MIN.get(), Score::MAX.get())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hiscore_score::{Submission, SubmissionId};

    #[test]
    fn the_same_seed_plays_the_same_game_under_other_ids() {
        let play = |seed, run| {
            let mut player = Player::new(3, Rules::default(), seed, run, None);
            (0..50).map(|_| (player.next(), player.id(Duration::ZERO))).unzip::<_, _, Vec<_>, Vec<_>>()
        };
        let (scores, ids) = play(7, 1);
        let (same_scores, other_ids) = play(7, 2);
        assert_eq!(scores, same_scores);
        assert!(ids.iter().all(|id| !other_ids.contains(id)));
        assert_ne!(scores, play(8, 1).0);
    }

    #[test]
    fn ids_are_timed_and_ascend_whatever_the_clock_does() {
        let mut player = Player::new(0, Rules::default(), 1, 1, None);
        let mut last = None;
        for ms in [1_800_000_000_000, 1_800_000_000_000, 5, 1_800_000_000_001, 1_900_000_000_000] {
            let id = SubmissionId::new(&player.id(Duration::from_millis(ms))).unwrap();
            let key = Submission::new(Score::ZERO, Score::ZERO, None, Some(&id)).key.unwrap();
            assert!(key.time_ms > last, "{id}");
            last = key.time_ms;
        }
    }

    #[test]
    fn scores_move_and_stay_in_range() {
        for operator in [Operator::Best, Operator::Set, Operator::Increment] {
            for sort_order in [SortOrder::Desc, SortOrder::Asc] {
                let rules = Rules { operator, sort_order, subscore_order: sort_order };
                for edge in [Score::MIN, Score::ZERO, Score::MAX] {
                    let present = Scores { score: edge, subscore: edge };
                    let mut player = Player::new(1, rules, 1, 1, Some(present));
                    let seen: std::collections::HashSet<_> = (0..200).map(|_| player.next()).collect();
                    assert!(seen.len() > 1, "{rules:?} {edge}");
                }
            }
        }
    }

    #[test]
    fn names_are_told_apart() {
        let names: std::collections::HashSet<_> = (0..1000).map(name).collect();
        assert_eq!(names.len(), 1000);
        assert_eq!(name(0), "Nova-01");
    }
}
