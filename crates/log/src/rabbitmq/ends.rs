//! How far the stream of each shard was seen to reach.
//!
//! In the first second after a stream got another leader a node may show nothing of it, and a node that is behind shows less than
//! another one did. Whoever took that for the end of the log would count a rebuild as done before it has begun. So a stream does
//! not end before what this process knows to be in it; and one that was never seen counts as empty only when it has shown
//! nothing for a while.

use std::time::Duration;

use parking_lot::Mutex;

use crate::contract::Bounds;

/// For so long a stream has to show nothing, the first time that it is looked at.
pub(super) const EMPTY_AFTER: Duration = Duration::from_secs(2);

/// By shard.
pub(super) struct Ends(Mutex<Vec<Option<u64>>>);

/// What to make of what a stream shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// So it is.
    Believed,
    /// It is not known to have had more, but that need not mean anything yet.
    Empty,
    /// It has more than that.
    TooLittle,
}

impl Ends {
    pub(super) fn new(shards: u16) -> Self {
        Self(Mutex::new(vec![None; usize::from(shards)]))
    }

    /// The entries below this offset are in it. 0: it was empty.
    pub(super) fn reaches(&self, shard: u16, end: u64) {
        if let Some(known) = self.0.lock().get_mut(usize::from(shard)) {
            *known = (*known).max(Some(end));
        }
    }

    pub(super) fn judge(&self, shard: u16, shown: Bounds) -> Shown {
        match self.0.lock().get(usize::from(shard)).copied().flatten() {
            Some(known) if shown.end < known => Shown::TooLittle,
            None if shown.end == 0 => Shown::Empty,
            _ => Shown::Believed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_never_before_what_was_seen() {
        let ends = Ends::new(2);
        let shows = |end| ends.judge(1, Bounds { first: 0, end });
        assert_eq!((shows(0), shows(7)), (Shown::Empty, Shown::Believed));
        ends.reaches(1, 0);
        assert_eq!(shows(0), Shown::Believed, "it was empty for long enough");
        ends.reaches(1, 7);
        ends.reaches(1, 5);
        assert_eq!((shows(0), shows(6)), (Shown::TooLittle, Shown::TooLittle));
        assert_eq!((shows(7), shows(9)), (Shown::Believed, Shown::Believed));
        assert_eq!(ends.judge(0, Bounds { first: 0, end: 0 }), Shown::Empty, "another shard");
    }
}
