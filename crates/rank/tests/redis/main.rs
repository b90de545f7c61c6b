//! The ranking tier in Redis against real servers: the conformance suite, the law side by side with the functions, the funnel,
//! the reconcile, and what happens when servers, functions and connections go away.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

mod batches;
mod cluster;
mod conformance;
mod faults;
mod funnel;
mod law;
mod logged;
mod model;
mod names;
mod reconcile;
mod replay;
mod seasons;
mod support;
