//! What the games send, one request after the other: the same from the same seed.

use std::collections::{HashMap, VecDeque};

use hiscore_faults::Random;
use hiscore_faults::history::{Call, Level, Operator, Scores};
use serde_json::{Value, json};

use crate::fault::Profile;

/// Boards of each operator, and players of each board.
const BOARDS: u64 = 2;
const PLAYERS: usize = 60;
/// How many submissions of one player a sum can tell apart.
const TOLD_APART: u64 = 50;
/// Of so many requests one resets a board: each has some seasons in a minute, and those before the last two leave the ranking tier.
const RESETS: u64 = 500;
/// Of how many sent last one may be repeated: fewer than a window holds ids.
const REPEATED: usize = 100;

/// One submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submission {
    pub(crate) player: String,
    pub(crate) scores: Scores,
    pub(crate) key: String,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Submissions to a board, with the level that is asked for, and whether the outcome is.
    Submit { board: String, submissions: Vec<Submission>, ack: Option<Level>, judged: bool },
    /// A deletion.
    Delete { board: String, player: String },
    /// The next season of a board.
    Reset { board: String },
    /// A look at a record, of the present season or of the one before.
    Read { board: String, player: String, before: bool },
}

/// Where requests come from.
#[derive(Debug)]
pub(crate) struct Workload {
    random: Random,
    profile: Profile,
    number: i64,
    /// Of a sum's player: how many submissions were made.
    increments: HashMap<(String, usize), u64>,
    recent: VecDeque<(String, Submission)>,
    popular: Vec<u64>,
}

impl Submission {
    pub(crate) fn call(&self, board: &str) -> Call {
        let (board, player) = (board.to_owned(), self.player.clone());
        Call::Submit { board, player, scores: self.scores, key: Some(self.key.clone()) }
    }

    pub(crate) fn input(&self) -> Value {
        json!({
            "playerId": self.player, "score": self.scores.score, "subscore": self.scores.subscore,
            "submissionId": self.key,
        })
    }
}

/// All boards, each with what it does.
pub(crate) fn boards() -> Vec<(String, Operator)> {
    let of = |name: &'static str, operator| (0..BOARDS).map(move |at| (format!("{name}-{at}"), operator));
    of("best", Operator::Best).chain(of("sum", Operator::Increment)).chain(of("set", Operator::Set)).collect()
}

impl Workload {
    pub(crate) fn new(profile: Profile, seed: u64) -> Self {
        // Of Zipf's law: the first twice as often as the second, and so on.
        let popular = (1..=PLAYERS as u64).scan(0, |sum, rank| {
            *sum += 1_000_000 / rank;
            Some(*sum)
        });
        Self {
            random: Random::new(seed ^ 0x10ad),
            profile,
            number: 0,
            increments: HashMap::new(),
            recent: VecDeque::new(),
            popular: popular.collect(),
        }
    }

    /// The next request: of 100 submissions 50 to `BEST` boards, 30 to `INCREMENT`, 15 to `SET`; and 5 deletions, 2
    /// repetitions and 10 looks. Now and then the next season of a board.
    pub(crate) fn next(&mut self) -> Work {
        let at = if self.random.below(3) == 0 { 1 } else { 0 };
        if self.random.one_in(RESETS) {
            let name = ["best", "sum", "set"][self.random.below(3) as usize];
            return Work::Reset { board: format!("{name}-{at}") };
        }
        match self.random.below(112) {
            0..50 => self.submit("best", at),
            50..80 => self.submit("sum", at),
            80..95 => self.submit("set", at),
            95..100 => {
                let player = self.popular() / 3 * 3 + 1;
                let name = if self.random.one_in(2) { "best" } else { "set" };
                Work::Delete { board: format!("{name}-{at}"), player: format!("p{player}") }
            }
            100..102 => self.repeat().unwrap_or_else(|| self.submit("best", at)),
            _ => {
                let name = if self.random.one_in(2) { "best" } else { "set" };
                let before = self.random.one_in(4);
                Work::Read { board: format!("{name}-{at}"), player: format!("p{}", self.popular()), before }
            }
        }
    }

