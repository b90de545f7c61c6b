//! The conformance suite: what every store must pass, whichever it is. For tests, so it panics.
//!
//! [`run`] takes a function that makes an empty store and tries on it, by random histories and by races, every promise
//! of [`Store`](crate::Store). Random cases are shrunk; a failure prints the smallest one that still fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail by panicking"
)]

mod generate;
mod histories;
mod logs;
mod model;
mod plain;
mod races;
mod shards;

use std::sync::Arc;

use crate::contract::Store;

pub use generate::{Case, case};
pub use plain::{board, key, record};

/// A store to be tried.
pub type Tried = Arc<dyn Store>;

/// Runs the whole suite. `fresh` makes an empty store, every time another; `cases` is how many random histories.
pub fn run(runtime: &tokio::runtime::Runtime, cases: u32, fresh: impl Fn() -> Tried) {
    histories::any_order_leaves_the_highest(runtime, cases, &fresh);
    runtime.block_on(async {
        let step = |name: &str| println!("suite: {name}");
        step("an empty store");
        histories::an_empty_store_is_empty(fresh()).await;
        step("names are data");
        histories::names_are_data(fresh()).await;
        step("the guard");
        histories::the_first_of_one_position_stays(fresh()).await;
        step("deployments");
        races::of_deployments_created_at_once_there_is_one(fresh()).await;
        step("epochs");
        shards::an_epoch_is_opened_by_one(fresh()).await;
        step("watermarks");
        shards::a_watermark_moves_under_its_epoch(fresh()).await;
        step("bulks");
        shards::a_bulk_has_a_number(fresh()).await;
        step("logs");
        logs::a_log_is_adopted_by_one(fresh()).await;
        step("places in a log");
        logs::a_place_moves_with_the_watermark(fresh()).await;
        step("contended keys");
        races::contended_keys_end_at_the_highest(fresh()).await;
        step("dropped futures");
        races::a_dropped_write_may_be_repeated(fresh()).await;
    });
}
