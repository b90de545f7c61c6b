//! What the tests of the API stand on: a model of the stages behind it, and a client that sends real HTTP through the front.

// Each user takes a part of it, and a test fails by a panic, in its helpers too.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, clippy::panic)]

pub mod client;
pub mod events;
pub mod model;
