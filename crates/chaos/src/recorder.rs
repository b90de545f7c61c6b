//! What the games saw, in the order in which they saw it, and when writes succeeded.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hiscore_faults::history::{Call, Event, Level, Operator, Outcome};
use hiscore_faults::wire::Verdict;
use parking_lot::Mutex;

/// A write that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Success {
    /// When the try was sent that was acknowledged, and when it was, since the games began.
    pub(crate) sent: Duration,
    pub(crate) acked: Duration,
    pub(crate) board: String,
    pub(crate) level: Level,
}

/// What came of the games so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) events: Vec<Event>,
    pub(crate) successes: Vec<Success>,
    /// Answers that surely nothing was done, and answers or silences that leave it open.
    pub(crate) refused: u64,
    pub(crate) ambiguous: u64,
    /// Requests that could not be sent because too many were under way.
    pub(crate) not_sent: u64,
    /// When submissions were given up that were never acknowledged.
    pub(crate) given_up: Vec<Duration>,
    /// The last season of each board that anybody was told of.
    pub(crate) seasons: HashMap<String, u32>,
    /// Answers that nobody should get.
    pub(crate) strange: Vec<String>,
}

impl Seen {
    /// Somebody was told of a season.
    pub(crate) fn told(&mut self, board: &str, version: Option<u32>) {
        let last = self.seasons.entry(board.to_owned()).or_insert(1);
        *last = (*last).max(version.unwrap_or(1));
    }
}

/// Writes it down.
#[derive(Debug)]
pub(crate) struct Recorder {
    begun: Instant,
    seen: Mutex<(Seen, u64)>,
}

/// A request that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    op: u64,
    at: Duration,
}

impl Recorder {
    pub(crate) fn new(boards: &[(String, Operator)]) -> Self {
        let events =
            boards.iter().map(|(board, operator)| Event::Board { board: board.clone(), operator: *operator });
        let seen = Seen { events: events.collect(), ..Seen::default() };
        Self { begun: Instant::now(), seen: Mutex::new((seen, 0)) }
    }

    /// Since the games began.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What was seen so far.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().0)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().0);
    }

    /// Requests are about to be sent.
    pub(crate) fn invoke(&self, client: u64, calls: Vec<Call>) -> Vec<Sent> {
        let mut seen = self.seen.lock();
        let invoke = |call| {
            seen.1 += 1;
            let op = seen.1;
            seen.0.events.push(Event::Invoke { op, client, call });
            Sent { op, at: self.begun.elapsed() }
        };
        calls.into_iter().map(invoke).collect()
    }

    /// One of them was answered, or was not. Says whether it has to be sent again.
    pub(crate) fn answered(&self, sent: Sent, board: &str, verdict: Verdict) -> bool {
        let mut seen = self.seen.lock();
        let (seen, op) = (&mut seen.0, sent.op);
        let again = matches!(verdict, Verdict::NotApplied(_) | Verdict::Ambiguous(_));
        if let Verdict::Acked(_, _, version) = &verdict {
            seen.told(board, *version);
        }
        seen.events.push(match verdict {
            Verdict::Acked(level, outcome, version) => {
                let acked = self.begun.elapsed();
                seen.successes.push(Success { sent: sent.at, acked, board: board.to_owned(), level });
                Event::Ok { op, level: Some(level), outcome: outcome_of(&outcome), version, shown: None }
            }
            Verdict::NotApplied(_) => {
                seen.refused += 1;
                Event::Failed { op }
            }
            Verdict::Ambiguous(_) => {
                seen.ambiguous += 1;
                Event::Unknown { op }
            }
            Verdict::Refused(code, why) => {
                // Provoked; what a retry that comes too late is told; and that another opened the season.
                if !["CONFLICT", "EXPIRED", "VERSION_CONFLICT"].contains(&code.as_str()) {
                    seen.strange.push(format!("operation {op}: {code}, {why}"));
                }
                Event::Refused { op, code }
            }
        });
        again
    }

    /// Any other request was answered.
    pub(crate) fn event(&self, sent: Sent, event: impl FnOnce(u64) -> Event) {
        self.seen.lock().0.events.push(event(sent.op));
    }
}

fn outcome_of(text: &str) -> Option<Outcome> {
    match text {
        "IMPROVED" => Some(Outcome::Improved),
        "UNCHANGED" => Some(Outcome::Unchanged),
        "DUPLICATE" => Some(Outcome::Duplicate),
        _ => None,
    }
}
