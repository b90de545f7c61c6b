//! From the hash of a name to its slot: 8 bytes an entry, of which half is a part of the hash, so that a table
//! grows without going back to the names (a cache miss each).
//!
//! The table grows by linear hashing: it is many small tables, and one of them is split at a time. One big table
//! would have to move ten million entries at once now and then, with the board locked for seconds. A small table
//! is searched from where the hash says to the next empty entry, which is nearly always one cache miss.

/// How many entries a small table holds on average before one more table is opened. Those not yet split hold up
/// to twice as many: 1600 of 2048.
const TABLE_LOAD: usize = 800;
/// Bits of a tag that choose the entry inside a table: those of 2048 entries.
const TABLE_BITS: u32 = 11;

/// A part of the hash of a name, and the slot.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u32,
    slot: u32,
}

impl Entry {
    /// No slot has this number.
    const EMPTY: Self = Self { tag: 0, slot: u32::MAX };

    fn is_empty(self) -> bool {
        self.slot == Self::EMPTY.slot
    }
}

/// One small table.
#[derive(Debug)]
struct Table {
    /// A power of two of them, at least one empty.
    entries: Vec<Entry>,
    len: usize,
}

impl Table {
    /// A table that will hold so many entries without growing. At most three quarters are in use at first.
    fn with_capacity(entries: usize) -> Self {
        Self { entries: vec![Entry::EMPTY; (entries + entries / 3).next_power_of_two().max(8)], len: 0 }
    }

    fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    /// Where the entry is for which `same` says so of its slot.
    fn find(&self, tag: u32, same: impl Fn(u32) -> bool) -> Option<usize> {
        let mut at = tag as usize & self.mask();
        loop {
            let entry = self.entries[at];
            if entry.is_empty() {
                return None;
            }
            if entry.tag == tag && same(entry.slot) {
                return Some(at);
            }
            at = (at + 1) & self.mask();
        }
    }

    fn put(&mut self, entry: Entry) {
        if (self.len + 1) * 8 > self.entries.len() * 7 {
            let grown = Self::with_capacity(self.entries.len());
            let small = std::mem::replace(self, grown);
            small.entries.into_iter().filter(|entry| !entry.is_empty()).for_each(|entry| self.put(entry));
        }
        let mut at = entry.tag as usize & self.mask();
        while !self.entries[at].is_empty() {
            at = (at + 1) & self.mask();
        }
        self.entries[at] = entry;
        self.len += 1;
    }

    /// Empties the entry at an index, and fills the hole with what would be searched for across it.
    fn remove(&mut self, mut hole: usize) {
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask();
            let entry = self.entries[at];
            if entry.is_empty() {
                break;
            }
            let from_home = at.wrapping_sub(entry.tag as usize) & self.mask();
            if from_home >= at.wrapping_sub(hole) & self.mask() {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = Entry::EMPTY;
        self.len -= 1;
    }
}

/// All the tables of one season.
#[derive(Debug)]
pub(super) struct Tables {
    tables: Vec<Table>,
    len: usize,
}

impl Default for Tables {
    fn default() -> Self {
        Self { tables: vec![Table::with_capacity(0)], len: 0 }
    }
}

impl Tables {
    /// The slot with this tag of which `same` says that it is the one.
    pub(super) fn find(&self, tag: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let table = &self.tables[table_of(tag, self.tables.len())];
        table.find(tag, same).map(|at| table.entries[at].slot)
    }

    /// Takes in a slot that is not here.
    pub(super) fn insert(&mut self, tag: u32, slot: u32) {
        self.put(Entry { tag, slot });
        self.len += 1;
        if self.len > self.tables.len() * TABLE_LOAD {
            self.split_a_table();
        }
    }

    /// Takes out a slot.
    pub(super) fn remove(&mut self, tag: u32, slot: u32) {
        let table = table_of(tag, self.tables.len());
        let table = &mut self.tables[table];
        if let Some(at) = table.find(tag, |present| present == slot) {
            table.remove(at);
            self.len -= 1;
        }
    }

    fn put(&mut self, entry: Entry) {
        let table = table_of(entry.tag, self.tables.len());
        self.tables[table].put(entry);
    }

    /// Opens one more table, and moves there what is now filed there.
    fn split_a_table(&mut self) {
        let new = self.tables.len();
        let buddy = new - (1 << new.ilog2());
        let moving = std::mem::replace(&mut self.tables[buddy], Table::with_capacity(TABLE_LOAD * 7 / 8));
        self.tables.push(Table::with_capacity(TABLE_LOAD * 7 / 8));
        moving.entries.into_iter().filter(|entry| !entry.is_empty()).for_each(|entry| self.put(entry));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Tags of a few neighbouring entries, across the end of a table: everybody is in everybody's way.
        #[test]
        fn crowded_entries_are_found(steps in vec((2040..2056u32, 0..40u32), 0..200)) {
            let (mut tables, mut model) = (Tables::default(), BTreeMap::new());
            for (tag, slot) in steps {
                match model.remove(&slot) {
                    Some(tag) => tables.remove(tag, slot),
                    None => {
                        model.insert(slot, tag);
                        tables.insert(tag, slot);
                    }
                }
                for slot in 0..40 {
                    for tag in 2040..2056 {
                        let found = tables.find(tag, |present| present == slot);
                        prop_assert_eq!(found.is_some(), model.get(&slot) == Some(&tag));
                    }
                }
            }
        }
    }
}
