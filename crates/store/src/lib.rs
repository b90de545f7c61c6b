//! Where records stay.
//!
//! [`embedded`] needs no server: every change is synced into a [`journal`](embedded::journal) by one committer
//! (a group commit), and a funnel carries coalesced states from there into a [`table`](embedded::table).
//! [`Kept`](embedded::Kept) is the table without the journal: a store for when the sequencer is elsewhere.
//! [`disk`] is all they see of the file system, so that tests can crash, tear and fill it.
//!
//! [`mongo`] keeps records in MongoDB, which any number of processes share.
//!
//! [`contract`] is what the funnel, a reconcile and readers may rely on in any store; `suite` tries it on each.

pub mod contract;
pub mod disk;
pub mod embedded;
pub mod mongo;
mod order;
#[cfg(feature = "suite")]
pub mod suite;

pub use contract::{Store, StoreError};
pub use disk::{Disk, DiskFile, Folder};
pub use embedded::{AppendError, Embedded, OpenError, Options};
pub use mongo::{MongoOptions, MongoStore};
