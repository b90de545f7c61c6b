//! The direct profile: every interleaving within small bounds keeps every promise, and each mistake that is put in breaks one.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it explored"
)]

mod mistakes;
mod promises;
