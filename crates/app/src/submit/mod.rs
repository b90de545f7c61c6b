//! Submit: the first stage. Requests wait in a bounded queue for the committer, the one sequencer of this process.

pub mod books;
pub mod committer;
pub mod queue;
pub mod remote;
pub mod waiting;

pub use committer::{Committer, CommitterParts};
pub use queue::{Answer, Queue, Request, SubmitRequest, Work};
