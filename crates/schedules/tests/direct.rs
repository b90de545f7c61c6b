//! Schedules of the direct profile: none goes wrong, each is the same every time, and mistakes that are put in are found.
//!
//! `HISCORE_SEEDS=FROM..TO` runs other seeds than the usual ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::print_stdout, reason = "each test says what it did")]

use std::ops::Range;

use hiscore_schedules::{Mistake, run, run_all};

/// Seeds that every run of the tests tries.
const USUAL: Range<u64> = 0..100;
/// Within so many seeds a mistake is found.
const WITHIN: u64 = 60;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("HISCORE_SEEDS") else { return USUAL };
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or_else(|| panic!("HISCORE_SEEDS is FROM..TO, not {text:?}"))
}

#[test]
fn no_schedule_goes_wrong() {
    let summary = run_all(seeds(), None);
    println!("{}", summary.text);
    assert!(summary.failed.is_empty(), "{}", summary.text);
    assert!(summary.acked > 0, "nothing was played");
}

#[test]
fn the_same_seed_writes_the_same_journal() {
    for seed in [1, 2, 3, 5, 8, 13] {
        let [first, second] = [(), ()].map(|()| run(seed, None).unwrap().journal);
        assert!(first.len() > 100, "seed {seed} did nothing");
        let differs = first.iter().zip(&second).find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

#[test]
fn another_seed_writes_another_journal() {
    assert_ne!(run(1, None).unwrap().journal, run(2, None).unwrap().journal);
}

fn is_found(mistake: Mistake) {
    let found = (0..WITHIN).find(|seed| !run(*seed, Some(mistake)).unwrap().wrong.is_empty());
    let seed = found.unwrap_or_else(|| panic!("{mistake:?} is not found within {WITHIN} seeds"));
    println!("{mistake:?} is found by seed {seed}");
}

#[test]
fn claimed_and_forgotten_is_found() {
    is_found(Mistake::PurgeBeforeSave);
}

#[test]
fn a_store_without_its_guard_is_found() {
    is_found(Mistake::NoGuard);
}

#[test]
fn an_epoch_that_keeps_nobody_out_is_found() {
    is_found(Mistake::NoEpoch);
}

#[test]
fn a_redis_without_its_fence_is_found() {
    is_found(Mistake::NoFence);
}

#[test]
fn a_repetition_that_counts_is_found() {
    is_found(Mistake::NoWindow);
}
