//! For tests only: disks that crash, tear and fill up, memory that runs out, servers that are killed, and the account of what they
//! acknowledged.
//!
//! What goes wrong here fails a test, so everything about processes panics with what an engineer then needs: what
//! was waited for, and what the server last said.

pub mod client;
pub mod disk;
pub mod documents;
pub mod history;
pub mod memory_group;
pub mod process;
pub mod random;
pub mod scores;
pub mod servers;
pub mod small_disk;
pub mod tally;
pub mod wait;
pub mod wire;

pub use client::{Client, Failure};
pub use disk::SimDisk;
pub use memory_group::MemoryGroup;
pub use process::{Ended, Process};
pub use random::Random;
pub use scores::{Entry, Verdict};
pub use small_disk::SmallDisk;
pub use tally::Tally;
