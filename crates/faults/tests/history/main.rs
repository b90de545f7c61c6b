//! The checker of histories: right ones pass, and each way to be wrong is found, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod right;
mod wrong;
