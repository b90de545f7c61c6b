//! Schedules of the logged profile: none goes wrong, each is the same every time, and mistakes that are put in are found.

mod common;

use std::ops::Range;

use common::{goes_right, is_found, none_goes_wrong, repeats};
use hiscore_schedules::Mistake;
use hiscore_schedules::Profile::Logged;

/// One of these finds a mistake.
const WITHIN: Range<u64> = 0..40;

#[test]
fn no_schedule_goes_wrong() {
    none_goes_wrong(Logged, 0..80);
}

#[test]
fn the_same_seed_writes_the_same_journal() {
    repeats(Logged, &[1, 2, 3, 5, 8, 37, 44]);
}

#[test]
fn acknowledged_and_forgotten_is_found() {
    is_found(Logged, Mistake::AckedAndForgotten, WITHIN);
}

#[test]
fn a_batch_that_is_skipped_is_found() {
    is_found(Logged, Mistake::SkippedBatch, WITHIN);
}

#[test]
fn going_on_where_redis_is_not_any_more_is_found() {
    // Rare: whoever applies must stand still until another Redis is open, and nobody else may be as far as it was.
    is_found(Logged, Mistake::NoRewind, 110..130);
}

#[test]
fn a_place_in_the_log_that_is_not_stored_is_found() {
    is_found(Logged, Mistake::StoredTooFar, WITHIN);
}

#[test]
fn a_clock_that_is_not_the_entrys_is_found() {
    is_found(Logged, Mistake::OwnClock, WITHIN);
}

#[test]
fn a_store_that_goes_back_is_noticed_though_its_watermark_stood_still() {
    // Copies of the store with the watermark that it had again when it was restored.
    for seed in [308, 637, 878] {
        goes_right(Logged, seed);
    }
    is_found(Logged, Mistake::WatermarkAlone, 637..638);
}

#[test]
fn seasons_that_neither_redis_nor_the_store_have_any_more_are_read_from_the_log() {
    // A copy from before they were stored, restored after they had left Redis.
    for seed in [136, 6526, 11989] {
        goes_right(Logged, seed);
    }
    is_found(Logged, Mistake::PrunedUnseen, 6526..6527);
}

#[test]
fn a_season_that_redis_took_over_from_the_store_is_given_back_to_it() {
    // It was lost with Redis's tail, read from the store, and then the store went back.
    goes_right(Logged, 4420);
}

#[test]
fn a_store_that_went_back_gets_no_later_season_before_what_it_lacks() {
    // Redis was lost, too, before it had been given all: the replay began with the later season.
    for seed in [6490, 8834, 11381] {
        goes_right(Logged, seed);
    }
}

#[test]
fn what_a_reconcile_left_that_was_broken_off_is_not_taken_for_stored() {
    // The store had gone back when the next reconcile came.
    for seed in [3236, 7728, 8244] {
        goes_right(Logged, seed);
    }
    is_found(Logged, Mistake::LoadUnnoted, 3236..3237);
    is_found(Logged, Mistake::LeftOver, 3236..3237);
}

#[test]
fn what_is_given_to_the_store_again_is_marked_in_one_redis() {
    // Another was promoted while that went on.
    goes_right(Logged, 8633);
}

#[test]
fn a_repetition_that_counts_is_found() {
    is_found(Logged, Mistake::NoWindow, WITHIN);
}
