//! The ranking tier: who stands where on every season of every board.
//!
//! [`contract`] is what a reader may ask of any tier (in process now, Redis later) and what it may rely on.
//! [`memory`] is the tier in process: [`MemoryRanks`] holds the seasons, [`board`] guards each with its own lock
//! and [`index`] keeps one in order. With the feature `suite`, the conformance tests that every tier must pass.

pub mod board;
pub mod contract;
pub mod index;
pub mod memory;
mod players;
pub mod redis;
#[cfg(feature = "suite")]
pub mod suite;
mod tree;
#[cfg(test)]
mod tree_tests;

pub use board::Board;
pub use contract::{Answer, Placed, Query, RankError, RankState, Ranking, View};
pub use index::Index;
pub use memory::MemoryRanks;
