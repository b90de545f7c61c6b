//! `hiscore export` and `hiscore import`, as an operator runs them: real processes, real folders, a real MongoDB and Redis.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod transfer {
    mod cut_short;
    mod refusals;
    mod round_trip;
    mod sorted_sets;
    mod support;
}
