//! The stamp: 53 bits of hybrid time that order what happens on one shard, exact in a Lua double.
//!
//! 41 bits of milliseconds since 2025-01-01 UTC (enough until 2094) and 12 of a counter. Only the sequencer
//! of a shard makes stamps, and they never go back: a clock that does is outrun by the counter.

/// 2025-01-01T00:00:00Z in milliseconds since the Unix epoch: the origin of all stamps.
pub const ORIGIN_UNIX_MS: u64 = 1_735_689_600_000;
const COUNTER_BITS: u32 = 12;
/// The last stamp there is.
const LAST: u64 = (1 << 53) - 1;

/// A moment in the order of one shard. [`Stamp::ZERO`] means "never".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp(u64);

impl Stamp {
    /// Before everything; stands for "never".
    pub const ZERO: Self = Self(0);
    /// The last stamp there is (2^53 − 1).
    pub const LAST: Self = Self(LAST);

    /// A stamp from its number, as it is stored. `None` beyond 53 bits.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        if raw <= LAST { Some(Self(raw)) } else { None }
    }

    /// The number, as it is stored.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The sequencer's next stamp: the clock's, or one after `self` (the last it gave), whichever is later.
    ///
    /// `None` when all stamps are used up (in 2094, or after a clock that was that far ahead).
    pub const fn next(self, now_unix_ms: u64) -> Option<Self> {
        let clock = now_unix_ms.saturating_sub(ORIGIN_UNIX_MS);
        let clock = if clock > LAST >> COUNTER_BITS { LAST } else { clock << COUNTER_BITS };
        let after = self.0 + 1;
        Self::from_raw(if clock > after { clock } else { after })
    }

    /// The wall-clock time this stamp shows, in milliseconds since the Unix epoch.
    pub const fn unix_ms(self) -> u64 {
        ORIGIN_UNIX_MS + (self.0 >> COUNTER_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back_whatever_the_clock_does() {
        let noon = ORIGIN_UNIX_MS + 43_200_000;
        let mut last = Stamp::ZERO;
        for now in [noon, noon, noon - 3_600_000, 0, noon + 1, u64::MAX >> 12] {
            let next = last.next(now).unwrap();
            assert!(next > last);
            last = next;
        }
        assert_eq!(Stamp::LAST.next(noon), None);
    }

    #[test]
    fn shows_the_clock() {
        let noon = ORIGIN_UNIX_MS + 43_200_000;
        assert_eq!(Stamp::ZERO.next(noon).unwrap().unix_ms(), noon);
        assert_eq!(Stamp::from_raw(1 << 53), None);
    }
}
