//! How much of the log is not in the store yet, and how much may be.
//!
//! A broker that cannot cut a log at an offset lets the oldest segment go when a shard is too large, whether or not what is in it
//! is in the store. So what waits to be stored must stay below that, and whoever appends asks before.

use hiscore_log::{Bounds, Retention};
use hiscore_rank::redis::LogLook;

/// Bytes that a broker keeps with an entry besides its own: the envelope, and the head of a chunk with one entry in it.
const BESIDES: u64 = 256;
/// The size of an entry, as long as nothing better is known.
const TYPICAL: u64 = 1024;
/// Offsets that a broker takes for itself where a segment begins: no entries are missing there.
const GAP: u64 = 16;

/// What of a shard's log is not in the store yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// How many entries, at most.
    pub entries: u64,
    /// About how many bytes, with what the broker needs besides; rather too many.
    pub bytes: u64,
    /// How many of them the log does not have any more: what they did is in Redis alone.
    pub gone: u64,
}

/// What is not in the store of a shard that is so far (`log`) in a log that holds this much.
pub fn span(log: &LogLook, bounds: Bounds) -> Span {
    let (stored, bytes) = log.persisted.map_or((0, 0), |(offset, bytes)| (offset + 1, bytes));
    let applied = log.applied.map_or(0, |applied| applied + 1).max(stored);
    let (waiting, behind) = (applied - stored, bounds.end.saturating_sub(applied));
    let bytes = log.bytes.saturating_sub(bytes);
    let typical = bytes.checked_div(waiting).unwrap_or(0);
    let typical = typical.max(log.bytes.checked_div(applied).unwrap_or(0)).max(TYPICAL);
    let entries = waiting + behind;
    let gone = match bounds.first.min(bounds.end).saturating_sub(stored) {
        gone if gone > GAP => gone,
        _ => 0,
    };
    Span { entries, bytes: bytes + behind.saturating_mul(typical) + entries.saturating_mul(BESIDES), gone }
}

/// What one entry of so many bytes takes.
pub fn of_entry(bytes: usize) -> u64 {
    bytes as u64 + BESIDES
}

/// How many bytes of a shard may wait to be stored; `None`: as many as there are. One segment less than the log keeps would do;
/// another is for what several processes append between two looks.
pub fn most(retention: Retention) -> Option<u64> {
    match retention {
        Retention::UntilTrimmed => None,
        Retention::Bytes { shard, segment } => Some(shard.saturating_sub(segment.saturating_mul(2))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(applied: u64, bytes: u64, persisted: Option<(u64, u64)>) -> LogLook {
        let applied = Some(applied);
        LogLook { name: String::new(), era: 1, applied, bytes, persisted, warming: false }
    }

    #[test]
    fn what_waits_is_counted_with_what_is_not_applied() {
        let bounds = |first, end| Bounds { first, end };
        let none = span(&look(99, 100_000, Some((99, 100_000))), bounds(0, 100));
        assert_eq!(none, Span::default());
        let ten = span(&look(99, 100_000, Some((89, 80_000))), bounds(0, 100));
        assert_eq!((ten.entries, ten.bytes), (10, 20_000 + 10 * BESIDES));
        let with_ten_more = span(&look(99, 100_000, Some((89, 80_000))), bounds(0, 110));
        assert_eq!((with_ten_more.entries, with_ten_more.bytes), (20, 40_000 + 20 * BESIDES));
        let nothing_stored = span(&look(9, 20_000, None), bounds(0, 10));
        assert_eq!((nothing_stored.entries, nothing_stored.bytes), (10, 20_000 + 10 * BESIDES));
    }

    #[test]
    fn what_was_cut_too_early_is_noticed() {
        let persisted = Some((89, 80_000));
        let at = |first| span(&look(299, 300_000, persisted), Bounds { first, end: 300 }).gone;
        assert_eq!([at(0), at(90), at(92), at(200)], [0, 0, 0, 110]);
    }

    #[test]
    fn two_segments_are_kept_free() {
        assert_eq!(most(Retention::UntilTrimmed), None);
        assert_eq!(most(Retention::Bytes { shard: 1600, segment: 100 }), Some(1400));
    }
}
