//! The overlay: every change that is in the journal and not in the table yet.
//!
//! A change of a record is the *whole* record, or a *patch* ([`hiscore_score::Patch`]) to what is below: changes that are
//! *fresh* lie over those that are *in flight* into the table, and these over the table. A layer that reached the table
//! meanwhile does no harm, since a record that has seen a patch stays as it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hiscore_score::{Patch, Record, Rules, Stamp, Standing};

use super::bytes::Corrupt;
use super::codec::{BoardNumber, BoardRow};
use super::rows::{HashedKey, Rows};
use super::table::TableError;

/// What is known of a record that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Whole(Arc<Record>),
    /// What was done to it, and so where it stands.
    Patched(Box<Patch>),
}

impl State {
    /// Where it stands; `None`: it is a tombstone.
    pub fn standing(&self, rules: &Rules) -> Option<Standing> {
        match self {
            Self::Whole(record) => record.live.as_ref().map(|live| live.standing(rules)),
            Self::Patched(patch) => Some(patch.standing(rules)),
        }
    }

    /// The whole record; `base` says what is below a patch, which only lies over something.
    pub(super) fn over(
        &self,
        base: impl FnOnce() -> Result<Option<Arc<Record>>, TableError>,
    ) -> Result<Arc<Record>, TableError> {
        match self {
            Self::Whole(record) => Ok(Arc::clone(record)),
            Self::Patched(patch) => {
                let base = base()?.ok_or(Corrupt("a record whose changes are there is missing"))?;
                Ok(Arc::new(patch.onto(&base)))
            }
        }
    }

    /// Both as one, if `later` came right after.
    pub fn then(&mut self, later: Self) {
        let joined = match (&*self, later) {
            (_, later @ Self::Whole(_)) => later,
            (Self::Whole(record), Self::Patched(patch)) => Self::Whole(Arc::new(patch.onto(record))),
            (Self::Patched(before), Self::Patched(mut patch)) => {
                patch.come_after(before);
                Self::Patched(patch)
            }
        };
        *self = joined;
    }
}

/// What lies over the table of a record at one moment, the newest first. Never joined: each may be in the table by the time
/// that it is read.
#[derive(Debug, Clone)]
pub struct Layers([Option<State>; 4]);

impl Layers {
    /// Whether the record is not dirty.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The same under what is not published yet: two more layers, the newest first.
    pub fn under(self, newest: Option<State>, newer: Option<State>) -> Self {
        let [.., fresh, in_flight] = self.0;
        Self([newest, newer, fresh, in_flight])
    }

    /// The record with these layers over what `table` says.
    pub(super) fn over(
        &self,
        table: impl FnOnce() -> Result<Option<Arc<Record>>, TableError>,
    ) -> Result<Option<Arc<Record>>, TableError> {
        // From the newest that is whole; what is below that, it has seen.
        let whole = self.0.iter().position(|state| matches!(state, Some(State::Whole(_))));
        let (above, mut record) = match whole.and_then(|at| self.0.split_at_checked(at)) {
            Some((above, [Some(State::Whole(record)), ..])) => (above, Some(Arc::clone(record))),
            _ => (&self.0[..], table()?),
        };
        for state in above.iter().rev().flatten() {
            record = Some(state.over(|| Ok(record))?);
        }
        Ok(record)
    }
}

#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) fresh: Rows,
    /// What the funnel is writing, or failed to write: nothing more is claimed before it is in the table.
    pub(super) in_flight: Rows,
    pub(super) fresh_boards: HashMap<BoardNumber, BoardRow>,
    /// The last sequence whose effects are all here or in the table.
    pub(super) published: u64,
    pub(super) stamp: Stamp,
    /// When the oldest fresh change became fresh, and when the oldest in flight did.
    since: Option<Instant>,
    claimed_since: Option<Instant>,
}

impl Overlay {
    /// Beginning where the table ends.
    pub(super) fn new(published: u64, stamp: Stamp) -> Self {
        Self { published, stamp, ..Self::default() }
    }

    pub(super) fn peek(&self, key: &HashedKey) -> Layers {
        Layers([None, None, self.fresh.get(key).cloned(), self.in_flight.get(key).cloned()])
    }

    /// How many changes there are of records.
    pub(super) fn rows(&self) -> usize {
        self.fresh.len() + self.in_flight.len()
    }

    /// How long the oldest change has been waiting.
    pub(super) fn oldest(&self) -> Duration {
        self.claimed_since.or(self.since).map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Everything fresh is in flight now; what it is of boards, the caller takes.
    pub(super) fn claim(&mut self) -> HashMap<BoardNumber, BoardRow> {
        // As many are likely to come until the next time: to grow on the way would hold up everybody, each time for as long
        // as it takes to move all that is there.
        let next = Rows::with_capacity_and_hasher(self.fresh.len(), Default::default());
        self.in_flight = std::mem::replace(&mut self.fresh, next);
        self.claimed_since = self.since.take();
        std::mem::take(&mut self.fresh_boards)
    }

    /// What was in flight is in the table.
    pub(super) fn clear(&mut self) -> Rows {
        self.claimed_since = None;
        std::mem::take(&mut self.in_flight)
    }

    pub(super) fn fetch<'k>(&self, keys: impl Iterator<Item = &'k HashedKey>) {
        std::hint::black_box(keys.filter(|key| self.fresh.contains_key(*key)).count());
    }

    pub(super) fn row(&mut self, key: HashedKey, state: State) {
        self.since.get_or_insert_with(Instant::now);
        match self.fresh.entry(key) {
            std::collections::hash_map::Entry::Occupied(mut there) => there.get_mut().then(state),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(state);
            }
        }
    }

    pub(super) fn board(&mut self, row: BoardRow) {
        self.since.get_or_insert_with(Instant::now);
        self.fresh_boards.insert(row.number, row);
    }
}
