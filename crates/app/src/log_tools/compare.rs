//! Where tiers differ, in words, and how much was the same.

use std::collections::HashSet;
use std::fmt;

use hiscore_score::{LeaderboardId, Record, RecordKey};

use super::fold::{Fold, State, StoredShard};

const LACKS: &str = "the log has it, the store does not";

/// How much of what kind was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Works in the log.
    pub(super) works: u64,
    /// Records in the store.
    pub(super) records: u64,
    /// Records of which the log says all: compared exactly.
    pub(super) exact: u64,
    /// Records from before what the log holds, that nothing in it changed.
    pub(super) older: u64,
    /// Records that were changed since, and of which the log does not hold the beginning.
    pub(super) vague: u64,
    /// Records that Redis has, compared with the store.
    pub(super) ranked: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.works += other.works;
        self.records += other.records;
        self.exact += other.exact;
        self.older += other.older;
        self.vague += other.vague;
        self.ranked += other.ranked;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { works, records, exact, older, vague, ranked } = self;
        write!(
            f,
            "{records} records in the store, {ranked} in Redis; {works} works in the log, which say all of {exact}"
        )?;
        if *older > 0 {
            write!(f, ", leave {older} from before alone")?;
        }
        if *vague > 0 {
            write!(f, ", and changed {vague} of which it cannot be told what they were before")?;
        }
        Ok(())
    }
}

/// Something that is not the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub(super) shard: u16,
    pub(super) place: String,
    pub(super) what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}, {}: {}", self.shard, self.place, self.what)
    }
}

pub(super) fn of_record(shard: u16, key: &RecordKey, what: String) -> Difference {
    let place = format!(
        "leaderboard {} version {}, player {}",
        key.season.leaderboard, key.season.version, key.player
    );
    Difference { shard, place, what }
}

pub(super) fn of_board(shard: u16, id: &LeaderboardId, what: String) -> Difference {
    Difference { shard, place: format!("leaderboard {id}"), what }
}

/// What two states of a record are, as far as they differ; the names are those of the tiers.
pub(super) fn words(a: (&str, &Record), b: (&str, &Record)) -> String {
    let (of_a, of_b) = (parts(a.1), parts(b.1));
    let pick = |these: &[(&'static str, String)], those: &[(&'static str, String)]| {
        let differing = these.iter().filter(|part| !those.contains(part));
        let texts: Vec<String> = differing.map(|(name, value)| format!("{name} {value}")).collect();
        if texts.is_empty() { "no more".to_owned() } else { texts.join(", ") }
    };
    format!("{} has {}; {} has {}", a.0, pick(&of_a, &of_b), b.0, pick(&of_b, &of_a))
}

fn parts(record: &Record) -> Vec<(&'static str, String)> {
    let mut parts = Vec::new();
    match &record.live {
        None => parts.push(("it", "deleted".to_owned())),
        Some(live) => {
            parts.push(("score", live.score.get().to_string()));
            parts.push(("subscore", live.subscore.get().to_string()));
            parts.push(("numScore", live.num_score.to_string()));
            parts.push(("created", live.created.raw().to_string()));
            parts.push(("reached", live.reached.raw().to_string()));
            if let Some(metadata) = &live.metadata {
                parts.push(("metadata", metadata.as_str().to_owned()));
            }
        }
    }
    parts.push(("deletion", record.deleted.raw().to_string()));
    parts.push(("updated", record.updated.raw().to_string()));
    parts.push(("position", format!("{}.{}", record.position.era, record.position.sequence)));
    let ids: Vec<u64> = record.window.entries().iter().map(|entry| entry.stamp.raw()).collect();
    if !ids.is_empty() {
        parts.push(("submissionIds of", format!("{ids:?}")));
    }
    parts
}

/// Compares the store with what the law makes of the log.
pub(super) fn log_and_store(
    shard: u16,
    fold: &Fold<'_>,
    stored: &StoredShard,
    counts: &mut Counts,
) -> Vec<Difference> {
    let mut differences = boards(shard, fold, stored);
    counts.works += fold.works;
    counts.records += stored.records.len() as u64;
    for (key, record) in &stored.records {
        let differs = match fold.records.get(key) {
            Some(State::Known(folded)) => {
                counts.exact += 1;
                (**folded != *record).then(|| words(("the log", folded), ("the store", record)))
            }
            Some(State::Vague { sure, met }) => {
                counts.vague += 1;
                match (met, record.position.sequence < *sure) {
                    (false, _) => Some(nothing_of(record)),
                    (true, true) => Some(format!(
                        "the store has position {}.{}, the log a later submission at {sure}",
                        record.position.era, record.position.sequence
                    )),
                    (true, false) => None,
                }
            }
            None => untouched(fold, key, record, counts),
        };
        differences.extend(differs.map(|what| of_record(shard, key, what)));
    }
    let counts_surely = |state: &State| !matches!(state, State::Vague { sure: 0, .. });
    let lacks =
        fold.records.iter().filter(|(key, state)| !stored.records.contains_key(*key) && counts_surely(state));
    differences.extend(lacks.map(|(key, _)| of_record(shard, key, LACKS.to_owned())));
    differences
}

/// A record on which the log has nothing that counted.
fn untouched(fold: &Fold<'_>, key: &RecordKey, record: &Record, counts: &mut Counts) -> Option<String> {
    let board = fold.boards.get(&key.season.leaderboard);
    if board.is_some_and(|board| board.is_new) {
        counts.exact += 1;
        return Some("the store has it, the log does not".to_owned());
    }
    if fold.is_older(record.position) {
        counts.older += 1;
        return None;
    }
    counts.vague += 1;
    // If a season was opened in what is read, it is not known to which one went what came before.
    let known = board.and_then(|board| board.known);
    let seasons_are_known = known.is_none_or(|(_, position)| fold.is_older(position));
    seasons_are_known.then(|| nothing_of(record))
}

fn nothing_of(record: &Record) -> String {
    let at = record.position;
    format!("the store has position {}.{}, where the log has nothing of this player", at.era, at.sequence)
}

fn boards(shard: u16, fold: &Fold<'_>, stored: &StoredShard) -> Vec<Difference> {
    let mut differences = Vec::new();
    let ids: HashSet<&LeaderboardId> = fold.boards.keys().chain(stored.boards.keys()).collect();
    for id in ids {
        let folded = fold.boards.get(id).map(|board| board.known);
        let there = stored.boards.get(id).map(|board| (board.leaderboard, board.position));
        let what = match (folded, there) {
            (Some(Some((a, at))), Some((b, position))) if (a, at) != (b, position) => format!(
                "the log has version {} at {}.{}, the store version {} at {}.{}",
                a.version, at.era, at.sequence, b.version, position.era, position.sequence
            ),
            (Some(None), Some(_)) => "the store has a version that nothing in the log opened".to_owned(),
            (None, Some((_, position))) if !fold.is_older(position) => {
                "the store has it, the log does not".to_owned()
            }
            (Some(_), None) => LACKS.to_owned(),
            _ => continue,
        };
        differences.push(of_board(shard, id, what));
    }
    differences
}
