//! What can be imported into, as the way of an import sees it.

use hiscore_score::Stamp;

use super::{Item, TransferError};

/// Which import it is, and for what the deployment is made.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Tells this input from every other: 16 hexadecimal digits.
    pub(super) fingerprint: String,
    /// Shards of the new deployment.
    pub(super) shards: u16,
    /// The length of its windows.
    pub(super) window: usize,
    /// Now.
    pub(super) stamp: Stamp,
}

/// What an import finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// There is something to do. When it was begun, which stays the same however often it goes on.
    Here {
        /// By the clock of whoever began it.
        stamp: Stamp,
        /// Whether it goes on with what was begun before.
        again: bool,
    },
    /// The same import was completed before.
    Complete,
}

/// A place that an import goes to. Used in this order: begin, any number of writes, finish.
pub(super) trait Target {
    /// Marks the place, or finds that this import has marked it. Refuses what is not empty.
    async fn begin(&mut self, plan: &Plan) -> Result<Begun, TransferError>;

    /// Puts in items, the first of which has the number `first`; what was put in before may be left out.
    async fn write(&mut self, first: u64, items: Vec<Item>) -> Result<(), TransferError>;

    /// Takes the mark away: everything up to the item with the number `last` is durably there.
    async fn finish(self, last: u64) -> Result<(), TransferError>;
}
