//! How far it is, on standard error: one line that is written over on a terminal, else a line now and then.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::Counts;

const ON_TERMINAL: Duration = Duration::from_millis(200);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// Tells of one export, import or replay.
pub(crate) struct Progress {
    done: &'static str,
    began: Instant,
    told: Instant,
    terminal: bool,
    /// Whether a line that is to be written over stands there.
    open: bool,
}

impl Progress {
    /// `done` as in "imported".
    pub(crate) fn new(done: &'static str) -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { done, began: now, told: now, terminal, open: false }
    }

    /// Tells it if the last time was long enough ago.
    pub(super) fn at(&mut self, counts: Counts) {
        self.tell(counts.records, &counts);
    }

    /// The same of anything else: how many there were, by which the rate goes, and what.
    pub(crate) fn tell(&mut self, count: u64, what: &dyn Display) {
        if self.told.elapsed() < if self.terminal { ON_TERMINAL } else { ELSEWHERE } {
            return;
        }
        self.told = Instant::now();
        let rate = self.rate(count);
        let text = format!("{} so far: {what}, {rate:.0}/s", self.done);
        if self.terminal {
            self.open = true;
            say(&format!("\r{text}\x1b[K"));
        } else {
            say(&format!("{text}\n"));
        }
    }

    /// Tells something else, on a line of its own.
    pub(crate) fn note(&mut self, text: &str) {
        let end_of_line = if std::mem::take(&mut self.open) { "\n" } else { "" };
        say(&format!("{end_of_line}{text}\n"));
    }

    /// So many, by the second.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.began.elapsed().as_secs_f64().max(0.001)
    }

    /// Tells how it ended.
    pub(super) fn end(mut self, counts: Counts) {
        let seconds = self.began.elapsed().as_secs_f64();
        self.note(&format!("{}: {counts}, in {seconds:.1} s", self.done));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.open {
            say("\n");
        }
    }
}

/// Nobody may be listening, which is no reason to stop.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
