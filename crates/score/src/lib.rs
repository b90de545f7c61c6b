//! The law of a record: what one submission does to what one player has on one leaderboard.
//!
//! Everything here is pure: no I/O, no clock, no task. Every tier (the committer, Redis, MongoDB, a replay)
//! is tested against it, so that "the right state" has one meaning.
//!
//! The way through: [`id`] and [`number`] say what may come in, [`submission`] is what came in, [`stamp`] and
//! [`position`] are what the sequencer adds, [`record`] applies it (or [`patch`] to a record that was not read), [`window`] makes retries safe, [`order`]
//! says who stands before whom, [`merge`] joins what two histories left, and [`leaderboard`] holds the rules
//! of one board and its seasons.

pub mod id;
pub mod leaderboard;
pub mod merge;
pub mod metadata;
pub mod number;
pub mod order;
pub mod patch;
pub mod position;
pub mod record;
pub mod stamp;
pub mod submission;
pub mod window;

pub use id::{InvalidId, LeaderboardId, PlayerId, SubmissionId, shard_of};
pub use leaderboard::{Leaderboard, Operator, RecordKey, Rules, Season, SortOrder, VersionId};
pub use metadata::{InvalidMetadata, Metadata};
pub use number::{OutOfRange, Score};
pub use order::{OrderKey, Standing};
pub use patch::Patch;
pub use position::Position;
pub use record::{Applied, Live, Moment, Outcome, Record, Refusal};
pub use stamp::Stamp;
pub use submission::Submission;
pub use window::{SubmissionKey, Window};
