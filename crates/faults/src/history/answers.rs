//! What must hold among answers: a client never reads backwards, and the same id gets the same answer.

use std::collections::HashMap;

use super::Promises;
use super::event::{Event, Operator, Outcome, Shown};
use super::submissions::{End, Key, Player, Submission, Submissions, Try};
use super::violation::{Violation, Whose};

/// What a client last read: its number, when it was answered, and what.
type Seen = (u64, usize, Option<Shown>);

/// What clients were told.
#[derive(Debug)]
pub(super) struct Answers {
    promises: Promises,
    /// By client, player and season.
    reads: HashMap<(u64, Key, u32), Seen>,
    at: usize,
}

impl Answers {
    pub(super) fn new(promises: Promises) -> Self {
        Self { promises, reads: HashMap::new(), at: 0 }
    }

    /// Takes the next event, which `submissions` has taken.
    pub(super) fn take(&mut self, submissions: &Submissions, event: &Event, violations: &mut Vec<Violation>) {
        self.at += 1;
        let Event::Ok { op, shown, version, .. } = event else { return };
        let Some((client, key, invoked)) = submissions.read(*op) else { return };
        let version = version.unwrap_or(1);
        let (board, player) = key;
        let seen = self.reads.entry((client, key.clone(), version)).or_insert((*op, 0, None));
        let (earlier, answered, before) = *seen;
        // Of two reads at once either may be the older; and after a deletion nothing can be said.
        let deleted = submissions.players.get(key).is_some_and(|of| !of.deletions.is_empty());
        if self.promises.monotonic && !deleted && answered <= invoked {
            let best = submissions.boards.get(board) == Some(&Operator::Best);
            let older = match (before, *shown) {
                (Some(before), Some(now)) => {
                    now.num_score < before.num_score || best && now.scores < before.scores
                }
                (Some(_), None) => true,
                (None, _) => false,
            };
            if older {
                let whose = Whose { board: board.clone(), version, player: player.clone() };
                violations.push(Violation::WentBack { whose, op: *op, earlier });
                return;
            }
        }
        *seen = (*op, self.at, *shown);
    }

    /// Looks at the answers to all tries with the same id.
    pub(super) fn finish(&self, submissions: &Submissions, violations: &mut Vec<Violation>) {
        let mut players: Vec<_> = submissions.players.iter().collect();
        players.sort_unstable_by_key(|(key, _)| *key);
        for ((board, name), player) in players {
            let mut keyed: Vec<_> = player.by_key.values().collect();
            keyed.sort_unstable();
            for bodies in keyed {
                for number in bodies {
                    let other = self.other_answer(player, bodies, *number);
                    violations.extend(other.map(|(op, earlier)| {
                        let version = player.submissions[*number].version().unwrap_or(1);
                        let whose = Whose { board: board.clone(), version, player: name.clone() };
                        Violation::OtherAnswer { whose, op, earlier }
                    }));
                }
            }
        }
    }

    /// A try of the submission that was answered otherwise than it had to be, and the one that shows it.
    fn other_answer(&self, player: &Player, bodies: &[usize], number: usize) -> Option<(u64, Option<u64>)> {
        let submission = &player.submissions[number];
        let tries = &submission.tries;
        if bodies.len() == 1 {
            let refused = tries.iter().find(|one| one.end == End::Refused("CONFLICT".to_owned()));
            if let Some(refused) = refused {
                return Some((refused.op, Some(submission.op()).filter(|first| *first != refused.op)));
            }
        }
        let first = tries.iter().filter(|one| one.is_live()).min_by_key(|one| one.invoked)?;
        for one in tries {
            let End::Ok { at, outcome, .. } = one.end else { continue };
            let alone =
                tries.iter().all(|other| other.op == one.op || !other.is_live() || other.invoked > at);
            if outcome == Some(Outcome::Duplicate) && alone {
                return Some((one.op, None));
            }
            let again = matches!(outcome, Some(Outcome::Improved | Outcome::Unchanged));
            if let Some(acked) = self.acked_before(submission, number, one).filter(|_| again) {
                return Some((one.op, Some(acked)));
            }
        }
        // Applied under another body before this one was sent.
        let others = bodies.iter().filter(|other| **other != number);
        let conflict =
            others.filter_map(|other| self.acked_before(&player.submissions[*other], *other, first));
        let ok = tries.iter().find(|one| matches!(one.end, End::Ok { .. }));
        conflict.zip(ok).map(|(earlier, ok)| (ok.op, Some(earlier))).next()
    }

    /// A try that was safely acknowledged before `one` was sent, and that the window still holds then.
    fn acked_before(&self, submission: &Submission, number: usize, one: &Try) -> Option<u64> {
        // Half, since submissions that were sent earlier may be applied later.
        if one.nth.saturating_sub(number) > self.promises.window / 2 {
            return None;
        }
        let before = submission.tries.iter().find(|other| {
            other.op != one.op && matches!(other.end, End::Ok { at, safe: true, .. } if at < one.invoked)
        });
        before.map(|other| other.op)
    }
}
