//! The number of a score: an integer that JSON, JavaScript and a Lua double all hold exactly.

use std::fmt;

/// The largest magnitude of a score: 2^53 − 1, JavaScript's `Number.MAX_SAFE_INTEGER`.
pub const MAX: i64 = (1 << 53) - 1;

/// A score or subscore: an integer within ±(2^53 − 1). Anything else is refused, never rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Score(i64);

/// A number outside ±(2^53 − 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a score must be an integer within ±9007199254740991")]
pub struct OutOfRange;

impl Score {
    /// Nought.
    pub const ZERO: Self = Self(0);
    /// 2^53 − 1.
    pub const MAX: Self = Self(MAX);
    /// −(2^53 − 1).
    pub const MIN: Self = Self(-MAX);

    /// Takes an integer within ±(2^53 − 1).
    pub const fn new(value: i64) -> Result<Self, OutOfRange> {
        if value >= -MAX && value <= MAX { Ok(Self(value)) } else { Err(OutOfRange) }
    }

    /// The integer.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, unless it would leave the range.
    pub fn checked_add(self, other: Self) -> Result<Self, OutOfRange> {
        // Two numbers below 2^53 cannot overflow an i64, so the range check is the only one needed.
        Self::new(self.0 + other.0)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(Score::new(MAX).map(Score::get), Ok(MAX));
        assert_eq!(Score::new(-MAX).map(Score::get), Ok(-MAX));
        for outside in [MAX + 1, -MAX - 1, i64::MAX, i64::MIN] {
            assert_eq!(Score::new(outside), Err(OutOfRange));
        }
        assert_eq!(Score::MAX.checked_add(Score::MIN), Ok(Score::ZERO));
        assert_eq!(Score::MAX.checked_add(Score(1)), Err(OutOfRange));
        assert_eq!(Score::MIN.checked_add(Score(-1)), Err(OutOfRange));
        assert_eq!(Score::MAX.checked_add(Score::MAX), Err(OutOfRange));
        assert_eq!(Score::MAX.checked_add(Score::ZERO), Ok(Score::MAX));
    }
}
