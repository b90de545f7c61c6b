//! Who is on one season: names and standings, packed, and found by name.
//!
//! A player is a *slot*, a `u32`, from arrival to departure; the order is kept in slots too. That makes 32 bytes a
//! player here besides its name, and the entry in the [`tables`].

mod tables;

use std::hash::{BuildHasher, RandomState};

use hiscore_score::{PlayerId, Standing};

use self::tables::Tables;

/// Bits of `Slot::name` for the length.
const LENGTH_BITS: u32 = 8;

#[derive(Debug, Clone, Copy)]
struct Slot {
    standing: Standing,
    /// Where in `names` the name is, and in the lowest 8 bits its length in bytes; 0 in a free slot.
    name: u64,
}

/// The players of one season.
#[derive(Debug, Default)]
pub(crate) struct Players {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// All names, one after the other, and those of players who left until the next clean-up.
    names: String,
    /// Bytes in `names` of players who left.
    garbage: usize,
    tables: Tables,
    /// Seeded by chance: names come from outside, and must not be able to aim at one entry.
    hasher: RandomState,
}

impl Players {
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Makes room for `more` players, so that loading does not move the slots again and again.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.slots.reserve(more);
    }

    /// The slots in use, in no order that means anything.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.slots).filter(|(_, slot)| slot.name != 0).map(|(at, _)| at)
    }

    pub(crate) fn standing(&self, slot: u32) -> Standing {
        self.slots[slot as usize].standing
    }

    pub(crate) fn set_standing(&mut self, slot: u32, standing: Standing) {
        self.slots[slot as usize].standing = standing;
    }

    pub(crate) fn name(&self, slot: u32) -> &str {
        self.look_up(slot).1
    }

    /// Standing and name of a slot.
    pub(crate) fn look_up(&self, slot: u32) -> (Standing, &str) {
        let Slot { standing, name } = self.slots[slot as usize];
        let start = (name >> LENGTH_BITS) as usize;
        let length = (name & ((1 << LENGTH_BITS) - 1)) as usize;
        (standing, &self.names[start..start + length])
    }

    /// The slot of a player.
    pub(crate) fn find(&self, player: &str) -> Option<u32> {
        self.tables.find(self.tag(player), |slot| self.name(slot) == player)
    }

    /// Touches what finding these players touches, and changes nothing: one thing after the other for all of them, so that
    /// the processor waits for several at once, and finds them in its cache then.
    pub(crate) fn fetch<'a>(&self, players: impl Iterator<Item = &'a str>) {
        let tags: Vec<u32> = players.map(|player| self.tag(player)).collect();
        let slots: Vec<u32> = tags.iter().filter_map(|tag| self.tables.find(*tag, |_| true)).collect();
        let names: Vec<u64> = slots.iter().map(|slot| self.slots[*slot as usize].name).collect();
        let first = |name: &u64| self.names.as_bytes().get((name >> LENGTH_BITS) as usize).copied();
        std::hint::black_box(names.iter().filter_map(first).fold(0, u8::wrapping_add));
    }

    /// Takes in a player who is not here. The caller has seen to there being less than 2^32 - 1.
    pub(crate) fn add(&mut self, player: &PlayerId, standing: Standing) -> u32 {
        let player = player.as_str();
        let name = ((self.names.len() as u64) << LENGTH_BITS) | player.len() as u64;
        self.names.push_str(player);
        let new = Slot { standing, name };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = new;
                slot
            }
            None => {
                self.slots.push(new);
                (self.slots.len() - 1) as u32
            }
        };
        self.tables.insert(self.tag(player), slot);
        slot
    }

    /// Lets a player go. Its slot will be used again.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.tables.remove(self.tag(self.name(slot)), slot);
        self.garbage += self.name(slot).len();
        self.slots[slot as usize].name = 0;
        self.free.push(slot);
        // So that each removal pays for a bounded share of a clean-up, and garbage is never the larger part.
        if self.garbage > self.names.len() / 2 {
            self.clean_up();
        }
    }

    fn tag(&self, player: &str) -> u32 {
        (self.hasher.hash_one(player) >> 32) as u32
    }

    fn clean_up(&mut self) {
        let mut names = String::with_capacity(self.names.len() - self.garbage);
        for at in 0..self.slots.len() {
            if self.slots[at].name != 0 {
                let start = names.len() as u64;
                names.push_str(self.name(at as u32));
                self.slots[at].name = (start << LENGTH_BITS) | (names.len() as u64 - start);
            }
        }
        self.names = names;
        self.garbage = 0;
    }
}
