//! What Redis keeps, and what it answers.

use crate::measured;

/// A reply's list has at least 3 bytes an element and takes some 100 in memory, twice over when it is copied.
const TIMES: u64 = 512;

/// See [`hiscore_rank::redis::fuzzing::check`].
pub fn check(bytes: &[u8]) {
    if announced(bytes) <= bytes.len() {
        measured(bytes, TIMES, || hiscore_rank::redis::fuzzing::check(bytes));
    }
}

/// How many elements all lists announce. The client library makes room for what is announced, whatever follows: a Redis is
/// believed so much, and nothing of ours is before that.
fn announced(bytes: &[u8]) -> usize {
    let mut sum = 0usize;
    for (at, byte) in bytes.iter().enumerate() {
        if b"*%~>|".contains(byte) {
            let digits = bytes[at + 1..]
                .iter()
                .skip_while(|byte| **byte == b'+')
                .take_while(|byte| byte.is_ascii_digit());
            sum = digits
                .fold(0usize, |number, digit| number.saturating_mul(10).saturating_add((digit - b'0').into()))
                .saturating_add(sum);
        }
    }
    sum
}
