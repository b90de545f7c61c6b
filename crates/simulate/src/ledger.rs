//! What was submitted and how it was answered, player by player; and whether a final state can have come of it.
//!
//! Pure: no clock, no I/O. The simulator and the fault tests feed it, then hand it the records that they read
//! back. It keeps per player only what a verdict can still depend on, so its memory does not grow with the
//! length of a run.
//!
//! One submission of a player is open at a time: [`Ledger::invoke`], then one of [`Ledger::acked`],
//! [`Ledger::refused`] and [`Ledger::unknown`]. Retries of it with the same submission id are the same
//! submission. Whoever calls one unknown and goes on with the same player says that it can no longer be applied
//! later than the next one (it was applied before, or never will be); otherwise use another player.

mod history;
mod subset;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use hiscore_score::{Rules, Score};

use history::History;

/// Score and subscore, which are judged as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scores {
    /// The score.
    pub score: Score,
    /// The second column.
    pub subscore: Score,
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.score, self.subscore)
    }
}

/// A record as it was read from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its scores.
    pub scores: Scores,
    /// Submissions applied to it.
    pub num_score: u64,
}

/// In which way a final record cannot have come of what was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// An acknowledged submission is missing, or was overwritten by an earlier one.
    Lost,
    /// It holds what was never submitted, or was refused.
    NeverSubmitted,
    /// More submissions were counted than were sent: somebody else writes this player, or one counted twice.
    MoreThanSent,
    /// Too many submissions have an unknown outcome to tell.
    Undecided,
}

/// One player whose final record does not fit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Who.
    pub player: String,
    /// In which way.
    pub kind: Kind,
    /// What was expected and what was found, for people.
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Lost => "lost",
            Kind::NeverSubmitted => "never submitted",
            Kind::MoreThanSent => "more than was sent",
            Kind::Undecided => "undecided",
        };
        write!(f, "{}: {kind}: {}", self.player, self.detail)
    }
}

/// The history of the players of one leaderboard in one season.
#[derive(Debug, Clone)]
pub struct Ledger {
    rules: Rules,
    players: HashMap<String, History>,
}

impl Ledger {
    /// Nobody has played yet on a board with these rules.
    pub fn new(rules: Rules) -> Self {
        Self { rules, players: HashMap::new() }
    }

    /// The record that a player had before the first submission.
    pub fn baseline(&mut self, player: &str, record: Standing) {
        self.of(player).baseline(record);
    }

    /// A submission is about to be sent. One that is still open becomes unknown.
    pub fn invoke(&mut self, player: &str, scores: Scores) {
        self.unknown(player);
        self.of(player).open = Some(scores);
    }

    /// The open submission was acknowledged. Without an open one nothing happens, here and below.
    pub fn acked(&mut self, player: &str) {
        let rules = self.rules;
        self.of(player).acked(&rules);
    }

    /// The open submission was refused, or given up when all tries surely had not reached the server.
    pub fn refused(&mut self, player: &str) {
        self.of(player).open = None;
    }

    /// The open submission was given up, and may have been applied.
    pub fn unknown(&mut self, player: &str) {
        let rules = self.rules;
        self.of(player).unknown(&rules);
    }

    /// The players that were named, in any order.
    pub fn players(&self) -> impl Iterator<Item = &str> {
        self.players.keys().map(String::as_str)
    }

    /// Takes over the players of another ledger of the same board; of a player in both, the other's history.
    pub fn absorb(&mut self, other: Self) {
        self.players.extend(other.players);
    }

    /// Judges the final records of all players that were named; those without one are left out of `records`, and
    /// records of other players are ignored. What is still open counts as unknown. At most one difference a player,
    /// in the order of their names.
    pub fn check<'a>(&self, records: impl IntoIterator<Item = (&'a str, Standing)>) -> Vec<Difference> {
        let records: HashMap<&str, Standing> = records.into_iter().collect();
        let players: BTreeMap<&String, &History> = self.players.iter().collect();
        let judged = players.into_iter().filter_map(|(player, history)| {
            let mut history = history.clone();
            history.unknown(&self.rules);
            let (kind, detail) = history.judge(&self.rules, records.get(player.as_str()).copied())?;
            Some(Difference { player: player.clone(), kind, detail })
        });
        judged.collect()
    }

    fn of(&mut self, player: &str) -> &mut History {
        self.players.entry(player.to_owned()).or_default()
    }
}