    /// How safe a deletion or a reset is that was answered: it says nothing of replicas, nor of the store.
    pub(crate) fn deleted(&self) -> Option<Level> {
        match self.profile {
            Profile::Embedded => Some(Level::Persisted),
            Profile::Direct | Profile::DirectCluster => Some(Level::Ranked),
            Profile::Logged | Profile::LoggedRabbitMq => Some(Level::Logged),
        }
    }

    /// A player; the first is the hot one.
    fn popular(&mut self) -> usize {
        let all = self.popular.last().copied().unwrap_or(1);
        let drawn = self.random.below(all);
        self.popular.partition_point(|sum| *sum <= drawn)
    }

    fn submit(&mut self, name: &str, at: u64) -> Work {
        let board = format!("{name}-{at}");
        let many = if self.random.one_in(10) { 5 } else { 1 };
        let submissions: Vec<_> = (0..many).map(|_| self.submission(&board, name == "sum")).collect();
        for one in &submissions {
            self.recent.push_back((board.clone(), one.clone()));
        }
        while self.recent.len() > REPEATED {
            self.recent.pop_front();
        }
        let ack = self.random.one_in(4).then_some(Level::Persisted);
        // Behind a log who does not ask hears at once.
        let judged = !self.profile.is_logged() || self.random.one_in(4);
        Work::Submit { board, submissions, ack, judged }
    }

    fn submission(&mut self, board: &str, sums: bool) -> Submission {
        self.number += 1;
        let (player, score) = (self.popular(), self.random.below(2_001) as i64 - 1_000);
        if !sums {
            // The number makes it unique, so that a record tells which submission it shows.
            let scores = Scores { score, subscore: self.number };
            return Submission { player: format!("p{player}"), scores, key: self.key() };
        }
        let made = self.increments.entry((board.to_owned(), player)).or_default();
        let (life, bit) = (*made / TOLD_APART, *made % TOLD_APART);
        *made += 1;
        let scores = Scores { score, subscore: 1 << bit };
        Submission { player: format!("p{player}.{life}"), scores, key: self.key() }
    }

    /// Plain, or every other time with a time in it, as a UUID of version 7 has.
    fn key(&self) -> String {
        let number = self.number;
        if number % 2 == 0 {
            format!("s-{number}")
        } else {
            format!("{number:08x}-0000-7000-8000-{number:012x}")
        }
    }

    /// One of the last again: as it was, or, where that is judged before it is acknowledged, with another body.
    fn repeat(&mut self) -> Option<Work> {
        let at = self.random.below(self.recent.len() as u64) as usize;
        let (board, mut one) = self.recent.get(at)?.clone();
        if !self.profile.is_logged() && self.random.one_in(4) {
            one.scores.score += 1;
        }
        Some(Work::Submit { board, submissions: vec![one], ack: None, judged: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_sends_the_same() {
        let play = |seed| {
            let mut workload = Workload::new(Profile::Direct, seed);
            (0..2_000).map(|_| workload.next()).collect::<Vec<_>>()
        };
        assert_eq!(play(1), play(1));
        assert_ne!(play(1), play(2));
    }

    #[test]
    fn it_sends_the_mix_that_it_says() {
        let mut workload = Workload::new(Profile::Embedded, 5);
        let (mut best, mut hot, mut deletes, mut reads, mut resets, mut submissions) = (0, 0, 0, 0, 0, 0);
        for _ in 0..20_000 {
            match workload.next() {
                Work::Submit { board, submissions: all, .. } => {
                    submissions += all.len();
                    best += if board.starts_with("best") { all.len() } else { 0 };
                    hot += all.iter().filter(|one| one.player.trim_end_matches(".0") == "p0").count();
                }
                Work::Delete { player, .. } => {
                    assert_ne!(player, "p0", "the hot one stays");
                    deletes += 1;
                }
                Work::Read { .. } => reads += 1,
                Work::Reset { .. } => resets += 1,
            }
        }
        assert!((submissions * 48 / 100..submissions * 58 / 100).contains(&best), "{best} of {submissions}");
        assert!(hot > submissions / 10 && (700..1_100).contains(&deletes), "{hot}, {deletes}");
        assert!((1_500..2_100).contains(&reads) && (20..60).contains(&resets), "{reads}, {resets}");
    }
}
