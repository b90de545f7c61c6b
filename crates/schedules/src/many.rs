//! Many schedules, on all cores.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

use crate::journal::digest;
use crate::{Mistake, Outcome, Profile, run};

/// What came of many schedules.
#[derive(Debug, Default)]
pub struct Summary {
    /// To be printed.
    pub text: String,
    /// The seeds that went wrong, and what was.
    pub failed: BTreeMap<u64, Vec<String>>,
    /// Requests that were acknowledged.
    pub acked: u64,
    /// Stands for all journals: the same seeds, the same number.
    pub digest: u64,
}

#[derive(Default)]
struct Sums {
    outcome: Outcome,
    failed: BTreeMap<u64, Vec<String>>,
    schedules: u64,
    digest: u64,
}

/// Runs the schedules of all these seeds.
pub fn run_all(profile: Profile, seeds: Range<u64>, mistake: Option<Mistake>) -> Summary {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let sums = Mutex::new(Sums::default());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let done = run(profile, seed, mistake).unwrap_or_else(|error| Outcome {
                        wrong: vec![format!("it could not be run: {error}")],
                        ..Outcome::default()
                    });
                    sums.lock().add(seed, done);
                }
            });
        }
    });
    let Sums { outcome, failed, schedules, digest } = sums.into_inner();
    let mut text = String::new();
    for (seed, wrong) in &failed {
        let _ = writeln!(text, "seed {seed}: {}", wrong.join("; "));
    }
    let _ = write!(
        text,
        "{profile:?}: {schedules} schedules ({:.1} virtual hours) in {:.1} s: {} faults, {} acknowledged, {} checked, {} unknown, {} went wrong; journals {digest:016x}",
        outcome.lasted_ms as f64 / 3_600_000.0,
        began.elapsed().as_secs_f64(),
        outcome.faults,
        outcome.acked,
        outcome.checked,
        outcome.unknown,
        failed.len()
    );
    Summary { text, failed, acked: outcome.acked, digest }
}

impl Sums {
    fn add(&mut self, seed: u64, done: Outcome) {
        self.schedules += 1;
        // In whatever order they end.
        self.digest = self.digest.wrapping_add(digest(done.journal.iter().map(String::as_bytes)));
        self.outcome.acked += done.acked;
        self.outcome.checked += done.checked;
        self.outcome.unknown += done.unknown;
        self.outcome.faults += done.faults;
        self.outcome.lasted_ms += done.lasted_ms;
        if !done.wrong.is_empty() {
            self.failed.insert(seed, done.wrong);
        }
    }
}
