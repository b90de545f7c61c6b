//! Submit: the first stage. Requests wait in a bounded queue for the committer, the one sequencer of this process; or go to
//! Redis, which is the sequencer ([`remote`]); or into a log, whose order is that of judging ([`logged`]).

pub mod appender;
pub mod books;
pub mod committer;
pub mod guard;
pub mod judged;
pub mod logged;
pub mod queue;
pub mod remote;
mod sequencer;
mod syncer;
pub mod verdicts;
pub mod waiting;

pub use committer::{Committer, CommitterParts};
pub use queue::{Answer, Queue, Request, SubmitRequest, Work};
