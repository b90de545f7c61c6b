//! The history of a run, and whether it can have happened where every promise is kept.
//!
//! Whoever plays against servers writes down an [`Event`] before and after every request, in the order in which it saw
//! them, and at the end what each tier has. [`check`] reads all of it once, in time that grows with the number of events alone,
//! and names every operation that breaks a promise. Events are lines of NDJSON, so that a run which failed can be kept and
//! checked again. It knows nothing of hiscore's own code, so that the two cannot be wrong together.
//!
//! What is known of an order: of two submissions the one that was answered before the other was sent came first; nothing
//! is known of two that were under way at once, nor of one that was never answered: that one may be applied whenever, once, or
//! never. A submission that was acknowledged below the level that is safe in this run counts as one whose fate is unknown.
//!
//! A submission counts in the season that was open when it was applied, and only a reset opens the next. Where an answer does not say
//! which that was, it is one of those that may have been open meanwhile.
//!
//! [`event`] what is written down, [`submissions`] what it comes to, player by player, [`seasons`] when there was which
//! season, [`judge`] what may then be the final record, [`across`] what must hold among seasons, [`tiers`] what must hold among tiers and ranks, [`answers`] what must hold among answers.

mod across;
mod answers;
pub mod event;
mod judge;
mod seasons;
mod submissions;
mod sums;
mod tiers;
pub mod violation;

pub use event::{Call, Event, Level, Operator, Outcome, Row, Scores};
pub use violation::Violation;

use std::io::BufRead;

use answers::Answers;
use submissions::Submissions;
use tiers::Tiers;

/// What is promised in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    /// What is acknowledged at this level or above survives what was done in the run.
    pub safe: Level,
    /// How many ids a player's window holds.
    pub window: usize,
    /// Whether a client never reads an older state after a newer one: not where ranks may lose their tail.
    pub monotonic: bool,
    /// Whether there is one history of everything: not where a primary that was cut off takes submissions, and what it took is
    /// merged with what another took meanwhile. Then `numScore` is not exact on `BEST` and `SET` boards, and a submission that was
    /// sent again since an answer was lost may stand once in each of two seasons; and one whose answer was lost, or below what is
    /// safe, may count in a season that was over elsewhere.
    pub one_history: bool,
}

impl Default for Promises {
    /// Those of one process: everything.
    fn default() -> Self {
        Self { safe: Level::Persisted, window: 32, monotonic: true, one_history: true }
    }
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Requests that were acknowledged, of whatever kind.
    pub acked: u64,
    /// Submissions whose effect was looked for in a final state.
    pub checked: u64,
    /// Submissions that were never answered for sure.
    pub unknown: u64,
    /// Every broken promise, in the order of boards and players.
    pub violations: Vec<Violation>,
}

/// Checks a history.
pub fn check<'a>(promises: &Promises, events: impl IntoIterator<Item = &'a Event>) -> Report {
    let mut report = Report::default();
    let (mut submissions, mut answers, mut tiers) =
        (Submissions::default(), Answers::new(*promises), Tiers::default());
    for (at, event) in (0..).zip(events) {
        report.acked += u64::from(matches!(event, Event::Ok { .. }));
        if let Err(violation) = submissions.take(promises, at, event) {
            report.violations.push(violation);
            continue;
        }
        answers.take(&submissions, event, &mut report.violations);
        tiers.take(event, &mut report.violations);
    }
    answers.finish(&submissions, &mut report.violations);
    tiers.compare(&mut report.violations);
    judge::all(promises, &submissions, &tiers, &mut report);
    report
}

/// Reads events, one a line.
///
/// # Errors
/// When a line cannot be read or is no event: its number and why.
pub fn read(lines: impl BufRead) -> Result<Vec<Event>, String> {
    let read = |(at, line): (usize, std::io::Result<String>)| {
        let line = line.map_err(|error| format!("line {}: {error}", at + 1))?;
        serde_json::from_str(&line).map_err(|error| format!("line {}: {error}", at + 1))
    };
    lines.lines().enumerate().map(read).collect()
}
