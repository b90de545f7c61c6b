//! The account of every submission, kept by those who send them, and what may be shown of it in the end.
//!
//! A submission's number is in its metadata, and in the column that decides among equal scores; on an `INCREMENT` board that
//! column is a power of two instead, a different one for each submission of a player, so that the sum tells which of
//! them were counted, and whether any was counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::shown::{Shown, State};
use crate::wire::Level;

/// How many submissions of one player an `INCREMENT` board can tell apart.
pub(crate) const TOLD_APART: usize = 50;

/// One submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) player: String,
    pub(crate) number: i64,
    pub(crate) score: i64,
    pub(crate) subscore: i64,
    pub(crate) id: String,
    /// How safe it was said to be; `None`: not acknowledged.
    pub(crate) level: Option<Level>,
}

impl Entry {
    pub(crate) fn input(&self) -> Value {
        json!({
            "playerId": self.player, "score": self.score, "subscore": self.subscore,
            "metadata": { "n": self.number }, "submissionId": self.id,
        })
    }
}

/// Everything that was submitted, by board and player, in the order in which it was sent.
#[derive(Debug, Default)]
pub(crate) struct Account {
    boards: BTreeMap<String, (String, BTreeMap<String, Vec<Entry>>)>,
    number: i64,
}

impl Account {
    /// A board there is.
    pub(crate) fn board(&mut self, board: &str, operator: &str) {
        self.boards.insert(board.to_owned(), (operator.to_owned(), BTreeMap::new()));
    }

    /// Writes a submission down before it is sent.
    pub(crate) fn open(&mut self, board: &str, player: String, score: i64) -> Entry {
        self.number += 1;
        let number = self.number;
        let (operator, players) = self.boards.get_mut(board).expect("a board that there is");
        let entries = players.entry(player.clone()).or_default();
        let subscore = match operator.as_str() {
            "INCREMENT" if entries.len() < TOLD_APART => 1 << entries.len(),
            "INCREMENT" => 0,
            _ => number,
        };
        let entry = Entry { player, number, score, subscore, id: id(number), level: None };
        entries.push(entry.clone());
        entry
    }

    /// It was acknowledged.
    pub(crate) fn acked(&mut self, board: &str, entry: &Entry, level: Level) {
        let (_, players) = self.boards.get_mut(board).expect("a board that there is");
        let entries = players.get_mut(&entry.player).expect("a player who submitted");
        let entry = entries.iter_mut().rev().find(|other| other.number == entry.number);
        entry.expect("it was written down").level = Some(level);
    }

    /// A record was deleted, and everything before that with it.
    pub(crate) fn deleted(&mut self, board: &str, player: &str) {
        let (_, players) = self.boards.get_mut(board).expect("a board that there is");
        players.remove(player);
    }

    /// How many submissions there were.
    pub(crate) fn count(&self) -> u64 {
        self.number as u64
    }

    /// The boards.
    pub(crate) fn boards(&self) -> impl Iterator<Item = &str> {
        self.boards.keys().map(String::as_str)
    }

    /// The last submission of every player, acknowledged or not.
    pub(crate) fn last(&self) -> Vec<(String, Entry)> {
        let boards = self.boards.iter();
        let all = boards.flat_map(|(board, (_, players))| players.values().map(move |one| (board, one)));
        all.filter_map(|(board, entries)| Some((board.clone(), entries.last()?.clone()))).collect()
    }

    /// How many were acknowledged at each level, and how many never.
    pub(crate) fn summary(&self) -> String {
        let mut levels = BTreeMap::<&str, usize>::new();
        let entries = self.boards.values().flat_map(|(_, players)| players.values()).flatten();
        for entry in entries {
            *levels.entry(entry.level.map_or("not acknowledged", Level::name)).or_default() += 1;
        }
        levels.iter().map(|(level, count)| format!("{count} {level}")).collect::<Vec<_>>().join(", ")
    }

    /// What is wrong with what `whose` shows, if only what was acknowledged at `safe` or better must be there.
    pub(crate) fn differences(&self, whose: &str, shown: &Shown, safe: Level) -> Vec<String> {
        let mut wrong = Vec::new();
        for (board, (operator, players)) in &self.boards {
            let nothing = BTreeMap::new();
            let states = shown.get(board).unwrap_or(&nothing);
            let names: BTreeSet<&String> = players.keys().chain(states.keys()).collect();
            for name in names {
                let entries = players.get(name).map(Vec::as_slice).unwrap_or_default();
                if let Err(why) = judge(operator, entries, states.get(name), safe) {
                    let state = states.get(name);
                    wrong.push(format!("{whose}, {board}, {name}: {why}\n  shown {state:?} of {entries:?}"));
                }
            }
        }
        wrong
    }
}

/// A submission id: plain, or every other time one with a time in it, like a UUID of version 7.
fn id(number: i64) -> String {
    if number % 2 == 0 {
        return format!("submission-{number}");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    format!("{:08x}-{:04x}-7000-8000-{number:012x}", now >> 16, now & 0xffff)
}

fn judge(operator: &str, entries: &[Entry], state: Option<&State>, safe: Level) -> Result<(), String> {
    let kept = |entry: &&Entry| entry.level.is_some_and(|level| level >= safe);
    let must = entries.iter().filter(kept).count();
    let Some(state) = state else {
        return if must == 0 { Ok(()) } else { Err("there is no record".to_owned()) };
    };
    if state.submissions < must as i64 || state.submissions > entries.len() as i64 {
        return Err(format!("{must} to {} submissions were to be counted", entries.len()));
    }
    if operator == "INCREMENT" {
        return sum(entries, state, must, kept);
    }
    let number = |entry: &Entry| Some(entry.number) == state.number;
    let at = entries.iter().position(number).ok_or("it shows what was not submitted")?;
    let entry = &entries[at];
    if (entry.score, entry.subscore) != (state.score, state.subscore) {
        return Err(format!("it mixes submissions, one of which is {entry:?}"));
    }
    let order = |entry: &Entry| (entry.score, entry.subscore);
    let better = |(later, other): (usize, &Entry)| match operator {
        "BEST" => order(other) > order(entry),
        _ => later > at,
    };
    let lost = entries.iter().enumerate().filter(|(_, entry)| kept(entry)).find(|pair| better(*pair));
    lost.map_or(Ok(()), |(_, lost)| Err(format!("lost {lost:?}")))
}

fn sum(entries: &[Entry], state: &State, must: usize, kept: impl Fn(&&Entry) -> bool) -> Result<(), String> {
    let counted: Vec<&Entry> = if must == entries.len() {
        entries.iter().collect()
    } else {
        assert!(entries.len() <= TOLD_APART, "too many submissions of one player to tell them apart");
        entries.iter().filter(|entry| state.subscore & entry.subscore != 0).collect()
    };
    let lost: Vec<_> = entries.iter().filter(kept).filter(|entry| !counted.contains(entry)).collect();
    if !lost.is_empty() {
        return Err(format!("lost {lost:?}"));
    }
    let total = |column: fn(&Entry) -> i64| counted.iter().map(|entry| column(entry)).sum::<i64>();
    let expected = (total(|entry| entry.score), total(|entry| entry.subscore), counted.len() as i64);
    if expected != (state.score, state.subscore, state.submissions) {
        return Err(format!("something was counted twice or lost: expected {expected:?}"));
    }
    Ok(())
}
