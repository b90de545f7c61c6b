//! Coalesce: the funnel. Carries what is dirty into the table, one round at a time, however often it changed.
//!
//! It runs once an interval while something is dirty, and rests ten times as long as it wrote, also between the transactions
//! of one round, so that commits hardly notice it; earlier when much is waiting. A row costs the less the more are written
//! together, since neighbours share the table's pages: so the busier the server, the longer it rests. When the table cannot be written it backs off and goes on coalescing: memory then grows with the players that changed, and when a
//! bound is reached the committer refuses instead ([`Pressure`]).

pub mod persister;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hiscore_api::service::Trouble;
use hiscore_rank::MemoryRanks;
use hiscore_store::embedded::{Embedded, TableError};
use parking_lot::{Condvar, Mutex};

use crate::metrics::FunnelMetrics;
use crate::scoreboard::directory::Directory;

/// A round begins early when one of so many parts of the most dirty records is there.
const EAGER_PART: usize = 10;
/// It rests so many times as long as it wrote.
const REST_FACTOR: u32 = 10;
/// And not longer than this within a round, nor behind it: a restart replays what it did not write.
const LONGEST_REST: Duration = Duration::from_secs(10);
/// It does not rest when one of so many parts of the most dirty records is there.
const HURRY_PART: usize = 5;
/// Between two early rounds, so that one which changes nothing is not repeated without end.
const REST: Duration = Duration::from_millis(20);
/// How often it is looked whether an early round is due.
const LOOK: Duration = Duration::from_millis(50);
/// The longest pause after a failed round.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// What the committer and the funnel tell each other.
#[derive(Debug)]
pub struct Pressure {
    state: Mutex<State>,
    changed: Condvar,
    most_rows: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Why the last round failed.
    failing: Option<String>,
    /// The committer waits, or somebody wants a round now.
    hurry: bool,
    closed: bool,
}

impl Pressure {
    /// The committer waits for the funnel when `most_rows` records are dirty.
    pub fn new(most_rows: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), most_rows }
    }

    /// Whether there is room for more dirty records.
    pub fn has_room(&self, store: &Embedded) -> bool {
        store.dirty_rows() < self.most_rows
    }

    /// Returns when there is room for more dirty records; an error when there is none because the table cannot be
    /// written.
    pub fn wait_for_room(&self, store: &Embedded) -> Result<(), Trouble> {
        if self.has_room(store) {
            return Ok(());
        }
        let mut state = self.state.lock();
        while !self.has_room(store) {
            if let Some(why) = &state.failing {
                return Err(Trouble::Unavailable(format!("the table cannot be written: {why}")));
            }
            state.hurry = true;
            self.changed.notify_all();
            self.changed.wait_for(&mut state, Duration::from_secs(1));
        }
        Ok(())
    }

    /// Why the last round failed, if it did.
    pub fn failing(&self) -> Option<String> {
        self.state.lock().failing.clone()
    }

    /// Ends the funnel after one more round.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Sleeps until it is time for a round; `false`: closed.
    fn wait(&self, store: &Embedded, pause: Duration) -> bool {
        let (until, rested) = (Instant::now() + pause, Instant::now() + REST);
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return false;
            }
            let much = store.dirty_rows() >= self.most_rows.div_ceil(EAGER_PART) || store.is_crowded();
            let eager = state.failing.is_none() && much && Instant::now() >= rested;
            if Instant::now() >= until || eager || std::mem::take(&mut state.hurry) {
                return true;
            }
            // Short waits, since a growing backlog tells nobody.
            let next = until.min(Instant::now() + LOOK);
            self.changed.wait_until(&mut state, next);
        }
    }

    /// Rests for so long, or until it would be in somebody's way; for how long it did.
    fn rest(&self, store: &Embedded, pause: Duration) -> Duration {
        let began = Instant::now();
        let until = began + pause;
        let mut state = self.state.lock();
        while Instant::now() < until
            && !state.closed
            && !state.hurry
            && store.dirty_rows() < self.most_rows.div_ceil(HURRY_PART)
            && !store.is_crowded()
        {
            self.changed.wait_until(&mut state, until.min(Instant::now() + LOOK));
        }
        began.elapsed()
    }

    fn report(&self, result: Result<(), &TableError>) {
        let mut state = self.state.lock();
        state.failing = result.err().map(ToString::to_string);
        drop(state);
        self.changed.notify_all();
    }
}

/// The funnel's thread, to be joined after [`Pressure::close`].
#[derive(Debug)]
pub struct Funnel(std::thread::JoinHandle<bool>);

/// What the funnel works with.
#[derive(Debug)]
pub struct FunnelParts {
    /// What is dirty, and where it goes.
    pub store: Arc<Embedded>,
    /// What it tells the committer.
    pub pressure: Arc<Pressure>,
    /// The longest pause while something is dirty.
    pub interval: Duration,
    /// Where seasons that ended are let go once they are in the table.
    pub ranks: Arc<MemoryRanks>,
    /// Which season of a board is the present one.
    pub directory: Arc<Directory>,
    /// What is counted.
    pub metrics: FunnelMetrics,
}

impl Funnel {
    /// Starts the thread.
    pub fn start(parts: FunnelParts) -> std::io::Result<Self> {
        let thread = std::thread::Builder::new().name("funnel".into());
        thread.spawn(move || parts.run()).map(Self)
    }

    /// Waits for the last round; whether it succeeded. What it could not write is in the journal all the same.
    pub fn join(self) -> bool {
        self.0.join().unwrap_or(false)
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl FunnelParts {
    fn run(self) -> bool {
        let mut pause = self.interval;
        loop {
            let open = self.pressure.wait(&self.store, pause);
            let mut rested = Duration::ZERO;
            let began = Instant::now();
            let done = self.round(&mut rested);
            let wrote = began.elapsed().saturating_sub(rested);
            self.pressure.report(done.as_ref().copied());
            pause = match &done {
                Ok(()) => self.interval.max((wrote * REST_FACTOR).saturating_sub(rested).min(LONGEST_REST)),
                // Doubled with each failure. There is one funnel, so nobody to keep out of step with.
                Err(_) => (pause * 2).clamp(Duration::from_millis(200), LONGEST_BACKOFF),
            };
            if !open {
                return done.is_ok();
            }
        }
    }

    fn round(&self, rested: &mut Duration) -> Result<(), TableError> {
        let began = Instant::now();
        let rest = |wrote: Duration| {
            let pause = (wrote * REST_FACTOR).min(LONGEST_REST.saturating_sub(*rested));
            *rested += self.pressure.rest(&self.store, pause);
        };
        match self.store.flush_slowly(rest) {
            Ok(flushed) => {
                self.metrics.flushed(flushed.rows, began.elapsed().saturating_sub(*rested));
                self.let_go_of_ended_seasons(flushed.watermark);
                Ok(())
            }
            Err(error) => {
                self.metrics.failed();
                tracing::warn!(%error, "the table cannot be written; keeping everything in journal and memory");
                Err(error)
            }
        }
    }

    /// A season that ended before the watermark is in the table whole; whoever still wants it reads it there.
    fn let_go_of_ended_seasons(&self, watermark: u64) {
        for season in self.ranks.seasons() {
            let ended = self
                .directory
                .get(&season.leaderboard)
                .is_some_and(|row| season.version < row.leaderboard.version && row.sequence <= watermark);
            if ended {
                self.ranks.remove(&season);
            }
        }
    }
}
