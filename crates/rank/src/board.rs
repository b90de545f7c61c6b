//! One season of one board under its own lock, so that a reader of one never waits for a writer of another.

use parking_lot::RwLock;

use crate::Index;

/// One season of one board, shared by its writer and its readers.
///
/// Both methods take a plain closure and no future, so that the lock can be held across neither an await nor, if
/// the closure keeps to the index, any I/O.
#[derive(Debug, Default)]
pub struct Board {
    index: RwLock<Index>,
}

impl Board {
    /// A board that starts with what `index` holds.
    pub fn new(index: Index) -> Self {
        Self { index: RwLock::new(index) }
    }

    /// Changes the board. Readers see all of what `change` did, or none of it.
    ///
    /// For the one writer of the board's shard, which also moves the revision ([`Index::set_revision`]) whenever
    /// an order or a score changes. What else must appear at the same moment may be published inside; the closure
    /// must not come back to the same board.
    pub fn update<T>(&self, change: impl FnOnce(&mut Index) -> T) -> T {
        change(&mut self.index.write())
    }

    /// Reads the board: everything that `look` sees is of one moment. Nothing is copied.
    ///
    /// The writer waits meanwhile, so take out what is needed and do the work on it afterwards.
    pub fn read<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&self.index.read())
    }
}
