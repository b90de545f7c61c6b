//! The law of a record, as properties of random histories. One program, so that the generators are built once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test may fail it")]

mod history;
mod merging;
mod model;
mod numbers;
mod operators;
mod order;
mod patches;
mod replay;
mod retries;
mod windows;
