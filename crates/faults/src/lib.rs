//! For tests only: disks that crash, tear and fill up.

pub mod disk;
pub mod random;

pub use disk::SimDisk;
pub use random::Random;
