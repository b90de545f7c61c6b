//! What Redis keeps, and what it answers.

use crate::measured;

/// A reply's list has at least 3 bytes an element and takes some 100 in memory, twice over when it is copied.
const TIMES: u64 = 512;

/// See [`hiscore_rank::redis::fuzzing::check`].
pub fn check(bytes: &[u8]) {
    measured(bytes, TIMES, || hiscore_rank::redis::fuzzing::check(bytes));
}
