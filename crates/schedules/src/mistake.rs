//! Mistakes that can be put in, to see whether schedules find them.

/// One mistake. Most are changes of the library of functions, made when a server loads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// The store takes whatever comes last, whatever its position.
    NoGuard,
    /// The store opens an epoch whichever it is at, and lets every epoch move the watermark.
    NoEpoch,
    /// What is claimed is forgotten before it is stored.
    PurgeBeforeSave,
    /// A Redis that was not reconciled is served from.
    NoFence,
    /// A repeated submission counts again.
    NoWindow,
    /// That the store went back is told by its watermark alone, which may have stood still.
    WatermarkAlone,
    /// Nobody notes up to where seasons left Redis.
    PrunedUnseen,
    /// A season that came from the store is not noted as one that the log opened.
    SeasonUnnoted,
    /// What a broken-off reconcile left in Redis stays.
    LeftOver,
    /// How far the store is that a Redis is filled from is not noted before.
    LoadUnnoted,
    /// What was begun in one Redis, when the store went back, is gone on with in another.
    WalksOn,
    /// The log says that it has an entry, and now and then it has not.
    AckedAndForgotten,
    /// A reader of the log now and then leaves out what it has read.
    SkippedBatch,
    /// Who applies is not told that Redis went back.
    NoRewind,
    /// The store's place in the log is the last offset that was applied, whether what it changed is stored or not.
    StoredTooFar,
    /// Entries of the log are judged by Redis's clock.
    OwnClock,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::NoGuard,
        Self::NoEpoch,
        Self::PurgeBeforeSave,
        Self::NoFence,
        Self::NoWindow,
        Self::WatermarkAlone,
        Self::PrunedUnseen,
        Self::SeasonUnnoted,
        Self::LeftOver,
        Self::LoadUnnoted,
        Self::WalksOn,
        Self::AckedAndForgotten,
        Self::SkippedBatch,
        Self::NoRewind,
        Self::StoredTooFar,
        Self::OwnClock,
    ];

    /// What of the library is replaced by what.
    fn change(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::NoGuard | Self::NoEpoch | Self::AckedAndForgotten | Self::SkippedBatch => return None,
            Self::PurgeBeforeSave => ("call_many(flight, 'ZADD', S.base .. 'f')", ""),
            Self::NoFence => (
                "or m[1] ~= id or m[2] ~= FORMAT then return nil end",
                "or m[2] ~= FORMAT then return nil end",
            ),
            Self::NoWindow => (
                "return sub(window, found + 16, found + 23) == sub(key, 17, 24) and DUPLICATE or CONFLICT",
                "return NEW",
            ),
            Self::WatermarkAlone => ("call('HSET', S.meta, 'stored', args[3])", ""),
            Self::PrunedUnseen => ("'pruned_to', '0', 'pruned', pruned)", "'pruned_to', '0')"),
            Self::SeasonUnnoted => (
                "not opening_of(base, b.id, b.version) then keep_opening(base, b) end",
                "false then return end",
            ),
            Self::LeftOver => (
                "local boards_, seasons = call('HKEYS', base .. 'b'), call('ZRANGE', base .. 'n', 0, -1)",
                "local boards_, seasons = {}, {} if boards_ then return { 'OK' } end",
            ),
            Self::LoadUnnoted => {
                ("call('HSET', keys[1], 'persisted', upto, 'stored', number, 'loading', 1)", "")
            }
            Self::WalksOn => ("if cursor ~= '' and m[4] ~= id then return FENCED end", ""),
            Self::NoRewind => {
                ("if tonumber(args[2]) > S.applied then return { 'BEHIND', S.applied } end", "")
            }
            Self::StoredTooFar => ("place_at(S.base, out[4])", "place_at(S.base, LAST)"),
            Self::OwnClock => (
                "S.clock = math.min(math.max(e.time - ORIGIN, 0) * 4096, LAST)",
                "S.clock = math.min(math.max(now_ms() - ORIGIN, 0) * 4096, LAST)",
            ),
        })
    }

    /// The library with the mistake in it; `None`: there is no such place any more.
    pub(crate) fn put_into(self, code: &str) -> Option<String> {
        let Some((right, wrong)) = self.change() else { return Some(code.to_owned()) };
        code.contains(right).then(|| code.replace(right, wrong))
    }
}
