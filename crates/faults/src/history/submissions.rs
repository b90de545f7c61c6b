//! What was sent and how it was answered, player by player: the tries of each submission, and the deletions.

use std::collections::HashMap;

use super::Promises;
use super::event::{Call, Event, Level, Operator, Outcome, Scores};
use super::seasons::Seasons;
use super::violation::Violation;

/// How a try ended. `at` is its place in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Not yet, or nobody knows.
    Unknown,
    /// Surely not applied.
    Failed,
    /// Refused, and why.
    Refused(String),
    /// Acknowledged.
    Ok { at: usize, safe: bool, outcome: Option<Outcome>, version: Option<u32> },
}

/// One request of a submission, or a deletion.
#[derive(Debug, Clone)]
pub(super) struct Try {
    pub(super) op: u64,
    pub(super) invoked: usize,
    /// How many submissions the player had made then.
    pub(super) nth: usize,
    pub(super) end: End,
}

impl Try {
    /// Whether it may have been applied.
    pub(super) fn is_live(&self) -> bool {
        !matches!(self.end, End::Failed | End::Refused(_))
    }
}

/// A submission: all tries with one key and one body.
#[derive(Debug, Clone)]
pub(super) struct Submission {
    pub(super) scores: Scores,
    pub(super) tries: Vec<Try>,
}

/// What was sent for one player.
#[derive(Debug, Clone, Default)]
pub(super) struct Player {
    pub(super) submissions: Vec<Submission>,
    pub(super) deletions: Vec<Try>,
    /// Those with a key, one for each body that was sent under it.
    pub(super) by_key: HashMap<String, Vec<usize>>,
}

/// Board and player.
pub(super) type Key = (String, String);

#[derive(Debug, Clone)]
enum Place {
    Submission(Key, usize, usize),
    Deletion(Key, usize),
    Read(u64, Key, usize),
    Reset(String, usize),
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    pub(super) boards: HashMap<String, Operator>,
    pub(super) players: HashMap<Key, Player>,
    /// The resets of each board, with the season that each opens.
    pub(super) resets: HashMap<String, Vec<(u32, Try)>>,
    places: HashMap<u64, Place>,
}

/// What a submission can have done to the final record of a season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in it.
    Must,
    /// It may be.
    May,
    /// It is not; with the deletion that took it, if one did.
    Never(Option<u64>),
}

impl Submission {
    pub(super) fn op(&self) -> u64 {
        self.tries.first().map_or(0, |first| first.op)
    }

    /// When the first try was sent that may have been applied; `None`: there is none.
    pub(super) fn invoked(&self) -> Option<usize> {
        self.tries.iter().filter(|one| one.is_live()).map(|one| one.invoked).min()
    }

    /// When it had surely been applied, if it ever was: acknowledged safely, or no try is open any more.
    pub(super) fn applied_by(&self) -> Option<usize> {
        let acked = |wanted: bool| {
            self.tries.iter().filter_map(move |one| match one.end {
                End::Ok { at, safe, .. } if safe || !wanted => Some(at),
                _ => None,
            })
        };
        let open = self.tries.iter().any(|one| one.end == End::Unknown);
        acked(true).min().or_else(|| acked(false).max().filter(|_| !open))
    }

    /// Whether there is a try that may have been applied by somebody who was cut off: its answer was lost, or below what is safe.
    pub(super) fn was_answered_unsafely(&self) -> bool {
        self.tries.iter().any(|one| matches!(one.end, End::Unknown | End::Ok { safe: false, .. }))
    }

    /// Whether it may stand in another season besides that in which it counts, where histories are merged: it was sent more than
    /// once, and one of the tries may have reached a primary that was cut off, where another season was open.
    pub(super) fn may_stand_twice(&self, promises: &Promises) -> bool {
        let tries = self.tries.iter().filter(|one| one.is_live()).count();
        !promises.one_history && tries > 1 && self.was_answered_unsafely()
    }

    pub(super) fn is_safe(&self) -> bool {
        self.tries.iter().any(|one| matches!(one.end, End::Ok { safe: true, .. }))
    }

    /// The season that it was safely acknowledged for. A repetition is told the present record, wherever it counted.
    pub(super) fn version(&self) -> Option<u32> {
        self.tries.iter().find_map(|one| match one.end {
            End::Ok { safe: true, outcome, version, .. } if outcome != Some(Outcome::Duplicate) => version,
            _ => None,
        })
    }
}

/// The deletions of one player and season, as far as they matter to fates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Deletions {
    /// What was sent later is surely not deleted; `None`: everything may be.
    over: Option<usize>,
    /// The last that surely deleted: what had been applied before it was sent is gone.
    sure: Option<(usize, u64)>,
}

impl Player {
    pub(super) fn deletions(&self, seasons: &Seasons, version: u32) -> Deletions {
        let mut found = Deletions { over: Some(0), sure: None };
        for one in self.deletions.iter().filter(|one| one.is_live()) {
            match one.end {
                End::Ok { outcome: Some(Outcome::Unchanged), .. } => {}
                End::Ok { at, safe: true, .. } => {
                    // What it deleted is of the season that was open then.
                    let of = seasons.between(one.invoked, Some(at));
                    if !of.contains(&version) {
                        continue;
                    }
                    found.over = found.over.map(|over| over.max(at));
                    if of.start() == of.end() {
                        found.sure = found.sure.max(Some((one.invoked, one.op)));
                    }
                }
                _ => found.over = None,
            }
        }
        found
    }
}

