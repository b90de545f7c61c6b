//! Players in order in one array of slots, and beside it their keys: a leaf, or the firsts below an inner node.
//!
//! All keys are compared at every search, without a branch: that is a few vector instructions, where a binary
//! search would guess wrong at every other step, and a wrong guess keeps the processor from fetching what comes
//! next while it waits for memory.

use std::cmp::Ordering;

use hiscore_score::Standing;

use super::Place;
use super::lens::Lens;
use crate::players::Players;

/// Up to `N` players in order.
#[derive(Debug, Clone)]
pub(super) struct Row<const N: usize> {
    lens: Lens,
    len: u8,
    /// The keys through `lens`; beyond `len` the greatest key.
    keys: [i32; N],
    slots: [u32; N],
}

impl<const N: usize> Row<N> {
    /// Nobody yet.
    pub(super) const EMPTY: Self = Self { lens: Lens::WIDE, len: 0, keys: [i32::MAX; N], slots: [0; N] };

    /// A row of at most `N` slots that are in order.
    pub(super) fn of(players: &Players, slots: impl Iterator<Item = u32>) -> Self {
        let mut row = Self::EMPTY;
        for (at, slot) in slots.enumerate() {
            row.slots[at] = slot;
            row.len += 1;
        }
        row.focus(players);
        row
    }

    pub(super) fn len(&self) -> usize {
        self.len.into()
    }

    pub(super) fn slots(&self) -> &[u32] {
        &self.slots[..self.len()]
    }

    /// Where a slot is that is in the row, with this standing.
    pub(super) fn index_of(&self, standing: Standing, slot: u32) -> Option<usize> {
        let (begin, end) = self.alike(standing);
        let at = self.slots[begin..end].iter().position(|present| *present == slot)?;
        Some(begin + at)
    }

    /// How many stand strictly before a place.
    pub(super) fn before(&self, players: &Players, place: &Place<'_>) -> usize {
        self.leading(players, place, |theirs| theirs == Ordering::Less)
    }

    /// How many do not stand after a place.
    pub(super) fn up_to(&self, players: &Players, place: &Place<'_>) -> usize {
        self.leading(players, place, |theirs| theirs != Ordering::Greater)
    }

    /// How many, from the first on, compare with a place as asked for.
    fn leading(&self, players: &Players, place: &Place<'_>, asked: impl Fn(Ordering) -> bool) -> usize {
        let (begin, end) = self.alike(place.standing);
        begin + self.slots[begin..end].partition_point(|slot| asked(place.compare(players, *slot)))
    }

    /// From where to where those stand whose key is that of a standing.
    fn alike(&self, standing: Standing) -> (usize, usize) {
        let key = self.lens.key(standing);
        let begin = self.keys.iter().map(|own| u32::from(*own < key)).sum::<u32>() as usize;
        let alike = self.keys[begin..self.len()].iter().take_while(|own| **own == key).count();
        (begin, begin + alike)
    }

    /// Puts in a slot at an index. There must be room.
    pub(super) fn insert(&mut self, players: &Players, at: usize, slot: u32) {
        let len = self.len();
        self.slots.copy_within(at..len, at + 1);
        self.keys.copy_within(at..len, at + 1);
        self.len += 1;
        self.set(at, slot, players.standing(slot));
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.slots.copy_within(at + 1..self.len as usize, at);
        self.keys.copy_within(at + 1..self.len as usize, at);
        self.len -= 1;
        self.keys[self.len()] = i32::MAX;
    }

    /// Moves the slot at an index to where it stands with another standing: before the one now at index `to`.
    pub(super) fn relocate(&mut self, at: usize, to: usize, standing: Standing) {
        let slot = self.slots[at];
        let to = if to > at {
            self.slots.copy_within(at + 1..to, at);
            self.keys.copy_within(at + 1..to, at);
            to - 1
        } else {
            self.slots.copy_within(to..at, to + 1);
            self.keys.copy_within(to..at, to + 1);
            to
        };
        self.set(to, slot, standing);
    }

    /// Puts a slot in the place of the one at an index.
    pub(super) fn set(&mut self, at: usize, slot: u32, standing: Standing) {
        self.slots[at] = slot;
        self.keys[at] = self.lens.key(standing);
    }

    /// Keeps the first `at`, and returns the others.
    pub(super) fn split_off(&mut self, players: &Players, at: usize) -> Self {
        let right = Self::of(players, self.slots()[at..].iter().copied());
        *self = Self::of(players, self.slots()[..at].iter().copied());
        right
    }

    /// Takes in those of the row right of it. There must be room.
    pub(super) fn append(&mut self, players: &Players, right: &Self) {
        let end = self.len() + right.len();
        self.slots[self.len as usize..end].copy_from_slice(right.slots());
        self.len = end as u8;
        self.focus(players);
    }

    /// Chooses the lens anew for those who are here now. It is done when a node is made, split or merged: it
    /// costs a cache miss a player, but for all of them at once.
    fn focus(&mut self, players: &Players) {
        if self.len > 1 {
            self.lens = Lens::on(self.slots().iter().map(|slot| players.standing(*slot)));
        }
        self.keys = [i32::MAX; N];
        for (key, slot) in self.keys.iter_mut().zip(&self.slots[..self.len as usize]) {
            *key = self.lens.key(players.standing(*slot));
        }
    }

    /// Checks what a row takes for granted of itself.
    #[cfg(test)]
    pub(super) fn check(&self, players: &Players) {
        let keys = self.slots().iter().map(|slot| self.lens.key(players.standing(*slot)));
        let beyond = std::iter::repeat_n(i32::MAX, N - self.len());
        assert!(keys.chain(beyond).eq(self.keys), "every key is that of its slot");
        assert!(self.keys.is_sorted(), "keys are in order");
    }
}
