//! Schedules of the direct profile: none goes wrong, each is the same every time, and mistakes that are put in are found.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod common;

use std::ops::Range;

use common::{goes_right, is_found, none_goes_wrong, repeats};
use hiscore_schedules::Profile::Direct;
use hiscore_schedules::{Mistake, run};

/// One of these finds a mistake.
const WITHIN: Range<u64> = 0..60;

#[test]
fn no_schedule_goes_wrong() {
    none_goes_wrong(Direct, 0..100);
}

#[test]
fn the_same_seed_writes_the_same_journal() {
    repeats(Direct, &[1, 2, 3, 5, 8, 37, 44]);
}

#[test]
fn another_seed_writes_another_journal() {
    assert_ne!(run(Direct, 1, None).unwrap().journal, run(Direct, 2, None).unwrap().journal);
}

#[test]
fn claimed_and_forgotten_is_found() {
    is_found(Direct, Mistake::PurgeBeforeSave, WITHIN);
}

#[test]
fn a_store_without_its_guard_is_found() {
    is_found(Direct, Mistake::NoGuard, WITHIN);
}

#[test]
fn an_epoch_that_keeps_nobody_out_is_found() {
    is_found(Direct, Mistake::NoEpoch, WITHIN);
}

#[test]
fn a_redis_without_its_fence_is_found() {
    is_found(Direct, Mistake::NoFence, WITHIN);
}

#[test]
fn a_store_that_goes_back_is_noticed_though_its_watermark_stood_still() {
    goes_right(Direct, 235);
    goes_right(Direct, 2104);
    is_found(Direct, Mistake::WatermarkAlone, 2104..2105);
}

#[test]
fn a_repetition_that_counts_is_found() {
    is_found(Direct, Mistake::NoWindow, WITHIN);
}
