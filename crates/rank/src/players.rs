//! Who is on one season: names and standings, packed, and found by name.
//!
//! A player is a *slot*, a `u32`, from arrival to departure; the order is kept in slots too. That makes 32 bytes a
//! player here besides its name, and the hash table: 8 bytes an entry, of which half is a part of the hash, so
//! that a table grows without going back to the names (two cache misses each).
//!
//! The table grows by linear hashing: it is many small tables, and one of them is split at a time. One big table
//! would have to move ten million entries at once now and then, with the board locked for seconds.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hiscore_score::{PlayerId, Standing};

/// How many players a small table holds on average before one more table is opened. Those not yet split hold up
/// to twice as many: 1600 of the 1792 that fit into 2048 buckets.
const TABLE_LOAD: usize = 800;
/// Bits of a tag that choose the bucket inside a table: those of 2048 buckets.
const TABLE_BITS: u32 = 11;
/// Bits of `Slot::name` for the length.
const LENGTH_BITS: u32 = 8;

#[derive(Debug, Clone, Copy)]
struct Slot {
    standing: Standing,
    /// Where in `names` the name is, and in the lowest 8 bits its length in bytes; 0 in a free slot.
    name: u64,
}

/// What the tables hold: a part of the hash of the name, and the slot.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u32,
    slot: u32,
}

impl Entry {
    /// The hash for inside a table, where the lowest and the highest bits count: the former are the tag's, and
    /// multiplying mixes all of the tag into the latter.
    fn hash(tag: u32) -> u64 {
        u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// The players of one season.
#[derive(Debug)]
pub(crate) struct Players {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// All names, one after the other, and those of players who left until the next clean-up.
    names: String,
    /// Bytes in `names` of players who left.
    garbage: usize,
    tables: Vec<HashTable<Entry>>,
    /// Seeded by chance: names come from outside, and must not be able to aim at one bucket.
    hasher: RandomState,
}

impl Default for Players {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            names: String::new(),
            garbage: 0,
            tables: vec![HashTable::new()],
            hasher: RandomState::new(),
        }
    }
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
        let tag = self.tag(player);
        let table = &self.tables[table_of(tag, self.tables.len())];
        let same = |entry: &Entry| entry.tag == tag && self.name(entry.slot) == player;
        table.find(Entry::hash(tag), same).map(|entry| entry.slot)
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
        let tag = self.tag(player);
        self.put(Entry { tag, slot });
        if self.len() > self.tables.len() * TABLE_LOAD {
            self.split_a_table();
        }
        slot
    }

    /// Lets a player go. Its slot will be used again.
    pub(crate) fn remove(&mut self, slot: u32) {
        let tag = self.tag(self.name(slot));
        let table = table_of(tag, self.tables.len());
        if let Ok(entry) = self.tables[table].find_entry(Entry::hash(tag), |present| present.slot == slot) {
            entry.remove();
        }
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

    fn put(&mut self, entry: Entry) {
        let table = table_of(entry.tag, self.tables.len());
        self.tables[table].insert_unique(Entry::hash(entry.tag), entry, |entry| Entry::hash(entry.tag));
    }

    /// Opens one more table, and moves there what is now filed there.
    fn split_a_table(&mut self) {
        let new = self.tables.len();
        let buddy = new - (1 << new.ilog2());
        let moving = std::mem::replace(&mut self.tables[buddy], HashTable::with_capacity(TABLE_LOAD));
        self.tables.push(HashTable::with_capacity(TABLE_LOAD));
        for entry in moving {
            self.put(entry);
        }
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

/// Which of `tables` (at least 1) small tables files `tag`: by as many bits as there are tables, or by one fewer
/// if that table has not been opened yet. The lowest bits are left to the tables themselves.
fn table_of(tag: u32, tables: usize) -> usize {
    let bits = (tag >> TABLE_BITS) as usize;
    let mask = tables.next_power_of_two() - 1;
    let table = bits & mask;
    if table < tables { table } else { table & (mask >> 1) }
}
