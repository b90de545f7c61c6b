//! What the tests of both profiles do with schedules.
//!
//! `HISCORE_SEEDS=FROM..TO` runs other seeds than the usual ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::ops::Range;
use std::thread;

use hiscore_schedules::{Mistake, Profile, run, run_all};

/// Runs the usual seeds, or those that are asked for: none goes wrong.
pub(crate) fn none_goes_wrong(profile: Profile, usual: Range<u64>) {
    let summary = run_all(profile, asked().unwrap_or(usual), None);
    println!("{}", summary.text);
    assert!(summary.failed.is_empty(), "{}", summary.text);
    assert!(summary.acked > 0, "nothing was played");
}

/// Runs a seed that may be out of the usual ones.
pub(crate) fn goes_right(profile: Profile, seed: u64) {
    assert_eq!(run(profile, seed, None).unwrap().wrong, [""; 0], "seed {seed}");
}

fn asked() -> Option<Range<u64>> {
    let text = std::env::var("HISCORE_SEEDS").ok()?;
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    Some(parsed.unwrap_or_else(|| panic!("HISCORE_SEEDS is FROM..TO, not {text:?}")))
}

/// Runs seeds twice, at once: each writes the same journal again, whatever else the process does.
pub(crate) fn repeats(profile: Profile, seeds: &[u64]) {
    for seed in seeds {
        let [first, second] = thread::scope(|scope| {
            let both = [(), ()].map(|()| scope.spawn(|| run(profile, *seed, None).unwrap().journal));
            both.map(|one| one.join().unwrap())
        });
        assert!(first.len() > 100, "seed {seed} did nothing");
        let differs = first.iter().zip(&second).find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

/// Puts a mistake in: one of these seeds finds it.
pub(crate) fn is_found(profile: Profile, mistake: Mistake, mut within: Range<u64>) {
    let seeds = within.clone();
    let found = within.find(|seed| !run(profile, *seed, Some(mistake)).unwrap().wrong.is_empty());
    let seed = found.unwrap_or_else(|| panic!("{mistake:?} is not found by {seeds:?}"));
    println!("{mistake:?} is found by seed {seed}");
}
