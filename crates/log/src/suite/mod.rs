//! The conformance suite: what every log must pass, whichever it is. For tests, so it panics.
//!
//! [`run`] takes a function that opens a log, and tries every promise of [`Log`] on it. Each case takes a generation of
//! its own, so that none sees what another wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail by panicking"
)]

mod identity;
mod limits;
mod order;
pub mod tried;

use tried::Tried;

/// Runs the whole suite.
pub async fn run(tried: &Tried) {
    let step = |name: &str| println!("suite: {name}");
    step("identity");
    identity::a_log_knows_whose_it_is(tried.another()).await;
    identity::of_logs_made_at_once_there_is_one(tried.another()).await;
    identity::generations_are_apart(tried.another()).await;
    identity::one_that_is_not_there_is_gone(tried.another()).await;
    step("order");
    order::none_is_skipped(tried.another()).await;
    order::a_reader_goes_on_where_it_was(tried.another()).await;
    order::what_is_there_survives_reopening(tried.another()).await;
    order::shards_are_apart(tried.another()).await;
    order::appends_at_once_keep_their_order(tried.another()).await;
    order::a_reader_waits_and_may_be_dropped(tried.another()).await;
    step("limits");
    limits::bounds_tell_what_is_there(tried.another()).await;
    limits::entries_have_a_size(tried.another()).await;
    limits::what_is_under_way_is_bounded(tried.another()).await;
    limits::what_is_trimmed_is_missed(tried.another()).await;
    limits::a_log_that_ends_too_early_is_noticed(tried.another()).await;
    limits::a_closed_log_says_so(tried.another()).await;
}
