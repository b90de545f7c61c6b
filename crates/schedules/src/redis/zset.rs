//! A sorted set: by score, then by the bytes of the member.

use std::collections::{BTreeMap, BTreeSet};

/// A score, ordered as Redis does; never NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score(f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Which scores a range takes in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) score: f64,
    pub(super) is_exclusive: bool,
}

/// Members with scores.
#[derive(Debug, Clone, Default)]
pub(super) struct Zset {
    scores: BTreeMap<Vec<u8>, f64>,
    order: BTreeSet<(Score, Vec<u8>)>,
}

impl Zset {
    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// Sets a score; whether the member is new.
    pub(super) fn add(&mut self, member: &[u8], score: f64) -> bool {
        // -0 is 0.
        let score = score + 0.0;
        let before = self.scores.insert(member.to_vec(), score);
        if let Some(before) = before {
            self.order.remove(&(Score(before), member.to_vec()));
        }
        self.order.insert((Score(score), member.to_vec()));
        before.is_none()
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.scores.remove(member) else { return false };
        self.order.remove(&(Score(score), member.to_vec()))
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<usize> {
        let place = (Score(self.score(member)?), member.to_vec());
        Some(self.order.range(..place).count())
    }

    /// All in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        self.order.iter().map(|(score, member)| (member.as_slice(), score.0))
    }

    /// Those between two scores, in order.
    pub(super) fn between(&self, low: Bound, high: Bound) -> Vec<(Vec<u8>, f64)> {
        let is_within = |score: f64| {
            (if low.is_exclusive { score > low.score } else { score >= low.score })
                && (if high.is_exclusive { score < high.score } else { score <= high.score })
        };
        let within = self.iter().filter(|(_, score)| is_within(*score));
        within.map(|(member, score)| (member.to_vec(), score)).collect()
    }
}
