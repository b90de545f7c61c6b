//! Cursors: texts that a client sends back, and what is behind a seal that is right.

use crate::measured;

/// See [`hiscore_api::fuzzing::cursor`].
pub fn check(bytes: &[u8]) {
    measured(bytes, 16, || hiscore_api::fuzzing::cursor(bytes));
}
