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

/// How many elements all lists announce, by the client's own way of reading a number. It makes room for what is announced,
/// whatever follows: a Redis is believed so much, and nothing of ours is before that.
fn announced(bytes: &[u8]) -> usize {
    let lists = bytes.iter().enumerate().filter(|(_, byte)| b"*%~>|".contains(byte));
    lists.fold(0, |sum: usize, (at, _)| {
        let rest = &bytes[at + 1..];
        let line = rest.windows(2).position(|two| two == b"\r\n").map_or(rest, |end| &rest[..end]);
        let number = std::str::from_utf8(line).ok().and_then(|line| line.trim().parse::<i64>().ok());
        sum.saturating_add(number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0))
    })
}