impl Deletions {
    pub(super) fn fate(
        self,
        promises: &Promises,
        submission: &Submission,
        seasons: &Seasons,
        version: u32,
    ) -> Fate {
        let Some(invoked) = submission.invoked() else { return Fate::Never(None) };
        let of = seasons.of(promises, submission);
        if !of.contains(&version) {
            let may_be = || seasons.between(invoked, submission.applied_by()).end() >= &version;
            return if submission.may_stand_twice(promises) && may_be() {
                Fate::May
            } else {
                Fate::Never(None)
            };
        }
        if let Some((deleted, op)) = self.sure
            && submission.applied_by().is_some_and(|applied| applied < deleted)
        {
            return Fate::Never(Some(op));
        }
        let after = self.over.is_some_and(|over| over <= invoked);
        let alone = of.start() == of.end();
        if submission.is_safe() && after && alone { Fate::Must } else { Fate::May }
    }
}

impl Submissions {
    /// Takes the next event.
    pub(super) fn take(&mut self, promises: &Promises, at: usize, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Board { board, operator } => {
                self.boards.insert(board.clone(), *operator);
                Ok(())
            }
            Event::Invoke { op, client, call } => self.invoke(at, *op, *client, call),
            Event::Ok { op, level, outcome, version, .. } => {
                let safe = level.unwrap_or(Level::Ranked) >= promises.safe;
                self.end(*op, End::Ok { at, safe, outcome: *outcome, version: *version })
            }
            Event::Failed { op } => self.end(*op, End::Failed),
            Event::Refused { op, code } => self.end(*op, End::Refused(code.clone())),
            Event::Unknown { op } => self.end(*op, End::Unknown),
            Event::Final { .. } => Ok(()),
        }
    }

    /// The reader, whose record, and when it was asked for, if the request is a read.
    pub(super) fn read(&self, op: u64) -> Option<(u64, &Key, usize)> {
        match self.places.get(&op)? {
            Place::Read(client, key, invoked) => Some((*client, key, *invoked)),
            _ => None,
        }
    }

    fn invoke(&mut self, at: usize, op: u64, client: u64, call: &Call) -> Result<(), Violation> {
        let (board, player) = match call {
            Call::Submit { board, player, .. }
            | Call::Delete { board, player }
            | Call::Read { board, player } => (board, player.as_str()),
            Call::Reset { board, .. } => (board, ""),
        };
        if self.places.contains_key(&op) {
            return Err(Violation::Malformed { op, why: "its number was used before" });
        }
        if !self.boards.contains_key(board) {
            return Err(Violation::Malformed { op, why: "its board was not named before" });
        }
        if let Call::Reset { from, .. } = call {
            let of = self.resets.entry(board.clone()).or_default();
            of.push((from.saturating_add(1), Try { op, invoked: at, nth: 0, end: End::Unknown }));
            self.places.insert(op, Place::Reset(board.clone(), of.len() - 1));
            return Ok(());
        }
        let whose = (board.clone(), player.to_owned());
        let of = self.players.entry(whose.clone()).or_default();
        let mut one = Try { op, invoked: at, nth: of.submissions.len(), end: End::Unknown };
        let place = match call {
            Call::Read { .. } | Call::Reset { .. } => Place::Read(client, whose, at),
            Call::Delete { .. } => {
                of.deletions.push(one);
                Place::Deletion(whose, of.deletions.len() - 1)
            }
            Call::Submit { scores, key, .. } => {
                let bodies = key.as_ref().and_then(|key| of.by_key.get(key)).map_or(&[][..], Vec::as_slice);
                let known = bodies.iter().copied().find(|number| of.submissions[*number].scores == *scores);
                let number = known.unwrap_or(of.submissions.len());
                if known.is_none() {
                    one.nth += 1;
                    let new = Submission { scores: *scores, tries: Vec::new() };
                    of.submissions.push(new);
                    if let Some(key) = key {
                        of.by_key.entry(key.clone()).or_default().push(number);
                    }
                }
                let tries = &mut of.submissions[number].tries;
                tries.push(one);
                Place::Submission(whose, number, tries.len() - 1)
            }
        };
        self.places.insert(op, place);
        Ok(())
    }

    fn end(&mut self, op: u64, end: End) -> Result<(), Violation> {
        let Some(place) = self.places.get(&op) else {
            return Err(Violation::Malformed { op, why: "it was answered, and never sent" });
        };
        let one = match place {
            Place::Read(..) => return Ok(()),
            Place::Reset(board, number) => {
                self.resets.get_mut(board).and_then(|of| of.get_mut(*number)).map(|(_, one)| one)
            }
            Place::Deletion(whose, number) => {
                self.players.get_mut(whose).and_then(|of| of.deletions.get_mut(*number))
            }
            Place::Submission(whose, number, nth) => {
                let of = self.players.get_mut(whose).and_then(|of| of.submissions.get_mut(*number));
                of.and_then(|submission| submission.tries.get_mut(*nth))
            }
        };
        let Some(one) = one else { return Ok(()) };
        let judged_late = matches!((&one.end, &end), (End::Ok { .. }, End::Refused(_)));
        if one.end != End::Unknown && !judged_late {
            return Err(Violation::Malformed { op, why: "it was answered twice" });
        }
        one.end = end;
        Ok(())
    }
}
