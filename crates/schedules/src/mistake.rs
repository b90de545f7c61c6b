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
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::NoGuard, Self::NoEpoch, Self::PurgeBeforeSave, Self::NoFence, Self::NoWindow];

    /// What of the library is replaced by what.
    fn change(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::NoGuard | Self::NoEpoch => return None,
            Self::PurgeBeforeSave => ("call_many(flight, 'ZADD', S.base .. 'f')", ""),
            Self::NoFence => (
                "or m[1] ~= id or m[2] ~= FORMAT then return nil end",
                "or m[2] ~= FORMAT then return nil end",
            ),
            Self::NoWindow => (
                "return sub(window, found + 16, found + 23) == sub(key, 17, 24) and DUPLICATE or CONFLICT",
                "return NEW",
            ),
        })
    }

    /// The library with the mistake in it; `None`: there is no such place any more.
    pub(crate) fn put_into(self, code: &str) -> Option<String> {
        let Some((right, wrong)) = self.change() else { return Some(code.to_owned()) };
        code.contains(right).then(|| code.replace(right, wrong))
    }
}
